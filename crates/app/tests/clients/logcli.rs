//! Loki's own command line as it is, at Vigie's address: what it shows is what was written.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;
use vigie_testkit::{Vigie, until};

use crate::lines::Line;
use crate::through::vigie;
use crate::tool;

/// More than `logcli` asks for at once.
const LINES: usize = 2_500;
const ALL: &str = r#"{source="shop"}"#;

struct Logcli {
    program: PathBuf,
    url: String,
}

impl Logcli {
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["--addr", &self.url, "--timezone", "UTC"]).args(words);
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// What it shows on its output, where it works.
    fn says(&self, words: &[&str]) -> String {
        let output = self.run(words);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The lines of a query.
    fn query(&self, words: &[&str]) -> Vec<Shown> {
        let words = [&["--quiet", "--output", "jsonl", "query"], words].concat();
        self.says(&words).lines().map(Shown::read).collect()
    }
}

/// A line as it shows it.
#[derive(Debug, PartialEq)]
struct Shown {
    millis: i64,
    text: String,
}

impl Shown {
    fn read(line: &str) -> Self {
        let line: Value = serde_json::from_str(line).unwrap();
        let time: jiff::Timestamp = line["timestamp"].as_str().unwrap().parse().unwrap();
        Self { millis: time.as_millisecond(), text: line["line"].as_str().unwrap().to_owned() }
    }

    fn of<'a>(lines: impl IntoIterator<Item = &'a Line>) -> Vec<Self> {
        let shown = |line: &Line| Self { millis: line.millis, text: line.message.clone() };
        lines.into_iter().map(shown).collect()
    }
}

fn write(vigie: &Vigie, lines: &[Line]) {
    let texts = lines.iter().map(|line| {
        let mut text: Value = serde_json::from_str(&line.json()).unwrap();
        text["service"] = json!("shop");
        text["host"] = json!({"name": "web-1"});
        format!("{text}\n")
    });
    vigie.post("/api/v1/logs", &texts.collect::<String>());
}

fn with_lines(dir: &TempDir) -> (Vigie, Logcli, Vec<Line>) {
    let (vigie, lines) = (vigie(dir), Line::some(LINES));
    write(&vigie, &lines);
    let program = tool(dir, "loki", "github.com/grafana/loki/cmd/logcli");
    let url = vigie.url();
    (vigie, Logcli { program, url }, lines)
}

#[test]
fn logcli_shows_the_lines_that_were_written() {
    let dir = tempfile::tempdir().unwrap();
    let (_vigie, logcli, lines) = with_lines(&dir);
    let newest = |count: usize| Shown::of(lines.iter().rev().take(count));
    assert_eq!(logcli.query(&[ALL]), newest(30), "by default");
    assert_eq!(logcli.query(&[ALL, "--limit=7"]), newest(7));
    // Page by page, from the last time of the one before.
    let all = "--limit=5000";
    assert_eq!(logcli.query(&[ALL, all]), newest(LINES), "page by page");
    assert_eq!(logcli.query(&[ALL, all, "--forward"]), Shown::of(&lines));
    assert_eq!(logcli.query(&[ALL, "--limit=2001", "--batch=1000"]), newest(2_001));
    // Within a time.
    let (from, to) = (&lines[100], &lines[110]);
    let (since, until) = (format!("--from={}", from.time()), format!("--to={}", to.time()));
    let within = logcli.query(&[ALL, all, "--forward", &since, &until]);
    assert_eq!(within, Shown::of(&lines[100..110]));
    assert_eq!(logcli.query(&[ALL, "--since=1s"]), [], "the last of them is of 40 s ago");
    assert_eq!(logcli.query(&[ALL, all, "--since=30m"]).len(), LINES);
    // What is asked for.
    let asked = r#"{source="shop", level="error"} |= "größe" | number > 2000"#;
    let wanted = lines
        .iter()
        .filter(|line| line.level == "error" && line.message.contains("größe"))
        .filter(|line| line.number > 2_000);
    assert_eq!(logcli.query(&[asked, all, "--forward"]), Shown::of(wanted), "{asked}");
    // As people see it.
    let text = logcli.says(&["query", ALL, "--limit=1", "--include-label=queue"]);
    let last = lines.last().unwrap();
    assert!(text.contains("queue=\"emails\"") && text.contains(&last.message[..9]), "{text}");
    assert!(text.starts_with(&last.time()[..19]), "{text}");
    let stats = logcli.run(&["--stats", "query", ALL, "--limit=1"]);
    assert!(stats.status.success(), "{stats:?}");
    let refused = logcli.run(&["query", "{source="]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("parse error"), "{said}");
}

