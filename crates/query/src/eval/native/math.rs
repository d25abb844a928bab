//! Sums, differences and multiples.

use std::collections::BTreeMap;
use std::sync::Arc;

use vigie_model::{NativeHistogram, ResetHint};

use super::super::sum::Sum;
use super::bucket::{negative, positive};
use super::is_custom;

/// Histograms of which some have exponential and some have custom buckets do not add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Incompatible;

/// A sum, and what there is to say about it.
#[derive(Debug, Clone)]
pub(crate) struct Combined {
    pub value: NativeHistogram,
    /// Some were reset and some were not.
    pub collision: bool,
    /// Their custom bounds differed.
    pub reconciled: bool,
}

/// Its multiple.
pub(crate) fn scaled(one: &NativeHistogram, factor: f64) -> NativeHistogram {
    changed(one, factor, |value| value * factor)
}

/// Its part.
pub(crate) fn divided(one: &NativeHistogram, by: f64) -> NativeHistogram {
    let mut part = changed(one, by, |value| value / by);
    if by == 0.0 {
        part.positive.clear();
        part.negative.clear();
    }
    part
}

fn changed(one: &NativeHistogram, sign: f64, change: impl Fn(f64) -> f64) -> NativeHistogram {
    let buckets =
        |list: &[(i32, f64)]| list.iter().map(|(at, count)| (*at, change(*count))).collect();
    NativeHistogram {
        schema: one.schema,
        zero_threshold: one.zero_threshold,
        zero_count: change(one.zero_count),
        count: change(one.count),
        sum: change(one.sum),
        positive: buckets(&one.positive),
        negative: buckets(&one.negative),
        custom_bounds: one.custom_bounds.clone(),
        reset_hint: if sign < 0.0 { ResetHint::Gauge } else { one.reset_hint },
    }
}

/// Without empty buckets.
pub(crate) fn compact(mut one: NativeHistogram) -> NativeHistogram {
    one.positive.retain(|(_, count)| *count != 0.0);
    one.negative.retain(|(_, count)| *count != 0.0);
    one
}

/// Whether two are the same, their hints aside.
#[allow(clippy::float_cmp, reason = "the same means the same")]
pub(crate) fn equal(one: &NativeHistogram, two: &NativeHistogram) -> bool {
    let bits = |one: &NativeHistogram| {
        [one.count, one.sum, one.zero_count, one.zero_threshold].map(f64::to_bits)
    };
    let buckets = |one: &[(i32, f64)], two: &[(i32, f64)]| {
        one.len() == two.len()
            && one
                .iter()
                .zip(two)
                .all(|(one, two)| one.0 == two.0 && one.1.to_bits() == two.1.to_bits())
    };
    one.schema == two.schema
        && bits(one) == bits(two)
        && one.custom_bounds == two.custom_bounds
        && buckets(&one.positive, &two.positive)
        && buckets(&one.negative, &two.negative)
}

/// The index of a bucket in a lower resolution.
pub(crate) fn reduced(index: i32, from: i8, to: i8) -> i32 {
    ((index - 1) >> (from - to)) + 1
}

/// In a lower resolution.
pub(crate) fn with_schema(one: &NativeHistogram, schema: i8) -> NativeHistogram {
    if is_custom(one) || schema >= one.schema {
        return one.clone();
    }
    let buckets = |list: &[(i32, f64)]| {
        let mut wide: Vec<(i32, f64)> = Vec::with_capacity(list.len());
        for (index, count) in list {
            let index = reduced(*index, one.schema, schema);
            match wide.last_mut().filter(|last| last.0 == index) {
                Some(last) => last.1 += count,
                None => wide.push((index, *count)),
            }
        }
        wide
    };
    NativeHistogram {
        schema,
        positive: buckets(&one.positive),
        negative: buckets(&one.negative),
        ..one.clone()
    }
}

/// What would be in a zero bucket at least this wide, and how wide it would be so that it cuts no bucket.
pub(crate) fn wider_zero(one: &NativeHistogram, threshold: f64) -> (f64, f64) {
    let mut threshold = threshold;
    if threshold == one.zero_threshold {
        return (one.zero_count, threshold);
    }
    'again: loop {
        let mut count = one.zero_count;
        for entry in &one.positive {
            let bucket = positive(one, *entry);
            if bucket.lower >= threshold {
                break;
            }
            count += bucket.count;
            if bucket.upper > threshold {
                if bucket.count != 0.0 {
                    threshold = bucket.upper;
                }
                break;
            }
        }
        for entry in &one.negative {
            let bucket = negative(one, *entry);
            if bucket.upper <= -threshold {
                break;
            }
            count += bucket.count;
            if bucket.lower < -threshold {
                if bucket.count != 0.0 {
                    threshold = -bucket.lower;
                    continue 'again;
                }
                break;
            }
        }
        return (count, threshold);
    }
}

