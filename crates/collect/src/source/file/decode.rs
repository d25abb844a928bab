//! What one line says, by its format. Pure: text in, an entry out; what cannot be read as it should comes as plain text, with
//! the reason.

mod cri;
mod logfmt;
mod plain;
mod time;

use regex::Regex;
use serde_json::{Map, Value};
use vigie_model::{LogEntry, Time, log_entry_from_object};

pub use cri::{Container, container};
pub use logfmt::logfmt;
pub use time::{TimeFormat, TimeFormatFault};

/// The field of an entry that says why its line could not be read as it should.
pub const FAULT: &str = "parse_error";
/// An entry may not have more text than this, so that the store takes it.
const LONGEST: usize = 1_000_000;
/// What loggers call the message, the time and the level in logfmt: a line with one of them is no prose.
const LOGFMT_KEYS: [&str; 8] =
    ["msg", "message", "level", "lvl", "severity", "time", "ts", "timestamp"];

/// How a line is written.
#[derive(Debug, Clone)]
pub enum Format {
    /// Whatever it looks like: an object of JSON, logfmt, or else text.
    Auto,
    /// One object of JSON.
    Json,
    /// `key=value` and `key="quoted value"`.
    Logfmt,
    /// A regular expression with named groups.
    Pattern(Box<Pattern>),
    /// Text.
    Plain,
}

impl Format {
    /// Every word for a format.
    pub const WORDS: &str = "auto, json, logfmt, regex, cri, plain";
}

/// A regular expression whose named groups are fields: `time`, `level`, `message`, `instance`, `queue`, `job`, `trace`, and any others.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// With at least one named group.
    pub regex: Regex,
    /// How `time` is written; by itself where there is none.
    pub time: Option<TimeFormat>,
}

/// What one line says.
#[derive(Debug)]
pub struct Decoded {
    /// The entry.
    pub entry: LogEntry,
    /// Whether it is text, to which lines that follow may belong.
    pub plain: bool,
}

/// What a line says in a format.
#[must_use]
pub fn line(format: &Format, text: &str, source: &str, now: Time) -> Decoded {
    let read = match format {
        Format::Auto => match guess(text) {
            Guess::Json => json(text, source, now),
            Guess::Logfmt(map) => log_entry_from_object(map, source, now),
            Guess::Plain => return text_only(text, source, now),
        },
        Format::Json => json(text, source, now),
        Format::Logfmt => logfmt(text).and_then(|map| log_entry_from_object(map, source, now)),
        Format::Pattern(pattern) => match by_pattern(pattern, text, source, now) {
            Ok(entry) => return fitting(Decoded { entry, plain: true }, text, source, now),
            Err(why) => Err(why),
        },
        Format::Plain => return text_only(text, source, now),
    };
    match read {
        Ok(entry) => fitting(Decoded { entry, plain: false }, text, source, now),
        Err(why) => faulty(text, &why, source, now),
    }
}

enum Guess {
    Json,
    Logfmt(Map<String, Value>),
    Plain,
}

fn guess(text: &str) -> Guess {
    if text.trim_start().starts_with('{') {
        return Guess::Json;
    }
    match logfmt(text) {
        Ok(map) if map.len() > 1 && LOGFMT_KEYS.iter().any(|key| map.contains_key(*key)) => {
            Guess::Logfmt(map)
        }
        _ => Guess::Plain,
    }
}

fn json(text: &str, source: &str, now: Time) -> Result<LogEntry, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(map)) => log_entry_from_object(map, source, now),
        Ok(_) => Err("it is JSON, but no object".to_owned()),
        Err(error) => Err(format!("it is no JSON: {error}")),
    }
}

fn by_pattern(pattern: &Pattern, text: &str, source: &str, now: Time) -> Result<LogEntry, String> {
    let Some(groups) = pattern.regex.captures(text) else {
        return Err("the regular expression does not match".to_owned());
    };
    let mut map = Map::new();
    for name in pattern.regex.capture_names().flatten() {
        if let Some(group) = groups.name(name) {
            map.insert(name.to_owned(), group.as_str().into());
        }
    }
    map.entry("message").or_insert_with(|| text.into());
    if let (Some(format), Some(Value::String(raw))) = (&pattern.time, map.get("time")) {
        match format.parse(raw, now) {
            Ok(nanos) => {
                map.insert("time".to_owned(), nanos.into());
            }
            Err(why) => {
                let raw = map.remove("time").unwrap_or_default();
                map.insert("raw_time".to_owned(), raw);
                map.insert(FAULT.to_owned(), why.into());
            }
        }
        // A number of before 1973 would be taken for one of seconds.
        let exact = map.get("time").and_then(Value::as_i64);
        let mut entry = log_entry_from_object(map, source, now)?;
        entry.time_nanos = exact.unwrap_or(entry.time_nanos);
        return Ok(entry);
    }
    log_entry_from_object(map, source, now)
}

/// A line as text: with its time and its level, where it begins with a time and has a word for a level.
fn text_only(text: &str, source: &str, now: Time) -> Decoded {
    let mut entry = LogEntry::blank(source, now);
    let (nanos, rest) = time::leading(text);
    entry.time_nanos = nanos.unwrap_or(entry.time_nanos);
    if let Some(word) = plain::level_word(rest) {
        entry.set_level(word);
    }
    text.clone_into(&mut entry.message);
    Decoded { entry, plain: true }
}

/// A line that is not what it should be.
pub(super) fn faulty(text: &str, why: &str, source: &str, now: Time) -> Decoded {
    let mut decoded = text_only(text, source, now);
    decoded.entry.fields = fields(why);
    decoded
}

fn fields(why: &str) -> String {
    let why: String = why.chars().take(200).collect();
    Value::Object(Map::from_iter([(FAULT.to_owned(), why.into())])).to_string()
}

/// Escapes may make an entry larger than it may be, though its line was not.
fn fitting(decoded: Decoded, text: &str, source: &str, now: Time) -> Decoded {
    let entry = &decoded.entry;
    let shared =
        [&entry.source, &entry.kind, &entry.instance, &entry.queue, &entry.job, &entry.trace];
    let labels: usize = entry.labels.iter().map(|label| label.name.len() + label.value.len()).sum();
    let all = entry.message.len()
        + entry.fields.len()
        + labels
        + shared.into_iter().map(|text| text.len()).sum::<usize>();
    if all <= LONGEST {
        return decoded;
    }
    faulty(text, &format!("its fields have {all} bytes, more than {LONGEST}"), source, now)
}
