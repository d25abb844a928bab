//! `vigie logs`: the log lines of a running Vigie in the terminal.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use super::following::{Following, failure};
use super::printing::{Query, dim, print};
use super::terminal::{list, printable, safe};
use crate::cli::LogsArgs;
use crate::client;
use crate::exit::Failure;

/// Lines that are known to have been printed.
const KNOWN: usize = 10_000;
/// What is asked for after a break.
const MOST_MISSED: usize = 5_000;
/// A line that the past told comes within this time, if it comes once more.
const OVERLAP: Duration = Duration::from_secs(3);

/// Prints what is there; with `-f` what comes, until a signal or until nobody reads.
pub(crate) async fn run(arguments: &LogsArgs, url: &str) -> Result<(), Failure> {
    tokio::select! {
        done = show(arguments, url) => done,
        _ = tokio::signal::ctrl_c(), if arguments.listing.follow => Ok(()),
    }
}

/// What narrows the lines down.
fn narrowed(arguments: &LogsArgs) -> Query {
    let mut query = Query::default();
    let all = [
        ("level", &arguments.level),
        ("type", &arguments.kind),
        ("source", &arguments.listing.source),
        ("instance", &arguments.instance),
        ("queue", &arguments.queue),
        ("job", &arguments.job),
        ("q", &arguments.query),
    ];
    for (name, value) in all {
        if let Some(value) = value {
            query.push(name, value);
        }
    }
    query
}

async fn show(arguments: &LogsArgs, url: &str) -> Result<(), Failure> {
    let mut shown = Shown::new(arguments.listing.json);
    if !arguments.listing.follow {
        return shown.past(arguments, url).await.map(|_| ());
    }
    let topic = format!("logs:{}", narrowed(arguments));
    let mut following = Following::new(url, &topic);
    let mut begun = false;
    loop {
        let Some(message) = following.next().await? else {
            begun = false;
            continue;
        };
        if let Some(error) = message.data["error"].as_str() {
            return Err(Failure::failed(safe(error)));
        }
        // What comes is followed before the past is asked for, so that nothing falls in between.
        if !begun && !shown.past(arguments, url).await? {
            return Ok(());
        }
        begun = true;
        if let Some(count) = message.data["skipped"].as_u64().filter(|count| *count > 0) {
            anstream::eprintln!("… {count} lines skipped: they came faster than they are sent");
        }
        for line in list(&message.data["lines"]) {
            if !shown.live(line)? {
                return Ok(());
            }
        }
    }
}

/// What was printed, as far as the same may come again: by the past and the present, which overlap.
struct Shown {
    json: bool,
    /// The last lines, and how often each is among them.
    printed: VecDeque<String>,
    counts: HashMap<String, usize>,
    /// When the newest of them was written.
    newest: Option<String>,
    /// Lines of the past that may come once more, and until when.
    owed: HashMap<String, usize>,
    owed_until: Instant,
}

/// Takes one off. Whether there was any.
fn less(counts: &mut HashMap<String, usize>, text: &str) -> bool {
    match counts.get_mut(text) {
        Some(count) if *count > 1 => *count -= 1,
        Some(_) => drop(counts.remove(text)),
        None => return false,
    }
    true
}

impl Shown {
    fn new(json: bool) -> Self {
        let (counts, owed) = (HashMap::new(), HashMap::new());
        Self {
            json,
            printed: VecDeque::new(),
            counts,
            newest: None,
            owed,
            owed_until: Instant::now(),
        }
    }

