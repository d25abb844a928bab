//! Log entries forwarded by the binary: to a strict fake of Elasticsearch, and to a second Vigie's door for Loki.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly, its helpers too")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use vigie_testkit::{BulkReply, BulkServer, RedisServer, Vigie, free_port, http_post, until};

const PROGRAM: &str = env!("CARGO_BIN_EXE_vigie");

/// A configuration with these lines of `logs`.
fn config(redis: &RedisServer, logs: &str) -> String {
    let port = redis.port();
    format!(
        "sources: [{{name: main, kind: redis, url: \"redis://127.0.0.1:{port}\"}}]\nlogs: {{{logs}}}"
    )
}

/// Pushes lines; they are on its disk then.
fn push(vigie: &Vigie, range: std::ops::Range<usize>) {
    let line = |n: usize| {
        format!(
            "{{\"level\":\"warn\",\"message\":\"line {n}\",\"queue\":\"emails\",\"job\":\"{n}\",\"attempt\":{n}}}\n"
        )
    };
    vigie.post("/api/v1/logs", &range.map(line).collect::<String>());
}

/// What it says of its first destination.
fn destination(vigie: &Vigie) -> Value {
    let json = vigie.json("/api/v1/forwarding").unwrap_or_default();
    json["destinations"][0].clone()
}

fn emptied(vigie: &Vigie) -> Value {
    vigie.until("/api/v1/forwarding", "it is forwarded", |json| {
        let now = &json["destinations"][0];
        (now["pending"] == 0).then(|| now.clone())
    })
}

fn letters(dir: &Path, name: &str) -> Vec<Value> {
    let path: PathBuf = dir.join("data/forward").join(name).join("dead-letters.ndjson");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_is_forwarded_outlives_kills_of_either_side() {
    let (dir, redis) = (tempfile::tempdir().unwrap(), RedisServer::start());
    let there = free_port();
    let logs = format!(
        "forward: [{{name: elk, kind: elasticsearch, url: \"http://127.0.0.1:{there}\", batch_entries: 100, setup: true, min_level: warn}}]"
    );
    // Nobody is there at first: what comes is taken nevertheless.
    let mut vigie = Vigie::start(PROGRAM, dir.path(), &config(&redis, &logs));
    push(&vigie, 0..400);
    until("it says that nobody is there", || (destination(&vigie)["up"] == false).then_some(()));
    // With what Vigie says itself, which is below that level.
    assert!(destination(&vigie)["pending"].as_u64() >= Some(400), "{}", destination(&vigie));
    vigie.kill();

    // Killed; the receiver comes, takes, and dies in the middle of answers.
    let server = BulkServer::on(there);
    server.behave(|number, _| match number % 3 {
        1 => BulkReply::TakeAndDie,
        _ => BulkReply::Obey,
    });
    vigie.boot();
    until("something arrives", || (server.requests() > 2).then_some(()));
    push(&vigie, 400..1_000);
    vigie.kill();
    let (mut seen, mut repeats, templates) =
        (server.documents(), server.repeats(), server.templates());
    assert_eq!(server.wrong(), Vec::<String>::new());
    assert!(templates.contains_key("vigie-logs-vigie-default"));
    drop(server);

    // The receiver is away once more, with Vigie running, and comes back with all that it had.
    vigie.boot();
    push(&vigie, 1_000..1_100);
    let server = BulkServer::on(there);
    let known: std::collections::BTreeSet<String> = seen.keys().cloned().collect();
    server.behave(move |_, documents| {
        let told = documents.iter().enumerate().filter(|(_, one)| known.contains(&one.id));
        BulkReply::Items(told.map(|(place, _)| (place, 409)).collect())
    });
    let said = emptied(&vigie);
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
    let metrics = vigie.get("/metrics").body;
    assert!(metrics.contains("vigie_forward_pending_entries{destination=\"elk\"} 0"), "{metrics}");
    assert!(metrics.contains("vigie_forward_up{destination=\"elk\"} 1"));
}

#[test]
fn a_second_vigie_takes_it_as_loki_does() {
    let (dir, redis) = (tempfile::tempdir().unwrap(), RedisServer::start());
    let (here, there) = (dir.path().join("here"), dir.path().join("there"));
    // It keeps two days.
    let mut second = Vigie::prepare(PROGRAM, &there, &config(&redis, "retention_days: 2"));
    let logs = format!(
        "forward: [{{name: loki, kind: loki, url: \"{}\", batch_entries: 100, labels: {{site: a}}}}]",
        second.url()
    );
    let vigie = Vigie::start(PROGRAM, &here, &config(&redis, &logs));
    push(&vigie, 0..150);
    second.boot();
    until("the first arrive", || (destination(&vigie)["sent"].as_u64()? >= 100).then_some(()));
    second.kill();
    push(&vigie, 150..300);
    second.boot();
    push(&vigie, 300..310);
    emptied(&vigie);
    // By itself, so that it is refused: what is too old there is not taken.
    let old = format!("{{\"time\":\"{}\",\"message\":\"too old for there\"}}\n", days_ago(5));
    assert!(http_post(vigie.port(), "/api/v1/logs", &[], old.as_bytes()).unwrap().status < 300);
    let said = until("it is refused", || {
        let now = destination(&vigie);
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
    assert!(http_post(vigie.port(), "/api/v1/logs", &[], mixed.as_bytes()).unwrap().status < 300);
    let said = until("a part is refused", || {
        let now = destination(&vigie);
        (now["dead_letters"] == 31 && now["pending"] == 0).then_some(now)
    });
    assert!(said["dead_letter_reason"].as_str().unwrap().contains("logs.retention_days"), "{said}");
    assert_eq!(letters(&here, "loki").len(), 31);
    drop(vigie);
    let page = second.get("/api/v1/logs?limit=1000&q=mixed").body;
    let page: Value = serde_json::from_str(&page).unwrap();
    assert_eq!(page["entries"].as_array().unwrap().len(), 60, "each once: {page}");

    let page = second.get("/api/v1/logs?limit=1000").body;
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
    let labels = second.get("/loki/api/v1/label/site/values").body;
    assert!(labels.contains("\"a\""), "{labels}");
}

#[test]
fn vigie_check_asks_each_destination() {
    let (redis, dir) = (RedisServer::start(), tempfile::tempdir().unwrap());
    let there = Vigie::start(PROGRAM, &dir.path().join("there"), &config(&redis, ""));
    let own = dir.path().join("own");
    let forward = format!(
        "forward: [{{kind: elasticsearch, name: es, url: \"http://127.0.0.1:{0}\"}}, \
         {{kind: loki, name: lo, url: \"http://127.0.0.1:{0}\"}}, \
         {{kind: elasticsearch, name: gone, url: \"http://127.0.0.1:{1}\"}}]",
        there.port(),
        free_port()
    );
    let vigie = Vigie::prepare(PROGRAM, &own, &config(&redis, &forward));
    let mut command = Command::new(PROGRAM);
    let output = command.arg("--config").arg(vigie.config()).arg("check").output().unwrap();
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

/// RFC 3339, for a time that the one keeps and the other does not.
fn days_ago(days: i64) -> String {
    (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24 * days)).to_string()
}
