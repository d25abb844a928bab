//! Workers: processes that consume queues.

use std::fmt;

use crate::{ActiveJob, Broker, Name, SourceName, Time};

/// What tells one worker from every other: `source/broker/the broker's own identity`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(Name);

impl WorkerId {
    /// From the parts; `own` is what the broker calls the process (asynq `host:pid:uuid`, Bull a client address).
    #[must_use]
    pub fn new(source: &SourceName, broker: Broker, own: &str) -> Self {
        Self(Name::from(format!("{source}/{broker}/{own}").as_str()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// A worker as its broker describes it. `None` wherever the broker does not tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// Its identity.
    pub id: WorkerId,
    /// The queue system it works for.
    pub broker: Broker,
    /// A short name for people: `host:pid`, a BullMQ worker's name, or an address.
    pub name: Name,
    /// The machine it runs on.
    pub host: Option<Name>,
    /// Its process id.
    pub pid: Option<u32>,
    /// The address of its connection to Redis.
    pub address: Option<Name>,
    /// The queues that it consumes.
    pub queues: Vec<Name>,
    /// Jobs that it can run at once.
    pub capacity: Option<u32>,
    /// Jobs that it runs now.
    pub busy: Option<u32>,
    /// The broker's word for what it does (asynq: `active`, `stopped`).
    pub status: Option<Name>,
    /// When the process started, on Vigie's clock.
    pub started: Option<Time>,
    /// When it was last heard of, on Vigie's clock.
    pub heartbeat: Option<Time>,
    /// What it runs now, with the queue of each; `None` when the broker does not tell who runs what.
    pub jobs: Option<Vec<(Name, ActiveJob)>>,
}