    /// Prints what is there, oldest first; after a break what was missed. Whether somebody still reads.
    async fn past(&mut self, arguments: &LogsArgs, url: &str) -> Result<bool, Failure> {
        let mut query = narrowed(arguments);
        let (from, limit) = match &self.newest {
            Some(newest) => (Some(newest), MOST_MISSED),
            None => (arguments.listing.since.as_ref(), usize::from(arguments.listing.limit)),
        };
        if let Some(from) = from {
            query.push("from", from);
        }
        query.push("limit", &limit.to_string());
        let body = client::get(url, &format!("/api/v1/logs?{query}")).await.map_err(failure)?;
        let answer: Value = serde_json::from_slice(&body)
            .map_err(|error| Failure::failed(format!("the answer is no JSON: {error}")))?;
        self.owed.clear();
        self.owed_until = Instant::now() + OVERLAP;
        // When the answer has three alike and two of them were printed, one is new.
        let mut known = self.counts.clone();
        for line in list(&answer["entries"]).iter().rev() {
            let text = line.to_string();
            *self.owed.entry(text.clone()).or_default() += 1;
            if !less(&mut known, &text) && !self.print(line, text)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Prints a line that came, unless it is one of the past. Whether somebody still reads.
    fn live(&mut self, line: &Value) -> Result<bool, Failure> {
        let text = line.to_string();
        if Instant::now() < self.owed_until && less(&mut self.owed, &text) {
            return Ok(true);
        }
        self.print(line, text)
    }

    fn print(&mut self, line: &Value, text: String) -> Result<bool, Failure> {
        let reads = print(&if self.json { text.clone() } else { shown(line) })?;
        let time = line["time"].as_str().unwrap_or_default();
        if self.newest.as_deref().is_none_or(|newest| newest < time) {
            self.newest = Some(time.to_owned());
        }
        *self.counts.entry(text.clone()).or_default() += 1;
        self.printed.push_back(text);
        if self.printed.len() > KNOWN
            && let Some(oldest) = self.printed.pop_front()
        {
            less(&mut self.counts, &oldest);
        }
        Ok(reads)
    }
}

/// A line for people: when, how bad, whose, about what, what, and the rest.
fn shown(line: &Value) -> String {
    let level = line["level"].as_str().unwrap_or("unknown");
    let style = level_style(level);
    let mut text =
        format!("{} {style}{:<5}{style:#}", printable(&line["time"]), safe(level).to_uppercase());
    let join = |names: [&str; 2]| {
        let parts: Vec<String> = names
            .iter()
            .filter(|name| line[**name].is_string())
            .map(|name| printable(&line[*name]))
            .collect();
        parts.join("/")
    };
    let (origin, about) = (join(["source", "instance"]), join(["queue", "job"]));
    let dim = dim();
    if !origin.is_empty() {
        text += &format!(" {dim}{origin}{dim:#}");
    }
    if !about.is_empty() {
        text += &format!(" [{about}]");
    }
    text += &format!(" {}", printable(&line["message"]));
    for (name, value) in line["fields"].as_object().into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        text += &format!(" {dim}{}={}{dim:#}", safe(name), safe(&value));
    }
    text
}

fn level_style(level: &str) -> Style {
    let colour = match level {
        "error" | "fatal" => AnsiColor::Red,
        "warn" => AnsiColor::Yellow,
        "info" => AnsiColor::Green,
        _ => return Style::new(),
    };
    Style::new().fg_color(Some(colour.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_line_is_one_line_whatever_it_says() {
        let line = json!({"time": "2026-11-23T14:03:39.123Z", "level": "error", "type": null, "source": "api", "instance": "api-1",
            "queue": "emails", "job": "17", "trace": null, "message": "refused\n\u{1b}[2Jby \u{202e}smtp", "fields": {"attempt": 2, "host": "a\u{7}b"}});
        let plain = anstream::adapter::strip_str(&shown(&line)).to_string();
        assert_eq!(
            plain,
            "2026-11-23T14:03:39.123Z ERROR api/api-1 [emails/17] refused\\n\\u{1b}[2Jby \\u{202e}smtp attempt=2 host=a\\u{7}b"
        );
        let bare = json!({"time": "x", "level": "unknown", "message": "", "fields": {}});
        assert_eq!(anstream::adapter::strip_str(&shown(&bare)).to_string(), "x UNKNOWN ");
    }
}
