//! Entries by time, in either direction, a page at a time or one after the other.

use std::cmp::Ordering as Compared;
use std::collections::{BinaryHeap, VecDeque};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::Ordering as Atomic;

use vigie_model::LogEntry;

use super::columns::Text;
use super::filter::LogFilter;
use super::rows::{Rows, Unit};
use super::store::{Inner, LogStore, lock};
use crate::block_file::BlockError;
use crate::status::Damage;

/// Columns that one scan holds at most, in bytes, about; parts beyond are read again from where they were left.
const MOST_OPEN: usize = 48 << 20;
/// Entries that are taken from such a part at a time.
const BATCH: usize = 512;
/// Entries that are taken from others at a time. Of the first ones alone texts are made: most pages need no more of a part.
const PAGE: usize = 128;

/// In which order entries come. Entries of one time are in the order in which they arrived, or its reverse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The newest first.
    NewestFirst,
    /// The oldest first.
    OldestFirst,
}

/// Behind which entry a page begins. It stays right while new entries arrive. Opaque as a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    time: i64,
    number: u64,
}

/// A text that is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no cursor: take it from the answer before as it is")]
pub struct CursorError;

impl fmt::Display for Cursor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:x}-{:x}", self.time, self.number)
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (time, number) = text.split_once('-').ok_or(CursorError)?;
        let hex = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
            digits.then(|| u64::from_str_radix(text, 16).ok()).flatten().ok_or(CursorError)
        };
        Ok(Self { time: hex(time)?.cast_signed(), number: hex(number)? })
    }
}

/// An entry that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where it is: a page after it begins behind it. No two entries have the same.
    pub cursor: Cursor,
    /// Its place in the order of arrival.
    pub number: u64,
    /// The entry.
    pub entry: LogEntry,
}

/// Why a search ended without an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogReadError {
    /// It was cancelled.
    #[error("the search was cancelled")]
    Cancelled,
}

/// Some entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// In the order that was asked for.
    pub entries: Vec<Found>,
    /// Where the next page begins; none when there are no more.
    pub next: Option<Cursor>,
    /// Parts of blocks that could not be read, and are named in [`super::LogStatus::damaged`].
    pub unreadable: usize,
}

/// Asked now and then whether to give up.
pub type Cancelled<'a> = &'a dyn Fn() -> bool;

impl LogStore {
    /// Entries one after the other, behind `after` if that is given. What arrives meanwhile is not among them. Memory is
    /// bounded whatever is asked for.
    #[must_use]
    pub fn scan(&self, filter: LogFilter, order: Order, after: Option<Cursor>) -> Scan {
        Scan::new(self.0.clone(), filter, order, after)
    }

    /// At most `limit` entries.
    ///
    /// # Errors
    /// When `cancelled` says so.
    pub fn search(
        &self,
        filter: LogFilter,
        order: Order,
        after: Option<Cursor>,
        limit: usize,
        cancelled: Cancelled<'_>,
    ) -> Result<Page, LogReadError> {
        let mut scan = self.scan(filter, order, after);
        let mut page = Page::default();
        while let Some(found) = scan.next(cancelled)? {
            if page.entries.len() == limit {
                page.next = page.entries.last().map(|last| last.cursor);
                break;
            }
            page.entries.push(found);
        }
        page.unreadable = scan.unreadable;
        Ok(page)
    }
}

impl Inner {
    /// All that is in sight and may have what the filter wants.
    pub(super) fn units(&self, filter: &mut LogFilter) -> Vec<Unit> {
        let oldest = self.now.load(Atomic::Relaxed).saturating_sub(self.options.retention_ms);
        filter.start_nanos = filter.start_nanos.max(oldest.saturating_mul(1_000_000));
        let state = lock(&self.state);
        let frozen = state.frozen.iter().flat_map(|frozen| frozen.chunks.iter().cloned());
        let mut chunks: Vec<_> = frozen.chain(state.head.chunks.iter().cloned()).collect();
        if !state.head.active.columns.is_empty() {
            chunks.push(Arc::new(state.head.active.columns.clone()));
        }
        let blocks = Arc::clone(&state.blocks);
        drop(state);
        let parts = blocks.iter().flat_map(|block| {
            (0..block.meta.parts.len()).map(|place| Unit::Part(block.clone(), place))
        });
        let wanted = |unit: &Unit| {
            unit.range()
                .is_some_and(|(start, end)| start <= filter.end_nanos && end >= filter.start_nanos)
                && unit.last_number() >= filter.from_number
        };
        chunks.into_iter().map(Unit::Chunk).chain(parts).filter(wanted).collect()
    }

    /// Names what could not be read.
    pub(super) fn unreadable(&self, error: &BlockError) {
        let (BlockError::Disk { file, .. } | BlockError::Damaged { file, .. }) = error;
        self.damage(Damage {
            file: format!("{}/{file}", crate::folder::BLOCKS),
            what: format!("{error}; the rest is served"),
        });
    }
}

/// What a part has to give, in order.
struct Opened {
    taken: VecDeque<Found>,
    rest: Rest,
}

