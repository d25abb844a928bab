//! `GET /api/v1/history`, `/heatmap` and `/sparks`: the last 15 minutes from memory, everything before from the store, or from
//! the backend that metrics are written to.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use vigie_board::{Columns, HISTORY_SECONDS, Point, SourceView, Span};
use vigie_model::{NativeHistogram, QueueId, Time};
use vigie_query::{Answer, QueryValue};

use super::queues::{find, no_queue};
use super::stored::{HeatFigure, Stretch, Subject, heat, heat_query, queries};
use super::wire::micros;
use crate::access::Query;
use crate::problem::Problem;
use crate::prometheus::{ApiError, Metrics, ranges};
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
    /// How far back, in seconds: at most 900, which is the default. Not with `from`.
    range_seconds: Option<i64>,
    /// Seconds between two points, at least 1, which is the default. Not with `from`.
    step_seconds: Option<i64>,
    /// From when on, in Unix seconds, RFC 3339 or like `now-6h`: then the answer is from the store, for any stretch of time.
    from: Option<String>,
    /// Until when; now when it is left out.
    to: Option<String>,
    /// At most so many points, from 2 to 2000; 600 by default. The step is the shortest round one that fits.
    points: Option<i64>,
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
    /// The PromQL that answers each column from the store; absent where nothing is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    queries: Option<BTreeMap<&'static str, String>>,
    /// `live`: the last 15 minutes, second by second, from memory. `stored`: from the store, each gauge as the average
    /// over its step.
    resolution: &'static str,
}

/// How many attempts took how long, step by step.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct HeatMap {
    /// The moment of the answer.
    at: String,
    /// Where the first step begins.
    start: String,
    /// Seconds of a step.
    step_seconds: i64,
    /// Upper bounds of the buckets in seconds, ascending.
    bounds: Vec<f64>,
    /// A list a step, one count more than bounds: the last is what is above them all. Null is a gap.
    counts: Vec<Option<Vec<f64>>>,
    /// The PromQL behind it.
    query: String,
}

