//! `vigie queues`: the queues of a running Vigie in the terminal.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use super::terminal::{Window, cut, duration, list, printable, safe, seconds};
use super::watching;
use crate::cli::QueuesArgs;
use crate::client;
use crate::exit::Failure;

/// Title, width, and how early it is left out where a terminal is narrow: 0 never, the greatest first.
const COLUMNS: [(&str, usize, u8); 12] = [
    ("WAITING", 9, 0),
    ("ACTIVE", 7, 4),
    ("SCHED", 7, 8),
    ("RETRY", 6, 7),
    ("FAILED", 8, 3),
    ("OLDEST", 9, 0),
    ("IN/S", 8, 5),
    ("OUT/S", 8, 5),
    ("DRAINS", 9, 1),
    ("P95 WAIT", 9, 6),
    ("P95 RUN", 9, 6),
    ("WORKERS", 9, 2),
];
/// A name is cut to this before a column is left out, and no further.
const NAME_LEAST: usize = 30;
const NAME_MOST: usize = 60;

/// Prints once, or every second until a signal.
pub(crate) async fn run(arguments: &QueuesArgs, url: &str) -> Result<(), Failure> {
    let QueuesArgs { table: shown, kind } = arguments;
    let with_verdict = async |answer: &Value, window: Window| {
        format!("{}{}", verdict(url, window.columns).await, table(answer, window))
    };
    watching::run(shown, url, "/api/v1/queue/status", &[("kind", kind)], with_verdict).await
}

/// The sentence that comes first; empty when it cannot be had, as the table says more.
async fn verdict(url: &str, columns: usize) -> String {
    let answer = client::get(url, "/api/v1/verdict").await;
    let verdict: Value =
        answer.ok().and_then(|body| serde_json::from_slice(&body).ok()).unwrap_or_default();
    heading(&verdict, columns)
}

/// One line of a terminal: a second one would push the table out of its window.
fn heading(verdict: &Value, columns: usize) -> String {
    let colour = match verdict["severity"].as_str() {
        Some("critical") => AnsiColor::Red,
        Some("warning" | "unknown") => AnsiColor::Yellow,
        _ => AnsiColor::Green,
    };
    let style = Style::new().bold().fg_color(Some(colour.into()));
    format!("{style}{}{style:#}\n", cut(printable(&verdict["text"]), columns))
}

/// The table, worst first: stale, then by waiting jobs. It is no wider and no higher than the window, in which the
/// verdict has one line, too, and the cursor another.
fn table(answer: &Value, window: Window) -> String {
    let mut text = String::new();
    for source in list(&answer["sources"]).iter().filter(|source| source["up"] != true) {
        let red = Style::new().fg_color(Some(AnsiColor::Red.into()));
        let error = source["error"].as_str().unwrap_or("no answer yet");
        let line = format!("! source {}: {}", printable(&source["source"]), safe(error));
        let _ = writeln!(text, "{red}{}{red:#}", cut(line, window.columns));
    }
    let mut queues: Vec<&Value> = list(&answer["queues"]).iter().collect();
    queues.sort_by_key(|queue| {
        (queue["stale"] != true, std::cmp::Reverse(queue["jobs"]["waiting"].as_u64()))
    });
    if queues.is_empty() {
        text.push_str("No queues yet.\n");
        return text;
    }
    let (width, least_left_out) = fit(&queues, window.columns);
    let shown = |rank: u8| rank < least_left_out;
    let _ = write!(text, "{:<width$}", "QUEUE");
    for (title, columns, _) in COLUMNS.iter().filter(|(_, _, rank)| shown(*rank)) {
        let _ = write!(text, "{title:>columns$}");
    }
    text.push('\n');
    // The verdict, the line about the rest, and the cursor's.
    let rows = window.lines.saturating_sub(text.lines().count() + 3).max(1);
    for queue in queues.iter().take(rows) {
        let name = cut(name(queue), width);
        let _ = write!(text, "{name:<width$}");
        for ((_, columns, rank), cell) in COLUMNS.iter().zip(cells(queue)) {
            if shown(*rank) {
                let _ = write!(text, "{cell:>columns$}");
            }
        }
        for mark in marks(queue) {
            let yellow = Style::new().fg_color(Some(AnsiColor::Yellow.into()));
            let _ = write!(text, "  {yellow}{mark}{yellow:#}");
        }
        text.push('\n');
    }
    if queues.len() > rows {
        let _ = writeln!(text, "and {} more with fewer waiting jobs", queues.len() - rows);
    }
    text
}

/// The width of the names, and the rank from which on columns are left out.
fn fit(queues: &[&Value], columns: usize) -> (usize, u8) {
    let longest = queues.iter().map(|queue| name(queue).chars().count()).max().unwrap_or(0);
    let name = longest.clamp(5, NAME_MOST);
    let marks = |queue: &&Value| marks(queue).map(|mark| mark.len() + 2).sum::<usize>();
    let marks = queues.iter().map(marks).max().unwrap_or(0);
    let mut left_out = u8::MAX;
    loop {
        let kept = || COLUMNS.iter().filter(|(_, _, rank)| *rank < left_out);
        let cells = marks + kept().map(|(_, width, _)| width).sum::<usize>();
        match kept().map(|(_, _, rank)| *rank).max() {
            Some(rank) if rank > 0 && cells + name.min(NAME_LEAST) > columns => left_out = rank,
            _ => return (name.min(columns.saturating_sub(cells)).max(5), left_out),
        }
    }
}

