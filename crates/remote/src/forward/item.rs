//! An entry on its way, and what can become of it.

use serde_json::Value;
use vigie_model::LogEntry;

/// An entry on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// Its number in the log store.
    pub number: u64,
    /// The same each time it is sent.
    pub id: String,
    pub entry: LogEntry,
}

/// What became of one entry of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    Taken,
    /// It was there already.
    Repeated,
    /// Not now, and why.
    Again(String),
    /// Never, and why.
    Refused(String),
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Judged {
    /// All are taken.
    Taken,
    /// Each has a fate of its own.
    Each(Vec<Fate>),
    /// Something in it cannot be taken, and why.
    Refused(String),
    /// It is to be sent again, and why.
    Failed(String),
}

/// Nanoseconds since the Unix epoch as RFC 3339, with as many digits as there are.
pub(super) fn time_text(nanos: i64) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(nanos))
        .map(|time| time.to_string())
        .expect("jiff's calendar has every time of 64 bits")
}

/// What the fields of an event say.
#[derive(Debug, Default)]
pub(super) struct EventWords {
    pub event: Option<String>,
    pub severity: Option<String>,
    pub subject: Option<String>,
}

/// Reads the fields of an event.
pub(super) fn event_words(entry: &LogEntry) -> EventWords {
    let fields: Value = serde_json::from_str(&entry.fields).unwrap_or_default();
    let word = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
    EventWords { event: word("event"), severity: word("severity"), subject: word("subject") }
}