/// Where to go on when what was taken is gone.
enum Rest {
    Nothing,
    /// The rows that are left, the next one first.
    Kept(Box<Rows>, VecDeque<u32>),
    Again(Unit, Cursor),
}

impl Rest {
    fn bytes(&self) -> usize {
        if let Self::Kept(rows, _) = self { rows.bytes() } else { 0 }
    }
}

/// The next entry of a part.
struct Next {
    cursor: Cursor,
    place: usize,
    newest_first: bool,
}

impl PartialEq for Next {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Compared::Equal
    }
}
impl Eq for Next {}
impl PartialOrd for Next {
    fn partial_cmp(&self, other: &Self) -> Option<Compared> {
        Some(self.cmp(other))
    }
}
impl Ord for Next {
    fn cmp(&self, other: &Self) -> Compared {
        let by_time = self.cursor.cmp(&other.cursor);
        if self.newest_first { by_time } else { by_time.reverse() }
    }
}

/// A walk over entries by time.
pub struct Scan {
    inner: Arc<Inner>,
    filter: LogFilter,
    order: Order,
    after: Option<Cursor>,
    /// What is not opened yet; the next one last.
    units: Vec<(i64, Unit)>,
    opened: Vec<Option<Opened>>,
    next: BinaryHeap<Next>,
    open_bytes: usize,
    /// [`MOST_OPEN`].
    most_open: usize,
    /// Parts that could not be read: they are left out, and named.
    pub unreadable: usize,
}

impl Scan {
    fn new(inner: Arc<Inner>, mut filter: LogFilter, order: Order, after: Option<Cursor>) -> Self {
        match (order, after) {
            (Order::NewestFirst, Some(after)) => {
                filter.end_nanos = filter.end_nanos.min(after.time)
            }
            (Order::OldestFirst, Some(after)) => {
                filter.start_nanos = filter.start_nanos.max(after.time)
            }
            _ => {}
        }
        let units = inner.units(&mut filter);
        let edge = |unit: &Unit| {
            unit.range()
                .map_or(0, |range| if order == Order::NewestFirst { range.1 } else { range.0 })
        };
        let mut units: Vec<(i64, Unit)> =
            units.into_iter().map(|unit| (edge(&unit), unit)).collect();
        units.sort_by_key(|unit| unit.0);
        if order == Order::OldestFirst {
            units.reverse();
        }
        Self {
            inner,
            filter,
            order,
            after,
            units,
            opened: Vec::new(),
            next: BinaryHeap::new(),
            open_bytes: 0,
            most_open: MOST_OPEN,
            unreadable: 0,
        }
    }

    /// The next entry; none after the last.
    ///
    /// # Errors
    /// When `cancelled` says so.
    pub fn next(&mut self, cancelled: Cancelled<'_>) -> Result<Option<Found>, LogReadError> {
        loop {
            while let Some((edge, _)) = self.units.last() {
                // A part whose first entry cannot come before the best one waits.
                let waits = self.next.peek().is_some_and(|best| match self.order {
                    Order::NewestFirst => best.cursor.time > *edge,
                    Order::OldestFirst => best.cursor.time < *edge,
                });
                if waits {
                    break;
                }
                if cancelled() {
                    return Err(LogReadError::Cancelled);
                }
                if let Some((_, unit)) = self.units.pop() {
                    let place = self.opened.len();
                    self.opened.push(None);
                    self.open(place, unit, self.after);
                }
            }
            let Some(best) = self.next.pop() else { return Ok(None) };
            if let Some(found) = self.take(best.place) {
                return Ok(Some(found));
            }
        }
    }

    fn open(&mut self, place: usize, unit: Unit, after: Option<Cursor>) {
        let opened = self.try_open(unit, after);
        self.put(place, opened);
    }

    /// What a part gives next; one that cannot be read is left out.
    fn put(&mut self, place: usize, opened: Result<Opened, BlockError>) {
        let opened = match opened {
            Ok(opened) => opened,
            Err(error) => {
                self.inner.unreadable(&error);
                self.unreadable += 1;
                return;
            }
        };
        let Some(first) = opened.taken.front() else { return };
        let newest_first = self.order == Order::NewestFirst;
        self.next.push(Next { cursor: first.cursor, place, newest_first });
        self.open_bytes += opened.rest.bytes();
        if let Some(slot) = self.opened.get_mut(place) {
            *slot = Some(opened);
        }
    }