/// Which heat map is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HeatQuery {
    /// The source of the queue; needed with `queue`.
    source: Option<String>,
    /// The broker of the queue; needed when several have one of this name.
    kind: Option<String>,
    /// The queue; all queues together when left out.
    queue: Option<String>,
    /// Only attempts of this type of job; only with `queue`.
    #[serde(rename = "type")]
    job_type: Option<String>,
    /// Whose durations: `wait` or `run`.
    #[param(inline)]
    figure: HeatFigure,
    /// From when on, in Unix seconds, RFC 3339 or like `now-6h`.
    from: String,
    /// Until when; now when it is left out.
    to: Option<String>,
    /// At most so many steps, from 2 to 2000; 120 by default.
    points: Option<i64>,
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
        (status = 409, body = Problem), (status = 502, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn history(
    State(app): State<AppState>,
    Query(query): Query<HistoryQuery>,
) -> Result<Json<History>, Problem> {
    let id = wanted(&app, query.source.as_deref(), query.queue.as_deref(), query.kind.as_deref())?;
    if let Some(from) = &query.from {
        if query.range_seconds.is_some() || query.step_seconds.is_some() {
            return Err(Problem::bad_parameter(
                "from is given with range_seconds or step_seconds: ask by from, to and points, or by the others.",
            ));
        }
        let stretch = Stretch::parse(from, query.to.as_deref(), query.points, app.time())?;
        return stored(&app, id.as_ref(), stretch).await.map(Json);
    }
    if query.to.is_some() || query.points.is_some() {
        return Err(Problem::bad_parameter("to and points go with from, which is missing."));
    }
    let range = bounded("range_seconds", query.range_seconds, HISTORY_SECONDS)?;
    let step = bounded("step_seconds", query.step_seconds, 1)?;
    let now = app.time();
    let span = Span::ending(now, range, step);
    let interval = interval(&app, id.as_ref());
    let texts = app.metrics().ok().map(|to| behind(to, id.as_ref(), step, interval).collect());
    let board = app.board.read();
    let columns = match &id {
        None => board.overall_history(span),
        Some(id) => {
            board.history(id, span).ok_or_else(|| no_queue(id.source.as_str(), id.name.as_str()))?
        }
    };
    Ok(Json(History { queries: texts, ..shape(&columns, now) }))
}

/// Which queue is meant; none for all together.
fn wanted(
    app: &AppState,
    source: Option<&str>,
    queue: Option<&str>,
    kind: Option<&str>,
) -> Result<Option<QueueId>, Problem> {
    match (source, queue) {
        (_, None) => Ok(None),
        (None, Some(_)) => Err(Problem::bad_parameter(
            "queue is given without source: name both, or neither for all.",
        )),
        (Some(source), Some(queue)) => find(&app.board.read(), source, queue, kind).map(Some),
    }
}

/// The same figures from the store.
async fn stored(
    app: &AppState,
    id: Option<&QueueId>,
    stretch: Stretch,
) -> Result<History, Problem> {
    let metrics = app.metrics().map_err(ApiError::into_problem)?;
    let (names, texts): (Vec<&'static str>, Vec<String>) =
        behind(metrics, id, stretch.step, interval(app, id)).unzip();
    let answers = ranges(metrics, texts.clone(), stretch.evaluation())
        .await
        .map_err(ApiError::into_problem)?;
    let columns = names.iter().copied().zip(answers.iter().map(|answer| column(answer, stretch)));
    Ok(History {
        at: rfc3339(app.time()),
        start: rfc3339(Time::from_seconds(stretch.start)),
        step_seconds: stretch.step,
        columns: columns.collect(),
        queries: Some(names.iter().copied().zip(texts).collect()),
        resolution: "stored",
    })
}

/// Each column with the query that answers it from the store.
fn behind(
    metrics: &Metrics,
    id: Option<&QueueId>,
    step: i64,
    interval: i64,
) -> impl Iterator<Item = (&'static str, String)> {
    let subject = id.map_or(Subject::Overall, Subject::Queue);
    queries(subject, metrics.own(), step, interval).into_iter()
}

/// The only series of an answer, step by step.
fn column(answer: &Answer, stretch: Stretch) -> Vec<Option<f64>> {
    let mut values = vec![None; stretch.points];
    if let QueryValue::Matrix(series) = &answer.value {
        for (time, value) in series.first().into_iter().flat_map(|series| &series.floats) {
            if let (Some(place), true) = (stretch.place(*time), value.is_finite()) {
                values[place] = Some(micros(*value));
            }
        }
    }
    values
}

/// Seconds between two polls of the source of a queue, or the longest of all.
fn interval(app: &AppState, id: Option<&QueueId>) -> i64 {
    let board = app.board.read();
    let of = |view: SourceView<'_>| view.settings.poll_interval_seconds;
    let intervals = board
        .sources(app.time())
        .filter(|view| id.is_none_or(|id| *view.name() == id.source))
        .map(of);
    (intervals.fold(1.0, f64::max).ceil() as i64).max(1)
}

/// How many attempts took how long, step by step: a picture of all durations, where percentiles are only some.
#[utoipa::path(get, path = "/api/v1/heatmap", tag = "metrics", params(HeatQuery),
    responses((status = 200, body = HeatMap), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 502, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn heatmap(
    State(app): State<AppState>,
    Query(query): Query<HeatQuery>,
) -> Result<Json<HeatMap>, Problem> {
    let id = wanted(&app, query.source.as_deref(), query.queue.as_deref(), query.kind.as_deref())?;
    if query.job_type.is_some() && id.is_none() {
        return Err(Problem::bad_parameter("type is given without queue: name the queue, too."));
    }
    let metrics = app.metrics().map_err(ApiError::into_problem)?;
    if !metrics.has_histograms() {
        return Err(Problem::unavailable(
            "Heat maps are made of native histograms, and the metrics backend has none: metrics.native_histograms is false.",
        ));
    }
    let points = query.points.or(Some(HEAT_POINTS));
    let stretch = Stretch::parse(&query.from, query.to.as_deref(), points, app.time())?;
    let subject = id.as_ref().map_or(Subject::Overall, Subject::Queue);
    let window = stretch.step.max(4 * interval(&app, id.as_ref()));
    let promql =
        heat_query(subject, metrics.own(), query.figure, query.job_type.as_deref(), window);
    let answers = ranges(metrics, vec![promql.clone()], stretch.evaluation())
        .await
        .map_err(ApiError::into_problem)?;
    let mut steps: Vec<Option<&NativeHistogram>> = vec![None; stretch.points];
    for answer in &answers {
        let QueryValue::Matrix(series) = &answer.value else { continue };
        for (time, value) in series.first().into_iter().flat_map(|series| &series.histograms) {
            if let Some(place) = stretch.place(*time) {
                steps[place] = Some(value);
            }
        }
    }
    let heat = heat(&steps);
    Ok(Json(HeatMap {
        at: rfc3339(app.time()),
        start: rfc3339(Time::from_seconds(stretch.start)),
        step_seconds: stretch.step,
        bounds: heat.bounds,
        counts: heat.counts,
        query: promql,
    }))
}

/// Steps of a heat map by default: each is some pixels wide.
const HEAT_POINTS: i64 = 120;

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
        queries: None,
        resolution: "live",
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
