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
