//! A month of 10,000 series: how long the charts' and Grafana's questions take, and the screen.

use anyhow::{Context, Result};
use serde_json::Value;

use super::ask;
use super::browser::{address, json, number, visit};
use super::cast::{Broker, Cast, profile};
use super::report::{Section, Table};

const QUEUES: usize = 500;
const DAYS: i64 = 30;
/// A chart that has been drawn.
const CHART_READY: &str = ".chart[aria-busy=false] canvas";
/// As a screen of 1,440 pixels asks.
const POINTS: u32 = 360;

/// What is asked: a name, a path without its range, and whether that is Prometheus's API.
const QUESTIONS: [(&str, &str, bool); 6] = [
    ("charts of Now", "/api/v1/history?points=360", false),
    ("charts of a queue", "/api/v1/history?source=main&queue=bench-0003&points=360", false),
    ("heat map of a queue", "/api/v1/heatmap?figure=run&source=main&queue=bench-0003", false),
    (
        "one series",
        "/api/v1/query_range?query=vigie_queue_jobs%7Bqueue%3D%22bench-0007%22,state%3D%22waiting%22%7D",
        true,
    ),
    (
        "rate of 500 series, one sum",
        "/api/v1/query_range?query=sum(rate(vigie_jobs_enqueued_total%5B1h%5D))",
        true,
    ),
    (
        "3,500 series by state",
        "/api/v1/query_range?query=sum%20by%20(state)(vigie_queue_jobs)",
        true,
    ),
];
const RANGES: [(&str, i64); 4] =
    [("1 h", 3_600), ("24 h", 86_400), ("7 d", 604_800), ("30 d", 2_592_000)];

/// Writes the month, starts Vigie over it, and asks.
pub fn measure(cast: &Cast<'_>) -> Result<Section> {
    println!("history: writing {DAYS} days of {QUEUES} queues ...");
    let month = write_month(cast)?;
    let (_redis, port) = cast.redis("redis")?;
    let _fill = cast.fill(Broker::Asynq, (QUEUES, 10), port, 0)?;
    let vigie = cast.watch_over(&month.folder, port)?;
    println!("history: asking ...");
    let mut table = Table::new(&["question", "range", "first ms", "again ms", "answer KB"]);
    let now = unix_seconds()?;
    for (name, path, prometheus) in QUESTIONS {
        for (range, seconds) in RANGES {
            let step = seconds / i64::from(POINTS);
            // Grafana and Explore ask at multiples of the step; the server's own API sees to it itself.
            let end = now / step * step;
            let path = match prometheus {
                true => format!("{path}&start={}&end={end}&step={step}", end - seconds),
                false => format!("{path}&from={}&to={now}", now - seconds),
            };
            let (body, first) = ask::page(vigie.port, &path)?;
            let mut again = Vec::new();
            for _ in 0..5 {
                again.push(ask::page(vigie.port, &path)?.1);
            }
            again.sort_by(f64::total_cmp);
            table.row(vec![
                name.to_owned(),
                range.to_owned(),
                format!("{:.1}", first * 1e3),
                format!("{:.1}", again[again.len() / 2] * 1e3),
                format!("{:.1}", body.len() as f64 / 1024.0),
            ]);
        }
    }
    let mut screen = Table::new(&["page", "range", "charts there ms", "worst ms"]);
    for (name, path) in [("Now", "/"), ("a queue", "/queues/main/asynq/bench-0003")] {
        for range in ["24h", "30d"] {
            let page = format!("{}{path}?range={range}", address(&vigie));
            let found = visit(cast, "cold", 3, &page, CHART_READY)?;
            screen.row(vec![
                name.to_owned(),
                range.to_owned(),
                format!("{:.0}", number(&found["data"])),
                format!("{:.0}", number(&found["worstData"])),
            ]);
        }
    }
    println!("history: exploring ...");
    let mut node = cast.command("node");
    let explored = json(node.args(["bench/explore.mjs", &address(&vigie), "30d"]))?;
    let memory = vigie.program.resident()?;
    let mut section = section(&month, &table, &screen, memory);
    explore(&mut section, &explored);
    Ok(section)
}

struct Month {
    folder: std::path::PathBuf,
    written: Value,
}

/// `crates/store/examples/month.rs` invents it.
fn write_month(cast: &Cast<'_>) -> Result<Month> {
    let folder = cast.file("month");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)
            .with_context(|| format!("emptying {}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let mut cargo = cast.command("cargo");
    cargo.args(["run", "--quiet", "--profile", &profile(), "--package", "vigie-store"]);
    cargo.args(["--example", "month", "--"]);
    cargo.arg(folder.join("metrics")).args([QUEUES.to_string(), DAYS.to_string()]);
    let written = json(&mut cargo)?;
    Ok(Month { folder, written })
}

fn unix_seconds() -> Result<i64> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Ok(i64::try_from(since.as_secs())?)
}

fn section(month: &Month, table: &Table, screen: &Table, memory: f64) -> Section {
    let figure = |name: &str| number(&month.written[name]);
    let mut section = Section::new("History");
    section.say(&format!(
        "{DAYS} days of {:.0} series, a sample a minute ({:.0} million), in a store of {:.0} MB ({:.2} bytes a sample, with what is downsampled \
         beside). Vigie is asked over HTTP on this machine, in {POINTS} steps, whose times are multiples of the step: the first time, and the median of five more. *Charts there*: \
         from the opening of the page in a fresh browser until a chart is drawn. Vigie has {:.0} MB resident after that.",
        figure("series"),
        figure("samples") / 1e6,
        figure("bytes") / 1e6,
        figure("bytes") / figure("samples"),
        memory / 1e6,
    ));
    section.table(table);
    section.table(screen);
    section
}

/// What Explore costs the page, one doing after the other.
fn explore(section: &mut Section, found: &Value) {
    section.say(
        "Explore over 30 days with `{queue!=\"\"}`, all series of queues, in one page (`bench/explore.mjs`). *Main thread* and *longest task* are \
         processor time, in which other programs have no part; *long* counts tasks above 100 ms. *There* is by the clock and has the server's answer in it, \
         of which *points* are the moments asked for. The values of the completion are invented at the border of the page: the month has no label with so many.",
    );
    let mut table = Table::new(&[
        "doing",
        "points",
        "answer MB",
        "main thread ms",
        "longest task ms",
        "long",
        "there ms",
    ]);
    for doing in found["doings"].as_array().into_iter().flatten() {
        let shown = |name: &str, scale: f64, digits: usize| match number(&doing[name]) {
            0.0 if name == "points" || name == "bytes" => "–".to_owned(),
            value => format!("{:.digits$}", value * scale),
        };
        table.row(vec![
            doing["name"].as_str().unwrap_or_default().to_owned(),
            shown("points", 1.0, 0),
            shown("bytes", 1e-6, 1),
            shown("cpu", 1.0, 0),
            shown("longest", 1.0, 0),
            shown("long", 1.0, 0),
            shown("took", 1.0, 0),
        ]);
    }
    section.table(&table);
    section.say(&format!(
        "On demand it draws as many lines as a frame can: \u{201c}{}\u{201d}",
        found["drawn"].as_str().unwrap_or_default().trim()
    ));
}
