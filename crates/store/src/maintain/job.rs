//! Making blocks of the head or of other blocks, a bounded piece at a time.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::Maintainer;
use super::downsample::downsample;
use crate::block::{Block, BlockWriter, Cache, Downsampled, Meta, Resolution, Values};
use crate::block_file::BlockError;
use crate::bytes::Corrupt;
use crate::codec::floats::Effort;
use crate::error::StoreError;
use crate::folder::{BLOCKS, block_path, retire};
use crate::head::{Extent, Head};
use crate::merge::{Merged, Run};
use crate::read::{Samples, TimeRange};
use crate::resolution::{DAY, Part, day, parts};
use crate::status::{Damage, Maintenance};
use crate::store::Inner;

const WRITING: &str = "a block could not be written";
const ALL: TimeRange = TimeRange { start: i64::MIN, end: i64::MAX };

/// What becomes a block.
enum Source {
    Head(Arc<Head>),
    Blocks(Vec<Arc<Block>>),
    /// Days at a low resolution, ascending.
    Low(Vec<Part>),
    /// Chunks are copied as they are, without those that are damaged.
    Salvaged(Arc<Block>),
}

/// What comes out.
enum Product {
    /// A block a day, of the head: how many days there are is seen on the way.
    Days(BTreeMap<i64, BlockWriter>, u64),
    One(Box<BlockWriter>),
    /// Five minutes, an hour.
    Downsampled(Box<[BlockWriter; 2]>),
}

/// Something that is being done.
pub(super) struct Job {
    source: Source,
    product: Product,
    /// Series that are still to be done.
    ids: RoaringBitmap,
    /// Blocks that the product takes the place of.
    replaces: Vec<Arc<Block>>,
    cache: Cache,
    /// The number of the first block of [`Product::Days`]; the others follow it.
    number: u64,
}

fn meta(resolution: Resolution, level: u8, number: u64, sources: &[Arc<Block>]) -> Meta {
    let newest =
        |figure: fn(&Block) -> u64| sources.iter().map(|one| figure(one)).max().unwrap_or(0);
    Meta {
        resolution,
        level,
        number,
        generation: newest(|block| block.meta.generation),
        seals: newest(|block| block.meta.seals),
        replaces: Vec::new(),
        start: i64::MAX,
        end: i64::MIN,
        samples: 0,
        series: RoaringBitmap::new(),
        pages: Vec::new(),
    }
}

fn numbers(blocks: &[Arc<Block>]) -> Vec<u64> {
    blocks.iter().map(|block| block.meta.number).collect()
}

fn series(blocks: &[Arc<Block>]) -> RoaringBitmap {
    blocks.iter().fold(RoaringBitmap::new(), |all, block| all | &block.meta.series)
}

fn writer(inner: &Inner, meta: Meta, effort: Effort) -> Result<BlockWriter, StoreError> {
    let path = block_path(&inner.options.dir, meta.number);
    BlockWriter::create(&inner.options.disk, &path, meta, effort)
        .map_err(StoreError::disk("a block could not be begun"))
}

impl Job {
    /// Blocks of a head that is not written to any more.
    pub fn seal(head: Arc<Head>, maintainer: &mut Maintainer) -> Self {
        let number = maintainer.next_block;
        let ids = head.lock().ids.clone();
        let generation = head.generation;
        Self {
            source: Source::Head(head),
            product: Product::Days(BTreeMap::new(), generation),
            ids,
            replaces: Vec::new(),
            cache: Cache::default(),
            number,
        }
    }

    /// One block of several.
    pub fn merge(
        sources: Vec<Arc<Block>>,
        level: u8,
        maintainer: &mut Maintainer,
        inner: &Inner,
    ) -> Result<Self, StoreError> {
        let mut meta = meta(Resolution::Raw, level, maintainer.number(), &sources);
        meta.replaces = numbers(&sources);
        Ok(Self {
            product: Product::One(Box::new(writer(inner, meta, Effort::Thorough)?)),
            ids: series(&sources),
            replaces: sources.clone(),
            source: Source::Blocks(sources),
            cache: Cache::default(),
            number: 0,
        })
    }

    /// What is whole in a block that is damaged.
    pub fn salvage(
        block: Arc<Block>,
        maintainer: &mut Maintainer,
        inner: &Inner,
    ) -> Result<Self, StoreError> {
        let sources = vec![block.clone()];
        let of = &block.meta;
        let mut meta = meta(of.resolution, of.level, maintainer.number(), &sources);
        meta.replaces = numbers(&sources);
        Ok(Self {
            product: Product::One(Box::new(writer(inner, meta, Effort::Thorough)?)),
            ids: series(&sources),
            source: Source::Salvaged(block),
            replaces: sources,
            cache: Cache::default(),
            number: 0,
        })
    }

