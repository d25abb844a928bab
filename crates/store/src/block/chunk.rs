//! What one chunk holds: floats, histograms, or what is left of floats after downsampling.

use std::sync::Arc;

use vigie_model::NativeHistogram;

use crate::bytes::{Bytes, Corrupt, put_varint};
use crate::codec::floats::{self, Effort};
use crate::codec::histograms;
use crate::read::{Samples, TimeRange};

/// What a chunk holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Floats.
    Floats,
    /// Native histograms.
    Histograms,
    /// [`Aggregates`] of floats.
    Aggregates,
    /// Sums of native histograms.
    Merged,
}

impl Kind {
    pub(super) const fn number(self) -> u64 {
        match self {
            Self::Floats => 0,
            Self::Histograms => 1,
            Self::Aggregates => 2,
            Self::Merged => 3,
        }
    }

    pub(crate) const fn from_number(number: u64) -> Result<Self, Corrupt> {
        match number {
            0 => Ok(Self::Floats),
            1 => Ok(Self::Histograms),
            2 => Ok(Self::Aggregates),
            3 => Ok(Self::Merged),
            _ => Err(Corrupt("a chunk of an unknown kind")),
        }
    }
}

/// What is kept of each stretch of floats: columns of equal length.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Aggregates {
    /// The last value, a staleness marker included.
    pub last: Vec<f64>,
    /// The smallest; not a number where there was none.
    pub min: Vec<f64>,
    /// The largest.
    pub max: Vec<f64>,
    /// Of all but staleness markers.
    pub sum: Vec<f64>,
    /// How many are no staleness markers.
    pub count: Vec<f64>,
}

/// Values of a chunk.
#[derive(Debug, Clone)]
pub enum Values {
    /// Of [`Kind::Floats`].
    Floats(Vec<f64>),
    /// Of [`Kind::Histograms`].
    Histograms(Vec<Arc<NativeHistogram>>),
    /// Of [`Kind::Aggregates`].
    Aggregates(Aggregates),
    /// Of [`Kind::Merged`]: sums, and how many histograms are in each.
    Merged(Vec<Arc<NativeHistogram>>, Vec<f64>),
}

/// One series at a lower resolution.
#[derive(Debug, Default)]
pub struct Downsampled {
    /// The last millisecond of each stretch that has floats.
    pub times: Vec<i64>,
    /// What is left of those.
    pub aggregates: Aggregates,
    /// The last histogram of each stretch that has some, at the stretch's last millisecond, and the samples around falls.
    pub kept: Samples,
    /// Sums of the gauges among the histograms, with their weights.
    pub merged: Samples,
}

impl Downsampled {
    /// Adds what is within a range of a chunk that follows the others of its kind.
    pub fn extend(&mut self, times: &[i64], values: Values, range: TimeRange) {
        let start = times.partition_point(|time| *time < range.start);
        let end = times.partition_point(|time| *time <= range.end).max(start);
        let (times, of) = (&times[start..end], start..end);
        match values {
            Values::Floats(values) => {
                self.kept.float_times.extend_from_slice(times);
                self.kept.floats.extend_from_slice(&values[of]);
            }
            Values::Histograms(values) => {
                self.kept.histogram_times.extend_from_slice(times);
                self.kept.histograms.extend_from_slice(&values[of]);
            }
            Values::Aggregates(values) => {
                self.times.extend_from_slice(times);
                let all = &mut self.aggregates;
                all.last.extend_from_slice(&values.last[of.clone()]);
                all.min.extend_from_slice(&values.min[of.clone()]);
                all.max.extend_from_slice(&values.max[of.clone()]);
                all.sum.extend_from_slice(&values.sum[of.clone()]);
                all.count.extend_from_slice(&values.count[of]);
            }
            Values::Merged(sums, counts) => {
                self.merged.histogram_times.extend_from_slice(times);
                self.merged.histograms.extend_from_slice(&sums[of.clone()]);
                self.merged.histogram_weights.extend_from_slice(&counts[of]);
            }
        }
    }
}

/// The column is that of the last values.
const MIN_IS_LAST: u8 = 1;
const MAX_IS_LAST: u8 = 2;

impl Aggregates {
    /// Appends the columns of `range`.
    pub fn encode(&self, range: std::ops::Range<usize>, effort: Effort, out: &mut Vec<u8>) {
        let part = |column: &'_ [f64]| column.get(range.clone()).unwrap_or_default().to_vec();
        let last = part(&self.last);
        let same = |column: &[f64]| {
            column.iter().zip(&last).all(|(one, two)| one.to_bits() == two.to_bits())
        };
        let (min, max) = (part(&self.min), part(&self.max));
        let flags =
            if same(&min) { MIN_IS_LAST } else { 0 } | if same(&max) { MAX_IS_LAST } else { 0 };
        out.push(flags);
        let mut put = |column: &[f64]| {
            let mut bytes = Vec::new();
            floats::encode(column, effort, &mut bytes);
            put_varint(out, bytes.len() as u64);
            out.extend_from_slice(&bytes);
        };
        put(&last);
        if flags & MIN_IS_LAST == 0 {
            put(&min);
        }
        if flags & MAX_IS_LAST == 0 {
            put(&max);
        }
        put(&part(&self.sum));
        put(&part(&self.count));
    }

