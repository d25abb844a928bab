//! What is not in a block yet: the samples of one generation, about half an hour of them, in memory.

pub mod series;

use std::sync::{Mutex, MutexGuard, PoisonError};

use roaring::RoaringBitmap;

use crate::bytes::Corrupt;
use crate::sample::Value;
pub use series::{Extent, HeadSeries, Verdict};

/// Series are kept this many together, so that numbers of dead ones cost nothing.
const PAGE: usize = 64;
/// A head with this many samples a series becomes blocks before its time is over, unless it is a small one: it makes
/// good chunks, and more of them only take memory.
const ENOUGH_EACH: u64 = 360;
/// What a small one has in all.
const SMALL: u64 = 2_000_000;

/// One generation of the head. Its log records carry its number.
#[derive(Debug)]
pub struct Head {
    /// Its number.
    pub generation: u64,
    /// From this time on, in milliseconds since the Unix epoch, its series know the newest sample that they ever had.
    pub knows_from: i64,
    content: Mutex<Content>,
}

/// All series of a generation.
#[derive(Debug, Default)]
pub struct Content {
    pages: Vec<Option<Box<[HeadSeries; PAGE]>>>,
    /// Series that have samples.
    pub ids: RoaringBitmap,
    /// How many samples.
    pub samples: u64,
    /// The earliest and the latest time; nothing before the first sample.
    pub bounds: Option<(i64, i64)>,
}

impl Head {
    /// An empty one, after blocks with samples until `end`.
    #[must_use]
    pub fn after(end: Option<i64>) -> Self {
        let knows_from = end.map_or(i64::MIN, |end| end.saturating_add(1));
        Self { generation: 0, knows_from, content: Mutex::default() }
    }

    /// The next generation: empty, but it knows the newest samples since `oldest` of this one.
    #[must_use]
    pub fn successor(&self, oldest: i64) -> Self {
        let mut next = Content::default();
        let content = self.lock();
        for (number, page) in content.pages.iter().enumerate() {
            let Some(page) = page else { continue };
            for (place, series) in page.iter().enumerate() {
                if let Some(successor) = series.successor(oldest) {
                    *next.slot(number * PAGE + place) = successor;
                }
            }
        }
        Self {
            generation: self.generation + 1,
            knows_from: self.knows_from.max(oldest),
            content: Mutex::new(next),
        }
    }

    /// Its content, alone.
    pub fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it has samples in `start..=end`.
    #[must_use]
    pub fn overlaps(&self, start: i64, end: i64) -> bool {
        self.lock().bounds.is_some_and(|bounds| bounds.0 <= end && bounds.1 >= start)
    }
}

impl Content {
    fn slot(&mut self, id: usize) -> &mut HeadSeries {
        let number = id / PAGE;
        if number >= self.pages.len() {
            self.pages.resize_with(number + 1, || None);
        }
        let page = self.pages[number]
            .get_or_insert_with(|| Box::new(std::array::from_fn(|_| HeadSeries::default())));
        &mut page[id % PAGE]
    }

    /// A series that has samples, or had one lately.
    #[must_use]
    pub fn series(&self, id: u32) -> Option<&HeadSeries> {
        let id = id as usize;
        self.pages.get(id / PAGE)?.as_ref()?.get(id % PAGE)
    }

    /// Adds a sample.
    pub fn append(
        &mut self,
        id: u32,
        time: i64,
        value: &Value,
        window: i64,
    ) -> Result<Verdict, Corrupt> {
        let series = self.slot(id as usize);
        let first = series.is_empty();
        let verdict = series.append(time, value, window)?;
        if matches!(verdict, Verdict::Kept | Verdict::KeptOutOfOrder) {
            if first {
                self.ids.insert(id);
            }
            self.samples += 1;
            let bounds = self.bounds.get_or_insert((time, time));
            *bounds = (bounds.0.min(time), bounds.1.max(time));
        }
        Ok(verdict)
    }

    /// Whether it is to become blocks, whatever the time: at `most` samples, or when there are enough of each series.
    #[must_use]
    pub fn is_full(&self, most: u64) -> bool {
        self.samples >= most.min(SMALL.max(self.ids.len() * ENOUGH_EACH))
    }

    /// Bytes of memory, roughly.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.pages.iter().flatten().flat_map(|page| page.iter()).map(HeadSeries::memory).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_full_when_there_is_enough_of_each_series() {
        let full = |series: u32, samples: u64| {
            let ids = (0..series).collect();
            Content { ids, samples, ..Content::default() }.is_full(20_000_000)
        };
        assert!(!full(10, 1_999_999) && full(10, 2_000_000), "few series");
        assert!(!full(10_000, 3_599_999) && full(10_000, 3_600_000));
        assert!(!full(200_000, 19_999_999) && full(200_000, 20_000_000), "many");
    }
}
