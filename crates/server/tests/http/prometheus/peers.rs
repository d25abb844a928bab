//! Prometheus's own programs against Vigie's server, over its embedded store.

use std::time::Duration;

use serde_json::Value;
use vigie_testkit::{MetricsServer as _, Prometheus, form_encoded};

use super::messages::{one_sample, snappy};
use super::stored::{Stored, all, now};
use crate::filled::text;
use crate::security::listening;

async fn written(stored: &Stored, name: &str, time: i64, value: f64) -> (u16, String) {
    let request = axum::http::Request::post("/api/v1/write")
        .header("host", "localhost")
        .header("content-type", "application/x-protobuf")
        .body(snappy(&one_sample(name, time, value)).into())
        .unwrap();
    let response = stored.filled.send(request).await;
    (response.status().as_u16(), text(response).await)
}

/// One that scrapes itself each second and writes what it scraped to `write_url`.
fn writer(write_url: &str) -> Prometheus {
    let mut server = Prometheus::builder().prepare();
    let own = server.port();
    let config = format!(
        "global: {{scrape_interval: 1s}}\n\
         scrape_configs: [{{job_name: prometheus, static_configs: [{{targets: [\"127.0.0.1:{own}\"]}}]}}]\n\
         remote_write:\n- url: {write_url}\n  queue_config: {{batch_send_deadline: 200ms}}\n  metadata_config: {{send_interval: 1s}}\n"
    );
    std::fs::write(server.dir().join("prometheus.yml"), config).unwrap();
    server.boot();
    server
}

/// What promtool says: whether it succeeded, and both its outputs.
async fn promtool(arguments: &[&str]) -> (bool, String) {
    let output = tokio::process::Command::new("promtool")
        .args(arguments)
        .output()
        .await
        .expect("promtool is installed by `cargo xtask setup test`");
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said)
}

#[tokio::test]
async fn what_was_acknowledged_is_on_the_disk() {
    let stored = Stored::new();
    let time = now();
    assert_eq!(written(&stored, "up", time, 1.5).await.0, 204);
    let found = stored.read_again();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0.to_string(), r#"up{job="test"}"#);
    assert_eq!((found[0].1.float_times[0], found[0].1.floats[0]), (time, 1.5));
}

#[tokio::test]
async fn what_the_store_refuses_is_told() {
    let stored = Stored::of(|options| vigie_store::StoreOptions { max_series: 1, ..options });
    let time = now();
    assert_eq!(written(&stored, "up", time, 1.0).await.0, 204);
    assert_eq!(written(&stored, "up", time, 1.0).await.0, 204, "the same again");
    for (name, time, value, word) in [
        ("up", time, 2.0, "1 have another value at their time"),
        ("up", time - 86_400_000, 1.0, "1 are older than the out-of-order window"),
        ("up", time + 86_400_000, 1.0, "1 are too far in the future"),
        ("down", time, 1.0, "there are 1 already, which is the limit on series"),
    ] {
        let (status, why) = written(&stored, name, time, value).await;
        assert!(status == 400 && why.contains("1 samples were refused"), "{why}");
        assert!(why.contains(word), "{word}: {why}");
    }
}

