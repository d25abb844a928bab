//! A queue on disk, in shards by series. What it acknowledges is synced; what is sent goes.
//!
//! [`record`] is the bytes, [`writer`] the thread that appends, [`reader`] what is read to be sent, [`position`] how far
//! that is, [`shard`] what the two share. `docs/remote-backend.md` describes the files.

mod open;
mod position;
mod reader;
mod record;
mod shard;
mod writer;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use vigie_model::Labels;
use vigie_store::Value;
use vigie_store::disk::Disk;

pub(crate) use reader::Source;
pub(crate) use shard::Shard;
pub use shard::ShardStatus;

/// A sample: its series, Unix milliseconds, and the value.
pub type Pushed = (Labels, i64, Value);

/// Samples that may wait for the disk, in memory.
const MOST_WAITING: usize = 500_000;

/// Tells what became of a push.
type Done = Box<dyn FnOnce(Result<(), OutboxError>) + Send>;

/// What a queue is to be like.
#[derive(Debug, Clone)]
pub struct OutboxOptions {
    /// What its figures are called.
    pub name: String,
    /// Its folder, which is made.
    pub dir: PathBuf,
    /// How many shards; a queue that is not empty keeps those that it has.
    pub shards: usize,
    /// Bytes on disk, about; over it, the oldest go and are counted.
    pub queue_bytes: u64,
    /// The disk, for tests of its faults.
    pub disk: Disk,
}

impl OutboxOptions {
    /// The defaults.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            name: String::new(),
            dir: dir.into(),
            shards: 4,
            queue_bytes: 2 << 30,
            disk: Disk::default(),
        }
    }
}

/// Why samples are not in the queue, or why there is no queue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutboxError {
    /// The disk failed.
    #[error("the queue of metrics in {} cannot be used: {why}", dir.display())]
    Disk {
        /// The folder.
        dir: PathBuf,
        /// What the operating system says.
        why: String,
    },
    /// Another process has it.
    #[error(
        "the queue of metrics in {} is in use by another process: stop that one, or choose another data_dir",
        _0.display()
    )]
    Locked(PathBuf),
    /// So much waits for the disk that nothing more is taken.
    #[error("{MOST_WAITING} samples already wait for the disk, which is the limit")]
    Backlog,
    /// It was closed.
    #[error("the queue of metrics is closed")]
    Closed,
}

/// The figures of all shards.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemoteStatus {
    /// One a shard.
    pub shards: Vec<ShardStatus>,
}

impl RemoteStatus {
    /// A figure of all shards together.
    #[must_use]
    pub fn total(&self, figure: impl Fn(&ShardStatus) -> u64) -> u64 {
        self.shards.iter().map(figure).sum()
    }

    /// Why a request of some shard failed; none where the last of each worked.
    #[must_use]
    pub fn last_error(&self) -> Option<&str> {
        self.shards.iter().find_map(|shard| shard.error.as_deref())
    }

    /// Milliseconds since the oldest of those that are being sent was pushed.
    #[must_use]
    pub fn oldest_pending_age(&self, now: i64) -> Option<i64> {
        let oldest = self.shards.iter().filter_map(|shard| shard.oldest).min();
        oldest.map(|oldest| (now - oldest).max(0))
    }

    /// Whether the last request of each shard worked; none before the first.
    #[must_use]
    pub fn up(&self) -> Option<bool> {
        self.shards.iter().filter_map(|shard| shard.up).reduce(|one, other| one && other)
    }
}

/// A queue on disk. Cheap to clone; it is closed when the last clone is dropped, with all written that was pushed.
#[derive(Clone)]
pub struct Outbox(Arc<Inner>);

struct Inner {
    name: String,
    queue: Arc<Queue>,
    shards: Vec<Arc<Shard>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Held while it is open.
    _lock: File,
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Outbox").field("name", &self.0.name).finish_non_exhaustive()
    }
}

impl Outbox {
    /// Opens or makes a queue.
    ///
    /// # Errors
    /// When the disk fails, or another process has it.
    pub fn open(options: &OutboxOptions) -> Result<Self, OutboxError> {
        let open::Opened { lock, writer, shards } = open::open(options)?;
        let queue = Arc::new(Queue::default());
        let of_thread = Arc::clone(&queue);
        let thread = std::thread::Builder::new()
            .name("outbox".into())
            .spawn(move || writer::run(&of_thread, writer))
            .map_err(|error| OutboxError::Disk {
                dir: options.dir.clone(),
                why: error.to_string(),
            })?;
        Ok(Self(Arc::new(Inner {
            name: options.name.clone(),
            queue,
            shards,
            thread: Mutex::new(Some(thread)),
            _lock: lock,
        })))
    }

    /// What its figures are called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Adds samples; those of one series are sent in the order in which they are pushed. `done` is told once they are on
    /// the disk, or why not, on another thread.
    pub fn push(
        &self,
        samples: Vec<Pushed>,
        done: impl FnOnce(Result<(), OutboxError>) + Send + 'static,
    ) {
        if let Err((error, done)) = self.0.queue.push(samples, Box::new(done)) {
            done(Err(error));
        }
    }

    /// The figures.
    #[must_use]
    pub fn status(&self) -> RemoteStatus {
        let shards = self.0.shards.iter().map(|shard| shard.lock().figures());
        RemoteStatus { shards: shards.collect() }
    }

    /// Each shard, to be sent.
    pub(crate) fn sources(&self) -> Result<Vec<Source>, OutboxError> {
        let source = |shard: &Arc<Shard>| {
            Source::open(Arc::clone(shard)).map_err(|error| disk(&shard.dir, &error))
        };
        self.0.shards.iter().map(source).collect()
    }
}

fn disk(dir: &Path, error: &std::io::Error) -> OutboxError {
    OutboxError::Disk { dir: dir.to_owned(), why: vigie_model::io_words(error) }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.queue.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The last handle may be dropped by what is told on the thread itself.
        if let Some(thread) = thread
            && thread.thread().id() != std::thread::current().id()
            && thread.join().is_err()
        {
            tracing::error!("the thread that writes the queue of metrics panicked");
        }
    }
}

/// Where pushes wait for the thread that writes.
#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    wake: Condvar,
}

#[derive(Default)]
struct Waiting {
    pushes: Vec<(Vec<Pushed>, Done)>,
    /// Samples of `pushes`, and of those that are being written.
    samples: usize,
    closed: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, samples: Vec<Pushed>, done: Done) -> Result<(), (OutboxError, Done)> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err((OutboxError::Closed, done));
        }
        if waiting.samples > 0 && waiting.samples + samples.len() > MOST_WAITING {
            return Err((OutboxError::Backlog, done));
        }
        waiting.samples += samples.len();
        waiting.pushes.push((samples, done));
        self.wake.notify_one();
        Ok(())
    }

    /// All that waits, once there is something; none when it is closed and empty.
    fn take(&self) -> Option<Vec<(Vec<Pushed>, Done)>> {
        let mut waiting = self.lock();
        while waiting.pushes.is_empty() {
            if waiting.closed {
                return None;
            }
            waiting = self.wake.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        Some(std::mem::take(&mut waiting.pushes))
    }

    fn written(&self, samples: usize) {
        self.lock().samples -= samples;
    }

    fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_one();
    }
}
