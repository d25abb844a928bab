//! Elasticsearch's `_bulk` and `_doc`, and as much of its handshake as Filebeat, Logstash and Vector ask for before they send.

use std::sync::atomic::{AtomicU32, Ordering};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::decode::bulk::{self as decode, read};
use super::{ndjson, taking};
use crate::access::Path;
use crate::prometheus::Refusal;
use crate::state::AppState;
use vigie_model::Time;

/// What Vigie says it is: senders refuse older ones than themselves.
const VERSION: &str = "8.19.0";
/// Of a document that is refused for good.
const UNREADABLE: &str = "document_parsing_exception";

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

fn not_open() -> Response {
    let why = "the log store is not open";
    failed(StatusCode::SERVICE_UNAVAILABLE, "unavailable_exception", why)
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
    let Some(logs) = app.logs.clone() else { return not_open() };
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
            let id = Some(document.id).filter(|id| !id.is_empty()).unwrap_or_else(|| new_id(now));
            items.push((document.action, document.index, id, error));
        }
        for one in taking::push(&logs, entries, now).await?.refused {
            if let Some(item) = of.get(one.index).and_then(|place| items.get_mut(*place)) {
                item.3 = Some(one.why.to_string());
            }
        }
        Ok::<_, Refusal>(items)
    };
    match taken.await {
        Ok(items) => {
            let errors = items.iter().any(|item| item.3.is_some());
            let items: Vec<Value> = items.into_iter().map(item).collect();
            let took = (app.time().millis() - begun.millis()).max(0);
            elastic(StatusCode::OK, &json!({ "took": took, "errors": errors, "items": items }))
        }
        Err(refusal) => refused(&refusal),
    }
}

/// Why nothing of a request was taken.
fn refused(refusal: &Refusal) -> Response {
    // Senders wait and try again after a 429, as with Elasticsearch.
    let later = matches!(refusal, Refusal::NotNow(_) | Refusal::TooFast { .. });
    let (status, kind) = if later {
        (StatusCode::TOO_MANY_REQUESTS, "es_rejected_execution_exception")
    } else {
        (refusal.status(), "illegal_argument_exception")
    };
    refusal.headed(failed(status, kind, &refusal.message()))
}

/// A name for a document that was given none. Nothing is found by it.
fn new_id(now: Time) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{:013x}{:07x}", now.micros(), COUNT.fetch_add(1, Ordering::Relaxed) & 0x0fff_ffff)
}

/// What Elasticsearch says of a document that it took.
fn created(index: &str, id: &str) -> Value {
    json!({
        "_index": index, "_id": id, "_version": 1, "result": "created", "_shards": { "total": 1, "successful": 1, "failed": 0 },
        "_seq_no": 0, "_primary_term": 1
    })
}

fn item((action, index, id, error): (&'static str, String, String, Option<String>)) -> Value {
    let result = match error {
        None => {
            let mut made = created(&index, &id);
            made["status"] = json!(201);
            made
        }
        Some(reason) => json!({
            "_index": index, "_id": id, "status": 400, "error": { "type": UNREADABLE, "reason": reason }
        }),
    };
    json!({ action: result })
}

/// Takes in one document, as `/_bulk` does many; answers once it is durable. Whatever its id, it is a log entry more.
#[utoipa::path(post, path = "/{index}/_doc", tag = "logs", operation_id = "document", params(("index" = String, Path, description = "Becomes a label")),
    request_body(content_type = "application/json", description = "Plain or in gzip."),
    responses((status = 201, description = "As Elasticsearch answers"), (status = 400, description = "It is no document, or is refused for good"),
        (status = 429, description = "Not now, or over the source's rate: it is not kept")))]
pub(crate) async fn document(
    State(app): State<AppState>,
    Path(index): Path<String>,
    request: Request,
) -> Response {
    let id = new_id(app.time());
    take_one(app, request, index, id).await
}

/// The same, with an id.
#[utoipa::path(method(put, post), path = "/{index}/_doc/{id}", tag = "logs", operation_id = "document_with_id",
    params(("index" = String, Path, description = "Becomes a label"), ("id" = String, Path, description = "Comes back in the answer")),
    request_body(content_type = "application/json", description = "Plain or in gzip."), responses((status = 201, description = "As at /{index}/_doc")))]
pub(crate) async fn document_with_id(
    State(app): State<AppState>,
    Path((index, id)): Path<(String, String)>,
    request: Request,
) -> Response {
    take_one(app, request, index, id).await
}

/// The same, for clients that want it to be new.
#[utoipa::path(method(put, post), path = "/{index}/_create/{id}", tag = "logs", operation_id = "new_document",
    params(("index" = String, Path, description = "Becomes a label"), ("id" = String, Path, description = "Comes back in the answer")),
    request_body(content_type = "application/json", description = "Plain or in gzip."), responses((status = 201, description = "As at /{index}/_doc")))]
pub(crate) async fn new_document(
    State(app): State<AppState>,
    Path((index, id)): Path<(String, String)>,
    request: Request,
) -> Response {
    take_one(app, request, index, id).await
}

async fn take_one(app: AppState, request: Request, index: String, id: String) -> Response {
    let Some(logs) = app.logs.clone() else { return not_open() };
    let (parts, body) = request.into_parts();
    let (now, named) = (app.time(), index.clone());
    let taken = async {
        let encoding = ndjson::encoding(&parts.headers)?;
        let read = move |bytes: &[u8]| Ok(decode::document(bytes, &named, now));
        let entry = logs.doors.read(&parts.headers, body, encoding, read).await?;
        let unreadable = match entry {
            Err(error) => Some(error),
            Ok(entry) => {
                let taken = taking::push(&logs, vec![entry], now).await?;
                taken.refused.first().map(|one| one.why.to_string())
            }
        };
        Ok::<_, Refusal>(unreadable)
    };
    match taken.await {
        Ok(None) => elastic(StatusCode::CREATED, &created(&index, &id)),
        Ok(Some(reason)) => failed(StatusCode::BAD_REQUEST, UNREADABLE, &reason),
        Err(refusal) => refused(&refusal),
    }
}

fn header_text(headers: &HeaderMap, name: HeaderName) -> String {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_ascii_lowercase()
}

/// Whether a request comes from a program that speaks to Elasticsearch.
fn is_client(headers: &HeaderMap) -> bool {
    let agent = header_text(headers, header::USER_AGENT);
    ["elastic", "beat", "logstash", "vector", "fluent"].iter().any(|name| agent.contains(name))
}

/// Whether a request for `/` is a sender's question what this is, and not a browser's for the dashboard.
pub(crate) fn asks_what_this_is(headers: &HeaderMap) -> bool {
    let accept = header_text(headers, header::ACCEPT);
    let json = accept.contains("application/json") || accept.contains("vnd.elasticsearch");
    !accept.contains("text/html") && (json || is_client(headers))
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

/// Whether a client asks for an index by its name, or makes one: there are none here and none are needed.
pub(crate) fn asks_for_an_index(request: &Request) -> bool {
    let name = request.uri().path().trim_matches('/');
    matches!(*request.method(), Method::HEAD | Method::PUT)
        && !name.is_empty()
        && !name.contains('/')
        && is_client(request.headers())
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

/// Templates, policies, aliases, pipelines and data streams: there are none here and none are needed, so each that a sender asks for
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