fn marks(queue: &Value) -> impl Iterator<Item = &'static str> {
    ["paused", "stale"].into_iter().filter(|mark| queue[*mark] == true)
}

fn name(queue: &Value) -> String {
    let part = |key: &str| printable(&queue[key]);
    format!("{}/{}/{}", part("source"), part("kind"), part("queue"))
}

fn cells(queue: &Value) -> [String; 12] {
    let jobs = &queue["jobs"];
    let drains = match (queue["drains"].as_bool(), queue["drain_seconds"].as_f64()) {
        (Some(true), Some(seconds)) => duration(seconds),
        (Some(false), _) => "never".to_owned(),
        _ => "-".to_owned(),
    };
    let workers =
        match (queue["workers"].as_u64(), queue["busy"].as_u64(), queue["capacity"].as_u64()) {
            (None, ..) => "-".to_owned(),
            (Some(workers), Some(busy), Some(capacity)) => format!("{workers} {busy}/{capacity}"),
            (Some(workers), ..) => workers.to_string(),
        };
    [
        count(&jobs["waiting"]),
        count(&jobs["active"]),
        count(&jobs["scheduled"]),
        count(&jobs["retry"]),
        count(&jobs["failed"]),
        seconds(&queue["oldest_seconds"]),
        rate(&queue["rates"]["enqueued"]),
        rate(&queue["rates"]["processed"]),
        drains,
        seconds(&queue["wait"]["p95"]),
        seconds(&queue["run"]["p95"]),
        workers,
    ]
}

fn count(value: &Value) -> String {
    value.as_u64().map_or("-".to_owned(), |count| count.to_string())
}

fn rate(value: &Value) -> String {
    value.as_f64().map_or("-".to_owned(), |rate| format!("{rate:.1}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer() -> Value {
        json!({"sources": [{"source": "main", "up": false, "error": "refused\u{1b}[31m"}], "queues": [
            {"source": "main", "kind": "bull", "queue": "quiet", "jobs": {"waiting": 0}, "paused": true},
            {"source": "main", "kind": "asynq", "queue": "busy\n\u{1b}[2J", "jobs": {"waiting": 12, "active": 3},
             "oldest_seconds": 75.2, "rates": {"enqueued": 2.0, "processed": 1.0}, "drains": false,
             "workers": 2, "busy": 3, "capacity": 10, "wait": {"p95": 0.25}, "run": {"p95": null}}]})
    }

    const WIDE: Window = Window { columns: 200, lines: 50 };

    fn plain(answer: &Value, window: Window) -> String {
        anstream::adapter::strip_str(&table(answer, window)).to_string()
    }

    #[test]
    fn the_table_shows_the_fullest_queue_first_and_absent_as_a_dash() {
        let text = plain(&answer(), WIDE);
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[2].contains("busy") && lines[2].contains("1m15s") && lines[2].contains("never"),
            "{text}"
        );
        assert!(lines[2].contains("250 ms") && lines[2].contains("2 3/10"), "{text}");
        assert!(
            lines[3].contains("quiet") && lines[3].contains('-') && lines[3].ends_with("paused"),
            "{text}"
        );
    }

    #[test]
    fn the_table_fits_into_the_window() {
        let queue = |number: usize| {
            json!({"source": "main", "kind": "bull", "queue": format!("{}{number}", "long".repeat(15)),
                "jobs": {"waiting": number}, "paused": true})
        };
        let source = json!({"source": "main", "up": false, "error": "refused ".repeat(20)});
        let many = json!({"sources": [source], "queues": (0..50).map(queue).collect::<Vec<_>>()});
        let verdict = json!({"severity": "critical", "text": "mail has no worker: 3 jobs wait."});
        let one = anstream::adapter::strip_str(&heading(&verdict, 20)).to_string();
        assert_eq!(one, "mail has no worker:…\n");
        for (columns, lines) in [(200, 50), (120, 20), (80, 24), (60, 5), (1, 1)] {
            let text = plain(&many, Window { columns, lines });
            let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(widest <= columns.max(44), "{columns}: {widest}\n{text}");
            assert!(text.lines().count() + 2 <= lines.max(6), "{lines}\n{text}");
            let [waiting, oldest] = ["WAITING", "OLDEST"].map(|title| text.contains(title));
            assert!(waiting && oldest && text.contains(" more with fewer"), "{text}");
        }
        let all = plain(&many, Window { columns: 200, lines: usize::MAX });
        assert_eq!(all.lines().count(), 52);
        assert!(all.contains("FAILED"), "{all}");
    }

    #[test]
    fn names_cannot_move_the_cursor_or_turn_the_line_around() {
        let text = table(&answer(), WIDE);
        assert!(text.contains("busy\\n\\u{1b}[2J"), "{text}");
        assert!(!text.contains("refused\u{1b}"), "{text}");
        assert_eq!(safe("a\u{202e}b"), "a\\u{202e}b");
    }
}
