//! Making blocks of the head, larger blocks of small ones, and removing what is old or too much.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::block::{Block, BlockWriter, Meta};
use super::columns::{Builder, Codes, Columns};
use super::part::{self, MOST_ROWS, MOST_TEXT, PartMeta};
use super::positions;
use super::rows::{Rows, Unit};
use super::status::LogMaintenance;
use super::store::{Frozen, Head, Inner, LogStore, lock};
use crate::block_file::BlockError;
use crate::error::StoreError;
use crate::folder::{block_path, remove, retire};

const DAY_NANOS: i64 = 86_400_000_000_000;
/// So many blocks of about one size are merged.
const MERGE: usize = 8;
/// Parts of at least this many rows, or bytes of text, are taken over as they are.
const WHOLE_ROWS: u32 = (MOST_ROWS / 2) as u32;
const WHOLE_TEXT: u64 = (MOST_TEXT / 4) as u64;

impl LogStore {
    /// Looks after the store: to be called about once a second, not from two threads that wait for each other. `now` is
    /// the time in milliseconds since the Unix epoch. Each call does at most one block's work.
    ///
    /// # Errors
    /// When the disk failed; the next call tries again.
    pub fn maintain(&self, now: i64) -> Result<LogMaintenance, StoreError> {
        let inner = &*self.0;
        let _one = lock(&inner.maintaining);
        inner.now.store(now, Ordering::Relaxed);
        let result = inner.maintain(now);
        *lock(&inner.maintenance_error) = result.as_ref().err().map(ToString::to_string);
        result
    }
}

impl Inner {
    fn maintain(&self, now: i64) -> Result<LogMaintenance, StoreError> {
        let mut done = LogMaintenance { expired: self.expire(now), ..LogMaintenance::default() };
        self.freeze(now);
        let failed = |error| StoreError::disk("a block of log entries could not be written")(error);
        if self.seal().map_err(failed)? {
            done.sealed = 1;
            done.more = true;
        } else if let Some(chosen) = self.choose(now) {
            self.merge(&chosen).map_err(failed)?;
            done.merged = chosen.len();
            done.more = true;
        }
        Ok(done)
    }

    /// Begins a new head when the present one is large or old enough, and the one before is a block.
    fn freeze(&self, now: i64) {
        let mut state = lock(&self.state);
        let head = &state.head;
        let bytes = head.bytes + head.active.columns.bytes();
        let old =
            head.since.is_some_and(|since| now.saturating_sub(since) >= self.options.head_span_ms);
        let full = head.rows >= self.options.head_rows || bytes >= self.options.head_bytes;
        if state.frozen.is_some() || head.rows == 0 || !(old || full) {
            return;
        }
        let generation = head.generation;
        let mut full = std::mem::replace(
            &mut state.head,
            Head { generation: generation + 1, ..Head::default() },
        );
        full.cut();
        let positions = state.positions.clone();
        state.frozen = Some(Arc::new(Frozen { generation, chunks: full.chunks, positions }));
    }

    /// Makes a block of what is frozen. Whether there was anything.
    fn seal(&self) -> io::Result<bool> {
        let (frozen, number) = {
            let mut state = lock(&self.state);
            let Some(frozen) = state.frozen.clone() else { return Ok(false) };
            state.next_block += 1;
            (frozen, state.next_block - 1)
        };
        // Before the block: the log may go once that is there.
        positions::write(&self.options.dir, &self.options.disk, &frozen.positions)?;
        let path = block_path(&self.options.dir, number);
        let meta = Meta { number, seals: frozen.generation, ..Meta::default() };
        let mut writer = BlockWriter::create(&self.options.disk, &path, meta)?;
        let chunks: Vec<&Columns> = frozen.chunks.iter().map(|chunk| &**chunk).collect();
        write_sorted(&chunks, &mut writer)?;
        let block = open(&writer.finish()?)?;
        let last = block.meta.parts.iter().map(|part| part.last_number).max().unwrap_or(0);
        self.durable.fetch_max(last.saturating_add(1), Ordering::Release);
        let mut state = lock(&self.state);
        let mut blocks = Vec::clone(&state.blocks);
        blocks.push(Arc::new(block));
        state.blocks = Arc::new(blocks);
        state.frozen = None;
        drop(state);
        self.wal.cover(frozen.generation);
        Ok(true)
    }

