//! Shippers that take minutes to build, at the doors of the binary: `make test-shippers`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly, its helpers too")]

mod followed;
mod lines;
mod through;

use std::process::Command;

use followed::Followed;
use lines::{Line, assert_all};
use serde_json::{Value, json};
use tempfile::TempDir;
use through::{Away, Program, STRETCH, built, through, vigie};
use vigie_testkit::{Shipper, Vigie, form_encoded, free_port};

/// A shipper of `testkit/shippers`, with this configuration.
fn shipper(dir: &TempDir, name: &str, config: &str) -> Shipper {
    let file = dir.path().join(name).with_extension("conf");
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new(built(dir, "shippers", name));
    command.arg(file);
    Shipper::new(command, dir.path())
}

/// An exporter that tries until it works, and keeps on disk what it has.
fn patient(mut exporter: Value) -> Value {
    exporter["retry_on_failure"] =
        json!({"initial_interval": "200ms", "max_interval": "1s", "max_elapsed_time": "0s"});
    exporter
}

fn collector(dir: &TempDir, parts: &Value) -> Shipper {
    let mut config = parts.clone();
    config["service"]["telemetry"] = json!({"metrics": {"level": "none"}});
    // JSON is YAML.
    shipper(dir, "collector", &config.to_string())
}

/// As both of the following have it: a number may come as another kind of number.
fn as_exported(line: &Line, entry: &Value) {
    assert_eq!((&entry["message"], &entry["queue"]), (&json!(line.message), &json!(Line::QUEUE)));
    assert_eq!(entry["fields"]["number"].as_f64(), Some(line.number as f64), "{entry:#}");
}

#[test]
fn the_collector_follows_a_file_and_exports_it() {
    let dir = tempfile::tempdir().unwrap();
    let (mut vigie, file) = (vigie(&dir), Followed::new(dir.path()));
    let kept = dir.path().join("kept");
    std::fs::create_dir(&kept).unwrap();
    let parse = json!({
        "type": "json_parser", "severity": {"parse_from": "attributes.level"},
        "timestamp": {"parse_from": "attributes.time", "layout_type": "gotime", "layout": "2006-01-02T15:04:05.000Z07:00"},
    });
    let exporter =
        patient(json!({"endpoint": vigie.url(), "sending_queue": {"storage": "file_storage"}}));
    let mut shipper = collector(
        &dir,
        &json!({
            "extensions": {"file_storage": {"directory": kept}},
            "receivers": {"file_log": {
                "include": [file.path()], "start_at": "beginning", "poll_interval": "100ms", "storage": "file_storage",
                "resource": {"service.name": "shop", "host.name": "web-1"},
                "operators": [parse, {"type": "move", "from": "attributes.message", "to": "body"},
                    {"type": "remove", "field": "attributes.time"}, {"type": "remove", "field": "attributes.level"}],
            }},
            "exporters": {"otlp_http": exporter},
            "service": {
                "extensions": ["file_storage"],
                "pipelines": {"logs": {"receivers": ["file_log"], "exporters": ["otlp_http"]}},
            },
        }),
    );
    file.shipped("the collector", &mut vigie, &mut shipper, true, |line, entry| {
        as_exported(line, entry);
        assert_eq!(entry["fields"]["log.file.name"], "shop.json");
    });
}

#[test]
fn the_collector_passes_on_what_the_sdk_exports() {
    let dir = tempfile::tempdir().unwrap();
    let (mut vigie, lines) = (vigie(&dir), Line::some(3 * STRETCH));
    let otlp = format!("127.0.0.1:{}", free_port());
    let write = patient(json!({"endpoint": format!("{}/api/v1/write", vigie.url())}));
    let mut shipper = collector(
        &dir,
        &json!({
            "receivers": {"otlp": {"protocols": {"http": {"endpoint": otlp}}}},
            "exporters": {"otlp_http": patient(json!({"endpoint": vigie.url()})), "prometheusremotewrite": write},
            "service": {"pipelines": {
                "logs": {"receivers": ["otlp"], "exporters": ["otlp_http"]},
                "metrics": {"receivers": ["otlp"], "exporters": ["prometheusremotewrite"]},
            }},
        }),
    );
    shipper.launch();
    let mut command = Command::new(built(&dir, "log-clients", "."));
    let client =
        Program::start(command.args(["opentelemetry", &format!("http://{otlp}")]), dir.path());
    let entries = through(&mut vigie, client, &lines, Away::Closed);
    assert_all("opentelemetry by the collector", &lines, &entries, as_exported);
    let errors = lines.iter().filter(|line| line.level == "error").count();
    written(&vigie, "shop_entries_total{level=\"error\",job=\"shop\"}", errors);
    written(&vigie, "shop_length_bytes_bucket{level=\"error\",le=\"+Inf\",job=\"shop\"}", errors);
}

/// Waits until the last value of a series is this.
fn written(vigie: &Vigie, query: &str, wanted: usize) {
    let path = format!("/api/v1/query?query={}", form_encoded(query));
    vigie.until(&path, query, |answer| {
        (answer["data"]["result"][0]["value"][1] == json!(wanted.to_string())).then_some(())
    });
}

#[test]
fn telegraf_pushes_to_loki() {
    let dir = tempfile::tempdir().unwrap();
    let (mut vigie, file) = (vigie(&dir), Followed::new(dir.path()));
    let config = format!(
        r#"
[global_tags]
  service = "shop"
  hostname = "web-1"
[agent]
  omit_hostname = true
  interval = "1s"
  flush_interval = "200ms"
  metric_batch_size = 200
[[inputs.tail]]
  files = ["{file}"]
  initial_read_offset = "beginning"
  max_undelivered_lines = 2000
  path_tag = ""
  data_format = "json"
  tag_keys = ["level", "queue", "job"]
  json_string_fields = ["message"]
  json_time_key = "time"
  json_time_format = "2006-01-02T15:04:05.000Z"
  fieldexclude = ["number"]
[[processors.rename]]
  [[processors.rename.replace]]
    tag = "job"
    dest = "job_id"
[[outputs.loki]]
  domain = "{vigie}"
  gzip_request = true
"#,
        file = file.path().display(),
        vigie = vigie.url(),
    );
    let mut shipper = shipper(&dir, "telegraf", &config);
    // It notes its place in the file only as it ends well, and what it has not sent is in its memory.
    file.shipped("telegraf", &mut vigie, &mut shipper, false, |line, entry| {
        assert_eq!(entry["message"], format!("message=\"{}\" ", line.message));
        assert_eq!(
            (&entry["queue"], &entry["fields"]["hostname"]),
            (&json!(Line::QUEUE), &json!("web-1"))
        );
    });
}
