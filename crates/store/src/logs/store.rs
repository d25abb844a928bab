//! The store of log entries: what it holds, and what is in sight of a search at one moment.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use vigie_model::LogEntry;

use super::block::Block;
use super::columns::{Builder, Columns};
use super::positions::Positions;
use super::record;
use super::status::{
    LogAppendError, LogAppended, LogOptions, LogRefusal, LogRefused, LogStatus, Position,
};
use crate::frame;
use crate::held::HeldFolder;
use crate::sample::Appended;
use crate::status::Damage;
use crate::wal::Wal;

/// The texts of an entry, fields and labels included, have at most this many bytes together.
pub const LONGEST_ENTRY: usize = 1 << 20;
/// One append has at most this many bytes of text.
pub const LARGEST_APPEND: usize = 32 << 20;
const MOST_READERS: usize = 10_000;
const LONGEST_READER: usize = 512;
const LONGEST_POSITION: usize = 64 << 10;
/// Rows of the head are kept in chunks of this many, so that a search copies no more than one.
const CHUNK_ROWS: usize = 4096;
const CHUNK_TEXT: usize = 1 << 20;
/// The head refuses more when it is this many times over its bounds: then blocks cannot be written.
const HEAD_TIMES: usize = 16;
/// So many damages are named one by one.
const MOST_DAMAGES: usize = 1000;

/// Who is told what became of an append.
pub type LogDone = Box<dyn FnOnce(Result<LogAppended, LogAppendError>) + Send>;

/// A store of log entries. Clones are handles to the same store; it is closed by [`LogStore::close`] or with the last.
#[derive(Clone)]
pub struct LogStore(pub(super) Arc<Inner>);

/// Entries that are in no block yet.
#[derive(Default)]
pub(super) struct Head {
    pub generation: u64,
    pub chunks: Vec<Arc<Columns>>,
    pub active: Builder,
    pub rows: usize,
    pub bytes: usize,
    /// When its first entry came, in milliseconds.
    pub since: Option<i64>,
}

impl Head {
    pub fn push(&mut self, number: u64, entry: &LogEntry) {
        self.active.push(number, entry);
        self.rows += 1;
        if self.active.columns.len() >= CHUNK_ROWS || self.active.columns.text_bytes() >= CHUNK_TEXT
        {
            self.cut();
        }
    }

    pub fn cut(&mut self) {
        let full = std::mem::take(&mut self.active).columns;
        if !full.is_empty() {
            self.bytes += full.bytes();
            self.chunks.push(Arc::new(full));
        }
    }

    fn all_bytes(&self) -> usize {
        self.bytes + self.active.columns.bytes()
    }
}

/// A head that is being made a block.
pub(super) struct Frozen {
    pub generation: u64,
    pub chunks: Vec<Arc<Columns>>,
    pub positions: Positions,
}

/// What changes with each append, and with each block.
pub(super) struct State {
    pub head: Head,
    pub frozen: Option<Arc<Frozen>>,
    pub blocks: Arc<Vec<Arc<Block>>>,
    pub positions: Positions,
    pub next_number: u64,
    pub next_block: u64,
}

pub(super) struct Inner {
    pub options: LogOptions,
    pub folder: Arc<HeldFolder>,
    pub wal: Wal,
    pub state: Mutex<State>,
    /// One maintenance at a time.
    pub maintaining: Mutex<()>,
    pub maintenance_error: Mutex<Option<String>>,
    pub now: AtomicI64,
    /// Entries with lesser numbers are on the disk.
    pub durable: Arc<AtomicU64>,
    pub appended: AtomicU64,
    pub refused: AtomicU64,
    pub damaged: Mutex<Vec<Damage>>,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes of an entry's texts.
pub(super) fn text_bytes(entry: &LogEntry) -> usize {
    let LogEntry { level_text, kind, source, instance, queue, job, trace, .. } = entry;
    let shared: usize =
        [level_text, kind, source, instance, queue, job, trace].iter().map(|text| text.len()).sum();
    let labels: usize =
        entry.labels.iter().map(|label| label.name.len() + label.value.len() + 16).sum();
    shared + labels + entry.message.len() + entry.fields.len()
}

impl LogStore {
    /// Appends entries, and with them how far their reader has come: after a crash either both are there or neither is.
    /// Searches see the entries at once; `done` is called when they are on the disk (several appends share one sync), or
    /// when the disk did not take them. It is called on the store's own thread, so it must be quick and must not wait for
    /// the store. Entries outside of the retention or too long are named in the answer and left out; the position
    /// counts nevertheless.
    pub fn append(
        &self,
        entries: Vec<LogEntry>,
        position: Option<Position>,
        done: impl FnOnce(Result<LogAppended, LogAppendError>) + Send + 'static,
    ) {
        self.0.append(entries, position, Box::new(done));
    }

