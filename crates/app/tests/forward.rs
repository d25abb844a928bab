//! Log entries forwarded by the binary: to a strict fake of Elasticsearch, and to a second Vigie's door for Loki.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly, its helpers too")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use vigie_testkit::{BulkReply, BulkServer, RedisServer, free_port, http_get, http_post};

/// The binary; killed (SIGKILL) when it is dropped.
struct Vigie {
    process: Child,
    port: u16,
}

impl Drop for Vigie {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn eventually<T>(what: &str, mut find: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(begin.elapsed() < Duration::from_secs(60), "after 60 s: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

impl Vigie {
    /// Starts one with its data in `dir` and these lines of `logs`.
    fn start(dir: &Path, redis: &RedisServer, port: u16, logs: &str) -> Self {
        std::fs::create_dir_all(dir).unwrap();
        let (config, redis) = (dir.join("vigie.yaml"), redis.port());
        let text = format!(
            "listen: 127.0.0.1:{port}\ndata_dir: {}\nsources: [{{name: main, kind: redis, url: \"redis://127.0.0.1:{redis}\"}}]\n\
             logs: {{{logs}}}\n",
            dir.join("data").display()
        );
        std::fs::write(&config, text).unwrap();
        let log = std::fs::File::options().create(true).append(true).open(dir.join("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
        command.arg("--config").arg(&config).stdout(Stdio::null()).stderr(log);
        let vigie = Self { process: command.spawn().unwrap(), port };
        eventually("it answers", || http_get(port, "/healthz").ok());
        vigie
    }

    /// Pushes lines; they are on its disk then.
    fn push(&self, range: std::ops::Range<usize>) {
        let line = |n: usize| {
            format!(
                "{{\"level\":\"warn\",\"message\":\"line {n}\",\"queue\":\"emails\",\"job\":\"{n}\",\"attempt\":{n}}}\n"
            )
        };
        let body: String = range.map(line).collect();
        let answer = http_post(self.port, "/api/v1/logs", &[], body.as_bytes()).unwrap();
        assert!(answer.status < 300, "{answer:?}");
    }

    /// What it says of its first destination.
    fn destination(&self) -> Value {
        let answer = http_get(self.port, "/api/v1/forwarding").map(|answer| answer.body);
        let json: Value = serde_json::from_str(&answer.unwrap_or_default()).unwrap_or_default();
        json["destinations"][0].clone()
    }

    fn emptied(&self) -> Value {
        eventually(&format!("it is forwarded: {}", self.destination()), || {
            let now = self.destination();
            (now["pending"] == 0).then_some(now)
        })
    }
}

fn letters(dir: &Path, name: &str) -> Vec<Value> {
    let path: PathBuf = dir.join("data/forward").join(name).join("dead-letters.ndjson");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_is_forwarded_outlives_kills_of_either_side() {
    let (dir, redis) = (tempfile::tempdir().unwrap(), RedisServer::start());
    let (port, there) = (free_port(), free_port());
    let logs = format!(
        "forward: [{{name: elk, kind: elasticsearch, url: \"http://127.0.0.1:{there}\", batch_entries: 100, setup: true, min_level: warn}}]"
    );
    // Nobody is there at first: what comes is taken nevertheless.
    let vigie = Vigie::start(dir.path(), &redis, port, &logs);
    vigie.push(0..400);
    eventually("it says that nobody is there", || {
        (vigie.destination()["up"] == false).then_some(())
    });
    // With what Vigie says itself, which is below that level.
    assert!(vigie.destination()["pending"].as_u64() >= Some(400), "{}", vigie.destination());
    drop(vigie);

    // Killed; the receiver comes, takes, and dies in the middle of answers.
    let server = BulkServer::on(there);
    server.behave(|number, _| match number % 3 {
        1 => BulkReply::TakeAndDie,
        _ => BulkReply::Obey,
    });
    let vigie = Vigie::start(dir.path(), &redis, port, &logs);
    eventually("something arrives", || (server.requests() > 2).then_some(()));
    vigie.push(400..1_000);
    drop(vigie);
    let (mut seen, mut repeats, templates) =
        (server.documents(), server.repeats(), server.templates());
    assert_eq!(server.wrong(), Vec::<String>::new());
    assert!(templates.contains_key("vigie-logs-vigie-default"));
    drop(server);

    // The receiver is away once more, with Vigie running, and comes back with all that it had.
    let vigie = Vigie::start(dir.path(), &redis, port, &logs);
    vigie.push(1_000..1_100);
    let server = BulkServer::on(there);
    let known: std::collections::BTreeSet<String> = seen.keys().cloned().collect();
    server.behave(move |_, documents| {
        let told = documents.iter().enumerate().filter(|(_, one)| known.contains(&one.id));
        BulkReply::Items(told.map(|(place, _)| (place, 409)).collect())
    });
    let said = vigie.emptied();
    repeats += said["repeated"].as_u64().unwrap() as usize;
    seen.extend(server.documents());
    assert_eq!(server.wrong(), Vec::<String>::new());
    let mut numbers: Vec<usize> =
        seen.values().filter_map(|one| one["vigie"]["job"].as_str()?.parse().ok()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..1_100).collect::<Vec<_>>(), "each line under one id");
    assert!(repeats > 0, "this test has not seen what it is for");
    let one = seen.values().find(|one| one["vigie"]["job"].is_string()).unwrap();
    assert_eq!((&one["log"]["level"], &one["vigie"]["queue"]), (&"warn".into(), &"emails".into()));
    assert!(letters(dir.path(), "elk").is_empty());
    let metrics = http_get(port, "/metrics").unwrap().body;
    assert!(metrics.contains("vigie_forward_pending_entries{destination=\"elk\"} 0"), "{metrics}");
    assert!(metrics.contains("vigie_forward_up{destination=\"elk\"} 1"));
}

#[test]
fn a_second_vigie_takes_it_as_loki_does() {
    let (dir, redis) = (tempfile::tempdir().unwrap(), RedisServer::start());
    let (here, there) = (dir.path().join("here"), dir.path().join("there"));
    let (port, other) = (free_port(), free_port());
    let logs = format!(
        "forward: [{{name: loki, kind: loki, url: \"http://127.0.0.1:{other}\", batch_entries: 100, labels: {{site: a}}}}]"
    );
    let vigie = Vigie::start(&here, &redis, port, &logs);
    vigie.push(0..150);
    // It keeps two days.
    let second = Vigie::start(&there, &redis, other, "retention_days: 2");
    eventually("the first arrive", || (vigie.destination()["sent"].as_u64()? >= 100).then_some(()));
    drop(second);
    vigie.push(150..300);
    let second = Vigie::start(&there, &redis, other, "retention_days: 2");
    vigie.push(300..310);
    vigie.emptied();
    // By itself, so that it is refused: what is too old there is not taken.
    let old = format!("{{\"time\":\"{}\",\"message\":\"too old for there\"}}\n", days_ago(5));
    assert!(http_post(port, "/api/v1/logs", &[], old.as_bytes()).unwrap().status < 300);
    let said = eventually("it is refused", || {
        let now = vigie.destination();
        (now["dead_letters"] == 1).then_some(now)
    });
    assert!(said["dead_letter_reason"].as_str().unwrap().starts_with("400"), "{said}");
    assert_eq!(letters(&here, "loki")[0]["entry"]["message"], "too old for there");
    // Among others, which are taken: they are not sent again.
    let line = |n: usize| match n % 3 {
        0 => old.clone(),
        _ => format!(
            "{{\"level\":\"warn\",\"message\":\"mixed\",\"queue\":\"emails\",\"job\":\"{n}\",\"attempt\":{n}}}\n"
        ),
    };
    let mixed: String = (1_000..1_090).map(line).collect();
    assert!(http_post(port, "/api/v1/logs", &[], mixed.as_bytes()).unwrap().status < 300);
    let said = eventually("a part is refused", || {
        let now = vigie.destination();
        (now["dead_letters"] == 31 && now["pending"] == 0).then_some(now)
    });
    assert!(said["dead_letter_reason"].as_str().unwrap().contains("logs.retention_days"), "{said}");
    assert_eq!(letters(&here, "loki").len(), 31);
    drop(vigie);
    let page = http_get(other, "/api/v1/logs?limit=1000&q=mixed").unwrap().body;
    let page: Value = serde_json::from_str(&page).unwrap();
    assert_eq!(page["entries"].as_array().unwrap().len(), 60, "each once: {page}");

    let page = http_get(other, "/api/v1/logs?limit=1000").unwrap().body;
    let page: Value = serde_json::from_str(&page).unwrap();
    let entries = page["entries"].as_array().unwrap();
    let mut jobs: Vec<usize> =
        entries.iter().filter_map(|one| one["job"].as_str()?.parse().ok()).collect();
    jobs.retain(|job| *job < 1_000);
    jobs.sort_unstable();
    jobs.dedup();
    assert_eq!(jobs, (0..310).collect::<Vec<_>>(), "each at least once");
    let one = entries.iter().find(|one| one["job"].is_string()).unwrap();
    assert_eq!((&one["level"], &one["queue"]), (&"warn".into(), &"emails".into()), "{one}");
    let line: Value = serde_json::from_str(one["message"].as_str().unwrap()).unwrap();
    assert_eq!(line["attempt"].to_string(), one["job"].as_str().unwrap());
    let labels = http_get(other, "/loki/api/v1/label/site/values").unwrap().body;
    assert!(labels.contains("\"a\""), "{labels}");
    drop(second);
}

/// RFC 3339, for a time that the one keeps and the other does not.
#[test]
fn vigie_check_asks_each_destination() {
    let (redis, dir) = (RedisServer::start(), tempfile::tempdir().unwrap());
    let there = Vigie::start(&dir.path().join("there"), &redis, free_port(), "");
    let own = dir.path().join("own");
    let forward = format!(
        "forward: [{{kind: elasticsearch, name: es, url: \"http://127.0.0.1:{0}\"}}, \
         {{kind: loki, name: lo, url: \"http://127.0.0.1:{0}\"}}, \
         {{kind: elasticsearch, name: gone, url: \"http://127.0.0.1:{1}\"}}]",
        there.port,
        free_port()
    );
    drop(Vigie::start(&own, &redis, free_port(), &forward));
    let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
    let output = command.arg("--config").arg(own.join("vigie.yaml")).arg("check").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let parts: Vec<&str> = said.split("log destination ").skip(1).collect();
    assert_eq!(parts.len(), 3, "{said}");
    assert!(
        parts[0].starts_with("es (elasticsearch") && parts[0].contains("answers as Elasticsearch")
    );
    assert!(
        parts[1].starts_with("lo (loki") && parts[1].contains("answers as Loki does"),
        "{said}"
    );
    assert!(parts[2].contains("Connection refused"), "{said}");
}

fn days_ago(days: i64) -> String {
    (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24 * days)).to_string()
}
