//! The sources. A Redis is one source in which several queue systems may live; each of those is a folder with the
//! same files: `keys` (every key that is read, its type and why), `decode` (bytes in, observations or a precise
//! error out; pure), `poll` (what is asked at each poll and what is made of the answers) and `tests`. Sources that speak
//! HTTP have `routes` instead of `keys`, that of files has a `parser`; each of these has a `config`.

pub mod asynq;
pub mod bull;
pub mod bullmq;
pub mod caddy;
pub mod file;
pub mod go_api;
pub mod haproxy;
pub mod n8n;
pub mod nginx;
pub mod probe;
pub mod prometheus;
pub mod redis;

mod backends;
mod bull_family;
mod failed_jobs;
mod plan;
mod poller;
mod services;
mod system;
mod targets;
mod told_jobs;

pub use backends::{Backend, Backends};
pub use failed_jobs::{Failed, FailedJobs, FailedPlace, MOST_FAILED, NoFailedJobs};
pub(crate) use failed_jobs::{
    FailedEntry, FailedFields, FailedRead, MixedPlace, Question, Questions,
};
pub use plan::{Plan, Replies, Reply, ReplyError};
pub use poller::RunContext;
pub use system::{Candidate, ClientLine, PollContext, QueueSystem, ReaderContext, Which};
pub(crate) use told_jobs::{JobTeller, Taken};
pub use told_jobs::{ToldJob, ToldJobs};
