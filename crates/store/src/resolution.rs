//! Which blocks answer a query: those of full resolution, unless they are gone or the range is long.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::block::{Block, Resolution};
use crate::options::StoreOptions;
use crate::read::{Hints, Stretch, TimeRange};

/// Blocks are within one day of UTC, in milliseconds.
pub const DAY: i64 = 86_400_000;

/// The day of a time.
#[must_use]
pub const fn day(time: i64) -> i64 {
    time.div_euclid(DAY)
}

/// For each day, the blocks of the one resolution that answers; ordered as `blocks` are.
pub fn choose(
    blocks: &[Arc<Block>],
    range: TimeRange,
    hints: Hints,
    options: &StoreOptions,
) -> Vec<Arc<Block>> {
    let mut there: BTreeMap<i64, Vec<Resolution>> = BTreeMap::new();
    for block in blocks {
        there.entry(day(block.meta.start)).or_default().push(block.meta.resolution);
    }
    let wanted = wanted(range, hints, options);
    let chosen = |block: &&Arc<Block>| {
        let resolution = block.meta.resolution;
        // An hourly value is repeated for an hour, so that of the hour before the range counts too.
        let line = if hints.stretch == Stretch::Line { resolution.step() } else { 0 };
        let before = if resolution == Resolution::Hour { resolution.step() } else { line };
        let there = there.get(&day(block.meta.start)).map(Vec::as_slice).unwrap_or_default();
        block.overlaps(range.start.saturating_sub(before), range.end.saturating_add(line))
            && resolution == nearest(there, wanted)
    };
    blocks.iter().filter(chosen).cloned().collect()
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
