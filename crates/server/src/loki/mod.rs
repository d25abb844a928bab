//! Loki's HTTP API for reading over Vigie's logs, so that Grafana and logcli just work.
//!
//! These paths answer as Loki 3 does, errors included (a plain text); Vigie's own paths answer with problem documents.

mod answer;
mod detected;
mod error;
mod evaluate;
mod index;
mod labels;
mod params;
mod query;
mod status;
mod stored;
mod tail;
mod tailed;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use tokio::sync::{Semaphore, broadcast};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vigie_model::LogEntry;
use vigie_query::logql::{LogEngine, LogLimits, LogSource};

use crate::state::AppState;
pub(crate) use error::LokiError;
pub use stored::StoredLogs;

/// The longest form of a query.
const FORM_BYTES: usize = 1 << 20;
/// Entries that wait for a tail which is behind; older ones are dropped and counted.
const WAITING: usize = 4_096;

/// What a query for logs may use beside the limits of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogQueryLimits {
    /// Queries that run at once.
    pub concurrency: usize,
    /// Queries that wait for their turn; more are turned away.
    pub queue: usize,
    /// The longest that a query runs, its waiting included.
    pub timeout: Duration,
    /// Tails that are open at once.
    pub tails: usize,
}

impl Default for LogQueryLimits {
    fn default() -> Self {
        Self { concurrency: 8, queue: 128, timeout: Duration::from_secs(60), tails: 100 }
    }
}

/// Logs: read, evaluated, tailed. Cheap to clone.
#[derive(Clone)]
pub struct LogQueries {
    source: Arc<dyn LogSource>,
    engine: LogEngine,
    limits: LogQueryLimits,
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    tails: Arc<Semaphore>,
    live: broadcast::Sender<Arc<LogEntry>>,
}

impl LogQueries {
    /// Logs that are read from `source`.
    #[must_use]
    pub fn new(source: Arc<dyn LogSource>, engine: LogLimits, limits: LogQueryLimits) -> Self {
        Self {
            source,
            engine: LogEngine::new(engine),
            limits,
            running: Arc::new(Semaphore::new(limits.concurrency)),
            waiting: Arc::new(Semaphore::new(limits.concurrency + limits.queue)),
            tails: Arc::new(Semaphore::new(limits.tails)),
            live: broadcast::channel(WAITING).0,
        }
    }

    /// Tells open tails of an entry that was stored. Never waits: who is behind misses entries, and is told how many.
    pub fn publish(&self, entry: Arc<LogEntry>) {
        // Without tails nobody listens.
        let _ = self.live.send(entry);
    }

    /// Whether anybody tails: without, nothing need be published.
    #[must_use]
    pub fn tailed(&self) -> bool {
        self.live.receiver_count() > 0
    }
}

/// Every compatible path.
pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(query::instant))
        .routes(routes!(query::range))
        .routes(routes!(query::format))
        .routes(routes!(labels::names))
        .routes(routes!(labels::values))
        .routes(routes!(labels::series))
        .routes(routes!(index::stats))
        .routes(routes!(index::volume))
        .routes(routes!(index::volume_range))
        .routes(routes!(detected::fields))
        .routes(routes!(detected::field_values))
        .routes(routes!(detected::labels))
        .routes(routes!(detected::patterns))
        .routes(routes!(tail::tail))
        .routes(routes!(status::buildinfo))
        .routes(routes!(status::drilldown_limits))
        .routes(routes!(status::ready))
        .layer(DefaultBodyLimit::max(FORM_BYTES))
}
