//! `GET /api/v1/sources`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::wire::{Source, micros};
use crate::access::NoQuery;
use crate::problem::Problem;
use crate::state::AppState;
use crate::time_text::rfc3339;

/// The answer of `/sources`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Sources {
    /// The moment that this describes.
    at: String,
    /// The sources, by name.
    sources: Vec<Source>,
}

/// Every configured source: its health, what it costs, and what is missing.
#[utoipa::path(get, path = "/api/v1/sources", tag = "sources", responses((status = 200, body = Sources), (status = 400, body = Problem, description = "a parameter: there are none")))]
pub(crate) async fn list(_: NoQuery, State(app): State<AppState>) -> Json<Sources> {
    let now = app.time();
    let board = app.board.read();
    let sources = board.sources(now).map(|view| Source {
        age_seconds: Some(view.age_seconds.map(micros)),
        ..Source::new(&view)
    });
    Json(Sources { at: rfc3339(now), sources: sources.collect() })
}
