//! What there is to log, and how Vigie must have it in the end.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// Levels in turn.
const LEVELS: [&str; 4] = ["debug", "info", "warn", "error"];
/// What lines may look like.
const TEXTS: [&str; 6] = [
    "done in 12 ms",
    "<script>alert(\"1\")</script> & 'quoted' </b>",
    "panic: no such job\n\tat work (worker.js:17:3)\n\n\tat main",
    "größe 東京 🚀 e\u{301} \u{202e}txt.exe",
    r#"{"not":"parsed","path":"C:\\temp\\new"} %s ${HOME} {{x}} \u0000"#,
    "tabs\there,  two spaces, \u{1b}[31mred\u{1b}[0m",
];

/// A line.
#[derive(Debug, Clone)]
pub struct Line {
    pub number: usize,
    /// Unix milliseconds.
    pub millis: i64,
    pub level: &'static str,
    pub message: String,
}

impl Line {
    pub const QUEUE: &str = "emails";

    /// Each so many lines, of the last minute.
    pub fn some(count: usize) -> Vec<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
        (0..count)
            .map(|number| Self {
                number,
                millis: now - 60_000 + number as i64 * 7,
                level: LEVELS[number % LEVELS.len()],
                message: format!("line {number}: {}", TEXTS[number % TEXTS.len()]),
            })
            .collect()
    }

    /// When it was written, as RFC 3339 with milliseconds.
    pub fn time(&self) -> String {
        let at = jiff::Timestamp::from_millisecond(self.millis).unwrap();
        at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
    }

    /// The id of the job it is about.
    pub fn job(&self) -> String {
        format!("job-{}", self.number)
    }

    /// As the programs of `testkit` are told.
    pub fn json(&self) -> String {
        json!({"time": self.time(), "level": self.level, "message": self.message, "queue": Self::QUEUE, "job": self.job(),
            "number": self.number})
        .to_string()
    }
}

/// Asserts that each line is there once and as it was: time, level, source, instance and job; the message and the rest are for `same`.
pub fn assert_all(who: &str, lines: &[Line], entries: &[Value], same: impl Fn(&Line, &Value)) {
    let twice = assert_each(who, lines, entries, same);
    assert!(twice.is_empty(), "{who}: twice: {twice:?}");
}

/// Asserts that each line is there, and each time as it was; the numbers of those that are there more than once.
pub fn assert_each(
    who: &str,
    lines: &[Line],
    entries: &[Value],
    same: impl Fn(&Line, &Value),
) -> Vec<usize> {
    let mut by_job: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for entry in entries {
        by_job.entry(entry["job"].as_str().unwrap_or("")).or_default().push(entry);
    }
    let (mut lost, mut twice) = (Vec::new(), Vec::new());
    for line in lines {
        let found = by_job.remove(&*line.job()).unwrap_or_default();
        match found.len() {
            0 => lost.push(line.number),
            1 => {}
            _ => twice.push(line.number),
        }
        let time = line.time();
        let wanted = [&*time, line.level, "shop", "web-1"].map(Some);
        for entry in found {
            let found = ["time", "level", "source", "instance"].map(|name| entry[name].as_str());
            assert_eq!(found, wanted, "{who}: {entry:#}");
            same(line, entry);
        }
    }
    assert!(lost.is_empty(), "{who}: lost: {lost:?}");
    assert!(by_job.is_empty(), "{who}: lines that nobody wrote: {by_job:?}");
    twice
}
