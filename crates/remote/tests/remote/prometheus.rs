//! A real Prometheus as the backend.

use serde_json::json;
use vigie_remote::{Outbox, Pushed, Sender};
use vigie_store::Value;
use vigie_testkit::{MetricsServer, Prometheus};

use crate::support::*;

const SERIES: i64 = 100;
const STEP: i64 = 1_000;

/// One scrape of all series: floats, and native histograms.
pub fn scrape(time: i64, n: i64) -> Vec<Pushed> {
    let floats = (0..SERIES)
        .map(|of| (labels("vigie_test", of), time, Value::Float((n * SERIES + of) as f64)));
    floats.chain([(labels("vigie_test_seconds", 0), time, histogram(n))]).collect()
}

fn numbers(answer: &serde_json::Value) -> Vec<f64> {
    assert_eq!(answer["status"], "success", "{answer}");
    let result = answer["data"]["result"].as_array().unwrap();
    result.iter().map(|one| one["value"][1].as_str().unwrap().parse().unwrap()).collect()
}

/// Every sample of `count` scrapes from `start` is there, with its value.
pub fn check(server: &impl MetricsServer, start: i64, count: i64) {
    let end = start + count * STEP;
    let over = |what: &str| server.query(&format!("sum({what}(vigie_test[1h]))"), end);
    let all = count * SERIES;
    assert_eq!(numbers(&over("count_over_time")), [all as f64]);
    assert_eq!(numbers(&over("sum_over_time")), [(all * (all - 1) / 2) as f64]);
    let raw = server.query(r#"vigie_test{of="7"}[1h]"#, end);
    let values = raw["data"]["result"][0]["values"].as_array().unwrap().clone();
    let wanted: Vec<_> =
        (0..count).map(|n| (start + n * STEP, (n * SERIES + 7).to_string())).collect();
    let found: Vec<_> = values
        .iter()
        .map(|pair| {
            let millis = (pair[0].as_f64().unwrap() * 1_000.0).round() as i64;
            (millis, pair[1].as_str().unwrap().to_owned())
        })
        .collect();
    assert_eq!(found, wanted);
}

#[tokio::test]
async fn every_sample_arrives_though_it_was_away_and_vigie_began_anew() {
    let native = "--enable-feature=native-histograms";
    let mut server = Prometheus::builder().argument(native).start();
    let config = config(&server.url(), &json!({}));
    let dir = tempfile::tempdir().unwrap();
    let start = now() / 1_000 * 1_000 - 1_000_000;
    let outbox = Outbox::open(&options(dir.path())).unwrap();
    let sender = Sender::start(&outbox, &config, &quick()).unwrap();
    for n in 0..20 {
        push(&outbox, scrape(start + n * STEP, n));
    }
    emptied(&outbox).await;
    server.stop();
    for n in 20..200 {
        push(&outbox, scrape(start + n * STEP, n));
    }
    until("it does not notice", &outbox, || outbox.status().last_error().is_some()).await;
    // Vigie as well begins anew while nobody takes anything.
    sender.stop().await;
    drop(outbox);
    let outbox = Outbox::open(&options(dir.path())).unwrap();
    assert_eq!(outbox.status().total(|shard| shard.pending), 180 * (SERIES as u64 + 1));
    let sender = Sender::start(&outbox, &config, &quick()).unwrap();
    for n in 200..220 {
        push(&outbox, scrape(start + n * STEP, n));
    }
    server.boot();
    emptied(&outbox).await;
    sender.stop().await;
    let status = outbox.status();
    assert_eq!(status.total(|shard| shard.refused + shard.dropped), 0, "{status:?}");
    check(&server, start, 220);
    let end = start + 220 * STEP;
    let counted = server.query("count_over_time(vigie_test_seconds[1h])", end);
    assert_eq!(numbers(&counted), [220.0]);
    let last = server.query("histogram_count(vigie_test_seconds)", start + 219 * STEP);
    assert_eq!(numbers(&last), [229.0]);
}

#[tokio::test]
async fn what_it_has_already_does_no_harm_to_what_is_new() {
    // The queue is sent twice from the beginning, as after a kill before the position was written: Prometheus refuses
    // whole requests with what it has, and must get what is new nevertheless.
    let server = Prometheus::start();
    let config = config(&server.url(), &json!({"native_histograms": false}));
    let dir = tempfile::tempdir().unwrap();
    let copy = tempfile::tempdir().unwrap();
    let start = now() / 1_000 * 1_000 - 100_000;
    let outbox = Outbox::open(&options(dir.path())).unwrap();
    for n in 0..20 {
        push(&outbox, scrape(start + n * STEP, n));
    }
    drop(outbox);
    for shard in std::fs::read_dir(dir.path()).unwrap() {
        let shard = shard.unwrap();
        if shard.file_type().unwrap().is_file() {
            continue;
        }
        let to = copy.path().join(shard.file_name());
        std::fs::create_dir(&to).unwrap();
        for file in std::fs::read_dir(shard.path()).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
    for (folder, scrapes) in [(dir.path(), 0..0), (copy.path(), 20..40)] {
        let outbox = Outbox::open(&options(folder)).unwrap();
        for n in scrapes {
            push(&outbox, scrape(start + n * STEP, n));
        }
        let sender = Sender::start(&outbox, &config, &quick()).unwrap();
        emptied(&outbox).await;
        sender.stop().await;
    }
    check(&server, start, 40);
}
