//! `/api/v1/status/…`, `/-/healthy` and `/-/ready`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;
use vigie_model::Labels;
use vigie_store::TimeRange;

use super::error::{ApiError, ErrorShape};
use super::evaluate::evaluate;
use super::params::Params;
use super::success::success_of;
use crate::state::AppState;

/// The Prometheus whose API this is. Clients choose by it what to ask (Grafana: how it looks up label values), so it
/// is not Vigie's own version, which `revision` says.
const API_VERSION: &str = "3.5.0";
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Entries of each list of `/status/tsdb`, by default and at most.
const ENTRIES: (usize, usize) = (10, 10_000);

/// What runs here. `application` is what tells Vigie from Prometheus; Grafana looks for it to tell Mimir.
#[utoipa::path(get, path = "/api/v1/status/buildinfo", tag = "prometheus",
    responses((status = 200, description = "Prometheus's answer", content_type = "application/json")))]
pub(crate) async fn buildinfo() -> Response {
    success_of(&json!({
        "version": API_VERSION, "revision": format!("vigie-{VERSION}"), "branch": "", "buildUser": "",
        "buildDate": "", "goVersion": "", "application": "vigie",
    }))
}

/// The configuration; Vigie's may hold secrets, so that only its place is told.
#[utoipa::path(get, path = "/api/v1/status/config", tag = "prometheus",
    responses((status = 200, description = "Prometheus's answer", content_type = "application/json")))]
pub(crate) async fn config() -> Response {
    success_of(
        &json!({ "yaml": "# Vigie is configured by vigie.yaml; see /api/v1/sources for what it watches.\n" }),
    )
}

/// The limits of queries, by Prometheus's names.
#[utoipa::path(get, path = "/api/v1/status/flags", tag = "prometheus",
    responses((status = 200, description = "Prometheus's answer", content_type = "application/json"),
        (status = 503, body = ErrorShape)))]
pub(crate) async fn flags(State(app): State<AppState>) -> Result<Response, ApiError> {
    let metrics = app.metrics()?;
    Ok(success_of(&BTreeMap::from([
        ("query.lookback-delta", format!("{}s", metrics.engine.lookback / 1_000)),
        ("query.max-concurrency", metrics.limits.concurrency.to_string()),
        ("query.max-samples", metrics.engine.max_points.to_string()),
        ("query.timeout", format!("{}s", metrics.limits.timeout.as_secs())),
    ])))
}

/// The process; figures of Go's runtime are 0 or empty.
#[utoipa::path(get, path = "/api/v1/status/runtimeinfo", tag = "prometheus",
    responses((status = 200, description = "Prometheus's answer", content_type = "application/json")))]
pub(crate) async fn runtimeinfo(State(app): State<AppState>) -> Response {
    let damaged = app.metrics.as_ref().map_or(0, |metrics| metrics.sink.figures().damaged);
    let started = crate::time_text::rfc3339(app.board.read().started());
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    success_of(&json!({
        "startTime": started, "CWD": "", "hostname": "", "serverTime": crate::time_text::rfc3339(app.time()),
        "reloadConfigSuccess": true, "lastConfigTime": started, "corruptionCount": damaged, "goroutineCount": 0,
        "GOMAXPROCS": threads, "GOMEMLIMIT": i64::MAX, "GOGC": "", "GODEBUG": "", "storageRetention": "",
    }))
}

/// How far the log was read again; Vigie answers only once it was read.
#[utoipa::path(get, path = "/api/v1/status/walreplay", tag = "prometheus",
    responses((status = 200, description = "Prometheus's answer", content_type = "application/json")))]
pub(crate) async fn walreplay() -> Response {
    success_of(&json!({ "min": 0, "max": 0, "current": 0 }))
}

#[derive(Serialize)]
struct Entry {
    name: String,
    value: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HeadStats {
    num_series: u64,
    num_label_pairs: usize,
    chunk_count: u64,
    min_time: i64,
    max_time: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Cardinality {
    head_stats: HeadStats,
    series_count_by_metric_name: Vec<Entry>,
    label_value_count_by_label_name: Vec<Entry>,
    memory_in_bytes_by_label_name: Vec<Entry>,
    series_count_by_label_value_pair: Vec<Entry>,
}

/// Which metrics and labels have the most series.
#[utoipa::path(get, path = "/api/v1/status/tsdb", tag = "prometheus",
    params(("limit" = Option<u64>, Query, description = "Entries of each list; 10 by default.")),
    responses((status = 200, description = "Prometheus's answer", content_type = "application/json"),
        (status = 400, body = ErrorShape)))]
