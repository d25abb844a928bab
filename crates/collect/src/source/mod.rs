//! The sources. A Redis is one source in which several queue systems may live; each of those is a folder with the
//! same files: `keys` (every key that is read, its type and why), `decode` (bytes in, observations or a precise
//! error out; pure), `poll` (what is asked at each poll and what is made of the answers) and `tests`.

pub mod asynq;
pub mod bull;
pub mod bullmq;
pub mod prometheus;
pub mod redis;

mod bull_family;
mod plan;
mod system;

pub use plan::{Plan, Replies, Reply, ReplyError};
pub use system::{Candidate, ClientLine, PollContext, QueueSystem, ReaderContext, Which};
