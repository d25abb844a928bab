//! `GET /api/v1/metrics`: the key figures in JSON.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::wire::{JobType, Jobs, Rates, Stat, Totals};
use crate::access::NoQuery;
use crate::problem::Problem;
use crate::state::AppState;
use crate::time_text::rfc3339;

/// The answer of `/metrics`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Kpis {
    /// The moment that this describes.
    at: String,
    /// Of all queues together, since the earliest watched; null while there is no queue.
    totals: Option<Totals>,
    /// Of all queues together.
    rates: Rates,
    /// Of all queues together; stale queues add nothing.
    jobs: Jobs,
    /// Of all queues together.
    wait: Stat,
    /// Of all queues together.
    run: Stat,
    /// Workers; null when no server lets us see them.
    workers: Option<u64>,
    /// Their slots; null when a broker does not tell.
    capacity: Option<u64>,
    /// Jobs that run.
    busy: Option<u64>,
    /// By queue.
    queues: Vec<QueueKpis>,
}

/// The key figures of one queue.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct QueueKpis {
    /// The source in which it is.
    source: String,
    /// `asynq`, `bull` or `bullmq`.
    kind: &'static str,
    /// Its name.
    queue: String,
    /// Its source does not answer.
    stale: bool,
    /// Jobs by state.
    jobs: Jobs,
    /// Since Vigie watches it.
    totals: Totals,
    /// Jobs a second.
    rates: Rates,
    /// By job type.
    types: Vec<JobType>,
}

/// The key figures: overall, by queue, by type.
#[utoipa::path(get, path = "/api/v1/metrics", tag = "metrics", responses((status = 200, body = Kpis), (status = 400, body = Problem, description = "a parameter: there are none")))]
pub(crate) async fn show(_: NoQuery, State(app): State<AppState>) -> Json<Kpis> {
    let now = app.time();
    let board = app.board.read();
    let overview = board.overview(now);
    let queues = board.queues(now).map(|view| QueueKpis {
        source: view.id.source.to_string(),
        kind: view.id.broker.as_str(),
        queue: view.id.name.to_string(),
        stale: view.stale,
        jobs: view.counts.into(),
        totals: view.totals.into(),
        rates: view.rates.into(),
        types: board.types(view.id, now).map(Into::into).collect(),
    });
    Json(Kpis {
        at: rfc3339(now),
        totals: overview.totals.map(Into::into),
        rates: overview.rates.into(),
        jobs: overview.counts.into(),
        wait: overview.wait.into(),
        run: overview.run.into(),
        workers: overview.workers,
        capacity: overview.capacity,
        busy: overview.busy,
        queues: queues.collect(),
    })
}
