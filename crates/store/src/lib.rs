//! Bytes on disk: metrics, kept for weeks in one small folder, with crash safety, compression and retention.
//!
//! [`read`] is what a query language needs of a storage; [`matcher`] is how it says which series it wants.

pub mod matcher;
pub mod read;

pub use matcher::{MatchOp, Matcher, MatcherError};
pub use read::{FoundSeries, ReadError, Samples, SeriesReader, Storage, TimeRange};

/// The bits of the NaN that marks a series as ended (stale), as Prometheus defines them.
pub const STALE_BITS: u64 = 0x7ff0_0000_0000_0002;

/// Whether a value is the staleness marker, and not a value.
#[must_use]
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_BITS
}