#[tokio::test]
async fn a_closed_store_asks_the_sender_to_come_back() {
    let stored = Stored::new();
    (*stored.store).clone().close();
    let (status, why) = written(&stored, "up", now(), 1.0).await;
    assert!(status == 503 && why.contains("the store is closed"), "{status} {why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_prometheus_writes_and_nothing_differs() {
    let stored = Stored::new();
    let (address, _guard) = listening(&stored.filled).await;
    let url = format!("http://{address}/api/v1/write");
    // It is waited for: not by a thread that serves it.
    let prometheus = tokio::task::spawn_blocking(move || writer(&url)).await.unwrap();
    let scrapes = || all(&stored.store, "__name__", "up").first().map_or(0, |(_, one)| one.len());
    let known = || stored.store.metadata().len();
    let mut waited = 0;
    while scrapes() < 4 || known() < 50 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        waited += 1;
        assert!(waited < 450, "{} scrapes and {} metadata came", scrapes(), known());
    }
    let ours = all(&stored.store, "__name__", ".+");
    assert!(ours.len() > 300, "{} series", ours.len());
    // Everything that is here is there as well, with the same times and the same bits.
    let asked = "/api/v1/query?query=%7B__name__%3D~%22.%2B%22%7D%5B5m%5D";
    let theirs = prometheus.json(asked);
    let theirs = theirs["data"]["result"].as_array().unwrap();
    let mut compared = 0;
    for (labels, samples) in &ours {
        let same = theirs.iter().find(|one| {
            let metric = one["metric"].as_object().unwrap();
            metric.len() == labels.len()
                && labels
                    .iter()
                    .all(|label| metric.get(&*label.name) == Some(&(*label.value).into()))
        });
        let values = same.unwrap_or_else(|| panic!("{labels} is not there"))["values"].as_array();
        let read = |pair: &Value| {
            let time = (pair[0].as_f64().unwrap() * 1_000.0).round() as i64;
            (time, pair[1].as_str().unwrap().parse::<f64>().unwrap().to_bits())
        };
        let values: Vec<_> = values.unwrap().iter().map(read).collect();
        for (time, value) in samples.float_times.iter().zip(&samples.floats) {
            if vigie_store::is_stale(*value) {
                continue;
            }
            assert!(
                values
                    .iter()
                    .any(|(at, bits)| at == time && (*bits == value.to_bits() || value.is_nan())),
                "{labels} has {value} at {time}"
            );
            compared += 1;
        }
    }
    assert!(compared > 1_000, "{compared} samples");
    let (_, answer) = stored.filled.json("/api/v1/metadata?metric=prometheus_build_info").await;
    assert_eq!(answer["data"]["prometheus_build_info"][0]["type"], "gauge");
}