#[test]
fn logcli_knows_labels_series_and_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let (_vigie, logcli, _lines) = with_lines(&dir);
    let words = |text: String| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    let names = words(logcli.says(&["--quiet", "labels"]));
    for name in ["level", "source", "instance", "queue"] {
        assert!(names.contains(name), "{names:?}");
    }
    let levels = words(logcli.says(&["--quiet", "labels", "level"]));
    for level in ["debug", "info", "warn", "error"] {
        assert!(levels.contains(level), "{levels:?}");
    }
    let series =
        words(logcli.says(&["--quiet", "series", r#"{source="shop",level=~"warn|error"}"#]));
    assert_eq!(series.len(), 2, "{series:?}");
    assert!(series.iter().all(|one| one.contains(r#"queue="emails""#)), "{series:?}");
    let analysed = logcli.says(&["--quiet", "series", ALL, "--analyze-labels"]);
    let level = analysed.lines().find(|line| line.starts_with("level")).unwrap_or(&analysed);
    assert_eq!(level.split_whitespace().nth(1), Some("4"), "{analysed}");
    let counted = r#"sum by (level) (count_over_time({source="shop"}[10m]))"#;
    let vector: Value =
        serde_json::from_str(&logcli.says(&["--quiet", "instant-query", counted])).unwrap();
    let numbers: Vec<_> = vector.as_array().unwrap().iter().map(|one| &one["value"][1]).collect();
    assert_eq!(numbers, [&json!((LINES / 4).to_string()); 4], "{vector:#}");
    let total = r#"sum(count_over_time({source="shop"}[10m]))"#;
    let words = ["--quiet", "query", total, "--since=5s", "--step=5s"];
    let matrix: Value = serde_json::from_str(&logcli.says(&words)).unwrap();
    let last = matrix[0]["values"].as_array().and_then(|values| values.last());
    assert_eq!(last.map(|one| &one[1]), Some(&json!(LINES.to_string())), "{matrix:#}");
}

#[test]
fn logcli_follows_what_comes() {
    let dir = tempfile::tempdir().unwrap();
    let (vigie, logcli, lines) = with_lines(&dir);
    let shown = dir.path().join("followed");
    let words = ["--quiet", "--output", "jsonl", "query", "--tail", "--limit=10", ALL];
    let mut command = logcli.command(&words);
    let mut follower = command.stdout(File::create(&shown).unwrap()).spawn().unwrap();
    let followed = || {
        let text = std::fs::read_to_string(&shown).unwrap();
        // The last one may be half written.
        let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
        whole.lines().map(Shown::read).collect::<Vec<_>>()
    };
    let mut wanted = Shown::of(&lines[LINES - 10..]);
    until("the last lines", || (followed().len() >= wanted.len()).then_some(()));
    for part in 0..3 {
        let mut more = Line::some(100);
        for line in &mut more {
            line.message = format!("later, {part}: {}", line.message);
        }
        write(&vigie, &more);
        wanted.extend(Shown::of(&more));
        until("what was written", || (followed().len() >= wanted.len()).then_some(()));
    }
    let ended = follower.try_wait().unwrap();
    follower.kill().unwrap();
    follower.wait().unwrap();
    assert_eq!((followed(), ended), (wanted, None));
}