fn widen(one: &mut NativeHistogram, threshold: f64) {
    let (count, threshold) = wider_zero(one, threshold);
    one.zero_count = count;
    one.zero_threshold = threshold;
    let shape = one.clone();
    one.positive.retain(|entry| positive(&shape, *entry).lower >= threshold);
    one.negative.retain(|entry| negative(&shape, *entry).upper <= -threshold);
}

/// Widens the zero buckets of both until they are equal.
fn reconcile_zero(one: &mut NativeHistogram, two: &mut NativeHistogram) {
    // Each round widens one of them to a bound of its own buckets, of which there are finitely many.
    while one.zero_threshold != two.zero_threshold {
        if one.zero_threshold > two.zero_threshold {
            widen(two, one.zero_threshold);
        }
        if two.zero_threshold > one.zero_threshold {
            widen(one, two.zero_threshold);
        }
    }
}

/// The bounds that both have.
fn common_bounds(one: &[f64], two: &[f64]) -> Arc<[f64]> {
    one.iter().copied().filter(|bound| two.contains(bound)).collect()
}

/// With fewer custom bounds.
pub(crate) fn with_bounds(one: &NativeHistogram, bounds: &Arc<[f64]>) -> NativeHistogram {
    let mut merged: BTreeMap<i32, f64> = BTreeMap::new();
    for (index, count) in &one.positive {
        let bound = usize::try_from(*index).ok().and_then(|at| one.custom_bounds.get(at));
        let place = match bound {
            Some(bound) => bounds.partition_point(|one| one < bound),
            None => bounds.len(),
        };
        *merged.entry(i32::try_from(place).unwrap_or(i32::MAX)).or_default() += count;
    }
    NativeHistogram {
        positive: merged.into_iter().collect(),
        custom_bounds: bounds.clone(),
        ..one.clone()
    }
}

/// The hint of a sum, and whether those of its parts contradict each other.
fn common_hint(one: ResetHint, two: ResetHint) -> (ResetHint, bool) {
    use ResetHint::{Gauge, Unknown};
    match (one, two) {
        _ if one == two => (one, false),
        (Gauge, _) | (_, Gauge) => (Gauge, false),
        (Unknown, _) | (_, Unknown) => (Unknown, false),
        _ => (Unknown, true),
    }
}

fn added(one: &[(i32, f64)], two: &[(i32, f64)], add: impl Fn(f64, f64) -> f64) -> Vec<(i32, f64)> {
    let mut all: BTreeMap<i32, f64> = one.iter().copied().collect();
    for (index, count) in two {
        let old = all.entry(*index).or_default();
        *old = add(*old, *count);
    }
    all.into_iter().collect()
}

/// Both in one shape: the lower resolution, the wider zero bucket, the common bounds.
pub(crate) fn alike(
    one: &NativeHistogram,
    two: &NativeHistogram,
) -> Result<(NativeHistogram, NativeHistogram, bool), Incompatible> {
    if is_custom(one) != is_custom(two) {
        return Err(Incompatible);
    }
    if is_custom(one) {
        if one.custom_bounds == two.custom_bounds {
            return Ok((one.clone(), two.clone(), false));
        }
        let bounds = common_bounds(&one.custom_bounds, &two.custom_bounds);
        return Ok((with_bounds(one, &bounds), with_bounds(two, &bounds), true));
    }
    let (mut one, mut two) = (one.clone(), two.clone());
    reconcile_zero(&mut one, &mut two);
    let schema = one.schema.min(two.schema);
    Ok((with_schema(&one, schema), with_schema(&two, schema), false))
}

/// The first plus (`sign` 1) or minus (-1) the second.
pub(crate) fn combined(
    one: &NativeHistogram,
    two: &NativeHistogram,
    sign: f64,
) -> Result<Combined, Incompatible> {
    let (mut value, other, reconciled) = alike(one, two)?;
    let add = |one: f64, two: f64| if sign < 0.0 { one - two } else { one + two };
    value.zero_count = add(value.zero_count, other.zero_count);
    value.count = add(value.count, other.count);
    value.sum = add(value.sum, other.sum);
    value.positive = added(&value.positive, &other.positive, add);
    value.negative = added(&value.negative, &other.negative, add);
    let (hint, collision) = common_hint(one.reset_hint, two.reset_hint);
    value.reset_hint = hint;
    Ok(Combined { value, collision, reconciled })
}

