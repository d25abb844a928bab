//! `POST /loki/api/v1/push`, as promtail, Alloy, Vector and the Docker driver speak it: JSON, or protobuf in snappy.

use std::collections::BTreeMap;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use vigie_store::logs::LogRefused;

use super::decode::loki::{Pushed, SOURCE, Unreadable, decode_json, decode_protobuf, places};
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

/// Entries that are not kept: their places in the request, from 0, by reason.
struct Refused {
    why: String,
    places: BTreeMap<String, Vec<usize>>,
}

/// What is refused of a request: by its labels, or by the store.
fn refused(given: usize, unreadable: &[Unreadable], refused: Vec<LogRefused>) -> Option<Refused> {
    let mut place = places(unreadable);
    let by_store: Vec<LogRefused> =
        refused.into_iter().map(|one| LogRefused { index: place(one.index), ..one }).collect();
    let lines: usize = unreadable.iter().map(|one| one.lines).sum();
    let by_labels = unreadable.first().map(|first| {
        format!(
            "{lines} of {given} entries are refused, because the labels of their streams cannot be read; the first: {}",
            first.why
        )
    });
    let all: Vec<String> = by_labels.into_iter().chain(taking::refused(&by_store, given)).collect();
    let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for one in unreadable {
        let reason = places.entry(one.why.clone()).or_default();
        reason.extend(one.first..one.first + one.lines);
    }
    by_store.iter().for_each(|one| places.entry(one.why.to_string()).or_default().push(one.index));
    (!all.is_empty()).then(|| Refused { why: all.join("; "), places })
}

/// Tells a sender, one that asks for problem documents in detail.
fn partly_refused(headers: &HeaderMap, refused: Refused) -> Response {
    let accepts = headers.get(header::ACCEPT).and_then(|kinds| kinds.to_str().ok());
    if !accepts.is_some_and(|kinds| kinds.contains(PROBLEM)) {
        return Refusal::Bad(refused.why).into_response();
    }
    let places: Vec<Value> = refused
        .places
        .into_iter()
        .map(|(why, entries)| json!({ "reason": why, "entries": entries }))
        .collect();
    let mut problem = json!(Problem::partly_refused(refused.why));
    problem["refused"] = places.into();
    let kind = [(header::CONTENT_TYPE, PROBLEM)];
    (StatusCode::BAD_REQUEST, kind, problem.to_string()).into_response()
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
        let pushed = logs
            .doors
            .read(&parts.headers, body, encoding, move |bytes| decode(bytes, now))
            .await?;
        let Pushed { entries, unreadable, given } = pushed;
        let taken = taking::push(&logs, entries, now).await?;
        // Counted when the rest is taken: what is sent again is not counted twice.
        let lines = unreadable.iter().map(|one| one.lines).sum();
        if lines > 0 {
            logs.dropped(SOURCE, "labels", lines);
        }
        // As Loki: the sender is told, and need not send the rest again.
        Ok::<_, Refusal>(refused(given, &unreadable, taken.refused))
    };
    match taken.await {
        Ok(None) => StatusCode::NO_CONTENT.into_response(),
        Ok(Some(refused)) => partly_refused(&parts.headers, refused),
        Err(refusal) => refusal.into_response(),
    }
}
