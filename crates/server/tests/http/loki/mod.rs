//! Loki's API for reading, over lines in memory.

mod counted;
mod read;
mod stored;
mod tail;

use std::sync::Arc;

use vigie_model::{Labels, Level, LogEntry};
use vigie_query::logql::{LogLimits, MemoryLog};
use vigie_server::{LogQueries, LogQueryLimits};

use crate::filled::{Filled, START};

/// Now, in nanoseconds.
pub const NOW: i64 = START.micros() * 1_000;
pub const SECOND: i64 = 1_000_000_000;

pub fn entry(seconds_ago: i64, level: Level, labels: &[(&str, &str)], message: &str) -> LogEntry {
    LogEntry {
        time_nanos: NOW - seconds_ago * SECOND,
        level,
        level_text: "".into(),
        kind: "".into(),
        source: "go".into(),
        instance: "api-1".into(),
        queue: "".into(),
        job: "17".into(),
        trace: "".into(),
        labels: Labels::from_pairs(labels.iter().copied()),
        message: message.to_owned(),
        fields: String::new(),
    }
}

/// Six lines of two services, one of which is an hour and more ago.
fn lines() -> Vec<LogEntry> {
    let web = [("app", "web")];
    vec![
        entry(7_000, Level::Info, &web, "long ago"),
        entry(50, Level::Info, &web, r#"{"status":200,"took":"20ms"}"#),
        entry(40, Level::Error, &web, r#"{"status":500,"took":"2s"}"#),
        entry(30, Level::Info, &[("app", "db")], "n=1 size=5KB"),
        entry(20, Level::Info, &web, r#"{"status":200,"took":"1s"}"#),
        entry(10, Level::Error, &web, "<b>\"plain\"\u{7}"),
    ]
}

pub fn filled(limits: LogQueryLimits) -> (Filled, LogQueries) {
    let source = Arc::new(MemoryLog::new(lines()));
    let logs = LogQueries::new(source, LogLimits::default(), limits);
    let mut filled = Filled::empty();
    filled.state = filled.state.clone().with_loki(logs.clone());
    (filled, logs)
}
