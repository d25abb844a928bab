//! Remote write, as Prometheus, its agents and every collector speak it: `POST /api/v1/write`, versions 1.0 and 2.0.

mod batch;
mod decompress;
pub(crate) mod door;
mod histogram;
mod labels;
mod v1;
mod v2;
mod wire;

pub use batch::{Batch, BatchSample, BatchValue, MetricMetadata, MetricType};
pub(crate) use batch::{Received, WriteError, limited};
pub(crate) use decompress::{Encoding, decompress};
pub use door::Doors;
pub(super) use histogram::reduced;
pub(super) use labels::checked;
pub(super) use v1::read_label;
pub(crate) use wire::{Field, Fields};

/// What each version makes of the same bytes.
#[cfg(test)]
pub(super) fn decode_all(bytes: &[u8]) -> [Result<Received<'static>, WriteError>; 2] {
    [v1::decode(bytes, Received::default()), v2::decode(bytes, Received::default())]
}
