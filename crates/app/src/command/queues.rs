//! `vigie queues`: the queues of a running Vigie in the terminal.

use std::fmt::Write;
use std::io::IsTerminal;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use crate::cli::QueuesArgs;
use crate::client::{self, ClientError};
use crate::exit::Failure;

const COLUMNS: [(&str, usize); 11] = [
    ("WAITING", 9),
    ("ACTIVE", 7),
    ("SCHED", 7),
    ("RETRY", 6),
    ("OLDEST", 9),
    ("IN/S", 8),
    ("OUT/S", 8),
    ("DRAINS", 9),
    ("P95 WAIT", 9),
    ("P95 RUN", 9),
    ("WORKERS", 9),
];

/// Prints once, or every second until a signal.
pub(crate) async fn run(arguments: &QueuesArgs) -> Result<(), Failure> {
    let path = path(arguments);
    loop {
        let answer = client::get(&arguments.url, &path).await;
        match (answer, arguments.watch) {
            (Ok(body), _) => show(arguments, &body, &verdict(arguments).await)?,
            // While watching, a Vigie that restarts comes back.
            (Err(error @ ClientError::Unreachable { .. }), true) => anstream::eprintln!("{error}"),
            (Err(error @ ClientError::Refused { .. }), _) => {
                return Err(Failure::failed(error.to_string()));
            }
            (Err(error @ ClientError::Address(_)), _) => {
                return Err(Failure::wrong_input(error.to_string()));
            }
            (Err(error), false) => return Err(Failure::unreachable(error.to_string())),
        }
        if !arguments.watch {
            return Ok(());
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
    }
}

fn path(arguments: &QueuesArgs) -> String {
    let mut path = "/api/v1/queue/status?".to_owned();
    for (name, value) in [("source", &arguments.source), ("kind", &arguments.kind)] {
        if let Some(value) = value {
            let encoded: String = value.bytes().map(percent_encoded).collect();
            let _ = write!(path, "{name}={encoded}&");
        }
    }
    path.pop();
    path
}

fn percent_encoded(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

/// The sentence that comes first; empty when it cannot be had, as the table says more.
async fn verdict(arguments: &QueuesArgs) -> String {
    if arguments.json {
        return String::new();
    }
    let answer = client::get(&arguments.url, "/api/v1/verdict").await;
    let verdict: Value =
        answer.ok().and_then(|body| serde_json::from_slice(&body).ok()).unwrap_or_default();
    let colour = match verdict["severity"].as_str() {
        Some("critical") => AnsiColor::Red,
        Some("warning" | "unknown") => AnsiColor::Yellow,
        _ => AnsiColor::Green,
    };
    let style = Style::new().bold().fg_color(Some(colour.into()));
    format!("{style}{}{style:#}\n", printable(&verdict["text"]))
}

fn show(arguments: &QueuesArgs, body: &[u8], verdict: &str) -> Result<(), Failure> {
    if arguments.json {
        anstream::println!("{}", String::from_utf8_lossy(body));
        return Ok(());
    }
    let answer: Value = serde_json::from_slice(body)
        .map_err(|error| Failure::failed(format!("the answer is no JSON: {error}")))?;
    if arguments.watch && std::io::stdout().is_terminal() {
        anstream::print!("\x1b[H\x1b[2J");
    }
    anstream::print!("{verdict}{}", table(&answer));
    Ok(())
}

/// The table, worst first: stale, then by waiting jobs.
fn table(answer: &Value) -> String {
    let mut text = String::new();
    for source in list(&answer["sources"]).iter().filter(|source| source["up"] != true) {
        let red = Style::new().fg_color(Some(AnsiColor::Red.into()));
        let error = source["error"].as_str().unwrap_or("no answer yet");
        let _ = writeln!(
            text,
            "{red}! source {}: {}{red:#}",
            printable(&source["source"]),
            safe(error)
        );
    }
    let mut queues: Vec<&Value> = list(&answer["queues"]).iter().collect();
    queues.sort_by_key(|queue| {
        (queue["stale"] != true, std::cmp::Reverse(queue["jobs"]["waiting"].as_u64()))
    });
    if queues.is_empty() {
        text.push_str("No queues yet.\n");
        return text;
    }
    let name = |queue: &Value| {
        format!(
            "{}/{}/{}",
            printable(&queue["source"]),
            printable(&queue["kind"]),
            printable(&queue["queue"])
        )
    };
    let width =
        queues.iter().map(|queue| name(queue).chars().count()).max().unwrap_or(0).clamp(5, 60);
    let _ = write!(text, "{:<width$}", "QUEUE");
    for (title, columns) in COLUMNS {
        let _ = write!(text, "{title:>columns$}");
    }
    text.push('\n');
    for queue in queues {
        let shown: String = name(queue).chars().take(width).collect();
        let _ = write!(text, "{shown:<width$}");
        for ((_, columns), cell) in COLUMNS.iter().zip(cells(queue)) {
            let _ = write!(text, "{cell:>columns$}");
        }
        let marks = [("paused", "paused"), ("stale", "stale")];
        for (_, mark) in marks.iter().filter(|(key, _)| queue[*key] == true) {
            let yellow = Style::new().fg_color(Some(AnsiColor::Yellow.into()));
            let _ = write!(text, "  {yellow}{mark}{yellow:#}");
        }
        text.push('\n');
    }
    text
}

fn cells(queue: &Value) -> [String; 11] {
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
        seconds(&queue["oldest_seconds"]),
        rate(&queue["rates"]["enqueued"]),
        rate(&queue["rates"]["processed"]),
        drains,
        seconds(&queue["wait"]["p95"]),
        seconds(&queue["run"]["p95"]),
        workers,
    ]
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn printable(value: &Value) -> String {
    safe(value.as_str().unwrap_or_default())
}

/// Names come from outside: what would move the cursor or change colours is shown, not done.
fn safe(text: &str) -> String {
    text.chars()
        .flat_map(|one| if one.is_control() { one.escape_default().collect() } else { vec![one] })
        .collect()
}

fn count(value: &Value) -> String {
    value.as_u64().map_or("-".to_owned(), |count| count.to_string())
}

fn rate(value: &Value) -> String {
    value.as_f64().map_or("-".to_owned(), |rate| format!("{rate:.1}"))
}

fn seconds(value: &Value) -> String {
    value.as_f64().map_or("-".to_owned(), duration)
}

fn duration(seconds: f64) -> String {
    match seconds {
        ..0.9995 => format!("{:.0} ms", seconds * 1e3),
        ..60.0 => format!("{seconds:.1} s"),
        ..3_600.0 => format!("{}m{:02}s", seconds as u64 / 60, seconds as u64 % 60),
        _ => format!("{}h{:02}m", seconds as u64 / 3_600, seconds as u64 % 3_600 / 60),
    }
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

    #[test]
    fn the_table_shows_the_fullest_queue_first_and_absent_as_a_dash() {
        let text = anstream::adapter::strip_str(&table(&answer())).to_string();
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
    fn names_cannot_move_the_cursor() {
        let text = table(&answer());
        assert!(text.contains("busy\\n\\u{1b}[2J"), "{text}");
        assert!(!text.contains("refused\u{1b}"), "{text}");
    }
}
