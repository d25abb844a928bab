//! Native histograms on the wire, the same in both versions, and what must hold of one.

use vigie_model::{CUSTOM_SCHEMA, NativeHistogram, ResetHint, SpannedCounts, spanned_buckets};

use super::batch::{WriteError, limited};
use super::wire::{Field, Fields, zigzag};

const WHAT: &str = "histogram";
/// The finest schema that is kept; finer ones are merged into it.
const FINEST: i32 = 8;
/// The finest schema that the format has room for.
const FINEST_KNOWN: i32 = 52;
const COARSEST: i32 = -4;
/// Buckets, spans or bounds of one histogram.
const MAX_PARTS: usize = 65_536;

/// A histogram's fields as they came.
#[derive(Default)]
struct Raw {
    float: bool,
    count: f64,
    zero_count: f64,
    sum: f64,
    schema: i32,
    zero_threshold: f64,
    positive: Side,
    negative: Side,
    custom_bounds: Vec<f64>,
    reset_hint: ResetHint,
    time: i64,
}

#[derive(Default)]
struct Side {
    /// (offset, length)
    spans: Vec<(i32, u32)>,
    deltas: Vec<i64>,
    counts: Vec<f64>,
}

fn room(parts: usize) -> Result<(), WriteError> {
    limited(parts + 1, MAX_PARTS, "buckets a histogram", "use a coarser schema")
}

/// A histogram and its time in Unix milliseconds. The inner error is of this histogram alone.
pub(super) fn decode(message: &[u8]) -> Result<Result<(i64, NativeHistogram), String>, WriteError> {
    let mut raw = Raw::default();
    for field in Fields::of(WHAT, message) {
        let (number, field) = field?;
        match number {
            1 => raw.count = field.unsigned(WHAT)? as f64,
            2 => (raw.count, raw.float) = (field.double(WHAT)?, true),
            3 => raw.sum = field.double(WHAT)?,
            4 => raw.schema = field.zigzag32(WHAT)?,
            5 => raw.zero_threshold = field.double(WHAT)?,
            6 => raw.zero_count = field.unsigned(WHAT)? as f64,
            7 => raw.zero_count = field.double(WHAT)?,
            8 => raw.negative.span(field)?,
            9 => raw.negative.deltas(field)?,
            10 => raw.negative.counts(field)?,
            11 => raw.positive.span(field)?,
            12 => raw.positive.deltas(field)?,
            13 => raw.positive.counts(field)?,
            14 => {
                raw.reset_hint = match field.unsigned(WHAT)? {
                    1 => ResetHint::Reset,
                    2 => ResetHint::NoReset,
                    3 => ResetHint::Gauge,
                    _ => ResetHint::Unknown,
                };
            }
            15 => raw.time = field.signed(WHAT)?,
            16 => field.each_fixed(WHAT, |bits| {
                room(raw.custom_bounds.len())?;
                raw.custom_bounds.push(f64::from_bits(bits));
                Ok(())
            })?,
            _ => {}
        }
    }
    let time = raw.time;
    Ok(raw.checked().map(|histogram| (time, histogram)))
}

impl Side {
    fn span(&mut self, field: Field<'_>) -> Result<(), WriteError> {
        let (mut offset, mut length) = (0, 0);
        for field in Fields::of(WHAT, field.bytes(WHAT)?) {
            match field? {
                (1, value) => offset = value.zigzag32(WHAT)?,
                (2, value) => length = value.unsigned(WHAT)? as u32,
                _ => {}
            }
        }
        room(self.spans.len())?;
        self.spans.push((offset, length));
        Ok(())
    }

    fn deltas(&mut self, field: Field<'_>) -> Result<(), WriteError> {
        field.each_varint(WHAT, |value| {
            room(self.deltas.len())?;
            self.deltas.push(zigzag(value));
            Ok(())
        })
    }

    fn counts(&mut self, field: Field<'_>) -> Result<(), WriteError> {
        field.each_fixed(WHAT, |bits| {
            room(self.counts.len())?;
            self.counts.push(f64::from_bits(bits));
            Ok(())
        })
    }

    fn is_empty(&self) -> bool {
        self.spans.is_empty() && self.deltas.is_empty() && self.counts.is_empty()
    }

