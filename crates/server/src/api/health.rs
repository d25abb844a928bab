//! `GET /healthz` and `GET /readyz`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::state::AppState;

/// The answer of a probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Health {
    /// `ok`.
    status: &'static str,
}

/// 200 while the process serves.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, body = Health)))]
pub(crate) async fn alive() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// 200 once the first poll of each source has succeeded or failed.
#[utoipa::path(get, path = "/readyz", tag = "health",
    responses((status = 200, body = Health), (status = 503, body = Problem)))]
pub(crate) async fn ready(State(app): State<AppState>) -> Result<Json<Health>, Problem> {
    let board = app.board.read();
    let silent: Vec<String> = board
        .sources(app.time())
        .filter(|source| source.report.is_none())
        .map(|source| source.name().to_string())
        .collect();
    if silent.is_empty() {
        return Ok(Json(Health { status: "ok" }));
    }
    Err(Problem::not_ready(format!("The first poll has not ended yet of: {}.", silent.join(", "))))
}
