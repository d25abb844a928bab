//! `/api/v1/targets` and `/scrape_pools`: Vigie's sources are what it collects from, each a pool of its own.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use vigie_board::SourceView;

use super::params::Params;
use super::success::success_of;
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
