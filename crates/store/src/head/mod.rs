//! What is not in a block yet: the samples of one generation, about half an hour of them, in memory.

pub mod series;

use std::sync::{Mutex, MutexGuard, PoisonError};

use roaring::RoaringBitmap;

use crate::bytes::Corrupt;
use crate::sample::Value;
pub use series::{Extent, HeadSeries, Verdict};

/// Series are kept this many together, so that numbers of dead ones cost nothing.
const PAGE: usize = 64;

/// One generation of the head. Its log records carry its number.
#[derive(Debug)]
pub struct Head {
    /// Its number.
    pub generation: u64,
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
    /// An empty one.
    #[must_use]
    pub fn new(generation: u64) -> Self {
        Self { generation, content: Mutex::default() }
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
        Self { generation: self.generation + 1, content: Mutex::new(next) }
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

    /// Bytes of memory, roughly.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.pages.iter().flatten().flat_map(|page| page.iter()).map(HeadSeries::memory).sum()
    }
}
