//! Pages of a feed: log entries, events and job records by cursor, as `docs/go-api.md` has them. Pure, and tolerant: an entry that
//! cannot be read is counted and costs none of the others.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use vigie_model::{
    EVENT_KIND, Level, LogEntry, Name, Outcome, Time, event_from_object, log_entry_from_object,
    log_time,
};

use crate::source::ToldJob;

/// Bytes of a cursor.
const LONGEST_CURSOR: usize = 256;
/// What is shown of an entry that cannot be read.
const SHOWN_CHARACTERS: usize = 120;

/// What a service has by cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Feed {
    /// Log entries.
    Logs,
    /// Events: deploys and the like.
    Events,
    /// One record for each attempt at a job that has ended.
    Jobs,
}

impl Feed {
    /// The last part of its path, and the name of its check.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Logs => "logs",
            Self::Events => "events",
            Self::Jobs => "jobs",
        }
    }

    /// What one of it is called.
    pub(super) const fn one(self) -> &'static str {
        match self {
            Self::Logs => "log entry",
            Self::Events => "event",
            Self::Jobs => "job record",
        }
    }

    /// What several of it are called.
    pub(super) const fn several(self) -> &'static str {
        match self {
            Self::Logs => "log entries",
            Self::Events => "events",
            Self::Jobs => "job records",
        }
    }
}

