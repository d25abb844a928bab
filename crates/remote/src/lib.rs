//! What goes elsewhere: metrics to Prometheus, VictoriaMetrics, Mimir, and whatever else speaks as they do; log entries to
//! Elasticsearch, OpenSearch and Loki.
//!
//! [`Outbox`] is a queue on disk: what it has acknowledged outlives a kill and hours without a receiver. [`Sender`] takes
//! samples from there to the receiver by remote write 1.0, shard by shard, and goes on where it was. [`RemoteQuery`]
//! passes PromQL to the backend and its answers back. [`Forwarder`] reads log entries from their store by number and sends
//! them, with no queue of its own.

mod access;
mod answer;
mod check;
mod config;
mod describe;
mod forward;
mod http;
mod message;
mod outbox;
mod patience;
mod query;
mod sender;

pub use answer::{RemoteMatrix, RemoteSeries};
pub use config::{ConfigError, RawRemote, RemoteConfig};
pub use describe::Described;
pub use forward::{
    Clock, ForwardConfig, ForwardError, ForwardOptions, ForwardStatus, Forwarder, RawForward,
};
pub use message::read_response;
pub use outbox::{Outbox, OutboxError, OutboxOptions, Pushed, RemoteStatus, ShardStatus};
pub use query::{Passed, QueryError, QueryOptions, RemoteQuery};
pub use sender::{Sender, SenderOptions};
