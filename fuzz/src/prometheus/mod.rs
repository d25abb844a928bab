//! The tree of modules of `vigie_server::prometheus`, as far as the decoders of what is pushed need it.
#![allow(
    dead_code,
    unused_imports,
    reason = "the files that are included here serve more than the targets"
)]

#[path = "../../../crates/server/src/prometheus/exemplars/mod.rs"]
mod exemplars;
mod write;

mod otlp;

use write::{BatchValue, Encoding, MAX_BYTES, Received, WriteError, decompress};

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
    plain_and_packed(data, Encoding::Gzip, |message| Ok(otlp::proto::decode(message)?.received));
    if let Ok(converter) = otlp::json::decode(data) {
        check(&converter.received);
    }
}

fn plain_and_packed(
    data: &[u8],
    encoding: Encoding,
    decode: impl Fn(&[u8]) -> Result<Received, WriteError>,
) {
    if let Ok(received) = decode(data) {
        check(&received);
    }
    if let Ok(plain) = decompress(encoding, data) {
        assert!(plain.len() <= MAX_BYTES);
        if let Ok(received) = decode(&plain) {
            check(&received);
        }
    }
}

/// What must hold of whatever was read.
fn check(received: &Received) {
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