    /// Blocks to be merged: one that is damaged by itself, else some of one day and about one size, else what is left of a
    /// day that is over.
    fn choose(&self, now: i64) -> Option<Vec<Arc<Block>>> {
        let blocks = Arc::clone(&lock(&self.state).blocks);
        if let Some(damaged) = blocks.iter().find(|block| block.file.damages() > 0) {
            return Some(vec![damaged.clone()]);
        }
        let mut days: BTreeMap<i64, Vec<Arc<Block>>> = BTreeMap::new();
        for block in blocks.iter().filter(|block| block.file.bytes() < self.options.block_bytes) {
            days.entry(block.meta.range().1.div_euclid(DAY_NANOS)).or_default().push(block.clone());
        }
        let today =
            now.saturating_mul(1_000_000).saturating_sub(DAY_NANOS / 24).div_euclid(DAY_NANOS);
        for (day, blocks) in days {
            let mut sizes: BTreeMap<u32, Vec<Arc<Block>>> = BTreeMap::new();
            for block in &blocks {
                sizes
                    .entry((block.file.bytes() >> 16).max(1).ilog2() / 3)
                    .or_default()
                    .push(block.clone());
            }
            if let Some(same) = sizes.into_values().find(|same| same.len() >= MERGE) {
                return Some(same.into_iter().take(MERGE).collect());
            }
            if day < today && blocks.len() > 1 {
                return Some(blocks.into_iter().take(MERGE).collect());
            }
        }
        None
    }

    /// Writes blocks as one. Parts that cannot be read are left out, and their block is set aside.
    fn merge(&self, chosen: &[Arc<Block>]) -> io::Result<()> {
        let number = {
            let mut state = lock(&self.state);
            state.next_block += 1;
            state.next_block - 1
        };
        let meta = Meta {
            number,
            seals: chosen.iter().map(|block| block.meta.seals).max().unwrap_or(0),
            replaces: chosen.iter().map(|block| block.meta.number).collect(),
            parts: Vec::new(),
        };
        let mut writer =
            BlockWriter::create(&self.options.disk, &block_path(&self.options.dir, number), meta)?;
        let mut parts: Vec<(&Arc<Block>, usize, &PartMeta)> = Vec::new();
        for block in chosen {
            parts.extend(
                block.meta.parts.iter().enumerate().map(|(place, part)| (block, place, part)),
            );
        }
        parts.sort_by_key(|part| part.2.start);
        let mut small: Vec<Columns> = Vec::new();
        for (block, place, part) in parts {
            let result = if part.rows >= WHOLE_ROWS || part.text >= WHOLE_TEXT {
                block.whole_part(part).and_then(|bytes| {
                    writer
                        .part(part.clone(), &bytes)
                        .map_err(|error| BlockError::Disk { file: "the new block".into(), error })
                })
            } else {
                Rows::new(Unit::Part(block.clone(), place)).all().map(|columns| small.push(columns))
            };
            match result {
                Ok(()) => {}
                Err(BlockError::Disk { error, file }) => {
                    return Err(io::Error::new(error.kind(), format!("{file}: {error}")));
                }
                Err(error @ BlockError::Damaged { .. }) => self.unreadable(&error),
            }
            let rows: usize = small.iter().map(Columns::len).sum();
            if rows >= MOST_ROWS
                || small.iter().map(Columns::text_bytes).sum::<usize>() >= MOST_TEXT
            {
                let full = std::mem::take(&mut small);
                write_sorted(&full.iter().collect::<Vec<_>>(), &mut writer)?;
            }
        }
        write_sorted(&small.iter().collect::<Vec<_>>(), &mut writer)?;
        let block = open(&writer.finish()?)?;
        let mut state = lock(&self.state);
        let gone = |block: &Arc<Block>| chosen.iter().any(|one| Arc::ptr_eq(one, block));
        let kept = state.blocks.iter().filter(|block| !gone(block)).cloned();
        state.blocks = Arc::new(kept.chain([Arc::new(block)]).collect());
        drop(state);
        for block in chosen {
            if let Some(damage) = retire(&self.options.disk, &block.file) {
                self.damage(damage);
            }
        }
        Ok(())
    }

