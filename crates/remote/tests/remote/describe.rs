//! What metrics are is said beside their samples.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use vigie_remote::{Described, Outbox, Sender, SenderOptions};
use vigie_store::{Metadata, Value};
use vigie_testkit::Prometheus;

use crate::receiver::Receiver;
use crate::support::*;

fn metric(name: &str, kind: &str, unit: &str) -> Described {
    let help = format!("What {name} is, \"quoted\".");
    (name.to_owned(), Metadata { kind: kind.to_owned(), unit: unit.to_owned(), help })
}

/// 1,200 metrics, so that one request is not enough; those of the first are all kinds that there are.
fn metrics() -> Vec<Described> {
    let kinds = ["counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset"];
    let of_kinds = kinds.iter().map(|kind| metric(&format!("a_{kind}"), kind, "seconds"));
    of_kinds.chain((0..1_193).map(|n| metric(&format!("b_{n}"), "whatever", ""))).collect()
}

fn often() -> SenderOptions {
    SenderOptions { describe_every: Duration::from_millis(50), ..quick() }
}

#[tokio::test]
async fn metrics_are_described_again_and_again() {
    static TIMES: AtomicUsize = AtomicUsize::new(0);
    let receiver = Receiver::obliging();
    let config = config(&receiver.url(), &json!({"bearer_token": "s3cret"}));
    let dir = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(&options(dir.path())).unwrap();
    let sender = Sender::start(&outbox, &config, &often()).unwrap();
    let sender = sender.describing(&config, &often(), || {
        TIMES.fetch_add(1, Ordering::Relaxed);
        metrics()
    });
    until("it is said but once", &outbox, || TIMES.load(Ordering::Relaxed) >= 3).await;
    sender.stop().await;
    let taken = receiver.taken();
    let told: Vec<_> = taken.iter().flat_map(|request| &request.metrics).take(1_200).collect();
    for (place, (name, metadata)) in metrics().into_iter().enumerate() {
        let kind = if place < 7 { place as i32 + 1 } else { 0 };
        assert_eq!(*told[place], (name, kind, metadata.help, metadata.unit));
    }
    assert!(taken.iter().all(|request| request.metrics.len() <= 500));
    assert!(taken.iter().all(|request| request.head.contains("Bearer s3cret")));
}

#[tokio::test]
async fn who_wants_none_of_it_gets_samples_nevertheless() {
    let receiver = Receiver::start(|_, request| {
        let status = if request.metrics.is_empty() { "204 No Content" } else { "400 Bad Request" };
        (status, "no metadata".to_owned())
    });
    let prometheus = Prometheus::start();
    for url in [receiver.url(), prometheus.url()] {
        let config = config(&url, &json!({}));
        let dir = tempfile::tempdir().unwrap();
        let outbox = Outbox::open(&options(dir.path())).unwrap();
        let sender = Sender::start(&outbox, &config, &often()).unwrap();
        let sender = sender.describing(&config, &often(), metrics);
        push(&outbox, vec![(labels("a_counter", 1), now(), Value::Float(1.0))]);
        emptied(&outbox).await;
        sender.stop().await;
        let status = outbox.status();
        assert_eq!(status.total(|shard| shard.refused), 0, "{status:?}");
        assert_eq!(status.total(|shard| shard.sent), 1);
    }
}