/// A sum of many, with what was lost of each of its numbers.
#[derive(Debug, Clone)]
pub(crate) struct Total {
    sum: NativeHistogram,
    lost: NativeHistogram,
    pub reconciled: bool,
}

impl Total {
    pub(crate) fn new(first: &NativeHistogram) -> Self {
        let lost = changed(first, 1.0, |_| 0.0);
        Self { sum: first.clone(), lost, reconciled: false }
    }

    pub(crate) fn add(&mut self, other: &NativeHistogram) -> Result<(), Incompatible> {
        let (sum, other, reconciled) = alike(&self.sum, other)?;
        // What was lost takes the same shape; its zero bucket widens by the same buckets.
        let shape = |lost: &NativeHistogram| -> NativeHistogram {
            let mut lost =
                if is_custom(lost) { with_bounds(lost, &sum.custom_bounds) } else { lost.clone() };
            if lost.zero_threshold != sum.zero_threshold {
                let inside: f64 = lost
                    .positive
                    .iter()
                    .filter(|entry| positive(&lost, **entry).lower < sum.zero_threshold)
                    .chain(
                        lost.negative
                            .iter()
                            .filter(|entry| negative(&lost, **entry).upper > -sum.zero_threshold),
                    )
                    .map(|(_, count)| count)
                    .sum();
                lost.zero_count += inside;
                let old = lost.clone();
                let edge = sum.zero_threshold;
                lost.positive.retain(|entry| positive(&old, *entry).lower >= edge);
                lost.negative.retain(|entry| negative(&old, *entry).upper <= -edge);
                lost.zero_threshold = edge;
            }
            with_schema(&lost, sum.schema)
        };
        let lost = shape(&self.lost);
        self.reconciled |= reconciled;
        let hint = common_hint(self.sum.reset_hint, other.reset_hint).0;
        let add = |sum: f64, lost: f64, value: f64| {
            let next = Sum { sum, lost }.add(value);
            (next.sum, next.lost)
        };
        let (mut next, mut next_lost) = (sum.clone(), lost.clone());
        (next.count, next_lost.count) = add(sum.count, lost.count, other.count);
        (next.sum, next_lost.sum) = add(sum.sum, lost.sum, other.sum);
        (next.zero_count, next_lost.zero_count) =
            add(sum.zero_count, lost.zero_count, other.zero_count);
        let buckets = |sum: &[(i32, f64)], lost: &[(i32, f64)], other: &[(i32, f64)]| {
            let mut sums: BTreeMap<i32, (f64, f64)> =
                sum.iter().map(|(index, count)| (*index, (*count, 0.0))).collect();
            for (index, count) in lost {
                sums.entry(*index).or_default().1 = *count;
            }
            for (index, count) in other {
                let old = sums.entry(*index).or_default();
                *old = add(old.0, old.1, *count);
            }
            let part = |pick: fn((f64, f64)) -> f64| -> Vec<(i32, f64)> {
                sums.iter().map(|(index, both)| (*index, pick(*both))).collect()
            };
            (part(|both| both.0), part(|both| both.1))
        };
        (next.positive, next_lost.positive) =
            buckets(&sum.positive, &lost.positive, &other.positive);
        (next.negative, next_lost.negative) =
            buckets(&sum.negative, &lost.negative, &other.negative);
        next.reset_hint = hint;
        (self.sum, self.lost) = (next, next_lost);
        Ok(())
    }

    /// Whether something in the sum is beyond every number.
    pub(crate) fn overflowed(&self) -> bool {
        let buckets = self.sum.positive.iter().chain(&self.sum.negative).map(|(_, count)| *count);
        let numbers = [self.sum.count, self.sum.sum, self.sum.zero_count];
        numbers.into_iter().chain(buckets).any(f64::is_infinite)
    }

    /// Makes it larger or smaller.
    pub(crate) fn scale(&mut self, factor: f64) {
        (self.sum, self.lost) = (scaled(&self.sum, factor), scaled(&self.lost, factor));
    }

    /// The sum, divided by a number.
    pub(crate) fn divided(&self, by: f64) -> NativeHistogram {
        let (sum, lost) = (divided(&self.sum, by), divided(&self.lost, by));
        let buckets =
            |one: &[(i32, f64)], two: &[(i32, f64)]| added(one, two, |one, two| one + two);
        NativeHistogram {
            count: sum.count + lost.count,
            sum: sum.sum + lost.sum,
            zero_count: sum.zero_count + lost.zero_count,
            positive: buckets(&sum.positive, &lost.positive),
            negative: buckets(&sum.negative, &lost.negative),
            ..sum
        }
    }
}
