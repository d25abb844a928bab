//! Shippers that take minutes to build, at the doors of the binary: `make test-shippers`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly, its helpers too")]

mod docker;
mod followed;
mod lines;
mod logcli;
mod through;

use std::path::PathBuf;
use std::process::Command;

use followed::Followed;
use lines::{Line, assert_all};
use serde_json::{Value, json};
use tempfile::TempDir;
use through::{Away, Program, STRETCH, built, built_with, through, vigie};
use vigie_testkit::{Shipper, Vigie, documented, form_encoded, free_port};

/// Where the lines are by docs/shippers.md, and Vigie.
const FILES: &str = "/var/log/shop/*.json";
const ADDRESS: &str = "127.0.0.1:4780";

/// The configuration of docs/shippers.md that begins with its name, for this file and this Vigie; its path. `own` is the folder of the
/// shipper's own that it names, if any: here it is `kept`.
fn configured(
    dir: &TempDir,
    name: &str,
    file: &Followed,
    vigie: &Vigie,
    own: Option<&str>,
) -> String {
    let (lines, address, kept) = (file.path().display().to_string(), vigie.url(), kept(dir));
    let mut replaced = vec![(FILES, &*lines), (ADDRESS, address.trim_start_matches("http://"))];
    replaced.extend(own.map(|own| (own, &*kept)));
    let text = documented("shippers.md", &format!("# {name}\n"), &replaced);
    let path = dir.path().join(name).display().to_string();
    std::fs::write(&path, text).unwrap();
    path
}

/// A folder of the shipper's own.
fn kept(dir: &TempDir) -> String {
    let kept = dir.path().join("kept");
    std::fs::create_dir_all(&kept).unwrap();
    kept.display().to_string()
}

/// Another's program, which a module of `testkit/shippers` names as a tool. Without C: promtail would want systemd's headers.
fn tool(dir: &TempDir, module: &str, package: &str) -> PathBuf {
    built_with(dir, &format!("shippers/{module}"), package, &[("CGO_ENABLED", "0")])
}

/// A program of `testkit/shippers` with these arguments.
fn shipper(dir: &TempDir, name: &str, arguments: &[&str]) -> Shipper {
    let mut command = Command::new(built(dir, "shippers", &format!("./{name}")));
    command.args(arguments);
    Shipper::new(command, dir.path())
}

/// As those have it that take a line's JSON apart: a number may come as another kind of number.
fn taken_apart(line: &Line, entry: &Value) {
    assert_eq!((&entry["message"], &entry["queue"]), (&json!(line.message), &json!(Line::QUEUE)));
    assert_eq!(entry["fields"]["number"].as_f64(), Some(line.number as f64), "{entry:#}");
}

#[test]
fn promtail_follows_a_file_and_pushes_to_loki() {
    let dir = tempfile::tempdir().unwrap();
    let (mut vigie, file) = (vigie(&dir), Followed::new(dir.path()));
    let config = configured(&dir, "promtail.yaml", &file, &vigie, Some("/var/lib/promtail"));
    let program = tool(&dir, "loki", "github.com/grafana/loki/cmd/promtail");
    let mut command = Command::new(program);
    command.args(["-config.file", &config]);
    let mut shipper = Shipper::new(command, dir.path());
    let path = file.path().display().to_string();
    // It notes how far it has read, and what it has not sent is in its memory.
    file.shipped("promtail", &mut vigie, &mut shipper, false, |line, entry| {
        assert_eq!(
            (&entry["message"], &entry["queue"], &entry["fields"]["filename"]),
            (&json!(line.message), &json!(Line::QUEUE), &json!(path))
        );
    });
}