    /// Removes blocks all of whose entries are too old, then the oldest while all take too much. How many.
    fn expire(&self, now: i64) -> usize {
        let mut state = lock(&self.state);
        let Some(newest) = state.blocks.iter().map(|block| block.meta.range().1).max() else {
            return 0;
        };
        // A clock that is wrong by years must not remove everything.
        let now = now.saturating_mul(1_000_000).min(newest.saturating_add(DAY_NANOS));
        let oldest = now.saturating_sub(self.options.retention_ms.saturating_mul(1_000_000));
        let (mut gone, mut kept): (Vec<_>, Vec<_>) =
            state.blocks.iter().cloned().partition(|block| block.meta.range().1 < oldest);
        if let Some(limit) = self.options.retention_bytes {
            kept.sort_by_key(|block| block.meta.range().1);
            let mut bytes: u64 = kept.iter().map(|block| block.file.bytes()).sum();
            while bytes > limit && !kept.is_empty() {
                let first = kept.remove(0);
                bytes -= first.file.bytes();
                gone.push(first);
            }
            kept.sort_by_key(|block| block.meta.number);
        }
        // What the newest one seals must stay said: the log's records of before it may still be there.
        let sealed = state.blocks.iter().map(|block| block.meta.seals).max();
        gone.retain(|block| {
            let last = Some(block.meta.seals) == sealed && block.meta.seals > 0;
            if last {
                kept.push(block.clone());
            }
            !last
        });
        if gone.is_empty() {
            return 0;
        }
        state.blocks = Arc::new(kept);
        drop(state);
        gone.iter().for_each(|block| remove(&self.options.disk, &block.file));
        gone.len()
    }
}

fn open(path: &std::path::Path) -> io::Result<Block> {
    Block::open(path).map_err(io::Error::other)
}

/// Writes the rows of these as parts, by time and number: about equally large ones, so that none is too small to be taken over as
/// it is when blocks are merged. A part ends with its day of UTC.
fn write_sorted(all: &[&Columns], writer: &mut BlockWriter) -> io::Result<()> {
    let mut rows: Vec<(i64, u64, u32, u32)> =
        Vec::with_capacity(all.iter().map(|columns| columns.len()).sum());
    for (which, columns) in (0..).zip(all) {
        let keys = columns.times.iter().zip(&columns.numbers);
        rows.extend((0..).zip(keys).map(|(row, (time, number))| (*time, *number, which, row)));
    }
    rows.sort_unstable();
    let mut out = Vec::new();
    for day in rows.chunk_by(|one, two| one.0.div_euclid(DAY_NANOS) == two.0.div_euclid(DAY_NANOS))
    {
        for rows in day.chunks(day.len().div_ceil(day.len().div_ceil(MOST_ROWS))) {
            write_parts(all, rows, writer, &mut out)?;
        }
    }
    Ok(())
}

/// Writes these rows as one part, or as several where they have much text.
fn write_parts(
    all: &[&Columns],
    rows: &[(i64, u64, u32, u32)],
    writer: &mut BlockWriter,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    let mut rows = rows.iter().peekable();
    while rows.peek().is_some() {
        let (mut builder, mut text) = (Builder::default(), 0);
        let mut codes: Vec<Codes> = all.iter().map(|_| Codes::default()).collect();
        while text < MOST_TEXT
            && let Some((.., which, row)) = rows.next()
        {
            let (which, row) = (*which as usize, *row as usize);
            if let (Some(columns), Some(codes)) = (all.get(which), codes.get_mut(which)) {
                builder.copy(columns, row, codes);
                text += columns.texts.iter().map(|column| column.get(row).len()).sum::<usize>();
            }
        }
        out.clear();
        let meta = part::encode(&builder.columns, writer.at(), out)?;
        writer.part(meta, out)?;
    }
    Ok(())
}
