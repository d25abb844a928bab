//! Reads a block at places: its meta stays in memory, pages and chunks are read when they are asked for.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::chunk::{self, Values};
use super::layout::{END, MAGIC, Meta, PageRef, Row, TRAILER, decode_page};
use crate::bytes::Corrupt;
use crate::codec::{floats, times};
use crate::disk::ReadFile;

/// Why a block, or a part of it, cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BlockError {
    /// The disk failed.
    #[error("{file}: {}", vigie_model::io_words(.error))]
    Disk {
        /// The block's file name.
        file: String,
        /// What the operating system says.
        error: io::Error,
    },
    /// What is there is not what was written.
    #[error("{file}, byte {offset}: {what}")]
    Damaged {
        /// The block's file name.
        file: String,
        /// Where.
        offset: u64,
        /// What does not hold.
        what: &'static str,
    },
}

/// A block that is open.
#[derive(Debug)]
pub struct Block {
    file: ReadFile,
    /// What it says of itself.
    pub meta: Meta,
    /// Chunks and pages that turned out to be damaged, each time they were read.
    damaged: AtomicU64,
}

/// What was just read of all blocks of one query: many series share a column of times, and a page.
#[derive(Debug, Default)]
pub struct Cache {
    columns: Recent<Vec<i64>>,
    pages: Recent<Vec<Row>>,
    /// The disk is not waited for: what is not in memory is an error of the kind `WouldBlock`.
    at_once: bool,
}

impl Cache {
    /// One for a query that does not wait for the disk.
    pub fn at_once(at_once: bool) -> Self {
        Self { at_once, ..Self::default() }
    }
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
        let name = name(path);
        let disk = |error| BlockError::Disk { file: name.clone(), error };
        let damaged = |offset, what| BlockError::Damaged { file: name.clone(), offset, what };
        let file = ReadFile::open(path).map_err(disk)?;
        let end = file.length;
        if end < (MAGIC.len() + TRAILER) as u64 {
            return Err(damaged(0, "the file is too short to be a block"));
        }
        if file.read(0, MAGIC.len()).map_err(disk)? != MAGIC {
            return Err(damaged(0, "it does not begin like a block"));
        }
        let trailer_at = end - TRAILER as u64;
        let trailer = file.read(trailer_at, TRAILER).map_err(disk)?;
        if trailer.get(8..) != Some(END) {
            return Err(damaged(
                trailer_at,
                "it does not end like a block: its end is missing or damaged",
            ));
        }
        let length = u64::from(word(&trailer, 0));
        let at = trailer_at
            .checked_sub(length)
            .ok_or_else(|| damaged(trailer_at, "its meta is longer than itself"))?;
        let bytes = file.read(at, length as usize).map_err(disk)?;
        if crc32fast::hash(&bytes) != word(&trailer, 4) {
            return Err(damaged(at, "its meta's checksum does not hold"));
        }
        let meta = Meta::decode(&bytes).map_err(|Corrupt(what)| damaged(at, what))?;
        Ok(Self { file, meta, damaged: AtomicU64::new(0) })
    }

    /// Its file's name.
    #[must_use]
    pub fn name(&self) -> String {
        name(&self.file.path)
    }

    /// Its file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.file.path
    }

    /// Bytes on disk.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.file.length
    }

    /// All of the file, also when its name is gone.
    pub fn bytes_from_start(&self) -> impl io::Read + '_ {
        self.file.from_start()
    }

    /// How often something in it turned out to be damaged.
    #[must_use]
    pub fn damages(&self) -> u64 {
        self.damaged.load(Ordering::Relaxed)
    }

    /// Whether it has samples in `start..=end`.
    #[must_use]
    pub fn overlaps(&self, start: i64, end: i64) -> bool {
        self.meta.start <= end && self.meta.end >= start
    }

    fn damage(&self, offset: u64, what: &'static str) -> BlockError {
        self.damaged.fetch_add(1, Ordering::Relaxed);
        BlockError::Damaged { file: self.name(), offset, what }
    }

    /// Bytes whose checksum holds.
    fn checked(&self, offset: u64, length: u32, cache: &Cache) -> Result<Vec<u8>, BlockError> {
        let mut bytes = Vec::new();
        self.checked_into(offset, length, cache, &mut bytes)?;
        Ok(bytes)
    }

    /// The same, in place of what is in `bytes`.
    fn checked_into(
        &self,
        offset: u64,
        length: u32,
        cache: &Cache,
        bytes: &mut Vec<u8>,
    ) -> Result<(), BlockError> {
        let length = length as usize;
        let read = if cache.at_once {
            self.file.read_at_once(offset, length + 4, bytes)
        } else {
            self.file.read_into(offset, length + 4, bytes)
        };
        match read {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(self.damage(offset, "the file is too short"));
            }
            Err(error) => return Err(BlockError::Disk { file: self.name(), error }),
        }
        let sum = word(bytes, length);
        bytes.truncate(length);
        if crc32fast::hash(bytes) == sum {
            Ok(())
        } else {
            Err(self.damage(offset, "a checksum does not hold"))
        }
    }

    fn page(&self, page: PageRef, cache: &Cache) -> Result<Arc<Vec<Row>>, BlockError> {
        if let Some(known) = cache.pages.find(self.meta.number, page.offset) {
            return Ok(known);
        }
        let bytes = self.checked(page.offset, page.length, cache)?;
        let rows = decode_page(&bytes).map_err(|Corrupt(what)| self.damage(page.offset, what))?;
        Ok(cache.pages.put(self.meta.number, page.offset, rows))
    }

    /// Where the chunks of a series are that overlap `start..=end`.
    pub fn rows(
        &self,
        id: u32,
        start: i64,
        end: i64,
        cache: &Cache,
    ) -> Result<Vec<Row>, BlockError> {
        if !self.meta.series.contains(id) {
            return Ok(Vec::new());
        }
        let after = self.meta.pages.partition_point(|page| page.first <= id);
        let Some(page) = after.checked_sub(1).and_then(|place| self.meta.pages.get(place)) else {
            return Err(self.damage(0, "a series without a page"));
        };
        let rows = self.page(*page, cache)?;
        let first = rows.partition_point(|row| row.id < id);
        let own = rows.iter().skip(first).take_while(|row| row.id == id);
        let wanted = |row: &&Row| row.column.start <= end && row.column.end >= start;
        Ok(own.filter(wanted).copied().collect())
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
            .map_err(|Corrupt(what)| self.damage(column.offset, what))?;
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
            .map_err(|Corrupt(what)| self.damage(row.offset, what))?;
        Ok((times, values))
    }

    /// The times of a chunk of floats, whose values are appended to `out`. After an error anything may be appended.
    pub fn floats(
        &self,
        row: &Row,
        cache: &Cache,
        room: &mut Room,
        out: &mut Vec<f64>,
    ) -> Result<Arc<Vec<i64>>, BlockError> {
        let times = self.times(row, cache)?;
        self.checked_into(row.offset, row.length, cache, &mut room.bytes)?;
        floats::decode_into(&room.bytes, times.len(), &mut room.integers, out)
            .map_err(|Corrupt(what)| self.damage(row.offset, what))?;
        Ok(times)
    }
}

/// Memory that reading one chunk after the other uses again and again.
#[derive(Debug, Default)]
pub struct Room {
    bytes: Vec<u8>,
    integers: Vec<i64>,
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let word = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
    word.map_or(0, |word| u32::from_le_bytes(*word))
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
