//! What the thread that writes a shard and the task that sends it share.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::position::Place;

/// A segment that is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    pub number: u64,
    pub bytes: u64,
    /// The number of its first sample.
    pub begin: u64,
}

/// A shard's figures; counters are since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShardStatus {
    /// Samples that wait or are being sent.
    pub pending: u64,
    /// Samples that the receiver has taken.
    pub sent: u64,
    /// Samples that it refused for good.
    pub refused: u64,
    /// Samples that it refused because it has them: they were sent again, since it was not known whether they arrived.
    pub repeated: u64,
    /// Samples that were dropped unsent: over `queue_bytes`.
    pub dropped: u64,
    /// Samples that were lost to damage on disk.
    pub damaged: u64,
    /// Requests that were tried again.
    pub retries: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// When the oldest of those that are being sent was pushed, in Unix milliseconds.
    pub oldest: Option<i64>,
    /// Why the last sample was refused.
    pub refused_reason: Option<String>,
    /// Why the last request failed; none once one has worked.
    pub error: Option<String>,
    /// Whether the last request worked; none before the first.
    pub up: Option<bool>,
}

/// What is shared.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// Segments on disk, ascending; the last is the one that is written to.
    pub segments: VecDeque<Segment>,
    /// What is before it is on disk and may be read.
    pub end: Place,
    /// What is before it was dropped.
    pub floor: u64,
    /// What is before it was read to be sent.
    pub taken: u64,
    /// What is before it is done with.
    pub done: u64,
    pub status: ShardStatus,
}

impl State {
    /// Takes the oldest segment off, with all that is unsent in it; never the one that is written to.
    pub fn drop_oldest(&mut self) -> Option<u64> {
        let next = self.segments.get(1)?.begin;
        let oldest = self.segments.pop_front()?;
        self.status.dropped += next.saturating_sub(self.floor.max(self.taken));
        self.floor = self.floor.max(next);
        Some(oldest.number)
    }

    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Its figures.
    pub fn figures(&self) -> ShardStatus {
        let pending = self.end.ordinal.saturating_sub(self.done.max(self.floor));
        ShardStatus { pending, bytes: self.bytes(), ..self.status.clone() }
    }
}

/// A shard.
#[derive(Debug)]
pub(crate) struct Shard {
    pub dir: PathBuf,
    state: Mutex<State>,
    /// Told when there is more to read.
    pub more: Notify,
}

impl Shard {
    pub fn new(dir: PathBuf, state: State) -> Self {
        Self { dir, state: Mutex::new(state), more: Notify::new() }
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A segment's file.
pub(super) fn segment_path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:08}.queue"))
}

/// The numbers of the segments in a folder, ascending.
pub(super) fn segments_in(dir: &Path) -> std::io::Result<Vec<u64>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".queue"));
        found.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    found.sort_unstable();
    Ok(found)
}
