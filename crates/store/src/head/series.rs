//! One series of the head: samples as they come, a byte or two each.
//!
//! A value that is a decimal is kept as the difference of its integer to the one before (`docs/store-format.md` has the
//! bytes); anything else as its eight bytes. Samples out of order wait in a list of their own until the block is written.

use std::sync::Arc;

use vigie_model::NativeHistogram;

use crate::bytes::{Bytes, Corrupt, put_signed, unzigzag, zigzag};
use crate::codec::floats::{LARGEST, POWERS, decimal};
use crate::codec::histogram;
use crate::merge::Merged;
use crate::read::TimeRange;
use crate::sample::Value;

/// The value's bits are those of the one before.
const REPEATED: u8 = 0;
/// Eight bytes follow.
const RAW: u8 = 1;
/// A power of ten and a difference follow.
const SCALED: u8 = 2;
/// A difference follows.
const DIFFERENCE: u8 = 3;
/// The difference is in the byte itself.
const SMALL: u8 = 4;
/// The distance in time has changed; by how much comes first.
const TIME_CHANGED: u8 = 0x80;
/// A place to read from is kept for each this many floats of a series.
const MARKED: u32 = 512;
/// Buffers grow by this and an eighth, so that a thousand series waste little.
const GROW: usize = 32;

/// What became of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Kept, in order.
    Kept,
    /// Kept, older than the newest of its series.
    KeptOutOfOrder,
    /// Exactly this sample is there already.
    Repeated,
    /// At this time there is another value; it stays.
    Conflict,
    /// Older than the window for samples out of order.
    TooOld,
}

/// Times as the last one and the distance before it.
#[derive(Debug, Clone, Copy, Default)]
struct Clock {
    time: i64,
    distance: i64,
}

impl Clock {
    /// How much the distance changes with the next time.
    fn step(&mut self, time: i64) -> i64 {
        let distance = time.wrapping_sub(self.time);
        let change = distance.wrapping_sub(self.distance);
        (self.time, self.distance) = (time, distance);
        change
    }

    fn unstep(&mut self, change: i64) -> i64 {
        self.distance = self.distance.wrapping_add(change);
        self.time = self.time.wrapping_add(self.distance);
        self.time
    }
}

/// Floats by ascending time.
#[derive(Debug, Default)]
struct Floats {
    bytes: Vec<u8>,
    count: u32,
    scale: u8,
    clock: Clock,
    integer: i64,
    bits: u64,
}

impl Floats {
    fn push(&mut self, time: i64, value: f64) {
        if self.bytes.capacity() - self.bytes.len() < 24 {
            self.bytes.reserve_exact(GROW + self.bytes.len() / 8);
        }
        let change = self.clock.step(time);
        let head = self.bytes.len();
        self.bytes.push(0);
        let mut control = 0;
        if change != 0 {
            control = TIME_CHANGED;
            put_signed(&mut self.bytes, change);
        }
        control |= self.put(value);
        self.bytes[head] = control;
        self.bits = value.to_bits();
        self.count += 1;
    }

    /// Where it is now, to go on reading from here.
    fn mark(&self) -> Mark {
        Mark {
            place: self.bytes.len() as u32,
            count: self.count,
            scale: self.scale,
            clock: self.clock,
            integer: self.integer,
            bits: self.bits,
        }
    }

    fn put(&mut self, value: f64) -> u8 {
        if self.count > 0 && value.to_bits() == self.bits {
            return REPEATED;
        }
        let found = (self.scale..)
            .zip(POWERS.iter().skip(usize::from(self.scale)))
            .find_map(|(scale, power)| Some((scale, decimal(value, *power)?)));
        if let Some((scale, integer)) = found {
            if scale == self.scale {
                let difference = integer - self.integer;
                self.integer = integer;
                let small = zigzag(difference);
                if small < u64::from(TIME_CHANGED - SMALL) {
                    return SMALL + small as u8;
                }
                put_signed(&mut self.bytes, difference);
                return DIFFERENCE;
            }
            let before = self.integer as f64 * POWERS[usize::from(scale - self.scale)];
            if before.abs() < LARGEST {
                self.bytes.push(scale);
                put_signed(&mut self.bytes, integer - before as i64);
                (self.scale, self.integer) = (scale, integer);
                return SCALED;
            }
        }
        self.bytes.extend_from_slice(&value.to_bits().to_le_bytes());
        RAW
    }

