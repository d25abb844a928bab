//! `/api/v1/rules`, `/alerts` and `/alertmanagers`: Vigie evaluates no rules yet, and says so in Prometheus's shapes.

use axum::response::Response;

use super::error::{ApiError, ErrorShape};
use super::params::Params;
use super::success::success;

/// Groups of rules: none.
#[utoipa::path(get, path = "/api/v1/rules", tag = "prometheus",
    params(("type" = Option<String>, Query, description = "`alert` or `record`.")),
    responses((status = 200, description = "Prometheus's answer", content_type = "application/json"),
        (status = 400, body = ErrorShape)))]
pub(crate) async fn rules(params: Params) -> Result<Response, ApiError> {
    let kind = params.get("type").to_ascii_lowercase();
    if !matches!(&*kind, "" | "alert" | "record") {
        return Err(ApiError::parameter("type", format!("not supported value {kind:?}")));
    }
    Ok(success(|out| out.extend_from_slice(b"{\"groups\":[]}")))
}

/// Alerts: none.
#[utoipa::path(get, path = "/api/v1/alerts", tag = "prometheus",
    responses((status = 200, description = "Prometheus's answer", content_type = "application/json")))]
pub(crate) async fn alerts() -> Response {
    success(|out| out.extend_from_slice(b"{\"alerts\":[]}"))
}

/// Alertmanagers: none.
#[utoipa::path(get, path = "/api/v1/alertmanagers", tag = "prometheus",
    responses((status = 200, description = "Prometheus's answer", content_type = "application/json")))]
pub(crate) async fn alertmanagers() -> Response {
    success(|out| {
        out.extend_from_slice(b"{\"activeAlertmanagers\":[],\"droppedAlertmanagers\":[]}");
    })
}
