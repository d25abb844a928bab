//! What is to be done next.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Maintainer;
use super::job::Job;
use crate::block::{Block, Resolution};
use crate::error::StoreError;
use crate::resolution::{DAY, day};
use crate::store::Inner;

/// Blocks of the head are merged four at a time before a day is.
const MERGED_FIRST: i64 = 4;
/// A day that was merged already is merged again for this many new blocks,
const MANY: usize = 4;
/// or when they have a quarter of its samples.
const MUCH: u64 = 4;

impl Inner {
    /// The next job: the head first, then the oldest day.
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
        let tried = |block: &&Arc<Block>| {
            failed.get(&day(block.meta.start)).is_none_or(|day| day.until <= now)
        };
        let damaged = view.blocks.iter().filter(tried).find(|block| block.file.damages() > 0);
        if let Some(block) = damaged {
            return Job::salvage(block.clone(), maintainer, self).map(Some);
        }
        let mut days: BTreeMap<i64, Vec<Arc<Block>>> = BTreeMap::new();
        for block in view.blocks.iter().filter(tried) {
            days.entry(day(block.meta.start)).or_default().push(block.clone());
        }
        for (day, blocks) in &days {
            let raw: Vec<Arc<Block>> = of(blocks, Resolution::Raw);
            if let Some((sources, level)) = self.to_merge(*day, &raw, now) {
                return Job::merge(sources, level, maintainer, self).map(Some);
            }
            if self.to_downsample(*day, &raw, blocks, now) {
                let mut old = of(blocks, Resolution::FiveMinutes);
                old.extend(of(blocks, Resolution::Hour));
                return Job::downsample(raw, old, maintainer, self).map(Some);
            }
        }
        // What was tried again has nothing more to do.
        maintainer.failed.retain(|_, day| day.until > now);
        Ok(None)
    }

    /// Blocks of one day that are to become one, and the level of that.
    fn to_merge(&self, day: i64, raw: &[Arc<Block>], now: i64) -> Option<(Vec<Arc<Block>>, u8)> {
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
            let worth = large.is_none_or(|large| {
                small.len() >= MANY
                    || small.iter().sum::<u64>().saturating_mul(MUCH) >= large
                    || small.is_empty()
            });
            return worth.then(|| (raw.to_vec(), 2));
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
        let Some(newest) = raw.iter().map(|block| block.meta.generation).max() else {
            return false;
        };
        let done =
            |resolution| of(all, resolution).iter().any(|block| block.meta.generation >= newest);
        now >= ((day + 1) * DAY).saturating_add(after)
            && !(done(Resolution::FiveMinutes) && done(Resolution::Hour))
    }
}

fn of(blocks: &[Arc<Block>], resolution: Resolution) -> Vec<Arc<Block>> {
    blocks.iter().filter(|block| block.meta.resolution == resolution).cloned().collect()
}
