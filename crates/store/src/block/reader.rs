//! Reads a block at places: its meta stays in memory, pages and chunks are read when they are asked for.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use roaring::RoaringBitmap;

use super::chunk::{self, Kind, Values};
use super::layout::{MARKS, Meta, PAGE_ROWS, PageRef, Row, decode_page};
use crate::block_file::{BlockError, BlockFile};
use crate::bytes::Corrupt;
use crate::codec::{floats, times};
use crate::folder::Numbered;
use crate::read::TimeRange;

/// A block that is open.
#[derive(Debug)]
pub struct Block {
    /// Its file.
    pub file: BlockFile,
    /// What it says of itself.
    pub meta: Meta,
}

/// What was just read of all blocks of one query: many series share a column of times, and a page.
#[derive(Debug, Default)]
pub struct Cache {
    columns: Recent<Vec<i64>>,
    pages: Recent<Vec<Row>>,
    /// What reading one chunk after the other uses again and again.
    room: Mutex<Room>,
    /// The disk is not waited for: what is not in memory is an error of the kind `WouldBlock`.
    at_once: bool,
}

impl Cache {
    /// One for a query that does not wait for the disk.
    pub fn at_once(at_once: bool) -> Self {
        Self { at_once, ..Self::default() }
    }
}

/// Memory for a chunk's bytes, and what they are decoded by.
#[derive(Debug, Default)]
struct Room {
    bytes: Vec<u8>,
    integers: Vec<i64>,
}

/// The last few things that were read, by their block and place.
#[derive(Debug)]
struct Recent<T>(Mutex<VecDeque<(u64, u64, Arc<T>)>>);

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// Things that are kept: more than there are blocks in a day before they are merged.
const CACHED: usize = 64;

impl<T> Recent<T> {
    fn find(&self, block: u64, offset: u64) -> Option<Arc<T>> {
        let cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cached.iter().find(|one| (one.0, one.1) == (block, offset)).map(|one| one.2.clone())
    }

    fn put(&self, block: u64, offset: u64, thing: T) -> Arc<T> {
        let thing = Arc::new(thing);
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if cached.len() >= CACHED {
            cached.pop_back();
        }
        cached.push_front((block, offset, thing.clone()));
        thing
    }
}

impl Block {
    /// Opens a block and reads its meta.
    pub fn open(path: &Path) -> Result<Self, BlockError> {
        let (file, meta) = BlockFile::open(path, &MARKS, Meta::decode)?;
        Ok(Self { file, meta })
    }

    fn checked(&self, offset: u64, length: u32, cache: &Cache) -> Result<Vec<u8>, BlockError> {
        let mut bytes = Vec::new();
        self.file.checked_into(offset, length, cache.at_once, &mut bytes)?;
        Ok(bytes)
    }

    fn page(&self, page: PageRef, cache: &Cache) -> Result<Vec<Row>, BlockError> {
        let bytes = self.checked(page.offset, page.length, cache)?;
        decode_page(&bytes).map_err(|Corrupt(what)| self.file.damage(page.offset, what))
    }

    /// Where the chunks of a series are: of series that come by ascending number, each page is read once.
    pub fn rows(&self, id: u32, cache: &Cache) -> Result<Vec<Row>, BlockError> {
        if !self.meta.series.contains(id) {
            return Ok(Vec::new());
        }
        let after = self.meta.pages.partition_point(|page| page.first <= id);
        let Some(page) = after.checked_sub(1).and_then(|place| self.meta.pages.get(place)) else {
            return Err(self.file.damage(0, "a series without a page"));
        };
        let known = cache.pages.find(self.meta.number, page.offset);
        let rows = match known {
            Some(known) => known,
            None => cache.pages.put(self.meta.number, page.offset, self.page(*page, cache)?),
        };
        Ok(rows_of(&rows, id).to_vec())
    }

    /// About how many chunks these series have, if they have as many as the others.
    pub fn expected_rows(&self, ids: &RoaringBitmap) -> u64 {
        let rows = (self.meta.pages.len() * PAGE_ROWS) as u64;
        let series = self.meta.series.len().max(1);
        (rows * ids.intersection_len(&self.meta.series)).div_ceil(series)
    }

