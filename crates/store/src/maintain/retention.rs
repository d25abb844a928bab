//! Removing what is old or too much, and forgetting series that nothing is left of.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use roaring::RoaringBitmap;

use super::Maintainer;
use crate::block::{Block, Resolution};
use crate::folder::remove;
use crate::resolution::{DAY, day};
use crate::store::{Inner, lock};

impl Inner {
    /// Removes blocks that are too old, then the oldest while all take too much. How many.
    pub(super) fn expire(&self, maintainer: &mut Maintainer, now: i64) -> usize {
        let view = self.view();
        if view.blocks.is_empty() {
            return 0;
        }
        let options = &self.options;
        let oldest = self.oldest(&view.blocks, now);
        let raw_oldest = oldest.saturating_add(options.retention_ms - options.raw_retention());
        // The newest generation that is downsampled, by day.
        let mut low: HashMap<i64, u64> = HashMap::new();
        for block in view.blocks.iter().filter(|block| block.meta.resolution != Resolution::Raw) {
            for day in block.meta.days() {
                let newest = low.entry(day).or_default();
                *newest = (*newest).max(block.meta.generation);
            }
        }
        let mut gone: Vec<Arc<Block>> = Vec::new();
        for block in view.blocks.iter() {
            // Of a day at full resolution all blocks go at once, and only once there are lower ones.
            let raw_expired = block.meta.resolution == Resolution::Raw
                && (day(block.meta.start) + 1) * DAY <= raw_oldest
                && low.get(&day(block.meta.start)).is_some_and(|low| *low >= block.meta.generation);
            if block.meta.end < oldest || raw_expired {
                gone.push(block.clone());
            }
        }
        if let Some(limit) = options.retention_bytes {
            self.too_much(&view.blocks, limit, &mut gone);
        }
        if gone.is_empty() {
            return 0;
        }
        self.change_view(|view| {
            let kept =
                view.blocks.iter().filter(|block| !gone.iter().any(|one| Arc::ptr_eq(one, block)));
            view.blocks = Arc::new(kept.cloned().collect());
        });
        gone.iter().for_each(|block| remove(&options.disk, &block.file));
        maintainer.blocks_gone = true;
        gone.len()
    }

    /// The oldest time that is kept.
    pub(super) fn oldest(&self, blocks: &[Arc<Block>], now: i64) -> i64 {
        // A clock that is wrong by years must not remove everything.
        let newest = blocks.iter().map(|block| block.meta.end).max().unwrap_or(now);
        now.min(newest.saturating_add(DAY)).saturating_sub(self.options.retention_ms)
    }

    /// Adds the oldest blocks to `gone` until the others and the log take at most `limit` bytes.
    fn too_much(&self, blocks: &[Arc<Block>], limit: u64, gone: &mut Vec<Arc<Block>>) {
        let mut left: Vec<&Arc<Block>> =
            blocks.iter().filter(|block| !gone.iter().any(|one| Arc::ptr_eq(one, block))).collect();
        left.sort_by_key(|block| block.meta.end);
        let mut bytes =
            self.wal.status().bytes + left.iter().map(|block| block.file.bytes()).sum::<u64>();
        for block in left {
            if bytes <= limit {
                break;
            }
            bytes = bytes.saturating_sub(block.file.bytes());
            gone.push(block.clone());
        }
    }

    /// Forgets series that have no samples any more. How many.
    pub(super) fn forget(&self, maintainer: &mut Maintainer) -> usize {
        let before = self.known.index();
        let (all, next) = (before.all().clone(), before.next());
        drop(before);
        let new_from = std::mem::replace(&mut maintainer.new_from, next);
        let view = self.view();
        let mut dead = all;
        for block in view.blocks.iter() {
            dead -= &block.meta.series;
        }
        dead.remove_range(new_from..);
        if let Some(frozen) = &view.frozen {
            dead -= &frozen.lock().ids;
        }
        {
            // From here on their handles are void, so that none of them gets a sample.
            let mut appender = lock(&self.appender);
            dead -= &self.view().active.lock().ids;
            appender.forgotten |= &dead;
        }
        if dead.is_empty() {
            return 0;
        }
        self.drop_from_index(&dead);
        self.names.write().unwrap_or_else(PoisonError::into_inner).clear();
        let known = self.known.clone();
        self.wal.rewrite_registry(Box::new(move || known.registry()));
        dead.len() as usize
    }

    /// Makes the index anew without these series, beside the one in use, and then takes its place.
    fn drop_from_index(&self, dead: &RoaringBitmap) {
        let before = self.known.index();
        let mut next = before.retained(&(before.all() - dead));
        let from = before.next();
        drop(before);
        let mut index = self.known.index.write().unwrap_or_else(PoisonError::into_inner);
        let mut newer = index.all().clone();
        newer.remove_range(..from);
        for id in newer {
            if let Some(labels) = index.labels(id) {
                next.insert(id, &labels);
            }
        }
        next.reserve(index.next());
        *index = next;
    }
}
