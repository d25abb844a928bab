//! Clients that the field uses, as they are, at the doors of the binary: what each sends is there once and as it was, and a Vigie that is away
//! in the middle loses nothing that the client sends again.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly, its helpers too")]

mod followed;
mod lines;
mod through;

use std::path::Path;
use std::process::Command;

use followed::Followed;
use lines::{Line, assert_all};
use serde_json::{Value, json};
use tempfile::TempDir;
use through::{Away, Client, Program, STRETCH, built, through, vigie};
use vigie_testkit::{Rsyslog, Shipper, Vigie};

impl Client for Rsyslog {
    fn log(&mut self, line: &Line) {
        let severity = match line.level {
            "debug" => 7,
            "info" => 6,
            "warn" => 4,
            _ => 3,
        };
        // Facility local0.
        let priority = 16 * 8 + severity;
        let (time, number, job) = (line.time(), line.number, line.job());
        self.send(&format!("<{priority}>1 {time} web-1 shop {number} {job} - {}", line.message));
    }

    /// It goes on by itself, and is watched from outside.
    fn end(&mut self) {}

    fn said(&self) -> String {
        Rsyslog::log(self)
    }
}

/// A client in the test kit's program for Node, with its packages installed.
fn node_client(dir: &TempDir, name: &str, vigie: &Vigie) -> Program {
    static INSTALLING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testkit/node-clients");
    let one_at_a_time = INSTALLING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if !source.join("node_modules").exists() {
        let npm = Command::new("npm").args(["ci", "--silent"]).current_dir(&source).status();
        assert!(npm.expect("npm is installed").success(), "npm ci in {}", source.display());
    }
    drop(one_at_a_time);
    let mut command = Command::new("node");
    Program::start(command.args(["main.js", name, &vigie.url()]).current_dir(source), dir.path())
}

#[test]
fn rsyslog_sends_to_elasticsearch_what_it_hears() {
    let dir = tempfile::tempdir().unwrap();
    let (mut vigie, lines) = (vigie(&dir), Line::some(3 * STRETCH));
    let client = Rsyslog::start(vigie.port());
    let entries = through(&mut vigie, client, &lines, Away::Closed);
    assert_all("rsyslog", &lines, &entries, |line, entry| {
        assert_eq!(entry["message"], line.message);
        assert_eq!(entry["fields"]["process.pid"], line.number.to_string());
        assert_eq!(entry["fields"]["index"], "logs-syslog");
    });
}

/// As both of the following have it.
fn as_indexed(line: &Line, entry: &Value) {
    assert_eq!((&entry["message"], &entry["queue"]), (&json!(line.message), &json!(Line::QUEUE)));
    assert_eq!(entry["fields"], json!({"number": line.number, "index": "logs-shop"}));
}

#[test]
fn rsyslog_follows_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let (mut vigie, file) = (vigie(&dir), Followed::new(dir.path()));
    let mut shipper = Shipper::rsyslog(dir.path(), file.path(), vigie.port());
    file.shipped("rsyslog", &mut vigie, &mut shipper, false, as_indexed);
}

#[test]
fn syslog_ng_follows_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let (mut vigie, file) = (vigie(&dir), Followed::new(dir.path()));
    let mut shipper = Shipper::syslog_ng(dir.path(), file.path(), vigie.port());
    file.shipped("syslog-ng", &mut vigie, &mut shipper, true, as_indexed);
}

#[test]
fn elasticsearchs_own_client_indexes_in_bulk() {
    let dir = tempfile::tempdir().unwrap();
    let (mut vigie, lines) = (vigie(&dir), Line::some(3 * STRETCH));
    let mut command = Command::new(built(&dir, "log-clients", "."));
    let client = Program::start(command.args(["elasticsearch", &vigie.url()]), dir.path());
    let entries = through(&mut vigie, client, &lines, Away::Closed);
    assert_all("go-elasticsearch", &lines, &entries, |line, entry| {
        assert_eq!(
            (&entry["message"], &entry["queue"]),
            (&json!(line.message), &json!(Line::QUEUE))
        );
        let fields = json!({"ecs": {"version": "8.11.0"}, "number": line.number, "index": "logs-shop-default"});
        assert_eq!(entry["fields"], fields);
    });
}

