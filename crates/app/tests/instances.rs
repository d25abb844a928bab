//! The binary with a real HAProxy in front of three servers, one killed and one slow: the table, the disagreement, the
//! events, the stored series, and the command line.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly, its helpers too")]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use vigie_testkit::{Haproxy, Vigie, WebAnswer, WebServer, form_encoded, free_port};

const PROGRAM: &str = env!("CARGO_BIN_EXE_vigie");

/// Waits until this instance of this source has that status; the row.
fn row(vigie: &Vigie, source: &str, instance: &str, status: &str) -> Value {
    let what = format!("{source}/{instance} is {status}");
    vigie.until("/api/v1/instances", &what, |answer| {
        let mut rows = answer["instances"].as_array()?.iter();
        let row = rows.find(|row| row["source"] == source && row["instance"] == instance)?;
        (row["status"] == status).then(|| row.clone())
    })
}

fn run(words: &[&str], dir: &Path) -> (Option<i32>, String) {
    let mut command = Command::new(PROGRAM);
    let run = command.args(words).current_dir(dir).env("NO_COLOR", "1").output().unwrap();
    let text = [run.stdout, run.stderr].concat();
    (run.status.code(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn a_balancer_and_probes_show_who_is_down_who_is_slow_and_who_disagrees() {
    let dir = tempfile::tempdir().unwrap();
    let (quick, slow, killed) = (WebServer::start(), WebServer::start(), WebServer::start());
    let pause = Duration::from_millis(150);
    slow.set("*", WebAnswer::ok("text/plain", "ok").after(pause));
    let (killed_port, killed_address) = (killed.port(), killed.address());
    drop(killed);
    let lb =
        Haproxy::start(&[("app1", quick.port()), ("app2", slow.port()), ("app3", killed_port)]);
    let sources = json!([
        {"name": "lb", "kind": "haproxy", "url": lb.stats_url(), "poll_seconds": 0.5},
        {"name": "probes", "kind": "probe", "backends_of": "lb", "path": "/deep", "slow_seconds": 0.1,
         "poll_seconds": 2, "timeout_seconds": 1}
    ]);
    let vigie = Vigie::start(PROGRAM, dir.path(), &format!("sources: {sources}"));

    // One killed: both say so, and why.
    let down = row(&vigie, "lb", "app3", "down");
    assert_eq!(down["error"], "HAProxy says DOWN: L4CON: Connection refused");
    row(&vigie, "probes", &killed_address, "down");
    let down = row(&vigie, "lb", "app3", "down");
    assert_eq!((&down["balancer"], &down["probe"]), (&json!("DOWN"), &json!("refused")));
    // One slow: that is what the probe says.
    let slow_row = vigie.until("/api/v1/instances?source=probes", "the slow one", |answer| {
        let mut rows = answer["instances"].as_array()?.iter();
        let row = rows.find(|row| row["instance"] == json!(slow.address()))?;
        let seen = (&row["status"], &row["balancer"], &row["probe"]);
        (seen == (&json!("degraded"), &json!("UP"), &json!("slow"))).then(|| row.clone())
    });
    assert!(slow_row["latency"]["p50"].as_f64().unwrap() >= 0.1, "{slow_row}");

    // The balancer calls it up, the probe down; both rows say both.
    quick.set("/deep", WebAnswer::status(500, "no database"));
    let says = format!(
        "balancer lb says UP, probe probes says HTTP 500 ({}: HTTP 500: no database)",
        quick.url("/deep")
    );
    assert_eq!(row(&vigie, "lb", "app1", "degraded")["error"], says);
    assert_eq!(row(&vigie, "probes", &quick.address(), "degraded")["error"], says);
    // And the reverse.
    quick.set("/deep", WebAnswer::ok("text/plain", "fine"));
    quick.set("/lb", WebAnswer::status(503, "no"));
    let reverse =
        vigie.until("/api/v1/instances?source=lb&status=degraded", "the reverse", |answer| {
            let row =
                answer["instances"].as_array()?.iter().find(|row| row["instance"] == "app1")?;
            (row["balancer"] == "DOWN")
                .then(|| row["error"].as_str().unwrap_or_default().to_owned())
        });
    assert!(
        reverse.starts_with("balancer lb says DOWN (HAProxy says DOWN: L7STS/503"),
        "{reverse}"
    );
    assert!(reverse.ends_with("probe probes says ok"), "{reverse}");

    // The killed one comes back: events, series, the command line.
    let _back = WebServer::on(killed_port);
    row(&vigie, "lb", "app3", "up");
    let up = vigie.until("/api/v1/events?type=instance_up", "an event", |answer| {
        answer["events"].as_array()?.iter().find(|event| event["source"] == "lb").cloned()
    });
    assert_eq!((&up["subject"], &up["severity"]), (&json!("be_app/app3"), &json!("info")));
    let query = "vigie_instance_up{source=\"lb\",role=\"be_app\",instance=\"app3\"}";
    let path = format!("/api/v1/query?query={}", form_encoded(query));
    vigie.until(&path, "the stored series", |answer| {
        (answer["data"]["result"][0]["value"][1] == "1").then_some(())
    });
    let url = vigie.url();
    let (code, table) = run(&["instances", "--url", &url], dir.path());
    assert!(code == Some(0) && table.contains("lb/be_app/app3") && table.contains("UP"), "{table}");
    let (code, body) = run(&["instances", "--json", "--url", &url, "--source", "lb"], dir.path());
    let shown: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((code, shown["instances"].as_array().unwrap().len()), (Some(0), 3));

    // What nobody can tell any more is unknown, not up.
    drop(lb);
    let lost = row(&vigie, "lb", "app2", "unknown");
    assert_eq!(lost["error"], "source lb does not answer: nobody knows");
    assert_eq!(lost["load"], Value::Null);
}

#[test]
fn a_check_covers_these_sources_too() {
    let dir = tempfile::tempdir().unwrap();
    let server = WebServer::start();
    let lb = Haproxy::start(&[("app1", server.port())]);
    let sources = json!([
        {"name": "probes", "kind": "probe", "backends_of": "lb"},
        {"name": "lb", "kind": "haproxy", "socket": lb.socket()},
        {"name": "shop", "kind": "go_api", "url": server.url(""), "bearer_token": "s3cret"}
    ]);
    let config = json!({"sources": sources}).to_string();
    std::fs::write(dir.path().join("vigie.yaml"), config).unwrap();
    let (code, report) = run(&["check"], dir.path());
    assert_eq!(code, Some(1), "{report}");
    assert!(
        report.contains("haproxy  version 2.") || report.contains("haproxy  version "),
        "{report}"
    );
    assert!(report.contains("1 of 1 instance answers"), "balancers are checked first: {report}");
    // The tiny server answers everything with `ok`, which is no metric.
    assert!(report.contains("0 of 1 replica answers"), "{report}");
    assert!(report.contains("1 of 3 sources do not work as they should"), "{report}");
    assert!(!report.contains("s3cret"), "{report}");
}

#[test]
fn a_source_none_of_whose_targets_answers_is_down_and_a_probe_has_done_its_work() {
    let dir = tempfile::tempdir().unwrap();
    let nobody = format!("127.0.0.1:{}", free_port());
    let url = format!("http://{nobody}");
    let sources = json!([
        {"name": "shop", "kind": "go_api", "url": url},
        {"name": "flows", "kind": "n8n", "url": url},
        {"name": "node", "kind": "prometheus", "static_configs": [{"targets": [nobody]}],
            "params": {"token": ["hunter2"]}},
        {"name": "probes", "kind": "probe", "targets": [url]}
    ]);
    let vigie = Vigie::start(PROGRAM, dir.path(), &format!("sources: {sources}"));
    for (source, instance) in [("shop", &nobody), ("flows", &nobody), ("node", &nobody)] {
        let row = row(&vigie, source, instance, "down");
        assert!(row["error"].as_str().unwrap().contains("connection refused"), "{row}");
        let found = vigie.until("/api/v1/sources", "the source is down", |answer| {
            let mut all = answer["sources"].as_array()?.iter();
            all.find(|one| one["source"] == source && one["up"] == false).cloned()
        });
        assert!(found["error"].as_str().unwrap().contains("connection refused"), "{found}");
        let targets = vigie.json("/api/v1/targets").unwrap();
        let mut targets = targets["data"]["activeTargets"].as_array().unwrap().iter();
        let target = targets.find(|one| one["scrapePool"] == source).unwrap();
        assert_eq!(target["health"], "down", "{target}");
        assert!(target["lastError"].as_str().unwrap().contains("connection refused"), "{target}");
        let path = format!("/api/v1/events?source={source}&type=source_lost");
        let lost = vigie.until(&path, "an event", |answer| answer["events"].get(0).cloned());
        assert!(lost["message"].as_str().unwrap().contains("does not answer: "), "{lost}");
    }
    row(&vigie, "probes", &nobody, "down");
    let path = "/api/v1/events?source=probes&type=source_found";
    let found = vigie.until(path, "the probe's event", |answer| answer["events"].get(0).cloned());
    assert_eq!(found["message"], "source probes is watched: instances: 1");
    let metrics = vigie.get("/metrics").body;
    for (source, up) in [("shop", 0), ("flows", 0), ("node", 0), ("probes", 1)] {
        let line = format!("vigie_source_up{{source=\"{source}\"}} {up}");
        assert!(metrics.contains(&line), "{line}");
        assert!(metrics.contains(&format!("vigie_instance_up{{source=\"{source}\"")), "{source}");
    }
    let verdict = vigie.json("/api/v1/verdict").unwrap();
    assert_eq!(verdict["code"], "instances_down", "{verdict}");
    let (code, report) = run(&["check"], dir.path());
    for path in ["/api/v1/sources", "/api/v1/targets", "/api/v1/instances", "/api/v1/events"] {
        let body = vigie.get(path).body;
        assert!(!body.contains("hunter2"), "{path}: {body}");
    }
    assert!(!report.contains("hunter2"), "{report}");
    assert_eq!(code, Some(1), "{report}");
    assert!(report.contains("0 of 1 instance answers"), "{report}");
    assert!(report.contains("4 of 4 sources do not work as they should"), "{report}");
}
