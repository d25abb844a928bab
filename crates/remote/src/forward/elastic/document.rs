//! An entry as a document in the words of the Elastic Common Schema, and the id that is the same each time it is sent.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use vigie_model::{EVENT_KIND, LogEntry};
use xxhash_rust::xxh3::Xxh3;

use super::Target;
use crate::forward::item::{event_words, time_text};

/// Fields of more bytes than this, or deeper, are sent as a text.
const LONGEST_FIELDS: usize = 30_000;
const DEEPEST_FIELDS: usize = 16;
/// The version of the schema whose words are used.
const ECS: &str = "8.11.0";

#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "@timestamp")]
    timestamp: String,
    message: &'a str,
    log: Log<'a>,
    event: Event<'a>,
    service: Service<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<Named<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<Trace<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_stream: Option<DataStream<'a>>,
    ecs: Version,
    agent: Agent,
    vigie: Own<'a>,
}

#[derive(Serialize)]
struct Log<'a> {
    level: &'a str,
}

#[derive(Serialize)]
struct Event<'a> {
    kind: &'a str,
    module: &'a str,
    dataset: &'a str,
    sequence: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
struct Service<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<Named<'a>>,
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
}

#[derive(Serialize)]
struct Trace<'a> {
    id: &'a str,
}

#[derive(Serialize)]
struct DataStream<'a> {
    r#type: &'a str,
    dataset: &'a str,
    namespace: &'a str,
}

#[derive(Serialize)]
struct Version {
    version: &'static str,
}

#[derive(Serialize)]
struct Agent {
    r#type: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Own<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    r#type: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    level: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    queue: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    job: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fields_text: Option<&'a str>,
}

