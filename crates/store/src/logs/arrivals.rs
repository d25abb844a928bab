//! Entries in the order of their arrival, for those who take them elsewhere: whatever their times are, by number.

use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use vigie_model::LogEntry;

use super::rows::{Rows, Unit};
use super::store::{Inner, LogStore, lock, text_bytes};
use crate::block_file::BlockError;

/// Some entries in the order of their arrival.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arrivals {
    /// Number and entry, ascending by number.
    pub entries: Vec<(u64, LogEntry)>,
    /// From which number to go on.
    pub next: u64,
    /// How many entries before [`Self::next`] are there no more: retention or damage took them.
    pub gone: u64,
}

/// Why nothing could be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArrivalsError {
    /// The disk failed; the next try may work.
    #[error("log entries could not be read: {0}")]
    Disk(String),
}

impl LogStore {
    /// Entries with lesser numbers are on the disk: they keep their numbers, whatever happens. One that is not there yet may
    /// be lost by a kill, and its number given to another.
    #[must_use]
    pub fn durable_number(&self) -> u64 {
        self.0.durable.load(Ordering::Acquire)
    }

    /// At most `most` entries from number `from` on, and not many more than `most_bytes` of text (but one entry at least), in
    /// the order of their numbers; only such as are on the disk. Those that are gone are counted.
    ///
    /// # Errors
    /// When the disk failed and `pass_over` is not set; otherwise what cannot be read is counted as gone.
    pub fn arrivals(
        &self,
        from: u64,
        most: usize,
        most_bytes: usize,
        pass_over: bool,
    ) -> Result<Arrivals, ArrivalsError> {
        // In this order: what is durable now is in sight then.
        let end = self.durable_number();
        if from >= end || most == 0 {
            return Ok(Arrivals { next: from, ..Arrivals::default() });
        }
        let inner = &*self.0;
        let units = inner.units_from(from, end);
        let failed = |error: BlockError| match error {
            BlockError::Disk { .. } if !pass_over => Err(ArrivalsError::Disk(error.to_string())),
            error => {
                inner.unreadable(&error);
                Ok(())
            }
        };
        let mut first: BinaryHeap<(u64, usize, u32)> = BinaryHeap::new();
        for (place, unit) in units.iter().enumerate() {
            let full = first.len() >= most;
            if full && first.peek().is_some_and(|last| last.0 < unit.first_number()) {
                break;
            }
            let rows = Rows::new(unit.clone());
            match rows.numbers() {
                Ok(numbers) => choose(&mut first, most, (from, end), place, numbers),
                Err(error) => failed(error)?,
            }
        }
        let mut next = match first.peek() {
            Some(last) if first.len() >= most => last.0 + 1,
            _ => end,
        };
        let mut by_unit: BTreeMap<usize, Vec<(u64, u32)>> = BTreeMap::new();
        for (number, place, row) in first.into_sorted_vec() {
            by_unit.entry(place).or_default().push((number, row));
        }
        let (mut kept, mut bytes) = (BTreeMap::new(), 0);
        for (place, wanted) in by_unit {
            let Some(unit) = units.get(place) else { continue };
            // The columns of one part are in memory at a time.
            let rows = Rows::new(unit.clone());
            let (numbers, wanted): (Vec<u64>, Vec<u32>) =
                wanted.into_iter().take_while(|(number, _)| *number < next).unzip();
            match rows.entries(&wanted) {
                Ok(entries) => {
                    for (number, entry) in numbers.into_iter().zip(entries) {
                        if number >= next {
                            break;
                        }
                        bytes += text_bytes(&entry);
                        kept.insert(number, entry);
                        next = next.min(cut(&mut kept, &mut bytes, most_bytes).unwrap_or(next));
                    }
                }
                Err(error) => failed(error)?,
            }
        }
        let gone = (next - from).saturating_sub(kept.len() as u64);
        Ok(Arrivals { entries: kept.into_iter().collect(), next, gone })
    }
}

/// Keeps the `most` least numbers.
fn choose(
    first: &mut BinaryHeap<(u64, usize, u32)>,
    most: usize,
    (from, end): (u64, u64),
    place: usize,
    numbers: &[u64],
) {
    for (row, number) in (0..).zip(numbers) {
        if !(from..end).contains(number) {
            continue;
        }
        if first.len() < most {
            first.push((*number, place, row));
        } else if first.peek().is_some_and(|last| *number < last.0) {
            first.pop();
            first.push((*number, place, row));
        }
    }
}

/// Takes out the last entries while there is too much. The least number that was taken out.
fn cut(kept: &mut BTreeMap<u64, LogEntry>, bytes: &mut usize, most: usize) -> Option<u64> {
    let mut least = None;
    while *bytes > most && kept.len() > 1 {
        let (number, entry) = kept.pop_last()?;
        *bytes -= text_bytes(&entry);
        least = Some(number);
    }
    least
}

impl Inner {
    /// All that may have entries with these numbers, by the least of them.
    fn units_from(&self, from: u64, end: u64) -> Vec<Unit> {
        let state = lock(&self.state);
        let frozen = state.frozen.iter().flat_map(|frozen| frozen.chunks.iter().cloned());
        let mut chunks: Vec<_> = frozen.chain(state.head.chunks.iter().cloned()).collect();
        let active = &state.head.active.columns;
        if active.numbers.last().is_some_and(|last| *last >= from)
            && active.numbers.first().is_some_and(|first| *first < end)
        {
            chunks.push(Arc::new(active.clone()));
        }
        let blocks = Arc::clone(&state.blocks);
        drop(state);
        let parts = blocks.iter().flat_map(|block| {
            (0..block.meta.parts.len()).map(|place| Unit::Part(block.clone(), place))
        });
        let wanted = |unit: &Unit| unit.last_number() >= from && unit.first_number() < end;
        let mut units: Vec<Unit> =
            chunks.into_iter().map(Unit::Chunk).chain(parts).filter(wanted).collect();
        units.sort_by_cached_key(Unit::first_number);
        units
    }
}
