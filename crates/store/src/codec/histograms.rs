//! Many histograms of one series: a column for each bucket.
//!
//! A chunk's histograms share schema, zero threshold and custom bounds; [`run`] says how many at the beginning do. A
//! bucket that one of them lacks counts 0 there, which is what lacking it means.

use std::collections::BTreeSet;
use std::sync::Arc;

use vigie_model::NativeHistogram;

use super::floats::{self, Effort};
use super::histogram::{hint, hint_number, indices, layout, put_indices, put_layout, same_bounds};
use crate::bytes::{Bytes, Corrupt, put_varint};

/// How many at the beginning can be one chunk.
#[must_use]
pub fn run(histograms: &[Arc<NativeHistogram>]) -> usize {
    let Some(first) = histograms.first() else { return 0 };
    let alike = |other: &&Arc<NativeHistogram>| {
        first.schema == other.schema
            && first.zero_threshold.to_bits() == other.zero_threshold.to_bits()
            && same_bounds(&first.custom_bounds, &other.custom_bounds)
    };
    histograms.iter().take(super::CHUNK).take_while(alike).count()
}

/// Appends histograms that are one [`run`]. The count is kept elsewhere.
pub fn encode(histograms: &[Arc<NativeHistogram>], effort: Effort, out: &mut Vec<u8>) {
    let Some(first) = histograms.first() else { return };
    put_layout(first.schema, first.zero_threshold, &first.custom_bounds, out);
    put_hints(histograms, out);
    let mut column = Vec::with_capacity(histograms.len());
    for figure in [
        |one: &NativeHistogram| one.count,
        |one: &NativeHistogram| one.zero_count,
        |one: &NativeHistogram| one.sum,
    ] {
        column.clear();
        column.extend(histograms.iter().map(|one| figure(one)));
        put_column(&column, effort, out);
    }
    for side in [positive, negative] {
        let all: BTreeSet<i32> =
            histograms.iter().flat_map(|one| side(one).iter().map(|bucket| bucket.0)).collect();
        put_indices(all.iter().copied(), all.len(), out);
        let mut places = vec![0usize; histograms.len()];
        for index in all {
            column.clear();
            column.extend(histograms.iter().zip(&mut places).map(|(one, place)| {
                match side(one).get(*place) {
                    Some(bucket) if bucket.0 == index => {
                        *place += 1;
                        bucket.1
                    }
                    _ => 0.0,
                }
            }));
            put_column(&column, effort, out);
        }
    }
}

fn positive(one: &NativeHistogram) -> &[(i32, f64)] {
    &one.positive
}

fn negative(one: &NativeHistogram) -> &[(i32, f64)] {
    &one.negative
}

fn put_column(column: &[f64], effort: Effort, out: &mut Vec<u8>) {
    let mut bytes = Vec::new();
    floats::encode(column, effort, &mut bytes);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(&bytes);
}

/// Runs of equal hints.
fn put_hints(histograms: &[Arc<NativeHistogram>], out: &mut Vec<u8>) {
    for run in histograms.chunk_by(|one, two| one.reset_hint == two.reset_hint) {
        let number = run.first().map_or(0, |one| hint_number(one.reset_hint));
        put_varint(out, (run.len() as u64) << 2 | u64::from(number));
    }
}

/// `count` histograms.
pub fn decode(bytes: &[u8], count: usize) -> Result<Vec<Arc<NativeHistogram>>, Corrupt> {
    let mut bytes = Bytes(bytes);
    if count == 0 {
        return Ok(Vec::new());
    }
    let (schema, zero_threshold, custom_bounds) = layout(&mut bytes)?;
    let empty =
        NativeHistogram { schema, zero_threshold, custom_bounds, ..NativeHistogram::default() };
    let mut all = Vec::with_capacity(count);
    while all.len() < count {
        let run = bytes.length()?;
        let length = run >> 2;
        if length == 0 || length > count - all.len() {
            return Err(Corrupt("more histograms than the chunk says"));
        }
        let reset_hint = hint((run & 3) as u8);
        all.extend((0..length).map(|_| NativeHistogram { reset_hint, ..empty.clone() }));
    }
    for set in [
        |one: &mut NativeHistogram, value| one.count = value,
        |one: &mut NativeHistogram, value| one.zero_count = value,
        |one: &mut NativeHistogram, value| one.sum = value,
    ] {
        let column = column(&mut bytes, count)?;
        all.iter_mut().zip(column).for_each(|(one, value)| set(one, value));
    }
    for side in [
        |one: &mut NativeHistogram, bucket| one.positive.push(bucket),
        |one: &mut NativeHistogram, bucket| one.negative.push(bucket),
    ] {
        for index in indices(&mut bytes)? {
            let column = column(&mut bytes, count)?;
            let filled = all.iter_mut().zip(column).filter(|(_, value)| *value != 0.0);
            filled.for_each(|(one, value)| side(one, (index, value)));
        }
    }
    Ok(all.into_iter().map(Arc::new).collect())
}

fn column(bytes: &mut Bytes<'_>, count: usize) -> Result<Vec<f64>, Corrupt> {
    let length = bytes.length()?;
    floats::decode(bytes.take(length)?, count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::histogram::{
        same,
        testing::{any_histogram, grown},
    };
    use super::*;

    proptest! {
        #[test]
        fn columns_come_back(first in any_histogram(), second in any_histogram(), by in prop::collection::vec(0u32..9, 0..40)) {
            let mut all = vec![first.clone()];
            for by in by {
                all.push(grown(&all[all.len() - 1], by));
            }
            // Other buckets, the same bounds: still one chunk.
            all.push(NativeHistogram { positive: second.positive.clone(), ..first });
            all.push(second);
            let all: Vec<Arc<NativeHistogram>> = all.into_iter().map(Arc::new).collect();
            let mut rest = &all[..];
            while !rest.is_empty() {
                let (chunk, others) = rest.split_at(run(rest));
                rest = others;
                let mut out = Vec::new();
                encode(chunk, Effort::Thorough, &mut out);
                let back = decode(&out, chunk.len()).unwrap();
                for (back, one) in back.iter().zip(chunk) {
                    prop_assert!(same(back, one), "{back:?} {one:?}");
                }
            }
        }

        #[test]
        fn any_bytes_are_an_error_or_histograms(bytes: Vec<u8>, count in 0usize..50) {
            if let Ok(all) = decode(&bytes, count) {
                prop_assert_eq!(all.len(), count);
            }
        }
    }
}
