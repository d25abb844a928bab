//! The dashboard with everything: a row for each subject, a panel for each metric of the catalogue.

use serde_json::{Value, json};
use vigie_model::catalogue::{ALL, Metric, MetricKind};

use super::panel::{Column, Grid, REDIS, Target, chosen, figure, graph, heat_map, table};
use super::specification::quantile;

/// What the reader chooses, each narrowed by the ones before.
const VARIABLES: [&str; 3] = ["source", "kind", "queue"];

/// A row: its title, and how the names of its metrics begin.
const ROWS: [(&str, &[&str]); 6] = [
    ("Queues", &["vigie_queue_"]),
    ("Jobs", &["vigie_job_", "vigie_jobs_"]),
    ("Workers", &["vigie_worker_"]),
    ("Sources", &["vigie_source_", "vigie_folded_", "vigie_observations_"]),
    ("Live stream", &["vigie_stream_"]),
    // Whatever begins otherwise.
    ("Vigie itself", &[""]),
];

/// The dashboard.
pub fn dashboard() -> Value {
    let mut grid = Grid::default();
    overview(&mut grid);
    for (title, beginnings) in ROWS {
        grid.row(title);
        for metric in ALL.iter().filter(|metric| row_of(metric) == title) {
            put(&mut grid, metric, beginnings);
        }
    }
    redis(&mut grid);
    super::dashboard("vigie", "Vigie", &VARIABLES, grid.finish())
}

fn row_of(metric: &Metric) -> &'static str {
    let begins = |beginnings: &[&str]| beginnings.iter().any(|one| metric.name.starts_with(one));
    ROWS.iter().find(|(_, beginnings)| begins(beginnings)).map_or("", |(title, _)| title)
}

fn overview(grid: &mut Grid) {
    let all = chosen(&VARIABLES);
    let jobs = |state: &str| {
        let more = format!("{}, state=\"{state}\"}}", all.trim_end_matches('}'));
        format!("sum(vigie_queue_jobs{more})")
    };
    let rate = format!("sum(rate(vigie_jobs_finished_total{all}[5m]))");
    let failed = format!("{}, outcome=\"failed\"}}", all.trim_end_matches('}'));
    let figures = [
        ("Waiting", "Jobs that wait now.", "short", jobs("waiting")),
        ("Active", "Jobs that run now.", "short", jobs("active")),
        ("Out rate", "Attempts that end per second, over 5 minutes.", "ops", rate.clone()),
        (
            "Failing",
            "The share of attempts that fail, over 5 minutes.",
            "percentunit",
            format!("sum(rate(vigie_jobs_finished_total{failed}[5m])) / ({rate} > 0)"),
        ),
        (
            "Oldest",
            "Age of the oldest waiting job.",
            "s",
            format!("max(vigie_queue_oldest_seconds{all})"),
        ),
        (
            "Sources down",
            "Sources whose last poll failed.",
            "short",
            format!("count(vigie_source_up{} == 0) or vector(0)", chosen(&["source"])),
        ),
    ];
    for (title, description, unit, expr) in figures {
        grid.put(figure(title, description, unit, Target::instant(expr, "")), (4, 4));
    }
}

