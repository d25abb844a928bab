//! Elasticsearch's `_bulk`, and as much of its handshake as Filebeat, Logstash and Vector ask for before they send.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::decode::bulk::read;
use super::{ndjson, taking};
use crate::access::Path;
use crate::prometheus::Refusal;
use crate::state::AppState;

/// What Vigie says it is: senders refuse older ones than themselves.
const VERSION: &str = "8.19.0";

/// An answer of Elasticsearch, by which its own clients tell that it is one.
fn elastic(status: StatusCode, body: &Value) -> Response {
    let mut response = (status, body.to_string()).into_response();
    let headers = response.headers_mut();
    headers.insert("x-elastic-product", HeaderValue::from_static("Elasticsearch"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn failed(status: StatusCode, kind: &str, reason: &str) -> Response {
    let cause = json!({ "type": kind, "reason": reason });
    elastic(
        status,
        &json!({ "error": { "root_cause": [cause], "type": kind, "reason": reason }, "status": status.as_u16() }),
    )
}

/// Takes in documents as Elasticsearch's bulk API does; answers once they are durable. Only `create` and `index` are known: a
/// document becomes a log entry, as at `POST /api/v1/logs`, with its index as a label.
#[utoipa::path(post, path = "/_bulk", tag = "logs", request_body(content_type = "application/x-ndjson", description = "Plain or in gzip."),
    responses((status = 200, description = "As Elasticsearch answers: `errors`, and one of `items` for each action"),
        (status = 400, description = "An action is none"),
        (status = 429, description = "Not now, or over a source's rate: nothing is kept")))]
pub(crate) async fn bulk(State(app): State<AppState>, request: Request) -> Response {
    take_in(app, request, String::new()).await
}

/// The same, for actions that do not name an index.
#[utoipa::path(post, path = "/{index}/_bulk", tag = "logs", params(("index" = String, Path, description = "The index of actions that name none")),
    request_body(content_type = "application/x-ndjson", description = "As at /_bulk."), responses((status = 200, description = "As at /_bulk")))]
pub(crate) async fn bulk_of_index(
    State(app): State<AppState>,
    Path(index): Path<String>,
    request: Request,
) -> Response {
    take_in(app, request, index).await
}

async fn take_in(app: AppState, request: Request, index: String) -> Response {
    let Some(logs) = app.logs.clone() else {
        return failed(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable_exception",
            "the log store is not open",
        );
    };
    let (parts, body) = request.into_parts();
    let now = app.time();
    let begun = app.time();
    let taken = async {
        let encoding = ndjson::encoding(&parts.headers)?;
        let read = logs
            .doors
            .read(&parts.headers, body, encoding, move |bytes| Ok(read(bytes, &index, now)))
            .await?;
        let documents = read.map_err(Refusal::Bad)?;
        let (mut items, mut entries, mut of) = (Vec::new(), Vec::new(), Vec::new());
        for document in documents {
            let error = match document.entry {
                Ok(entry) => {
                    entries.push(entry);
                    of.push(items.len());
                    None
                }
                Err(error) => Some(error),
            };
            items.push((document.action, document.index, error));
        }
        for one in taking::push(&logs, entries, now).await?.refused {
            if let Some(item) = of.get(one.index).and_then(|place| items.get_mut(*place)) {
                item.2 = Some(one.why.to_string());
            }
        }
        Ok::<_, Refusal>(items)
    };
    match taken.await {
        Ok(items) => {
            let errors = items.iter().any(|item| item.2.is_some());
            let items: Vec<Value> = items.into_iter().map(item).collect();
            let took = (app.time().millis() - begun.millis()).max(0);
            elastic(StatusCode::OK, &json!({ "took": took, "errors": errors, "items": items }))
        }
        Err(refusal) => {
            // Senders wait and try again after a 429, as with Elasticsearch.
            let later = matches!(refusal, Refusal::NotNow(_) | Refusal::TooFast { .. });
            let (status, kind) = if later {
                (StatusCode::TOO_MANY_REQUESTS, "es_rejected_execution_exception")
            } else {
                (refusal.status(), "illegal_argument_exception")
            };
            refusal.headed(failed(status, kind, &refusal.message()))
        }
    }
}

fn item((action, index, error): (&'static str, String, Option<String>)) -> Value {
    let shards = json!({ "total": 1, "successful": 1, "failed": 0 });
    let result = match error {
        None => json!({
            "_index": index, "_id": "", "_version": 1, "result": "created", "_shards": shards, "_seq_no": 0,
            "_primary_term": 1, "status": 201
        }),
        Some(reason) => json!({
            "_index": index, "_id": "", "status": 400,
            "error": { "type": "document_parsing_exception", "reason": reason }
        }),
    };
    json!({ action: result })
}

/// Whether a request for `/` is a sender's question what this is, and not a browser's for the dashboard.
pub(crate) fn asks_what_this_is(headers: &HeaderMap) -> bool {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
            .unwrap_or_default()
            .to_ascii_lowercase()
    };
    let (accept, agent) = (text(header::ACCEPT), text(header::USER_AGENT));
    let known =
        ["elastic", "beat", "logstash", "vector", "fluent"].iter().any(|name| agent.contains(name));
    !accept.contains("text/html")
        && (known || accept.contains("application/json") || accept.contains("vnd.elasticsearch"))
}

/// `GET /` of Elasticsearch.
pub(crate) fn what_this_is() -> Response {
    elastic(
        StatusCode::OK,
        &json!({
            "name": "vigie", "cluster_name": "vigie", "cluster_uuid": "vigie",
            "version": {
                "number": VERSION, "build_flavor": "default", "build_type": "tar", "build_hash": "vigie", "build_date": "2026-01-01T00:00:00.000Z",
                "build_snapshot": false, "lucene_version": "9.12.0", "minimum_wire_compatibility_version": "7.17.0",
                "minimum_index_compatibility_version": "7.0.0"
            },
            "tagline": "You Know, for Search"
        }),
    )
}

/// `GET /_license`.
pub(crate) async fn license() -> Response {
    let license = json!({ "status": "active", "uid": "vigie", "type": "basic", "mode": "basic", "issued_to": "vigie", "issuer": "vigie" });
    elastic(StatusCode::OK, &json!({ "license": license }))
}

/// `GET /_xpack`.
pub(crate) async fn features() -> Response {
    let available = json!({ "available": true, "enabled": true });
    let license = json!({ "status": "active", "uid": "vigie", "type": "basic", "mode": "basic" });
    elastic(
        StatusCode::OK,
        &json!({ "license": license, "features": { "ilm": available, "security": { "available": true, "enabled": false } } }),
    )
}

/// Templates, policies, pipelines and data streams: there are none here and none are needed, so each that a sender asks for
/// is there, and each that it sets is set.
pub(crate) async fn set_up() -> Response {
    elastic(StatusCode::OK, &json!({ "acknowledged": true }))
}

/// `GET /_nodes/http`, by which Logstash and others look for more nodes: it is this one alone.
pub(crate) async fn nodes() -> Response {
    elastic(StatusCode::OK, &json!({ "cluster_name": "vigie", "nodes": {} }))
}

/// `GET /_cluster/health`.
pub(crate) async fn health() -> Response {
    elastic(
        StatusCode::OK,
        &json!({ "cluster_name": "vigie", "status": "green", "timed_out": false, "number_of_nodes": 1 }),
    )
}
