//! Entries for the tests of this folder.

use vigie_model::{Level, LogEntry, Time};

pub fn entry(time_nanos: i64, message: &str) -> LogEntry {
    LogEntry {
        time_nanos,
        level: Level::Info,
        message: message.to_owned(),
        ..LogEntry::blank("test", Time::default())
    }
}
