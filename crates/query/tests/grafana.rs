//! Every query of the dashboards in `deploy/grafana` is one that Vigie understands, over metrics that it has.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

mod support;

use std::path::Path;

use serde_json::Value;
use support::MemoryStorage;
use vigie_model::catalogue::{self, MetricKind};
use vigie_query::{Control, Engine};

/// (panel, expression) of every query to Prometheus, also those of variables, as Grafana sends them.
fn queries() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/grafana/dashboards");
    let mut all = Vec::new();
    for name in ["vigie.json", "vigie-specification.json"] {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        let dashboard: Value = serde_json::from_str(&text).unwrap();
        let before = all.len();
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().into_iter().flatten() {
                if target["datasource"]["type"] == "prometheus" {
                    let title = format!("{name}: {}", panel["title"]);
                    all.push((title, substituted(target["expr"].as_str().unwrap())));
                }
            }
        }
        assert!(all.len() > before + 10, "{name} has only {} queries", all.len() - before);
        for variable in dashboard["templating"]["list"].as_array().unwrap() {
            // label_values(SELECTOR, label)
            let query = variable["query"]["query"].as_str().unwrap();
            let inner = query.strip_prefix("label_values(").unwrap().strip_suffix(')').unwrap();
            let (selector, _) = inner.rsplit_once(", ").unwrap();
            all.push((format!("{name}: ${}", variable["name"]), substituted(selector)));
        }
    }
    all
}

/// What Grafana puts in for its variables.
fn substituted(expr: &str) -> String {
    let pairs = [
        ("$__rate_interval", "1m0s"),
        ("$__range", "3600s"),
        ("$source", "(main|other\\\\.one)"),
        ("$kind", ".*"),
        ("$queue", "emails"),
    ];
    let text = pairs.iter().fold(expr.to_owned(), |text, (name, value)| text.replace(name, value));
    assert!(!text.contains('$'), "an unknown variable in {text}");
    text
}

#[test]
fn every_query_is_understood() {
    let (engine, control) = (Engine::default(), Control::default());
    for (panel, query) in queries() {
        let answer = engine.range(&MemoryStorage::default(), &query, (0, 60_000, 15_000), &control);
        let answer = answer.unwrap_or_else(|error| panic!("{panel}: {query}: {error}"));
        assert!(answer.annotations.warnings.is_empty(), "{panel}: {query}: {answer:?}");
    }
}

#[test]
fn every_metric_is_in_the_catalogue() {
    let mut seen = 0;
    for (panel, query) in queries() {
        let letters = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        for word in query.split(|letter| !letters(letter)) {
            if word.starts_with("vigie_") || word.starts_with("process_") {
                seen += 1;
                assert!(in_catalogue(word), "{panel}: no metric is called {word}");
            }
        }
    }
    assert!(seen > 60, "only {seen} metrics are named");
}

fn in_catalogue(name: &str) -> bool {
    catalogue::ALL.iter().any(|metric| match (metric.kind, name.strip_prefix(metric.name)) {
        (MetricKind::Histogram, Some(rest)) => ["", "_bucket", "_sum", "_count"].contains(&rest),
        (_, Some(rest)) => rest.is_empty(),
        (_, None) => false,
    })
}
