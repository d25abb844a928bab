//! The sources of instances against real load balancers, and against servers that mean no good.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly, its helpers too")]

mod balancers;
mod feeds;
mod hostile;
mod n8n;
mod n8n_queue;
mod probes;
mod service;
mod services;
mod watch;
#[path = "../watching/mod.rs"]
mod watching;
