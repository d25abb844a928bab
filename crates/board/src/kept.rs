//! What of all this is kept on disk, and what is not because the disk does not take it.

use std::collections::BTreeMap;

use vigie_model::Time;

use crate::Board;

/// What can be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Keeping {
    /// The samples of all series.
    Metrics,
    /// Log entries, and the events among them.
    Logs,
}

impl Keeping {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::Logs => "logs",
        }
    }
}

/// Why something is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotKept {
    /// What the disk, or whoever opened the store, says.
    pub why: String,
    /// Since when.
    pub since: Time,
}

/// What is not kept now.
pub(crate) type AllNotKept = BTreeMap<Keeping, NotKept>;

impl Board {
    /// Takes in whether something is kept now; `why` says why not.
    pub fn keeps(&mut self, what: Keeping, why: Option<String>, now: Time) {
        match why {
            None => drop(self.not_kept.remove(&what)),
            Some(why) => match self.not_kept.get_mut(&what) {
                Some(known) => known.why = why,
                None => drop(self.not_kept.insert(what, NotKept { why, since: now })),
            },
        }
    }

    /// What is not kept now, and why.
    pub fn not_kept(&self) -> impl Iterator<Item = (Keeping, &NotKept)> {
        self.not_kept.iter().map(|(what, why)| (*what, why))
    }

    /// Why this is not kept now; `None` while it is.
    #[must_use]
    pub fn why_not_kept(&self, what: Keeping) -> Option<&NotKept> {
        self.not_kept.get(&what)
    }
}
