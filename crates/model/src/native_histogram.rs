//! Native histograms: Prometheus's sparse exponential ones, with counts as floats.

use std::sync::Arc;

/// Whether a sample continues the counts of the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResetHint {
    /// Not known: found out by comparing.
    #[default]
    Unknown,
    /// The counts began anew with this sample.
    Reset,
    /// They did not.
    NoReset,
    /// A gauge: goes up and down.
    Gauge,
}

/// The counts of buckets on the wire, in the order of their spans.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SpannedCounts<'a> {
    /// Each as the difference to the one before.
    Deltas(&'a [i64]),
    /// Each as it is.
    Absolute(&'a [f64]),
}

/// The buckets of spans, (offset to the end of the span before, length), as (index, count) by ascending index, without
/// empty ones.
///
/// # Errors
/// What is wrong, in words: too few or too many counts, spans that go back, counts or indexes that cannot be.
pub fn spanned_buckets(
    spans: impl Iterator<Item = (i32, u32)> + Clone,
    counts: SpannedCounts<'_>,
) -> Result<Vec<(i32, f64)>, String> {
    let spanned: u64 = spans.clone().map(|(_, length)| u64::from(length)).sum();
    let given = match counts {
        SpannedCounts::Deltas(deltas) => deltas.len(),
        SpannedCounts::Absolute(counts) => counts.len(),
    };
    if spanned != given as u64 {
        return Err(format!("its spans have {spanned} buckets, and {given} counts are given"));
    }
    let mut buckets = Vec::with_capacity(given);
    let (mut next, mut place, mut count) = (0_i64, 0, 0_i64);
    for (number, (offset, length)) in spans.enumerate() {
        if number > 0 && offset < 0 {
            return Err("its spans do not ascend".to_owned());
        }
        next += i64::from(offset);
        for _ in 0..length {
            let index = i32::try_from(next).map_err(|_| "a bucket's index is beyond 32 bits")?;
            let value = match counts {
                SpannedCounts::Absolute(counts) => counts[place],
                SpannedCounts::Deltas(deltas) => {
                    count = count.checked_add(deltas[place]).ok_or("a count is beyond 64 bits")?;
                    count as f64
                }
            };
            if value.is_nan() || value < 0.0 {
                return Err(format!("bucket {index} has the count {value}"));
            }
            if value > 0.0 {
                buckets.push((index, value));
            }
            (next, place) = (next + 1, place + 1);
        }
    }
    Ok(buckets)
}

/// The schema of histograms whose buckets have bounds of their own ([`NativeHistogram::custom_bounds`]).
pub const CUSTOM_SCHEMA: i8 = -53;

/// A histogram whose bucket `i` holds what is above `base^(i-1)` and at most `base^i`, where `base = 2^(2^-schema)`;
/// negative observations have the mirror image of that. With [`CUSTOM_SCHEMA`], bucket `i` of `positive` holds what
/// is above `custom_bounds[i-1]` and at most `custom_bounds[i]`, the last what is above them all.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NativeHistogram {
    /// -4 to 8, or [`CUSTOM_SCHEMA`].
    pub schema: i8,
    /// What is at most this far from 0 is in the zero bucket.
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    pub zero_count: f64,
    /// All observations.
    pub count: f64,
    /// Their sum; a staleness marker where it is that special NaN.
    pub sum: f64,
    /// (index, count) by ascending index; counts are absolute, not differences.
    pub positive: Vec<(i32, f64)>,
    /// (index, count) by ascending index.
    pub negative: Vec<(i32, f64)>,
    /// Upper bounds of custom buckets, ascending, without +Inf; empty for other schemas.
    pub custom_bounds: Arc<[f64]>,
    /// How it follows the sample before.
    pub reset_hint: ResetHint,
}
