//! One histogram as bytes: for the log alone, in the head as what changed since the one before.

use std::sync::Arc;

use vigie_model::{NativeHistogram, ResetHint};

use super::floats::LARGEST;
use crate::bytes::{Bytes, Corrupt, put_signed, put_varint};

/// All counts are whole numbers.
const WHOLE: u8 = 1;
/// Only differences to the one before, which has the same buckets.
const DIFFERENCE: u8 = 2;
const HINT_SHIFT: u8 = 2;
const KNOWN_FLAGS: u8 = 0b1111;

/// Whether two histograms are the same sample: as `==`, but a sum that is not a number equals itself.
#[must_use]
pub fn same(one: &NativeHistogram, two: &NativeHistogram) -> bool {
    one.sum.to_bits() == two.sum.to_bits()
        && same_layout(one, two)
        && one.reset_hint == two.reset_hint
        && {
            let counts = |histogram: &NativeHistogram| {
                let all: Vec<u64> = counts(histogram).map(f64::to_bits).collect();
                all
            };
            counts(one) == counts(two)
        }
}

/// A histogram as the store keeps it: without the buckets that hold nothing.
#[must_use]
pub fn normal(mut histogram: Arc<NativeHistogram>) -> Arc<NativeHistogram> {
    let empty = |side: &[(i32, f64)]| side.iter().any(|bucket| bucket.1 == 0.0);
    if empty(&histogram.positive) || empty(&histogram.negative) {
        let inner = Arc::make_mut(&mut histogram);
        inner.positive.retain(|bucket| bucket.1 != 0.0);
        inner.negative.retain(|bucket| bucket.1 != 0.0);
    }
    histogram
}

/// Whether a count is a whole number that an integer holds.
pub(super) fn whole(count: f64) -> bool {
    count.fract() == 0.0 && count.abs() < LARGEST && count.to_bits() != (-0.0f64).to_bits()
}

/// Count, zero count, and each bucket, in the order in which they are written.
fn counts(histogram: &NativeHistogram) -> impl Iterator<Item = f64> + '_ {
    let buckets = histogram.positive.iter().chain(&histogram.negative).map(|bucket| bucket.1);
    [histogram.count, histogram.zero_count].into_iter().chain(buckets)
}

fn same_layout(one: &NativeHistogram, two: &NativeHistogram) -> bool {
    let same = |one: &[(i32, f64)], two: &[(i32, f64)]| {
        one.len() == two.len() && one.iter().zip(two).all(|(one, two)| one.0 == two.0)
    };
    one.schema == two.schema
        && one.zero_threshold.to_bits() == two.zero_threshold.to_bits()
        && same_bounds(&one.custom_bounds, &two.custom_bounds)
        && same(&one.positive, &two.positive)
        && same(&one.negative, &two.negative)
}

/// Whether custom bounds are the same, bit for bit.
pub(super) fn same_bounds(one: &Arc<[f64]>, two: &Arc<[f64]>) -> bool {
    Arc::ptr_eq(one, two)
        || (one.len() == two.len()
            && one.iter().zip(two.iter()).all(|(one, two)| one.to_bits() == two.to_bits()))
}

pub(super) fn hint_number(hint: ResetHint) -> u8 {
    match hint {
        ResetHint::Unknown => 0,
        ResetHint::Reset => 1,
        ResetHint::NoReset => 2,
        ResetHint::Gauge => 3,
    }
}

pub(super) fn hint(number: u8) -> ResetHint {
    match number & 3 {
        1 => ResetHint::Reset,
        2 => ResetHint::NoReset,
        3 => ResetHint::Gauge,
        _ => ResetHint::Unknown,
    }
}

/// Appends a histogram, as the difference to `before` where both have the same buckets.
pub fn encode(histogram: &NativeHistogram, before: Option<&NativeHistogram>, out: &mut Vec<u8>) {
    let all_whole = counts(histogram).all(whole);
    let before = before
        .filter(|before| all_whole && same_layout(histogram, before) && counts(before).all(whole));
    let flags = hint_number(histogram.reset_hint) << HINT_SHIFT;
    if let Some(before) = before {
        out.push(flags | WHOLE | DIFFERENCE);
        out.extend_from_slice(&histogram.sum.to_bits().to_le_bytes());
        differences(histogram, before, out);
        return;
    }
    out.push(flags | if all_whole { WHOLE } else { 0 });
    out.extend_from_slice(&histogram.sum.to_bits().to_le_bytes());
    put_layout(histogram.schema, histogram.zero_threshold, &histogram.custom_bounds, out);
    for side in [&histogram.positive, &histogram.negative] {
        put_indices(side.iter().map(|bucket| bucket.0), side.len(), out);
    }
    for count in counts(histogram) {
        if all_whole {
            put_signed(out, count as i64);
        } else {
            out.extend_from_slice(&count.to_bits().to_le_bytes());
        }
    }
}

