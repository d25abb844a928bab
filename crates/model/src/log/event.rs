//! An event among the log entries: what others did, such as a deploy.

use serde_json::{Map, Value};

use super::{LogEntry, log_entry_from_object};
use crate::Time;

/// The type of entries that are events.
pub const EVENT_KIND: &str = "event";
/// How loud an event may be.
const SEVERITIES: [&str; 4] = ["ok", "info", "warning", "critical"];
const LONGEST_TYPE: usize = 64;

/// An event from an object with `message`, `type` (`deploy` where nothing is said), `severity` (`info`), `source`, `subject`,
/// `time` and `fields`. It becomes an entry of type [`EVENT_KIND`] whose fields say `event` (its type), `severity` and `subject`.
///
/// # Errors
/// What is wrong with it, for its sender.
pub fn event_from_object(
    mut map: Map<String, Value>,
    source: &str,
    now: Time,
) -> Result<LogEntry, String> {
    let mut word = |name: &str, usual: &str| match map.remove(name) {
        None | Some(Value::Null) => Ok(usual.to_owned()),
        Some(Value::String(word)) if !word.is_empty() && word.len() <= LONGEST_TYPE => Ok(word),
        Some(_) => Err(format!("{name} is a text of at most {LONGEST_TYPE} bytes")),
    };
    let (kind, severity, subject) =
        (word("type", "deploy")?, word("severity", "info")?, word("subject", "")?);
    if !SEVERITIES.contains(&severity.as_str()) {
        return Err(format!("severity is {severity:?}; it is ok, info, warning or critical"));
    }
    let more = match map.remove("fields") {
        Some(Value::Object(fields)) => fields,
        None | Some(Value::Null) => Map::new(),
        Some(_) => return Err("fields is an object".to_owned()),
    };
    map.insert("level".to_owned(), if severity == "ok" { "info" } else { &severity }.into());
    let mut made = log_entry_from_object(map, source, now)?;
    let mut fields: Map<String, Value> = serde_json::from_str(&made.fields).unwrap_or_default();
    fields.extend(more);
    fields.insert("event".to_owned(), kind.into());
    fields.insert("severity".to_owned(), severity.into());
    if !subject.is_empty() {
        fields.insert("subject".to_owned(), subject.into());
    }
    made.level_text = "".into();
    made.kind = EVENT_KIND.into();
    made.fields = Value::Object(fields).to_string();
    Ok(made)
}
