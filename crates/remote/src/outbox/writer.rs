//! The thread that writes: it takes what waits, appends it to the shards, syncs, and lets all go who wait for it.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use vigie_model::Labels;
use vigie_store::disk::{Disk, DiskFile};

use super::position::Place;
use super::reader::remove;
use super::record::{MAGIC, MOST_SAMPLES, put_begin, put_samples};
use super::shard::{Segment, Shard, segment_path};
use super::{Done, OutboxError, Pushed, Queue};

/// Bytes that are written at once.
const WRITE_BYTES: usize = 1 << 20;

pub(super) struct Writer {
    pub appenders: Vec<Appender>,
    /// Bytes that all shards may have together.
    pub limit: u64,
}

/// Writes the segments of one shard.
pub(super) struct Appender {
    pub shard: Arc<Shard>,
    pub disk: Disk,
    /// A segment is not added to beyond this.
    pub segment_bytes: u64,
    /// The number of the last segment.
    pub segment: u64,
    /// The number of the next sample.
    pub ordinal: u64,
    pub open: Option<Open>,
}

/// The segment that is written to.
pub(super) struct Open {
    file: DiskFile,
    begin: u64,
    length: u64,
    ids: HashMap<Labels, u32>,
    /// Framed records that are not written yet.
    waiting: Vec<u8>,
}

/// Unix milliseconds.
fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

/// Of which shard a series is: the same in every process.
pub(super) fn shard_of(labels: &Labels, shards: usize) -> usize {
    let mut hash = crc32fast::Hasher::new();
    for label in labels {
        for part in [&label.name, &label.value] {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
    }
    hash.finalize() as usize % shards
}

/// Runs until the queue is closed and empty.
pub(super) fn run(queue: &Queue, mut writer: Writer) {
    while let Some(pushes) = queue.take() {
        let (samples, told): (Vec<Vec<Pushed>>, Vec<Done>) = pushes.into_iter().unzip();
        let result = writer.write(&samples);
        let count = samples.iter().map(Vec::len).sum();
        queue.written(count);
        for tell in told {
            tell(result.clone());
        }
    }
}

impl Writer {
    fn write(&mut self, pushes: &[Vec<Pushed>]) -> Result<(), OutboxError> {
        let shards = self.appenders.len();
        let mut parts: Vec<Vec<&Pushed>> = vec![Vec::new(); shards];
        for pushed in pushes.iter().flatten() {
            parts[shard_of(&pushed.0, shards)].push(pushed);
        }
        let now = now();
        let mut result = Ok(());
        for (appender, samples) in self.appenders.iter_mut().zip(parts) {
            if samples.is_empty() {
                continue;
            }
            let before = appender.ordinal;
            if let Err(error) = appender.append(&samples, now) {
                appender.give_up(before);
                let dir = appender.shard.dir.clone();
                tracing::warn!(%error, dir = %dir.display(), "the disk does not take the queue of metrics");
                result = Err(OutboxError::Disk { dir, why: error.to_string() });
            }
        }
        self.within_limit();
        result
    }

    /// Over the limit the oldest go, from the largest shard.
    fn within_limit(&self) {
        loop {
            let sizes = self.appenders.iter().map(|appender| appender.shard.lock().bytes());
            let sizes: Vec<u64> = sizes.collect();
            if sizes.iter().sum::<u64>() <= self.limit {
                return;
            }
            let mut largest: Vec<usize> = (0..sizes.len()).collect();
            largest.sort_by_key(|place| std::cmp::Reverse(sizes[*place]));
            let dropped = largest.into_iter().find_map(|place| {
                let shard = &self.appenders[place].shard;
                let number = shard.lock().drop_oldest()?;
                Some(segment_path(&shard.dir, number))
            });
            match dropped {
                Some(path) => remove(&path),
                // What is left is being written to.
                None => return,
            }
        }
    }
}

impl Appender {
    fn append(&mut self, samples: &[&Pushed], now: i64) -> io::Result<()> {
        for part in samples.chunks(MOST_SAMPLES) {
            if self.open.as_ref().is_some_and(|open| open.length >= self.segment_bytes) {
                self.flush(true)?;
                self.open = None;
            }
            if self.open.is_none() {
                self.open = Some(self.begin()?);
            }
            if let Some(open) = &mut self.open {
                put_samples(&mut open.waiting, &mut open.ids, part, self.ordinal, now);
                self.ordinal += part.len() as u64;
            }
            let waiting = self.open.as_ref().map_or(0, |open| open.waiting.len());
            if waiting >= WRITE_BYTES {
                self.flush(false)?;
            }
        }
        self.flush(true)
    }

    fn begin(&mut self) -> io::Result<Open> {
        self.segment += 1;
        let path = segment_path(&self.shard.dir, self.segment);
        let file = self.disk.create(&path)?;
        self.disk.sync_folder(&path)?;
        let mut waiting = MAGIC.to_vec();
        put_begin(&mut waiting, self.ordinal);
        Ok(Open { file, begin: self.ordinal, length: 0, ids: HashMap::new(), waiting })
    }

    /// Writes what waits; with `sync` it is on the disk then, and may be read.
    fn flush(&mut self, sync: bool) -> io::Result<()> {
        let Some(open) = &mut self.open else { return Ok(()) };
        open.file.write_all(&open.waiting)?;
        open.length += open.waiting.len() as u64;
        open.waiting.clear();
        if !sync {
            return Ok(());
        }
        open.file.sync()?;
        let segment = Segment { number: self.segment, bytes: open.length, begin: open.begin };
        let mut state = self.shard.lock();
        match state.segments.back_mut().filter(|last| last.number == segment.number) {
            Some(last) => *last = segment,
            None => state.segments.push_back(segment),
        }
        let (segment, ordinal) = (self.segment, self.ordinal);
        state.end = Place { segment, offset: open.length, ordinal };
        drop(state);
        self.shard.more.notify_one();
        Ok(())
    }

    /// After an error nobody knows what is on the disk: what is told to be there stays, and a new segment begins.
    fn give_up(&mut self, ordinal: u64) {
        self.open = None;
        let end = self.shard.lock().end;
        self.ordinal = if end.ordinal > ordinal { end.ordinal } else { ordinal };
        if end.segment == self.segment {
            // Where even this fails, the end of the segment is passed over by its checksums.
            drop(self.disk.continue_at(&segment_path(&self.shard.dir, self.segment), end.offset));
        }
    }
}
