//! `cargo xtask grafana`: Grafana's dashboards, from the metric catalogue.

mod catalogue;
mod panel;
mod specification;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::project::Project;

/// Where they are, relative to the project's root.
const FOLDER: &str = "deploy/grafana/dashboards";

/// Writes the dashboards.
pub fn write(project: &Project) -> Result<()> {
    for (name, dashboard) in dashboards() {
        let path = project.path(&format!("{FOLDER}/{name}"));
        std::fs::create_dir_all(project.path(FOLDER))
            .with_context(|| format!("creating {FOLDER}"))?;
        std::fs::write(&path, text(&dashboard))
            .with_context(|| format!("writing {}", path.display()))?;
        println!("{FOLDER}/{name}: {} panels", dashboard["panels"].as_array().map_or(0, Vec::len));
    }
    Ok(())
}

fn dashboards() -> [(&'static str, Value); 2] {
    [
        ("vigie-specification.json", specification::dashboard()),
        ("vigie.json", catalogue::dashboard()),
    ]
}

fn text(dashboard: &Value) -> String {
    format!("{dashboard:#}\n")
}

/// A dashboard around panels; `variables` are names of labels, each narrowed by those before it.
fn dashboard(uid: &str, title: &str, variables: &[&str], panels: Vec<Value>) -> Value {
    let variables: Vec<Value> =
        (0..variables.len()).map(|place| variable(&variables[..=place])).collect();
    json!({
        "uid": uid,
        "title": title,
        "tags": ["vigie"],
        "schemaVersion": 39,
        "version": 1,
        "editable": true,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        // One cross-hair over all graphs.
        "graphTooltip": 1,
        "templating": {"list": variables},
        "annotations": {"list": []},
        "links": [],
        "panels": panels,
    })
}

/// The metric that has a series for each value of these labels.
fn listing(label: &str) -> &'static str {
    if label == "source" { "vigie_source_up" } else { "vigie_queue_jobs" }
}

/// A choice of values of the last of these labels.
fn variable(labels: &[&str]) -> Value {
    let (label, before) =
        labels.split_last().map_or(("", labels), |(last, before)| (*last, before));
    let query = format!("label_values({}{}, {label})", listing(label), panel::chosen(before));
    json!({
        "name": label,
        "label": label,
        "type": "query",
        "datasource": panel::PROMETHEUS.reference(),
        "definition": query,
        "query": {"qryType": 1, "query": query, "refId": "A"},
        // When the time range changes: queues come and go.
        "refresh": 2,
        "sort": 1,
        "multi": true,
        "includeAll": true,
        // Not a list of all: a thousand queues would make a very long query. Everything has a source, and of a panel of log
        // lines Loki wants one matcher that does not match nothing.
        "allValue": if label == "source" { ".+" } else { ".*" },
        "current": {"text": ["All"], "value": ["$__all"]},
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn what_is_committed_is_what_is_generated() {
        let project = Project::find().unwrap();
        for (name, dashboard) in dashboards() {
            let path = project.path(&format!("{FOLDER}/{name}"));
            let committed = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(
                committed == text(&dashboard),
                "{name} is not what the catalogue says: run `cargo xtask grafana`"
            );
        }
    }

    #[test]
    fn the_data_sources_of_panels_are_provisioned() {
        let project = Project::find().unwrap();
        let path = project.path("deploy/grafana/provisioning/datasources/vigie.yaml");
        let provisioned = std::fs::read_to_string(path).unwrap();
        for (_, dashboard) in dashboards() {
            for panel in dashboard["panels"].as_array().unwrap() {
                let Value::Object(source) = &panel["datasource"] else { continue };
                let (uid, kind) =
                    (source["uid"].as_str().unwrap(), source["type"].as_str().unwrap());
                let both = format!("    uid: {uid}\n    type: {kind}\n");
                assert!(provisioned.contains(&both), "{both}is not provisioned");
            }
        }
    }

    #[test]
    fn the_specification_has_its_six_panels() {
        let dashboard = specification::dashboard();
        let kinds: Vec<(&str, &str)> = dashboard["panels"]
            .as_array()
            .unwrap()
            .iter()
            .map(|panel| (panel["title"].as_str().unwrap(), panel["type"].as_str().unwrap()))
            .collect();
        assert_eq!(
            kinds,
            [
                ("Queue status", "table"),
                ("Job latency", "timeseries"),
                ("Throughput", "timeseries"),
                ("Instance health", "table"),
                ("Recent logs", "logs"),
                ("Alerts", "alertlist"),
            ]
        );
    }

    #[test]
    fn every_metric_of_the_catalogue_has_a_panel() {
        let text = catalogue::dashboard().to_string();
        for metric in vigie_model::catalogue::ALL {
            let found = text.match_indices(metric.name).any(|(place, name)| {
                let after = text[place + name.len()..].chars().next().unwrap_or(' ');
                !after.is_ascii_alphanumeric() && after != '_'
            });
            assert!(found, "{} is on no panel", metric.name);
        }
    }

    #[test]
    fn panels_neither_overlap_nor_share_an_id() {
        for (name, dashboard) in dashboards() {
            let (mut ids, mut cells) = (HashSet::new(), HashSet::new());
            for panel in dashboard["panels"].as_array().unwrap() {
                assert!(ids.insert(panel["id"].as_u64().unwrap()), "{name}: {panel}");
                let [x, y, w, h] =
                    ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
                assert!(x + w <= 24, "{name}: {panel}");
                for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
                    assert!(cells.insert(cell), "{name}: {panel}");
                }
            }
        }
    }
}
