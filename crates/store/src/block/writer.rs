//! Makes a block: under another name until it is whole and on the disk.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use super::chunk::{Downsampled, Kind, encode_merged};
use super::layout::{Column, MARKS, Meta, PAGE_ROWS, PageRef, Row, encode_page};
use crate::block_file::NewBlockFile;
use crate::codec::floats::{self, Effort};
use crate::codec::{CHUNK, histograms, times};
use crate::disk::Disk;
use crate::read::Samples;

/// Bytes are written this many at a time.
const BUFFER: usize = 1 << 18;
/// Chunks are remembered until they are so many bytes, to be shared: equal ones are of one scrape, and follow each other.
const SHARED: usize = 1 << 19;
/// A shorter chunk is written again: to say that it is elsewhere takes as much.
const WORTH_SHARING: usize = 24;

/// A block that is being made. Dropped without [`BlockWriter::finish`], its file is taken away.
#[derive(Debug)]
pub struct BlockWriter {
    file: NewBlockFile,
    /// What is not yet in the file.
    buffer: Vec<u8>,
    columns: HashMap<Vec<u8>, Column>,
    chunks: Chunks,
    rows: Vec<Row>,
    pages: Vec<u8>,
    page_refs: Vec<PageRef>,
    effort: Effort,
    meta: Meta,
}

/// Where the latest chunks are, by their bytes: what was started is as often what was added, and the count of a summary.
#[derive(Debug, Default)]
struct Chunks {
    places: HashMap<Vec<u8>, (u64, u32)>,
    bytes: usize,
}

impl Chunks {
    fn remember(&mut self, chunk: Vec<u8>, place: (u64, u32)) {
        if chunk.len() < WORTH_SHARING {
            return;
        }
        if self.bytes >= SHARED {
            *self = Self::default();
        }
        self.bytes += chunk.len();
        self.places.insert(chunk, place);
    }
}

impl BlockWriter {
    /// A block at `path`, described by `meta`, of which what follows from the samples is filled in.
    pub fn create(disk: &Disk, path: &Path, meta: Meta, effort: Effort) -> io::Result<Self> {
        Ok(Self {
            file: NewBlockFile::create(disk, path, &MARKS)?,
            buffer: Vec::new(),
            columns: HashMap::new(),
            chunks: Chunks::default(),
            rows: Vec::new(),
            pages: Vec::new(),
            page_refs: Vec::new(),
            effort,
            meta,
        })
    }

    /// Says that all of the head up to this generation is in this and older blocks.
    pub fn seals(&mut self, generation: u64) {
        self.meta.seals = generation;
    }

    /// Adds a chunk of a series as another block has it.
    pub fn copy(&mut self, id: u32, kind: Kind, times: &[i64], bytes: &[u8]) -> io::Result<()> {
        self.begin(id)?;
        self.chunk(id, kind, times, bytes.to_vec())
    }

    /// Adds the samples of a series. Series come by ascending number, each once.
    pub fn add(&mut self, id: u32, samples: &Samples) -> io::Result<()> {
        self.begin(id)?;
        let chunks = samples.float_times.chunks(CHUNK).zip(samples.floats.chunks(CHUNK));
        for (chunk_times, values) in chunks {
            let mut bytes = Vec::new();
            floats::encode(values, self.effort, &mut bytes);
            self.chunk(id, Kind::Floats, chunk_times, bytes)?;
        }
        let (mut rest, mut rest_times) = (&samples.histograms[..], &samples.histogram_times[..]);
        while !rest.is_empty() {
            let run = histograms::run(rest);
            let (chunk, others) = rest.split_at(run);
            let (chunk_times, other_times) = rest_times.split_at(run);
            (rest, rest_times) = (others, other_times);
            let mut bytes = Vec::new();
            histograms::encode(chunk, self.effort, &mut bytes);
            self.chunk(id, Kind::Histograms, chunk_times, bytes)?;
        }
        Ok(())
    }