pub(crate) async fn tsdb(
    State(app): State<AppState>,
    params: Params,
) -> Result<Response, ApiError> {
    let limit = match params.get("limit") {
        "" => ENTRIES.0,
        given => match given.parse::<usize>() {
            Ok(limit) if limit > ENTRIES.1 => {
                return Err(ApiError::bad_data(format!("limit must not exceed {}", ENTRIES.1)));
            }
            Ok(limit) if limit > 0 => limit,
            _ => return Err(ApiError::bad_data("limit must be a positive number")),
        },
    };
    let metrics = app.metrics()?;
    let figures = metrics.sink.figures();
    let range = TimeRange { start: figures.min_time, end: i64::MAX };
    let evaluated = evaluate(metrics, None, move |storage, _| Ok(storage.series(&[], range)?));
    let cardinality = tokio::task::spawn_blocking({
        let series = evaluated.await?.value;
        move || {
            let head_stats = HeadStats {
                num_series: figures.series,
                num_label_pairs: 0,
                chunk_count: figures.chunks,
                min_time: figures.min_time,
                max_time: figures.max_time,
            };
            count(&series, head_stats, limit)
        }
    });
    let cardinality = cardinality.await.map_err(|error| {
        tracing::error!(%error, "series could not be counted");
        ApiError::new(
            super::error::ErrorKind::Internal,
            "Vigie failed to count; the cause is in its log",
        )
    })?;
    Ok(success_of(&cardinality))
}

fn count(series: &[Labels], head_stats: HeadStats, limit: usize) -> Cardinality {
    let mut names: HashMap<&str, u64> = HashMap::new();
    let mut pairs: HashMap<(&str, &str), u64> = HashMap::new();
    for labels in series {
        *names.entry(labels.metric_name()).or_default() += 1;
        for label in labels {
            *pairs.entry((&label.name, &label.value)).or_default() += 1;
        }
    }
    let (mut values, mut bytes): (HashMap<&str, u64>, HashMap<&str, u64>) = Default::default();
    for (name, value) in pairs.keys() {
        *values.entry(name).or_default() += 1;
        *bytes.entry(name).or_default() += value.len() as u64;
    }
    let largest = |counts: HashMap<&str, u64>| top(counts, limit, str::to_owned);
    Cardinality {
        head_stats: HeadStats { num_label_pairs: pairs.len(), ..head_stats },
        series_count_by_metric_name: largest(names),
        label_value_count_by_label_name: largest(values),
        memory_in_bytes_by_label_name: largest(bytes),
        series_count_by_label_value_pair: top(pairs, limit, |(name, value)| {
            format!("{name}={value}")
        }),
    }
}

/// The largest counts, the largest first; of equal ones by name.
fn top<K: Ord + Copy>(
    counts: HashMap<K, u64>,
    limit: usize,
    name: impl Fn(K) -> String,
) -> Vec<Entry> {
    let mut kept: BTreeSet<(std::cmp::Reverse<u64>, K)> = BTreeSet::new();
    for (key, count) in counts {
        kept.insert((std::cmp::Reverse(count), key));
        if kept.len() > limit {
            kept.pop_last();
        }
    }
    kept.into_iter().map(|(count, key)| Entry { name: name(key), value: count.0 }).collect()
}

/// 200 while the process serves.
#[utoipa::path(get, path = "/-/healthy", tag = "prometheus", responses((status = 200, description = "Healthy")))]
pub(crate) async fn healthy() -> &'static str {
    "Vigie is healthy.\n"
}

/// 200 once queries can be answered.
#[utoipa::path(get, path = "/-/ready", tag = "prometheus",
    responses((status = 200, description = "Ready"), (status = 503, description = "The metric store is not open")))]
pub(crate) async fn ready(State(app): State<AppState>) -> Response {
    match app.metrics() {
        Ok(_) => "Vigie is ready.\n".into_response(),
        Err(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "Vigie's metric store is not open.\n").into_response()
        }
    }
}
