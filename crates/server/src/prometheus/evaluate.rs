//! Runs queries: so many at once, for so long, and no longer than the client waits. What takes longer than a moment runs away
//! from the server's own threads.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, SemaphorePermit, TryAcquireError};
use vigie_query::{Answer, Control, Engine, QueryError, StopReason};
use vigie_store::{ReadError, Storage};

use super::backend;
use super::error::{ApiError, ErrorKind};
use super::metrics::{Metrics, Reading};

/// What a query came to, and what it cost.
pub(super) struct Evaluated<T> {
    pub(super) value: T,
    /// Seconds that it waited for its turn.
    pub(super) queued: f64,
    /// Seconds that it ran.
    pub(super) ran: f64,
    /// Its place among those that run.
    pub(super) permit: OwnedSemaphorePermit,
}

/// Evaluates several queries over one range of (start, end, step) milliseconds, for Vigie's own charts.
pub(crate) async fn ranges(
    metrics: &Metrics,
    queries: Vec<String>,
    span: (i64, i64, i64),
) -> Result<Vec<Answer>, ApiError> {
    if let Reading::Elsewhere { query, .. } = &metrics.reading {
        return backend::ranges(query, queries, span, CHART_WITHIN).await;
    }
    let all = answered(metrics, (Some(CHART_WITHIN), None), move |engine, storage, control| {
        queries.iter().map(|query| engine.range(storage, query, span, control)).collect()
    });
    Ok(all.await?.value)
}

/// A chart that takes longer is asked for in larger steps: nobody waits that long for one.
const CHART_WITHIN: Duration = Duration::from_secs(9);

/// About a tenth of a millisecond, in samples: a query that costs more is handed to a thread, which costs about as much.
const AT_ONCE: u64 = 20_000;

/// Ends the query when the one who waits for it is gone.
struct StopWhenDropped(Control);

impl Drop for StopWhenDropped {
    fn drop(&mut self) {
        self.0.stop(StopReason::Canceled);
    }
}

/// A place among those that run.
struct Turn<'a> {
    storage: &'a Arc<dyn Storage>,
    /// Its place among those that wait or run.
    _place: SemaphorePermit<'a>,
    permit: OwnedSemaphorePermit,
    /// Seconds that it waited.
    queued: f64,
    deadline: tokio::time::Instant,
    /// All the time that there was.
    timeout: Duration,
}

impl<'a> Turn<'a> {
    /// Waits for it.
    async fn take(metrics: &'a Metrics, timeout: Option<Duration>) -> Result<Self, ApiError> {
        let Reading::Here(storage) = &metrics.reading else {
            return Err(ApiError::new(
                ErrorKind::Unavailable,
                "the metrics are in a backend elsewhere, and this is not asked of it",
            ));
        };
        let limits = metrics.limits;
        let timeout = timeout.unwrap_or(limits.timeout).min(limits.timeout);
        let start = Instant::now();
        let deadline = tokio::time::Instant::now() + timeout;
        let _place = match metrics.waiting.try_acquire() {
            Ok(place) => place,
            Err(TryAcquireError::NoPermits | TryAcquireError::Closed) => {
                return Err(ApiError::new(
                    ErrorKind::Unavailable,
                    format!(
                        "too many queries: {} run and {} wait for their turn, the limits query concurrency and query queue",
                        limits.concurrency, limits.queue
                    ),
                ));
            }
        };
        let turn = Arc::clone(&metrics.running).acquire_owned();
        let Ok(Ok(permit)) = tokio::time::timeout_at(deadline, turn).await else {
            return Err(ApiError::new(
                ErrorKind::Timeout,
                format!(
                    "query timed out in query queue: {} others run, the limit query concurrency",
                    limits.concurrency
                ),
            ));
        };
        let queued = start.elapsed().as_secs_f64();
        Ok(Self { storage, _place, permit, queued, deadline, timeout })
    }

    /// Runs `work` on a thread of its own.
    async fn on_a_thread<T: Send + 'static>(
        self,
        work: impl FnOnce(&dyn Storage, &Control) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<Evaluated<T>, ApiError> {
        let Self { permit, queued, deadline, timeout, .. } = self;
        let control = Control::default();
        let stop = StopWhenDropped(control.clone());
        let storage = Arc::clone(self.storage);
        let begun = Instant::now();
        let task = tokio::task::spawn_blocking(move || {
            let value = work(&*storage, &control);
            (value, permit)
        });
        match tokio::time::timeout_at(deadline, task).await {
            Ok(Ok((value, permit))) => {
                Ok(Evaluated { value: value?, queued, ran: begun.elapsed().as_secs_f64(), permit })
            }
            Ok(Err(panicked)) => {
                tracing::error!(error = %panicked, "a query ended without an answer");
                Err(ApiError::new(
                    ErrorKind::Internal,
                    "Vigie failed to answer; the cause is in its log",
                ))
            }
            Err(_) => {
                // The thread looks at this soon; its place is given back then.
                stop.0.stop(StopReason::Timeout);
                let limit = timeout.as_secs_f64();
                Err(ApiError::new(
                    ErrorKind::Timeout,
                    format!(
                        "query timed out in expression evaluation: it took longer than {limit} s, the limit query timeout"
                    ),
                ))
            }
        }
    }
}