    /// Adds what is left of a series after downsampling.
    pub fn add_downsampled(&mut self, id: u32, low: &Downsampled) -> io::Result<()> {
        self.begin(id)?;
        for (place, chunk_times) in low.times.chunks(CHUNK).enumerate() {
            let start = place * CHUNK;
            let mut bytes = Vec::new();
            low.aggregates.encode(start..start + chunk_times.len(), self.effort, &mut bytes);
            self.chunk(id, Kind::Aggregates, chunk_times, bytes)?;
        }
        let mut at = 0;
        while let Some(rest) = low.merged.histograms.get(at..).filter(|rest| !rest.is_empty()) {
            let of = at..at + histograms::run(rest);
            let sums = low.merged.histograms.get(of.clone()).unwrap_or_default();
            let counts = low.merged.histogram_weights.get(of.clone()).unwrap_or_default();
            let chunk_times = low.merged.histogram_times.get(of.clone()).unwrap_or_default();
            let mut bytes = Vec::new();
            encode_merged(sums, counts, self.effort, &mut bytes);
            self.chunk(id, Kind::Merged, chunk_times, bytes)?;
            at = of.end;
        }
        self.add(id, &low.kept)
    }

    /// A page ends only between two series, so that each is in one page.
    fn begin(&mut self, id: u32) -> io::Result<()> {
        let last = self.rows.last().map(|row| row.id);
        if self.rows.len() >= PAGE_ROWS && last != Some(id) {
            self.end_page();
        }
        if self.buffer.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    fn chunk(
        &mut self,
        id: u32,
        kind: Kind,
        chunk_times: &[i64],
        bytes: Vec<u8>,
    ) -> io::Result<()> {
        let (Some(start), Some(end)) = (chunk_times.first(), chunk_times.last()) else {
            return Ok(());
        };
        let mut column = Vec::new();
        times::encode(chunk_times, &mut column);
        let column = match self.columns.get(&column) {
            Some(known) if known.count as usize == chunk_times.len() => *known,
            _ => {
                let (offset, length) = self.put(&column)?;
                let count = u32::try_from(chunk_times.len()).map_err(io::Error::other)?;
                let place = Column { offset, length, count, start: *start, end: *end };
                self.columns.insert(column, place);
                place
            }
        };
        let (offset, length) = match self.chunks.places.get(&bytes) {
            Some(place) => *place,
            None => {
                let place = self.put(&bytes)?;
                self.chunks.remember(bytes, place);
                place
            }
        };
        self.rows.push(Row { id, kind, column, offset, length });
        self.meta.series.insert(id);
        self.meta.samples += chunk_times.len() as u64;
        self.meta.start = self.meta.start.min(*start);
        self.meta.end = self.meta.end.max(*end);
        Ok(())
    }

    /// Where what is put next will be.
    fn at(&self) -> u64 {
        self.file.at() + self.buffer.len() as u64
    }

    /// Bytes with their checksum; where they are.
    fn put(&mut self, bytes: &[u8]) -> io::Result<(u64, u32)> {
        let offset = self.at();
        self.buffer.extend_from_slice(bytes);
        self.buffer.extend_from_slice(&crc32fast::hash(bytes).to_le_bytes());
        Ok((offset, u32::try_from(bytes.len()).map_err(io::Error::other)?))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    fn end_page(&mut self) {
        let Some(first) = self.rows.first().map(|row| row.id) else { return };
        let page = encode_page(&self.rows);
        self.rows.clear();
        let length = u32::try_from(page.len()).unwrap_or(u32::MAX);
        self.page_refs.push(PageRef { first, offset: self.pages.len() as u64, length });
        self.pages.extend_from_slice(&page);
        self.pages.extend_from_slice(&crc32fast::hash(&page).to_le_bytes());
    }

    /// Writes what is left; on success the block is whole and on the disk, under its name. `None` when it would be empty.
    pub fn finish(mut self) -> io::Result<Option<PathBuf>> {
        if self.meta.samples == 0 {
            return Ok(None);
        }
        self.end_page();
        self.meta.series.optimize();
        let offset = self.at();
        self.page_refs.iter_mut().for_each(|page| page.offset += offset);
        self.meta.pages = std::mem::take(&mut self.page_refs);
        self.buffer.append(&mut self.pages);
        self.flush()?;
        Ok(Some(self.file.finish(self.meta.encode())?))
    }
}
