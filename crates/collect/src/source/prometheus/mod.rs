//! Any exporter, scraped as Prometheus does it: `text` and `protobuf` read what it says, `relabel` renames and drops.

mod decode;
mod protobuf;
mod relabel;
#[cfg(test)]
mod tests;
mod text;

pub use decode::{DecodeError, Decoded, Format, Limits, decode};
pub use relabel::{Action, Anchored, RelabelError, Relabeling, relabel};
