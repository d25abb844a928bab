//! `GET /api/v1/workers`.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::queues::check_source;
use super::wire::{Worker, micros};
use crate::access::Query;
use crate::problem::Problem;
use crate::state::AppState;
use crate::time_text::rfc3339;

/// Which workers are asked for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WorkerFilter {
    /// Only of this source.
    source: Option<String>,
    /// Only those that consume this queue.
    queue: Option<String>,
}

/// The answer of `/workers`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Workers {
    /// The moment that this describes.
    at: String,
    /// The workers, by source, broker and identity.
    workers: Vec<Worker>,
}

/// The processes that consume queues.
#[utoipa::path(get, path = "/api/v1/workers", tag = "workers", params(WorkerFilter),
    responses((status = 200, body = Workers), (status = 400, body = Problem)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    Query(filter): Query<WorkerFilter>,
) -> Result<Json<Workers>, Problem> {
    let now = app.time();
    let board = app.board.read();
    check_source(&board, filter.source.as_deref(), now)?;
    let wanted = board.workers(now).filter(|view| {
        filter.source.as_deref().is_none_or(|source| source == view.source.as_str())
            && filter
                .queue
                .as_deref()
                .is_none_or(|queue| view.worker.queues.iter().any(|name| name.as_str() == queue))
    });
    let workers = wanted.map(|view| Worker {
        idle_seconds: view.idle_since.map(|since| micros(now.age(since))),
        ..Worker::new(&view)
    });
    Ok(Json(Workers { at: rfc3339(now), workers: workers.collect() }))
}
