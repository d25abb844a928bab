//! What is written: samples of series.

use std::sync::Arc;

use vigie_model::NativeHistogram;

use crate::codec::histogram;

/// A value.
#[derive(Debug, Clone)]
pub enum Value {
    /// A float; the end of a series (also of one of histograms) is the NaN of [`crate::STALE_BITS`].
    Float(f64),
    /// A native histogram. Buckets that count 0 are not kept: they mean what an absent bucket means.
    Histogram(Arc<NativeHistogram>),
}

impl Value {
    /// Whether both are the same, bit for bit.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Float(one), Self::Float(two)) => one.to_bits() == two.to_bits(),
            (Self::Histogram(one), Self::Histogram(two)) => histogram::same(one, two),
            _ => false,
        }
    }
}

/// A series that [`crate::Store::series`] knows, until the store is closed. A series without samples for the whole
/// retention is forgotten; samples for its handle are then counted as [`Appended::unknown`], and the series is to be
/// asked for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesHandle(pub(crate) u32);

/// One sample.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Of which series.
    pub series: SeriesHandle,
    /// Milliseconds since the Unix epoch.
    pub time: i64,
    /// Its value.
    pub value: Value,
}

/// What became of appended samples. What is refused is refused for good: sending it again changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Appended {
    /// Kept, those of [`Self::out_of_order`] and [`Self::repeated`] included.
    pub accepted: usize,
    /// Of those accepted: older than their series' newest, within the window.
    pub out_of_order: usize,
    /// Of those accepted: were there already, with the same value.
    pub repeated: usize,
    /// Refused: at their time there is another value.
    pub duplicates: usize,
    /// Refused: older than the window for samples out of order, or than the retention.
    pub too_old: usize,
    /// Refused: too far in the future.
    pub too_new: usize,
    /// Refused: the series is not known (any more).
    pub unknown: usize,
}

impl Appended {
    /// How many were refused.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.duplicates + self.too_old + self.too_new + self.unknown
    }
}