    /// (index, count) by ascending index, without empty ones.
    fn buckets(&self, float: bool) -> Result<Vec<(i32, f64)>, String> {
        let counts = match float {
            true => SpannedCounts::Absolute(&self.counts),
            false => SpannedCounts::Deltas(&self.deltas),
        };
        spanned_buckets(self.spans.iter().copied(), counts)
    }
}

impl Raw {
    fn checked(self) -> Result<NativeHistogram, String> {
        let mut histogram = NativeHistogram {
            schema: 0,
            zero_threshold: self.zero_threshold,
            zero_count: self.zero_count,
            count: self.count,
            sum: self.sum,
            positive: self.positive.buckets(self.float)?,
            negative: self.negative.buckets(self.float)?,
            custom_bounds: self.custom_bounds.into(),
            reset_hint: self.reset_hint,
        };
        if self.schema == i32::from(CUSTOM_SCHEMA) {
            histogram.schema = CUSTOM_SCHEMA;
            if !self.negative.is_empty()
                || histogram.zero_count != 0.0
                || histogram.zero_threshold != 0.0
            {
                return Err(
                    "with custom buckets it has neither negative nor zero buckets".to_owned()
                );
            }
            custom(&histogram)?;
        } else {
            if !histogram.custom_bounds.is_empty() {
                return Err(format!("it has custom bounds with schema {}", self.schema));
            }
            if !(COARSEST..=FINEST_KNOWN).contains(&self.schema) {
                return Err(format!(
                    "its schema {} is not between -4 and 8 and not -53",
                    self.schema
                ));
            }
            if let Ok(by) = u32::try_from(self.schema - FINEST) {
                histogram.positive = reduced(&histogram.positive, by);
                histogram.negative = reduced(&histogram.negative, by);
            }
            histogram.schema = self.schema.min(FINEST) as i8;
        }
        counts(&histogram, self.float)?;
        Ok(histogram)
    }
}

fn custom(histogram: &NativeHistogram) -> Result<(), String> {
    let bounds = &*histogram.custom_bounds;
    let ascend = bounds.is_sorted_by(|one, two| one < two);
    if !ascend || bounds.iter().any(|bound| bound.is_nan()) || bounds.last() == Some(&f64::INFINITY)
    {
        return Err("its custom bounds do not ascend, or are not finite".to_owned());
    }
    let within = |index: i32| usize::try_from(index).is_ok_and(|index| index <= bounds.len());
    if let Some((index, _)) = histogram.positive.iter().find(|(index, _)| !within(*index)) {
        return Err(format!("bucket {index} is beyond its {} custom bounds", bounds.len()));
    }
    Ok(())
}

/// The counts of whole observations add up; where the sum is no number, observations that are none may be in no
/// bucket.
fn counts(histogram: &NativeHistogram, float: bool) -> Result<(), String> {
    let single = [histogram.count, histogram.zero_count];
    let threshold = histogram.zero_threshold;
    if single.iter().any(|count| *count < 0.0) || threshold.is_nan() || threshold < 0.0 {
        return Err("a count or its zero threshold is negative".to_owned());
    }
    if float {
        return Ok(());
    }
    let all = histogram.positive.iter().chain(&histogram.negative).map(|(_, count)| count);
    let found = all.sum::<f64>() + histogram.zero_count;
    let agree =
        if histogram.sum.is_nan() { found <= histogram.count } else { found == histogram.count };
    if agree {
        return Ok(());
    }
    Err(format!("{found} observations are in its buckets, and its count is {}", histogram.count))
}

/// Buckets of a schema that is coarser by `by`: each takes those of which it is made.
pub(crate) fn reduced(buckets: &[(i32, f64)], by: u32) -> Vec<(i32, f64)> {
    let by = by.min(31);
    let mut merged: Vec<(i32, f64)> = Vec::with_capacity(buckets.len());
    for &(index, count) in buckets {
        let index = (index.saturating_sub(1) >> by) + 1;
        match merged.last_mut() {
            Some(last) if last.0 == index => last.1 += count,
            _ => merged.push((index, count)),
        }
    }
    merged
}
