//! `vigie logs` and `vigie events` against a real Vigie: what is there, what comes, kills in between, hostile lines.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly, its helpers too")]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};
use vigie_testkit::{RedisServer, Vigie, free_port, until};

/// How long a busy machine may take for anything.
const PATIENCE: Duration = Duration::from_secs(40);

const PROGRAM: &str = env!("CARGO_BIN_EXE_vigie");

fn binary() -> Command {
    let mut command = Command::new(PROGRAM);
    command.env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

fn source(redis: &RedisServer, seconds: f64) -> String {
    let port = redis.port();
    format!(
        "sources: [{{name: main, kind: redis, url: \"redis://127.0.0.1:{port}\", poll_seconds: {seconds}}}]"
    )
}

fn start(dir: &Path, redis: &RedisServer) -> Vigie {
    Vigie::start(PROGRAM, dir, &source(redis, 0.5))
}

/// Ids and types of all events, newest first.
fn events(vigie: &Vigie) -> Vec<(String, String)> {
    let answer = vigie.json("/api/v1/events?limit=1000").unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let events = answer["events"].as_array().unwrap().iter();
    events.map(|event| (text(&event["id"]), text(&event["type"]))).collect()
}

fn run(words: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = binary().args(words).output().unwrap();
    (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

/// A command that goes on, and the lines that it prints.
struct Following {
    process: Child,
    lines: Receiver<String>,
}

impl Drop for Following {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Following {
    fn start(words: &[&str]) -> Self {
        let mut process =
            binary().args(words).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let out = process.stdout.take().unwrap();
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        Self { process, lines }
    }

    fn next(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line comes in time")
    }

    fn is_quiet(&self) -> bool {
        self.lines.recv_timeout(Duration::from_millis(500)).is_err()
    }
}

#[test]
fn lines_are_shown_followed_over_a_kill_and_do_no_harm() {
    let (dir, redis) = (tempfile::tempdir().unwrap(), RedisServer::start());
    let mut vigie = start(dir.path(), &redis);
    let url = vigie.url();
    let line = |level: &str, message: &str| {
        json!({"level": level, "msg": message, "queue": "emails", "job": "17"}).to_string()
    };
    vigie.post(
        "/api/v1/logs",
        &[line("info", "fine"), line("error", "refused\u{1b}[2J\nby smtp"), line("warn", "slow")]
            .join("\n"),
    );

    let (code, text) = run(&["logs", "--url", &url, "--queue", "emails"]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((code, lines.len()), (Some(0), 3), "{text}");
    assert!(
        lines[0].ends_with("INFO  api [emails/17] fine"),
        "plain when piped, oldest first: {text}"
    );
    assert!(lines[1].ends_with("ERROR api [emails/17] refused\\u{1b}[2J\\nby smtp"), "{text}");
    let (_, text) = run(&[
        "logs",
        "--url",
        &url,
        "--level",
        "warn",
        "--job",
        "17",
        "--since",
        "1h",
        "/REFUSED|refused/",
    ]);
    assert_eq!(text.lines().count(), 1, "{text}");
    let (_, text) = run(&["logs", "--url", &url, "--json", "--source", "api", "--limit", "1"]);
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["message"], "slow");

    let following =
        Following::start(&["logs", "-f", "--url", &url, "--level", "warn", "--queue", "emails"]);
    assert!(following.next().contains("refused") && following.next().contains("slow"));
    vigie.post(
        "/api/v1/logs",
        &[line("info", "not this"), line("warn", "again"), line("warn", "again")].join("\n"),
    );
    assert!(following.next().ends_with("again") && following.next().ends_with("again"));
    vigie.kill();
    vigie.boot();
    // Written while the one who follows may not be back yet.
    vigie.post("/api/v1/logs", &line("warn", "after the kill"));
    assert!(following.next().ends_with("after the kill"));
    assert!(following.is_quiet(), "nothing comes twice");
}

#[test]
fn events_are_shown_followed_and_the_same_after_a_kill() {
    let (dir, redis) = (tempfile::tempdir().unwrap(), RedisServer::start());
    let mut vigie = start(dir.path(), &redis);
    let url = vigie.url();
    until("the source is found", || {
        events(&vigie).iter().any(|event| event.1 == "source_found").then_some(())
    });
    vigie.post("/api/v1/events", "api 1.4.2 is out");
    let following =
        Following::start(&["events", "-f", "--url", &url, "--type", "queue_appeared,deploy"]);
    assert!(following.next().ends_with("info     deploy api api 1.4.2 is out"));
    redis.run(&["SADD", "asynq:queues", "late"]);
    redis.run(&["RPUSH", "asynq:{late}:pending", "a"]);
    let line = following.next();
    assert!(line.contains("queue_appeared") && line.ends_with("queue late appeared"), "{line}");
    vigie
        .post("/api/v1/logs", r#"{"type":"event","event":"deploy","msg":"web 7","subject":"web"}"#);
    assert!(following.next().ends_with("deploy api web 7"));
    let (code, text) =
        run(&["events", "--url", &url, "--json", "--severity", "info", "--type", "deploy"]);
    let told: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((code, told.len(), &told[1]["message"]), (Some(0), 2, &json!("web 7")));

    let before = events(&vigie);
    vigie.kill();
    vigie.configure(&source(&redis, 0.4));
    vigie.boot();
    let after = until("the source is found again", || {
        let events = events(&vigie);
        (events.len() >= before.len() + 3).then_some(events)
    });
    assert_eq!(after[after.len() - before.len()..], before, "none is lost, none is doubled");
    let news: Vec<&str> =
        after[..after.len() - before.len()].iter().map(|event| event.1.as_str()).collect();
    assert_eq!(news, ["source_found", "config_changed", "vigie_started"]);
    let (_, text) = run(&["events", "--url", &url, "--type", "config_changed,vigie_started"]);
    assert!(
        text.contains("the configuration changed: other settings: main (poll_seconds)"),
        "{text}"
    );
    assert_eq!(text.matches("Vigie started: ").count(), 2, "{text}");
}

#[test]
fn what_is_wrong_is_said_with_an_exit_code() {
    let nobody = format!("http://127.0.0.1:{}", free_port());
    for words in [vec!["logs"], vec!["logs", "-f"], vec!["events"], vec!["events", "-f"]] {
        let (code, text) = run(&[&words[..], &["--url", &nobody]].concat());
        assert_eq!(code, Some(3), "{words:?}: {text}");
        assert!(text.contains("no Vigie answers"), "{text}");
    }
    for words in [
        ["logs", "--since", "yesterday"],
        ["logs", "--limit", "0"],
        ["events", "--limit", "9999"],
        ["events", "--url", "nonsense"],
    ] {
        assert_eq!(run(&words).0, Some(2), "{words:?}");
    }
    let (dir, redis) = (tempfile::tempdir().unwrap(), RedisServer::start());
    let vigie = start(dir.path(), &redis);
    for (follow, expected) in [(None, 2), (Some("-f"), 1)] {
        let words: Vec<&str> = ["logs", "/(/"].into_iter().chain(follow).collect();
        let (code, text) = run(&[&words[..], &["--url", &vigie.url()]].concat());
        assert!(code == Some(expected) && text.contains("does not parse"), "{code:?} {text}");
    }
    // Who reads no more is no failure.
    let many: Vec<String> =
        (0..3_000).map(|n| json!({"msg": format!("line {n}")}).to_string()).collect();
    vigie.post("/api/v1/logs", &many.join("\n"));
    let mut process = binary()
        .args(["logs", "--limit", "5000", "--url", &vigie.url()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 10];
    process.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let ended = process.wait_with_output().unwrap();
    assert_eq!(
        (ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()),
        (Some(0), "")
    );
}