    /// Calls `each` with those of the first `count` samples that are after a mark until it says `false`.
    fn each(
        &self,
        from: Mark,
        count: u32,
        mut each: impl FnMut(i64, f64) -> bool,
    ) -> Result<(), Corrupt> {
        let mut bytes = Bytes(self.bytes.get(from.place as usize..).unwrap_or_default());
        let Mark { mut clock, mut scale, mut integer, .. } = from;
        let mut value = f64::from_bits(from.bits);
        for _ in from.count..count.min(self.count) {
            let control = bytes.byte()?;
            let change = if control & TIME_CHANGED == 0 { 0 } else { bytes.signed()? };
            let time = clock.unstep(change);
            match control & !TIME_CHANGED {
                REPEATED => {}
                RAW => value = bytes.float()?,
                kind => {
                    let difference = match kind {
                        SCALED => {
                            let next = bytes.byte()?;
                            integer *= POWERS[usize::from(next - scale)] as i64;
                            scale = next;
                            bytes.signed()?
                        }
                        DIFFERENCE => bytes.signed()?,
                        small => unzigzag(u64::from(small - SMALL)),
                    };
                    integer += difference;
                    value = integer as f64 / POWERS[usize::from(scale)];
                }
            }
            if !each(time, value) {
                break;
            }
        }
        Ok(())
    }
}

/// What a reader knows after `count` samples of [`Floats`]; by default, at the beginning.
#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    place: u32,
    count: u32,
    scale: u8,
    clock: Clock,
    integer: i64,
    bits: u64,
}

/// Histograms by ascending time.
#[derive(Debug, Default)]
struct Histograms {
    bytes: Vec<u8>,
    count: u32,
    clock: Clock,
    last: Arc<NativeHistogram>,
}

impl Histograms {
    fn push(&mut self, time: i64, value: Arc<NativeHistogram>) {
        let change = self.clock.step(time);
        put_signed(&mut self.bytes, change);
        let before = (self.count > 0).then_some(&*self.last);
        histogram::encode(&value, before, &mut self.bytes);
        self.last = value;
        self.count += 1;
    }

    fn each(
        &self,
        count: u32,
        mut each: impl FnMut(i64, Arc<NativeHistogram>) -> bool,
    ) -> Result<(), Corrupt> {
        let mut bytes = Bytes(&self.bytes);
        let mut clock = Clock::default();
        let mut before: Option<Arc<NativeHistogram>> = None;
        for _ in 0..count.min(self.count) {
            let time = clock.unstep(bytes.signed()?);
            let next = Arc::new(histogram::decode(&mut bytes, before.as_deref())?);
            if !each(time, next.clone()) {
                break;
            }
            before = Some(next);
        }
        Ok(())
    }
}

/// How much of a series there was at a moment: nothing is ever taken away, so that this much stays readable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    floats: u32,
    histograms: u32,
    late: u32,
}

impl Extent {
    /// All there is.
    pub const ALL: Self = Self { floats: u32::MAX, histograms: u32::MAX, late: u32::MAX };

    /// How many samples that are, where a histogram counts as so many.
    pub fn cost(self, histogram: u64) -> u64 {
        let [floats, histograms, late] = [self.floats, self.histograms, self.late].map(u64::from);
        floats + (histograms + late) * histogram
    }
}

/// One series of the head.
#[derive(Debug, Default)]
pub struct HeadSeries {
    floats: Floats,
    /// Times of the newest sample in order (also of one that is in a block by now), the earliest and the latest here.
    newest: Option<(i64, NewestBits)>,
    earliest: Option<i64>,
    rare: Option<Box<Rare>>,
}

