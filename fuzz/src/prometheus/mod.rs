//! The tree of modules of `vigie_server::prometheus`, as far as the decoders of what is pushed need it.
#![allow(
    dead_code,
    unused_imports,
    reason = "the files that are included here serve more than the targets"
)]

#[path = "../../../crates/server/src/prometheus/exemplars/mod.rs"]
mod exemplars;
mod write;

pub(crate) mod otlp;

use vigie_store::SeriesHandle;
use write::{Batch, BatchValue, MAX_BYTES, Received, Taker};
pub(crate) use write::{Encoding, Field, Fields, WriteError, decompress, limited};

/// Remote write 1.0, plain and in snappy.
pub fn remote_write_v1(data: &[u8]) {
    plain_and_packed(data, Encoding::Snappy, write::v1::decode);
    let _ = exemplars::of_version_1(data);
}

/// Remote write 2.0, plain and in zstd.
pub fn remote_write_v2(data: &[u8]) {
    plain_and_packed(data, Encoding::Zstd, write::v2::decode);
    let _ = exemplars::of_version_2(data);
}

/// OTLP metrics, in protobuf, in JSON, and in gzip.
pub fn otlp_metrics(data: &[u8]) {
    plain_and_packed(data, Encoding::Gzip, otlp::proto::decode);
    if let Ok(received) = otlp::json::decode(data, Received::default()) {
        check(&received);
    }
}

type Decode = for<'t> fn(&[u8], Received<'t>) -> Result<Received<'t>, WriteError>;

fn plain_and_packed(data: &[u8], encoding: Encoding, decode: Decode) {
    whole_and_in_pieces(data, decode);
    let mut plain = Vec::new();
    if decompress(encoding, data, &mut plain).is_ok() {
        assert!(plain.len() <= MAX_BYTES);
        whole_and_in_pieces(&plain, decode);
    }
}

/// Knows no series, and counts what it takes.
#[derive(Default)]
struct Counting {
    samples: usize,
}

impl Taker for Counting {
    fn find(&mut self, _name: &[u8]) -> Option<SeriesHandle> {
        None
    }

    fn take(&mut self, batch: Batch) {
        assert_eq!(batch.series.len(), batch.names.len());
        self.samples += batch.samples.len() + batch.known.len();
    }
}

/// However it is read, the same comes of it.
fn whole_and_in_pieces(message: &[u8], decode: Decode) {
    let mut counting = Counting::default();
    let whole = decode(message, Received::default());
    let checked = decode(message, Received::checked());
    let pieces = decode(message, Received::handed_to(&mut counting, true)).map(Received::finish);
    assert!(whole.is_ok() == checked.is_ok() && whole.is_ok() == pieces.is_ok());
    let Ok(whole) = whole else { return };
    check(&whole);
    let refused = pieces.map(|pieces| pieces.refused).unwrap_or_default();
    assert_eq!(refused, whole.refused);
    assert_eq!(counting.samples, whole.batch.samples.len());
}

/// What must hold of whatever was read.
fn check(received: &Received<'_>) {
    let batch = &received.batch;
    assert!(batch.series.iter().all(|labels| !labels.metric_name().is_empty()));
    assert!(batch.metadata.iter().all(|one| !one.name.is_empty()));
    assert!(received.refused == 0 || !received.reasons.is_empty());
    for sample in &batch.samples {
        assert!((sample.series as usize) < batch.series.len());
        if let BatchValue::Histogram(histogram) = &sample.value {
            let ascend = |side: &[(i32, f64)]| side.is_sorted_by(|one, two| one.0 < two.0);
            assert!(ascend(&histogram.positive) && ascend(&histogram.negative));
            assert!(matches!(histogram.schema, -53 | -4..=8));
        }
    }
}
