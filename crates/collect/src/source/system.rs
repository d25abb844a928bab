//! What every queue system in a Redis has in common: how it is polled.

use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use vigie_model::{Broker, Limits, Observation, QueueId, SourceName, Time};

use super::redis::Link;
use super::{FailedPlace, Plan, Replies};
use crate::{Clock, ObservationSender};

/// A queue system that lives in a Redis. At each poll the Redis source gathers what every system asks into at
/// most two round trips: [`ask`](Self::ask) → answers → [`ask_more`](Self::ask_more) → answers →
/// [`tell`](Self::tell).
pub trait QueueSystem: Send {
    /// Which one it is.
    fn broker(&self) -> Broker;

    /// Takes note of keys that a scan found; what is not its own, or is known already, it leaves alone.
    fn found(&mut self, candidates: &[Candidate]);

    /// Adds the commands of the first round trip.
    fn ask(&mut self, which: &Which, plan: &mut Plan);

    /// Reads the first answers (in the order of `ask`) and adds the commands of the second round trip.
    fn ask_more(
        &mut self,
        which: &Which,
        replies: &mut Replies,
        plan: &mut Plan,
        context: &PollContext,
    );

    /// Reads the second answers and says what was observed.
    fn tell(
        &mut self,
        which: &Which,
        replies: &mut Replies,
        context: &PollContext,
        out: &mut Vec<Observation>,
    );

    /// How many queues it knows.
    fn queues(&self) -> usize;

    /// What the last poll could not read, for people; empty when all is well. A few examples, not every case.
    fn troubles(&self) -> &[String] {
        &[]
    }

    /// Where the failed jobs of a queue are kept; `None` when it does not know the queue.
    fn failed(&self, queue: &QueueId) -> Option<FailedPlace>;

    /// Called after a connection was lost and made again: what was remembered about positions may be stale.
    fn reconnected(&mut self);

    /// A reader of job events that runs beside the polls on a connection of its own until it fails or is dropped;
    /// `None` when this system has no events to read. The caller starts it again after a failure, with backoff.
    fn reader(
        &self,
        context: ReaderContext,
    ) -> Option<Pin<Box<dyn Future<Output = ::redis::RedisError> + Send>>>;
}

/// Which queues a poll is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// All of them.
    All,
    /// Only these, by the key prefix that the system knows each by: an early look between two polls, because an
    /// event said that something changed.
    These(HashSet<Vec<u8>>),
}

impl Which {
    /// Whether the queue with this key prefix is meant.
    #[must_use]
    pub fn contains(&self, queue: &[u8]) -> bool {
        match self {
            Self::All => true,
            Self::These(some) => some.contains(queue),
        }
    }
}

/// A key that a scan found and that may belong to a queue: `<prefix>:<queue>:<suffix>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The key without its last part: `<prefix>:<queue>`.
    pub base: Vec<u8>,
    /// Its last part: `meta`, `id`, …
    pub suffix: Vec<u8>,
    /// Whether `<base>:events` is a stream, which only BullMQ has.
    pub has_event_stream: bool,
    /// The Redis type of the key that was found.
    pub key_type: String,
}

/// What a system may know of the poll that it is part of.
pub struct PollContext {
    /// The source that is polled.
    pub source: SourceName,
    /// Now, on Vigie's clock: the stamp of everything that this poll reads.
    pub now: Time,
    /// Seconds to add to the Redis server's clock to get Vigie's.
    pub server_offset: f64,
    /// Connected clients that have a name, or `None` when the server does not let us see them or this poll does
    /// not ask.
    pub clients: Option<Arc<Vec<ClientLine>>>,
    /// What may be remembered.
    pub limits: Limits,
}

impl PollContext {
    /// A time of the Redis server's clock on Vigie's.
    #[must_use]
    pub fn local(&self, server: Time) -> Time {
        server + self.server_offset
    }
}

/// A named client of the Redis server (from `CLIENT LIST`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientLine {
    /// The server's id of the connection.
    pub id: u64,
    /// `host:port` of its other end.
    pub address: String,
    /// The name that it gave itself.
    pub name: String,
    /// Seconds since it connected.
    pub age_seconds: u64,
    /// Seconds since its last command.
    pub idle_seconds: u64,
    /// Its last command.
    pub command: String,
}

/// What a reader of job events needs.
#[derive(Clone)]
pub struct ReaderContext {
    /// The source.
    pub source: SourceName,
    /// Makes connections of the reader's own.
    pub link: Link,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Where observations go.
    pub out: ObservationSender,
    /// Asks for an early look at a queue, by its key prefix; ignored when too many ask.
    pub nudge: tokio::sync::mpsc::Sender<(Broker, Vec<u8>)>,
    /// Above this many jobs a second in this Redis, types are sampled.
    pub exact_jobs_per_second: u32,
    /// What may be remembered.
    pub limits: Limits,
}
