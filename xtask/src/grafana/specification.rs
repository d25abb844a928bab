//! The dashboard that the specification draws: six panels, over Prometheus, Loki and the list of alerts.

use serde_json::{Value, json};

use super::panel::{Column, Grid, LOKI, Target, UP, chosen, graph, table};

/// What a quantile of a duration is, of native histograms (Vigie's own API) or classic ones (what `/metrics` exposes).
pub fn quantile(share: &str, metric: &str, matchers: &str, by: &str) -> String {
    let native = format!("rate({metric}{matchers}[$__rate_interval])");
    let classic = format!("rate({metric}_bucket{matchers}[$__rate_interval])");
    format!(
        "histogram_quantile({share}, sum by ({by}) ({native})) or histogram_quantile({share}, sum by ({by}, le) ({classic}))"
    )
}

/// A mean of a metric, whether its histograms are native ones or have buckets.
fn mean(metric: &str, matchers: &str, by: &str) -> String {
    let sum = |series: &str| {
        format!("sum by ({by}) (rate({metric}{series}{matchers}[$__rate_interval]))")
    };
    let (native, sums, counts) = (sum(""), sum("_sum"), sum("_count"));
    format!("histogram_sum({native}) / histogram_count({native}) or {sums} / {counts}")
}

/// The dashboard.
pub fn dashboard() -> Value {
    let mut grid = Grid::default();
    grid.put(queue_status(), (24, 9));
    grid.put(job_latency(), (12, 8));
    grid.put(throughput(), (12, 8));
    grid.put(instance_health(), (24, 8));
    grid.put(recent_logs(), (14, 10));
    grid.put(alerts(), (10, 10));
    super::dashboard("vigie-specification", "Vigie: the specification", &["source"], grid.finish())
}

fn queue_status() -> Value {
    let source = chosen(&["source"]);
    let jobs = |state: &str| {
        format!(
            "sum by (source, kind, queue) (vigie_queue_jobs{{source=~\"$source\", state=\"{state}\"}})"
        )
    };
    let of = |metric: &str| format!("sum by (source, kind, queue) ({metric}{source})");
    let column = |title, unit, expr| Column { title, unit, expr };
    let processed = format!(
        "sum by (source, kind, queue) (increase(vigie_jobs_finished_total{source}[$__range]))"
    );
    table(
        "Queue status",
        "Each queue with what waits in it, what runs, and who works on it.",
        &["source", "kind", "queue"],
        &[
            column("Waiting", "short", jobs("waiting")),
            column("Active", "short", jobs("active")),
            column("Failed", "short", jobs("failed")),
            column("Processed", "short", processed),
            column("Workers", "short", of("vigie_queue_workers")),
            column("Oldest", "s", of("vigie_queue_oldest_seconds")),
            column("Drains in", "s", of("vigie_queue_drain_seconds")),
        ],
    )
}

fn job_latency() -> Value {
    let source = chosen(&["source"]);
    let shares = [("0.5", "p50"), ("0.95", "p95"), ("0.99", "p99")];
    let quantiles = shares.map(|(share, name)| {
        let expr = quantile(share, "vigie_job_run_seconds", &source, "type");
        Target::range(expr, format!("{{{{type}}}} {name}"))
    });
    let extremes = ["min", "max"].map(|which| {
        let expr = format!("{which} by (type) (vigie_job_run_seconds_{which}{source})");
        Target::range(expr, format!("{{{{type}}}} {which}"))
    });
    let average = Target::range(mean("vigie_job_run_seconds", &source, "type"), "{{type}} average");
    let targets: Vec<Target> = quantiles.into_iter().chain([average]).chain(extremes).collect();
    let description = "Seconds from started to finished by job type: median, percentiles, average, shortest and longest.";
    graph("Job latency", description, "s", &targets)
}

fn throughput() -> Value {
    let source = chosen(&["source"]);
    let rate = |metric: &str, by: &str| {
        format!("sum by ({by}) (rate({metric}{source}[$__rate_interval]))")
    };
    let targets = [
        Target::range(rate("vigie_jobs_enqueued_total", "source"), "{{source}} enqueued"),
        Target::range(
            rate("vigie_jobs_finished_total", "source, outcome"),
            "{{source}} {{outcome}}",
        ),
    ];
    graph("Throughput", "Jobs per second, in and out.", "ops", &targets)
}

fn instance_health() -> Value {
    let source = chosen(&["source"]);
    let column = |title, unit, expr| Column { title, unit, expr };
    let by = |series: String| format!("max by (source, role, instance) ({series})");
    // Workers are instances of what works on queues: the same columns hold theirs.
    let with_workers = |of_instance: &str, of_worker: &str| {
        let named = format!("label_join({of_worker}{source}, \"instance\", \"\", \"worker\")");
        by(format!(
            "{of_instance}{source} or label_replace({named}, \"role\", \"worker\", \"\", \"\")"
        ))
    };
    table(
        "Instance health",
        "Instances of Go services and n8n, and workers: whether they are there, how long they take to answer, and what they have \
         in hand.",
        &["source", "role", "instance"],
        &[
            column("Status", UP, with_workers("vigie_instance_up", "vigie_worker_up")),
            column("Latency", "s", by(format!("vigie_instance_probe_seconds{source}"))),
            column("Load", "short", with_workers("vigie_instance_load", "vigie_worker_busy")),
        ],
    )
}

fn recent_logs() -> Value {
    json!({
        "type": "logs",
        "title": "Recent logs",
        "description": "Errors, warnings and infos as they come.",
        "datasource": LOKI.reference(),
        "targets": [{
            "refId": "A",
            "datasource": LOKI.reference(),
            "editorMode": "code",
            "expr": "{source=~\"$source\"}",
            "queryType": "range",
            "maxLines": 200,
        }],
        "options": {
            "showTime": true,
            "showLabels": false,
            "wrapLogMessage": true,
            "enableLogDetails": true,
            "dedupStrategy": "none",
            "sortOrder": "Descending",
        },
    })
}

fn alerts() -> Value {
    json!({
        "type": "alertlist",
        "title": "Alerts",
        "description": "Rules that fire or are about to, of Vigie and of Grafana itself.",
        "options": {
            "viewMode": "list",
            "groupMode": "default",
            "groupBy": [],
            "maxItems": 50,
            // The most important first.
            "sortOrder": 3,
            "dashboardAlerts": false,
            "alertName": "",
            "alertInstanceLabelFilter": "",
            "stateFilter": {"firing": true, "pending": true, "error": true, "noData": false, "normal": false},
        },
    })
}
