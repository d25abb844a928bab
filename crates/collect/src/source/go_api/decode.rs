//! What a service says of itself, in JSON or in Prometheus's text. Pure, and tolerant: what is absent is `None`.

use jiff::Timestamp;
use serde_json::Value;
use vigie_model::Labels;

use crate::source::prometheus::{DecodeError, figures};

/// The metric that says which process this is, in the contract's text.
const SERVICE_INFO: &str = "service_info";

/// Why a page cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageFault {
    /// It is no JSON object.
    #[error("the metrics are no JSON object: {0}")]
    Json(String),
    /// It is no Prometheus text.
    #[error("{0}")]
    Text(#[from] DecodeError),
}

/// What a process says of itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Process {
    /// The version that it runs.
    pub version: Option<String>,
    /// What changes with each start: its boot id, or the second of its start.
    pub boot: Option<String>,
    /// Requests in flight.
    pub in_flight: Option<f64>,
    /// Which of its replicas it says it is.
    pub instance: Option<String>,
    /// Its `host:pid`.
    pub process: Option<String>,
    /// The first member of the contract that holds another type than it should: it is taken as absent.
    pub odd: Option<String>,
}

/// The members of the contract that are known here, and what they hold; null is absent.
const MEMBERS: [(&str, &str); 14] = [
    ("service", TEXT),
    ("instance", TEXT),
    ("process", TEXT),
    ("version", TEXT),
    ("boot", TEXT),
    ("started", TIME),
    ("now", TIME),
    ("uptime_seconds", NUMBER),
    ("http", OBJECT),
    ("http/in_flight", NUMBER),
    ("runtime", OBJECT),
    ("jobs", OBJECT),
    ("logs", OBJECT),
    ("events", OBJECT),
];
const TEXT: &str = "text";
const TIME: &str = "RFC 3339 time";
const NUMBER: &str = "number";
const OBJECT: &str = "object";

/// What a value is, unless that is what is wanted.
fn other_than(value: &Value, wanted: &str) -> Option<&'static str> {
    let kind = match value {
        Value::Null => return None,
        Value::Bool(_) => "boolean",
        Value::Number(_) => NUMBER,
        Value::String(text) if wanted == TIME && text.parse::<Timestamp>().is_ok() => return None,
        Value::String(_) => TEXT,
        Value::Array(_) => "list",
        Value::Object(_) => OBJECT,
    };
    (kind != wanted).then_some(kind)
}

fn odd(page: &Value) -> Option<String> {
    MEMBERS.iter().find_map(|(member, wanted)| {
        let value = page.pointer(&format!("/{member}"))?;
        let kind = other_than(value, wanted)?;
        let member = member.replace('/', ".");
        Some(format!("in its metrics {member} is of type {kind} and not {wanted}"))
    })
}

/// Reads a page by its content type.
///
/// # Errors
/// [`PageFault`] when it is not what its content type says.
pub fn page(content_type: &str, body: &[u8]) -> Result<Process, PageFault> {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") { json(body) } else { text(body) }
}

fn json(body: &[u8]) -> Result<Process, PageFault> {
    let page: Value =
        serde_json::from_slice(body).map_err(|error| PageFault::Json(error.to_string()))?;
    if !page.is_object() {
        return Err(PageFault::Json("it is another value".to_owned()));
    }
    let text = |name: &str| page[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let in_flight = page["http"]["in_flight"].as_f64().filter(|count| *count >= 0.0);
    // Whoever has no boot id may still tell when it started.
    let boot = text("boot").or_else(|| text("started"));
    Ok(Process {
        version: text("version"),
        boot,
        in_flight,
        instance: text("instance"),
        process: text("process"),
        odd: odd(&page),
    })
}

fn text(body: &[u8]) -> Result<Process, PageFault> {
    let wanted = |name: &str| {
        name == SERVICE_INFO
            || name.ends_with("build_info")
            || name == "process_start_time_seconds"
            || is_in_flight(name)
    };
    let found = figures(body, wanted)?;
    let version = |labels: &Labels| {
        let version = labels.get("version").unwrap_or_default();
        let known = !version.is_empty() && version != "(devel)" && version != "unknown";
        known.then(|| version.to_owned())
    };
    let named = |name: &str| found.iter().find(|(labels, _)| labels.metric_name() == name);
    let info = named(SERVICE_INFO).map(|(labels, _)| labels);
    let of_info = |label: &str| info.and_then(|labels| labels.get(label)).map(str::to_owned);
    // The service's own before the one that Go's client library writes for the main module.
    let all = || found.iter().map(|(labels, _)| labels);
    let own = all().filter(|labels| labels.metric_name() != "go_build_info").find_map(version);
    let start = named("process_start_time_seconds");
    let in_flight: Vec<f64> = found
        .iter()
        .filter(|(labels, value)| is_in_flight(labels.metric_name()) && *value >= 0.0)
        .map(|(_, value)| *value)
        .collect();
    Ok(Process {
        version: of_info("version").or(own).or_else(|| all().find_map(version)),
        boot: of_info("boot").or_else(|| start.map(|(_, value)| format!("{value:.0}"))),
        in_flight: (!in_flight.is_empty()).then(|| in_flight.iter().sum()),
        instance: of_info("instance_id"),
        process: None,
        odd: None,
    })
}

/// Requests in flight under the usual names; the page's own handler, which is always at 1, is none.
fn is_in_flight(name: &str) -> bool {
    (name.ends_with("requests_in_flight") || name.ends_with("in_flight_requests"))
        && !name.starts_with("promhttp_")
}
