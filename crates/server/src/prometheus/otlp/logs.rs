//! OTLP's log records: `POST /v1/logs`, in protobuf or JSON.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use prost::encoding as wire;

use super::records::{decode_json, decode_protobuf};
use super::{Language, encoding, refused};
use crate::logs::{push_entries, refused_entries};
use crate::prometheus::Refusal;
use crate::state::AppState;

/// Takes in log records by OTLP, in protobuf or JSON; answers once they are durable.
#[utoipa::path(post, path = "/v1/logs", tag = "logs",
    request_body(content_type = "application/x-protobuf",
        description = "ExportLogsServiceRequest, in protobuf or JSON, plain, in gzip or in zstd."),
    responses((status = 200, description = "Durable; `partialSuccess` says how many were refused for good"),
        (status = 400, description = "Malformed"), (status = 413, description = "Over a limit, which is named"),
        (status = 415, description = "Another type"),
        (status = 429, description = "Over a source's rate: nothing is kept, try again after Retry-After seconds"),
        (status = 503, description = "Not now: try again after Retry-After seconds")))]
pub(crate) async fn logs(State(app): State<AppState>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let language = match Language::of(&parts.headers) {
        Ok(language) => language,
        Err(refusal) => return refused(Language::Json, &refusal),
    };
    let now = app.time();
    let taken = async {
        let logs = app
            .logs
            .clone()
            .ok_or_else(|| Refusal::NotNow("the log store is not open".to_owned()))?;
        let encoding = encoding(&parts.headers)?;
        let decode = match language {
            Language::Protobuf => decode_protobuf,
            Language::Json => decode_json,
        };
        let entries = logs
            .doors()
            .read(&parts.headers, body, encoding, move |bytes| decode(bytes, now))
            .await?;
        let given = entries.len();
        let refused = push_entries(&logs, entries, now).await?.refused;
        Ok(refused_entries(&refused, given).map(|reason| (refused.len(), reason)))
    };
    match taken.await {
        Ok(None) => language.respond(StatusCode::OK, Vec::new(), &serde_json::json!({})),
        Ok(Some((dropped, reason))) => {
            let dropped = i64::try_from(dropped).unwrap_or(i64::MAX);
            let mut partial = Vec::new();
            wire::int64::encode(1, &dropped, &mut partial);
            wire::string::encode(2, &reason, &mut partial);
            let mut message = Vec::new();
            wire::bytes::encode(1, &partial, &mut message);
            let json = serde_json::json!({ "partialSuccess": { "rejectedLogRecords": dropped.to_string(), "errorMessage": reason } });
            language.respond(StatusCode::OK, message, &json)
        }
        Err(refusal) => refused(language, &refusal),
    }
}

/// The same beside the path that Prometheus has for metrics, so that one endpoint serves both.
#[utoipa::path(post, path = "/api/v1/otlp/v1/logs", tag = "logs",
    request_body(content_type = "application/x-protobuf", description = "As at /v1/logs."),
    responses((status = 200, description = "As at /v1/logs")))]
pub(crate) async fn logs_beside_metrics(state: State<AppState>, request: Request) -> Response {
    logs(state, request).await
}