/// Runs `work` on a thread of its own.
pub(super) async fn evaluate<T: Send + 'static>(
    metrics: &Metrics,
    timeout: Option<Duration>,
    work: impl FnOnce(&dyn Storage, &Control) -> Result<T, ApiError> + Send + 'static,
) -> Result<Evaluated<T>, ApiError> {
    Turn::take(metrics, timeout).await?.on_a_thread(work).await
}

/// Has the engine answer, with this lookback in milliseconds: here and at once where that takes no longer than the way to a
/// thread, else on one.
pub(super) async fn answered<T: Send + 'static>(
    metrics: &Metrics,
    (timeout, lookback): (Option<Duration>, Option<i64>),
    ask: impl Fn(&Engine, &dyn Storage, &Control) -> Result<T, QueryError> + Send + 'static,
) -> Result<Evaluated<T>, ApiError> {
    let turn = Turn::take(metrics, timeout).await?;
    let begun = Instant::now();
    let quick = metrics.engine(lookback, Some(AT_ONCE));
    match ask(&quick, &**turn.storage, &Control::default()) {
        Err(QueryError::Storage(ReadError::NotAtOnce)) => {}
        answer => {
            let Turn { queued, permit, .. } = turn;
            return Ok(Evaluated {
                value: answer?,
                queued,
                ran: begun.elapsed().as_secs_f64(),
                permit,
            });
        }
    }
    let engine = metrics.engine(lookback, None);
    turn.on_a_thread(move |storage, control| Ok(ask(&engine, storage, control)?)).await
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use axum::response::IntoResponse;
    use vigie_query::EngineLimits;
    use vigie_store::{Store, StoreOptions};

    use super::*;
    use crate::prometheus::QueryLimits;

    fn metrics() -> (tempfile::TempDir, Metrics) {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(StoreOptions::new(dir.path()), 0).unwrap();
        let store = Arc::new(store);
        let limits = QueryLimits::default();
        (dir, Metrics::new(store.clone(), store, EngineLimits::default(), limits))
    }

    /// Work that goes on until it is stopped, and tells why.
    fn until_stopped(
        begun: mpsc::Sender<()>,
        told: mpsc::Sender<StopReason>,
    ) -> impl FnOnce(&dyn Storage, &Control) -> Result<(), ApiError> + Send + 'static {
        move |_, control| {
            begun.send(()).unwrap();
            let reason = loop {
                if let Some(reason) = control.stopped() {
                    break reason;
                }
                std::thread::sleep(Duration::from_millis(1));
            };
            told.send(reason).unwrap();
            Ok(())
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_query_that_nobody_waits_for_is_stopped() {
        let (_dir, metrics) = metrics();
        let ((begin, begun), (tell, told)) = (mpsc::channel(), mpsc::channel());
        let client = tokio::spawn({
            let metrics = metrics.clone();
            async move { evaluate(&metrics, None, until_stopped(begin, tell)).await.map(drop) }
        });
        begun.recv().unwrap();
        client.abort();
        assert_eq!(told.recv().unwrap(), StopReason::Canceled);
        // Its place is free again.
        let free = metrics.running.acquire_many(metrics.limits.concurrency as u32);
        assert!(free.await.is_ok());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_query_that_takes_too_long_is_stopped() {
        let (_dir, metrics) = metrics();
        let ((begin, _begun), (tell, told)) = (mpsc::channel(), mpsc::channel());
        let work = until_stopped(begin, tell);
        let error = evaluate(&metrics, Some(Duration::from_millis(20)), work).await.err().unwrap();
        assert_eq!(error.into_response().status().as_u16(), 503);
        assert_eq!(told.recv().unwrap(), StopReason::Timeout);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_query_runs_here_when_it_costs_little_and_else_on_a_thread() {
        let (_dir, mut metrics) = metrics();
        metrics.engine.max_steps = u64::MAX;
        for (points, here) in [(100, true), (1_000_000, false)] {
            let range = (0, points, 1);
            let ask = move |engine: &Engine, storage: &dyn Storage, control: &Control| {
                engine.range(storage, "vector(1)", range, control)?;
                Ok(std::thread::current().id())
            };
            let ran = answered(&metrics, (None, None), ask).await.ok().unwrap().value;
            assert_eq!(ran == std::thread::current().id(), here, "{points} points");
        }
    }
}
