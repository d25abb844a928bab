//! What the binary keeps: a real Redis, kill -9 in the middle, promtool's questions, a backup and its way back.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly, its helpers too")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use vigie_testkit::{RedisServer, Vigie, form_encoded, http_post, until};

const PROGRAM: &str = env!("CARGO_BIN_EXE_vigie");

fn prepare(dir: &Path, redis: &RedisServer) -> Vigie {
    let port = redis.port();
    let source = format!("{{name: main, kind: redis, url: \"redis://127.0.0.1:{port}\"}}");
    Vigie::prepare(PROGRAM, dir, &format!("sources: [{source}]"))
}

fn start(dir: &Path, redis: &RedisServer) -> Vigie {
    let mut vigie = prepare(dir, redis);
    vigie.boot();
    vigie
}

fn run(vigie: &Vigie, words: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(words).arg("--config").arg(vigie.config()).output().unwrap()
}

/// The value of a query now; none while it has no answer.
fn asks(vigie: &Vigie, query: &str) -> Option<f64> {
    let json = vigie.json(&format!("/api/v1/query?query={}", form_encoded(query)))?;
    json["data"]["result"][0]["value"][1].as_str()?.parse().ok()
}

fn waits_for(vigie: &Vigie, query: &str, least: f64) -> f64 {
    until(format!("{query} is {least}"), || asks(vigie, query).filter(|value| *value >= least))
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
    let mut vigie = start(dir.path(), &redis);
    let before = waits_for(&vigie, UP, 3.0);
    assert_eq!(waits_for(&vigie, WAITING, 1.0), 3.0);
    vigie.kill();

    redis.run(&["RPUSH", "asynq:{kept}:pending", "d"]);
    vigie.boot();
    waits_for(&vigie, WAITING, 4.0);
    let after = waits_for(&vigie, UP, before + 1.0);
    assert!(after > before, "samples of before the kill are there: {after} of {before}");
    assert_eq!(
        asks(&vigie, "min_over_time(vigie_queue_jobs{queue=\"kept\",state=\"waiting\"}[1h])"),
        Some(3.0)
    );

    let from = unix_seconds() - 300;
    let history = vigie
        .json(&format!("/api/v1/history?source=main&queue=kept&from={from}&points=400"))
        .unwrap();
    assert_eq!(history["resolution"], "stored");
    let waiting: Vec<f64> = history["columns"]["waiting"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_f64)
        .collect();
    let live = vigie.json("/api/v1/history?source=main&queue=kept").unwrap();
    assert_eq!(live["resolution"], "live");
    let behind = live["queries"]["waiting"].as_str().unwrap();
    assert!(asks(&vigie, behind).is_some(), "the query behind the live figures answers: {behind}");
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
    let heat = vigie.json(&format!("/api/v1/heatmap?figure=run&from={from}")).unwrap();
    assert_eq!(heat["step_seconds"], 5);
    assert!(heat["counts"].as_array().unwrap().len() >= 60);
}

#[test]
fn a_disk_that_fails_costs_the_history_and_nothing_else() {
    let (dir, redis) = (tempfile::tempdir().unwrap(), redis());
    let mut vigie = prepare(dir.path(), &redis);
    std::fs::write(dir.path().join("data"), "a file where the folder belongs").unwrap();
    vigie.boot();
    vigie.until("/api/v1/queue/status", "the queue is seen", |status| {
        status.to_string().contains("\"waiting\":3").then_some(())
    });
    let refused = vigie.get("/api/v1/query?query=up");
    assert_eq!(refused.status, 503, "{}", refused.body);
    let refused = vigie.get("/api/v1/logs");
    assert_eq!(refused.status, 503, "{}", refused.body);
    let refused = http_post(vigie.port(), "/api/v1/logs", &[], b"{\"message\":\"x\"}").unwrap();
    assert_eq!(refused.status, 503, "what is not kept is not acknowledged: {}", refused.body);
    let says = vigie.log();
    assert!(says.contains("no metrics are kept"), "{says}");
    assert!(says.contains("no logs are kept"), "{says}");
    // It is on the screen, in the metrics, and in what is checked.
    let verdict = vigie.json("/api/v1/verdict").unwrap();
    let mut said = verdict["also"].as_array().unwrap().iter().chain([&verdict]);
    let said = said.find(|one| one["code"] == "not_kept").unwrap();
    let text = said["text"].as_str().unwrap();
    assert_eq!(said["severity"], "critical", "{text}");
    assert!(text.contains("is not kept") && text.contains("is a file and no folder"), "{text}");
    let storage = vigie.json("/api/v1/storage").unwrap();
    for (place, what) in ["metrics", "logs"].into_iter().enumerate() {
        let store = &storage["stores"][place];
        let found = (&store["what"], &store["kept"], &store["bytes"]);
        assert_eq!(found, (&json!(what), &json!(false), &Value::Null));
        assert!(store["error"].as_str().unwrap().contains("is a file and no folder"), "{store}");
    }
    let metrics = vigie.get("/metrics").body;
    for name in ["vigie_store_failing 1", "vigie_log_store_failing 1"] {
        assert!(metrics.lines().any(|line| line == name), "{name}");
    }
    let output = run(&vigie, &["check"]);
    let says = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert_eq!(output.status.code(), Some(1), "{says}");
    assert!(says.contains("nothing is kept: ") && says.contains("data_dir does not"), "{says}");
}

