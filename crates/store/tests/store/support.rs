//! What the tests share: a store in a folder of its own, and short ways to write and ask.

use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;
use vigie_model::{Labels, NativeHistogram};
use vigie_store::{
    Appended, MatchOp, Matcher, Recovery, Sample, Samples, SeriesHandle, Storage, Store,
    StoreOptions, TimeRange, Value,
};

/// 2026-11-22T00:00:00Z.
pub const T0: i64 = 1_795_305_600_000;
pub const SECOND: i64 = 1000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;
pub const ALL: TimeRange = TimeRange { start: 0, end: i64::MAX };

pub fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// A folder in memory where there is one: for tests of thousands of syncs, which say nothing about the disk.
pub fn quick_folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| folder())
}

pub fn open(dir: &Path, now: i64) -> (Store, Recovery) {
    Store::open(StoreOptions::new(dir), now).unwrap()
}

pub fn labels(name: &str, pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied().chain([("__name__", name)]))
}

pub fn series(store: &Store, name: &str) -> SeriesHandle {
    store.series(&labels(name, &[])).unwrap()
}

pub fn float(series: SeriesHandle, time: i64, value: f64) -> Sample {
    Sample { series, time, value: Value::Float(value) }
}

pub fn histogram(count: u32) -> Arc<NativeHistogram> {
    Arc::new(NativeHistogram {
        schema: 3,
        zero_threshold: 1e-9,
        count: f64::from(count),
        sum: f64::from(count) * 0.5,
        positive: vec![(1, f64::from(count) - 1.0), (4, 1.0)],
        ..NativeHistogram::default()
    })
}

pub fn write(store: &Store, name: &str, samples: &[(i64, f64)]) -> Appended {
    let series = series(store, name);
    let samples = samples.iter().map(|(time, value)| float(series, *time, *value)).collect();
    store.append_wait(samples).unwrap()
}

pub fn named(name: &str) -> Vec<Matcher> {
    vec![Matcher::new("__name__", MatchOp::Equal, name).unwrap()]
}

pub fn read_in(store: &Store, name: &str, range: TimeRange, step: i64) -> Samples {
    let found = store.select(&named(name), range, step).unwrap();
    found.first().map(|one| one.reader.read().unwrap()).unwrap_or_default()
}

pub fn read(store: &Store, name: &str) -> Samples {
    read_in(store, name, ALL, 0)
}

pub fn floats(samples: &Samples) -> Vec<(i64, f64)> {
    samples.float_times.iter().copied().zip(samples.floats.iter().copied()).collect()
}

/// Maintains until there is nothing more to do.
pub fn settle(store: &Store, now: i64) {
    while store.maintain(now).unwrap().more {}
}
