//! Where records wait for the thread that writes them, and appenders for their acknowledgement.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::replay::Segment;
use super::writer::{Writer, run};
use crate::disk::{Disk, DiskFile};
use crate::error::AppendError;
use crate::held::HeldFolder;
use crate::sample::Appended;

/// What an appender wants to be told.
pub type Done = Box<dyn FnOnce(Result<Appended, AppendError>) + Send>;
/// Makes the whole registry's bytes.
pub type Registry = Box<dyn FnOnce() -> Vec<u8> + Send>;

/// The log's figures.
#[derive(Debug, Clone, Default)]
pub struct LogStatus {
    /// Bytes of all segments.
    pub bytes: u64,
    /// How many segments.
    pub segments: usize,
    /// Bytes that wait for the disk to work again.
    pub waiting: usize,
    /// Why the last write failed; none when the last one did not.
    pub error: Option<String>,
    /// How often it synced.
    pub syncs: u64,
    /// How long syncs took, in all.
    pub sync_time: Duration,
    /// How long the last one took.
    pub last_sync: Duration,
}

/// What waits.
#[derive(Default)]
pub(super) struct Queue {
    /// Framed records for the registry.
    pub registry: Vec<u8>,
    /// Framed records by the generation that they belong to.
    pub batches: Vec<(u64, Vec<u8>)>,
    pub waiters: Vec<(Appended, Done)>,
    pub rewrite: Option<Registry>,
    /// Generations up to this are in blocks.
    pub covered: u64,
    pub covered_changed: bool,
    pub stop: bool,
    /// Bytes in `registry` and `batches`.
    pub bytes: usize,
    pub status: LogStatus,
}

#[derive(Default)]
pub(super) struct Shared {
    pub queue: Mutex<Queue>,
    pub wake: Condvar,
}

impl Shared {
    pub fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The log.
pub struct Wal {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// This many bytes may wait for a disk that does not work.
    limit: usize,
}

/// What the log begins with.
pub struct Beginning {
    /// The store's folder.
    pub folder: Arc<HeldFolder>,
    /// Its disk.
    pub disk: Disk,
    /// What each segment begins with.
    pub magic: &'static [u8; 8],
    /// The registry's file, to be appended to; none where there is no registry.
    pub registry: Option<DiskFile>,
    /// How long that is.
    pub registry_length: u64,
    /// Segments that are there.
    pub segments: Vec<Segment>,
    /// Generations up to this are in blocks.
    pub covered: u64,
    /// Bytes that may wait for a disk that does not work.
    pub limit: usize,
}

impl Wal {
    /// Starts the thread.
    pub fn start(beginning: Beginning) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let limit = beginning.limit;
        {
            let mut queue = shared.lock();
            queue.covered = beginning.covered;
            // Segments whose blocks were finished just before the end go at once.
            queue.covered_changed = true;
        }
        let writer = Writer::new(beginning);
        let of_thread = shared.clone();
        let thread = std::thread::Builder::new()
            .name("store-log".into())
            .spawn(move || run(&of_thread, writer))?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)), limit })
    }

    /// Whether so much waits for a disk that does not work that nothing more can be taken; then why.
    pub fn full(&self) -> Option<AppendError> {
        let queue = self.shared.lock();
        if queue.bytes + queue.status.waiting < self.limit {
            return None;
        }
        let reason = queue.status.error.clone().unwrap_or_else(|| "the disk is too slow".into());
        Some(AppendError::Backlog { reason, limit: self.limit })
    }

    /// Leaves a record of a new series or of a metric's meaning. It is written with the next samples, or once there is so
    /// much that those might be refused.
    pub fn register(&self, put: impl FnOnce(&mut Vec<u8>)) {
        let mut queue = self.shared.lock();
        let before = queue.registry.len();
        put(&mut queue.registry);
        queue.bytes += queue.registry.len() - before;
        if queue.bytes >= self.limit / 2 {
            self.shared.wake.notify_one();
        }
    }

    /// Leaves samples of a generation; `done` is told once they, and all that was left before, are on the disk.
    pub fn append(
        &self,
        generation: u64,
        put: impl FnOnce(&mut Vec<u8>),
        appended: Appended,
        done: Done,
    ) {
        let mut queue = self.shared.lock();
        if queue.stop {
            drop(queue);
            return done(Err(AppendError::Closed));
        }
        if queue.batches.last().is_none_or(|batch| batch.0 != generation) {
            queue.batches.push((generation, Vec::new()));
        }
        if let Some((_, bytes)) = queue.batches.last_mut() {
            let before = bytes.len();
            put(bytes);
            queue.bytes += queue.batches.last().map_or(0, |batch| batch.1.len()) - before;
        }
        queue.waiters.push((appended, done));
        self.shared.wake.notify_one();
    }

    /// Waits until all that was left before is on the disk.
    ///
    /// # Errors
    /// When it could not be written.
    pub fn flush(&self) -> Result<(), AppendError> {
        let (send, receive) = std::sync::mpsc::channel();
        let done: Done = Box::new(move |result| {
            // Nobody waits any more when the receiver is gone.
            let _ = send.send(result.map(|_| ()));
        });
        {
            let mut queue = self.shared.lock();
            if queue.stop {
                return Err(AppendError::Closed);
            }
            queue.waiters.push((Appended::default(), done));
            self.shared.wake.notify_one();
        }
        receive.recv().unwrap_or(Err(AppendError::Closed))
    }

    /// Generations up to this are in blocks: their segments go.
    pub fn cover(&self, generation: u64) {
        let mut queue = self.shared.lock();
        queue.covered = queue.covered.max(generation);
        queue.covered_changed = true;
        self.shared.wake.notify_one();
    }

    /// Has the registry written anew.
    pub fn rewrite_registry(&self, registry: Registry) {
        self.shared.lock().rewrite = Some(registry);
        self.shared.wake.notify_one();
    }

    /// The log's figures.
    pub fn status(&self) -> LogStatus {
        let queue = self.shared.lock();
        let mut status = queue.status.clone();
        status.waiting += queue.bytes;
        status
    }

    /// Writes what waits, and ends the thread.
    pub fn stop(&self) {
        self.shared.lock().stop = true;
        self.shared.wake.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The last handle may be dropped by what is told on the thread itself.
        if let Some(thread) = thread
            && thread.thread().id() != std::thread::current().id()
            && thread.join().is_err()
        {
            tracing::error!("the store's log thread panicked");
        }
    }
}
