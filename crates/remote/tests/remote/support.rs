//! What the tests have in common.

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;
use vigie_model::{Labels, NativeHistogram};
use vigie_remote::{Outbox, OutboxOptions, Pushed, RawRemote, RemoteConfig, SenderOptions};
use vigie_store::Value;

/// A configuration that writes and queries below `url`.
pub fn config(url: &str, more: &serde_json::Value) -> RemoteConfig {
    let mut raw = json!({"write_url": format!("{url}/api/v1/write"), "query_url": url});
    raw.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    RemoteConfig::try_from(serde_json::from_value::<RawRemote>(raw).unwrap()).unwrap()
}

pub fn options(dir: &Path) -> OutboxOptions {
    OutboxOptions::new(dir)
}

/// Short pauses, so that tests need not wait.
pub fn quick() -> SenderOptions {
    SenderOptions {
        first_pause: Duration::from_millis(5),
        longest_pause: Duration::from_millis(100),
        ..SenderOptions::default()
    }
}

/// Unix milliseconds.
pub fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}

pub fn labels(name: &str, of: i64) -> Labels {
    Labels::from_pairs([("__name__", name), ("of", &of.to_string())])
}

pub fn histogram(n: i64) -> Value {
    let one = NativeHistogram {
        schema: 2,
        zero_threshold: 0.001,
        zero_count: 1.0,
        count: (10 + n) as f64,
        sum: 12.5 * n as f64,
        positive: vec![(-2, 2.0), (0, n as f64), (5, 4.0)],
        negative: vec![(1, 3.0)],
        ..NativeHistogram::default()
    };
    Value::Histogram(Arc::new(one))
}

/// Pushes, and waits until it is durable.
pub fn push(outbox: &Outbox, samples: Vec<Pushed>) {
    let (tell, told) = mpsc::channel();
    outbox.push(samples, move |result| tell.send(result).unwrap());
    told.recv().unwrap().unwrap();
}

/// Waits until something holds; the deadline is for what never does.
pub async fn until(what: &str, outbox: &Outbox, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < end, "{what}: {:?}", outbox.status());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until nothing waits.
pub async fn emptied(outbox: &Outbox) {
    until("it is not emptied", outbox, || outbox.status().total(|shard| shard.pending) == 0).await;
}
