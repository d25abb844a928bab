//! OTLP over HTTP, metrics only: `POST /v1/metrics` and Prometheus's own `/api/v1/otlp/v1/metrics`.

mod convert;
mod json;
pub(crate) mod logs;
mod message;
mod names;
mod proto;
mod records;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use prost::encoding;

use super::metrics::Appended;
use super::write::door::{self, Refusal};
use super::write::{
    Encoding, Field, Fields, MetricMetadata, MetricType, Received, WriteError, checked, limited,
    reduced,
};
use crate::state::AppState;

/// How a message is written; answers are written as the request was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    Protobuf,
    Json,
}

impl Language {
    fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let given = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = given.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        match kind.to_ascii_lowercase().as_str() {
            "application/x-protobuf" => Ok(Self::Protobuf),
            "application/json" => Ok(Self::Json),
            _ => Err(Refusal::Unsupported(format!(
                "the content type {kind:?} is not known here: send application/x-protobuf or application/json"
            ))),
        }
    }

    fn respond(self, status: StatusCode, protobuf: Vec<u8>, json: &serde_json::Value) -> Response {
        match self {
            Self::Protobuf => {
                (status, [(header::CONTENT_TYPE, "application/x-protobuf")], protobuf)
                    .into_response()
            }
            Self::Json => (status, axum::Json(json)).into_response(),
        }
    }
}

/// Takes in metrics by OTLP, in protobuf or JSON; answers once they are durable.
#[utoipa::path(post, path = "/v1/metrics", tag = "prometheus",
    request_body(content_type = "application/x-protobuf",
        description = "ExportMetricsServiceRequest, in protobuf or JSON, plain or in gzip."),
    responses((status = 200, description = "Durable; `partialSuccess` says what was refused for good"),
        (status = 400, description = "Malformed"), (status = 413, description = "Over a limit, which is named"),
        (status = 415, description = "Another type"),
        (status = 503, description = "Not now: try again after Retry-After seconds")))]
pub(crate) async fn metrics(State(app): State<AppState>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let language = match Language::of(&parts.headers) {
        Ok(language) => language,
        Err(refusal) => return refused(Language::Json, &refusal),
    };
    let taken = async {
        let metrics = app
            .metrics()
            .map_err(|_| Refusal::NotNow("the metric store is not open".to_owned()))?;
        let encoding = encoding(&parts.headers)?;
        let read = match language {
            Language::Protobuf => {
                let pieces_above = door::PIECES_ABOVE;
                door::Language { decode: proto::decode, pieces_above, exemplars: None }
            }
            // Three bytes may be a point.
            Language::Json => {
                let pieces_above = 128 << 10;
                door::Language { decode: json::decode, pieces_above, exemplars: None }
            }
        };
        Ok(door::take_in(metrics, &parts.headers, body, encoding, read).await?.appended)
    };
    match taken.await {
        Ok(appended) => taken_in(language, &appended),
        Err(refusal) => refused(language, &refusal),
    }
}

/// The same at the path that Prometheus has.
#[utoipa::path(post, path = "/api/v1/otlp/v1/metrics", tag = "prometheus",
    request_body(content_type = "application/x-protobuf", description = "As at /v1/metrics."),
    responses((status = 200, description = "As at /v1/metrics")))]
pub(crate) async fn metrics_as_prometheus(state: State<AppState>, request: Request) -> Response {
    metrics(state, request).await
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Refusal> {
    let given = headers.get(header::CONTENT_ENCODING);
    let known = given
        .map_or(Some(Encoding::Identity), |given| given.to_str().ok().and_then(Encoding::named));
    known.filter(|known| *known != Encoding::Snappy).ok_or_else(|| {
        Refusal::Unsupported(format!(
            "the content encoding {:?} is not known here: use gzip or zstd",
            given.map(|given| String::from_utf8_lossy(given.as_bytes())).unwrap_or_default()
        ))
    })
}

/// `ExportMetricsServiceResponse`.
fn taken_in(language: Language, appended: &Appended) -> Response {
    let Some(reason) = &appended.reason else {
        return language.respond(StatusCode::OK, Vec::new(), &serde_json::json!({}));
    };
    let mut partial = Vec::new();
    encoding::int64::encode(1, &appended.refused.cast_signed(), &mut partial);
    encoding::string::encode(2, reason, &mut partial);
    let mut message = Vec::new();
    encoding::bytes::encode(1, &partial, &mut message);
    let json = serde_json::json!({
        // An integer of 64 bits is a text in protobuf's JSON.
        "partialSuccess": { "rejectedDataPoints": appended.refused.to_string(), "errorMessage": reason }
    });
    language.respond(StatusCode::OK, message, &json)
}

/// `google.rpc.Status`, of which clients read the message.
fn refused(language: Language, refusal: &Refusal) -> Response {
    /// `INVALID_ARGUMENT` and `UNAVAILABLE` of gRPC.
    const CODES: (i32, i32) = (3, 14);
    let text = refusal.message();
    let later = matches!(refusal, Refusal::NotNow(_) | Refusal::TooFast { .. });
    let code = if later { CODES.1 } else { CODES.0 };
    let mut message = Vec::new();
    encoding::int32::encode(1, &code, &mut message);
    encoding::string::encode(2, &text, &mut message);
    let json = serde_json::json!({ "code": code, "message": text });
    refusal.headed(language.respond(refusal.status(), message, &json))
}

/// What both languages make of the same bytes.
#[cfg(test)]
pub(super) fn decode_both(bytes: &[u8]) -> [Result<Received<'static>, WriteError>; 2] {
    [proto::decode(bytes, Received::default()), json::decode(bytes, Received::default())]
}