/// What the newest sample was, to know a repetition from a conflict.
#[derive(Debug, Clone)]
enum NewestBits {
    Float(u64),
    Histogram(Arc<NativeHistogram>),
}

/// What most series do not have.
#[derive(Debug, Default)]
struct Rare {
    histograms: Histograms,
    /// In the order in which they came.
    late: Vec<(i64, Value)>,
    /// A mark every [`MARKED`] floats: in a long series one time is found without reading all before it.
    marks: Vec<Mark>,
}

impl HeadSeries {
    /// The same series in the next head: no samples, but what is known of the newest. `None` when that is older than
    /// `oldest`: what comes then is in order anyway.
    #[must_use]
    pub fn successor(&self, oldest: i64) -> Option<Self> {
        let newest = self.newest.as_ref().filter(|newest| newest.0 >= oldest)?;
        Some(Self { newest: Some(newest.clone()), ..Self::default() })
    }

    /// Adds a sample; one out of order only when it is at most `window` milliseconds older than the newest.
    pub fn append(&mut self, time: i64, value: &Value, window: i64) -> Result<Verdict, Corrupt> {
        let Some((newest, bits)) = &self.newest else {
            self.push(time, value);
            return Ok(Verdict::Kept);
        };
        if time > *newest {
            self.push(time, value);
            return Ok(Verdict::Kept);
        }
        if time == *newest {
            let same = match (bits, value) {
                (NewestBits::Float(bits), Value::Float(value)) => *bits == value.to_bits(),
                (NewestBits::Histogram(one), Value::Histogram(two)) => histogram::same(one, two),
                _ => false,
            };
            return Ok(if same { Verdict::Repeated } else { Verdict::Conflict });
        }
        if let Some(there) = self.at(time)? {
            return Ok(if there.same(value) { Verdict::Repeated } else { Verdict::Conflict });
        }
        if newest.saturating_sub(time) > window {
            return Ok(Verdict::TooOld);
        }
        self.rare.get_or_insert_default().late.push((time, value.clone()));
        self.seen(time);
        Ok(Verdict::KeptOutOfOrder)
    }

    fn push(&mut self, time: i64, value: &Value) {
        let bits = match value {
            Value::Float(value) => {
                self.floats.push(time, *value);
                if self.floats.count.is_multiple_of(MARKED) {
                    self.rare.get_or_insert_default().marks.push(self.floats.mark());
                }
                NewestBits::Float(value.to_bits())
            }
            Value::Histogram(value) => {
                self.rare.get_or_insert_default().histograms.push(time, value.clone());
                NewestBits::Histogram(value.clone())
            }
        };
        self.newest = Some((time, bits));
        self.seen(time);
    }

    fn seen(&mut self, time: i64) {
        self.earliest = Some(self.earliest.map_or(time, |earliest| earliest.min(time)));
    }

    /// The last mark among the first `count` floats with only earlier times before it.
    fn mark_before(&self, time: i64, count: u32) -> Mark {
        let marks = self.rare.as_ref().map_or(&[][..], |rare| &rare.marks);
        let before = marks.partition_point(|mark| mark.clock.time < time && mark.count <= count);
        before.checked_sub(1).and_then(|last| marks.get(last)).copied().unwrap_or_default()
    }

    /// The sample at a time that is not the newest.
    fn at(&self, time: i64) -> Result<Option<Value>, Corrupt> {
        if self.earliest.is_none_or(|earliest| time < earliest) {
            return Ok(None);
        }
        let mut found = None;
        self.floats.each(self.mark_before(time, u32::MAX), u32::MAX, |at, value| {
            if at == time {
                found = Some(Value::Float(value));
            }
            at < time
        })?;
        let Some(rare) = self.rare.as_ref().filter(|_| found.is_none()) else {
            return Ok(found);
        };
        rare.histograms.each(u32::MAX, |at, value| {
            if at == time {
                found = Some(Value::Histogram(value));
            }
            at < time
        })?;
        let late = || rare.late.iter().find(|late| late.0 == time).map(|late| late.1.clone());
        Ok(found.or_else(late))
    }

