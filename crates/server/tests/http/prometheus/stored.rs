//! The server over the embedded store, with a real clock.

use std::sync::Arc;
use std::time::SystemTime;

use tempfile::TempDir;
use vigie_model::Labels;
use vigie_query::EngineLimits;
use vigie_server::{MetricSink, Metrics, QueryLimits};
use vigie_store::{MatchOp, Matcher, Samples, Storage, Store, StoreOptions, TimeRange};

use crate::filled::Filled;

/// The server and its store.
pub struct Stored {
    pub filled: Filled,
    pub store: Arc<Store>,
    dir: TempDir,
}

/// Unix milliseconds.
pub fn now() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64
}

impl Stored {
    pub fn new() -> Self {
        Self::of(|options| options)
    }

    pub fn of(change: impl FnOnce(StoreOptions) -> StoreOptions) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) =
            Store::open(change(StoreOptions::new(dir.path().join("m"))), now()).unwrap();
        let store = Arc::new(store);
        let mut filled = Filled::new();
        filled.state = filled.state.with_metrics(metrics(&store));
        Self { filled, store, dir }
    }

    /// The same with what is told to another Prometheus that scrapes it, and with the clock that this one has.
    pub fn federated(external: Labels) -> Self {
        let mut stored = Self::new();
        let metrics = metrics(&stored.store).federated(external);
        stored.filled.state = stored.filled.state.with_metrics(metrics);
        let behind = now() * 1_000 - stored.filled.now().micros();
        stored.filled.later(behind as f64 / 1e6);
        stored
    }

    /// What a store has after a process that had it is gone without a word.
    pub fn read_again(self) -> Vec<(Labels, Samples)> {
        let copy = tempfile::tempdir().unwrap();
        let (from, to) = (self.dir.path().join("m"), copy.path().join("m"));
        copy_folder(&from, &to);
        let (store, _) = Store::open(StoreOptions::new(to), now()).unwrap();
        all(&store, "__name__", ".+")
    }
}

fn metrics(store: &Arc<Store>) -> Metrics {
    let (storage, sink): (Arc<dyn Storage>, Arc<dyn MetricSink>) = (store.clone(), store.clone());
    Metrics::new(storage, sink, EngineLimits::default(), QueryLimits::default())
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Every series whose label matches, with its samples.
pub fn all(store: &Store, name: &str, pattern: &str) -> Vec<(Labels, Samples)> {
    let matcher = Matcher::new(name, MatchOp::Regex, pattern).unwrap();
    let range = TimeRange { start: 0, end: i64::MAX };
    let found = store.select(&[matcher], range, 0).unwrap();
    found.into_iter().map(|one| (one.labels, one.reader.read().unwrap())).collect()
}
