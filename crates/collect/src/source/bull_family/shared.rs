//! What the polls of a queue system and its reader of events know together.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use vigie_model::{Broker, Limits, Name, QueueId, SourceName, Time};

use super::base::{Base, first_part, is_within, shown_name};
use super::facts::Pendings;
use super::job_hash::{JobHash, WITH_DATA};
use super::tracker::Tracker;
use crate::source::n8n::N8nLink;

/// Jobs that one source remembers between two of their events.
const TRACKED_JOBS: usize = 100_000;

/// Shared between polls and reader; locked only for moments, never over a wait.
pub(crate) struct Shared {
    state: Mutex<State>,
    /// Told when there are other queues than before.
    pub changed: Notify,
    /// How many single jobs may be looked up in a second.
    pub exact_jobs_per_second: u32,
}

pub(crate) struct State {
    source: SourceName,
    broker: Broker,
    limits: Limits,
    /// The only key prefix that the source reads, if it is restricted to one.
    pub only_prefix: Option<Vec<u8>>,
    /// Queues whose jobs are executions of n8n, and the way to its source.
    pub executions: HashMap<Base, N8nLink>,
    /// The queues that are known.
    pub queues: HashMap<Base, Adopted>,
    /// Names in use: two prefixes may lead to the same one.
    names: HashSet<Name>,
    /// Queues over the limit since this was last told.
    pub folded: u64,
    pub tracker: Tracker,
    pub reader: ReaderState,
    /// Since when the events of each queue are counted, on Vigie's clock.
    pub since: HashMap<Base, Time>,
    /// Seconds to add to the Redis server's clock to get Vigie's, as the polls measure it.
    pub server_offset: Option<f64>,
    /// Since when the messages of each key prefix are listened to (Bull).
    pub heard_since: HashMap<Vec<u8>, Time>,
    /// From when on some of it is heard: before the first of its channels was asked for (Bull).
    pub heard_some_since: HashMap<Vec<u8>, Time>,
    /// Whether they ever were: what is published before the next connection is missed.
    pub heard_before: bool,
    /// The next batch of these queues must say that a stretch is missing.
    pub torn: HashSet<Base>,
    /// What a reader that broke off had read and not told yet (BullMQ).
    pub untold: Pendings,
    /// The newest entry read of each event stream (BullMQ), so that a reader that starts again goes on there.
    pub positions: HashMap<Base, Position>,
}

/// A queue with the name under which it is reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Adopted {
    pub id: QueueId,
    /// Over the limit on queues: reported in `other`.
    pub folded: bool,
}

/// How far an event stream was read. Ids are `(milliseconds, sequence)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// The newest entry that was read, or where to start from.
    pub read: (u64, u64),
    /// The oldest entry when it was last looked at: an older one later means that the stream is another one.
    pub first: (u64, u64),
    /// Whether it must be made sure that nothing was trimmed past `read`.
    pub doubtful: bool,
    /// The last read was as long as it may be: there is more, and what is known of jobs is of the past.
    pub behind: bool,
}

/// How the reader of job events is doing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ReaderState {
    /// Not started yet, or between two connections.
    Away,
    /// It reads.
    Running,
    /// The server does not let us; its words.
    Refused(String),
}

