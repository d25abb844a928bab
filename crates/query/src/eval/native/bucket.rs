//! Buckets and their bounds.

use vigie_model::NativeHistogram;

use super::is_custom;
use super::steps::STEPS;

/// A bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bucket {
    pub lower: f64,
    pub upper: f64,
    pub count: f64,
}

impl Bucket {
    /// The share of its width below a value within it.
    pub(crate) fn below(&self, value: f64, linear: bool) -> f64 {
        if linear {
            return (value - self.lower) / (self.upper - self.lower);
        }
        let [lower, upper, at] = [self.lower, self.upper, value].map(|one| one.abs().log2());
        if value > 0.0 {
            (at - lower) / (upper - lower)
        } else {
            1.0 - (at - upper) / (lower - upper)
        }
    }
}

/// The upper bound of the bucket with an index, of a schema with exponential buckets.
fn exponential(index: i32, schema: i8) -> f64 {
    let power = |exponent: i64| {
        if exponent == 1024 {
            f64::MAX
        } else {
            2.0_f64.powi(i32::try_from(exponent).unwrap_or(i32::MAX))
        }
    };
    if schema <= 0 {
        return power(i64::from(index) << -i64::from(schema));
    }
    let (whole, part) = (index >> schema, index & ((1 << schema) - 1));
    if part == 0 {
        return power(i64::from(whole));
    }
    let step = usize::try_from(part << (8 - schema)).unwrap_or_default();
    STEPS.get(step).copied().unwrap_or(f64::NAN) * 2.0 * 2.0_f64.powi(whole)
}

/// The upper bound of a positive bucket.
fn upper(one: &NativeHistogram, index: i32) -> f64 {
    if !is_custom(one) {
        return exponential(index, one.schema);
    }
    match usize::try_from(index) {
        Ok(place) => one.custom_bounds.get(place).copied().unwrap_or(f64::INFINITY),
        Err(_) => f64::NEG_INFINITY,
    }
}

/// A positive bucket.
pub(crate) fn positive(one: &NativeHistogram, (index, count): (i32, f64)) -> Bucket {
    Bucket { lower: upper(one, index - 1), upper: upper(one, index), count }
}

/// A negative bucket.
pub(crate) fn negative(one: &NativeHistogram, (index, count): (i32, f64)) -> Bucket {
    Bucket { lower: -upper(one, index), upper: -upper(one, index - 1), count }
}

/// The zero bucket.
pub(crate) fn zero(one: &NativeHistogram) -> Bucket {
    Bucket { lower: -one.zero_threshold, upper: one.zero_threshold, count: one.zero_count }
}

/// All buckets by ascending bounds.
pub(crate) fn all(one: &NativeHistogram) -> Vec<Bucket> {
    let mut buckets: Vec<Bucket> =
        one.negative.iter().rev().map(|bucket| negative(one, *bucket)).collect();
    if one.zero_count > 0.0 {
        buckets.push(zero(one));
    }
    buckets.extend(one.positive.iter().map(|bucket| positive(one, *bucket)));
    buckets
}