/// Most buckets do not change from scrape to scrape: a 0 is followed by how many more zeros there are.
fn differences(histogram: &NativeHistogram, before: &NativeHistogram, out: &mut Vec<u8>) {
    let mut zeros = 0u64;
    for (now, then) in counts(histogram).zip(counts(before)) {
        let difference = now as i64 - then as i64;
        if difference == 0 {
            zeros += 1;
            continue;
        }
        put_zeros(&mut zeros, out);
        put_signed(out, difference);
    }
    put_zeros(&mut zeros, out);
}

fn put_zeros(zeros: &mut u64, out: &mut Vec<u8>) {
    if *zeros > 0 {
        out.push(0);
        put_varint(out, *zeros - 1);
        *zeros = 0;
    }
}

/// Schema, zero threshold and custom bounds.
pub(super) fn put_layout(schema: i8, threshold: f64, bounds: &[f64], out: &mut Vec<u8>) {
    out.push(schema.cast_unsigned());
    out.extend_from_slice(&threshold.to_bits().to_le_bytes());
    put_varint(out, bounds.len() as u64);
    for bound in bounds {
        out.extend_from_slice(&bound.to_bits().to_le_bytes());
    }
}

pub(super) fn layout(bytes: &mut Bytes<'_>) -> Result<(i8, f64, Arc<[f64]>), Corrupt> {
    let schema = bytes.byte()?.cast_signed();
    let threshold = bytes.float()?;
    let count = bytes.count()?;
    let bounds: Result<Vec<f64>, Corrupt> = (0..count).map(|_| bytes.float()).collect();
    Ok((schema, threshold, bounds?.into()))
}

/// Indices of buckets, ascending.
pub(super) fn put_indices(indices: impl Iterator<Item = i32>, count: usize, out: &mut Vec<u8>) {
    put_varint(out, count as u64);
    let mut before = 0i64;
    for index in indices {
        put_signed(out, i64::from(index) - before);
        before = i64::from(index);
    }
}

pub(super) fn indices(bytes: &mut Bytes<'_>) -> Result<Vec<i32>, Corrupt> {
    let count = bytes.count()?;
    let mut before = 0i64;
    let next = |_| {
        before = before.wrapping_add(bytes.signed()?);
        i32::try_from(before).map_err(|_| Corrupt("a bucket's index is too large"))
    };
    (0..count).map(next).collect()
}

/// Reads a histogram; `before` is what was read just before it, if it was written so.
pub fn decode(
    bytes: &mut Bytes<'_>,
    before: Option<&NativeHistogram>,
) -> Result<NativeHistogram, Corrupt> {
    let flags = bytes.byte()?;
    if flags & !KNOWN_FLAGS != 0 {
        return Err(Corrupt("a histogram of an unknown kind"));
    }
    let sum = bytes.float()?;
    let reset_hint = hint(flags >> HINT_SHIFT);
    if flags & DIFFERENCE != 0 {
        let before = before.ok_or(Corrupt("a difference to a histogram that is not there"))?;
        let mut histogram = NativeHistogram { sum, reset_hint, ..before.clone() };
        add_differences(bytes, &mut histogram)?;
        return Ok(histogram);
    }
    let (schema, zero_threshold, custom_bounds) = layout(bytes)?;
    let sides = [indices(bytes)?, indices(bytes)?];
    let mut next = || -> Result<f64, Corrupt> {
        if flags & WHOLE != 0 { Ok(bytes.signed()? as f64) } else { bytes.float() }
    };
    let (count, zero_count) = (next()?, next()?);
    let mut filled = sides.into_iter().map(|side| {
        side.into_iter().map(|index| Ok((index, next()?))).collect::<Result<Vec<_>, Corrupt>>()
    });
    let positive = filled.next().unwrap_or(Ok(Vec::new()))?;
    let negative = filled.next().unwrap_or(Ok(Vec::new()))?;
    Ok(NativeHistogram {
        schema,
        zero_threshold,
        zero_count,
        count,
        sum,
        positive,
        negative,
        custom_bounds,
        reset_hint,
    })
}

