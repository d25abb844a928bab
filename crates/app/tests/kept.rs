//! What the binary keeps: a real Redis, kill -9 in the middle, promtool's questions, a backup and its way back.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly, its helpers too")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vigie_testkit::{RedisServer, form_encoded, http_get, http_post};

/// The binary with a data folder of its own; killed when it is dropped.
struct Vigie {
    process: Child,
    port: u16,
}

impl Drop for Vigie {
    fn drop(&mut self) {
        // `kill -9`: what is kept must survive it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn configure(dir: &Path, redis: u16) -> u16 {
    let port = vigie_testkit::free_port();
    let config = format!(
        "listen: 127.0.0.1:{port}\ndata_dir: {}\nsources: [{{name: main, kind: redis, url: \"redis://127.0.0.1:{redis}\"}}]\n",
        dir.join("data").display()
    );
    std::fs::write(dir.join("vigie.yaml"), config).unwrap();
    port
}

fn start(dir: &Path, port: u16) -> Vigie {
    let log = std::fs::File::create(dir.join("vigie.log")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
    command.arg("--config").arg(dir.join("vigie.yaml")).stdout(Stdio::null()).stderr(log);
    Vigie { process: command.spawn().unwrap(), port }
}

fn run(dir: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
    command.args(words).arg("--config").arg(dir.join("vigie.yaml")).output().unwrap()
}

impl Vigie {
    /// The value of a query now; none while it has no answer.
    fn asks(&self, query: &str) -> Option<f64> {
        let path = format!("/api/v1/query?query={}", form_encoded(query));
        let answer = http_get(self.port, &path).ok().filter(|answer| answer.status == 200)?;
        let json: Value = serde_json::from_str(&answer.body).unwrap();
        json["data"]["result"][0]["value"][1].as_str()?.parse().ok()
    }

    fn waits_for(&self, query: &str, least: f64) -> f64 {
        let begin = Instant::now();
        loop {
            match self.asks(query) {
                Some(value) if value >= least => return value,
                other => assert!(
                    begin.elapsed() < Duration::from_secs(30),
                    "{query} is {other:?} after 30 s, not {least}"
                ),
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn json(&self, path: &str) -> Value {
        let answer = http_get(self.port, path).unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }
}

const UP: &str = "count_over_time(vigie_source_up{source=\"main\"}[1h])";
const WAITING: &str = "vigie_queue_jobs{queue=\"kept\",state=\"waiting\"}";

/// An asynq queue with three waiting tasks.
fn redis() -> RedisServer {
    let redis = RedisServer::start();
    redis.run(&["SADD", "asynq:queues", "kept"]);
    redis.run(&["RPUSH", "asynq:{kept}:pending", "a", "b", "c"]);
    redis
}

#[test]
fn history_outlives_kills_and_is_what_the_queue_was() {
    let (dir, redis) = (tempfile::tempdir().unwrap(), redis());
    let port = configure(dir.path(), redis.port());
    let vigie = start(dir.path(), port);
    let before = vigie.waits_for(UP, 3.0);
    assert_eq!(vigie.waits_for(WAITING, 1.0), 3.0);
    drop(vigie);

    redis.run(&["RPUSH", "asynq:{kept}:pending", "d"]);
    let vigie = start(dir.path(), port);
    vigie.waits_for(WAITING, 4.0);
    let after = vigie.waits_for(UP, before + 1.0);
    assert!(after > before, "samples of before the kill are there: {after} of {before}");
    assert_eq!(
        vigie.asks("min_over_time(vigie_queue_jobs{queue=\"kept\",state=\"waiting\"}[1h])"),
        Some(3.0)
    );

    let from = unix_seconds() - 300;
    let history =
        vigie.json(&format!("/api/v1/history?source=main&queue=kept&from={from}&points=400"));
    assert_eq!(history["resolution"], "stored");
    let waiting: Vec<f64> = history["columns"]["waiting"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_f64)
        .collect();
    // Each value is the average of two seconds.
    assert!(waiting.contains(&3.0) && waiting.iter().any(|one| *one > 3.0), "{waiting:?}");
    let nulls = history["columns"]["waiting"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one.is_null())
        .count();
    assert!(nulls > 0, "the time before the first start is a gap, not 0");
    assert!(history["queries"]["waiting"].as_str().unwrap().contains("vigie_queue_jobs"));
    let heat = vigie.json(&format!("/api/v1/heatmap?figure=run&from={from}"));
    assert_eq!(heat["step_seconds"], 5);
    assert!(heat["counts"].as_array().unwrap().len() >= 60);
}

#[test]
fn a_disk_that_fails_costs_the_history_and_nothing_else() {
    let (dir, redis) = (tempfile::tempdir().unwrap(), redis());
    let port = configure(dir.path(), redis.port());
    std::fs::write(dir.path().join("data"), "a file where the folder belongs").unwrap();
    let vigie = start(dir.path(), port);
    let begin = Instant::now();
    let status = loop {
        let answer = http_get(vigie.port, "/api/v1/queue/status").ok();
        match answer.filter(|answer| answer.body.contains("\"waiting\":3")) {
            Some(answer) => break answer,
            None => assert!(begin.elapsed() < Duration::from_secs(30), "the queue is seen"),
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_eq!(status.status, 200);
    let refused = http_get(vigie.port, "/api/v1/query?query=up").unwrap();
    assert_eq!(refused.status, 503, "{}", refused.body);
    let refused = http_get(vigie.port, "/api/v1/logs").unwrap();
    assert_eq!(refused.status, 503, "{}", refused.body);
    let refused = http_post(vigie.port, "/api/v1/logs", &[], b"{\"message\":\"x\"}").unwrap();
    assert_eq!(refused.status, 503, "what is not kept is not acknowledged: {}", refused.body);
    let says = std::fs::read_to_string(dir.path().join("vigie.log")).unwrap();
    assert!(says.contains("no history is kept"), "{says}");
    assert!(says.contains("no log entries are kept"), "{says}");
    // It is on the screen, in the metrics, and in what is checked.
    let verdict = vigie.json("/api/v1/verdict");
    let mut said = verdict["also"].as_array().unwrap().iter().chain([&verdict]);
    let said = said.find(|one| one["code"] == "not_kept").unwrap();
    let text = said["text"].as_str().unwrap();
    assert_eq!(said["severity"], "critical", "{text}");
    assert!(text.contains("is not kept") && text.contains("Not a directory"), "{text}");
    let storage = vigie.json("/api/v1/storage");
    for (place, what) in ["metrics", "logs"].into_iter().enumerate() {
        let store = &storage["stores"][place];
        let found = (&store["what"], &store["kept"], &store["bytes"]);
        assert_eq!(found, (&json!(what), &json!(false), &Value::Null));
        assert!(store["error"].as_str().unwrap().contains("Not a directory"), "{store}");
    }
    let metrics = http_get(vigie.port, "/metrics").unwrap().body;
    for name in ["vigie_store_failing 1", "vigie_log_store_failing 1"] {
        assert!(metrics.lines().any(|line| line == name), "{name}");
    }
    let output = run(dir.path(), &["check"]);
    let says = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert_eq!(output.status.code(), Some(1), "{says}");
    assert!(says.contains("nothing is kept: ") && says.contains("data_dir does not"), "{says}");
}

#[test]
fn commands_ask_the_vigie_of_the_configuration() {
    let (dir, redis) = (tempfile::tempdir().unwrap(), redis());
    let port = configure(dir.path(), redis.port());
    let vigie = start(dir.path(), port);
    vigie.waits_for(WAITING, 3.0);
    for (command, says) in [
        ("queues", "kept"),
        ("instances", "No instances"),
        ("events", "source main is watched"),
        ("logs", "source main is watched"),
    ] {
        let output = run(dir.path(), &[command]);
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.code() == Some(0) && text.contains(says), "{command}: {text}");
    }
    let unknown = run(dir.path(), &["queues", "--source", "nix"]);
    let text = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(unknown.status.code() == Some(2) && text.contains("it is one of main"), "{text}");
    std::fs::write(dir.path().join("vigie.yaml"), "listen: [\n").unwrap();
    let wrong = run(dir.path(), &["queues"]);
    let text = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(wrong.status.code() == Some(2) && text.contains("vigie.yaml:"), "{text}");
}

#[test]
fn promtool_asks_it_as_it_asks_prometheus() {
    let (dir, redis) = (tempfile::tempdir().unwrap(), redis());
    let port = configure(dir.path(), redis.port());
    let vigie = start(dir.path(), port);
    vigie.waits_for(WAITING, 3.0);
    let mode = std::fs::metadata(dir.path().join("data")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "nobody else may read what is kept");
    let storage = vigie.json("/api/v1/storage");
    for store in storage["stores"].as_array().unwrap() {
        let found = (&store["kept"], &store["error"], &store["since"]);
        assert_eq!(found, (&json!(true), &Value::Null, &Value::Null), "{store}");
        assert!(store["bytes"].as_u64().is_some(), "{store}");
    }
    let url = format!("http://127.0.0.1:{port}");
    for (words, says) in [
        (vec!["query", "instant", &url, WAITING], "=> 3"),
        (vec!["query", "range", "--step=1s", &url, WAITING], "3 @["),
        (vec!["query", "series", "--match=vigie_queue_paused", &url], "queue=\"kept\""),
        (vec!["query", "labels", &url, "state"], "waiting"),
    ] {
        let output = Command::new("promtool")
            .args(&words)
            .output()
            .expect("promtool is installed by `cargo xtask setup test`");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && text.contains(says),
            "{words:?}: {text} {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let wrong = Command::new("promtool").args(["query", "instant", &url, "sum("]).output().unwrap();
    assert!(
        !wrong.status.success() && String::from_utf8_lossy(&wrong.stderr).contains("parse error")
    );
}

#[test]
fn a_backup_into_the_data_folder_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    configure(dir.path(), vigie_testkit::free_port());
    std::fs::create_dir_all(dir.path().join("data/metrics")).unwrap();
    let inside = dir.path().join("data/new/copy");
    let output = run(dir.path(), &["backup", inside.to_str().unwrap()]);
    let says = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && says.contains("name a folder elsewhere"), "{says}");
    assert!(!dir.path().join("data/new").exists());
}

#[test]
fn a_backup_of_a_running_vigie_goes_back_into_an_empty_folder() {
    let (dir, redis) = (tempfile::tempdir().unwrap(), redis());
    let port = configure(dir.path(), redis.port());
    let vigie = start(dir.path(), port);
    let kept = vigie.waits_for(UP, 3.0);
    let lines =
        "{\"level\":\"warn\",\"message\":\"before the backup\"}\n{\"message\":\"and another\"}\n";
    let answer = http_post(
        port,
        "/api/v1/logs",
        &[("content-type", "application/x-ndjson")],
        lines.as_bytes(),
    );
    assert_eq!(answer.unwrap().status, 200);
    let copy = dir.path().join("copy");
    let copy = copy.to_str().unwrap();
    let output = run(dir.path(), &["backup", copy]);
    assert!(output.status.success(), "{output:?}");
    let again = run(dir.path(), &["backup", copy]);
    assert!(!again.status.success(), "a folder that holds something is left alone: {again:?}");
    // Two at once would write over each other.
    let second = run(dir.path(), &["--listen", "127.0.0.1:0"]);
    let says = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(!second.status.success() && says.contains("in use by another process"), "{says}");
    drop(vigie);

    let elsewhere = tempfile::tempdir().unwrap();
    let port = configure(elsewhere.path(), redis.port());
    let output = run(elsewhere.path(), &["restore", copy]);
    assert!(output.status.success(), "{output:?}");
    let vigie = start(elsewhere.path(), port);
    vigie.waits_for(UP, kept);
    let logs = vigie.json("/api/v1/logs?limit=10");
    let mut messages: Vec<&str> = logs["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["type"] != "event")
        .filter_map(|entry| entry["message"].as_str())
        .collect();
    messages.sort_unstable();
    assert_eq!(messages, ["and another", "before the backup"], "{logs}");
    let refused = run(dir.path(), &["restore", copy]);
    assert!(!refused.status.success(), "what is there is not written over: {refused:?}");
    // Without a Vigie that runs, the copy is made all the same.
    let own = dir.path().join("own");
    let output = run(dir.path(), &["backup", own.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    for name in ["contents", "metrics/backup", "logs/backup"] {
        assert!(own.join(name).is_file(), "{name}");
    }
    // A copy that was not finished, that says more than it may, or whose folder is a link to another.
    let refuses = |says: &str| {
        let empty = tempfile::tempdir().unwrap();
        configure(empty.path(), redis.port());
        let output = run(empty.path(), &["restore", own.to_str().unwrap()]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(says), "{says}: {error}");
    };
    std::fs::rename(own.join("logs"), own.join("elsewhere")).unwrap();
    refuses("there is no such folder");
    std::os::unix::fs::symlink(own.join("elsewhere"), own.join("logs")).unwrap();
    refuses("there is no such folder");
    std::fs::write(own.join("contents"), "vigie backup 2\n../metrics\n").unwrap();
    refuses("nothing that can be put back");
    std::fs::write(own.join("contents"), "vigie backup 3\n").unwrap();
    refuses("no list of a backup that this Vigie knows");
    std::fs::remove_file(own.join("contents")).unwrap();
    refuses("one that was not finished");
    // One of metrics alone, as made by versions before logs were kept.
    let older = tempfile::tempdir().unwrap();
    configure(older.path(), redis.port());
    let output = run(older.path(), &["restore", own.join("metrics").to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
}

fn unix_seconds() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap().as_secs()
}