    /// A day at lower resolutions; `old` are the blocks of those that are there.
    pub fn downsample(
        raw: Vec<Arc<Block>>,
        old: Vec<Arc<Block>>,
        maintainer: &mut Maintainer,
        inner: &Inner,
    ) -> Result<Self, StoreError> {
        let mut make = |resolution| {
            let mut meta = meta(resolution, 2, maintainer.number(), &raw);
            let replaced = old.iter().filter(|block| block.meta.resolution == resolution);
            meta.replaces = replaced.map(|block| block.meta.number).collect();
            // That the head is covered is said by the raw blocks, and must not be said by what may outlive them.
            meta.seals = 0;
            writer(inner, meta, Effort::Thorough)
        };
        let product = [make(Resolution::FiveMinutes)?, make(Resolution::Hour)?];
        Ok(Self {
            product: Product::Downsampled(Box::new(product)),
            ids: series(&raw),
            source: Source::Blocks(raw),
            replaces: old,
            cache: Cache::default(),
            number: 0,
        })
    }

    /// One block of several at a low resolution, without what is older than the `first` day that is kept.
    pub fn join(
        mut sources: Vec<Arc<Block>>,
        first: i64,
        maintainer: &mut Maintainer,
        inner: &Inner,
    ) -> Result<Self, StoreError> {
        sources.sort_by_key(|block| (block.meta.generation, block.meta.number));
        let resolution = sources.first().map_or(Resolution::Hour, |one| one.meta.resolution);
        let mut meta = meta(resolution, 2, maintainer.number(), &sources);
        meta.replaces = numbers(&sources);
        let mut days = parts(&sources, resolution, first..=i64::MAX);
        days.sort_by_key(|part| part.range.start);
        Ok(Self {
            product: Product::One(Box::new(writer(inner, meta, Effort::Thorough)?)),
            ids: series(&sources),
            source: Source::Low(days),
            replaces: sources,
            cache: Cache::default(),
            number: 0,
        })
    }

    /// The first day of the blocks that it is about; none for the head, which is always next.
    pub fn day(&self) -> Option<i64> {
        match &self.source {
            Source::Head(_) => None,
            Source::Blocks(blocks) => blocks.first().map(|block| day(block.meta.start)),
            Source::Low(days) => days.first().map(|part| day(part.block.meta.start)),
            Source::Salvaged(block) => Some(day(block.meta.start)),
        }
    }

    /// The first number that is free for others.
    pub fn next_number(&self) -> u64 {
        match &self.product {
            Product::Days(days, _) => self.number + days.len() as u64,
            _ => 0,
        }
    }

    /// Works through about this many samples. Whether all is done.
    pub fn step(&mut self, samples: u64, inner: &Inner) -> Result<bool, StoreError> {
        let mut left = samples;
        while let Some(id) = self.ids.min() {
            if left == 0 {
                return Ok(false);
            }
            self.ids.remove(id);
            let worked = self.one(id, inner)?;
            // A series costs something even if it has little.
            left = left.saturating_sub(worked + 16);
        }
        Ok(true)
    }

    /// Does one series; how many samples that were.
    fn one(&mut self, id: u32, inner: &Inner) -> Result<u64, StoreError> {
        if let Source::Salvaged(block) = &self.source {
            let block = block.clone();
            return self.copy(&block, id, inner);
        }
        if let (Source::Low(days), Product::One(writer)) = (&self.source, &mut self.product) {
            let low = read_low(days, id, &self.cache, inner)?;
            writer.add_downsampled(id, &low).map_err(StoreError::disk(WRITING))?;
            return Ok((low.times.len() + low.kept.len() + low.merged.len()) as u64);
        }
        let samples = match &self.source {
            Source::Head(head) => read_head(head, id, inner),
            Source::Blocks(blocks) => read_blocks(blocks, id, &self.cache, inner)?,
            Source::Low(_) | Source::Salvaged(_) => Samples::default(),
        };
        let written = StoreError::disk(WRITING);
        match &mut self.product {
            Product::Days(days, generation) => {
                for (day, part) in by_day(&samples) {
                    let count = days.len() as u64;
                    let writer = match days.entry(day) {
                        std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                        std::collections::btree_map::Entry::Vacant(entry) => {
                            let mut meta = meta(Resolution::Raw, 0, self.number + count, &[]);
                            meta.generation = *generation;
                            entry.insert(writer(inner, meta, Effort::Quick)?)
                        }
                    };
                    writer.add(id, &part).map_err(StoreError::disk(WRITING))?;
                }
            }
            Product::One(writer) => writer.add(id, &samples).map_err(written)?,
            Product::Downsampled(writers) => {
                let resolutions = [Resolution::FiveMinutes, Resolution::Hour];
                for (writer, resolution) in writers.iter_mut().zip(resolutions) {
                    let low = downsample(&samples, resolution.step());
                    writer.add_downsampled(id, &low).map_err(StoreError::disk(WRITING))?;
                }
            }
        }
        Ok(samples.len() as u64)
    }

