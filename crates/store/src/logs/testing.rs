//! Entries for the tests of this folder.

use vigie_model::{Labels, Level, LogEntry};

pub fn entry(time_nanos: i64, message: &str) -> LogEntry {
    LogEntry {
        time_nanos,
        level: Level::Info,
        level_text: "".into(),
        kind: "".into(),
        source: "test".into(),
        instance: "".into(),
        queue: "".into(),
        job: "".into(),
        trace: "".into(),
        labels: Labels::default(),
        message: message.to_owned(),
        fields: String::new(),
    }
}
