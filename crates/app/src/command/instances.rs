//! `vigie instances`: the instances of a running Vigie in the terminal.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use super::terminal::{Window, cut, list, printable, seconds};
use super::watching;
use crate::cli::InstancesArgs;
use crate::exit::Failure;

/// Title and width of each column after the name, and how early it is left out where a terminal is narrow: 0 never.
const COLUMNS: [(&str, usize, u8); 7] = [
    ("STATUS", 10, 0),
    ("SINCE", 21, 3),
    ("P50", 9, 4),
    ("P95", 9, 1),
    ("LOAD", 7, 2),
    ("BALANCER", 12, 2),
    ("PROBE", 14, 2),
];
const NAME_MOST: usize = 50;
const NAME_LEAST: usize = 20;

/// Prints once, or every second until a signal.
pub(crate) async fn run(arguments: &InstancesArgs, url: &str) -> Result<(), Failure> {
    let InstancesArgs { table: shown, status } = arguments;
    let filters = [("status", status)];
    watching::run(shown, url, "/api/v1/instances", &filters, async |answer, window| {
        table(answer, window)
    })
    .await
}

/// The table, worst first; under an instance that is not well, what is wrong with it.
fn table(answer: &Value, window: Window) -> String {
    let mut instances: Vec<&Value> = list(&answer["instances"]).iter().collect();
    if instances.is_empty() {
        return "No instances: no source of kind haproxy, nginx, caddy, probe, go_api or n8n has told any.\n"
            .to_owned();
    }
    instances.sort_by_key(|instance| rank(instance));
    let (width, least_left_out) = fit(&instances, window.columns);
    let shown = |rank: u8| rank < least_left_out;
    let mut text = format!("{:<width$}", "INSTANCE");
    for (title, columns, _) in COLUMNS.iter().filter(|(_, _, rank)| shown(*rank)) {
        let _ = write!(text, "  {title:<columns$}");
    }
    text = text.trim_end().to_owned() + "\n";
    let mut left = window.lines.saturating_sub(3).max(1);
    let mut rest = instances.len();
    for instance in &instances {
        let error = instance["error"].as_str().map(|_| printable(&instance["error"]));
        let needs = 1 + usize::from(error.is_some());
        if left < needs && rest < instances.len() {
            break;
        }
        left = left.saturating_sub(needs);
        rest -= 1;
        let mut line = format!("{:<width$}", cut(name(instance), width));
        for ((title, columns, _), cell) in
            COLUMNS.iter().zip(cells(instance)).filter(|((_, _, rank), _)| shown(*rank))
        {
            let cell = format!("{:<columns$}", cut(cell, *columns));
            let style = if *title == "STATUS" { style(instance) } else { Style::new() };
            let _ = write!(line, "  {style}{cell}{style:#}");
        }
        let _ = writeln!(text, "{}", line.trim_end());
        if let Some(error) = error {
            let _ = writeln!(text, "{}", cut(format!("  ! {error}"), window.columns.max(20)));
        }
    }
    if rest > 0 {
        let _ = writeln!(text, "and {rest} more that are no worse");
    }
    text
}

fn rank(instance: &Value) -> u8 {
    match instance["status"].as_str() {
        Some("down") => 0,
        Some("degraded") => 1,
        Some("up") => 3,
        _ => 2,
    }
}

fn style(instance: &Value) -> Style {
    let colour = match rank(instance) {
        0 => AnsiColor::Red,
        3 => AnsiColor::Green,
        _ => AnsiColor::Yellow,
    };
    Style::new().fg_color(Some(colour.into()))
}

/// The width of the names, and the rank from which on columns are left out.
fn fit(instances: &[&Value], columns: usize) -> (usize, u8) {
    let longest = instances.iter().map(|one| name(one).chars().count()).max().unwrap_or(0);
    let name = longest.clamp(8, NAME_MOST);
    let mut left_out = u8::MAX;
    loop {
        let kept = || COLUMNS.iter().filter(|(_, _, rank)| *rank < left_out);
        let cells: usize = kept().map(|(_, width, _)| width + 2).sum();
        match kept().map(|(_, _, rank)| *rank).max() {
            Some(rank) if rank > 0 && cells + name.min(NAME_LEAST) > columns => left_out = rank,
            _ => return (name.min(columns.saturating_sub(cells)).max(8), left_out),
        }
    }
}

fn name(instance: &Value) -> String {
    let part = |key: &str| printable(&instance[key]);
    // As the screen calls it: by its own name, where its source knows its address alone.
    let called = if instance["name"].is_string() { "name" } else { "instance" };
    format!("{}/{}/{}", part("source"), part("role"), part(called))
}

fn cells(instance: &Value) -> [String; 7] {
    let word = |key: &str| match instance[key].as_str() {
        Some(_) => printable(&instance[key]),
        None => "-".to_owned(),
    };
    let load = instance["load"].as_f64().map_or("-".to_owned(), |load| format!("{load:.0}"));
    // To the second: 2026-11-23T14:03:39Z.
    let since = match instance["since"].as_str().and_then(|text| text.get(..19)) {
        Some(second) => format!("{second}Z"),
        None => "-".to_owned(),
    };
    let latency = &instance["latency"];
    [
        word("status"),
        since,
        seconds(&latency["p50"]),
        seconds(&latency["p95"]),
        load,
        word("balancer"),
        word("probe"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer() -> Value {
        json!({"instances": [
            {"source": "lb", "instance": "app1", "role": "be_app", "status": "up", "since": "2026-11-23T14:03:39.000Z",
             "latency": {"p50": 0.004, "p95": 0.012}, "load": 3.0, "version": null, "balancer": "UP", "probe": "ok", "error": null},
            {"source": "lb", "instance": "127.0.0.1:9002", "name": "app2\u{1b}[2J", "role": "be_app", "status": "degraded",
             "since": "2026-11-23T14:03:39.000Z", "latency": {"p50": null, "p95": null}, "load": null, "version": null,
             "balancer": "UP", "probe": "refused", "error": "balancer lb says UP, probe p says refused"}]})
    }

    fn plain(window: Window) -> String {
        anstream::adapter::strip_str(&table(&answer(), window)).to_string()
    }

    #[test]
    fn the_worst_comes_first_with_its_error_and_absent_is_a_dash() {
        let text = plain(Window { columns: 200, lines: 50 });
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("INSTANCE") && lines[0].ends_with("PROBE"), "{text}");
        assert!(!text.contains("127.0.0.1"), "{text}");
        assert!(lines[1].contains("app2\\u{1b}[2J") && lines[1].contains(" -  "), "{text}");
        assert_eq!(lines[2], "  ! balancer lb says UP, probe p says refused");
        assert!(lines[3].starts_with("lb/be_app/app1") && lines[3].contains("12 ms"), "{text}");
        assert!(lines[3].contains("2026-11-23T14:03:39Z"), "{text}");
    }

    #[test]
    fn the_table_fits_into_the_window() {
        for columns in [40, 60, 80, 120] {
            let text = plain(Window { columns, lines: 50 });
            let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(widest <= columns && text.contains("STATUS"), "{columns}: {widest}\n{text}");
        }
        let short = plain(Window { columns: 80, lines: 4 });
        assert!(short.contains("and 1 more"), "{short}");
        assert!(
            table(&json!({"instances": []}), Window { columns: 80, lines: 9 })
                .contains("No instances")
        );
    }
}