#[test]
fn elasticsearchs_own_client_indexes_one_by_one() {
    let dir = tempfile::tempdir().unwrap();
    let (mut vigie, lines) = (vigie(&dir), Line::some(3 * STRETCH));
    let mut command = Command::new(built(&dir, "log-clients", "."));
    let client =
        Program::start(command.args(["elasticsearch-documents", &vigie.url()]), dir.path());
    let entries = through(&mut vigie, client, &lines, Away::Closed);
    assert_all("go-elasticsearch", &lines, &entries, |line, entry| {
        assert_eq!(
            (&entry["message"], &entry["level"]),
            (&json!(line.message), &json!(line.level))
        );
        assert_eq!(entry["fields"]["index"], "shop");
    });
}

#[test]
fn opentelemetrys_sdk_exports_records_and_metrics() {
    let dir = tempfile::tempdir().unwrap();
    let (mut vigie, lines) = (vigie(&dir), Line::some(3 * STRETCH));
    let mut command = Command::new(built(&dir, "log-clients", "."));
    let client = Program::start(command.args(["opentelemetry", &vigie.url()]), dir.path());
    // It gives up at once where nobody answers at all.
    let entries = through(&mut vigie, client, &lines, Away::Status(503));
    assert_all("opentelemetry", &lines, &entries, |line, entry| {
        assert_eq!(
            (&entry["message"], &entry["queue"]),
            (&json!(line.message), &json!(Line::QUEUE))
        );
        let word = line.level.to_uppercase();
        assert_eq!(entry["fields"], json!({"number": line.number, "level_text": word}));
    });
    let errors = lines.iter().filter(|line| line.level == "error");
    let (count, bytes) =
        errors.fold((0, 0), |(count, bytes), line| (count + 1, bytes + line.message.len()));
    for (query, wanted) in [
        ("shop_entries_total{level=\"error\"}", count),
        ("shop_length_bytes_count{level=\"error\"}", count),
        ("shop_length_bytes_sum{level=\"error\"}", bytes),
        ("shop_length_bytes_bucket{level=\"error\",le=\"+Inf\"}", count),
    ] {
        let path = format!("/api/v1/query?query={}", vigie_testkit::form_encoded(query));
        vigie.until(&path, query, |answer| {
            let result = &answer["data"]["result"][0];
            (result["value"][1] == json!(wanted.to_string()) && result["metric"]["job"] == "shop")
                .then_some(())
        });
    }
}

#[test]
fn opentelemetrys_sdk_for_node_exports_json() {
    let dir = tempfile::tempdir().unwrap();
    let (mut vigie, lines) = (vigie(&dir), Line::some(3 * STRETCH));
    let client = node_client(&dir, "opentelemetry", &vigie);
    // It tries five times, within some seconds: that is not enough for a busy machine.
    let entries = through(&mut vigie, client, &lines, Away::Never);
    assert_all("opentelemetry for Node", &lines, &entries, |line, entry| {
        assert_eq!(
            (&entry["message"], &entry["queue"]),
            (&json!(line.message), &json!(Line::QUEUE))
        );
        let word = line.level.to_uppercase();
        assert_eq!(entry["fields"], json!({"number": line.number, "level_text": word}));
    });
}

#[test]
fn winston_pushes_to_loki_in_protobuf() {
    let dir = tempfile::tempdir().unwrap();
    let (mut vigie, lines) = (vigie(&dir), Line::some(3 * STRETCH));
    let client = node_client(&dir, "winston", &vigie);
    let entries = through(&mut vigie, client, &lines, Away::Closed);
    assert_all("winston-loki", &lines, &entries, |line, entry| {
        let said: Value = serde_json::from_str(entry["message"].as_str().unwrap()).unwrap();
        assert_eq!(said, json!({"msg": line.message, "number": line.number}));
        assert_eq!(
            (&entry["queue"], &entry["fields"]["host"]),
            (&json!(Line::QUEUE), &json!("web-1"))
        );
    });
}

#[test]
fn pino_pushes_to_loki_in_json() {
    let dir = tempfile::tempdir().unwrap();
    let (mut vigie, lines) = (vigie(&dir), Line::some(3 * STRETCH));
    let client = node_client(&dir, "pino", &vigie);
    // What it could not send is gone.
    let entries = through(&mut vigie, client, &lines, Away::Never);
    assert_all("pino-loki", &lines, &entries, |line, entry| {
        let said: Value = serde_json::from_str(entry["message"].as_str().unwrap()).unwrap();
        assert_eq!((&said["msg"], &said["number"]), (&json!(line.message), &json!(line.number)));
        assert_eq!(
            (&entry["queue"], &entry["fields"]["host"]),
            (&json!(Line::QUEUE), &json!("web-1"))
        );
    });
}
