//! Runs queries away from the server's own threads: so many at once, for so long, and no longer than the client
//! waits.

use std::sync::Arc;
use std::time::Instant;

use axum::http::StatusCode;
use vigie_query::logql::{LogEngine, LogSource};
use vigie_query::{Control, StopReason};

use super::LogQueries;
use super::error::LokiError;

/// Ends the query when the one who waits for it is gone.
struct StopWhenDropped(Control);

impl Drop for StopWhenDropped {
    fn drop(&mut self) {
        self.0.stop(StopReason::Canceled);
    }
}

/// What a query came to, and what it cost.
pub(super) struct Evaluated<T> {
    pub(super) value: T,
    /// Seconds that it waited for its turn.
    pub(super) queued: f64,
    /// Seconds that it ran.
    pub(super) ran: f64,
}

/// Runs `work` on a thread of its own.
pub(super) async fn evaluate<T: Send + 'static>(
    logs: &LogQueries,
    work: impl FnOnce(&LogEngine, &dyn LogSource, &Control) -> Result<T, LokiError> + Send + 'static,
) -> Result<Evaluated<T>, LokiError> {
    let limits = logs.limits;
    let start = Instant::now();
    let deadline = tokio::time::Instant::now() + limits.timeout;
    let Ok(_waits) = logs.waiting.try_acquire() else {
        return Err(LokiError::new(
            StatusCode::TOO_MANY_REQUESTS,
            format!(
                "too many outstanding requests: {} run and {} wait",
                limits.concurrency, limits.queue
            ),
        ));
    };
    let too_long = || {
        let seconds = limits.timeout.as_secs_f64();
        let message = format!(
            "request timed out: it took longer than {seconds} s; shorten the range or narrow the selector"
        );
        LokiError::new(StatusCode::GATEWAY_TIMEOUT, message)
    };
    let turn = Arc::clone(&logs.running).acquire_owned();
    let Ok(Ok(permit)) = tokio::time::timeout_at(deadline, turn).await else {
        return Err(too_long());
    };
    let queued = start.elapsed().as_secs_f64();
    let control = Control::default();
    let stop = StopWhenDropped(control.clone());
    let (source, engine) = (Arc::clone(&logs.source), logs.engine.clone());
    let begun = Instant::now();
    let task = tokio::task::spawn_blocking(move || {
        let value = work(&engine, &*source, &control);
        drop(permit);
        value
    });
    match tokio::time::timeout_at(deadline, task).await {
        Ok(Ok(value)) => {
            Ok(Evaluated { value: value?, queued, ran: begun.elapsed().as_secs_f64() })
        }
        Ok(Err(panicked)) => {
            tracing::error!(error = %panicked, "a query for logs ended without an answer");
            Err(LokiError::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "Vigie failed to answer; the cause is in its log",
            ))
        }
        Err(_) => {
            // The thread looks at this soon; its place is given back then.
            stop.0.stop(StopReason::Timeout);
            Err(too_long())
        }
    }
}
