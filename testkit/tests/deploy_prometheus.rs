//! `deploy/prometheus`: promtool finds nothing wrong, and a real Prometheus scrapes and evaluates with it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use vigie_model::catalogue::{self, MetricKind};
use vigie_testkit::{MetricsServer, Prometheus, TextServer};

const CAPTURED: &str = include_str!("../captures/vigie-metrics.prom");

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/prometheus")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap()
}

fn promtool(words: &[&str]) {
    let output = Command::new("promtool").current_dir(folder()).args(words).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("FAILED"), "{said}");
}

#[test]
fn promtool_finds_nothing_wrong() {
    promtool(&["check", "config", "prometheus.yml"]);
    promtool(&["test", "rules", "vigie.test.yml"]);
}

/// A Prometheus with the committed files, faster, and scraping this port.
fn prometheus(port: u16) -> Prometheus {
    let config = read("prometheus.yml");
    let faster = config.replace("_interval: 15s", "_interval: 1s");
    let elsewhere = faster.replace("127.0.0.1:4780", &format!("127.0.0.1:{port}"));
    assert!(faster != config && elsewhere != faster, "the file says other things than expected");
    let mut server = Prometheus::builder().config(&elsewhere).prepare();
    std::fs::write(server.dir().join("vigie.rules.yml"), read("vigie.rules.yml")).unwrap();
    server.boot();
    server
}

fn rules(server: &Prometheus) -> Vec<Value> {
    let answer = server.json("/api/v1/rules");
    let groups = answer["data"]["groups"].as_array().unwrap();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_real_prometheus_scrapes_vigie_and_evaluates_the_rules() {
    let vigie = TextServer::start("text/plain; version=0.0.4", CAPTURED);
    let server = prometheus(vigie.port());
    let target = || server.json("/api/v1/targets")["data"]["activeTargets"][0].clone();
    eventually("the scrape is up", || target()["health"] == "up");
    assert_eq!(target()["lastError"], "");
    assert_eq!(target()["scrapePool"], "vigie");

    let all = rules(&server);
    assert_eq!(all.len(), read("vigie.rules.yml").matches("\n        expr:").count());
    eventually("each rule is evaluated", || {
        rules(&server).iter().all(|rule| rule["health"] != "unknown")
    });
    // The captured demo has a queue with jobs and no worker, one that grows, and one that is paused.
    let pending = |name: &str, queue: &str| {
        rules(&server).iter().any(|rule| {
            let alerts = rule["alerts"].as_array().into_iter().flatten();
            rule["name"] == name
                && alerts.into_iter().any(|alert| alert["labels"]["queue"] == queue)
        })
    };
    for (name, queue) in [
        ("QueueWithoutWorkers", "legacy-export"),
        ("QueueGrowing", "media"),
        ("QueuePaused", "payroll"),
        ("JobWaitsTooLong", "legacy-export"),
    ] {
        eventually(&format!("{name} is pending for {queue}"), || pending(name, queue));
    }
    for rule in rules(&server) {
        assert_eq!(
            (&rule["health"], &rule["lastError"]),
            (&Value::from("ok"), &Value::Null),
            "{rule}"
        );
    }
    assert!(!pending("QueueStuck", "payroll"), "it is paused");
    assert!(server.log().lines().all(|line| !line.contains("level=error")), "{}", server.log());
}

#[test]
fn rules_name_only_what_the_catalogue_has() {
    let text = read("vigie.rules.yml");
    let recorded: Vec<&str> =
        text.lines().filter_map(|line| line.trim().strip_prefix("- record: ")).collect();
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':';
    let mut seen = 0;
    for word in text.split(|letter: char| !is_name(letter)) {
        let known = if word.contains(":vigie_") {
            recorded.contains(&word)
        } else if word.starts_with("vigie_") {
            in_catalogue(word)
        } else {
            continue;
        };
        assert!(known, "{word} is in no catalogue");
        seen += 1;
    }
    assert!(seen > 30, "only {seen} names were found");
}

fn in_catalogue(name: &str) -> bool {
    catalogue::ALL.iter().any(|metric| match (metric.kind, name.strip_prefix(metric.name)) {
        (MetricKind::Histogram, Some(rest)) => ["", "_bucket", "_sum", "_count"].contains(&rest),
        (_, Some(rest)) => rest.is_empty(),
        (_, None) => false,
    })
}
