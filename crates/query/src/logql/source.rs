//! What the engine needs of a store of lines.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use regex::Regex;
use vigie_model::{Label, Labels, Level, LogEntry};
use vigie_store::logs::Messages;
use vigie_store::{Matcher, ReadError};

use super::pipeline::labels::label_name;
use super::pipeline::{joined, json};

/// Which way entries are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// The oldest first.
    Forward,
    /// The newest first.
    #[default]
    Backward,
}

/// Which entries are read.
pub struct Selection<'a> {
    /// The first nanosecond, included.
    pub start: i64,
    /// The nanosecond after the last.
    pub end: i64,
    /// Which way.
    pub direction: Direction,
    /// Conditions on the labels of streams, as [`stream_labels`] has them. A source may leave out what does not match
    /// and need not: the engine looks again. Beware of [`LogEntry::labels`], which win over the other fields.
    pub matchers: &'a [Matcher],
    /// What each wanted message holds, or does not. A source may leave out the others.
    pub required: &'a [Required],
    /// Whether nobody waits any more: a source asks it now and then, and ends early.
    pub stopped: &'a dyn Fn() -> bool,
}

/// What is somewhere in a message, or nowhere.
#[derive(Debug, Clone)]
pub struct Required {
    /// What it is.
    pub what: Sought,
    /// That it is there; false: that it is not.
    pub wanted: bool,
}

/// What a message is looked through for.
#[derive(Debug, Clone)]
pub enum Sought {
    /// A text.
    Text(String),
    /// What a regular expression matches.
    Regex(Regex),
}

impl Required {
    fn holds(&self, message: &str) -> bool {
        self.wanted
            == match &self.what {
                Sought::Text(text) => message.contains(text.as_str()),
                Sought::Regex(regex) => regex.is_match(message),
            }
    }
}

/// What is wanted of lines that are counted, or whose text is looked at.
#[derive(Clone, Copy)]
pub struct LinesOf<'a> {
    /// The labels by which they are told apart.
    pub labels: &'a [String],
    /// What of their texts; of a line of which parts are wanted a source may give them or all of it.
    pub texts: Messages<'a>,
    /// A text that lines must have that are without one of these labels, which is said by its place. A source may leave out the
    /// others.
    pub without: Option<(usize, &'a str)>,
}

/// Takes the values of the labels, and the times (nanoseconds) and texts of some lines that have them, by ascending time.
pub type EachLines<'a> = &'a mut dyn FnMut(&[Arc<str>], &[(i64, &str)]) -> ControlFlow<()>;

/// Where lines are read from.
pub trait LogSource: Send + Sync {
    /// Visits the entries that are selected, by time in the direction asked for, until the visitor breaks.
    ///
    /// # Errors
    /// When they cannot be read.
    fn read(
        &self,
        selection: &Selection<'_>,
        visit: &mut dyn FnMut(&LogEntry) -> ControlFlow<()>,
    ) -> Result<(), ReadError>;

    /// The same lines by labels, of which no others matter than these: exactly those that match and hold what is required. The
    /// value of a label that is not there is empty. False: it cannot, or cannot rule out that the metadata of a line have the label
    /// that its stream lacks; what was given does not count then.
    ///
    /// # Errors
    /// When they cannot be read.
    fn lines(
        &self,
        _selection: &Selection<'_>,
        _of: LinesOf<'_>,
        _each: EachLines<'_>,
    ) -> Result<bool, ReadError> {
        Ok(false)
    }
}

/// The labels of the stream that an entry belongs to: `level`, `type`, `source`, `instance` and `queue` where they are
/// not empty, `service_name`, and those that came with it, which win.
#[must_use]
pub fn stream_labels(entry: &LogEntry) -> Labels {
    let mut labels = vec![Label::new("level", entry.level.as_str())];
    for (name, value) in [
        ("type", &entry.kind),
        ("source", &entry.source),
        ("instance", &entry.instance),
        ("queue", &entry.queue),
    ] {
        labels.push(Label::new(name, Arc::clone(value)));
    }
    let service = [&entry.instance, &entry.source].into_iter().find(|name| !name.is_empty());
    let service = service.map_or_else(|| Arc::from("unknown_service"), Arc::clone);
    labels.push(Label::new("service_name", service));
    labels.extend(entry.labels.iter().cloned());
    Labels::new(labels)
}

