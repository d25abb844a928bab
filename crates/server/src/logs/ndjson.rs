//! `POST /api/v1/logs`: one JSON object a line, or one array of them.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::decode::ndjson::read;
use super::taking;
use crate::problem::{PROBLEM_JSON, Problem};
use crate::prometheus::{Encoding, Refusal};
use crate::state::AppState;

/// A line that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct BadLine {
    /// Which, from 1.
    line: usize,
    /// What is wrong with it.
    error: String,
}

/// What became of the lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LinesTaken {
    /// Lines that are kept, on the disk.
    accepted: usize,
    /// Lines that are no entry; `errors` says which.
    failed: usize,
    /// Entries that are refused for good: outside of the retention, or too long; `errors` says which.
    dropped: usize,
    /// The first 100 lines that are not kept.
    errors: Vec<BadLine>,
}

/// Why no line was taken: a problem document that says of each what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NoLinesProblem {
    #[serde(flatten)]
    problem: Problem,
    #[serde(flatten)]
    taken: LinesTaken,
}

impl IntoResponse for NoLinesProblem {
    fn into_response(self) -> Response {
        let kind = [(header::CONTENT_TYPE, PROBLEM_JSON)];
        (StatusCode::BAD_REQUEST, kind, Json(self)).into_response()
    }
}

/// The encoding of a body; snappy is for protobuf.
pub(super) fn encoding(headers: &HeaderMap) -> Result<Encoding, Refusal> {
    let given = headers.get(header::CONTENT_ENCODING);
    let known = given
        .map_or(Some(Encoding::Identity), |given| given.to_str().ok().and_then(Encoding::named));
    known.ok_or_else(|| {
        Refusal::Unsupported(format!(
            "the content encoding {:?} is not known here: use gzip or zstd",
            given.map(|given| String::from_utf8_lossy(given.as_bytes())).unwrap_or_default()
        ))
    })
}

/// Takes in log entries, one JSON object a line (or one array): `time`, `level`, `message`, `type`, `source`, `instance`, `queue`,
/// `job`, `trace`, or what slog, zap, pino, winston and ECS call these; all else is kept as fields. A line that is no entry
/// costs itself alone.
#[utoipa::path(post, path = "/api/v1/logs", tag = "logs",
    request_body(content_type = "application/x-ndjson", description = "Plain, or in gzip or zstd."),
    responses((status = 200, body = LinesTaken, description = "Durable, but for what it names"),
        (status = 400, body = NoLinesProblem, description = "No line is kept"),
        (status = 408, body = Problem, description = "The body did not come within 30 s"),
        (status = 413, body = Problem, description = "Over a limit, which is named"),
        (status = 415, body = Problem, description = "Another content encoding than gzip or zstd"),
        (status = 429, body = Problem, description = "Over a source's rate: nothing is kept, try again after Retry-After seconds"),
        (status = 503, body = Problem, description = "Not now: try again after Retry-After seconds")))]
pub(crate) async fn push(State(app): State<AppState>, request: Request) -> Response {
    let Some(logs) = app.logs.clone() else {
        return Refusal::NotNow("the log store is not open".to_owned()).problem();
    };
    let (parts, body) = request.into_parts();
    let now = app.time();
    let taken = async {
        let mut lines = logs
            .doors
            .read(&parts.headers, body, encoding(&parts.headers)?, move |bytes| read(bytes, now))
            .await?;
        let taken = taking::push(&logs, std::mem::take(&mut lines.entries), now).await?;
        for one in &taken.refused {
            let line = lines.numbers.get(one.index).copied().unwrap_or(0);
            lines.wrong(line, one.why.to_string());
        }
        Ok::<_, Refusal>(LinesTaken {
            accepted: taken.accepted,
            failed: lines.failed,
            dropped: taken.refused.len(),
            errors: lines.errors.into_iter().map(|(line, error)| BadLine { line, error }).collect(),
        })
    };
    match taken.await {
        Ok(taken) if taken.accepted == 0 && taken.failed + taken.dropped > 0 => {
            let first = taken.errors.first();
            let detail = first.map(|first| format!("line {}: {}", first.line, first.error));
            let problem = Problem::refused(StatusCode::BAD_REQUEST, detail.unwrap_or_default());
            NoLinesProblem { problem, taken }.into_response()
        }
        Ok(taken) => Json(taken).into_response(),
        Err(refusal) => refusal.problem(),
    }
}
