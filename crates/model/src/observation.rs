//! Observations: what sources send, and what the board and the store both consume.

use crate::{
    ActiveJob, Broker, Counts, InstancesReading, JobEvent, PollReport, Quality, QueueId,
    SchedulesReading, SourceName, Time, Worker,
};

/// One thing that a source has to say. Everything downstream is derived from these, and from nothing else.
#[derive(Debug, Clone, PartialEq)]
pub enum Observation {
    /// A poll ended, well or not. Sent last, after what the poll read.
    Polled(PollReport),
    /// A queue was read.
    Queue(QueueReading),
    /// A queue that existed is no longer there.
    QueueGone {
        /// Which.
        queue: QueueId,
        /// When that was noticed, on Vigie's clock.
        at: Time,
    },
    /// All workers of one broker in one source, as of now: who is not listed is gone.
    Workers(WorkersReading),
    /// All instances of one source, as of now: who is not listed is gone.
    Instances(InstancesReading),
    /// All schedules of one source, as of now: what is not listed is gone.
    Schedules(SchedulesReading),
    /// Things that happened to jobs of one queue.
    Jobs(JobBatch),
    /// Something was over a limit and was folded into `other`.
    Folded {
        /// In which source.
        source: SourceName,
        /// What: `queues`, `types`, `workers` or `instances`.
        what: &'static str,
        /// How many more.
        count: u64,
    },
}

/// The state of one queue at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueReading {
    /// Which queue.
    pub queue: QueueId,
    /// When it was read, on Vigie's clock.
    pub at: Time,
    /// Since when its job events are counted, on Vigie's clock.
    pub since: Time,
    /// Jobs by state.
    pub counts: Counts,
    /// The broker's own words and counts, for those who know them.
    pub raw: Vec<(&'static str, u64)>,
    /// Whether the queue is paused.
    pub paused: bool,
    /// When the oldest waiting job became eligible to run, on Vigie's clock; `None`: nothing waits, or unknown.
    pub oldest: Option<Time>,
    /// The longest-running jobs, oldest first, at most 20.
    pub active_jobs: Vec<ActiveJob>,
    /// How its totals, rates and durations are come by, gaps aside.
    pub quality: Quality,
}

/// The workers of one broker in one source.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkersReading {
    /// The source.
    pub source: SourceName,
    /// The broker.
    pub broker: Broker,
    /// When they were read, on Vigie's clock.
    pub at: Time,
    /// Every worker, or `None` when the server does not let us see them.
    pub workers: Option<Vec<Worker>>,
}

/// Things that happened to jobs of one queue, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct JobBatch {
    /// Which queue.
    pub queue: QueueId,
    /// When the batch was read, on Vigie's clock.
    pub at: Time,
    /// A stretch before this batch is missing.
    pub gap: bool,
    /// Types and durations of this batch are only some of what happened (totals are still whole).
    pub types_sampled: bool,
    /// What happened.
    pub events: Vec<JobEvent>,
}
