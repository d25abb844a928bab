//! Log entries of OTLP's log records.

use serde::Deserialize;
use serde_json::{Map, Value};
use vigie_model::{Level, LogEntry, Time};

use super::message::{AnyValue, Attribute};
use super::proto::{any_value, attribute};
use super::{Field, Fields, WriteError, limited};
use crate::logs::without_mark;

const WHAT: &str = "OTLP logs";
const SOURCE: &str = "otlp";
const MOST_RECORDS: usize = 200_000;
const MOST_ATTRIBUTES: usize = 256;

/// A number that JSON writes as a text, or not.
#[derive(Deserialize)]
#[serde(untagged)]
enum Whole {
    Text(String),
    Number(i64),
}

impl Whole {
    fn number(&self) -> i64 {
        match self {
            Self::Text(text) => text.parse().unwrap_or(0),
            Self::Number(number) => *number,
        }
    }
}

/// A record.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Record {
    time_unix_nano: Option<Whole>,
    observed_time_unix_nano: Option<Whole>,
    severity_number: Option<i64>,
    severity_text: String,
    body: Option<AnyValue>,
    attributes: Vec<Attribute>,
    trace_id: String,
    span_id: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Export {
    resource_logs: Vec<ResourceLogs>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ResourceLogs {
    resource: Resource,
    scope_logs: Vec<ScopeLogs>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Resource {
    attributes: Vec<Attribute>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ScopeLogs {
    log_records: Vec<Record>,
}

fn level(number: i64) -> Level {
    match number {
        1..=4 => Level::Trace,
        5..=8 => Level::Debug,
        9..=12 => Level::Info,
        13..=16 => Level::Warn,
        17..=20 => Level::Error,
        21..=24 => Level::Fatal,
        _ => Level::Unknown,
    }
}

/// An entry of a record and the attributes of its resource.
fn entry(record: Record, resource: &[Attribute], now: Time) -> LogEntry {
    let mut made = LogEntry::blank(SOURCE, now);
    let times = [&record.time_unix_nano, &record.observed_time_unix_nano];
    let time = times.into_iter().flatten().map(Whole::number).find(|time| *time > 0);
    made.time_nanos = time.unwrap_or(made.time_nanos);
    made.set_level(&record.severity_text);
    let by_number = level(record.severity_number.unwrap_or(0));
    if by_number > Level::Unknown {
        made.level = by_number;
    }
    made.message = record.body.as_ref().map(AnyValue::plain).unwrap_or_default();
    made.trace = record.trace_id.as_str().into();
    let mut fields = Map::new();
    for attribute in resource.iter().chain(&record.attributes) {
        let text = attribute.text();
        match attribute.key.as_str() {
            "service.name" => made.source = text.as_str().into(),
            "service.instance.id" | "host.name" if made.instance.is_empty() => {
                made.instance = text.as_str().into()
            }
            "queue" | "messaging.destination.name" => made.queue = text.as_str().into(),
            "job" | "job.id" | "messaging.message.id" => made.job = text.as_str().into(),
            _ => {
                let value = attribute.value.as_ref().map_or(Value::Null, AnyValue::json);
                fields.insert(attribute.key.clone(), value);
            }
        }
    }
    if !record.span_id.is_empty() {
        fields.insert("span_id".to_owned(), record.span_id.into());
    }
    if !fields.is_empty() {
        made.fields = Value::Object(fields).to_string();
    }
    made
}

/// Entries of an export in JSON.
pub(crate) fn decode_json(bytes: &[u8], now: Time) -> Result<Vec<LogEntry>, WriteError> {
    let export: Export = serde_json::from_slice(without_mark(bytes))
        .map_err(|error| WriteError::malformed(WHAT, error))?;
    let mut entries = Vec::new();
    for one in export.resource_logs {
        for record in one.scope_logs.into_iter().flat_map(|scope| scope.log_records) {
            limited(entries.len() + 1, MOST_RECORDS, "records a request", "send fewer at once")?;
            entries.push(entry(record, &one.resource.attributes, now));
        }
    }
    Ok(entries)
}

/// Entries of an `ExportLogsServiceRequest`.
pub(crate) fn decode_protobuf(bytes: &[u8], now: Time) -> Result<Vec<LogEntry>, WriteError> {
    let mut entries = Vec::new();
    for field in Fields::of(WHAT, bytes) {
        let (1, one) = field? else { continue };
        let one = one.bytes(WHAT)?;
        let mut resource = Vec::new();
        for field in Fields::of(WHAT, one) {
            if let (1, message) = field? {
                for field in Fields::of(WHAT, message.bytes(WHAT)?) {
                    if let (1, found) = field? {
                        limited(
                            resource.len() + 1,
                            MOST_ATTRIBUTES,
                            "attributes a resource",
                            "leave some out",
                        )?;
                        resource.push(attribute(found, 0)?);
                    }
                }
            }
        }
        for field in Fields::of(WHAT, one) {
            let (2, scope) = field? else { continue };
            for field in Fields::of(WHAT, scope.bytes(WHAT)?) {
                if let (2, message) = field? {
                    limited(
                        entries.len() + 1,
                        MOST_RECORDS,
                        "records a request",
                        "send fewer at once",
                    )?;
                    entries.push(entry(record(message)?, &resource, now));
                }
            }
        }
    }
    Ok(entries)
}

fn record(message: Field<'_>) -> Result<Record, WriteError> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut record = Record::default();
    for field in Fields::of(WHAT, message.bytes(WHAT)?) {
        match field? {
            (1, time) => {
                record.time_unix_nano = Some(Whole::Number(time.fixed(WHAT)?.cast_signed()))
            }
            (11, time) => {
                record.observed_time_unix_nano =
                    Some(Whole::Number(time.fixed(WHAT)?.cast_signed()))
            }
            (2, number) => record.severity_number = Some(number.signed(WHAT)?),
            (3, text) => record.severity_text = text.text(WHAT)?.to_owned(),
            (5, body) => record.body = any_value(body.bytes(WHAT)?, 0)?,
            (6, one) => {
                limited(
                    record.attributes.len() + 1,
                    MOST_ATTRIBUTES,
                    "attributes a record",
                    "leave some out",
                )?;
                record.attributes.push(attribute(one, 0)?);
            }
            (9, id) => record.trace_id = hex(id.bytes(WHAT)?),
            (10, id) => record.span_id = hex(id.bytes(WHAT)?),
            _ => {}
        }
    }
    Ok(record)
}