    fn copy(&mut self, block: &Block, id: u32, inner: &Inner) -> Result<u64, StoreError> {
        let Product::One(writer) = &mut self.product else { return Ok(0) };
        let rows = match block.rows(id, &self.cache) {
            Ok(rows) => rows,
            Err(error) => {
                left_out(block, error, inner)?;
                return Ok(0);
            }
        };
        let mut copied = 0;
        for row in rows {
            match block.raw_chunk(&row, &self.cache) {
                Ok((times, bytes)) => {
                    writer.copy(id, row.kind, &times, &bytes).map_err(StoreError::disk(WRITING))?;
                    copied += times.len() as u64;
                }
                Err(error) => left_out(block, error, inner)?,
            }
        }
        Ok(copied)
    }

    /// Puts the new blocks in the place of what they were made of.
    pub fn finish(self, inner: &Inner, done: &mut Maintenance) -> Result<(), StoreError> {
        if let Source::Head(_) = self.source {
            // A block must not name series that the registry does not know yet.
            inner.wal.flush()?;
        }
        let downsampled = matches!(self.product, Product::Downsampled(_));
        let finishing = StoreError::disk("a block could not be finished");
        let mut made: Vec<PathBuf> = Vec::new();
        let finished = (|| {
            match self.product {
                Product::Days(days, generation) => {
                    let count = days.len();
                    for (place, (_, mut writer)) in days.into_iter().enumerate() {
                        // Only with the last of them all of the head is on the disk.
                        writer.seals(if place + 1 == count { generation } else { 0 });
                        made.extend(writer.finish()?);
                    }
                }
                Product::One(writer) => made.extend(writer.finish()?),
                Product::Downsampled(writers) => {
                    for writer in *writers {
                        made.extend(writer.finish()?);
                    }
                }
            }
            Ok::<(), std::io::Error>(())
        })();
        let opened: Result<Vec<Arc<Block>>, StoreError> =
            finished.map_err(finishing).and_then(|()| {
                let open = |path: &PathBuf| Block::open(path).map(Arc::new).map_err(unreadable);
                made.iter().map(open).collect()
            });
        let new = match opened {
            Ok(new) => new,
            Err(error) => {
                // They are made anew; until then the log or the old blocks have their samples.
                for path in &made {
                    if let Err(error) = inner.options.disk.remove(path) {
                        tracing::warn!(path = %path.display(), %error, "a block that is not used stays");
                    }
                }
                return Err(error);
            }
        };
        match self.source {
            Source::Head(head) => {
                done.sealed += new.len();
                inner.change_view(|view| {
                    add_blocks(&mut view.blocks, &[], new);
                    view.frozen = None;
                });
                inner.wal.cover(head.generation);
            }
            Source::Blocks(_) | Source::Low(_) | Source::Salvaged(_) => {
                *(if downsampled { &mut done.downsampled } else { &mut done.merged }) += new.len();
                let replaced = self.replaces;
                inner.change_view(|view| add_blocks(&mut view.blocks, &replaced, new));
                for block in &replaced {
                    if let Some(damage) = retire(&inner.options.disk, &block.file) {
                        inner.damage(damage);
                    }
                }
            }
        }
        Ok(())
    }
}

/// The blocks without those that are replaced and with the new ones, in their order.
fn add_blocks(blocks: &mut Arc<Vec<Arc<Block>>>, replaced: &[Arc<Block>], new: Vec<Arc<Block>>) {
    let gone = |block: &Arc<Block>| replaced.iter().any(|one| Arc::ptr_eq(one, block));
    let mut all: Vec<Arc<Block>> = blocks.iter().filter(|block| !gone(block)).cloned().collect();
    all.extend(new);
    all.sort_by_key(|block| (block.meta.generation, block.meta.number));
    *blocks = Arc::new(all);
}