/// Why a page as a whole cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeedFault {
    /// It is no JSON object of the kind.
    #[error("the page is not what docs/go-api.md says: {0}")]
    Json(String),
    /// Its list is missing.
    #[error("the page has no list {0:?}")]
    NoList(&'static str),
    /// Its place cannot be a cursor.
    #[error("{0:?} of the page is no cursor: a text of 1 to 256 bytes")]
    Cursor(&'static str),
}

/// A page, its entries not yet read.
#[derive(Debug, Deserialize)]
pub struct FeedPage {
    /// The life of the process that answered.
    #[serde(default)]
    pub boot: String,
    /// Which replica it says it is.
    #[serde(default)]
    pub instance: Option<String>,
    /// The `after` of the next request.
    pub next: String,
    /// There is more already.
    #[serde(default)]
    pub more: bool,
    /// One of the cursors was of this boot.
    #[serde(default)]
    pub resumed: bool,
    /// Entries of this boot that were gone before they could be read.
    #[serde(default)]
    pub missed: u64,
    /// Entries of this boot that nobody has read.
    #[serde(default)]
    pub dropped_total: u64,
    /// The service's clock when it answered.
    #[serde(default)]
    now: Option<Value>,
    entries: Option<Vec<Box<RawValue>>>,
    events: Option<Vec<Box<RawValue>>>,
    jobs: Option<Vec<Box<RawValue>>>,
}

/// The entries of a page that can be read, and those that cannot.
#[derive(Debug)]
pub struct Entries<T> {
    /// In their order.
    pub good: Vec<T>,
    /// How many could not be read.
    pub bad: u64,
    /// What was wrong with the first of them.
    pub wrong: Option<String>,
}

impl FeedPage {
    /// Reads the head of a page, and finds its entries.
    ///
    /// # Errors
    /// [`FeedFault`] when it is no page of this feed.
    pub fn parse(feed: Feed, body: &[u8]) -> Result<Self, FeedFault> {
        // A wrong byte in one line must not cost the others.
        let text = String::from_utf8_lossy(body);
        let page: Self =
            serde_json::from_str(&text).map_err(|error| FeedFault::Json(error.to_string()))?;
        if page.list(feed).is_none() {
            let name = if feed == Feed::Logs { "entries" } else { feed.word() };
            return Err(FeedFault::NoList(name));
        }
        for (name, text) in [("next", &page.next), ("boot", &page.boot)] {
            if text.is_empty() || text.len() > LONGEST_CURSOR {
                return Err(FeedFault::Cursor(name));
            }
        }
        Ok(page)
    }

    fn list(&self, feed: Feed) -> Option<&Vec<Box<RawValue>>> {
        match feed {
            Feed::Logs => self.entries.as_ref(),
            Feed::Events => self.events.as_ref(),
            Feed::Jobs => self.jobs.as_ref(),
        }
    }

    /// How many entries it has, good and bad.
    #[must_use]
    pub fn count(&self, feed: Feed) -> usize {
        self.list(feed).map_or(0, Vec::len)
    }

    /// The service's clock when it answered, if it says so.
    #[must_use]
    pub fn clock(&self) -> Option<Time> {
        let nanos = log_time(self.now.as_ref()?)?;
        Some(Time::from_micros(nanos / 1_000))
    }

    /// Its log entries, or its events as log entries. `source` and `address` are for those that do not say theirs.
    #[must_use]
    pub fn lines(&self, feed: Feed, source: &str, address: &str, now: Time) -> Entries<LogEntry> {
        let instance = self.instance.as_deref().filter(|name| !name.is_empty()).unwrap_or(address);
        self.each(feed, |map| {
            let mut entry = match feed {
                Feed::Events => event(map, source, now)?,
                _ => line(map, source, now)?,
            };
            if entry.instance.is_empty() {
                entry.instance = instance.into();
            }
            Ok(entry)
        })
    }

    /// Its job records; those whose attempt counts as nothing are left out. `offset` is what to add to the service's clock.
    #[must_use]
    pub fn jobs(&self, offset: f64) -> Entries<ToldJob> {
        let all = self.each(Feed::Jobs, |map| job(&map, offset));
        let Entries { good, bad, wrong } = all;
        Entries { good: good.into_iter().flatten().collect(), bad, wrong }
    }

    fn each<T>(
        &self,
        feed: Feed,
        read: impl Fn(Map<String, Value>) -> Result<T, String>,
    ) -> Entries<T> {
        let mut all = Entries { good: Vec::new(), bad: 0, wrong: None };
        for raw in self.list(feed).into_iter().flatten() {
            let read = serde_json::from_str::<Map<String, Value>>(raw.get())
                .map_err(|error| error.to_string())
                .and_then(&read);
            match read {
                Ok(one) => all.good.push(one),
                Err(wrong) => {
                    all.bad += 1;
                    let shown = || raw.get().chars().filter(|one| !one.is_control());
                    all.wrong.get_or_insert_with(|| {
                        let shown: String = shown().take(SHOWN_CHARACTERS).collect();
                        format!("{wrong}: {shown}")
                    });
                }
            }
        }
        all
    }
}

fn line(mut map: Map<String, Value>, source: &str, now: Time) -> Result<LogEntry, String> {
    // Absent is null here; what is left over must be the service's own.
    map.retain(|_, value| !value.is_null());
    map.remove("cursor");
    let word = map.remove("level_text");
    if map.remove("truncated") == Some(Value::Bool(true)) {
        let fields = map.entry("fields").or_insert_with(|| Value::Object(Map::new()));
        if let Some(fields) = fields.as_object_mut() {
            fields.insert("truncated".to_owned(), Value::Bool(true));
        }
    }
    if map.get("fields").and_then(Value::as_object).is_some_and(Map::is_empty) {
        map.remove("fields");
        map.entry("message").or_insert_with(|| "".into());
    }
    let mut entry = log_entry_from_object(map, source, now)?;
    if let Some(word) = word.as_ref().and_then(Value::as_str) {
        let level = entry.level;
        entry.set_level(word);
        if level != Level::Unknown {
            entry.level = level;
        }
    }
    Ok(entry)
}

fn event(mut map: Map<String, Value>, source: &str, now: Time) -> Result<LogEntry, String> {
    map.retain(|_, value| !value.is_null());
    map.remove("id");
    map.remove("cursor");
    // slog's words are as good as ours.
    let ours = match map.get("severity").and_then(Value::as_str) {
        Some("warn") => Some("warning"),
        Some("error" | "fatal") => Some("critical"),
        Some("debug" | "trace") => Some("info"),
        _ => None,
    };
    if let Some(word) = ours {
        map.insert("severity".to_owned(), word.into());
    }
    let entry = event_from_object(map, source, now)?;
    debug_assert_eq!(&*entry.kind, EVENT_KIND);
    Ok(entry)
}

/// `None`: an attempt that counts as nothing, or of which only the queue knows what became.
fn job(map: &Map<String, Value>, offset: f64) -> Result<Option<ToldJob>, String> {
    let text = |name: &str| match map.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.as_str()),
        _ => Err(format!("{name} is missing")),
    };
    let time = |name: &str| {
        let nanos = map.get(name).and_then(log_time).ok_or_else(|| format!("{name} is no time"))?;
        Ok::<Time, String>(Time::from_micros(nanos / 1_000) + offset)
    };
    let seconds = |name: &str| match map.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_f64().filter(|seconds| (0.0..1e9).contains(seconds)) {
            Some(seconds) => Ok(Some(seconds)),
            None => Err(format!("{name} is no number of seconds")),
        },
    };
    let outcome = match text("outcome")? {
        // asynq counts a task that was revoked as processed and not as failed.
        "succeeded" | "revoked" => Outcome::Succeeded,
        "failed" => Outcome::Failed,
        "released" | "interrupted" => return Ok(None),
        other => {
            let other: String = other.chars().take(40).collect();
            return Err(format!("there is no outcome {other:?}"));
        }
    };
    Ok(Some(ToldJob {
        queue: text("queue")?.as_bytes().into(),
        job_type: Name::from(text("type")?),
        started: time("started")?,
        finished: time("finished")?,
        outcome,
        wait: seconds("wait_seconds")?,
        run: seconds("run_seconds")?,
    }))
}
