//! Opens what is there: which shards, how far each was written and sent.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vigie_store::disk::{Disk, ReadFile};
use vigie_store::frame;

use super::position::{Place, PositionFile};
use super::reader::remove;
use super::record::{MAGIC, Record, read};
use super::shard::{Segment, Shard, State, segment_path, segments_in};
use super::writer::{Appender, Writer};
use super::{OutboxError, OutboxOptions, disk};

/// Bytes of a segment at the most, and at the least.
const SEGMENT_BYTES: (u64, u64) = (64 << 10, 8 << 20);
/// Segments that each shard has at its limit, about: what is dropped at once.
const SEGMENTS: u64 = 8;

pub(super) struct Opened {
    pub lock: File,
    pub writer: Writer,
    pub shards: Vec<Arc<Shard>>,
}

pub(super) fn open(options: &OutboxOptions) -> Result<Opened, OutboxError> {
    let dir = &options.dir;
    let failed = |error: io::Error| disk(dir, &error);
    fs::create_dir_all(dir).map_err(failed)?;
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(dir.join("lock"))
        .map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => return Err(OutboxError::Locked(dir.clone())),
        Err(fs::TryLockError::Error(error)) => return Err(failed(error)),
    }
    let appenders = appenders(options).map_err(failed)?;
    let shards = appenders.iter().map(|appender| Arc::clone(&appender.shard)).collect();
    Ok(Opened { lock, writer: Writer { appenders, limit: options.queue_bytes }, shards })
}

fn appenders(options: &OutboxOptions) -> io::Result<Vec<Appender>> {
    let dir = &options.dir;
    let wanted = options.shards.max(1);
    if let Some(count) = shards_in(dir)?.filter(|count| *count != wanted) {
        let there = all(options, count)?;
        let pending: u64 = there.iter().map(|one| one.shard.lock().figures().pending).sum();
        if pending > 0 {
            tracing::info!(
                shards = count,
                wanted,
                pending,
                "the queue keeps its number of shards until it was empty at a start"
            );
            return Ok(there);
        }
        for appender in there {
            fs::remove_dir_all(&appender.shard.dir)?;
        }
    }
    all(options, wanted)
}

/// Of how many shards the queue in a folder is; none where there is no queue.
fn shards_in(dir: &Path) -> io::Result<Option<usize>> {
    let mut found = None;
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let count = name.to_str().and_then(|name| name.split_once("-of-")?.1.parse().ok());
        found = count.or(found);
    }
    Ok(found.filter(|count| *count > 0))
}

fn all(options: &OutboxOptions, count: usize) -> io::Result<Vec<Appender>> {
    let segment_bytes =
        (options.queue_bytes / count as u64 / SEGMENTS).clamp(SEGMENT_BYTES.0, SEGMENT_BYTES.1);
    (0..count)
        .map(|number| {
            let dir = options.dir.join(format!("{number}-of-{count}"));
            fs::create_dir_all(&dir)?;
            one(dir, options.disk.clone(), segment_bytes)
        })
        .collect()
}

fn one(dir: PathBuf, disk: Disk, segment_bytes: u64) -> io::Result<Appender> {
    let (_, progress) = PositionFile::open(&dir.join("position"))?;
    let done = progress.done;
    let mut state = State { end: done, done: done.ordinal, ..State::default() };
    let mut last = done.segment.max(progress.sending.segment);
    let mut ordinal = done.ordinal;
    for number in segments_in(&dir)? {
        last = last.max(number);
        let path = segment_path(&dir, number);
        let (begin, bytes) = beginning(&path)?;
        // One whose beginning is damaged is taken to go on where the one before began.
        let begin = begin.or(state.segments.back().map(|before| before.begin)).unwrap_or(0);
        ordinal = ordinal.max(begin);
        state.segments.push_back(Segment { number, bytes, begin });
    }
    // Only the newest segment in which something is whole says how many samples there are.
    for segment in state.segments.iter().rev() {
        if let Some(end) = last_ordinal(&segment_path(&dir, segment.number))? {
            ordinal = ordinal.max(end);
            break;
        }
    }
    if ordinal <= done.ordinal {
        let gone = std::mem::take(&mut state.segments);
        gone.iter().for_each(|segment| remove(&segment_path(&dir, segment.number)));
    } else if let Some(newest) = state.segments.back() {
        state.end = Place { segment: newest.number, offset: newest.bytes, ordinal };
    }
    state.floor = state.segments.front().map_or(0, |first| first.begin);
    let shard = Arc::new(Shard::new(dir, state));
    Ok(Appender { shard, disk, segment_bytes, segment: last, ordinal, open: None })
}

/// The number of the first sample, where that can be read, and how long the segment is.
fn beginning(path: &Path) -> io::Result<(Option<u64>, u64)> {
    let file = ReadFile::open(path)?;
    let bytes = file.read(0, file.length.min(64) as usize)?;
    let found = frame::scan(&bytes, MAGIC.len().min(bytes.len()));
    let first = found.bodies.first().and_then(|body| bytes.get(body.clone()));
    let begin = match first.map(|body| read(body, &mut Default::default(), false)) {
        Some(Ok(Record::Begin(ordinal))) => Some(ordinal),
        _ => None,
    };
    Ok((begin, file.length))
}

/// The number after that of the last sample that is whole.
fn last_ordinal(path: &Path) -> io::Result<Option<u64>> {
    let file = ReadFile::open(path)?;
    let bytes = file.read(0, file.length as usize)?;
    let found = frame::scan(&bytes, MAGIC.len().min(bytes.len()));
    let mut series = Default::default();
    let last = found.bodies.into_iter().rev().find_map(|body| {
        match read(&bytes[body], &mut series, false) {
            Ok(Record::Samples(record)) => Some(record.end()),
            _ => None,
        }
    });
    Ok(last)
}