    /// Where the chunks of all of these series are that overlap a range, by ascending number. A page that cannot be read is given
    /// to `lost`, and the others are there.
    pub fn all_rows<E>(
        &self,
        ids: &RoaringBitmap,
        range: TimeRange,
        cache: &Cache,
        mut lost: impl FnMut(BlockError) -> Result<(), E>,
    ) -> Result<Vec<Row>, E> {
        let mut all = Vec::new();
        let ids = ids & &self.meta.series;
        let mut ids = ids.iter().peekable();
        for (place, page) in self.meta.pages.iter().enumerate() {
            let next = self.meta.pages.get(place + 1);
            let is_here = |id: &u32| next.is_none_or(|next| *id < next.first);
            if !ids.peek().is_some_and(is_here) {
                continue;
            }
            let rows = match self.page(*page, cache) {
                Ok(rows) => rows,
                Err(error) => {
                    lost(error)?;
                    Vec::new()
                }
            };
            while let Some(id) = ids.next_if(is_here) {
                all.extend(rows_of(&rows, id).iter().filter(|row| row.overlaps(range)));
            }
        }
        Ok(all)
    }

    /// The times of a chunk.
    fn times(&self, row: &Row, cache: &Cache) -> Result<Arc<Vec<i64>>, BlockError> {
        let column = &row.column;
        let count = column.count as usize;
        let known = cache.columns.find(self.meta.number, column.offset);
        if let Some(known) = known.filter(|known| known.len() == count) {
            return Ok(known);
        }
        let bytes = self.checked(column.offset, column.length, cache)?;
        let decoded = times::decode(&bytes, count)
            .map_err(|Corrupt(what)| self.file.damage(column.offset, what))?;
        Ok(cache.columns.put(self.meta.number, column.offset, decoded))
    }

    /// The times of a chunk, and its values as they are in the file.
    pub fn raw_chunk(
        &self,
        row: &Row,
        cache: &Cache,
    ) -> Result<(Arc<Vec<i64>>, Vec<u8>), BlockError> {
        Ok((self.times(row, cache)?, self.checked(row.offset, row.length, cache)?))
    }

    /// The times and values of a chunk.
    pub fn chunk(&self, row: &Row, cache: &Cache) -> Result<(Arc<Vec<i64>>, Values), BlockError> {
        let (times, bytes) = self.raw_chunk(row, cache)?;
        let values = chunk::decode(row.kind, &bytes, times.len())
            .map_err(|Corrupt(what)| self.file.damage(row.offset, what))?;
        Ok((times, values))
    }

    /// The times of a chunk of floats, or of what is left of them, of which the last values are wanted; those are appended to
    /// `out`. After an error anything may be appended.
    pub fn floats(
        &self,
        row: &Row,
        cache: &Cache,
        out: &mut Vec<f64>,
    ) -> Result<Arc<Vec<i64>>, BlockError> {
        let times = self.times(row, cache)?;
        let mut room = cache.room.lock().unwrap_or_else(PoisonError::into_inner);
        let room = &mut *room;
        self.file.checked_into(row.offset, row.length, cache.at_once, &mut room.bytes)?;
        let column = match row.kind {
            Kind::Aggregates => chunk::last_column(&room.bytes),
            _ => Ok(room.bytes.as_slice()),
        };
        column
            .and_then(|bytes| floats::decode_into(bytes, times.len(), &mut room.integers, out))
            .map_err(|Corrupt(what)| self.file.damage(row.offset, what))?;
        Ok(times)
    }
}

/// Those of a series, of rows by ascending number.
pub fn rows_of(rows: &[Row], id: u32) -> &[Row] {
    let from = &rows[rows.partition_point(|row| row.id < id)..];
    &from[..from.iter().take_while(|row| row.id == id).count()]
}

impl Numbered for Block {
    fn open(path: &Path) -> Result<Self, BlockError> {
        Self::open(path)
    }

    fn numbers(&self) -> (u64, &[u64]) {
        (self.meta.number, &self.meta.replaces)
    }

    fn file(&self) -> &BlockFile {
        &self.file
    }
}
