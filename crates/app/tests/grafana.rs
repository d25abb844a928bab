//! The binary under the requests that Grafana's data sources Prometheus and Loki send: their "save & test", the lookups of their query
//! editors and variables, and every query of the dashboards in `deploy/grafana`, over the demo: each panel shows something of its real workers and services. (Grafana itself is not
//! among the packages that can be had here: what it sends is written down from its source, v12.)
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly, its helpers too")]

use serde_json::Value;
use std::path::Path;
use vigie_testkit::{Demo, HttpAnswer, Vigie, form_encoded, http_post, until};

/// What there is none of in the demo: limits that are reached, workers all of which say their capacity, n8n, backends and
/// destinations elsewhere, lines that are dropped or altered. Whether a queue is emptied just now is chance.
const ABSENT: [&str; 8] = [
    "vigie_queue_drain_seconds",
    "vigie_folded_total",
    "vigie_overall_capacity",
    "vigie_n8n_",
    "vigie_remote_",
    "vigie_forward_",
    "vigie_log_entries_dropped_total",
    "vigie_log_lines_altered_total",
];

/// As Grafana posts with `httpMethod: POST`, the default.
fn posts(vigie: &Vigie, path: &str, form: &[(&str, &str)]) -> Value {
    let pairs: Vec<String> = form
        .iter()
        .map(|(name, value)| format!("{}={}", form_encoded(name), form_encoded(value)))
        .collect();
    let headers = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("User-Agent", "Grafana/12.0.0"),
        ("X-Grafana-Org-Id", "1"),
        ("Accept", "application/json"),
    ];
    let answer = http_post(vigie.port(), path, &headers, pairs.join("&").as_bytes()).unwrap();
    success(path, &format!("{form:?}"), &answer)
}

fn gets(vigie: &Vigie, path: &str) -> Value {
    success(path, "", &vigie.get(path))
}

fn success(path: &str, asked: &str, answer: &HttpAnswer) -> Value {
    assert_eq!(answer.status, 200, "{path} {asked}: {}", answer.body);
    let json: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(json["status"], "success", "{path} {asked}: {json}");
    json["data"].clone()
}

/// A target of a panel of type Prometheus.
struct Target {
    panel: String,
    query: String,
    instant: bool,
}

fn dashboards() -> (Vec<Target>, Vec<String>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/grafana/dashboards");
    let (mut targets, mut variables) = (Vec::new(), Vec::new());
    for name in ["vigie.json", "vigie-specification.json"] {
        let dashboard: Value =
            serde_json::from_str(&std::fs::read_to_string(folder.join(name)).unwrap()).unwrap();
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().into_iter().flatten() {
                if target["datasource"]["type"] == "prometheus" {
                    targets.push(Target {
                        panel: panel["title"].as_str().unwrap().to_owned(),
                        query: target["expr"].as_str().unwrap().to_owned(),
                        instant: target["instant"] == true,
                    });
                }
            }
        }
        for variable in dashboard["templating"]["list"].as_array().unwrap() {
            variables.push(variable["query"]["query"].as_str().unwrap().to_owned());
        }
    }
    (targets, variables)
}

/// As Grafana fills in its variables when "All" is chosen.
fn substituted(query: &str) -> String {
    [
        ("$__rate_interval", "40s"),
        ("$__range", "3600s"),
        ("$__interval", "15s"),
        // What `allValue` is: Loki wants one matcher that does not match nothing.
        ("$source", ".+"),
        ("$kind", ".*"),
        ("$queue", ".*"),
    ]
    .iter()
    .fold(query.to_owned(), |text, (name, value)| text.replace(name, value))
}

fn unix_seconds() -> f64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64()
}

