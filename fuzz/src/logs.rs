//! The doors of log entries, and the lines of files.
#![allow(
    dead_code,
    unused_imports,
    reason = "the files that are included here serve more than the targets"
)]

use std::path::Path;

use serde_json::{Map, Value, json};
use vigie_collect::source::file::{FileConfig, RawFileConfig};
use vigie_collect::tail::Line;
use vigie_model::{LogEntry, Time, event_from_object};

use crate::prometheus::{Encoding, decompress, otlp};

#[path = "../../crates/server/src/logs/decode/mod.rs"]
mod decode;
// As in the server, whose other doors take it from there.
pub(crate) use decode::without_mark;

const NOW: Time = Time::from_seconds(1_700_000_000);
/// The formats of files, each with keys that make use of all it has.
const FILES: [&str; 7] = [
    r#"{"format": "auto"}"#,
    r#"{"format": "json"}"#,
    r#"{"format": "logfmt", "join": false}"#,
    r#"{"format": "plain", "continues": "^[a-z]"}"#,
    r#"{"format": "plain", "begins": "^[0-9]"}"#,
    r#"{"format": "regex", "pattern": "^(?P<time>\\S+) (?P<level>\\w+) (?P<message>.*)$", "time_format": "%b-%d-%H:%M:%S"}"#,
    r#"{"format": "cri", "path_pattern": "/(?P<instance>[^/]+)/"}"#,
];

/// What must hold of an entry, whatever it was made of.
fn check(entries: &[LogEntry]) {
    for entry in entries {
        let fields = serde_json::from_str::<Map<String, Value>>(&entry.fields);
        assert!(entry.fields.is_empty() || fields.is_ok(), "{:?}", entry.fields);
        assert!(entry.level_text.chars().count() <= 32);
    }
}

/// NDJSON and arrays, and what is an object as an event.
pub fn log_ndjson(data: &[u8]) {
    if let Ok(lines) = decode::ndjson::read(data, NOW) {
        check(&lines.entries);
        assert!(lines.failed >= lines.errors.len());
        assert!(lines.errors.iter().all(|(line, error)| *line > 0 && !error.is_empty()));
    }
    if let Ok(map) = serde_json::from_slice(data) {
        match event_from_object(map, "fuzz", NOW) {
            Ok(entry) => check(&[entry]),
            Err(error) => assert!(!error.is_empty()),
        }
    }
}

/// Loki's pushes in JSON and protobuf, plain and in snappy.
pub fn loki_push(data: &[u8]) {
    if let Ok(pushed) = decode::loki::decode_json(data, NOW) {
        check(&pushed.entries);
    }
    let mut plain = Vec::new();
    let unpacked = decompress(Encoding::Snappy, data, &mut plain).is_ok();
    for message in std::iter::once(data).chain(unpacked.then_some(&plain[..])) {
        match decode::loki::decode_protobuf(message, NOW) {
            Ok(pushed) => {
                let unreadable: usize = pushed.unreadable.iter().map(|one| one.lines).sum();
                assert_eq!(pushed.entries.len() + unreadable, pushed.given);
                check(&pushed.entries);
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

/// Elasticsearch's `_bulk`.
pub fn log_bulk(data: &[u8]) {
    match decode::bulk::read(data, "fuzz", NOW) {
        Ok(documents) => {
            for document in documents {
                match document.entry {
                    Ok(entry) => check(&[entry]),
                    Err(error) => assert!(!error.is_empty()),
                }
            }
        }
        Err(error) => assert!(!error.is_empty()),
    }
}

/// OTLP's log records in JSON and protobuf.
pub fn otlp_logs(data: &[u8]) {
    for decoded in
        [otlp::records::decode_json(data, NOW), otlp::records::decode_protobuf(data, NOW)]
    {
        match decoded {
            Ok(entries) => check(&entries),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

/// The lines of a file, whose first byte says the format. What a parser holds is always the end of what it took, and no line
/// that is text is lost.
pub fn file_lines(data: &[u8]) {
    let Some((first, text)) = data.split_first() else { return };
    let keys = FILES[usize::from(*first) % FILES.len()];
    let mut raw: Map<String, Value> = serde_json::from_str(keys).expect("it is JSON");
    raw.extend([("name".to_owned(), "fuzz".into()), ("paths".to_owned(), json!(["/l/*.log"]))]);
    let raw: RawFileConfig = serde_json::from_value(raw.into()).expect("these are its keys");
    let config = FileConfig::try_from(raw).expect("they are right");
    let mut parser = config.parsers()(Path::new("/l/pod/a.log"));
    let text = String::from_utf8_lossy(text);
    let (mut out, mut held) = (Vec::new(), 0);
    for line in text.split('\n') {
        parser.take(Line { text: line, cut: None, now: NOW }, &mut out);
        assert!(parser.held() <= held + 1);
        held = parser.held();
    }
    parser.flush(NOW, &mut out);
    assert_eq!(parser.held(), 0);
    check(&out);
    if keys.contains("plain") {
        let all: usize = out.iter().map(|entry| entry.message.split_whitespace().count()).sum();
        assert_eq!(all, text.split_whitespace().count(), "{text:?}");
    }
}