fn put(grid: &mut Grid, metric: &Metric, beginnings: &[&str]) {
    // The gauges of extremes are lines of their histogram's panel.
    if is_extreme(metric) {
        return;
    }
    let description = format!("{} Source: {}.", metric.help, metric.origin);
    let title = titled(metric, beginnings);
    let matchers = matchers(metric);
    let by = metric.labels.iter().copied().filter(|label| *label != "outcome");
    let by = by.collect::<Vec<_>>().join(", ");
    match metric.kind {
        MetricKind::Gauge => {
            let by = metric.labels.join(", ");
            let target =
                Target::range(grouped(&by, &format!("{}{matchers}", metric.name)), legend(metric));
            grid.put(graph(&title, &description, unit(metric), &[target]), (8, 7));
        }
        MetricKind::Counter => {
            let rate = format!("rate({}{matchers}[$__rate_interval])", metric.name);
            let by = metric.labels.join(", ");
            let unit = if unit(metric) == "bytes" {
                "Bps"
            } else if unit(metric) == "s" {
                "percentunit"
            } else {
                "ops"
            };
            let target = Target::range(grouped(&by, &rate), legend(metric));
            grid.put(graph(&format!("{title} per second"), &description, unit, &[target]), (8, 7));
        }
        MetricKind::Histogram => {
            let shares = [("0.5", "p50"), ("0.95", "p95"), ("0.99", "p99")];
            let quantiles = shares.map(|(share, name)| {
                let by = "kind, queue, type";
                let legend = format!("{{{{queue}}}} {{{{type}}}} {name}");
                Target::range(quantile(share, metric.name, &matchers, by), legend)
            });
            let extremes =
                ALL.iter().filter(|one| is_extreme(one) && one.name.starts_with(metric.name));
            let extremes = extremes.map(|one| {
                let which = one.name.rsplit('_').next().unwrap_or_default();
                let expr = format!("{which} by (kind, queue, type) ({}{matchers})", one.name);
                Target::range(expr, format!("{{{{queue}}}} {{{{type}}}} {which}"))
            });
            let targets: Vec<Target> = quantiles.into_iter().chain(extremes).collect();
            grid.put(graph(&title, &description, "s", &targets), (16, 8));
            let expr = format!(
                "sum(rate({0}{matchers}[$__rate_interval])) or sum by (le) (rate({0}_bucket{matchers}[$__rate_interval]))",
                metric.name
            );
            let heat = heat_map(
                &format!("{title}, spread"),
                &description,
                "s",
                Target::range(expr, "{{le}}"),
            );
            grid.put(heat, (8, 8));
        }
        MetricKind::Info => {
            let column =
                Column { title: "Processes", unit: "short", expr: grouped(&by, metric.name) };
            grid.put(table(&title, &description, metric.labels, &[column]), (8, 7));
        }
    }
}

fn is_extreme(metric: &Metric) -> bool {
    let of_histogram =
        |base: &str| ALL.iter().any(|one| one.name == base && one.kind == MetricKind::Histogram);
    let base = metric.name.strip_suffix("_min").or(metric.name.strip_suffix("_max"));
    base.is_some_and(of_histogram)
}

fn grouped(by: &str, expr: &str) -> String {
    if by.is_empty() { format!("sum({expr})") } else { format!("sum by ({by}) ({expr})") }
}

fn matchers(metric: &Metric) -> String {
    let own: Vec<&str> =
        VARIABLES.into_iter().filter(|label| metric.labels.contains(label)).collect();
    chosen(&own)
}

/// Its name without what the row says already.
fn titled(metric: &Metric, beginnings: &[&str]) -> String {
    let said = beginnings.first().and_then(|one| metric.name.strip_prefix(one));
    let rest = said.unwrap_or(metric.name);
    let rest = rest.strip_prefix("vigie_").unwrap_or(rest);
    let rest = rest.strip_suffix("_total").unwrap_or(rest);
    let words = rest.strip_suffix("_seconds").unwrap_or(rest).replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or(words.clone(), |first| first.to_uppercase().chain(letters).collect())
}

/// The labels by which lines are told apart, without those that are mostly chosen.
fn legend(metric: &Metric) -> String {
    let shown =
        metric.labels.iter().filter(|label| metric.labels.len() == 1 || **label != "source");
    let shown: Vec<String> = shown.map(|label| format!("{{{{{label}}}}}")).collect();
    if shown.is_empty() { metric.name.to_owned() } else { shown.join(" ") }
}

fn unit(metric: &Metric) -> &'static str {
    match metric.unit {
        "seconds" => "s",
        "bytes" => "bytes",
        _ => "short",
    }
}

/// What Redis says of itself, by Grafana's own data source for it.
fn redis(grid: &mut Grid) {
    grid.row("Redis");
    for (title, section) in [("Clients", "clients"), ("Memory", "memory"), ("Statistics", "stats")]
    {
        let panel = json!({
            "type": "table",
            "title": title,
            "description": format!("The section {section} of Redis's INFO."),
            "datasource": REDIS.reference(),
            "targets": [{
                "refId": "A",
                "datasource": REDIS.reference(),
                "type": "command",
                "command": "info",
                "section": section,
                "query": "",
            }],
            "options": {"showHeader": true, "cellHeight": "sm"},
        });
        grid.put(panel, (8, 8));
    }
}