    fn try_open(&self, unit: Unit, after: Option<Cursor>) -> Result<Opened, BlockError> {
        let rows = Rows::new(unit);
        let mut wanted = self.filter.rows(&rows)?;
        if wanted.is_empty() {
            return Ok(Opened { taken: VecDeque::new(), rest: Rest::Nothing });
        }
        let (times, numbers) = (rows.times()?, rows.numbers()?);
        let cursor = |row: u32| cursor(times, numbers, row);
        if let Some(after) = after {
            wanted.retain(|row| match self.order {
                Order::NewestFirst => cursor(*row) < after,
                Order::OldestFirst => cursor(*row) > after,
            });
        }
        // Rows of a part are by time and number already; those of the head are as they came.
        wanted.sort_by_key(|row| cursor(*row));
        if self.order == Order::NewestFirst {
            wanted.reverse();
        }
        let room = self.open_bytes + rows.bytes() <= self.most_open;
        let left = wanted.split_off(wanted.len().min(if room { PAGE } else { BATCH }));
        // All columns are read here, so that what is damaged is found before anything is handed out.
        let taken = found(&rows, &wanted)?;
        let rest = match taken.back() {
            Some(last) if !left.is_empty() && !room => Rest::Again(rows.unit, last.cursor),
            Some(_) if !left.is_empty() => Rest::Kept(Box::new(rows), left.into()),
            _ => Rest::Nothing,
        };
        Ok(Opened { taken, rest })
    }

    /// Goes on in a part of which everything is gone that was taken.
    fn go_on(&mut self, place: usize, rest: Rest) {
        self.open_bytes = self.open_bytes.saturating_sub(rest.bytes());
        let more = |rows: Box<Rows>, mut left: VecDeque<u32>| {
            rows.text(Text::Message)?;
            rows.text(Text::Fields)?;
            let wanted: Vec<u32> = left.drain(..left.len().min(PAGE)).collect();
            let taken = found(&rows, &wanted)?;
            let rest = if left.is_empty() { Rest::Nothing } else { Rest::Kept(rows, left) };
            Ok(Opened { taken, rest })
        };
        match rest {
            Rest::Nothing => {}
            Rest::Again(unit, after) => self.open(place, unit, Some(after)),
            Rest::Kept(rows, left) => self.put(place, more(rows, left)),
        }
    }

    fn take(&mut self, place: usize) -> Option<Found> {
        let slot = self.opened.get_mut(place)?;
        let opened = slot.as_mut()?;
        let found = opened.taken.pop_front();
        if let Some(next) = opened.taken.front() {
            let newest_first = self.order == Order::NewestFirst;
            self.next.push(Next { cursor: next.cursor, place, newest_first });
        } else if let Some(opened) = slot.take() {
            self.go_on(place, opened.rest);
        }
        found
    }
}

/// Entries with their places.
fn found(rows: &Rows, wanted: &[u32]) -> Result<VecDeque<Found>, BlockError> {
    let (times, numbers) = (rows.times()?, rows.numbers()?);
    let entries = wanted.iter().zip(rows.entries(wanted)?);
    let found = entries.map(|(row, entry)| {
        let cursor = cursor(times, numbers, *row);
        Found { cursor, number: cursor.number, entry }
    });
    Ok(found.collect())
}

fn cursor(times: &[i64], numbers: &[u64], row: u32) -> Cursor {
    let row = row as usize;
    Cursor {
        time: times.get(row).copied().unwrap_or(0),
        number: numbers.get(row).copied().unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::super::LogOptions;
    use super::super::testing::entry;
    use super::*;

    const MINUTE: i64 = 60_000;

    /// Blocks that lie over each other, and a head: 4,800 entries, of which each hour has some of every append.
    fn store(dir: &std::path::Path) -> LogStore {
        let (store, _) = LogStore::open(LogOptions::new(dir), 0).unwrap();
        for part in 0..4_i64 {
            let time = |number: i64| (number * 4 + (part * 3) % 4) * 1_000_000;
            let entries = (0..1_200).map(|number| entry(time(number), &format!("{part} {number}")));
            store.append_wait(entries.collect(), None).unwrap();
            if part < 3 {
                store.maintain((part + 1) * 40 * MINUTE).unwrap();
            }
        }
        store
    }

    fn walk(scan: Scan, most_open: usize) -> Vec<Found> {
        let mut scan = Scan { most_open, ..scan };
        let mut all = Vec::new();
        while let Some(found) = scan.next(&|| false).unwrap() {
            assert!(most_open > 0 || scan.open_bytes == 0, "nothing stays open without room");
            all.push(found);
        }
        assert_eq!(scan.open_bytes, 0, "at the end nothing is open");
        all
    }

    #[test]
    fn parts_for_which_there_is_no_room_are_read_again_and_give_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        assert!(store.status().blocks > 1, "{:?}", store.status());
        for order in [Order::NewestFirst, Order::OldestFirst] {
            let scan = |after| store.scan(LogFilter::default(), order, after);
            let usual = walk(scan(None), MOST_OPEN);
            assert_eq!(usual.len(), 4_800);
            let in_order = usual.is_sorted_by_key(|found| found.cursor);
            let reversed = usual.iter().rev().is_sorted_by_key(|found| found.cursor);
            assert!(if order == Order::OldestFirst { in_order } else { reversed }, "{order:?}");
            assert_eq!(walk(scan(None), 0), usual, "{order:?}");
            let behind = usual[2_000].cursor;
            assert_eq!(walk(scan(Some(behind)), 0), usual[2_001..], "{order:?}");
        }
    }
}
