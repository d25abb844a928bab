//! What Grafana's Explore asks to offer fields: `/loki/api/v1/detected_…` and `patterns`.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::{Value, json};
use vigie_query::logql::{Expr, LogRangeQuery, LogValue, Stream, duration_nanos, parse};

use super::answer::{json_of, success};
use super::error::LokiError;
use super::evaluate::evaluate;
use super::labels::{selectors, streams};
use super::params::Params;
use super::query::now;
use crate::state::AppState;

/// Fields of an answer where nobody says how many, and lines that are looked at.
const FIELDS: usize = 1_000;
const LINES: usize = 1_000;

/// A field that lines have.
#[derive(Debug, Default)]
struct Field {
    values: BTreeSet<String>,
    parsers: BTreeSet<&'static str>,
}

/// What a value is taken for.
fn kind(value: &str) -> &'static str {
    if value.parse::<i64>().is_ok() {
        "int"
    } else if value.parse::<f64>().is_ok() {
        "float"
    } else if matches!(value, "true" | "false") {
        "boolean"
    } else if duration_nanos(value).is_some() {
        "duration"
    } else if is_size(value) {
        "bytes"
    } else {
        "string"
    }
}

fn is_size(value: &str) -> bool {
    let digits = value.trim_end_matches(|one: char| one.is_ascii_alphabetic());
    let unit = value.get(digits.len()..).unwrap_or_default().to_ascii_lowercase();
    let known = ["b", "kb", "kib", "mb", "mib", "gb", "gib", "tb", "tib"];
    known.contains(&unit.as_str()) && digits.trim().parse::<f64>().is_ok()
}

/// The fields of the lines of a query: structured metadata, and what a parser finds.
async fn detect(app: &AppState, params: &Params) -> Result<BTreeMap<String, Field>, LokiError> {
    let query = params.query()?.to_owned();
    if !matches!(parse(&query)?, Expr::Log(_)) {
        return Err(LokiError::bad("only a query for lines has fields"));
    }
    let (start, end) = params.range(now(app))?;
    let logs = app.loki()?;
    let most = logs.engine.limits().max_entries;
    let limit = params.limit("line_limit", LINES.min(most), most)?;
    let asked = LogRangeQuery {
        start,
        end,
        step: 1,
        direction: params.direction()?,
        limit,
        interval: 0,
        now: end,
    };
    let found = evaluate(logs, move |engine, source, control| {
        let mut fields: BTreeMap<String, Field> = BTreeMap::new();
        for (parser, stage) in [("json", "| json"), ("logfmt", "!= `{` | logfmt")] {
            let answer = engine.range(source, &format!("{query}\n{stage}"), &asked, control)?;
            if let LogValue::Streams(streams) = answer.value {
                streams.iter().for_each(|stream| add(&mut fields, stream, parser));
            }
        }
        Ok(fields)
    });
    Ok(found.await?.value)
}

fn add(fields: &mut BTreeMap<String, Field>, stream: &Stream, parser: &'static str) {
    let failed = stream.parsed.get(vigie_query::logql::ERROR).is_some();
    let parsed = stream.parsed.iter().filter(|label| !failed && !label.name.starts_with("__"));
    let parsed = parsed.map(|label| (label, Some(parser)));
    let metadata = stream.metadata.iter().map(|label| (label, None));
    for (label, parser) in metadata.chain(parsed) {
        if fields.len() >= FIELDS && !fields.contains_key(&*label.name) {
            continue;
        }
        let field = fields.entry(label.name.to_string()).or_default();
        field.values.insert(label.value.to_string());
        field.parsers.extend(parser);
    }
}

/// The fields that lines of a query have.
#[utoipa::path(method(get, post), path = "/loki/api/v1/detected_fields", tag = "loki",
    operation_id = "loki_detected_fields",
    params(("query" = String, Query, description = "LogQL for lines."), ("start" = Option<String>, Query),
        ("end" = Option<String>, Query), ("limit" = Option<u64>, Query, description = "Fields: 1,000 by default."),
        ("line_limit" = Option<u64>, Query, description = "Lines that are looked at: 1,000 by default.")),
    responses((status = 200, description = "Loki's answer", content_type = "application/json"),
        (status = 400, description = "What is wrong, as text", body = String, content_type = "text/plain")))]
