//! `/api/v1/targets`, `/targets/metadata` and `/scrape_pools`: Vigie's sources are what it collects from, each a pool of its own.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use vigie_board::SourceView;
use vigie_model::catalogue::COPY_LABEL;
use vigie_store::{MatchOp, Matcher, ReadError, Storage, TimeRange};

use super::error::{ApiError, ErrorShape};
use super::evaluate::evaluate;
use super::metadata::known;
use super::params::Params;
use super::selectors::selector;
use super::success::success_of;
use super::write::MetricMetadata;
use crate::state::AppState;
use crate::time_text::rfc3339;

/// How Go writes the time of what has never been.
const NEVER: &str = "0001-01-01T00:00:00Z";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Targets {
    active_targets: Vec<Target>,
    dropped_targets: [(); 0],
    dropped_target_counts: BTreeMap<String, u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Target {
    discovered_labels: BTreeMap<&'static str, String>,
    labels: BTreeMap<&'static str, String>,
    scrape_pool: String,
    scrape_url: String,
    global_url: String,
    last_error: String,
    last_scrape: String,
    last_scrape_duration: f64,
    health: &'static str,
    scrape_interval: String,
    scrape_timeout: String,
}

impl Target {
    fn of(source: &SourceView<'_>) -> Self {
        let (name, url) = (source.name().to_string(), source.settings.url.clone());
        let report = source.report;
        Self {
            discovered_labels: BTreeMap::from([("__address__", url.clone())]),
            labels: BTreeMap::from([("instance", url.clone()), ("source", name.clone())]),
            scrape_pool: name,
            scrape_url: url.clone(),
            global_url: url,
            last_error: report
                .and_then(|report| report.outcome.as_ref().err())
                .map(ToString::to_string)
                .unwrap_or_default(),
            last_scrape: report.map_or_else(|| NEVER.to_owned(), |report| rfc3339(report.at)),
            last_scrape_duration: report
                .and_then(|report| report.outcome.as_ref().ok())
                .map_or(0.0, |cost| cost.seconds),
            health: match report {
                None => "unknown",
                Some(_) if source.up => "up",
                Some(_) => "down",
            },
            scrape_interval: format!("{}s", source.settings.poll_interval_seconds),
            // A poll has no limit of its own; each command has.
            scrape_timeout: String::new(),
        }
    }
}

/// The sources as targets, with their health.
#[utoipa::path(get, path = "/api/v1/targets", tag = "prometheus",
    params(("state" = Option<String>, Query, description = "`active`, `dropped` or `any`."),
        ("scrapePool" = Option<String>, Query, description = "The name of a source.")),
    responses((status = 200, description = "Prometheus's answer", content_type = "application/json")))]
pub(crate) async fn targets(State(app): State<AppState>, params: Params) -> Response {
    let pool = params.get("scrapePool");
    let active = matches!(&*params.get("state").to_ascii_lowercase(), "" | "any" | "active");
    let board = app.board.read();
    let sources = board
        .sources(app.time())
        .filter(|source| active && (pool.is_empty() || source.name().as_str() == pool));
    let active_targets = sources.map(|source| Target::of(&source)).collect();
    success_of(&Targets {
        active_targets,
        dropped_targets: [],
        dropped_target_counts: BTreeMap::new(),
    })
}

/// The names of the sources.
#[utoipa::path(get, path = "/api/v1/scrape_pools", tag = "prometheus",
    responses((status = 200, description = "Prometheus's answer", content_type = "application/json")))]
pub(crate) async fn scrape_pools(State(app): State<AppState>) -> Response {
    let board = app.board.read();
    let names: Vec<String> =
        board.sources(app.time()).map(|source| source.name().to_string()).collect();
    success_of(&BTreeMap::from([("scrapePools", names)]))
}

/// What a metric of a target is.
#[derive(Serialize)]
struct TargetMetadata {
    target: BTreeMap<&'static str, String>,
    /// Where one is not asked for by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    metric: Option<String>,
    #[serde(rename = "type")]
    kind: &'static str,
    help: String,
    unit: String,
}

/// What metrics each source has series of now, and what those are.
#[utoipa::path(get, path = "/api/v1/targets/metadata", tag = "prometheus",
    params(("match_target" = Option<String>, Query, description = "A selector of targets by their labels: `{source=\"main\"}`."),
        ("metric" = Option<String>, Query, description = "The name of a metric."), ("limit" = Option<u64>, Query)),
    responses((status = 200, description = "Prometheus's answer", content_type = "application/json"),
        (status = 400, body = ErrorShape), (status = 503, body = ErrorShape)))]
pub(crate) async fn metadata(
    State(app): State<AppState>,
    params: Params,
) -> Result<Response, ApiError> {
    let limit = params.limit()?.unwrap_or(usize::MAX);
    let wanted = match params.get("match_target") {
        "" => Vec::new(),
        given => selector(given).map_err(|why| ApiError::parameter("match_target", why))?,
    };
    let metric = Some(params.get("metric").to_owned()).filter(|name| !name.is_empty());
    let targets: Vec<BTreeMap<&'static str, String>> = {
        let board = app.board.read();
        let all = board.sources(app.time()).map(|source| Target::of(&source).labels);
        let value = |labels: &BTreeMap<_, String>, name| labels.get(name).cloned();
        let matches = |labels: &BTreeMap<&'static str, String>| {
            wanted.iter().all(|one| one.matches(&value(labels, one.name()).unwrap_or_default()))
        };
        all.filter(matches).collect()
    };
    let metrics = app.metrics()?;
    let end = app.time().millis();
    let range = TimeRange { start: end.saturating_sub(metrics.engine.lookback), end };
    let names: Vec<String> = targets.iter().map(|labels| labels["source"].clone()).collect();
    let found = evaluate(metrics, None, move |storage, _| {
        names.iter().map(|source| Ok(names_of(storage, source, range)?)).collect()
    });
    let found: Vec<BTreeSet<String>> = found.await?.value;
    let known = known(&*metrics.sink, metric.as_deref());
    let told = targets.iter().zip(&found).flat_map(|(target, names)| {
        let has = |one: &&MetricMetadata| {
            names.contains(&one.name) || names.contains(&format!("{}_count", one.name))
        };
        known.iter().filter(has).map(|one| TargetMetadata {
            target: target.clone(),
            metric: metric.is_none().then(|| one.name.clone()),
            kind: one.kind.as_str(),
            help: one.help.clone(),
            unit: one.unit.clone(),
        })
    });
    Ok(success_of(&told.take(limit).collect::<Vec<_>>()))
}

/// The names of the series that Vigie has of a source, or exporters of that name.
fn names_of(
    storage: &dyn Storage,
    source: &str,
    range: TimeRange,
) -> Result<BTreeSet<String>, ReadError> {
    let equal = |name: &str, value: &str| {
        Matcher::new(name, MatchOp::Equal, value).expect("only regular expressions can be wrong")
    };
    let own = [equal("source", source), equal(COPY_LABEL, "")];
    let mut names: BTreeSet<String> =
        storage.label_values("__name__", &own, range)?.into_iter().collect();
    names.extend(storage.label_values("__name__", &[equal(COPY_LABEL, source)], range)?);
    Ok(names)
}