    fn decode(bytes: &[u8], count: usize) -> Result<Self, Corrupt> {
        let mut bytes = Bytes(bytes);
        let flags = bytes.byte()?;
        let mut column = || {
            let length = bytes.length()?;
            floats::decode(bytes.take(length)?, count)
        };
        let last = column()?;
        let min = if flags & MIN_IS_LAST == 0 { column()? } else { last.clone() };
        let max = if flags & MAX_IS_LAST == 0 { column()? } else { last.clone() };
        Ok(Self { last, min, max, sum: column()?, count: column()? })
    }
}

/// The column of last values of [`Aggregates`], as [`floats`] have it.
pub fn last_column(bytes: &[u8]) -> Result<&[u8], Corrupt> {
    let mut bytes = Bytes(bytes);
    let _flags = bytes.byte()?;
    let length = bytes.length()?;
    bytes.take(length)
}

/// Appends sums of histograms that are one [`histograms::run`], and how many are in each.
pub fn encode_merged(
    sums: &[Arc<NativeHistogram>],
    counts: &[f64],
    effort: Effort,
    out: &mut Vec<u8>,
) {
    let mut column = Vec::new();
    floats::encode(counts, effort, &mut column);
    put_varint(out, column.len() as u64);
    out.extend_from_slice(&column);
    histograms::encode(sums, effort, out);
}

fn decode_merged(bytes: &[u8], count: usize) -> Result<Values, Corrupt> {
    let mut bytes = Bytes(bytes);
    let length = bytes.length()?;
    let counts = floats::decode(bytes.take(length)?, count)?;
    Ok(Values::Merged(histograms::decode(bytes.0, count)?, counts))
}

/// Reads a chunk's values.
pub fn decode(kind: Kind, bytes: &[u8], count: usize) -> Result<Values, Corrupt> {
    Ok(match kind {
        Kind::Floats => Values::Floats(floats::decode(bytes, count)?),
        Kind::Histograms => Values::Histograms(histograms::decode(bytes, count)?),
        Kind::Aggregates => Values::Aggregates(Aggregates::decode(bytes, count)?),
        Kind::Merged => decode_merged(bytes, count)?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn aggregates_come_back(rows in prop::collection::vec((0i32..50, 0i32..50, 0i32..3, any::<f64>()), 1..100)) {
            let column = |pick: fn(&(i32, i32, i32, f64)) -> f64| rows.iter().map(pick).collect::<Vec<f64>>();
            let all = Aggregates {
                last: column(|row| f64::from(row.0)),
                min: column(|row| f64::from(row.0 - row.2)),
                max: column(|row| f64::from(row.0)),
                sum: column(|row| row.3),
                count: column(|row| f64::from(row.1)),
            };
            let mut out = Vec::new();
            all.encode(0..rows.len(), Effort::Thorough, &mut out);
            let back = Aggregates::decode(&out, rows.len()).unwrap();
            prop_assert_eq!(&floats::decode(last_column(&out).unwrap(), rows.len()).unwrap(), &all.last);
            let bits = |one: &Aggregates| one.sum.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&back), bits(&all));
            prop_assert_eq!((back.last, back.min, back.max, back.count), (all.last, all.min, all.max, all.count));
        }

        #[test]
        fn sums_of_histograms_come_back(rows in prop::collection::vec((0u32..50, 1u32..9), 1..100)) {
            let sum = |(count, _): &(u32, u32)| Arc::new(NativeHistogram {
                count: f64::from(*count),
                positive: vec![(2, f64::from(*count))].into_iter().filter(|one| one.1 > 0.0).collect(),
                ..NativeHistogram::default()
            });
            let sums: Vec<_> = rows.iter().map(sum).collect();
            let counts: Vec<f64> = rows.iter().map(|(_, count)| f64::from(*count)).collect();
            let mut out = Vec::new();
            encode_merged(&sums, &counts, Effort::Thorough, &mut out);
            let Values::Merged(sums_back, counts_back) = decode(Kind::Merged, &out, rows.len()).unwrap()
            else { panic!("another kind") };
            prop_assert_eq!((sums_back, counts_back), (sums, counts));
        }

        #[test]
        fn any_bytes_are_an_error_or_values(bytes: Vec<u8>, kind in 0u64..4, count in 0usize..300) {
            let _ = decode(Kind::from_number(kind).unwrap(), &bytes, count);
            let _ = last_column(&bytes).map(|column| floats::decode(column, count));
        }
    }
}