pub(crate) async fn fields(
    State(app): State<AppState>,
    params: Params,
) -> Result<Response, LokiError> {
    let limit = params.limit("limit", FIELDS, FIELDS)?;
    let found = detect(&app, &params).await?;
    let field = |(name, field): (&String, &Field)| {
        let kinds: BTreeSet<&str> = field.values.iter().map(|value| kind(value)).collect();
        // Values of several kinds are texts.
        let one = if kinds.len() == 1 { kinds.first() } else { None };
        let parsers: Value =
            if field.parsers.is_empty() { Value::Null } else { json!(field.parsers) };
        json!({
            "label": name, "type": one.unwrap_or(&"string"), "cardinality": field.values.len(), "parsers": parsers,
        })
    };
    let fields: Vec<Value> = found.iter().take(limit).map(field).collect();
    Ok(json_of(&json!({ "fields": fields, "limit": limit })))
}

/// The values of a field that lines of a query have.
#[utoipa::path(method(get, post), path = "/loki/api/v1/detected_field/{name}/values", tag = "loki",
    operation_id = "loki_detected_field_values",
    params(("name" = String, Path), ("query" = String, Query, description = "LogQL for lines."),
        ("start" = Option<String>, Query), ("end" = Option<String>, Query), ("limit" = Option<u64>, Query)),
    responses((status = 200, description = "Loki's answer", content_type = "application/json"),
        (status = 400, description = "What is wrong, as text", body = String, content_type = "text/plain")))]
pub(crate) async fn field_values(
    State(app): State<AppState>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, LokiError> {
    let limit = params.limit("limit", FIELDS, FIELDS)?;
    let found = detect(&app, &params).await?;
    let values = found.get(&name).into_iter().flat_map(|field| &field.values).take(limit);
    Ok(json_of(&json!({ "values": values.collect::<Vec<_>>(), "limit": limit })))
}

/// The labels of streams, and how many values each has.
#[utoipa::path(method(get, post), path = "/loki/api/v1/detected_labels", tag = "loki",
    operation_id = "loki_detected_labels",
    params(("query" = Option<String>, Query, description = "A stream selector."), ("start" = Option<String>, Query),
        ("end" = Option<String>, Query)),
    responses((status = 200, description = "Loki's answer", content_type = "application/json"),
        (status = 400, description = "What is wrong, as text", body = String, content_type = "text/plain")))]
pub(crate) async fn labels(
    State(app): State<AppState>,
    params: Params,
) -> Result<Response, LokiError> {
    let matchers = selectors([params.get("query")].into_iter())?;
    let found = streams(&app, matchers, params.range(now(&app))?).await?;
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for label in found.iter().flat_map(|stream| &stream.labels) {
        values.entry(&label.name).or_default().insert(&label.value);
    }
    let one = |(name, values): (&str, BTreeSet<&str>)| json!({ "label": name, "cardinality": values.len() });
    let all: Vec<Value> = values.into_iter().map(one).collect();
    Ok(json_of(&json!({ "detectedLabels": all })))
}

/// Patterns of lines: Vigie looks for none, so that the list is empty.
#[utoipa::path(method(get, post), path = "/loki/api/v1/patterns", tag = "loki", operation_id = "loki_patterns",
    params(("query" = Option<String>, Query, description = "A stream selector.")),
    responses((status = 200, description = "Loki's answer", content_type = "application/json")))]
pub(crate) async fn patterns() -> Response {
    success(&json!([]))
}

#[cfg(test)]
mod tests {
    use super::kind;

    #[test]
    fn values_have_kinds() {
        for (value, expected) in [
            ("17", "int"),
            ("1.5", "float"),
            ("true", "boolean"),
            ("1m30s", "duration"),
            ("1.5KiB", "bytes"),
            ("GET", "string"),
            ("", "string"),
        ] {
            assert_eq!(kind(value), expected, "{value}");
        }
    }
}
