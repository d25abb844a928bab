//! `GET /api/v1/history` and `GET /api/v1/sparks`: the last 15 minutes.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use vigie_board::{Columns, HISTORY_SECONDS, Point, Span};
use vigie_model::Time;

use super::queues::{find, no_queue};
use super::wire::micros;
use crate::access::Query;
use crate::problem::Problem;
use crate::state::AppState;
use crate::time_text::rfc3339;

/// Which history is asked for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// The source of the queue; needed with `queue`.
    source: Option<String>,
    /// The broker of the queue; needed when several have one of this name.
    kind: Option<String>,
    /// The queue; all queues together when left out.
    queue: Option<String>,
    /// How far back, in seconds: at most 900, which is the default.
    range_seconds: Option<i64>,
    /// Seconds between two points, at least 1, which is the default.
    step_seconds: Option<i64>,
}

/// A part of the history: one list a figure, all of one length. The i-th value is of the step that begins at
/// `start + i·step_seconds`; null is a gap.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct History {
    /// The moment of the answer.
    at: String,
    /// Where the first step begins.
    start: String,
    /// Seconds between two points.
    step_seconds: i64,
    /// The figures by name: counts `waiting`, `active`, `scheduled`, `retry`, `workers`, `capacity`, `busy`; jobs a
    /// second `in_rate`, `out_rate`, `failed_rate`; seconds `wait_p50`, `wait_p95`, `run_p50`, `run_p95`.
    columns: BTreeMap<&'static str, Vec<Option<f64>>>,
}

/// Waiting jobs of every queue over the last 15 minutes, by the row id that the live stream uses.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Sparks {
    /// The moment of the answer.
    at: String,
    /// Seconds between two points.
    step_seconds: i64,
    /// Waiting jobs by row id, oldest first; null is a gap.
    rows: BTreeMap<String, Vec<Option<u64>>>,
}

/// How many points a spark line has.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SparkQuery {
    /// Between 2 and 900; 60 by default.
    points: Option<i64>,
}

/// The history of a queue, or of all together.
#[utoipa::path(get, path = "/api/v1/history", tag = "metrics", params(HistoryQuery),
    responses((status = 200, body = History), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn history(
    State(app): State<AppState>,
    Query(query): Query<HistoryQuery>,
) -> Result<Json<History>, Problem> {
    let range = bounded("range_seconds", query.range_seconds, HISTORY_SECONDS)?;
    let step = bounded("step_seconds", query.step_seconds, 1)?;
    let now = app.time();
    let span = Span::ending(now, range, step);
    let board = app.board.read();
    let columns = match (&query.source, &query.queue) {
        (_, None) => board.overall_history(span),
        (None, Some(_)) => {
            return Err(Problem::bad_parameter(
                "queue is given without source: name both, or neither for all.",
            ));
        }
        (Some(source), Some(queue)) => {
            let id = find(&board, source, queue, query.kind.as_deref())?;
            board.history(&id, span).ok_or_else(|| no_queue(source, queue))?
        }
    };
    Ok(Json(shape(&columns, now)))
}

/// Spark lines of all queues at once.
#[utoipa::path(get, path = "/api/v1/sparks", tag = "metrics", params(SparkQuery),
    responses((status = 200, body = Sparks), (status = 400, body = Problem)))]
pub(crate) async fn sparks(
    State(app): State<AppState>,
    Query(query): Query<SparkQuery>,
) -> Result<Json<Sparks>, Problem> {
    let points = bounded("points", query.points, 60)?;
    let step = (HISTORY_SECONDS / points).max(1);
    let now = app.time();
    let span = Span::ending(now, step * points, step);
    let board = app.board.read();
    let rows = board.queues(now).filter_map(|view| {
        let columns = board.history(view.id, span)?;
        let waiting = columns.points.iter().map(|point| point.waiting).collect();
        Some((view.row.to_string(), waiting))
    });
    Ok(Json(Sparks { at: rfc3339(now), step_seconds: step, rows: rows.collect() }))
}

fn bounded(name: &str, given: Option<i64>, default: i64) -> Result<i64, Problem> {
    let value = given.unwrap_or(default);
    if (1..=HISTORY_SECONDS).contains(&value) {
        return Ok(value);
    }
    Err(Problem::bad_parameter(format!(
        "{name} is {value}; it is between 1 and {HISTORY_SECONDS}: the history reaches back 15 minutes."
    )))
}

fn shape(columns: &Columns, now: Time) -> History {
    let mut lists: BTreeMap<&'static str, Vec<Option<f64>>> = BTreeMap::new();
    for point in &columns.points {
        for (name, value) in figures(point) {
            lists.entry(name).or_default().push(value.map(micros));
        }
    }
    History {
        at: rfc3339(now),
        start: rfc3339(Time::from_seconds(columns.span.start)),
        step_seconds: columns.span.step,
        columns: lists,
    }
}

/// Every figure of a point with its name on the wire.
pub(crate) fn figures(point: &Point) -> [(&'static str, Option<f64>); 14] {
    let count = |count: Option<u64>| count.map(|count| count as f64);
    [
        ("waiting", count(point.waiting)),
        ("active", count(point.active)),
        ("scheduled", count(point.scheduled)),
        ("retry", count(point.retry)),
        ("workers", count(point.workers)),
        ("capacity", count(point.capacity)),
        ("busy", count(point.busy)),
        ("in_rate", point.in_rate),
        ("out_rate", point.out_rate),
        ("failed_rate", point.failed_rate),
        ("wait_p50", point.wait_p50),
        ("wait_p95", point.wait_p95),
        ("run_p50", point.run_p50),
        ("run_p95", point.run_p95),
    ]
}
