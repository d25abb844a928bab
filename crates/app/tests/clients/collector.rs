//! A real OpenTelemetry Collector follows a file and exports what it reads to the binary. Building it takes minutes: `make test-peers`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly, its helpers too")]

mod lines;
mod through;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command};

use lines::{Line, assert_all};
use serde_json::json;
use through::{Away, Client, STRETCH, built, through, vigie};

/// The collector, and the file that it follows.
struct Collector {
    process: Child,
    file: std::fs::File,
    log: PathBuf,
}

impl Client for Collector {
    fn log(&mut self, line: &Line) {
        writeln!(self.file, "{}", line.json()).unwrap();
    }

    /// It goes on by itself, and is watched from outside.
    fn end(&mut self) {}

    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[test]
fn the_collector_follows_a_file_and_exports_it() {
    let dir = tempfile::tempdir().unwrap();
    let (mut vigie, lines) = (vigie(&dir), Line::some(3 * STRETCH));
    let (followed, config) = (dir.path().join("shop.json"), dir.path().join("collector.yaml"));
    let parse = json!({
        "type": "json_parser", "severity": {"parse_from": "attributes.level"},
        "timestamp": {"parse_from": "attributes.time", "layout_type": "gotime", "layout": "2006-01-02T15:04:05.000Z07:00"},
    });
    let text = json!({
        "receivers": {"filelog": {
            "include": [&followed], "start_at": "beginning", "poll_interval": "100ms",
            "resource": {"service.name": "shop", "host.name": "web-1"},
            "operators": [parse, {"type": "move", "from": "attributes.message", "to": "body"},
                {"type": "remove", "field": "attributes.time"}, {"type": "remove", "field": "attributes.level"}],
        }},
        "exporters": {"otlp_http": {
            "endpoint": vigie.url(),
            "retry_on_failure": {"initial_interval": "200ms", "max_interval": "1s", "max_elapsed_time": "0s"},
        }},
        "service": {
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {"logs": {"receivers": ["filelog"], "exporters": ["otlp_http"]}},
        },
    });
    // JSON is YAML.
    std::fs::write(&config, text.to_string()).unwrap();
    let file = std::fs::File::create(&followed).unwrap();
    let log = dir.path().join("collector.log");
    let said = std::fs::File::create(&log).unwrap();
    let mut command = Command::new(built(&dir, "collector"));
    command.arg(&config).stdout(said.try_clone().unwrap()).stderr(said);
    let client = Collector { process: command.spawn().unwrap(), file, log };
    let entries = through(&mut vigie, client, &lines, Away::Status(503));
    assert_all("collector", &lines, &entries, |line, entry| {
        assert_eq!(
            (&entry["message"], &entry["queue"]),
            (&json!(line.message), &json!(Line::QUEUE))
        );
        let fields = &entry["fields"];
        assert_eq!(
            (fields["number"].as_f64(), &fields["log.file.name"]),
            (Some(line.number as f64), &json!("shop.json"))
        );
    });
}
