//! What is to be done next.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Maintainer;
use super::job::Job;
use crate::block::{Block, Resolution};
use crate::error::StoreError;
use crate::resolution::{DAY, day, span};
use crate::store::Inner;

/// Blocks of the head are merged four at a time before a day is.
const MERGED_FIRST: i64 = 4;
/// A day that was merged already is merged again for this many new blocks,
const MANY: usize = 4;
/// or when they have a quarter of its samples.
const MUCH: u64 = 4;

/// A block that has so many days beyond the retention is made anew without them.
const CLIPPED: i64 = 5;

impl Inner {
    /// The next job: the head first, then the oldest day, then days that are downsampled and may be one block.
    pub(super) fn plan(
        &self,
        maintainer: &mut Maintainer,
        now: i64,
    ) -> Result<Option<Job>, StoreError> {
        let view = self.view();
        if let Some(head) = view.frozen {
            return Ok(Some(Job::seal(head, maintainer)));
        }
        let failed = &maintainer.failed;
        let tried = |day: i64| failed.get(&day).is_none_or(|day| day.until <= now);
        let block_tried = |block: &Arc<Block>| tried(day(block.meta.start));
        let mut damaged = view.blocks.iter().filter(|block| block.file.damages() > 0);
        if let Some(block) = damaged.find(|block| block_tried(block)) {
            return Job::salvage(block.clone(), maintainer, self).map(Some);
        }
        let span = self.options.head_span_ms;
        let fresh =
            maintainer.sealed_at.is_some_and(|at| (at..at.saturating_add(span)).contains(&now));
        let mut days: BTreeMap<i64, Vec<Arc<Block>>> = BTreeMap::new();
        for block in view.blocks.iter() {
            block.meta.days().for_each(|day| days.entry(day).or_default().push(block.clone()));
        }
        for (day, blocks) in days.iter().filter(|(day, _)| tried(**day)) {
            let raw: Vec<Arc<Block>> = of(blocks, Resolution::Raw);
            // Of a day that is pushed in there is more to come: it must not be done anew with each block.
            let more = view.active.overlaps(day * DAY, (day + 1) * DAY - 1)
                || fresh
                    && newest_of(&raw, Resolution::Raw) == view.active.generation.checked_sub(1);
            if let Some((sources, level)) = self.to_merge(*day, &raw, more, now) {
                return Job::merge(sources, level, maintainer, self).map(Some);
            }
            if !more && self.to_downsample(*day, &raw, blocks, now) {
                let alone = |block: &Arc<Block>| {
                    block.meta.resolution != Resolution::Raw && block.meta.days() == (*day..=*day)
                };
                let old = blocks.iter().filter(|block| alone(block)).cloned().collect();
                return Job::downsample(raw, old, maintainer, self).map(Some);
            }
        }
        let first = day(self.oldest(&view.blocks, now));
        for resolution in [Resolution::FiveMinutes, Resolution::Hour] {
            for run in runs(&of(&view.blocks, resolution)) {
                if run.iter().all(block_tried) && to_join(&run, &days, first) {
                    return Job::join(run, first, maintainer, self).map(Some);
                }
            }
        }
        // What was tried again has nothing more to do.
        maintainer.failed.retain(|_, day| day.until > now);
        Ok(None)
    }

    /// Blocks of one day that are to become one, and the level of that; `more` of it is in the head, or may be soon.
    fn to_merge(
        &self,
        day: i64,
        raw: &[Arc<Block>],
        more: bool,
        now: i64,
    ) -> Option<(Vec<Arc<Block>>, u8)> {
        if raw.len() < 2 {
            return None;
        }
        let span = self.options.head_span_ms;
        let settled = |end: i64| {
            now >= end.saturating_add(self.options.out_of_order_ms).saturating_add(2 * span)
        };
        if settled((day + 1) * DAY) {
            let large = raw
                .iter()
                .filter(|block| block.meta.level == 2)
                .map(|block| block.meta.samples)
                .max();
            let small: Vec<u64> = raw
                .iter()
                .filter(|block| block.meta.level < 2)
                .map(|block| block.meta.samples)
                .collect();
            let much = || {
                large.is_none_or(|large| {
                    small.iter().sum::<u64>().saturating_mul(MUCH) >= large || small.is_empty()
                })
            };
            return (small.len() >= MANY || !more && much()).then(|| (raw.to_vec(), 2));
        }
        let window = MERGED_FIRST.saturating_mul(span);
        let mut windows: BTreeMap<i64, Vec<Arc<Block>>> = BTreeMap::new();
        for block in raw.iter().filter(|block| block.meta.level == 0) {
            windows.entry(block.meta.start.div_euclid(window)).or_default().push(block.clone());
        }
        windows
            .into_iter()
            .find(|(number, blocks)| {
                blocks.len() > 1 && settled((number + 1).saturating_mul(window))
            })
            .map(|(_, blocks)| (blocks, 1))
    }

    /// Whether a day is old enough to be downsampled, and is not, or has more samples since.
    fn to_downsample(&self, day: i64, raw: &[Arc<Block>], all: &[Arc<Block>], now: i64) -> bool {
        let Some(after) = self.options.downsample_after_ms else { return false };
        let Some(newest) = newest_of(raw, Resolution::Raw) else { return false };
        let done = |resolution| newest_of(all, resolution) >= Some(newest);
        now >= ((day + 1) * DAY).saturating_add(after)
            && !(done(Resolution::FiveMinutes) && done(Resolution::Hour))
    }
}

/// The newest generation that is in blocks of a resolution.
fn newest_of(blocks: &[Arc<Block>], resolution: Resolution) -> Option<u64> {
    let of = blocks.iter().filter(|block| block.meta.resolution == resolution);
    of.map(|block| block.meta.generation).max()
}

/// Blocks of one low resolution that may be one: of days without a gap, within one span.
fn runs(blocks: &[Arc<Block>]) -> Vec<Vec<Arc<Block>>> {
    let mut ascending = blocks.to_vec();
    ascending.sort_by_key(|block| block.meta.start);
    let (mut runs, mut last): (Vec<Vec<Arc<Block>>>, i64) = (Vec::new(), i64::MIN);
    for block in ascending {
        let (resolution, days) = (block.meta.resolution, block.meta.days());
        let follows = last.saturating_add(1) >= *days.start()
            && span(resolution, last) == span(resolution, *days.start());
        last = last.max(*days.end());
        match runs.last_mut() {
            Some(run) if follows => run.push(block),
            _ => runs.push(vec![block]),
        }
    }
    runs
}

/// Whether blocks of a run are to become one, or one is to lose what is older than the `first` day that is kept.
fn to_join(run: &[Arc<Block>], days: &BTreeMap<i64, Vec<Arc<Block>>>, first: i64) -> bool {
    let of = || run.iter().map(|block| block.meta.days());
    let (Some(start), Some(end)) =
        (of().map(|days| *days.start()).min(), of().map(|days| *days.end()).max())
    else {
        return false;
    };
    let resolution = run[0].meta.resolution;
    // What joins them has the newest of their generations, and says by that of all its days that they are downsampled.
    let done = |blocks: &Vec<Arc<Block>>| {
        newest_of(blocks, resolution) >= newest_of(blocks, Resolution::Raw)
    };
    (run.len() > 1 || first - start >= CLIPPED) && days.range(start..=end).all(|one| done(one.1))
}

fn of(blocks: &[Arc<Block>], resolution: Resolution) -> Vec<Arc<Block>> {
    blocks.iter().filter(|block| block.meta.resolution == resolution).cloned().collect()
}
