//! Metrics in a backend elsewhere, through the binary: a real Redis, a real Prometheus, a real VictoriaMetrics.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly, its helpers too")]

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use vigie_testkit::{
    HttpAnswer, MetricsServer as _, Prometheus, REMOTE_WRITE_HEADERS, RedisServer, RemoteSeries,
    VictoriaMetrics, Vigie, form_encoded, http_post, remote_write_body, until,
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_vigie");

/// One with these lines of `metrics`, not started.
fn prepare(dir: &Path, redis: &RedisServer, metrics: &str) -> Vigie {
    let port = redis.port();
    let source = format!("{{name: main, kind: redis, url: \"redis://127.0.0.1:{port}\"}}");
    Vigie::prepare(PROGRAM, dir, &format!("sources: [{source}]\nmetrics: {{{metrics}}}"))
}

fn redis() -> RedisServer {
    let redis = RedisServer::start();
    redis.run(&["SADD", "asynq:queues", "kept"]);
    redis.run(&["RPUSH", "asynq:{kept}:pending", "a", "b", "c"]);
    redis
}

fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    now.as_millis() as i64
}

/// `vigie check`: whether it is content, and what it says.
fn check(vigie: &Vigie) -> (bool, String) {
    let mut command = Command::new(PROGRAM);
    command.arg("--config").arg(vigie.config()).arg("check");
    let output = command.output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The first value of an answer.
fn first(body: &str) -> Option<f64> {
    let json: Value = serde_json::from_str(body).ok()?;
    json["data"]["result"][0]["value"][1].as_str()?.parse().ok()
}

fn json(vigie: &Vigie, path: &str) -> Value {
    vigie.json(path).unwrap_or_else(|| panic!("{path}: {:?}", vigie.get(path)))
}

fn asks(vigie: &Vigie, query: &str) -> Option<f64> {
    let answer = vigie.get(&format!("/api/v1/query?query={}", form_encoded(query)));
    if answer.status == 200 { first(&answer.body) } else { None }
}

fn waits_for(vigie: &Vigie, query: &str, least: f64) -> f64 {
    until(query, || asks(vigie, query).filter(|value| *value >= least))
}

/// A sample of `/metrics`.
fn own(vigie: &Vigie, series: &str) -> Option<f64> {
    let text = vigie.get("/metrics").body;
    text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
}

/// Whether the live view says that so many jobs wait.
fn shows(vigie: &Vigie, waiting: u64) -> bool {
    vigie.get("/api/v1/queue/status").body.contains(&format!("\"waiting\":{waiting}"))
}

const UP: &str = "count_over_time(vigie_source_up{source=\"main\"}[1h])";

/// Vigie's own charts from `from` (Unix seconds) on; the path of one of them.
fn charts(vigie: &Vigie, from: i64) -> String {
    let history = format!("/api/v1/history?source=main&queue=kept&from={from}&points=400");
    let stored = json(vigie, &history);
    assert_eq!(stored["resolution"], "stored");
    let waiting = stored["columns"]["waiting"].as_array().unwrap();
    assert!(waiting.iter().any(|one| one.as_f64() == Some(3.0)), "{waiting:?}");
    assert!(waiting[0].is_null(), "before the start is a gap");
    let heat = json(vigie, &format!("/api/v1/heatmap?figure=run&from={from}"));
    assert!(heat["counts"].as_array().unwrap().iter().any(|one| !one.is_null()), "{heat}");
    history
}

/// What is asked of Vigie is answered by the backend, which has `pushed` at this time (Unix seconds).
fn answers_as(vigie: &Vigie, server: &Prometheus, time: i64) {
    for path in [
        format!("/api/v1/query_range?query=pushed&start={time}&end={time}&step=1"),
        "/api/v1/series?match[]=pushed".to_owned(),
        "/api/v1/labels".to_owned(),
        "/api/v1/label/job/values".to_owned(),
        "/federate?match[]=pushed".to_owned(),
        "/federate?match[]=nowhere".to_owned(),
        "/federate?match[]=sum(".to_owned(),
        "/api/v1/query?query=sum(".to_owned(),
    ] {
        assert_eq!(vigie.get(&path), server.get(&path), "{path}");
    }
    let told = vigie.get("/federate?match[]=pushed");
    assert!(told.status == 200 && told.body.contains("pushed{job=\"x\""), "{told:?}");
    assert!(told.body.contains("0.30000000000000004"), "{told:?}");
}

#[test]
fn prometheus_is_the_backend_and_live_views_do_not_need_it() {
    let (dir, redis) = (tempfile::tempdir().unwrap(), redis());
    let native = "--enable-feature=native-histograms";
    let mut server = Prometheus::builder().argument(native).start();
    let url = server.url();
    let mut vigie = prepare(
        dir.path(),
        &redis,
        &format!("backend: prometheus, write_url: \"{url}/api/v1/write\", query_url: \"{url}\""),
    );
    let (well, report) = check(&vigie);
    assert!(well, "{report}");
    for says in [format!("{url} takes remote write"), format!("{url} answers PromQL")] {
        assert!(report.contains(&says), "{report}");
    }
    vigie.boot();
    waits_for(&vigie, UP, 3.0);
    assert!(!dir.path().join("data/metrics").exists(), "there is no store here");

    // What is pushed in goes there as well, and the answers are the backend's own.
    let time = now();
    let series =
        RemoteSeries::new(&[("__name__", "pushed"), ("job", "x")], vec![(time, 0.1 + 0.2)]);
    let body = remote_write_body(&[series]);
    let taken = http_post(vigie.port(), "/api/v1/write", &REMOTE_WRITE_HEADERS, &body).unwrap();
    assert_eq!(taken.status, 204, "{}", taken.body);
    let pushed = waits_for(&vigie, "pushed", 0.1);
    assert_eq!(pushed.to_bits(), (0.1f64 + 0.2).to_bits());
    answers_as(&vigie, &server, time / 1_000 + 1);
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let posted = http_post(vigie.port(), "/api/v1/query", &form, b"query=pushed").unwrap();
    assert_eq!(first(&posted.body), Some(pushed));
    assert_eq!(own(&vigie, "vigie_remote_up{remote=\"backend\"}"), Some(1.0));

    let history = charts(&vigie, time / 1_000 - 300);

    // Away: the live screen goes on, and what cannot be had says why.
    server.stop();
    let (well, report) = check(&vigie);
    assert!(!well && report.matches("refused").count() == 2, "{report}");
    redis.run(&["RPUSH", "asynq:{kept}:pending", "d"]);
    until("the live view goes on", || shows(&vigie, 4).then_some(()));
    assert_eq!(json(&vigie, "/api/v1/history")["resolution"], "live");
    let HttpAnswer { status, body, .. } = vigie.get(&history);
    assert_eq!(status, 502, "{body}");
    assert!(body.contains("/problems/backend") && body.contains(&url), "{body}");
    let HttpAnswer { status, body, .. } = vigie.get("/api/v1/query?query=pushed");
    assert_eq!(status, 502, "{body}");
    assert!(body.contains("\"status\":\"error\"") && body.contains(&url), "{body}");
    until("what waits is counted", || {
        own(&vigie, "vigie_remote_pending_samples{remote=\"backend\"}")
            .filter(|count| *count > 100.0)
    });

    // Killed meanwhile: what waited is there once the backend is.
    let away = now();
    vigie.kill();
    vigie.boot();
    server.boot();
    until("all is sent", || {
        let pending = own(&vigie, "vigie_remote_pending_samples{remote=\"backend\"}")?;
        (pending < 500.0 && own(&vigie, "vigie_remote_up{remote=\"backend\"}") == Some(1.0))
            .then_some(())
    });
    let before = form_encoded("count_over_time(vigie_source_up[3s])");
    let path = format!("/api/v1/query?query={before}&time={}", away as f64 / 1e3);
    let counted = until("the time away is there", || first(&vigie.get(&path).body));
    assert!(counted >= 2.0, "{counted}");
    assert_eq!(own(&vigie, "vigie_remote_refused_total{remote=\"backend\"}"), Some(0.0));
}

#[test]
fn metrics_are_sent_elsewhere_as_well() {
    let (dir, redis) = (tempfile::tempdir().unwrap(), redis());
    let server = VictoriaMetrics::start();
    let url = server.url();
    let mut vigie = prepare(
        dir.path(),
        &redis,
        &format!("remote_write: [{{name: vm, write_url: \"{url}/api/v1/write\"}}]"),
    );
    vigie.boot();
    waits_for(&vigie, UP, 3.0);
    let time = now() - 1_000;
    let series = RemoteSeries::new(&[("__name__", "pushed")], vec![(time, 7.5)]);
    let body = remote_write_body(&[series]);
    let taken = http_post(vigie.port(), "/api/v1/write", &REMOTE_WRITE_HEADERS, &body).unwrap();
    assert_eq!(taken.status, 204, "{}", taken.body);
    assert_eq!(asks(&vigie, "pushed"), Some(7.5), "the store here answers at once");
    for query in ["pushed", "vigie_queue_jobs{queue=\"kept\",state=\"waiting\"}"] {
        let found = until(query, || {
            let answer = server.get(&format!("/api/v1/query?query={}", form_encoded(query)));
            first(&answer.body)
        });
        assert_eq!(found, if query == "pushed" { 7.5 } else { 3.0 });
    }
    assert_eq!(own(&vigie, "vigie_remote_up{remote=\"vm\"}"), Some(1.0));
    assert!(own(&vigie, "vigie_store_series").is_some());
}

#[test]
fn two_vigies_are_told_apart_in_one_backend() {
    let server = VictoriaMetrics::start();
    let url = server.url();
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let redises = [redis(), redis()];
    // The same queue of the same source, with more in it.
    redises[1].run(&["RPUSH", "asynq:{kept}:pending", "d", "e"]);
    let vigies: Vec<Vigie> = ["one", "two"]
        .iter()
        .zip(folders.iter().zip(&redises))
        .map(|(name, (dir, redis))| {
            let metrics = format!(
                "backend: prometheus, write_url: \"{url}/api/v1/write\", query_url: \"{url}\", \
                 native_histograms: false, external_labels: {{vigie: {name}}}"
            );
            let mut vigie = prepare(dir.path(), redis, &metrics);
            vigie.boot();
            vigie
        })
        .collect();
    // What is pushed in is from there, too, unless it says that it is from elsewhere.
    let time = now() - 1_000;
    let own = RemoteSeries::new(&[("__name__", "pushed"), ("job", "x")], vec![(time, 7.0)]);
    let other = RemoteSeries::new(&[("__name__", "pushed"), ("vigie", "other")], vec![(time, 8.0)]);
    // A number that claims to be Vigie's is nobody's.
    let claim = [
        ("__name__", "vigie_queue_jobs"),
        ("source", "main"),
        ("kind", "asynq"),
        ("queue", "kept"),
        ("state", "waiting"),
    ];
    let claim = RemoteSeries::new(&claim, vec![(time, 1e6)]);
    let body = remote_write_body(&[own, other, claim]);
    let taken = http_post(vigies[0].port(), "/api/v1/write", &REMOTE_WRITE_HEADERS, &body).unwrap();
    assert!(taken.status == 400 && taken.body.starts_with("1 samples were refused"), "{taken:?}");
    // A user's query is answered as it is asked: it finds both.
    for vigie in &vigies {
        waits_for(vigie, "count(vigie_queue_jobs{state=\"waiting\"})", 2.0);
        waits_for(vigie, "pushed{vigie=\"one\",job=\"x\"}", 7.0);
        waits_for(vigie, "pushed{vigie=\"other\"}", 8.0);
    }
    // A chart is of one's own.
    let from = now() / 1_000 - 300;
    for (vigie, (name, waiting)) in vigies.iter().zip([("one", 3.0), ("two", 5.0)]) {
        let labels = serde_json::json!({"job": "", "vigie": name});
        assert_eq!(json(vigie, "/api/v1/storage")["own_labels"], labels);
        for of in ["source=main&queue=kept&", ""] {
            let path = format!("/api/v1/history?{of}from={from}&points=100");
            let found = until("a chart", || {
                let chart = json(vigie, &path);
                let waiting = chart["columns"]["waiting"].as_array()?;
                let known: Vec<f64> = waiting.iter().filter_map(Value::as_f64).collect();
                (!known.is_empty()).then_some(known)
            });
            assert!(found.iter().all(|one| *one == waiting), "{name} {of}: {found:?}");
        }
    }
}
