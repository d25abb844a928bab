//! Queries that are too many, take too long, or are not waited for.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::json;
use vigie_model::Labels;
use vigie_query::EngineLimits;
use vigie_server::{Metrics, QueryLimits};
use vigie_store::{FoundSeries, Matcher, ReadError, Storage, TimeRange};

use super::metered::Kept;
use crate::filled::Filled;

/// A storage that answers when it is told to, and counts those that wait for it.
#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
    waiting: AtomicUsize,
}

impl Gate {
    fn pass(&self) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let open = self.open.lock().unwrap();
        drop(self.opened.wait_while(open, |open| !*open).unwrap());
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }

    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }

    async fn until_waiting(&self, count: usize) {
        while self.waiting.load(Ordering::SeqCst) != count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

impl Storage for Gate {
    fn select(&self, _: &[Matcher], _: TimeRange, _: i64) -> Result<Vec<FoundSeries>, ReadError> {
        self.pass();
        Ok(vec![])
    }

    fn series(&self, _: &[Matcher], _: TimeRange) -> Result<Vec<Labels>, ReadError> {
        Err(ReadError::Damaged("block 7 has a flipped bit".to_owned()))
    }

    fn label_names(&self, _: &[Matcher], _: TimeRange) -> Result<Vec<String>, ReadError> {
        self.pass();
        Ok(vec!["job".to_owned()])
    }

    #[allow(clippy::panic, reason = "what becomes of a panic is what is tested")]
    fn label_values(&self, _: &str, _: &[Matcher], _: TimeRange) -> Result<Vec<String>, ReadError> {
        panic!("a fault of our own")
    }
}

/// A server over a closed gate; the gate opens when the test ends, however it ends.
struct Gated {
    filled: Arc<Filled>,
    gate: Arc<Gate>,
}

impl Drop for Gated {
    fn drop(&mut self) {
        self.gate.open();
    }
}

fn gated(timeout: Duration) -> Gated {
    let gate = Arc::new(Gate::default());
    let limits = QueryLimits { concurrency: 1, queue: 1, timeout };
    let metrics =
        Metrics::new(gate.clone(), Arc::new(Kept::default()), EngineLimits::default(), limits);
    let mut filled = Filled::new();
    filled.state = filled.state.with_metrics(metrics);
    Gated { filled: Arc::new(filled), gate }
}

#[tokio::test]
async fn more_queries_than_may_wait_are_turned_away_by_the_name_of_the_limit() {
    let gated = gated(Duration::from_secs(60));
    let ask = || {
        let filled = Arc::clone(&gated.filled);
        tokio::spawn(async move { filled.json("/api/v1/labels").await })
    };
    let first = ask();
    gated.gate.until_waiting(1).await;
    let second = ask();
    // The second waits for its turn; it has asked once a third is turned away.
    let (status, answer) = loop {
        let third = ask();
        if let Ok(answered) = tokio::time::timeout(Duration::from_millis(50), third).await {
            break answered.unwrap();
        }
    };
    assert_eq!((status, &answer["errorType"]), (503, &json!("unavailable")));
    assert!(answer["error"].as_str().unwrap().contains("the limits query concurrency"), "{answer}");
    gated.gate.open();
    for query in [first, second] {
        assert_eq!(query.await.unwrap().1["data"], json!(["job"]));
    }
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_a_timeout_and_so_is_one_that_waits_too_long() {
    let gated = gated(Duration::from_millis(50));
    let (status, answer) = gated.filled.json("/api/v1/labels").await;
    let words = "query timed out in expression evaluation: it took longer than 0.05 s, the limit query timeout";
    let expected = json!({ "status": "error", "errorType": "timeout", "error": words });
    assert_eq!((status, answer), (503, expected));
    // Its thread still has the only place.
    assert_eq!(gated.gate.waiting.load(Ordering::SeqCst), 1);
    let (status, answer) = gated.filled.json("/api/v1/labels").await;
    let words = "query timed out in query queue: 1 others run, the limit query concurrency";
    assert_eq!((status, &answer["error"]), (503, &json!(words)));
    gated.gate.open();
    gated.gate.until_waiting(0).await;
    // Another is answered then; its turn may come a moment later.
    while gated.filled.json("/api/v1/labels").await.0 != 200 {}
}

#[tokio::test]
async fn a_storage_that_fails_is_an_internal_error() {
    let gated = gated(Duration::from_secs(60));
    let (status, answer) = gated.filled.json("/api/v1/series?match[]=up").await;
    assert_eq!((status, &answer["errorType"]), (500, &json!("internal")));
    let words = "the store could not be read: block 7 has a flipped bit";
    assert_eq!(answer["error"], words);
    let (status, answer) = gated.filled.json("/api/v1/label/job/values").await;
    assert_eq!((status, &answer["errorType"]), (500, &json!("internal")));
    assert!(!answer.to_string().contains("a fault of our own"), "{answer}");
}