fn unreadable(error: BlockError) -> StoreError {
    let doing = "a block that was just written cannot be read".to_owned();
    StoreError::Disk { doing, error: std::io::Error::other(error) }
}

/// Names what is damaged; a disk that fails is an error.
fn left_out(block: &Block, error: BlockError, inner: &Inner) -> Result<(), StoreError> {
    if let BlockError::Disk { error, .. } = error {
        return Err(StoreError::Disk {
            doing: format!("{} could not be read", block.file.name()),
            error,
        });
    }
    let file = format!("{BLOCKS}/{}", block.file.name());
    inner.damage(Damage { file, what: format!("{error}; the rest is served") });
    Ok(())
}

fn read_head(head: &Head, id: u32, inner: &Inner) -> Samples {
    let mut merged = Merged::default();
    let content = head.lock();
    let read = content.series(id).map(|series| series.read(Extent::ALL, ALL, &mut merged));
    drop(content);
    if let Some(Err(Corrupt(what))) = read {
        let what = format!("series {id} cannot be read: {what}");
        inner.damage(Damage { file: "head".to_owned(), what });
        return Samples::default();
    }
    merged.finish()
}

fn read_blocks(
    blocks: &[Arc<Block>],
    id: u32,
    cache: &Cache,
    inner: &Inner,
) -> Result<Samples, StoreError> {
    let mut merged = Merged::default();
    for block in blocks {
        each_chunk(block, id, ALL, cache, inner, |times, values| match values {
            Values::Floats(values) => merged.floats(Run::new(times, values, ALL)),
            Values::Histograms(values) => merged.histograms(Run::new(times, values, ALL)),
            // Only blocks of full resolution are merged.
            Values::Aggregates(_) | Values::Merged(..) => {}
        })?;
    }
    Ok(merged.finish())
}

/// Gives all chunks of a series that have something within a range; what is damaged is left out, and named.
fn each_chunk(
    block: &Block,
    id: u32,
    range: TimeRange,
    cache: &Cache,
    inner: &Inner,
    mut each: impl FnMut(&[i64], Values),
) -> Result<(), StoreError> {
    let rows = match block.rows(id, cache) {
        Ok(rows) => rows,
        Err(error) => return left_out(block, error, inner),
    };
    for row in rows.into_iter().filter(|row| row.overlaps(range)) {
        match block.chunk(&row, cache) {
            Ok((times, values)) => each(&times, values),
            Err(error) => left_out(block, error, inner)?,
        }
    }
    Ok(())
}

/// All that there is of a series in these days.
fn read_low(
    days: &[Part],
    id: u32,
    cache: &Cache,
    inner: &Inner,
) -> Result<Downsampled, StoreError> {
    let mut low = Downsampled::default();
    for Part { block, range } in days {
        each_chunk(block, id, *range, cache, inner, |times, values| {
            low.extend(times, values, *range);
        })?;
    }
    Ok(low)
}

/// Samples by the day that they are in.
fn by_day(samples: &Samples) -> BTreeMap<i64, Samples> {
    let mut days: BTreeMap<i64, Samples> = BTreeMap::new();
    let firsts = [samples.float_times.first(), samples.histogram_times.first()];
    let lasts = [samples.float_times.last(), samples.histogram_times.last()];
    let (first, last) = (firsts.into_iter().flatten().min(), lasts.into_iter().flatten().max());
    let (Some(first), Some(last)) = (first, last) else { return days };
    if day(*first) == day(*last) {
        days.insert(day(*first), samples.clone());
        return days;
    }
    for (time, value) in samples.float_times.iter().zip(&samples.floats) {
        let part = days.entry(day(*time)).or_default();
        part.float_times.push(*time);
        part.floats.push(*value);
    }
    for (time, value) in samples.histogram_times.iter().zip(&samples.histograms) {
        let part = days.entry(day(*time)).or_default();
        part.histogram_times.push(*time);
        part.histograms.push(value.clone());
    }
    days
}

// A stretch is within one day.
const _: () = assert!(DAY % 3_600_000 == 0);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_parted_at_midnight() {
        let samples = Samples {
            float_times: vec![DAY - 1, DAY, 2 * DAY],
            floats: vec![1.0, 2.0, 3.0],
            ..Samples::default()
        };
        let days = by_day(&samples);
        assert_eq!(days.keys().copied().collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(days[&1].floats, [2.0]);
        assert_eq!(by_day(&Samples::default()).len(), 0);
    }
}
