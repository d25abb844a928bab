//! An entry from a JSON object as loggers write them: slog, zap, pino, bunyan, winston, ECS.

use std::sync::Arc;

use super::LogEntry;
use crate::{Labels, Time};
use serde_json::{Map, Value};

const NANOS: i128 = 1_000_000_000;

const TIMES: [&str; 5] = ["time", "@timestamp", "timestamp", "ts", "t"];
const LEVELS: [&str; 6] = ["level", "severity", "lvl", "log.level", "levelname", "severity_text"];
const MESSAGES: [&str; 4] = ["message", "msg", "log", "body"];
const INSTANCES: [&str; 5] = ["instance", "hostname", "host.name", "host.hostname", "pod"];
const JOBS: [&str; 4] = ["job", "job_id", "jobId", "task_id"];
const TRACES: [&str; 5] = ["trace", "trace_id", "traceId", "trace.id", "traceID"];

/// The first of these names that has a plain value. One with a dot may be a name of an object within, as in the Elastic Common
/// Schema.
fn take(map: &mut Map<String, Value>, names: &[&str]) -> Option<Value> {
    names.iter().find_map(|name| {
        let plain =
            |value: &Value| !matches!(value, Value::Object(_) | Value::Array(_) | Value::Null);
        if map.get(*name).is_some_and(plain) {
            return map.remove(*name);
        }
        let (outer, inner) = name.split_once('.')?;
        let within = map.get_mut(outer)?.as_object_mut()?;
        within.get(inner).filter(|value| plain(value))?;
        let found = within.remove(inner);
        if within.is_empty() {
            map.remove(outer);
        }
        found
    })
}

fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// A time as RFC 3339, or as seconds, milliseconds, microseconds or nanoseconds since the Unix epoch, whichever makes a
/// date of our time; in nanoseconds. What is before 1678 or after 2262 is taken for those years: it is a time, though none that is
/// kept.
pub fn log_time(value: &Value) -> Option<i64> {
    let number = match value {
        Value::String(text) => match text.parse::<jiff::Timestamp>() {
            Ok(time) => return Some(saturated(time.as_nanosecond())),
            Err(_) => text.trim().parse::<f64>().ok()?,
        },
        Value::Number(number) => match number.as_i64() {
            // Nanoseconds do not fit a float.
            Some(whole) if whole.unsigned_abs() >= 100_000_000_000_000_000 => return Some(whole),
            _ => number.as_f64()?,
        },
        _ => return None,
    };
    let size = number.abs();
    let seconds = if size < 1e11 {
        number
    } else if size < 1e14 {
        number / 1e3
    } else if size < 1e17 {
        number / 1e6
    } else {
        number / 1e9
    };
    let whole = seconds.floor();
    // To the microsecond: a float has no more.
    let rest = ((seconds - whole) * 1e6).round() as i128 * 1_000;
    (whole.abs() < 1e11).then(|| saturated(whole as i128 * NANOS + rest))
}

