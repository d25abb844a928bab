//! Remote write.

#[path = "../../../crates/server/src/prometheus/write/batch.rs"]
mod batch;
#[path = "../../../crates/server/src/prometheus/write/decompress.rs"]
mod decompress;
#[path = "../../../crates/server/src/prometheus/write/histogram.rs"]
mod histogram;
#[path = "../../../crates/server/src/prometheus/write/labels.rs"]
mod labels;
#[path = "../../../crates/server/src/prometheus/write/v1.rs"]
pub(super) mod v1;
#[path = "../../../crates/server/src/prometheus/write/v2.rs"]
pub(super) mod v2;
#[path = "../../../crates/server/src/prometheus/write/wire.rs"]
mod wire;

pub(super) use batch::{Batch, BatchValue, MetricMetadata, MetricType, Received, Taker};
pub(crate) use batch::{WriteError, limited};
pub(super) use decompress::MAX_BYTES;
pub(crate) use decompress::{Encoding, decompress};
pub(super) use histogram::reduced;
pub(super) use labels::checked;
pub(super) use v1::read_label;
pub(crate) use wire::{Field, Fields};
