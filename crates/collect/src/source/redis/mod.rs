//! A Redis as a source: how to reach it, what a poll is, and how queues are found in it.

mod acl;
mod checks;
mod clients;
mod cluster;
mod config;
mod discover;
mod failed;
mod fault;
mod info;
mod jitter;
mod link;
mod offset;
mod poll;
mod readers;
mod session;
mod systems;
mod url;

#[cfg(test)]
mod config_tests;

pub use acl::acl_line;
pub use config::{
    ConfigError, Deployment, Endpoint, Login, RawLimits, RawRedisConfig, RawSentinel, RedisConfig,
    SentinelConfig,
};
pub use fault::Fault;
pub(crate) use jitter::{Backoff, Jitter};
pub use link::Link;
pub(crate) use offset::Offset;
pub use poll::run;
pub use session::{Round, Session};
pub use url::UrlError;