/// The structured metadata of an entry: `job_id`, `trace_id`, `level_text`, and its fields, those of nested objects with
/// the names joined by `_`.
#[must_use]
pub fn metadata(entry: &LogEntry) -> Labels {
    let own =
        [("job_id", &entry.job), ("trace_id", &entry.trace), ("level_text", &entry.level_text)];
    if entry.fields.is_empty() && own.iter().all(|(_, value)| value.is_empty()) {
        return Labels::default();
    }
    let mut labels = Vec::new();
    if !entry.fields.is_empty() {
        // What is no object has no fields; what stands before a mistake counts.
        let _ = json::each_leaf(&entry.fields, &mut Vec::new(), &mut |path, value| {
            let name = joined(path);
            if !name.is_empty() {
                labels.push(Label::new(name, value.value()));
            }
        });
    }
    labels.extend(own.map(|(name, value)| Label::new(label_name(name), Arc::clone(value))));
    Labels::new(labels)
}

type Key = (Level, [Arc<str>; 4], Labels);

/// The labels of streams that were seen, and whether they are wanted.
pub(super) struct Streams<'a> {
    matchers: &'a [Matcher],
    seen: HashMap<Key, Option<Labels>>,
    most: usize,
}

impl<'a> Streams<'a> {
    pub(super) fn new(matchers: &'a [Matcher], most: usize) -> Self {
        Self { matchers, seen: HashMap::new(), most }
    }

    /// The labels of an entry's stream where it is wanted.
    pub(super) fn wanted(&mut self, entry: &LogEntry) -> Option<Labels> {
        let fields = [&entry.kind, &entry.source, &entry.instance, &entry.queue].map(Arc::clone);
        let key = (entry.level, fields, entry.labels.clone());
        if let Some(known) = self.seen.get(&key) {
            return known.clone();
        }
        let labels = stream_labels(entry);
        let held =
            |matcher: &Matcher| matcher.matches(labels.get(matcher.name()).unwrap_or_default());
        let found = self.matchers.iter().all(held).then_some(labels);
        if self.seen.len() >= self.most {
            self.seen.clear();
        }
        self.seen.insert(key, found.clone());
        found
    }
}

/// Entries in memory, by ascending time: for tests and small programs.
#[derive(Debug, Clone, Default)]
pub struct MemoryLog(Vec<LogEntry>);

impl MemoryLog {
    /// Of entries in any order.
    #[must_use]
    pub fn new(mut entries: Vec<LogEntry>) -> Self {
        entries.sort_by_key(|entry| entry.time_nanos);
        Self(entries)
    }
}

impl LogSource for MemoryLog {
    fn read(
        &self,
        selection: &Selection<'_>,
        visit: &mut dyn FnMut(&LogEntry) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        let from = self.0.partition_point(|entry| entry.time_nanos < selection.start);
        let to = self.0.partition_point(|entry| entry.time_nanos < selection.end).max(from);
        let entries = self.0.get(from..to).unwrap_or_default().iter();
        let wanted = |entry: &&LogEntry| {
            selection.required.iter().all(|required| required.holds(&entry.message))
        };
        let mut visit = |entry: &LogEntry| {
            if (selection.stopped)() { ControlFlow::Break(()) } else { visit(entry) }
        };
        let _ = match selection.direction {
            Direction::Forward => entries.filter(wanted).try_for_each(&mut visit),
            Direction::Backward => entries.rev().filter(wanted).try_for_each(&mut visit),
        };
        Ok(())
    }
}
