//! `/api/v1/query`, `/query_range`, `/format_query` and `/query_exemplars`.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use vigie_query::promql::ast::Selector;
use vigie_query::promql::{self, Expr, FunctionKind, parse};
use vigie_query::{Answer, QueryValue, Stats};

use super::error::{ApiError, ErrorShape};
use super::evaluate::{Evaluated, answered};
use super::number::{float, integer, seconds, string};
use super::params::{Params, duration};
use super::success::{answer, labels, list, success};
use crate::state::AppState;

/// A client has this long to take a large answer.
const SEND_WITHIN: Duration = Duration::from_secs(60);
/// What is said when `limit` cut something off.
pub(super) const TRUNCATED: &str = "results truncated due to limit";
/// Steps between start and end.
const MAX_STEPS: i64 = 11_000;

/// What `/query` and `/query_range` have both.
struct Options {
    limit: Option<usize>,
    timeout: Option<Duration>,
    lookback: Option<i64>,
    stats: String,
}

impl Options {
    fn of(params: &Params, limit: Option<usize>) -> Result<Self, ApiError> {
        let lookback = match params.get("lookback_delta") {
            "" => None,
            given => Some(duration(given).map_err(|why| {
                ApiError::bad_data(format!("error parsing lookback delta duration: {why}"))
            })?),
        };
        Ok(Self {
            limit,
            timeout: params.timeout()?,
            lookback,
            stats: params.get("stats").to_owned(),
        })
    }
}

/// Evaluates PromQL at one time, as Prometheus does. POST takes the same parameters as a form.
#[utoipa::path(method(get, post), path = "/api/v1/query", tag = "prometheus",
    params(("query" = String, Query, description = "PromQL."),
        ("time" = Option<String>, Query, description = "Unix seconds or RFC 3339; now by default."),
        ("timeout" = Option<String>, Query, description = "At most 30s, which is the default."),
        ("limit" = Option<u64>, Query, description = "At most so many series."),
        ("lookback_delta" = Option<String>, Query), ("stats" = Option<String>, Query, description = "`true` or `all`.")),
    responses((status = 200, description = "Prometheus's answer", content_type = "application/json"),
        (status = 400, body = ErrorShape), (status = 422, body = ErrorShape), (status = 503, body = ErrorShape)))]
pub(crate) async fn instant(
    State(app): State<AppState>,
    params: Params,
) -> Result<Response, ApiError> {
    let limit = params.limit()?;
    let time = params.time_or("time", app.time().millis())?;
    let options = Options::of(&params, limit)?;
    let metrics = app.metrics()?;
    let query = params.get("query").to_owned();
    let asked = (options.timeout, options.lookback);
    let evaluated = answered(metrics, asked, move |engine, storage, control| {
        engine.instant(storage, &query, time, control)
    });
    Ok(respond(evaluated.await?, &options))
}

/// Evaluates PromQL at each step of a range, as Prometheus does.
#[utoipa::path(method(get, post), path = "/api/v1/query_range", tag = "prometheus",
    params(("query" = String, Query, description = "PromQL."),
        ("start" = String, Query, description = "Unix seconds or RFC 3339."), ("end" = String, Query),
        ("step" = String, Query, description = "Seconds, or a duration; at most 11,000 steps."),
        ("timeout" = Option<String>, Query), ("limit" = Option<u64>, Query),
        ("lookback_delta" = Option<String>, Query), ("stats" = Option<String>, Query)),
    responses((status = 200, description = "Prometheus's answer", content_type = "application/json"),
        (status = 400, body = ErrorShape), (status = 422, body = ErrorShape), (status = 503, body = ErrorShape)))]
pub(crate) async fn range(
    State(app): State<AppState>,
    params: Params,
) -> Result<Response, ApiError> {
    let limit = params.limit()?;
    let (start, end) = (params.time("start")?, params.time("end")?);
    if end < start {
        return Err(ApiError::parameter("end", "end timestamp must not be before start time"));
    }
    let step = duration(params.get("step")).map_err(|why| ApiError::parameter("step", why))?;
    if step <= 0 {
        let why = "zero or negative query resolution step widths are not accepted. Try a positive integer";
        return Err(ApiError::parameter("step", why));
    }
    if (end - start) / step > MAX_STEPS {
        return Err(ApiError::bad_data(
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
        ));
    }
    let options = Options::of(&params, limit)?;
    let metrics = app.metrics()?;
    let query = params.get("query").to_owned();
    let asked = (options.timeout, options.lookback);
    let evaluated = answered(metrics, asked, move |engine, storage, control| {
        engine.range(storage, &query, (start, end, step), control)
    });
    Ok(respond(evaluated.await?, &options))
}

fn respond(evaluated: Evaluated<Answer>, options: &Options) -> Response {
    let Evaluated { value: mut found, queued, ran, permit } = evaluated;
    truncate(&mut found, options.limit);
    let asked = options.stats.as_str();
    if !matches!(asked, "" | "true" | "all") {
        found.annotations.warnings.push(format!(
            "value {asked:?} for parameter \"stats\" is deprecated and will be rejected in the next major release, use \"true\" or \"all\""
        ));
    }
    let stats = (!asked.is_empty()).then(|| stats(&found.stats, queued, ran));
    answer(found, stats, permit, SEND_WITHIN)
}

