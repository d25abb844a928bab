//! Queues over the limit: counted together, as one queue called `other`.

use std::collections::{BTreeMap, BTreeSet};

use vigie_model::{Counts, Quality, QueueId, QueueReading, Time};

use super::keys::QueueKeys;
use crate::source::{Plan, PollContext, Replies};

/// Queues whose sizes are read at each poll; the others keep those of their last turn.
const A_POLL: usize = 250;

/// The queues that are folded, and their sizes when last read.
#[derive(Debug, Default)]
pub(super) struct Folded {
    queues: BTreeMap<Vec<u8>, Counts>,
    asked: Vec<Vec<u8>>,
    last: Option<Vec<u8>>,
    since: Option<Time>,
    /// How many there are, those included whose sizes are not kept.
    total: u64,
    told: u64,
}

impl Folded {
    /// Sets which queues are folded; the sizes of at most `most` are kept.
    pub(super) fn set(&mut self, names: BTreeSet<Vec<u8>>, most: usize) {
        self.total = names.len() as u64;
        let mut before = std::mem::take(&mut self.queues);
        for name in names.into_iter().take(most) {
            let counts = before.remove(&name).unwrap_or_default();
            self.queues.insert(name, counts);
        }
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.total == 0
    }

    pub(super) fn ask(&mut self, plan: &mut Plan) {
        use std::ops::Bound::{Excluded, Unbounded};
        let after = self.last.take().map_or(Unbounded, Excluded);
        self.asked = self
            .queues
            .range((after, Unbounded))
            .map(|(name, _)| name.clone())
            .take(A_POLL)
            .collect();
        if self.asked.len() == A_POLL {
            self.last = self.asked.last().cloned();
        }
        for name in &self.asked {
            let keys = QueueKeys::new(name);
            plan.ask("LLEN", &keys.pending());
            plan.ask("LLEN", &keys.active());
            for key in [keys.scheduled(), keys.retry(), keys.archived(), keys.completed()] {
                plan.ask("ZCARD", &key);
            }
        }
    }

    pub(super) fn read(&mut self, replies: &mut Replies) {
        for name in std::mem::take(&mut self.asked) {
            let counts = Counts {
                waiting: replies.next_count(),
                active: replies.next_count(),
                scheduled: replies.next_count(),
                retry: replies.next_count(),
                failed: replies.next_count(),
                completed: replies.next_count(),
                blocked: None,
            };
            self.queues.insert(name, counts);
        }
    }

    /// How many more there are than were told before.
    pub(super) fn news(&mut self) -> u64 {
        let news = self.total.saturating_sub(self.told);
        self.told = self.told.max(self.total);
        news
    }

    /// All of them as one queue; `None` when there are none.
    pub(super) fn reading(
        &mut self,
        queue: QueueId,
        context: &PollContext,
    ) -> Option<QueueReading> {
        if self.queues.is_empty() {
            self.since = None;
            return None;
        }
        let since = *self.since.get_or_insert(context.now);
        let sum = |pick: fn(&Counts) -> Option<u64>| {
            self.queues
                .values()
                .filter_map(pick)
                .fold(None, |sum: Option<u64>, count| Some(sum.unwrap_or(0) + count))
        };
        let counts = Counts {
            waiting: sum(|counts| counts.waiting),
            active: sum(|counts| counts.active),
            scheduled: sum(|counts| counts.scheduled),
            retry: sum(|counts| counts.retry),
            failed: sum(|counts| counts.failed),
            completed: sum(|counts| counts.completed),
            blocked: None,
        };
        Some(QueueReading {
            queue,
            at: context.now,
            since,
            counts,
            raw: vec![("queues", self.total)],
            paused: false,
            oldest: None,
            active_jobs: Vec::new(),
            quality: Quality::Sampled,
        })
    }
}