fn add_differences(bytes: &mut Bytes<'_>, to: &mut NativeHistogram) -> Result<(), Corrupt> {
    let mut zeros = 0usize;
    let buckets = to.positive.iter_mut().chain(&mut to.negative).map(|bucket| &mut bucket.1);
    for count in [&mut to.count, &mut to.zero_count].into_iter().chain(buckets) {
        if zeros > 0 {
            zeros -= 1;
            continue;
        }
        match bytes.signed()? {
            0 => zeros = bytes.length()?,
            difference => *count = (*count as i64).wrapping_add(difference) as f64,
        }
    }
    if zeros > 0 { Err(Corrupt("more zeros than there are buckets")) } else { Ok(()) }
}

/// What tests of histograms draw from.
#[cfg(test)]
pub(crate) mod testing {
    use proptest::collection::btree_map;
    use proptest::prelude::*;
    use vigie_model::CUSTOM_SCHEMA;

    use super::*;

    /// Any histogram, already in the store's normal form.
    pub(crate) fn any_histogram() -> impl Strategy<Value = NativeHistogram> {
        let count = prop_oneof![
            4 => (1u32..5000).prop_map(f64::from),
            1 => any::<f64>().prop_filter("kept", |count| *count != 0.0),
        ];
        let side = btree_map(-20i32..20, count, 0..12);
        let sum = prop_oneof![any::<f64>(), Just(f64::from_bits(crate::STALE_BITS))];
        let bounds =
            prop_oneof![Just(None), prop::collection::vec(any::<f64>(), 1..4).prop_map(Some)];
        (-4i8..9, any::<f64>(), 0u32..9, sum, side.clone(), side, bounds, 0u8..4).prop_map(
            |(schema, zero_threshold, zero, sum, positive, negative, bounds, number)| {
                let positive: Vec<(i32, f64)> = positive.into_iter().collect();
                NativeHistogram {
                    schema: if bounds.is_some() { CUSTOM_SCHEMA } else { schema },
                    zero_threshold,
                    zero_count: f64::from(zero),
                    count: positive.iter().map(|bucket| bucket.1).sum(),
                    sum,
                    positive,
                    negative: negative.into_iter().collect(),
                    custom_bounds: bounds.unwrap_or_default().into(),
                    reset_hint: hint(number),
                }
            },
        )
    }

    /// The next scrape of a counter: some buckets have grown.
    pub(crate) fn grown(histogram: &NativeHistogram, by: u32) -> NativeHistogram {
        let mut next = histogram.clone();
        let more = f64::from(by);
        next.count += more;
        next.sum += 0.25 * more;
        if let Some(bucket) = next.positive.first_mut() {
            bucket.1 += more;
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::testing::{any_histogram, grown};
    use super::*;

    proptest! {
        #[test]
        fn histograms_come_back(first in any_histogram(), other in any_histogram(), by in 0u32..9) {
            let all = [first.clone(), grown(&first, by), first.clone(), other];
            let mut out = Vec::new();
            let mut before: Option<&NativeHistogram> = None;
            for one in &all {
                encode(one, before, &mut out);
                before = Some(one);
            }
            let mut bytes = Bytes(&out);
            let mut before: Option<NativeHistogram> = None;
            for one in &all {
                let back = decode(&mut bytes, before.as_ref()).unwrap();
                prop_assert!(same(&back, one), "{back:?} {one:?}");
                before = Some(back);
            }
            prop_assert!(bytes.is_empty());
        }

        #[test]
        fn any_bytes_are_an_error_or_a_histogram(mut bytes: Vec<u8>, flags in 0u8..16) {
            if let Some(first) = bytes.first_mut() {
                *first = flags;
            }
            let before = NativeHistogram { positive: vec![(1, 2.0)], ..NativeHistogram::default() };
            let _ = decode(&mut Bytes(&bytes), Some(&before));
        }
    }

    #[test]
    fn a_scrape_that_changed_little_takes_few_bytes() {
        let positive = (0..43).map(|index| (index, 100.0)).collect();
        let first = NativeHistogram { count: 4300.0, positive, ..NativeHistogram::default() };
        let mut out = Vec::new();
        encode(&grown(&first, 3), Some(&first), &mut out);
        assert!(out.len() <= 15, "{}", out.len());
    }
}
