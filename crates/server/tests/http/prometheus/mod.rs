//! Prometheus's API and the doors in, over metrics in memory.

mod federate;
mod known;
mod limits;
#[path = "../../../../query/tests/support/mod.rs"]
mod memory;
mod messages;
mod metered;
mod otlp;
mod peers;
mod read;
mod stored;
mod write;
