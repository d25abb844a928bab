//! Queues: which broker they belong to, what they are called, and how many jobs are in each state.

use std::fmt;

use crate::{Name, SourceName};

/// The queue systems that Vigie can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Broker {
    /// hibiken/asynq (Go).
    Asynq,
    /// Bull, version 4 (Node.js).
    Bull,
    /// BullMQ (Node.js).
    BullMq,
    /// n8n where its executions are not the jobs of a queue in Redis that is watched.
    N8n,
}

impl Broker {
    /// Every broker, in the order in which lists show them.
    pub const ALL: [Self; 4] = [Self::Asynq, Self::Bull, Self::BullMq, Self::N8n];
    /// Those whose queues are in a Redis.
    pub const IN_REDIS: [Self; 3] = [Self::Asynq, Self::Bull, Self::BullMq];

    /// The word on the wire: the `kind` of a queue.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asynq => "asynq",
            Self::Bull => "bull",
            Self::BullMq => "bullmq",
            Self::N8n => "n8n",
        }
    }

    /// The broker whose word on the wire is `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|broker| broker.as_str() == text)
    }
}

impl fmt::Display for Broker {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// What tells one queue from every other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueId {
    /// The configured source in which it was found.
    pub source: SourceName,
    /// The queue system that made it.
    pub broker: Broker,
    /// Its name as its broker calls it.
    pub name: Name,
}

impl fmt::Display for QueueId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}/{}", self.source, self.broker, self.name)
    }
}

/// Jobs of a queue by state. `None`: the broker has no such state, or it could not be read; never 0 for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Eligible to run, not started. Paused queues keep theirs here.
    pub waiting: Option<u64>,
    /// Started, not finished.
    pub active: Option<u64>,
    /// To run at a later time, not because of a failure.
    pub scheduled: Option<u64>,
    /// To run again after a failure. Bull and BullMQ keep these among the delayed: `None` there.
    pub retry: Option<u64>,
    /// Finished well and still kept by the broker.
    pub completed: Option<u64>,
    /// Failed for good and still kept by the broker.
    pub failed: Option<u64>,
    /// Waiting for other jobs: BullMQ's parents, asynq's groups.
    pub blocked: Option<u64>,
}

impl Counts {
    /// Each state's word on the wire with its count, in the order in which they are shown.
    #[must_use]
    pub const fn by_state(&self) -> [(&'static str, Option<u64>); 7] {
        [
            ("waiting", self.waiting),
            ("active", self.active),
            ("scheduled", self.scheduled),
            ("retry", self.retry),
            ("completed", self.completed),
            ("failed", self.failed),
            ("blocked", self.blocked),
        ]
    }
}
