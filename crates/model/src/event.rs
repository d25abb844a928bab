//! Events: the timeline that people read.

use crate::{Broker, Name, SourceName, Time, WorkerId};

/// One entry of the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Counts up from 1 in the order of happening, within one run of Vigie.
    pub id: u64,
    /// When, on Vigie's clock.
    pub at: Time,
    /// What happened.
    pub kind: EventKind,
    /// The source it happened in.
    pub source: SourceName,
    /// The broker, when it is about a queue or a worker.
    pub broker: Option<Broker>,
    /// The queue, when it is about one.
    pub queue: Option<Name>,
    /// The worker, when it is about one.
    pub worker: Option<WorkerId>,
    /// More words, for example the error.
    pub detail: Option<String>,
}

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// A source answered for the first time.
    SourceFound,
    /// A source stopped answering.
    SourceLost,
    /// A source answers again.
    SourceRecovered,
    /// A queue was seen for the first time.
    QueueAppeared,
    /// A queue is no longer there.
    QueueGone,
    /// A queue was paused.
    QueuePaused,
    /// A queue goes on.
    QueueResumed,
    /// A worker was seen for the first time.
    WorkerJoined,
    /// A worker is no longer there.
    WorkerLeft,
    /// An instance was seen for the first time.
    InstanceJoined,
    /// An instance is no longer listed.
    InstanceLeft,
    /// An instance went down.
    InstanceDown,
    /// An instance that was down is up again.
    InstanceUp,
}

/// How loud an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Nothing to see.
    Ok,
    /// Good to know.
    Info,
    /// It cannot be said, because the data is stale or absent.
    Unknown,
    /// Somebody should look.
    Warning,
    /// Somebody must act.
    Critical,
}

impl Severity {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Info => "info",
            Self::Unknown => "unknown",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::SourceFound,
        Self::SourceLost,
        Self::SourceRecovered,
        Self::QueueAppeared,
        Self::QueueGone,
        Self::QueuePaused,
        Self::QueueResumed,
        Self::WorkerJoined,
        Self::WorkerLeft,
        Self::InstanceJoined,
        Self::InstanceLeft,
        Self::InstanceDown,
        Self::InstanceUp,
    ];

    /// The word on the wire: the `type` of an event.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SourceFound => "source_found",
            Self::SourceLost => "source_lost",
            Self::SourceRecovered => "source_recovered",
            Self::QueueAppeared => "queue_appeared",
            Self::QueueGone => "queue_gone",
            Self::QueuePaused => "queue_paused",
            Self::QueueResumed => "queue_resumed",
            Self::WorkerJoined => "worker_joined",
            Self::WorkerLeft => "worker_left",
            Self::InstanceJoined => "instance_joined",
            Self::InstanceLeft => "instance_left",
            Self::InstanceDown => "instance_down",
            Self::InstanceUp => "instance_up",
        }
    }

    /// How loud it is by itself.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::SourceLost | Self::InstanceDown => Severity::Critical,
            Self::QueuePaused | Self::WorkerLeft | Self::QueueGone | Self::InstanceLeft => {
                Severity::Warning
            }
            _ => Severity::Info,
        }
    }
}
