//! `GET /metrics`, as Prometheus reads it.

use std::io::Write;
use std::process::{Command, Stdio};

use vigie_model::catalogue;

use crate::filled::{Filled, text};

async fn scraped(accept: &str) -> (String, String) {
    let response = Filled::new().get_with("/metrics", &[("accept", accept)]).await;
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    (kind, text(response).await)
}

#[tokio::test]
async fn every_metric_of_the_catalogue_is_there() {
    let (kind, metrics) = scraped("text/plain").await;
    assert!(kind.starts_with("text/plain; version=0.0.4"));
    for metric in catalogue::ALL {
        assert!(metrics.contains(&format!("# TYPE {} ", metric.name)), "{}", metric.name);
    }
}

#[tokio::test]
async fn figures_are_those_of_the_board() {
    let (_, metrics) = scraped("").await;
    for line in [
        r#"vigie_queue_jobs{source="main",kind="bullmq",queue="emails",state="waiting"} 3"#,
        r#"vigie_queue_jobs{source="main",kind="bull",queue="a/b \"c\"\n<script>\\",state="waiting"} 1"#,
        r#"vigie_jobs_enqueued_total{source="main",kind="bullmq",queue="emails",type="send"} 1"#,
        r#"vigie_jobs_finished_total{source="main",kind="bullmq",queue="emails",type="send",outcome="failed"} 1"#,
        r#"vigie_job_run_seconds_bucket{source="main",kind="bullmq",queue="emails",type="send",outcome="succeeded",le="0.1"} 0"#,
        r#"vigie_job_run_seconds_bucket{source="main",kind="bullmq",queue="emails",type="send",outcome="succeeded",le="0.25"} 1"#,
        r#"vigie_job_run_seconds_sum{source="main",kind="bullmq",queue="emails",type="send",outcome="succeeded"} 0.25"#,
        r#"vigie_worker_busy{source="main",kind="asynq",worker="main/asynq/host:12:abc",host="host"} 1"#,
        r#"vigie_source_up{source="main"} 1"#,
    ] {
        assert!(metrics.lines().any(|one| one == line), "{line}\nis not in\n{metrics}");
    }
    assert!(
        !metrics.contains("vigie_queue_workers{source=\"main\",kind=\"bullmq\""),
        "unknown is absent"
    );
}

#[tokio::test]
async fn what_is_stale_is_not_exposed_as_if_it_were_now() {
    let filled = Filled::new();
    filled.later(1.0);
    filled.polled(Err("refused"));
    let metrics = text(filled.get_with("/metrics", &[]).await).await;
    assert!(metrics.contains("vigie_source_up{source=\"main\"} 0"));
    assert!(!metrics.contains("vigie_queue_jobs{"), "{metrics}");
    assert!(metrics.contains("vigie_jobs_finished_total{"), "counters hold");
}

#[tokio::test]
async fn openmetrics_is_spoken_when_asked_for() {
    let (kind, metrics) = scraped("application/openmetrics-text; version=1.0.0").await;
    assert!(kind.starts_with("application/openmetrics-text"));
    assert!(metrics.ends_with("# EOF\n"));
    assert!(metrics.contains("# TYPE vigie_jobs_finished counter\n"));
    assert!(metrics.contains("# UNIT vigie_source_poll_seconds seconds\n"));
    assert!(metrics.contains("# TYPE vigie_build info\n"));
}

#[tokio::test]
async fn promtool_finds_nothing_to_complain_about() {
    let (_, metrics) = scraped("").await;
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed by `cargo xtask setup test`");
    promtool.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.trim().is_empty(), "{said}");
}