#[test]
fn commands_ask_the_vigie_of_the_configuration() {
    let (dir, redis) = (tempfile::tempdir().unwrap(), redis());
    let vigie = start(dir.path(), &redis);
    waits_for(&vigie, WAITING, 3.0);
    for (command, says) in [
        ("queues", "kept"),
        ("instances", "No instances"),
        ("events", "source main is watched"),
        ("logs", "source main is watched"),
    ] {
        let output = run(&vigie, &[command]);
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.code() == Some(0) && text.contains(says), "{command}: {text}");
    }
    let unknown = run(&vigie, &["queues", "--source", "nix"]);
    let text = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(unknown.status.code() == Some(2) && text.contains("it is one of main"), "{text}");
    std::fs::write(dir.path().join("vigie.yaml"), "listen: [\n").unwrap();
    let wrong = run(&vigie, &["queues"]);
    let text = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(wrong.status.code() == Some(2) && text.contains("vigie.yaml:"), "{text}");
}

#[test]
fn promtool_asks_it_as_it_asks_prometheus() {
    let (dir, redis) = (tempfile::tempdir().unwrap(), redis());
    let vigie = start(dir.path(), &redis);
    waits_for(&vigie, WAITING, 3.0);
    let mode = std::fs::metadata(dir.path().join("data")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "nobody else may read what is kept");
    let storage = vigie.json("/api/v1/storage").unwrap();
    for store in storage["stores"].as_array().unwrap() {
        let found = (&store["kept"], &store["error"], &store["since"]);
        assert_eq!(found, (&json!(true), &Value::Null, &Value::Null), "{store}");
        assert!(store["bytes"].as_u64().is_some(), "{store}");
    }
    let url = vigie.url();
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
    let (dir, redis) = (tempfile::tempdir().unwrap(), redis());
    let vigie = prepare(dir.path(), &redis);
    std::fs::create_dir_all(dir.path().join("data/metrics")).unwrap();
    let inside = dir.path().join("data/new/copy");
    let output = run(&vigie, &["backup", inside.to_str().unwrap()]);
    let says = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && says.contains("name a folder elsewhere"), "{says}");
    assert!(!dir.path().join("data/new").exists());
}

