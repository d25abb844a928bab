//! Which blocks answer a query: those of full resolution, unless they are gone or the range is long.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::block::{Block, Resolution};
use crate::options::StoreOptions;
use crate::read::{Hints, Stretch, TimeRange};

/// A day of UTC, in milliseconds.
pub const DAY: i64 = 86_400_000;

/// The day of a time.
#[must_use]
pub const fn day(time: i64) -> i64 {
    time.div_euclid(DAY)
}

/// Which of the spans of a resolution's blocks a day is in.
#[must_use]
pub const fn span(resolution: Resolution, day: i64) -> i64 {
    day.div_euclid(resolution.days())
}

/// Days, one after the other, that are answered from a block.
#[derive(Debug, Clone)]
pub struct Part {
    /// The block.
    pub block: Arc<Block>,
    /// From the first millisecond of the first day to the last one of the last.
    pub range: TimeRange,
}

/// For each day, the blocks of the one resolution that answers; ordered as `blocks` are.
pub fn choose(
    blocks: &[Arc<Block>],
    range: TimeRange,
    hints: Hints,
    options: &StoreOptions,
) -> Vec<Part> {
    let most = Resolution::Hour.step();
    let (first, last) = (range.start.saturating_sub(most), range.end.saturating_add(most));
    let mut parts = parts(blocks, wanted(range, hints, options), day(first)..=day(last));
    parts.retain(|Part { block, range: days }| {
        let range = around(range, block.meta.resolution, hints.stretch);
        let (start, end) = (range.start.max(days.start), range.end.min(days.end));
        let own = TimeRange { start: block.meta.start.max(start), end: block.meta.end.min(end) };
        own.start <= own.end && seen(own, block.meta.resolution, hints)
    });
    parts
}

/// The range in which samples of a block may be that say something of a range.
pub fn around(range: TimeRange, resolution: Resolution, stretch: Stretch) -> TimeRange {
    let (before, after) = match stretch {
        Stretch::Line => (resolution.step(), resolution.step()),
        // An hourly value stands for the hour after it, so that the hour before the range counts, too.
        Stretch::Last | Stretch::Standing if resolution == Resolution::Hour => {
            (resolution.step(), 0)
        }
        _ => (0, 0),
    };
    TimeRange { start: range.start.saturating_sub(before), end: range.end.saturating_add(after) }
}

/// Whether samples of a range may be looked at. What is downsampled stands for more than its time, and one that is not may
/// end what is.
pub fn seen(range: TimeRange, resolution: Resolution, hints: Hints) -> bool {
    let beside = match hints.stretch {
        Stretch::Line | Stretch::Last => Resolution::Hour.step(),
        _ => 0,
    };
    let windows = hints.windows.filter(|_| resolution == Resolution::Raw);
    windows.is_none_or(|windows| windows.touch(range, beside))
}

/// What of `blocks`, which are by generation, answers each of these days. At low resolutions a day is in several blocks when
/// it got samples later: the newest has all of them.
pub fn parts(blocks: &[Arc<Block>], wanted: Resolution, days: RangeInclusive<i64>) -> Vec<Part> {
    let mut there: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (place, block) in blocks.iter().enumerate() {
        let of = block.meta.days();
        for day in *of.start().max(days.start())..=*of.end().min(days.end()) {
            there.entry(day).or_default().push(place);
        }
    }
    let mut answered: Vec<Vec<i64>> = vec![Vec::new(); blocks.len()];
    for (day, places) in there {
        let resolution = |place: &usize| blocks[*place].meta.resolution;
        let found: Vec<Resolution> = places.iter().map(resolution).collect();
        let chosen = nearest(&found, wanted);
        let all = places.into_iter().filter(|place| resolution(place) == chosen).rev();
        let newest = if chosen == Resolution::Raw { usize::MAX } else { 1 };
        all.take(newest).for_each(|place| answered[place].push(day));
    }
    let parts = |(block, days): (&Arc<Block>, Vec<i64>)| {
        let runs = days.chunk_by(|one, next| one + 1 == *next);
        let part = |run: &[i64]| {
            let range =
                TimeRange { start: run[0] * DAY, end: (run[0] + run.len() as i64) * DAY - 1 };
            Part { block: block.clone(), range }
        };
        runs.map(part).collect::<Vec<Part>>()
    };
    blocks.iter().zip(answered).flat_map(parts).collect()
}

fn wanted(range: TimeRange, hints: Hints, options: &StoreOptions) -> Resolution {
    if range.end.saturating_sub(range.start) <= options.long_range_ms {
        return Resolution::Raw;
    }
    // Of a window that is whole stretches nothing is lost, however few they are.
    let whole = |step: i64| {
        hints.stretch != Stretch::Last && hints.step > 0 && hints.grid > 0 && hints.grid % step == 0
    };
    let fits = |one: &Resolution| hints.step >= one.step() || whole(one.step());
    let coarse = [Resolution::Hour, Resolution::FiveMinutes];
    coarse.into_iter().find(fits).unwrap_or(Resolution::Raw)
}

/// What is wanted, else the next finer, else the next coarser.
fn nearest(there: &[Resolution], wanted: Resolution) -> Resolution {
    let finer = there.iter().filter(|one| **one <= wanted).max();
    finer.or_else(|| there.iter().min()).copied().unwrap_or(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Resolution::{FiveMinutes, Hour, Raw};

    #[test]
    fn low_resolution_only_for_long_ranges_and_large_steps() {
        let options = StoreOptions::new("unused");
        let wanted = |days, step| {
            let hints = Hints { step, ..Hints::default() };
            wanted(TimeRange { start: 0, end: days * DAY }, hints, &options)
        };
        assert_eq!(wanted(7, Hour.step()), Raw);
        assert_eq!(wanted(8, Hour.step()), Hour);
        assert_eq!(wanted(8, Hour.step() - 1), FiveMinutes);
        assert_eq!(wanted(8, 60_000), Raw);
        assert_eq!(wanted(8, 0), Raw);
    }

    #[test]
    fn whole_stretches_may_be_as_long_as_a_window() {
        let options = StoreOptions::new("unused");
        let wanted = |grid, step, stretch| {
            let range = TimeRange { start: 0, end: 8 * DAY };
            wanted(range, Hints { step, grid, stretch, ..Hints::default() }, &options)
        };
        assert_eq!(wanted(Hour.step(), 1, Stretch::Max), Hour);
        assert_eq!(wanted(30 * 60_000, 1, Stretch::Sum), FiveMinutes);
        assert_eq!(wanted(60_000, 1, Stretch::Sum), Raw);
        // The last samples of a window say nothing of its beginning.
        assert_eq!(wanted(Hour.step(), 1, Stretch::Last), Raw);
        // One point is made of everything, and so is what is not known.
        assert_eq!(wanted(Hour.step(), 0, Stretch::Max), Raw);
        assert_eq!(wanted(0, 1, Stretch::Max), Raw);
    }

    #[test]
    fn what_is_gone_is_answered_by_what_is_there() {
        assert_eq!(nearest(&[FiveMinutes, Hour], Raw), FiveMinutes);
        assert_eq!(nearest(&[Raw, FiveMinutes, Hour], Hour), Hour);
        assert_eq!(nearest(&[Raw, FiveMinutes], Hour), FiveMinutes);
        assert_eq!(nearest(&[Raw, Hour], FiveMinutes), Raw);
        assert_eq!(nearest(&[Hour], Raw), Hour);
    }
}
