//! Log entries to Elasticsearch, OpenSearch or Loki, each at least once.
//!
//! There is no queue of its own: the log store has every entry, numbered and on the disk. A [`Forwarder`] reads from there by
//! number, sends, and keeps in the same store how far its destination is (`progress`). A destination that is away costs no
//! memory and no second copy, and the store's retention says how long it may be away. What is refused for good goes into a
//! file (`dead`). ADR 0022 says why.

mod config;
mod dead;
mod deliver;
mod elastic;
mod forwarder;
mod item;
mod loki;
mod progress;
mod status;

pub(crate) use config::Kind;
pub use config::{ForwardConfig, RawForward};
pub use forwarder::{Clock, Forwarder};
pub(crate) use loki::PATH as LOKI_PUSH;
pub use status::{ForwardError, ForwardOptions, ForwardStatus};