#[test]
fn dockers_driver_pushes_to_loki_what_a_container_says() {
    let dir = tempfile::tempdir().unwrap();
    let (mut vigie, file) = (vigie(&dir), Followed::new(dir.path()));
    let address = vigie.url();
    let replaced = [(ADDRESS, address.trim_start_matches("http://"))];
    let config = documented("shippers.md", "{\n  \"log-driver\"", &replaced);
    let config: Value = serde_json::from_str(&config).unwrap();
    let mut options = config["log-opts"].clone();
    // It would be `docker logs`, under /var/log.
    options["no-file"] = json!("true");
    let run = dir.path().join("run");
    std::fs::create_dir(&run).unwrap();
    let _daemon = docker::Daemon::start(&run, options, file.path().to_owned());
    let program = tool(&dir, "loki", "github.com/grafana/loki/cmd/docker-driver");
    let mut command = Command::new("unshare");
    let alone = "hostname web-1 && mount --bind \"$0\" /run && exec \"$1\"";
    command.args(["--map-root-user", "--mount", "--uts", "sh", "-c", alone]).args([&run, &program]);
    let mut shipper = Shipper::new(command, dir.path());
    file.shipped("Docker's driver", &mut vigie, &mut shipper, false, |line, entry| {
        assert_eq!(entry["message"], line.json());
        assert_eq!(
            (&entry["queue"], &entry["fields"]["source"]),
            (&json!(Line::QUEUE), &json!("stdout"))
        );
    });
}

#[test]
fn filebeat_follows_a_file_and_sends_to_elasticsearch() {
    let dir = tempfile::tempdir().unwrap();
    let (mut vigie, file) = (vigie(&dir), Followed::new(dir.path()));
    let config = configured(&dir, "filebeat.yml", &file, &vigie, None);
    let program = tool(&dir, "beats", "github.com/elastic/beats/v7/filebeat");
    let mut command = Command::new(program);
    command.args(["-e", "-c", &config, "--path.home", &kept(&dir)]);
    let mut shipper = Shipper::new(command, dir.path());
    file.shipped("Filebeat", &mut vigie, &mut shipper, true, |line, entry| {
        taken_apart(line, entry);
        assert!(entry["fields"]["index"].as_str().unwrap().starts_with("filebeat-7."), "{entry:#}");
    });
}

#[test]
fn the_collector_follows_a_file_and_exports_it() {
    let dir = tempfile::tempdir().unwrap();
    let (mut vigie, file) = (vigie(&dir), Followed::new(dir.path()));
    let config = configured(&dir, "collector.yaml", &file, &vigie, Some("/var/lib/otelcol"));
    let mut shipper = shipper(&dir, "collector", &[&config]);
    file.shipped("the collector", &mut vigie, &mut shipper, true, |line, entry| {
        taken_apart(line, entry);
        assert_eq!(entry["fields"]["log.file.name"], "shop.json");
    });
}

/// An exporter that tries until it works.
fn patient(mut exporter: Value) -> Value {
    exporter["retry_on_failure"] =
        json!({"initial_interval": "200ms", "max_interval": "1s", "max_elapsed_time": "0s"});
    exporter
}

#[test]
fn the_collector_passes_on_what_the_sdk_exports() {
    let dir = tempfile::tempdir().unwrap();
    let (mut vigie, lines) = (vigie(&dir), Line::some(3 * STRETCH));
    let otlp = format!("127.0.0.1:{}", free_port());
    let write = patient(json!({"endpoint": format!("{}/api/v1/write", vigie.url())}));
    let config = json!({
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": otlp}}}},
        "exporters": {"otlp_http": patient(json!({"endpoint": vigie.url()})), "prometheusremotewrite": write},
        "service": {
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {
                "logs": {"receivers": ["otlp"], "exporters": ["otlp_http"]},
                "metrics": {"receivers": ["otlp"], "exporters": ["prometheusremotewrite"]},
            },
        },
    });
    // JSON is YAML.
    let file = dir.path().join("passing.json");
    std::fs::write(&file, config.to_string()).unwrap();
    let mut shipper = shipper(&dir, "collector", &[&file.display().to_string()]);
    shipper.launch();
    let mut command = Command::new(built(&dir, "log-clients", "."));
    let client =
        Program::start(command.args(["opentelemetry", &format!("http://{otlp}")]), dir.path());
    let entries = through(&mut vigie, client, &lines, Away::Closed);
    assert_all("opentelemetry by the collector", &lines, &entries, taken_apart);
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
    let config = configured(&dir, "telegraf.conf", &file, &vigie, None);
    let mut shipper = shipper(&dir, "telegraf", &[&config]);
    // It notes its place in the file only as it ends well, and what it has not sent is in its memory.
    file.shipped("telegraf", &mut vigie, &mut shipper, false, |line, entry| {
        assert_eq!(entry["message"], format!("message=\"{}\" ", line.message));
        assert_eq!(
            (&entry["queue"], &entry["fields"]["hostname"]),
            (&json!(Line::QUEUE), &json!("web-1"))
        );
    });
}
