//! What the tests share: a log store, and a forwarder that reads from it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use vigie_model::{Level, LogEntry, Time};
use vigie_remote::{ForwardConfig, ForwardOptions, ForwardStatus, Forwarder, RawForward};
use vigie_store::logs::{LogOptions, LogStore};

/// Unix milliseconds.
pub fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}

pub fn store(dir: &Path) -> LogStore {
    LogStore::open(LogOptions { head_rows: 2_000, ..LogOptions::new(dir.join("logs")) }, now())
        .unwrap()
        .0
}

pub fn config(url: &str, more: Value) -> ForwardConfig {
    let mut raw = json!({"name": "there", "kind": "elasticsearch", "url": url});
    raw.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    ForwardConfig::try_from(serde_json::from_value::<RawForward>(raw).unwrap()).unwrap()
}

/// Short pauses, so that tests need not wait.
pub fn options(dir: &Path) -> ForwardOptions {
    ForwardOptions {
        first_pause: Duration::from_millis(5),
        longest_pause: Duration::from_millis(50),
        linger: Duration::from_millis(10),
        ..ForwardOptions::new(dir.join("forward"))
    }
}

pub fn letters(dir: &Path) -> Vec<Value> {
    let path: PathBuf = dir.join("forward/dead-letters.ndjson");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub fn entry(n: usize) -> LogEntry {
    LogEntry {
        level: Level::Info,
        message: format!("line {n}"),
        fields: format!("{{\"n\":{n}}}"),
        queue: "emails".into(),
        ..LogEntry::blank("api", Time::from_millis(now()))
    }
}

/// Appends in the manner of the doors: some at a time.
pub fn fill(store: &LogStore, range: std::ops::Range<usize>) {
    let all: Vec<usize> = range.collect();
    for some in all.chunks(500) {
        store.append_wait(some.iter().map(|n| entry(*n)).collect(), None).unwrap();
    }
}

/// A forwarder that runs; stopped by [`Running::stop`], or dropped as by a kill.
pub struct Running {
    pub forwarder: Forwarder,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    pub fn start(store: &LogStore, config: ForwardConfig, options: ForwardOptions) -> Self {
        let forwarder = Forwarder::open(store.clone(), config, options, Arc::new(now)).unwrap();
        let stop = CancellationToken::new();
        let task = tokio::spawn(forwarder.clone().run(stop.clone()));
        Self { forwarder, stop, task }
    }

    pub fn status(&self) -> ForwardStatus {
        self.forwarder.status()
    }

    pub async fn until(&self, what: &str, mut holds: impl FnMut(&ForwardStatus) -> bool) {
        let end = Instant::now() + Duration::from_secs(60);
        while !holds(&self.status()) {
            assert!(Instant::now() < end, "{what}: {:?}", self.status());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Until nothing waits.
    pub async fn emptied(&self) {
        self.until("it is not emptied", |status| status.pending == 0).await;
    }

    pub async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }

    pub async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.is_err());
    }
}

/// The messages of documents, sorted by their number.
pub fn numbers<'a>(documents: impl Iterator<Item = &'a Value>) -> Vec<usize> {
    let mut numbers: Vec<usize> = documents
        .map(|document| {
            let message = document["message"].as_str().unwrap();
            message.strip_prefix("line ").unwrap().parse().unwrap()
        })
        .collect();
    numbers.sort_unstable();
    numbers
}
