//! The words of Vigie: what a queue, a worker, a job and an observation are, and every metric that exists.
//!
//! This crate does no I/O and reads no clock; everything here is plain data that the other crates agree on.

pub mod catalogue;
mod event;
mod histogram;
mod instance;
mod io_words;
mod job;
mod labels;
mod limits;
mod log;
mod name;
mod native_histogram;
mod observation;
mod quality;
mod queue;
mod schedule;
mod scrape;
mod source;
mod time;
mod worker;

pub use event::{ALERT, Event, EventId, EventKind, NoEventId, Noted, Severity};
pub use histogram::{DurationHistogram, Summary};
pub use instance::{Instance, InstanceKey, InstanceStatus, InstancesReading};
pub use io_words::io_words;
pub use job::{ActiveJob, FailedJob, FailedList, FailedState, JobEvent, JobFact, Outcome};
pub use labels::{Label, Labels, METRIC_NAME};
pub use limits::{Limits, MAX_INSTANCES};
pub use log::{EVENT_KIND, Level, LogEntry, event_from_object, log_entry_from_object, log_time};
pub use name::Name;
pub use native_histogram::{
    CUSTOM_SCHEMA, NativeHistogram, ResetHint, SpannedCounts, spanned_buckets,
};
pub use observation::{JobBatch, Observation, QueueReading, WorkersReading};
pub use quality::Quality;
pub use queue::{Broker, Counts, QueueId};
pub use schedule::{Schedule, SchedulesReading};
pub use scrape::{ScrapeReading, ScrapedFamily, ScrapedSample, ScrapedValue};
pub use source::{Check, CheckState, PollCost, PollReport, ServerFacts, SourceFault, SourceName};
pub use time::Time;
pub use worker::{Worker, WorkerId};
