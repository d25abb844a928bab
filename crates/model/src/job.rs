//! Jobs: what happened to one, and what is running now.

use crate::{Name, Time, WorkerId};

/// How an attempt at a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The handler returned.
    Succeeded,
    /// The handler erred, or its worker vanished. The job may run again.
    Failed,
}

impl Outcome {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

/// One thing that happened to one job (or, for [`JobFact::Counted`], to several).
#[derive(Debug, Clone, PartialEq)]
pub struct JobEvent {
    /// When, on Vigie's clock.
    pub at: Time,
    /// The job's type; `None` when it is not known (and then no per-type figure counts it).
    pub job_type: Option<Name>,
    /// What happened.
    pub fact: JobFact,
}

/// What happened to a job.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum JobFact {
    /// It was added to the queue.
    Enqueued,
    /// An attempt began; `wait` is the seconds since it was eligible to run, if known.
    Started {
        /// Seconds from eligible to started.
        wait: Option<f64>,
    },
    /// An attempt ended.
    Finished {
        /// How it ended.
        outcome: Outcome,
        /// Seconds from eligible to started, of this attempt.
        wait: Option<f64>,
        /// Seconds from started to finished.
        run: Option<f64>,
    },
    /// Totals moved by this much; nothing is known of the single jobs (their type, their durations).
    Counted {
        /// Jobs added.
        enqueued: u64,
        /// Attempts that succeeded.
        succeeded: u64,
        /// Attempts that failed.
        failed: u64,
    },
    /// An attempt that polling happened to see and that [`JobFact::Counted`] already counts: it adds to the
    /// figures of its type and to the durations, not to the totals of the queue.
    Seen {
        /// How it ended.
        outcome: Outcome,
        /// Seconds from eligible to started, if that was seen.
        wait: Option<f64>,
        /// Seconds from started to finished, if that was seen.
        run: Option<f64>,
    },
}

/// A job that is running now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveJob {
    /// The broker's id of the job.
    pub id: Name,
    /// Its type, if known.
    pub job_type: Option<Name>,
    /// When this attempt started, on Vigie's clock, if known.
    pub since: Option<Time>,
    /// The worker that runs it, where the broker tells.
    pub worker: Option<WorkerId>,
}