    /// As [`Self::append`], and waits.
    ///
    /// # Errors
    /// When the disk did not take the entries, or they were not taken at all.
    pub fn append_wait(
        &self,
        entries: Vec<LogEntry>,
        position: Option<Position>,
    ) -> Result<LogAppended, LogAppendError> {
        let (send, receive) = mpsc::channel();
        self.append(entries, position, move |result| {
            // The receiver waits below.
            let _ = send.send(result);
        });
        receive.recv().unwrap_or(Err(LogAppendError::Closed))
    }

    /// Waits until all that was appended before is on the disk.
    ///
    /// # Errors
    /// When the disk does not take it yet.
    pub fn flush(&self) -> Result<(), LogAppendError> {
        self.0.wal.flush().map_err(LogAppendError::from)
    }

    /// How far a reader has come: what was appended with its last entries. None: it has never said.
    #[must_use]
    pub fn position(&self, reader: &str) -> Option<Vec<u8>> {
        lock(&self.0.state).positions.get(reader).cloned()
    }

    /// The number that the next entry will have: entries that come later have it or a greater one. With
    /// [`super::LogFilter::from_number`] this follows what arrives.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        lock(&self.0.state).next_number
    }

    /// The store's figures.
    #[must_use]
    pub fn status(&self) -> LogStatus {
        let inner = &*self.0;
        let wal = inner.wal.status();
        let damaged = lock(&inner.damaged).clone();
        let state = lock(&inner.state);
        let head = state.frozen.iter().flat_map(|frozen| &frozen.chunks).chain(&state.head.chunks);
        let chunks = || head.clone().map(|chunk| &**chunk).chain([&state.head.active.columns]);
        let times = || chunks().flat_map(|chunk| chunk.times.iter().copied());
        let ranges = || state.blocks.iter().map(|block| block.meta.range());
        LogStatus {
            head_entries: chunks().map(|chunk| chunk.len() as u64).sum(),
            head_bytes: chunks().map(Columns::bytes).sum(),
            block_entries: state.blocks.iter().map(|block| block.meta.rows()).sum(),
            block_bytes: state.blocks.iter().map(|block| block.file.bytes()).sum(),
            blocks: state.blocks.len(),
            wal_bytes: wal.bytes,
            waiting_bytes: wal.waiting,
            write_error: wal.error,
            maintenance_error: lock(&inner.maintenance_error).clone(),
            appended: inner.appended.load(Ordering::Relaxed),
            refused: inner.refused.load(Ordering::Relaxed),
            oldest: ranges().map(|range| range.0).chain(times()).min(),
            newest: ranges().map(|range| range.1).chain(times()).max(),
            damaged,
        }
    }

    /// Why what is given to the store now may not be found on the disk later: its folder is gone, the log cannot be written, or no
    /// block can be made of it. `None` while all is well. Cheap, in contrast to [`Self::status`].
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        let gone = self.0.folder.is_there().err().map(|error| error.to_string());
        gone.or_else(|| self.0.wal.status().error)
            .or_else(|| lock(&self.0.maintenance_error).clone())
    }

    /// Writes what waits, and ends the store's thread. What comes later is refused.
    pub fn close(&self) {
        self.0.wal.stop();
    }
}

