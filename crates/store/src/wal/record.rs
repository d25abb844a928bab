//! The log's records: samples as they were appended, grouped by time.
//!
//! A record belongs to a generation of the head; a block that was made of a generation makes its records superfluous.

use std::sync::Arc;

use crate::bytes::{Bytes, Corrupt, put_signed, put_varint};
use crate::codec::histogram;
use crate::frame;
use crate::sample::Value;

/// The first bytes of a segment; the last two are the format's version.
pub const MAGIC: &[u8; frame::MAGIC] = b"VIGWAL\x00\x01";

const FLOATS: u8 = 0;
const HISTOGRAMS: u8 = 1;

/// Number of the series, time in milliseconds, value.
pub type LogSample = (u32, i64, Value);

/// A record has about this many bytes at most, so that damage costs no more, and a frame is never too long.
const PART_BYTES: usize = 64 << 10;

/// Samples in parts that are a record each.
pub fn parts(samples: &[LogSample]) -> impl Iterator<Item = &[LogSample]> {
    let mut bytes = 0;
    samples.chunk_by(move |_, next| {
        bytes += match &next.2 {
            Value::Float(_) => 9,
            Value::Histogram(one) => {
                64 + 14 * (one.positive.len() + one.negative.len()) + 8 * one.custom_bounds.len()
            }
        };
        let fits = bytes < PART_BYTES;
        if !fits {
            bytes = 0;
        }
        fits
    })
}

/// Appends samples as one framed record. Neighbours of one time share it.
pub fn put(out: &mut Vec<u8>, generation: u64, samples: &[LogSample]) {
    let mut body = Vec::with_capacity(16 + samples.len() * 10);
    put_varint(&mut body, generation);
    let mut before = 0i64;
    let kind = |value: &Value| matches!(value, Value::Histogram(_));
    for run in samples.chunk_by(|one, two| one.1 == two.1 && kind(&one.2) == kind(&two.2)) {
        let Some((_, time, first)) = run.first() else { continue };
        body.push(if kind(first) { HISTOGRAMS } else { FLOATS });
        put_signed(&mut body, time.wrapping_sub(before));
        before = *time;
        put_varint(&mut body, run.len() as u64);
        let mut id_before = 0i64;
        for (id, _, value) in run {
            put_signed(&mut body, i64::from(*id) - id_before);
            id_before = i64::from(*id);
            match value {
                Value::Float(value) => body.extend_from_slice(&value.to_bits().to_le_bytes()),
                Value::Histogram(value) => histogram::encode(value, None, &mut body),
            }
        }
    }
    frame::put(out, &body);
}

/// The generation of a record's body.
pub fn generation(body: &[u8]) -> Result<u64, Corrupt> {
    Bytes(body).varint()
}

/// Calls `each` with the samples of a record's body.
pub fn read(body: &[u8], mut each: impl FnMut(LogSample)) -> Result<(), Corrupt> {
    let mut bytes = Bytes(body);
    bytes.varint()?;
    let mut time = 0i64;
    while !bytes.is_empty() {
        let kind = bytes.byte()?;
        time = time.wrapping_add(bytes.signed()?);
        let count = bytes.count()?;
        let mut id = 0i64;
        for _ in 0..count {
            id = id.wrapping_add(bytes.signed()?);
            let id = u32::try_from(id).map_err(|_| Corrupt("a series' number is too large"))?;
            let value = match kind {
                FLOATS => Value::Float(bytes.float()?),
                HISTOGRAMS => Value::Histogram(Arc::new(histogram::decode(&mut bytes, None)?)),
                _ => return Err(Corrupt("samples of an unknown kind")),
            };
            each((id, time, value));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::histogram::testing::any_histogram;

    fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            3 => any::<u64>().prop_map(|bits| Value::Float(f64::from_bits(bits))),
            1 => any_histogram().prop_map(|one| Value::Histogram(Arc::new(one))),
        ]
    }

    proptest! {
        #[test]
        fn samples_come_back(
            number: u64,
            samples in prop::collection::vec((any::<u32>(), prop_oneof![any::<i64>(), 0i64..3], any_value()), 0..30),
        ) {
            let mut out = Vec::new();
            put(&mut out, number, &samples);
            let body = &out[frame::HEAD..];
            prop_assert_eq!(generation(body), Ok(number));
            let mut back = Vec::new();
            read(body, |sample| back.push(sample)).unwrap();
            prop_assert_eq!(back.len(), samples.len());
            for (one, two) in back.iter().zip(&samples) {
                prop_assert!((one.0, one.1) == (two.0, two.1) && one.2.same(&two.2));
            }
        }

        #[test]
        fn parts_are_all_of_it(buckets in prop::collection::vec(0i32..4000, 0..12)) {
            let samples: Vec<LogSample> = (0..).zip(buckets).map(|(id, buckets)| {
                let positive = (0..buckets).map(|index| (index, 1.0)).collect();
                let one = vigie_model::NativeHistogram { positive, ..Default::default() };
                (id, 0, Value::Histogram(Arc::new(one)))
            }).collect();
            let all: Vec<u32> = parts(&samples).flatten().map(|sample| sample.0).collect();
            prop_assert_eq!(all.len(), samples.len());
            for part in parts(&samples) {
                let mut out = Vec::new();
                put(&mut out, 1, part);
                prop_assert!(out.len() < 3 * PART_BYTES, "{}", out.len());
            }
        }

        #[test]
        fn any_bytes_are_an_error_or_samples(bytes: Vec<u8>) {
            let _ = read(&bytes, |_| {});
        }
    }
}