/// The document of an entry: one line of JSON.
pub fn document(number: u64, entry: &LogEntry, target: &Target) -> String {
    let is_event = &*entry.kind == EVENT_KIND;
    let words = if is_event { event_words(entry) } else { Default::default() };
    let instance = (!entry.instance.is_empty()).then_some(&*entry.instance);
    let (fields, fields_text) = fields(&entry.fields);
    let document = Document {
        timestamp: time_text(entry.time_nanos),
        message: &entry.message,
        log: Log { level: entry.level.as_str() },
        event: Event {
            kind: "event",
            module: "vigie",
            dataset: if is_event { "vigie.event" } else { "vigie.log" },
            sequence: number,
            action: words.event.map(Cow::Owned),
        },
        service: Service { name: &entry.source, node: instance.map(|name| Named { name }) },
        host: instance.map(host).map(|name| Named { name }),
        trace: (!entry.trace.is_empty()).then(|| Trace { id: &entry.trace }),
        labels: entry.labels.iter().map(|label| (&*label.name, &*label.value)).collect(),
        data_stream: data_stream(target),
        ecs: Version { version: ECS },
        agent: Agent { r#type: "vigie", version: env!("CARGO_PKG_VERSION") },
        vigie: Own {
            r#type: &entry.kind,
            level: &entry.level_text,
            queue: &entry.queue,
            job: &entry.job,
            severity: words.severity.map(Cow::Owned),
            subject: words.subject.map(Cow::Owned),
            fields,
            fields_text,
        },
    };
    serde_json::to_string(&document).expect("texts and numbers can be written as JSON")
}

/// An instance without its port.
fn host(instance: &str) -> &str {
    match instance.rsplit_once(':') {
        Some((host, port))
            if !host.is_empty()
                && !port.is_empty()
                && port.bytes().all(|byte| byte.is_ascii_digit())
                && (!host.contains(':') || host.ends_with(']')) =>
        {
            host
        }
        _ => instance,
    }
}

/// `logs-vigie-default` in its three parts; none for names of another form.
fn data_stream(target: &Target) -> Option<DataStream<'_>> {
    let Target::Stream(name) = target else { return None };
    let mut parts = name.splitn(3, '-');
    let (r#type, dataset, namespace) = (parts.next()?, parts.next()?, parts.next()?);
    Some(DataStream { r#type, dataset, namespace })
}

/// The fields as they are, where that is one line of JSON: digits of long numbers stay. Or as a text to be searched, where they
/// are no object or more of one than an index takes: a term has at most 32,766 bytes, and depth is limited.
fn fields(text: &str) -> (Option<Box<RawValue>>, Option<&str>) {
    if text.is_empty() {
        return (None, None);
    }
    let fits = text.trim_start().starts_with('{') && text.len() <= LONGEST_FIELDS;
    let object = match (fits && depth(text) <= DEEPEST_FIELDS, text.contains(['\n', '\r'])) {
        (true, false) => RawValue::from_string(text.to_owned()).ok(),
        (true, true) => serde_json::from_str::<serde_json::Value>(text)
            .ok()
            .and_then(|value| RawValue::from_string(value.to_string()).ok()),
        (false, _) => None,
    };
    match object {
        Some(object) => (Some(object), None),
        None => (None, Some(text)),
    }
}

/// How deep objects and lists of a JSON text are in each other.
fn depth(text: &str) -> usize {
    let (mut deepest, mut now, mut quoted, mut escaped) = (0usize, 0usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => {
                now += 1;
                deepest = deepest.max(now);
            }
            b'}' | b']' if !quoted => now = now.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// The id of an entry's document: the same each time it is sent, and no other entry's. `salt` tells stores apart.
pub fn id(salt: u64, number: u64, entry: &LogEntry) -> String {
    let mut hash = Xxh3::with_seed(salt);
    hash.update(&number.to_le_bytes());
    hash.update(&entry.time_nanos.to_le_bytes());
    hash.update(&[entry.level as u8]);
    let mut text = |text: &str| {
        hash.update(&(text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    let LogEntry { level_text, kind, source, instance, queue, job, trace, .. } = entry;
    [level_text, kind, source, instance, queue, job, trace].into_iter().for_each(|one| text(one));
    text(&entry.message);
    text(&entry.fields);
    for label in &entry.labels {
        text(&label.name);
        text(&label.value);
    }
    format!("{:032x}", hash.digest128())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use vigie_model::{Labels, Level, Time, event_from_object};

    use super::*;

    #[test]
    fn an_entry_is_told_in_the_words_of_the_schema() {
        let mut entry = LogEntry::blank("api", Time::from_millis(1_795_442_619_000));
        entry.time_nanos += 1;
        entry.set_level("WARNING");
        entry.instance = "api-1:8080".into();
        entry.kind = "job".into();
        entry.queue = "emails".into();
        entry.job = "17".into();
        entry.trace = "t".into();
        entry.labels = Labels::from_pairs([("env.name", "prod")]);
        entry.message = "slow".into();
        entry.fields = r#"{"n":123456789012345678901234567890,"event":"no event"}"#.into();
        let stream = Target::Stream("logs-vigie-default".into());
        let text = document(5, &entry, &stream);
        assert!(text.contains("123456789012345678901234567890"), "{text}");
        let mut found: Value = serde_json::from_str(&text).unwrap();
        found["vigie"].as_object_mut().unwrap().remove("fields");
        let wanted = json!({
            "@timestamp": "2026-11-23T14:03:39.000000001Z", "message": "slow", "log": {"level": "warn"},
            "event": {"kind": "event", "module": "vigie", "dataset": "vigie.log", "sequence": 5},
            "service": {"name": "api", "node": {"name": "api-1:8080"}}, "host": {"name": "api-1"},
            "trace": {"id": "t"}, "labels": {"env.name": "prod"},
            "data_stream": {"type": "logs", "dataset": "vigie", "namespace": "default"},
            "ecs": {"version": ECS}, "agent": {"type": "vigie", "version": env!("CARGO_PKG_VERSION")},
            "vigie": {"type": "job", "level": "WARNING", "queue": "emails", "job": "17"},
        });
        assert_eq!(found, wanted);
        assert_eq!(entry.level, Level::Warn);
    }

    #[test]
    fn an_event_says_what_was_done_to_what() {
        let map = json!({"message": "api 1.4.2 is out", "type": "deploy", "severity": "warning", "subject": "api"});
        let Value::Object(map) = map else { unreachable!("it is an object") };
        let entry = event_from_object(map, "ci", Time::from_millis(0)).unwrap();
        let target = Target::Index("i".into());
        let found: Value = serde_json::from_str(&document(1, &entry, &target)).unwrap();
        assert_eq!(found["event"]["dataset"], "vigie.event");
        assert_eq!(found["event"]["action"], "deploy");
        assert_eq!(
            (&found["vigie"]["severity"], &found["vigie"]["subject"]),
            (&json!("warning"), &json!("api"))
        );
        assert!(found.get("data_stream").is_none() && found.get("host").is_none());
    }

    #[test]
    fn an_id_is_the_entrys_own() {
        let entry = LogEntry::blank("s", Time::from_millis(0));
        let other = LogEntry { message: "x".into(), ..entry.clone() };
        let first = id(1, 1, &entry);
        assert_eq!(first, id(1, 1, &entry.clone()));
        for different in [id(1, 2, &entry), id(2, 1, &entry), id(1, 1, &other)] {
            assert_ne!(first, different);
        }
        assert_eq!(first.len(), 32);
    }

    #[test]
    fn fields_that_no_index_takes_are_a_text() {
        let is_text = |fields: &str| {
            let (object, text) = super::fields(fields);
            assert_ne!(object.is_some(), text.is_some(), "{fields}");
            text.is_some()
        };
        let deep = |levels: usize| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
        assert!(!is_text(&deep(16)) && is_text(&deep(17)));
        assert!(!is_text(r#"{"a":"[[[[[[[[[[[[[[[[[[[[\"["}"#));
        assert!(is_text(&format!(r#"{{"a":"{}"}}"#, "x".repeat(LONGEST_FIELDS))));
        assert!(is_text("[1]") && is_text("{\"a\":") && is_text("x"));
    }

    #[test]
    fn a_port_is_no_part_of_a_host() {
        for (instance, wanted) in [
            ("a", "a"),
            ("a:80", "a"),
            ("a:b", "a:b"),
            ("::1", "::1"),
            ("[::1]:80", "[::1]"),
            (":80", ":80"),
        ] {
            assert_eq!(host(instance), wanted);
        }
    }
}
