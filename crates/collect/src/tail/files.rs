//! All files of one list of patterns: each gets its turn, and what they bring goes out in batches.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use vigie_model::{LogEntry, Time};

use super::followed::{Followed, Gathered, Step};
use super::mark::{self, FileId, Mark};
use super::status::TailStatus;
use super::{LONGEST_LINE, MakeParser, TailOptions};

/// Bytes of a batch: about so many, of all files together.
const BATCH_BYTES: u64 = 1 << 20;
/// A file's turn is at most so many bytes.
const TURN_BYTES: usize = 64 << 10;
/// Files that are open at once. Others are opened for their turn.
const MOST_OPEN: usize = 400;
/// Files that were rotated or deleted are read on until they did not grow for so many seconds: their writer may still have them.
pub(super) const LINGER: f64 = 30.0;
/// While there is always more to read, new files are looked for after so many seconds nevertheless.
const LOOK_AFTER: f64 = 1.0;
/// Troubles that are told one by one.
const MOST_TROUBLES: usize = 20;

/// What one step brought. The next may be asked for once this is kept.
#[derive(Debug, Default)]
pub struct Batch {
    /// Entries in the order of each file's lines.
    pub entries: Vec<LogEntry>,
    /// How far all files were read with them; `None`: no further than with the last batch.
    pub position: Option<Vec<u8>>,
    /// Whether there is more to be had at once.
    pub more: bool,
}

/// The files of a list of patterns, step by step. It reads files, and so belongs on a thread that may wait.
pub struct Tail {
    pub(super) options: TailOptions,
    pub(super) make: MakeParser,
    pub(super) files: BTreeMap<FileId, Followed>,
    /// How far files were read that are not there, and since when.
    pub(super) saved: Vec<(Mark, Time)>,
    /// Files that may be copies under way: their length, and since when it is that.
    pub(super) waiting: BTreeMap<FileId, (u64, Time)>,
    /// Files that could not be opened at the last look.
    pub(super) unreadable: BTreeSet<FileId>,
    /// Nothing was ever read.
    pub(super) first: bool,
    /// Those that are not what was read of them.
    pub(super) replaced: BTreeSet<FileId>,
    pub(super) status: TailStatus,
    looked: Option<Time>,
    /// Whose turn was the last.
    turn: Option<FileId>,
    more: bool,
    position: Option<Vec<u8>>,
    buffer: Vec<u8>,
    batch_bytes: u64,
    restored: Vec<Mark>,
}

impl Tail {
    /// A tail that goes on from `position`, or from the beginning where there is none. `make` makes a parser for each file.
    #[must_use]
    pub fn new(options: TailOptions, make: MakeParser, position: Option<Vec<u8>>) -> Self {
        let marks = position.as_deref().and_then(mark::decode);
        if position.is_some() && marks.is_none() {
            tracing::warn!(
                reader = options.reader,
                "how far files were read is not understood: they are read from their beginning"
            );
        }
        let longest_line = options.longest_line.clamp(1, LONGEST_LINE);
        Self {
            options: TailOptions { longest_line, ..options },
            make,
            files: BTreeMap::new(),
            saved: Vec::new(),
            waiting: BTreeMap::new(),
            unreadable: BTreeSet::new(),
            first: position.is_none(),
            replaced: BTreeSet::new(),
            status: TailStatus::default(),
            looked: None,
            turn: None,
            more: false,
            position: marks.is_some().then_some(position).flatten(),
            buffer: vec![0; TURN_BYTES],
            batch_bytes: BATCH_BYTES,
            restored: marks.unwrap_or_default(),
        }
    }

    /// Batches of about 200 bytes, for tests of what happens between them.
    #[cfg(test)]
    pub(super) fn in_small_steps(&mut self) {
        self.buffer.truncate(64);
        self.batch_bytes = 200;
    }

    /// Its figures.
    #[must_use]
    pub fn status(&self) -> TailStatus {
        self.status.clone()
    }

