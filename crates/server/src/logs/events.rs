//! `POST /api/v1/events`: what others did, such as a deploy, with one line of curl.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, http::header};
use serde_json::{Map, Value, json};
use vigie_model::{LogEntry, Time, event_from_object};

use super::decode::without_mark;
use super::{ndjson, taking};
use crate::problem::Problem;
use crate::prometheus::{Refusal, WriteError};
use crate::state::AppState;

const SOURCE: &str = "api";

fn read(bytes: &[u8], is_json: bool, now: Time) -> Result<LogEntry, WriteError> {
    let wrong = |why: String| WriteError::malformed("event", why);
    let text =
        std::str::from_utf8(without_mark(bytes)).map_err(|error| wrong(error.to_string()))?.trim();
    let map: Map<String, Value> = if is_json || text.starts_with('{') {
        serde_json::from_str(text)
            .map_err(|error| wrong(format!("it is no JSON object: {error}")))?
    } else if text.is_empty() {
        return Err(wrong(
            "it says nothing: send a text, or a JSON object with message".to_owned(),
        ));
    } else {
        Map::from_iter([("message".to_owned(), text.into())])
    };
    event_from_object(map, SOURCE, now).map_err(wrong)
}

/// Takes in an event, such as a deploy: `curl -d 'api 1.4.2 is out' …/api/v1/events`, or a JSON object with `message`, `type`
/// (`deploy` where nothing is said), `severity`, `source`, `subject`, `time` and `fields`. It is kept among the log entries, with the
/// type `event`, and answered once it is durable.
#[utoipa::path(post, path = "/api/v1/events", tag = "events",
    request_body(content_type = "application/json", description = "An object, or any text as the message."),
    responses((status = 201, description = "Durable"), (status = 400, body = Problem, description = "It is none"),
        (status = 408, body = Problem, description = "The body did not come within 30 s"),
        (status = 413, body = Problem, description = "Over a limit, which is named"),
        (status = 415, body = Problem, description = "Another content encoding than gzip or zstd"),
        (status = 429, body = Problem, description = "Over the source's rate: try again after Retry-After seconds"),
        (status = 503, body = Problem, description = "Not now: try again after Retry-After seconds")))]
pub(crate) async fn push(State(app): State<AppState>, request: Request) -> Response {
    let Some(logs) = app.logs.clone() else {
        return Refusal::NotNow("the log store is not open".to_owned()).problem();
    };
    let (parts, body) = request.into_parts();
    let now = app.time();
    let kind = parts
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let is_json = kind.starts_with("application/json");
    let taken = async {
        let encoding = ndjson::encoding(&parts.headers)?;
        let made = logs
            .doors
            .read(&parts.headers, body, encoding, move |bytes| read(bytes, is_json, now))
            .await?;
        taking::push(&logs, vec![made], now).await
    };
    match taken.await {
        Ok(taken) => match taken.refused.first() {
            None => (StatusCode::CREATED, Json(json!({ "accepted": 1 }))).into_response(),
            Some(refused) => Refusal::Bad(refused.why.to_string()).problem(),
        },
        Err(refusal) => refusal.problem(),
    }
}
