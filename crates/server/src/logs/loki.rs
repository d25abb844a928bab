//! `POST /loki/api/v1/push`, as promtail, Alloy, Vector and the Docker driver speak it: JSON, or protobuf in snappy.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::decode::loki::{decode_json, decode_protobuf};
use super::{ndjson, taking};
use crate::prometheus::{Encoding, Refusal};
use crate::state::AppState;

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

/// Takes in lines as Loki does; answers once they are durable.
#[utoipa::path(post, path = "/loki/api/v1/push", tag = "logs",
    request_body(content_type = "application/x-protobuf",
        description = "logproto.PushRequest in snappy, or Loki's JSON, plain or in gzip."),
    responses((status = 204, description = "Durable"),
        (status = 400, description = "Malformed, and nothing is kept; or some entries are refused for good, and all others are durable"),
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
        taking::refused(&taken.refused, given).map_or(Ok(()), |why| Err(Refusal::Bad(why)))
    };
    match taken.await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refusal) => refusal.into_response(),
    }
}
