//! What every handler can reach.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use vigie_board::Board;
use vigie_model::Time;
use vigie_remote::{Forwarder, Outbox};

use crate::api::FailedJobReader;
use crate::live::Hub;
use crate::logs::Logs;
use crate::loki::{LogQueries, LokiError};
use crate::prometheus::{ApiError, Metrics};

/// Tells the time.
pub type Now = Arc<dyn Fn() -> Time + Send + Sync>;

/// The board, shared between the one who writes and those who ask. Nobody holds it over an `await`.
#[derive(Clone)]
pub struct SharedBoard(Arc<RwLock<Board>>);

impl SharedBoard {
    /// Shares a board.
    #[must_use]
    pub fn new(board: Board) -> Self {
        Self(Arc::new(RwLock::new(board)))
    }

    /// To ask. A panic of a writer leaves figures that the next observation puts right, so it is not passed on.
    pub fn read(&self) -> RwLockReadGuard<'_, Board> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// To write.
    pub fn write(&self) -> RwLockWriteGuard<'_, Board> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What every handler can reach. Each request clones it several times, so clones share it; to change it is to have a copy.
#[derive(Clone)]
pub struct AppState(Arc<Parts>);

impl Deref for AppState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl DerefMut for AppState {
    fn deref_mut(&mut self) -> &mut Parts {
        Arc::make_mut(&mut self.0)
    }
}

/// What [`AppState`] is made of.
#[derive(Clone)]
pub struct Parts {
    /// What is true now.
    pub board: SharedBoard,
    /// The clock.
    pub now: Now,
    /// The live stream.
    pub hub: Hub,
    /// Observations that were dropped before the board, counted by whoever feeds it.
    pub dropped: Arc<AtomicU64>,
    /// Samples of Vigie's own series that were not kept, counted by whoever keeps them.
    pub lost: Arc<AtomicU64>,
    /// Metrics with their history; `None` while their store is not open, which leaves all else as it is.
    pub metrics: Option<Metrics>,
    /// What waits to be sent elsewhere.
    pub outboxes: Vec<Outbox>,
    /// Where log entries are forwarded to.
    pub forwarders: Vec<Forwarder>,
    /// LogQL over the log entries; `None` while their store is not open.
    pub loki: Option<LogQueries>,
    /// Log entries; `None` while their store is not open.
    pub logs: Option<Logs>,
    /// Reads failed jobs; `None` where no source can be asked.
    pub failed: Option<Arc<dyn FailedJobReader>>,
}

impl AppState {
    /// The state around a board, without metrics.
    #[must_use]
    pub fn new(board: Board, now: Now) -> Self {
        let board = SharedBoard::new(board);
        let hub = Hub::new(board.clone(), Arc::clone(&now));
        Self(Arc::new(Parts {
            board,
            now,
            hub,
            dropped: Arc::default(),
            lost: Arc::default(),
            metrics: None,
            outboxes: Vec::new(),
            forwarders: Vec::new(),
            loki: None,
            logs: None,
            failed: None,
        }))
    }

    /// The same with metrics.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Metrics) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// The same with log entries.
    #[must_use]
    pub fn with_logs(mut self, logs: Logs) -> Self {
        self.logs = Some(logs);
        self
    }

    /// The same with LogQL over log entries.
    #[must_use]
    pub fn with_loki(mut self, loki: LogQueries) -> Self {
        self.loki = Some(loki);
        self
    }

    pub(crate) fn loki(&self) -> Result<&LogQueries, LokiError> {
        self.loki.as_ref().ok_or_else(LokiError::no_store)
    }

    pub(crate) fn metrics(&self) -> Result<&Metrics, ApiError> {
        self.metrics.as_ref().ok_or_else(ApiError::no_store)
    }

    pub(crate) fn time(&self) -> Time {
        (self.now)()
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}