    /// Looks for files and reads on, until there is a batch or nothing more. `now` must not go back.
    pub fn gather(&mut self, now: Time) -> Batch {
        let mut out = Gathered::default();
        let restored = std::mem::take(&mut self.restored);
        self.saved.extend(restored.into_iter().map(|mark| (mark, now)));
        if !self.more || self.looked.is_none_or(|last| now.age(last) >= LOOK_AFTER) {
            self.scan(now, &mut out);
            self.looked = Some(now);
        }
        let idle = self.turns(now, &mut out);
        for id in idle {
            self.settle(id, now, &mut out);
        }
        self.close_some();
        let position = mark::encode(&self.marks());
        let moved = self.position.as_ref() != Some(&position);
        if moved {
            self.position = Some(position.clone());
        }
        self.status.lines += out.lines;
        self.status.bytes += out.bytes;
        self.status.cut += out.cut;
        self.status.mangled += out.mangled;
        self.status.files = self.files.len();
        self.status.behind_bytes = self.files.values().map(Followed::behind).sum();
        Batch { entries: out.entries, position: moved.then_some(position), more: self.more }
    }

    /// Gives each file its turn, again and again. Which have nothing more.
    fn turns(&mut self, now: Time, out: &mut Gathered) -> Vec<FileId> {
        let after = |id: &FileId| self.turn.is_some_and(|turn| *id <= turn);
        let mut ids: Vec<FileId> = self.files.keys().copied().collect();
        ids.sort_by_key(|id| (after(id), *id));
        let mut idle = Vec::new();
        while !ids.is_empty() && !out.is_full(self.batch_bytes) {
            let mut again = Vec::new();
            for id in ids {
                if out.is_full(self.batch_bytes) {
                    again.push(id);
                    continue;
                }
                self.turn = Some(id);
                match self.step(id, now, out) {
                    Step::Read => again.push(id),
                    Step::Idle => idle.push(id),
                    Step::Away => {}
                    Step::Replaced => {
                        self.replaced.insert(id);
                    }
                }
            }
            ids = again;
        }
        // What became of a replaced file is found out by the next look.
        self.more = !ids.is_empty();
        idle
    }

    fn step(&mut self, id: FileId, now: Time, out: &mut Gathered) -> Step {
        let longest = self.options.longest_line;
        let Some(file) = self.files.get_mut(&id) else { return Step::Away };
        match file.step(&mut self.buffer, longest, now, out) {
            Ok(step) => step,
            Err(error) => {
                let path = file.path.clone();
                self.trouble(&path, &error);
                Step::Away
            }
        }
    }

    /// A file that has nothing more for now: what waits for more may have waited long enough, and one that was rotated away ends.
    fn settle(&mut self, id: FileId, now: Time, out: &mut Gathered) {
        let Some(file) = self.files.get_mut(&id) else { return };
        if !file.settle(now, out) {
            self.files.remove(&id);
            return;
        }
        if file.here || file.quiet(now) < LINGER {
            return;
        }
        file.finish(now, out);
        let (mark, deleted) = (file.mark(), file.is_deleted());
        self.files.remove(&id);
        if !deleted {
            self.saved.push((mark, now));
        }
    }

    fn close_some(&mut self) {
        let mut open: Vec<&mut Followed> =
            self.files.values_mut().filter(|file| file.is_open() && file.here).collect();
        if open.len() > MOST_OPEN {
            open.iter_mut().skip(MOST_OPEN).for_each(|file| file.close());
        }
    }

    fn marks(&self) -> Vec<Mark> {
        let own = self.files.values().map(Followed::mark).filter(|mark| mark.offset > 0);
        own.chain(self.saved.iter().rev().map(|(mark, _)| *mark)).collect()
    }

    /// How far all files were read with the last batch.
    #[must_use]
    pub fn position(&self) -> Vec<u8> {
        self.position.clone().unwrap_or_default()
    }

    /// Whether this is the first look since the start.
    pub(super) fn first_look(&self) -> bool {
        self.looked.is_none()
    }

    /// Remembers why a file cannot be read.
    pub(super) fn trouble(&mut self, path: &Path, error: &std::io::Error) {
        if self.status.troubles.len() < MOST_TROUBLES {
            self.status.troubles.insert(path.display().to_string(), vigie_model::io_words(error));
        }
    }
}