#[test]
fn grafana_asks_and_is_answered() {
    let dir = tempfile::tempdir().unwrap();
    let vigie = &*Demo::start(env!("CARGO_BIN_EXE_vigie"), dir.path());
    let (targets, variables) = dashboards();
    assert!(targets.len() > 60 && variables.len() >= 2);
    // Each panel shows something, once there was time for it to happen.
    let shown = |target: &Target| ABSENT.iter().all(|absent| !target.query.contains(absent));
    let mut empty: Vec<&Target> = targets.iter().filter(|target| shown(target)).collect();
    assert!(empty.len() > 80, "only {} panels are to show something", empty.len());
    until("every panel shows something", || {
        empty.retain(|target| !answers(vigie, target));
        let panels: Vec<&str> = empty.iter().map(|target| &*target.panel).collect();
        println!("{} panels are empty: {panels:?}", panels.len());
        empty.is_empty().then_some(())
    });
    for target in targets.iter().filter(|target| !shown(target)) {
        answers(vigie, target);
    }
    let now = unix_seconds();
    let (start, end) = (format!("{:.3}", now - 900.0), format!("{now:.3}"));
    saves_and_tests(vigie, &end);
    looks_up(vigie, &start, &end);
    shows_logs(vigie, now);
    for variable in &variables {
        fills_in(vigie, variable, &start, &end);
    }
}

/// Asks as a panel does; whether there is something in the answer.
fn answers(vigie: &Vigie, target: &Target) -> bool {
    let query = substituted(&target.query);
    assert!(!query.contains('$'), "an unknown variable in {query}");
    let now = unix_seconds();
    let (start, end) = (format!("{:.3}", now - 900.0), format!("{now:.3}"));
    let data = if target.instant {
        posts(vigie, "/api/v1/query", &[("query", &query), ("time", &end)])
    } else {
        // Range queries come aligned to their step, and exemplars are asked for beside them.
        let form = [("query", query.as_str()), ("start", &start), ("end", &end), ("step", "15")];
        let exemplars = posts(vigie, "/api/v1/query_exemplars", &form[..3]);
        assert!(exemplars.is_array(), "{exemplars}");
        posts(vigie, "/api/v1/query_range", &form)
    };
    let kind = if target.instant { "vector" } else { "matrix" };
    assert_eq!(data["resultType"], kind, "{}: {query}", target.panel);
    !data["result"].as_array().unwrap().is_empty()
}

/// "Save & test" asks for 1+1, and which Prometheus this is.
fn saves_and_tests(vigie: &Vigie, end: &str) {
    let sum = posts(vigie, "/api/v1/query", &[("query", "1+1"), ("time", end)]);
    assert_eq!((&sum["resultType"], &sum["result"][1]), (&"scalar".into(), &"2".into()));
    let build = gets(vigie, "/api/v1/status/buildinfo");
    assert!(
        build["version"].as_str().unwrap().starts_with('3'),
        "Grafana chooses its queries by this: {build}"
    );
    // Whether rules can be shown beside Grafana's own; the alert list asks for both.
    assert!(gets(vigie, "/api/v1/rules")["groups"].is_array());
    assert!(gets(vigie, "/api/v1/rules?type=alert")["groups"].is_array());
    assert!(gets(vigie, "/api/v1/alerts")["alerts"].is_array());
}

/// The query editor: metrics with their types, labels, values, series, and the query written nicely.
fn looks_up(vigie: &Vigie, start: &str, end: &str) {
    let metadata = gets(vigie, "/api/v1/metadata?limit=40000");
    assert_eq!(metadata["vigie_queue_jobs"][0]["type"], "gauge");
    let one = gets(vigie, "/api/v1/metadata?metric=vigie_jobs_enqueued_total");
    assert_eq!(one["vigie_jobs_enqueued_total"][0]["type"], "counter");
    let range = [("start", start), ("end", end)];
    let names = gets(vigie, &format!("/api/v1/label/__name__/values?start={start}&end={end}"));
    assert!(names.as_array().unwrap().contains(&"vigie_queue_jobs".into()));
    let labels = posts(
        vigie,
        "/api/v1/labels",
        &[range[0], range[1], ("match[]", "vigie_queue_jobs"), ("limit", "40000")],
    );
    assert_eq!(labels, serde_json::json!(["__name__", "kind", "queue", "source", "state"]));
    // Each broker's queues are found in their own time.
    until("queues of asynq and BullMQ", || {
        let all = [("match[]", "{__name__=\"vigie_queue_paused\"}")];
        let series = posts(vigie, "/api/v1/series", &all);
        let queues: Vec<&Value> =
            series.as_array().unwrap().iter().map(|one| &one["queue"]).collect();
        ["default", "emails"].iter().all(|name| queues.contains(&&(*name).into())).then_some(())
    });
    let pretty =
        gets(vigie, &format!("/api/v1/format_query?query={}", form_encoded("sum(up)by(job)")));
    assert_eq!(pretty, "sum by (job) (up)");
}

