//! Metrics in a backend elsewhere: Prometheus, VictoriaMetrics, Mimir, and whatever else speaks as they do.
//!
//! [`Outbox`] is a queue on disk: what it has acknowledged outlives a kill and hours without a receiver. [`Sender`] takes
//! samples from there to the receiver by remote write 1.0, shard by shard, and goes on where it was. [`RemoteQuery`]
//! passes PromQL to the backend and its answers back.

mod access;
mod answer;
mod config;
mod http;
mod message;
mod outbox;
mod query;
mod sender;

pub use access::Secret;
pub use answer::{RemoteMatrix, RemoteSeries};
pub use config::{ConfigError, RawRemote, RemoteConfig};
pub use outbox::{Outbox, OutboxError, OutboxOptions, Pushed, RemoteStatus, ShardStatus};
pub use query::{Passed, QueryError, QueryOptions, RemoteQuery};
pub use sender::{Sender, SenderOptions};