fn truncate(found: &mut Answer, limit: Option<usize>) {
    let Some(limit) = limit else { return };
    let cut = match &mut found.value {
        QueryValue::Vector(list) if list.len() > limit => {
            list.truncate(limit);
            true
        }
        QueryValue::Matrix(list) if list.len() > limit => {
            list.truncate(limit);
            true
        }
        _ => false,
    };
    if cut {
        found.annotations.warnings.push(TRUNCATED.to_owned());
    }
}

/// Prometheus's names of what a query cost. Sorting and preparing are not told apart from evaluating.
fn stats(stats: &Stats, queued: f64, ran: f64) -> Vec<u8> {
    let mut out = b"{\"timings\":{\"evalTotalTime\":".to_vec();
    let bare = |out: &mut Vec<u8>, value: f64| out.extend_from_slice(format!("{value}").as_bytes());
    bare(&mut out, ran);
    out.extend_from_slice(b",\"resultSortTime\":0,\"queryPreparationTime\":0,\"innerEvalTime\":");
    bare(&mut out, ran);
    out.extend_from_slice(b",\"execQueueTime\":");
    bare(&mut out, queued);
    out.extend_from_slice(b",\"execTotalTime\":");
    bare(&mut out, queued + ran);
    out.extend_from_slice(b"},\"samples\":{");
    for (place, (name, count)) in [
        ("totalQueryableSamples", stats.samples_read),
        ("samplesRead", stats.samples_read),
        ("seriesTouched", stats.series),
        ("peakSamples", stats.peak_points),
    ]
    .into_iter()
    .enumerate()
    {
        out.extend_from_slice(if place == 0 { b"\"" } else { b",\"" });
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        integer(&mut out, i64::try_from(count).unwrap_or(i64::MAX));
    }
    out.extend_from_slice(b"}}");
    out
}

/// Exemplars of the series that a query selects. The newest are kept, in memory: a start forgets them.
#[utoipa::path(method(get, post), path = "/api/v1/query_exemplars", tag = "prometheus",
    params(("query" = String, Query, description = "PromQL."), ("start" = Option<String>, Query),
        ("end" = Option<String>, Query)),
    responses((status = 200, description = "Prometheus's answer", content_type = "application/json"),
        (status = 400, body = ErrorShape)))]
pub(crate) async fn exemplars(
    State(app): State<AppState>,
    params: Params,
) -> Result<Response, ApiError> {
    let (start, end) = params.range()?;
    if end < start {
        return Err(ApiError::bad_data("end timestamp must not be before start timestamp"));
    }
    let query = parsed(params.get("query"))?;
    let selectors: Vec<_> = query.selectors().into_iter().map(Selector::matchers).collect();
    let found = app.metrics()?.exemplars.find(&selectors, (start, end));
    Ok(success(|out| {
        list(out, &found, |out, (series, exemplars)| {
            out.extend_from_slice(b"{\"seriesLabels\":");
            labels(out, series);
            out.extend_from_slice(b",\"exemplars\":");
            list(out, exemplars, |out, one| {
                out.extend_from_slice(b"{\"labels\":");
                labels(out, &one.labels);
                out.extend_from_slice(b",\"value\":");
                float(out, one.value);
                out.extend_from_slice(b",\"timestamp\":");
                seconds(out, one.time);
                out.push(b'}');
            });
            out.push(b'}');
        });
    }))
}

/// A query as it is usually written.
#[utoipa::path(method(get, post), path = "/api/v1/format_query", tag = "prometheus",
    params(("query" = String, Query, description = "PromQL.")),
    responses((status = 200, description = "The query, formatted", content_type = "application/json"),
        (status = 400, body = ErrorShape)))]
pub(crate) async fn format(params: Params) -> Result<Response, ApiError> {
    let text = parsed(params.get("query"))?.to_string();
    Ok(success(|out| string(out, &text)))
}

pub(super) fn parsed(query: &str) -> Result<Expr, ApiError> {
    parse(query).map_err(|error| ApiError::parameter("query", error))
}

/// A function, an aggregation or a word of PromQL.
#[derive(Debug, Serialize, ToSchema)]
pub struct PromqlFunction {
    /// Its name.
    name: &'static str,
    /// How it is called.
    signature: &'static str,
    /// One sentence on what it does.
    help: &'static str,
    /// `function` or `aggregation`.
    kind: &'static str,
}

/// What PromQL has, for those who write it.
#[derive(Debug, Serialize, ToSchema)]
pub struct PromqlFunctions {
    /// Every function and aggregation, by name.
    functions: Vec<PromqlFunction>,
}

/// Every function and aggregation of PromQL with a sentence of help; Vigie's own path, for completion.
#[utoipa::path(get, path = "/api/v1/promql/functions", tag = "prometheus",
    responses((status = 200, body = PromqlFunctions)))]
pub(crate) async fn functions() -> Json<PromqlFunctions> {
    let mut functions: Vec<PromqlFunction> = promql::functions()
        .map(|function| PromqlFunction {
            name: function.name,
            signature: function.signature,
            help: function.help,
            kind: match function.kind {
                FunctionKind::Function => "function",
                FunctionKind::Aggregation => "aggregation",
            },
        })
        .collect();
    functions.sort_by_key(|function| function.name);
    Json(PromqlFunctions { functions })
}