#[test]
fn a_backup_of_a_running_vigie_goes_back_into_an_empty_folder() {
    let (dir, redis) = (tempfile::tempdir().unwrap(), redis());
    let mut vigie = start(dir.path(), &redis);
    let kept = waits_for(&vigie, UP, 3.0);
    let lines =
        "{\"level\":\"warn\",\"message\":\"before the backup\"}\n{\"message\":\"and another\"}\n";
    let answer = http_post(
        vigie.port(),
        "/api/v1/logs",
        &[("content-type", "application/x-ndjson")],
        lines.as_bytes(),
    );
    assert_eq!(answer.unwrap().status, 200);
    let copy = dir.path().join("copy");
    let copy = copy.to_str().unwrap();
    let output = run(&vigie, &["backup", copy]);
    assert!(output.status.success(), "{output:?}");
    let again = run(&vigie, &["backup", copy]);
    assert!(!again.status.success(), "a folder that holds something is left alone: {again:?}");
    // Two at once would write over each other.
    let second = run(&vigie, &["--listen", "127.0.0.1:0"]);
    let says = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(!second.status.success() && says.contains("in use by another process"), "{says}");
    vigie.kill();

    let elsewhere = tempfile::tempdir().unwrap();
    let mut other = prepare(elsewhere.path(), &redis);
    let output = run(&other, &["restore", copy]);
    assert!(output.status.success(), "{output:?}");
    other.boot();
    waits_for(&other, UP, kept);
    let logs = other.json("/api/v1/logs?limit=10").unwrap();
    let mut messages: Vec<&str> = logs["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["type"] != "event")
        .filter_map(|entry| entry["message"].as_str())
        .collect();
    messages.sort_unstable();
    assert_eq!(messages, ["and another", "before the backup"], "{logs}");
    let refused = run(&vigie, &["restore", copy]);
    assert!(!refused.status.success(), "what is there is not written over: {refused:?}");
    // Without a Vigie that runs, the copy is made all the same.
    let own = dir.path().join("own");
    let output = run(&vigie, &["backup", own.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    for name in ["contents", "metrics/backup", "logs/backup"] {
        assert!(own.join(name).is_file(), "{name}");
    }
    damaged_copies_leave_nothing(&own, &redis);
    // A copy that was not finished, that says more than it may, or whose folder is a link to another.
    let refuses = |says: &str| {
        let empty = tempfile::tempdir().unwrap();
        let output = run(&prepare(empty.path(), &redis), &["restore", own.to_str().unwrap()]);
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
    let older = prepare(older.path(), &redis);
    let output = run(&older, &["restore", own.join("metrics").to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
}

/// Nothing that a Vigie would start over, and no hindrance to a copy that is whole.
fn damaged_copies_leave_nothing(copy: &Path, redis: &RedisServer) {
    let log = copy.join("logs/wal");
    let log = std::fs::read_dir(log).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&log).unwrap();
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    std::fs::write(&log, damaged).unwrap();
    let empty = tempfile::tempdir().unwrap();
    let third = prepare(empty.path(), redis);
    let output = run(&third, &["restore", copy.to_str().unwrap()]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && error.contains("checksum differs"), "{error}");
    let left = std::fs::read_dir(empty.path().join("data")).unwrap().count();
    assert_eq!(left, 0, "half a copy is left");
    std::fs::write(&log, whole).unwrap();
    let output = run(&third, &["restore", copy.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
}

fn unix_seconds() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap().as_secs()
}

/// The error of a store in `/api/v1/storage`, once it is there or no more.
fn error_of(vigie: &Vigie, store: usize, there: bool) -> Option<String> {
    until(format!("store {store} has an error: {there}"), || {
        let storage = vigie.json("/api/v1/storage")?;
        let error = storage["stores"][store]["error"].as_str().map(str::to_owned);
        (error.is_some() == there).then_some(error)
    })
}

#[test]
fn a_data_folder_that_goes_away_under_it_is_said_and_what_comes_waits_for_it() {
    let (dir, redis) = (tempfile::tempdir().unwrap(), redis());
    let mut vigie = start(dir.path(), &redis);
    waits_for(&vigie, UP, 2.0);
    let (data, aside) = (dir.path().join("data"), dir.path().join("aside"));
    std::fs::rename(&data, &aside).unwrap();
    for store in [0, 1] {
        let error = error_of(&vigie, store, true).unwrap();
        assert!(error.contains("data/") && error.contains("was removed; put it back"), "{error}");
    }
    let verdict = vigie.json("/api/v1/verdict").unwrap();
    assert!(verdict.to_string().contains("\"not_kept\""), "{verdict}");
    let refused = http_post(vigie.port(), "/api/v1/logs", &[], b"{\"message\":\"x\"}").unwrap();
    assert_eq!(refused.status, 503, "what is not kept is not acknowledged: {}", refused.body);
    // Another in its place is not taken for it.
    std::fs::create_dir_all(data.join("metrics")).unwrap();
    std::fs::write(data.join("metrics/lock"), "").unwrap();
    until("the other folder is noticed", || {
        error_of(&vigie, 0, true)?.contains("another folder").then_some(())
    });
    std::fs::remove_dir_all(&data).unwrap();
    std::fs::rename(&aside, &data).unwrap();
    for store in [0, 1] {
        error_of(&vigie, store, false);
    }
    let before = waits_for(&vigie, UP, 4.0);
    vigie.kill();
    vigie.boot();
    assert!(waits_for(&vigie, UP, before) >= before, "what waited was written");
}