impl Shared {
    pub fn new(
        source: SourceName,
        broker: Broker,
        limits: Limits,
        exact_jobs_per_second: u32,
    ) -> Self {
        Self {
            state: Mutex::new(State {
                source,
                broker,
                limits,
                only_prefix: None,
                executions: HashMap::new(),
                queues: HashMap::new(),
                names: HashSet::new(),
                folded: 0,
                tracker: Tracker::new(TRACKED_JOBS),
                reader: ReaderState::Away,
                since: HashMap::new(),
                server_offset: None,
                heard_since: HashMap::new(),
                heard_some_since: HashMap::new(),
                heard_before: false,
                torn: HashSet::new(),
                untold: Pendings::default(),
                positions: HashMap::new(),
            }),
            changed: Notify::new(),
            exact_jobs_per_second,
        }
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        // Every change leaves the maps whole, so what a panic elsewhere left behind can be used.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Makes a queue known; `None` when it is out of bounds. True when it was not known before.
    pub fn adopt(&mut self, base: &Base) -> Option<(&Adopted, bool)> {
        if self.queues.contains_key(base) {
            return self.queues.get(base).map(|adopted| (adopted, false));
        }
        if !is_within(base, self.only_prefix.as_deref()) {
            return None;
        }
        let folded = self.queues.len() >= self.limits.queues;
        if folded {
            self.folded += 1;
            // Even `other` costs polls: what is far over the limit is not read at all.
            if self.queues.len() >= self.limits.queues.saturating_mul(2) {
                return None;
            }
        }
        let mut name = shown_name(base, self.only_prefix.as_deref());
        if folded {
            name = Name::from(Limits::OTHER);
        } else if !self.names.insert(name.clone()) {
            name = Name::from_bytes(base);
            self.names.insert(name.clone());
        }
        let id = QueueId { source: self.source.clone(), broker: self.broker, name };
        self.count_since(base);
        Some((self.queues.entry(base.clone()).or_insert(Adopted { id, folded }), true))
    }

    /// A job that is heard of and was added since then is new, on the clock of Redis: of an older one the addition was not heard.
    pub fn new_since(&self, base: &[u8]) -> Option<Time> {
        let prefix = self.only_prefix.as_deref().unwrap_or_else(|| first_part(base));
        let since = self.heard_some_since.get(prefix).or_else(|| self.since.get(base))?;
        Some(*since - self.server_offset.unwrap_or(0.0))
    }

    /// A queue under a prefix that is listened to had nothing that was not heard.
    pub fn count_since(&mut self, base: &Base) {
        let prefix = self.only_prefix.as_deref().unwrap_or_else(|| first_part(base));
        if let Some(since) = self.heard_since.get(prefix) {
            self.since.entry(base.clone()).or_insert(*since);
        }
    }

    pub fn forget_queue(&mut self, queue: &[u8]) -> Option<Adopted> {
        self.tracker.forget_queue(queue);
        self.since.remove(queue);
        self.torn.remove(queue);
        self.positions.remove(queue);
        let gone = self.queues.remove(queue)?;
        if !gone.folded {
            self.names.remove(&gone.id.name);
        }
        Some(gone)
    }

    /// The fields of a job's hash that are read in this queue, `plain` in all but those of n8n.
    pub fn job_fields(
        &self,
        queue: &[u8],
        plain: &'static [&'static str],
    ) -> &'static [&'static str] {
        if self.executions.contains_key(queue) { WITH_DATA } else { plain }
    }

    /// Reads a job's hash as it was asked for by [`Self::job_fields`]; executions are called by their workflows.
    pub fn read_hash(
        &self,
        queue: &[u8],
        plain: &'static [&'static str],
        values: &[redis::Value],
    ) -> Option<JobHash> {
        let mut hash = JobHash::decode(self.job_fields(queue, plain), values)?;
        if let (Some(link), Some(workflow)) = (self.executions.get(queue), &hash.workflow) {
            hash.name = Some(link.name_of(workflow));
        }
        Some(hash)
    }

    /// Whether what is known of the jobs of a queue is of the past, because its events are still being read.
    pub fn is_behind(&self, queue: &[u8]) -> bool {
        self.positions.get(queue).is_some_and(|position| position.behind)
    }

    /// Notes why a reader ended: a refusal stays so until a reader runs, everything else is tried again.
    pub fn reader_ended(&mut self, error: &redis::RedisError) {
        let words = error.to_string();
        let refused = error.code() == Some("NOPERM") || words.contains("NOPERM");
        self.reader = if refused { ReaderState::Refused(words) } else { ReaderState::Away };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(text: &str) -> Base {
        text.as_bytes().to_vec().into()
    }

    fn shared(queues: usize) -> Shared {
        let limits = Limits { queues, ..Limits::default() };
        Shared::new(SourceName::new("main"), Broker::Bull, limits, 100)
    }

    #[test]
    fn two_queues_of_one_name_stay_two() {
        let shared = shared(10);
        let mut state = shared.lock();
        let mut name = |text| state.adopt(&base(text)).unwrap().0.id.name.to_string();
        assert_eq!(name("bull:mail"), "mail");
        assert_eq!(name("{bull}:mail"), "{bull}:mail");
        assert_eq!(name("bull:mail"), "mail");
        state.forget_queue(b"bull:mail");
        assert_eq!(state.adopt(&base("bull:mail")).unwrap().0.id.name.as_str(), "mail");
    }

    #[test]
    fn queues_over_the_limit_are_folded_and_those_far_over_it_left_out() {
        let shared = shared(2);
        let mut state = shared.lock();
        let folded: Vec<_> = (0..6)
            .map(|number| state.adopt(&base(&format!("bull:{number}"))).map(|(one, _)| one.folded))
            .collect();
        let (yes, no) = (Some(true), Some(false));
        assert_eq!(folded, [no, no, yes, yes, None, None]);
        assert_eq!(state.folded, 4);
        assert_eq!(state.queues[&base("bull:3")].id.name.as_str(), Limits::OTHER);
    }
}