/// A variable: `label_values(SELECTOR, label)`.
fn fills_in(vigie: &Vigie, variable: &str, start: &str, end: &str) {
    let inner = variable.strip_prefix("label_values(").unwrap().strip_suffix(')').unwrap();
    let (selector, label) = inner.rsplit_once(", ").unwrap();
    let path = format!(
        "/api/v1/label/{label}/values?match[]={}&start={start}&end={end}",
        form_encoded(&substituted(selector))
    );
    let values = gets(vigie, &path);
    assert!(!values.as_array().unwrap().is_empty(), "{path}: {values}");
}

/// The Loki data source: "save & test", the lookups of its query editor, and the panels with lines, whose histogram is asked
/// for beside them. Times are nanoseconds there.
fn shows_logs(vigie: &Vigie, now: f64) {
    let nanos = |seconds: f64| format!("{:.0}000000", seconds * 1e3);
    let range = format!("start={}&end={}", nanos(now - 900.0), nanos(now + 60.0));
    let at = format!("time={}", nanos(now));

    let sum = form_encoded("vector(1)+vector(1)");
    let healthy = gets(vigie, &format!("/loki/api/v1/query?direction=backward&query={sum}&{at}"));
    assert_eq!(healthy["result"][0]["value"][1], "2", "{healthy}");
    let labels = gets(vigie, &format!("/loki/api/v1/labels?{range}"));
    assert!(labels.as_array().unwrap().contains(&"source".into()), "{labels}");
    let values = gets(vigie, &format!("/loki/api/v1/label/source/values?{range}"));
    assert!(values.as_array().unwrap().contains(&"output".into()), "{values}");
    let all = form_encoded("{source=~\".+\"}");
    let series = gets(vigie, &format!("/loki/api/v1/series?match[]={all}&{range}"));
    assert!(!series.as_array().unwrap().is_empty(), "{series}");
    let stats = vigie.get(&format!("/loki/api/v1/index/stats?query={all}&{range}"));
    assert!(stats.status == 200 && stats.body.contains("\"streams\""), "{stats:?}");

    let panels = panels_of_logs();
    assert!(!panels.is_empty());
    for (panel, query) in panels {
        let query = substituted(&query);
        assert!(!query.contains('$'), "{panel}: an unknown variable in {query}");
        let ranged = |query: &str, more: &str| {
            let query = form_encoded(query);
            gets(vigie, &format!("/loki/api/v1/query_range?query={query}&{range}&step=15{more}"))
        };
        let found = ranged(&query, "000ms&limit=200&direction=backward");
        assert_eq!(found["resultType"], "streams", "{panel}: {found}");
        let shown: usize = found["result"]
            .as_array()
            .unwrap()
            .iter()
            .map(|stream| stream["values"].as_array().unwrap().len())
            .sum();
        assert!(shown >= 2, "{panel}: {found}");
        let volume = format!(
            "sum by (level, detected_level) (count_over_time({query} | drop __error__[15s]))"
        );
        let counts = ranged(&volume, "s");
        assert_eq!(counts["resultType"], "matrix", "{panel}: {counts}");
        assert!(!counts["result"].as_array().unwrap().is_empty(), "{panel}: {counts}");
    }
}

/// (panel, query) of the dashboards' queries to Loki.
fn panels_of_logs() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/grafana/dashboards");
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let dashboard: Value = serde_json::from_str(&text).unwrap();
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().into_iter().flatten() {
                if target["datasource"]["type"] == "loki" {
                    let text = |value: &Value| value.as_str().unwrap().to_owned();
                    found.push((text(&panel["title"]), text(&target["expr"])));
                }
            }
        }
    }
    found
}