fn saturated(nanos: i128) -> i64 {
    i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

/// An entry from an object; what is not one of our fields stays in its fields.
///
/// # Errors
/// What is wrong with it, for its sender.
pub fn log_entry_from_object(
    mut map: Map<String, Value>,
    source: &str,
    now: Time,
) -> Result<LogEntry, String> {
    let mut entry = LogEntry::blank(source, now);
    if let Some(value) = take(&mut map, &TIMES) {
        entry.time_nanos = log_time(&value).ok_or_else(|| {
            let shown: String = value.to_string().chars().take(60).collect();
            format!("time is {shown}; it is RFC 3339, or a number of seconds, milliseconds, microseconds or nanoseconds since 1970")
        })?;
    }
    if let Some(value) = take(&mut map, &LEVELS) {
        entry.set_level(&text(value));
    }
    entry.message = take(&mut map, &MESSAGES).map(text).unwrap_or_default();
    let mut field = |names: &[&str], to: &mut Arc<str>| {
        if let Some(value) = take(&mut map, names) {
            *to = text(value).into();
        }
    };
    field(&["type", "kind"], &mut entry.kind);
    field(&["source", "service", "service.name"], &mut entry.source);
    field(&INSTANCES, &mut entry.instance);
    field(&["queue"], &mut entry.queue);
    field(&JOBS, &mut entry.job);
    field(&TRACES, &mut entry.trace);
    if let Some(Value::Object(labels)) = map.get("labels")
        && labels.values().all(Value::is_string)
    {
        let pairs = labels
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()));
        entry.labels = Labels::from_pairs(pairs);
        map.remove("labels");
    }
    if entry.message.is_empty() && map.is_empty() {
        return Err("it says nothing: message is missing".to_owned());
    }
    if let Some(Value::Object(fields)) = map.get("fields")
        && map.len() == 1
    {
        map = fields.clone();
    }
    if !map.is_empty() {
        entry.fields = Value::Object(map).to_string();
    }
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn every_logger_is_understood() {
        let now = Time::from_millis(1_795_442_619_000);
        let read =
            |text: &str| log_entry_from_object(serde_json::from_str(text).unwrap(), "api", now);
        let slog = read(r#"{"time":"2026-11-23T14:03:39.000000001+01:00","level":"WARN","msg":"slow","queue":"emails","job_id":17,"n":1}"#).unwrap();
        assert_eq!(
            (slog.time_nanos, slog.level, &*slog.level_text),
            (1_795_439_019_000_000_001, Level::Warn, "WARN")
        );
        assert_eq!(
            (&*slog.queue, &*slog.job, slog.fields.as_str(), slog.message.as_str()),
            ("emails", "17", r#"{"n":1}"#, "slow")
        );
        let pino = read(r#"{"level":50,"time":1795442619123,"hostname":"h","msg":"x"}"#).unwrap();
        assert_eq!(
            (pino.time_nanos, pino.level, &*pino.instance),
            (1_795_442_619_123_000_000, Level::Error, "h")
        );
        let zap = read(r#"{"level":"info","ts":1795442619.25,"msg":"x"}"#).unwrap();
        assert_eq!((zap.time_nanos, &*zap.level_text), (1_795_442_619_250_000_000, ""));
        let ecs = read(r#"{"@timestamp":"2026-11-23T13:03:39Z","log":{"level":"error","file":{"path":"/x"}},"message":"x","trace.id":"t","host":{"name":"h","ip":["::1"]},"service":{"name":"shop"}}"#).unwrap();
        assert_eq!((ecs.level, &*ecs.trace), (Level::Error, "t"));
        assert_eq!((&*ecs.instance, &*ecs.source), ("h", "shop"));
        assert_eq!(ecs.fields, r#"{"host":{"ip":["::1"]},"log":{"file":{"path":"/x"}}}"#);
        let access = read(r#"{"message":"GET /","host":"shop.example"}"#).unwrap();
        assert!(access.instance.is_empty(), "whose host that is, is not said");
        assert_eq!(read(r#"{"message":"x"}"#).unwrap().time_nanos, now.micros() * 1_000);
        let times = [
            ("\"2300-01-01T00:00:00Z\"", i64::MAX),
            ("\"-000009-01-01T00:00:00Z\"", i64::MIN),
            ("99999999999", i64::MAX),
            ("-9223372037", i64::MIN),
        ];
        for (time, expected) in times {
            let line = format!(r#"{{"message":"x","time":{time}}}"#);
            assert_eq!(
                read(&line).unwrap().time_nanos,
                expected,
                "{time}: a time, though none of ours"
            );
        }
        let own = read(r#"{"message":"x","fields":{"a":1},"labels":{"env":"prod"}}"#).unwrap();
        assert_eq!((own.fields.as_str(), own.labels.get("env")), (r#"{"a":1}"#, Some("prod")));
        for (text, says) in [
            (r#"{"message":"x","time":"yesterday"}"#, "time is \"yesterday\""),
            (r#"{"message":"x","time":1e300}"#, "time is"),
            ("{}", "says nothing"),
        ] {
            assert!(read(text).unwrap_err().contains(says), "{text}");
        }
    }
}
