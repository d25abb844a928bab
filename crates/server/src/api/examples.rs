//! A body for each `POST`, so that the document shows one that is taken; a test sends each of them.

use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::{Content, OpenApi, RefOr};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";
const PROTOBUF: &str = "application/x-protobuf";

const DOCUMENT: &str = r#"{"message": "an order came", "log.level": "info"}"#;
/// An empty message of protobuf in snappy.
const NOTHING: &str = "\0";
/// Whoever shows these puts the present in place of 1795442619, and an hour before it in place of 1795439019.
const RANGE: &str = "start=1795439019&end=1795442619";

/// Path, content type and body.
const EXAMPLES: [(&str, &str, &str); 34] = [
    (
        "/api/v1/events",
        JSON,
        r#"{"message": "api 1.4.2 is out", "type": "deploy", "subject": "api"}"#,
    ),
    (
        "/api/v1/logs",
        NDJSON,
        "{\"level\": \"warn\", \"message\": \"slow answer\", \"queue\": \"emails\"}\n{\"message\": \"and another line\"}\n",
    ),
    (
        "/_bulk",
        NDJSON,
        "{\"create\": {\"_index\": \"shop\"}}\n{\"message\": \"an order came\", \"log.level\": \"info\"}\n",
    ),
    ("/{index}/_bulk", NDJSON, "{\"create\": {}}\n{\"message\": \"an order came\"}\n"),
    ("/{index}/_doc", JSON, DOCUMENT),
    ("/{index}/_doc/{id}", JSON, DOCUMENT),
    ("/{index}/_create/{id}", JSON, DOCUMENT),
    (
        "/loki/api/v1/push",
        JSON,
        r#"{"streams": [{"stream": {"app": "shop"}, "values": [["1795442619000000000", "an order came"]]}]}"#,
    ),
    ("/v1/logs", JSON, RECORD),
    ("/api/v1/otlp/v1/logs", JSON, RECORD),
    ("/v1/metrics", JSON, METRIC),
    ("/api/v1/otlp/v1/metrics", JSON, METRIC),
    ("/api/v1/write", PROTOBUF, NOTHING),
    ("/api/v1/read", PROTOBUF, NOTHING),
    ("/api/v1/query", FORM, "query=vigie_source_up"),
    ("/api/v1/query_range", FORM, "query=vigie_source_up&start=1795439019&end=1795442619&step=60"),
    ("/api/v1/query_exemplars", FORM, "query=vigie_source_up&start=1795439019&end=1795442619"),
    ("/api/v1/format_query", FORM, "query=sum(vigie_source_up)"),
    ("/api/v1/parse_query", FORM, "query=sum(vigie_source_up)"),
    ("/api/v1/series", FORM, "match[]=vigie_source_up"),
    ("/api/v1/labels", FORM, RANGE),
    ("/loki/api/v1/query", FORM, "query=sum(count_over_time({source=~\"..*\"}[1h]))"),
    ("/loki/api/v1/query_range", FORM, LINES),
    ("/loki/api/v1/series", FORM, "match[]={source=~\"..*\"}"),
    ("/loki/api/v1/labels", FORM, RANGE),
    ("/loki/api/v1/label/{name}/values", FORM, RANGE),
    ("/loki/api/v1/patterns", FORM, LINES),
    ("/loki/api/v1/format_query", FORM, LINES),
    ("/loki/api/v1/detected_labels", FORM, LINES),
    ("/loki/api/v1/detected_fields", FORM, LINES),
    ("/loki/api/v1/detected_field/{name}/values", FORM, LINES),
    ("/loki/api/v1/index/stats", FORM, LINES),
    ("/loki/api/v1/index/volume", FORM, LINES),
    ("/loki/api/v1/index/volume_range", FORM, LINES),
];

const LINES: &str = "query={source=~\"..*\"}";
const RECORD: &str = r#"{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"timeUnixNano": "1795442619000000000", "severityText": "WARN", "body": {"stringValue": "slow answer"}}]}]}]}"#;
const METRIC: &str = r#"{"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "shop_orders", "gauge": {"dataPoints": [{"timeUnixNano": "1795442619000000000", "asDouble": 3}]}}]}]}]}"#;

/// Puts them into the document.
pub(super) fn add(document: &mut OpenApi) {
    for (path, kind, body) in EXAMPLES {
        let item = document.paths.paths.get_mut(path);
        let Some(operation) = item.and_then(|item| item.post.as_mut()) else { continue };
        let request = operation.request_body.get_or_insert_with(|| {
            let mut form = RequestBody::new();
            form.description = Some("The parameters, as a form.".to_owned());
            RefOr::T(form)
        });
        let RefOr::T(request) = request else { continue };
        let media = request.content.entry(kind.to_owned());
        if let RefOr::T(media) = media.or_insert_with(|| RefOr::T(Content::default())) {
            media.example = Some(body.into());
        }
    }
}
