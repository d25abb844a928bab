//! `/loki/api/v1/status/buildinfo`, `/loki/api/v1/drilldown-limits` and `/ready`.

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use super::answer::json_of;
use super::error::LokiError;
use crate::state::AppState;

/// The Loki whose API this is. Clients choose by it what to ask, so it is not Vigie's own version, which `revision` says.
const API_VERSION: &str = "3.7.0";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What runs here.
#[utoipa::path(get, path = "/loki/api/v1/status/buildinfo", tag = "loki", operation_id = "loki_buildinfo",
    responses((status = 200, description = "Loki's answer", content_type = "application/json")))]
pub(crate) async fn buildinfo() -> Response {
    json_of(&json!({
        "version": API_VERSION, "revision": format!("vigie-{VERSION}"), "branch": "", "buildUser": "", "buildDate": "",
        "goVersion": "",
    }))
}

/// What Grafana's Logs Drilldown asks before it shows anything: what it may ask for. There are no patterns.
#[utoipa::path(get, path = "/loki/api/v1/drilldown-limits", tag = "loki", operation_id = "loki_drilldown_limits",
    responses((status = 200, description = "Loki's answer", content_type = "application/json")))]
pub(crate) async fn drilldown_limits(State(app): State<AppState>) -> Result<Response, LokiError> {
    let queries = app.loki()?;
    Ok(json_of(&json!({
        "limits": {
            "discover_log_levels": true, "discover_service_name": ["service_name", "source"], "log_level_fields": ["level"],
            "max_entries_limit_per_query": queries.engine.limits().max_entries,
            "query_timeout": format!("{}s", queries.limits.timeout.as_secs()),
            "retention_period": "0s", "retention_stream": [], "volume_enabled": true,
            "volume_max_series": queries.engine.limits().max_series, "metric_aggregation_enabled": false,
            "pattern_persistence_enabled": false,
        },
        "pattern_ingester_enabled": false, "version": API_VERSION, "maxDetectedFields": 1_000,
    })))
}

/// Whether queries for logs can be answered.
#[utoipa::path(get, path = "/ready", tag = "loki", operation_id = "loki_ready",
    responses((status = 200, description = "They can", body = String, content_type = "text/plain"),
        (status = 503, description = "They cannot", body = String, content_type = "text/plain")))]
pub(crate) async fn ready(State(app): State<AppState>) -> Result<&'static str, LokiError> {
    app.loki().map(|_| "ready\n")
}
