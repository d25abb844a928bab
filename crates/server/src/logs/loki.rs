//! `POST /loki/api/v1/push`, as promtail, Alloy, Vector and the Docker driver speak it: JSON, or protobuf in snappy.

use std::collections::BTreeMap;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use vigie_store::logs::{LogRefusal, LogRefused};

use super::decode::loki::{decode_json, decode_protobuf};
use super::{ndjson, taking};
use crate::problem::Problem;
use crate::prometheus::{Encoding, Refusal};
use crate::state::AppState;

const PROBLEM: &str = "application/problem+json";

fn is_protobuf(headers: &HeaderMap) -> Result<bool, Refusal> {
    let given =
        headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    match given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "application/x-protobuf" | "" => Ok(true),
        "application/json" => Ok(false),
        other => Err(Refusal::Unsupported(format!(
            "the content type {other:?} is not known here: send application/x-protobuf or application/json"
        ))),
    }
}

/// Why a part of a request is not kept, and for a sender that asks for problem documents which: by reason, the places of entries in
/// the order in which they came, from 0.
fn partly_refused(headers: &HeaderMap, refused: &[LogRefused], given: usize) -> Option<Response> {
    let why = taking::refused(refused, given)?;
    let accepts = headers.get(header::ACCEPT).and_then(|kinds| kinds.to_str().ok());
    if !accepts.is_some_and(|kinds| kinds.contains(PROBLEM)) {
        return Some(Refusal::Bad(why).into_response());
    }
    let mut places: BTreeMap<LogRefusal, Vec<usize>> = BTreeMap::new();
    refused.iter().for_each(|one| places.entry(one.why).or_default().push(one.index));
    let places: Vec<Value> = places
        .into_iter()
        .map(|(why, entries)| json!({ "reason": why.to_string(), "entries": entries }))
        .collect();
    let mut problem = json!(Problem::partly_refused(why));
    problem["refused"] = places.into();
    let kind = [(header::CONTENT_TYPE, PROBLEM)];
    Some((StatusCode::BAD_REQUEST, kind, problem.to_string()).into_response())
}

/// Takes in lines as Loki does; answers once they are durable.
#[utoipa::path(post, path = "/loki/api/v1/push", tag = "logs",
    request_body(content_type = "application/x-protobuf",
        description = "logproto.PushRequest in snappy, or Loki's JSON, plain or in gzip."),
    responses((status = 204, description = "Durable"),
        (status = 400, description = "Malformed, and nothing is kept; or some entries are refused for good, and all others are durable. With `Accept: application/problem+json` the latter says which: `refused`, a list of `reason` and `entries`, their places in the request from 0"),
        (status = 413, description = "Over a limit, which is named"),
        (status = 429, description = "Over a source's rate: nothing is kept, try again after Retry-After seconds"),
        (status = 503, description = "Not now: try again after Retry-After seconds")))]
pub(crate) async fn push(State(app): State<AppState>, request: Request) -> Response {
    let Some(logs) = app.logs.clone() else {
        return Refusal::NotNow("the log store is not open".to_owned()).into_response();
    };
    let (parts, body) = request.into_parts();
    let now = app.time();
    let taken = async {
        let protobuf = is_protobuf(&parts.headers)?;
        let encoding = match ndjson::encoding(&parts.headers)? {
            // Loki's protobuf is in snappy, whether it says so or not.
            Encoding::Identity if protobuf => Encoding::Snappy,
            other => other,
        };
        let decode = if protobuf { decode_protobuf } else { decode_json };
        let entries = logs
            .doors
            .read(&parts.headers, body, encoding, move |bytes| decode(bytes, now))
            .await?;
        let given = entries.len();
        let taken = taking::push(&logs, entries, now).await?;
        // As Loki: the sender is told, and need not send the rest again.
        Ok::<_, Refusal>(partly_refused(&parts.headers, &taken.refused, given))
    };
    match taken.await {
        Ok(None) => StatusCode::NO_CONTENT.into_response(),
        Ok(Some(refused)) => refused,
        Err(refusal) => refusal.into_response(),
    }
}
