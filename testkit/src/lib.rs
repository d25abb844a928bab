//! Real servers for tests: each on a free port, with a directory of its own, and gone when its value is dropped.
//!
//! This crate is for tests only: what cannot be started ends the test with a panic that says why.

mod certificates;
mod cluster;
mod ledger;
mod port;
mod process;
mod proxy;
mod redis_server;
mod sentinel;

pub use certificates::Certificates;
pub use cluster::RedisCluster;
pub use ledger::{Durations, Ledger, LedgerAttempt, LedgerLine, duration_tolerance, rate_agrees};
pub use port::free_port;
pub use proxy::{Proxy, ProxyMode};
pub use redis_server::{RedisServer, RedisServerBuilder};
pub use sentinel::Sentinels;
