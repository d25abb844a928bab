//! What the tests share.

use std::path::Path;

use tempfile::TempDir;
use vigie_model::{Level, LogEntry, Time};
use vigie_store::logs::{LogFilter, LogOptions, LogRecovery, LogStore, Order};

/// 2026-11-22T00:00:00Z, in milliseconds.
pub const T0: i64 = 1_795_305_600_000;
pub const HOUR: i64 = 3_600_000;
pub const DAY: i64 = 24 * HOUR;
pub const NANOS: i64 = 1_000_000;

pub fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// A folder in memory where there is one: for tests of many syncs, which say nothing about the disk.
pub fn quick_folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| folder())
}

pub fn open(dir: &Path, now: i64) -> (LogStore, LogRecovery) {
    LogStore::open(LogOptions::new(dir), now).unwrap()
}

pub fn entry(ms: i64, level: Level, message: &str) -> LogEntry {
    LogEntry {
        level,
        message: message.to_owned(),
        ..LogEntry::blank("test", Time::from_millis(ms))
    }
}

/// Every message, the oldest first.
pub fn messages(store: &LogStore) -> Vec<String> {
    let page = store
        .search(LogFilter::default(), Order::OldestFirst, None, usize::MAX, &|| false)
        .unwrap();
    page.entries.into_iter().map(|found| found.entry.message).collect()
}

/// Maintains until there is nothing more to do.
pub fn settle(store: &LogStore, now: i64) {
    while store.maintain(now).unwrap().more {}
}
