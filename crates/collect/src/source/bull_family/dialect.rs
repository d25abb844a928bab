//! What differs between Bull and BullMQ; everything else is common.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use vigie_model::{Broker, Counts};

use super::ownership::Owner;
use super::shared::Shared;
use crate::source::{Plan, ReaderContext, Replies, ReplyError};

/// The longest-running jobs that are listed of a queue.
pub(crate) const LISTED_JOBS: usize = 20;

/// A future that runs until it fails, and says why.
pub(crate) type Reader = Pin<Box<dyn Future<Output = redis::RedisError> + Send>>;

/// One of the two libraries.
pub(crate) trait Dialect: Send + Sync + 'static {
    /// Which.
    const BROKER: Broker;
    /// Which, when a queue is disputed.
    const OWNER: Owner;
    /// The fields of a job's hash that are read.
    const JOB_FIELDS: &'static [&'static str];
    /// Whether the tracker's times are the Redis server's (else they are Vigie's).
    const SERVER_TIMES: bool;

    /// First round trip of one queue. What costs more is only asked when there was something to see before.
    fn ask(base: &[u8], before: &Seen, plan: &mut Plan);

    /// Reads the answers to [`Self::ask`].
    fn read(before: &Seen, replies: &mut Replies) -> Seen;

    /// Second round trip: what the first answers made interesting. `before` as in the first.
    fn ask_more(base: &[u8], before: &Seen, seen: &Seen, plan: &mut Plan);

    /// Reads the answers to [`Self::ask_more`].
    fn read_more(before: &Seen, seen: &mut Seen, replies: &mut Replies);

    /// Reads job events until it fails.
    fn read_events(shared: Arc<Shared>, context: ReaderContext) -> Reader;
}

/// What a poll saw of one queue.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Seen {
    /// Some key of the queue is there (or it could not be read, which is no proof of absence).
    pub present: bool,
    pub counts: Counts,
    pub raw: Vec<(&'static str, u64)>,
    /// The states that could not be counted, and why.
    pub wrong: Vec<(&'static str, ReplyError)>,
    pub paused: bool,
    /// Jobs ever added, where that was asked.
    pub added: Option<u64>,
    /// Waiting jobs among which the oldest is likely.
    pub heads: Vec<Vec<u8>>,
    /// The one of them at the left end of the list: the newest of a plain queue.
    pub left: Option<Vec<u8>>,
    /// The left end is older than the right one: the queue is filled from the right (`lifo`), or by priority.
    pub left_is_older: bool,
    /// Counts up from poll to poll.
    pub turn: u8,
    /// The jobs that run, longest first.
    pub active: Vec<Vec<u8>>,
    /// A waiting job that was found too late in this poll to be read in it.
    pub late_head: Vec<Vec<u8>>,
    /// Of the least urgent class of prioritized jobs: the score at which it begins.
    pub last_class: Option<f64>,
    /// To be asked: how many jobs were ever added, because there are no events to count.
    pub count_by_polling: bool,
    /// It is there, even without the finished jobs that it keeps.
    pub stands: bool,
    /// No event has come since the poll before: what changes only with one, or when somebody cleans up, need not be
    /// asked (BullMQ).
    pub quiet: bool,
}

impl Seen {
    /// What is to be filled in by the poll after the one that saw `before`.
    pub fn after(before: &Self) -> Self {
        Self {
            turn: before.turn.wrapping_add(1),
            left_is_older: before.left_is_older,
            count_by_polling: before.count_by_polling,
            ..Self::default()
        }
    }

    /// Whether the left end of the waiting jobs is looked at: always where it is known to matter, else now and then.
    pub fn asks_left(&self) -> bool {
        self.left_is_older || self.turn.is_multiple_of(5)
    }

    /// Takes a count over from the poll before, or why there was none.
    pub fn carry(&mut self, state: &'static str, before: &Self) -> Option<u64> {
        self.wrong.extend(before.wrong.iter().filter(|(name, _)| *name == state).cloned());
        let count = before.raw.iter().find(|(name, _)| *name == state).map(|(_, count)| *count)?;
        self.raw.push((state, count));
        Some(count)
    }

    /// How many jobs a raw state had; 0 when it was not read.
    pub fn raw(&self, state: &str) -> u64 {
        self.raw.iter().find(|(name, _)| *name == state).map_or(0, |(_, count)| *count)
    }
}

/// Reads a count into `raw`; an absent key counts 0, one of another type or a forbidden one is not read.
pub(crate) fn read_count(
    seen: &mut Seen,
    state: &'static str,
    replies: &mut Replies,
) -> Option<u64> {
    match replies.next_as::<u64>() {
        Ok(count) => {
            seen.present |= count > 0;
            seen.raw.push((state, count));
            Some(count)
        }
        Err(error) => {
            seen.present = true;
            seen.wrong.push((state, error));
            None
        }
    }
}

/// Reads a list of ids.
pub(crate) fn read_ids(replies: &mut Replies) -> Vec<Vec<u8>> {
    replies.next_as().unwrap_or_default()
}

/// Adds, where all are known.
pub(crate) fn sum(parts: &[Option<u64>]) -> Option<u64> {
    parts.iter().try_fold(0, |sum: u64, part| Some(sum.saturating_add((*part)?)))
}
