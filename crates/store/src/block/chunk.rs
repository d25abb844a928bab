//! What one chunk holds: floats, histograms, or what is left of floats after downsampling.

use std::sync::Arc;

use vigie_model::NativeHistogram;

use crate::bytes::{Bytes, Corrupt, put_varint};
use crate::codec::floats::{self, Effort};
use crate::codec::histograms;

/// What a chunk holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Floats.
    Floats,
    /// Native histograms.
    Histograms,
    /// [`Aggregates`] of floats.
    Aggregates,
}

impl Kind {
    pub(super) const fn number(self) -> u64 {
        match self {
            Self::Floats => 0,
            Self::Histograms => 1,
            Self::Aggregates => 2,
        }
    }

    pub(crate) const fn from_number(number: u64) -> Result<Self, Corrupt> {
        match number {
            0 => Ok(Self::Floats),
            1 => Ok(Self::Histograms),
            2 => Ok(Self::Aggregates),
            _ => Err(Corrupt("a chunk of an unknown kind")),
        }
    }
}

/// What is kept of each stretch of floats: columns of equal length.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Aggregates {
    /// The last value, a staleness marker included: what a query sees.
    pub last: Vec<f64>,
    /// The smallest; not a number where there was none but markers.
    pub min: Vec<f64>,
    /// The largest.
    pub max: Vec<f64>,
    /// Of all that are numbers.
    pub sum: Vec<f64>,
    /// How many are numbers.
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

/// Reads a chunk's values.
pub fn decode(kind: Kind, bytes: &[u8], count: usize) -> Result<Values, Corrupt> {
    Ok(match kind {
        Kind::Floats => Values::Floats(floats::decode(bytes, count)?),
        Kind::Histograms => Values::Histograms(histograms::decode(bytes, count)?),
        Kind::Aggregates => Values::Aggregates(Aggregates::decode(bytes, count)?),
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
            let bits = |one: &Aggregates| one.sum.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&back), bits(&all));
            prop_assert_eq!((back.last, back.min, back.max, back.count), (all.last, all.min, all.max, all.count));
        }

        #[test]
        fn any_bytes_are_an_error_or_values(bytes: Vec<u8>, kind in 0u64..3, count in 0usize..300) {
            let _ = decode(Kind::from_number(kind).unwrap(), &bytes, count);
        }
    }
}
