//! A real VictoriaMetrics as the backend. Debian's, 1.79, knows no native histograms and leaves them out.

use serde_json::json;
use vigie_remote::{Outbox, QueryOptions, RemoteQuery, Sender};
use vigie_testkit::VictoriaMetrics;

use crate::prometheus::scrape;
use crate::support::*;

#[tokio::test]
async fn every_sample_arrives_though_it_was_away() {
    let mut server = VictoriaMetrics::prepare();
    let config = config(&server.url(), &json!({}));
    let dir = tempfile::tempdir().unwrap();
    let start = now() / 1_000 * 1_000 - 1_000_000;
    let outbox = Outbox::open(&options(dir.path())).unwrap();
    let sender = Sender::start(&outbox, &config, &quick()).unwrap();
    for n in 0..100 {
        push(&outbox, scrape(start + n * 1_000, n));
    }
    until("it does not notice", &outbox, || outbox.status().last_error().is_some()).await;
    server.boot();
    emptied(&outbox).await;
    server.stop();
    for n in 100..150 {
        push(&outbox, scrape(start + n * 1_000, n));
    }
    server.boot();
    emptied(&outbox).await;
    sender.stop().await;
    server.flush();
    let status = outbox.status();
    assert_eq!(status.total(|shard| shard.refused + shard.dropped), 0, "{status:?}");

    let query = RemoteQuery::new(&config, QueryOptions::default()).unwrap();
    let answer = query.range(r#"vigie_test{of="7"}"#, start, start + 149_000, 1_000).await.unwrap();
    let wanted: Vec<_> = (0..150).map(|n| (start + n * 1_000, (n * 100 + 7) as f64)).collect();
    assert_eq!(answer.series[0].floats, wanted);
}