impl Inner {
    fn check(
        &self,
        entries: &[LogEntry],
        position: Option<&Position>,
    ) -> Result<(), LogAppendError> {
        if let Some(error) = self.wal.full() {
            return Err(error.into());
        }
        let found: usize = entries.iter().map(text_bytes).sum();
        if found > LARGEST_APPEND {
            return Err(LogAppendError::TooLarge { found, limit: LARGEST_APPEND });
        }
        if position.is_some_and(|position| {
            position.reader.len() > LONGEST_READER || position.bytes.len() > LONGEST_POSITION
        }) {
            return Err(LogAppendError::Position("the reader's name or its position is too long"));
        }
        Ok(())
    }

    fn append(&self, mut entries: Vec<LogEntry>, position: Option<Position>, done: LogDone) {
        let given = entries.len();
        if let Err(error) = self.check(&entries, position.as_ref()) {
            self.refused.fetch_add(given as u64, Ordering::Relaxed);
            return done(Err(error));
        }
        let now = self.now.load(Ordering::Relaxed);
        let nanos = |ms: i64| ms.saturating_mul(1_000_000);
        let oldest = nanos(now.saturating_sub(self.options.retention_ms));
        let newest = nanos(now.saturating_add(self.options.future_ms));
        let mut refused = Vec::new();
        let mut index = 0;
        entries.retain(|entry| {
            let why = if entry.time_nanos < oldest {
                Some(LogRefusal::TooOld)
            } else if entry.time_nanos > newest {
                Some(LogRefusal::TooNew)
            } else {
                (text_bytes(entry) > LONGEST_ENTRY).then_some(LogRefusal::TooLong)
            };
            refused.extend(why.map(|why| {
                let (source, level, kind) = (entry.source.clone(), entry.level, entry.kind.clone());
                LogRefused { index, source, level, kind, why }
            }));
            index += 1;
            why.is_none()
        });
        let appended = LogAppended { accepted: entries.len(), refused };
        self.refused.fetch_add((given - entries.len()) as u64, Ordering::Relaxed);
        let mut state = lock(&self.state);
        let state = &mut *state;
        let over = state.head.all_bytes() / HEAD_TIMES > self.options.head_bytes;
        let readers = position.as_ref().is_some_and(|position| {
            state.positions.len() >= MOST_READERS && !state.positions.contains_key(&position.reader)
        });
        if over || readers {
            self.refused.fetch_add(entries.len() as u64, Ordering::Relaxed);
            return done(Err(if readers {
                LogAppendError::Position("there are too many readers")
            } else {
                LogAppendError::Backlog("blocks cannot be written".into())
            }));
        }
        let (generation, first) = (state.head.generation, state.next_number);
        let body = record::body(generation, first, position.as_ref(), &entries);
        for entry in &entries {
            state.head.push(state.next_number, entry);
            state.next_number += 1;
        }
        if !entries.is_empty() {
            state.head.since.get_or_insert(now);
        }
        if let Some(position) = position {
            state.positions.insert(position.reader, position.bytes);
        }
        self.appended.fetch_add(appended.accepted as u64, Ordering::Relaxed);
        let (durable, after) = (Arc::clone(&self.durable), state.next_number);
        // Under the lock, so that records are in the order of their numbers and within their generation.
        let told = Box::new(move |result: Result<Appended, crate::AppendError>| {
            if result.is_ok() {
                // What was appended before is on the disk then, too.
                durable.fetch_max(after, Ordering::Release);
            }
            done(match result {
                Ok(_) => Ok(appended),
                Err(error) => Err(LogAppendError::of(error, appended)),
            });
        });
        self.wal.append(generation, |out| frame::put(out, &body), Appended::default(), told);
    }

    /// Names what is damaged.
    pub fn damage(&self, damage: Damage) {
        let mut all = lock(&self.damaged);
        if all.len() < MOST_DAMAGES && !all.contains(&damage) {
            tracing::error!(file = damage.file, what = damage.what, "the log store is damaged");
            all.push(damage);
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.wal.stop();
    }
}