#[tokio::test(flavor = "multi_thread")]
async fn promtool_finds_series_and_labels() {
    let stored = Stored::new();
    let (address, _guard) = listening(&stored.filled).await;
    assert_eq!(written(&stored, "up", now(), 1.0).await.0, 204);
    let url = format!("http://{address}");
    let (good, said) = promtool(&["query", "series", "--match=up", &url]).await;
    assert!(good && said.contains(r#"{__name__="up", job="test"}"#), "{said}");
    let (good, said) = promtool(&["query", "labels", &url, "job"]).await;
    assert!(good && said.trim() == "test", "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_own_client_of_version_2_is_content() {
    let stored = Stored::new();
    let (address, _guard) = listening(&stored.filled).await;
    let time = now();
    let (good, said) = remote_write(&[&format!("http://{address}"), &time.to_string()]).await;
    assert!(good && said.trim() == "samples=2 histograms=1 exemplars=0", "{said}");
    let (labels, counter) = all(&stored.store, "__name__", "jobs_total").remove(0);
    assert_eq!(labels.get("queue"), Some("größe\n\"x\""));
    assert_eq!(
        (&*counter.float_times, &*counter.floats),
        (&[time - 1_000, time][..], &[1.0, 2.5][..])
    );
    let (_, latency) = all(&stored.store, "__name__", "wait_seconds").remove(0);
    let histogram = &latency.histograms[0];
    assert_eq!((histogram.schema, histogram.count, histogram.sum), (2, 6.0, 9.5));
    assert_eq!(histogram.positive, [(-2, 1.0), (-1, 2.0), (3, 2.0)]);
    let metadata = stored.store.metadata();
    assert_eq!(metadata["wait_seconds"].help, "Seconds waited.");
    assert_eq!(metadata["jobs_total"].kind, "counter");
    // The client gives up at once on what sending again does not change.
    let late = (time - 86_400_000).to_string();
    let (good, said) = remote_write(&[&format!("http://{address}"), &late]).await;
    assert!(
        !good && said.contains("400") && said.contains("older than the out-of-order window"),
        "{said}"
    );
}

/// Builds and runs the program of `testkit/remote-write`: whether it succeeded, and what it said.
async fn remote_write(arguments: &[&str]) -> (bool, String) {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testkit/remote-write");
    let output = tokio::process::Command::new("go")
        .args(["run", "."])
        .args(arguments)
        .current_dir(source)
        .output()
        .await
        .expect("go is installed by `cargo xtask setup test`");
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said)
}

/// One that keeps nothing itself, and reads from `read_url` what it is asked for.
fn reader(read_url: &str) -> Prometheus {
    let config = format!("remote_read: [{{url: {read_url}, read_recent: true}}]\n");
    Prometheus::builder().config(&config).start()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_prometheus_reads_from_vigie() {
    let stored = Stored::new();
    let start = now() / 1_000 * 1_000 - 120_000;
    for n in 0..60 {
        for (name, value) in [("jobs_total", (n * n) as f64), ("up", -0.0)] {
            let (status, why) = written(&stored, name, start + n * 1_000, value).await;
            assert_eq!(status, 204, "{why}");
        }
    }
    let (address, _guard) = listening(&stored.filled).await;
    let url = format!("http://{address}/api/v1/read");
    let prometheus = tokio::task::spawn_blocking(move || reader(&url)).await.unwrap();
    // Half a second behind a sample: before version 3 a window had its left end, too.
    let end = start + 58_500;
    for query in [
        "jobs_total",
        "{__name__=~\"jobs.*|up\", job!=\"x\"}[2m]",
        "increase(jobs_total{job=~\".+\",of!~\"y.*\"}[30s])",
        "count({__name__=~\".+\"})",
        "avg_over_time(up[40s] offset 5s)",
    ] {
        let path = format!("/api/v1/query?time={}.5&query={}", end / 1_000, form_encoded(query));
        let (_, ours) = stored.filled.json(&path).await;
        let theirs = {
            let answer = prometheus.json(&path);
            assert!(answer["warnings"].is_null(), "{query}: {answer}");
            answer
        };
        assert_eq!(ours["data"], theirs["data"], "{query}");
        assert!(!ours["data"]["result"].as_array().unwrap().is_empty(), "{query}");
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct ReadResponse {
    #[prost(message, repeated, tag = "1")]
    results: Vec<super::messages::v1::WriteRequest>,
}

/// An encoded field of bytes, or one that is a number.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, bytes.len() as u8], bytes].concat()
}

async fn asked(stored: &Stored, message: &[u8]) -> (u16, Vec<u8>) {
    let body = snap::raw::Encoder::new().compress_vec(message).unwrap();
    let request = axum::http::Request::post("/api/v1/read").header("host", "localhost");
    let response = stored.filled.send(request.body(body.into()).unwrap()).await;
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, body.to_vec())
}

#[tokio::test]
async fn what_is_no_question_for_samples_is_refused() {
    let stored = Stored::new();
    written(&stored, "up", now(), 1.5).await;
    let named = |kind: u8, value: &str| {
        let name = field(2, b"__name__");
        field(3, &[&[8, kind][..], &name, &field(3, value.as_bytes())].concat())
    };
    // From 0 to the end of time, and without an end.
    let end = [&[0x10][..], &[0xff; 8], &[0x7f]].concat();
    let whole = field(1, &[end.clone(), named(0, "up")].concat());
    let (status, body) = asked(&stored, &[whole.clone(), vec![0x12, 2, 1, 0]].concat()).await;
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    let plain = snap::raw::Decoder::new().decompress_vec(&body).unwrap();
    let answer = <ReadResponse as prost::Message>::decode(&*plain).unwrap();
    assert_eq!(answer.results[0].timeseries[0].samples[0].value, 1.5);

    let long = field(1, &field(3, &[0x0a; 5]));
    for (message, says) in [
        (field(1, &end), "without any matcher"),
        (field(1, &[end.clone(), named(9, "up")].concat()), "a matcher of an unknown type: 9"),
        (field(1, &[end, named(2, "(")].concat()), "regex"),
        ([whole, vec![0x12, 1, 1]].concat(), "Vigie answers remote read with SAMPLES"),
        (long, "malformed"),
        (vec![0x0a, 0xff, 0xff, 0x03], "malformed"),
        (field(1, &[]).repeat(200), "without any matcher"),
    ] {
        let (status, body) = asked(&stored, &message).await;
        let body = String::from_utf8_lossy(&body);
        assert!(status == 400 && body.contains(says), "{says}: {status} {body}");
    }
    let (status, body) = asked(&stored, b"").await;
    assert_eq!(status, 200, "{body:?}");
    let bad = axum::http::Request::post("/api/v1/read").header("host", "localhost");
    let response = stored.filled.send(bad.body("no snappy".into()).unwrap()).await;
    assert_eq!(response.status().as_u16(), 400);
}