    /// Whether it has no samples.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.earliest.is_none()
    }

    /// The first and last time of its samples.
    #[must_use]
    pub fn bounds(&self) -> Option<(i64, i64)> {
        let earliest = self.earliest?;
        let in_order = [
            (self.floats.count > 0).then_some(self.floats.clock.time),
            self.rare
                .as_ref()
                .filter(|rare| rare.histograms.count > 0)
                .map(|rare| rare.histograms.clock.time),
        ];
        let late = self.rare.iter().flat_map(|rare| rare.late.iter().map(|late| late.0));
        in_order.into_iter().flatten().chain(late).max().map(|latest| (earliest, latest))
    }

    /// The newest sample, also of one that is in a block by now, where it is a float and `extent` is still all there is.
    #[must_use]
    pub fn newest(&self, extent: Extent) -> Option<(i64, f64)> {
        match self.newest {
            Some((time, NewestBits::Float(bits))) if self.extent() == extent => {
                Some((time, f64::from_bits(bits)))
            }
            _ => None,
        }
    }

    /// How much there is now.
    #[must_use]
    pub fn extent(&self) -> Extent {
        let (histograms, late) = self.rare.as_ref().map_or((0, 0), |rare| {
            (rare.histograms.count, u32::try_from(rare.late.len()).unwrap_or(u32::MAX))
        });
        Extent { floats: self.floats.count, histograms, late }
    }

    /// Bytes of memory, roughly.
    #[must_use]
    pub fn memory(&self) -> usize {
        let rare = self.rare.as_ref().map_or(0, |rare| {
            size_of::<Rare>()
                + rare.histograms.bytes.capacity()
                + rare.late.capacity() * size_of::<(i64, Value)>()
                + rare.marks.capacity() * size_of::<Mark>()
        });
        size_of::<Self>() + self.floats.bytes.capacity() + rare
    }

    /// Adds the samples of `extent` within a range.
    pub fn read(
        &self,
        extent: Extent,
        range: TimeRange,
        merged: &mut Merged,
    ) -> Result<(), Corrupt> {
        let TimeRange { start, end } = range;
        let from = self.mark_before(start, extent.floats);
        merged.filled(|times, values| {
            // As many as most series have; a range may be a small part of a long one.
            let there = extent.floats.min(self.floats.count).saturating_sub(from.count);
            times.reserve(there.min(MARKED) as usize);
            values.reserve(there.min(MARKED) as usize);
            self.floats.each(from, extent.floats, |time, value| {
                if time >= start && time <= end {
                    times.push(time);
                    values.push(value);
                }
                time < end
            })
        })?;
        let Some(rare) = &self.rare else { return Ok(()) };
        let mut histograms = Vec::new();
        rare.histograms.each(extent.histograms, |time, value| {
            if time >= start && time <= end {
                histograms.push((time, value));
            }
            time < end
        })?;
        merged.histograms(histograms.into_iter().collect());
        let late = rare.late.iter().take(extent.late as usize);
        let mut late: Vec<&(i64, Value)> =
            late.filter(|one| one.0 >= start && one.0 <= end).collect();
        late.sort_by_key(|one| one.0);
        let float = |one: &&(i64, Value)| match one.1 {
            Value::Float(value) => Some((one.0, value)),
            Value::Histogram(_) => None,
        };
        let histogram = |one: &&(i64, Value)| match &one.1 {
            Value::Float(_) => None,
            Value::Histogram(value) => Some((one.0, value.clone())),
        };
        merged.floats(late.iter().filter_map(float).collect());
        merged.histograms(late.iter().filter_map(histogram).collect());
        Ok(())
    }
}

#[cfg(test)]
#[path = "series_tests.rs"]
mod tests;
