//! The parser of one file: what its format, its path and the configuration say together.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::{Map, Value};
use vigie_model::{Labels, LogEntry, Time};

use super::decode::{self, Container, FAULT, Format};
use super::join::{Joiner, Joining};
use crate::tail::{Line, LineParser};

/// Bytes of one line of a container, of all its parts.
const LONGEST_JOINED: usize = 256 << 10;
/// While one stream's line is not complete, so many of the other stream's wait.
const MOST_WAITING: usize = 200;

/// What entries of a file have where their lines do not say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryDefaults {
    /// Who wrote it.
    pub instance: Arc<str>,
    /// The queue that it is about.
    pub queue: Arc<str>,
    /// What sort of lines it has.
    pub kind: Arc<str>,
    /// Labels beside those that lines have.
    pub labels: Labels,
}

/// The parser of one file.
#[derive(Debug)]
pub struct FileParser {
    joiner: Joiner,
    containers: bool,
    defaults: EntryDefaults,
    /// The parts of a container's line that is not complete.
    parts: Option<(Container, usize)>,
    /// Lines of the other stream that came meanwhile.
    waiting: VecDeque<Container>,
}

impl FileParser {
    /// A parser for lines in a format, or for a container's whose lines are in it.
    #[must_use]
    pub fn new(
        format: Format,
        containers: bool,
        joining: Joining,
        source: &str,
        defaults: EntryDefaults,
    ) -> Self {
        let joiner = Joiner::new(format, joining, source);
        Self { joiner, containers, defaults, parts: None, waiting: VecDeque::new() }
    }

    fn container(&mut self, line: Container, out: &mut Vec<LogEntry>) {
        let Some((mut begun, lines)) = self.parts.take() else {
            if line.partial {
                self.parts = Some((line, 1));
            } else {
                self.whole(&line, 1, out);
            }
            return;
        };
        if begun.error != line.error {
            self.parts = Some((begun, lines));
            self.waiting.push_back(line);
            if self.waiting.len() >= MOST_WAITING {
                self.release(out);
            }
            return;
        }
        begun.text.push_str(&line.text);
        if line.partial && begun.text.len() < LONGEST_JOINED {
            self.parts = Some((begun, lines + 1));
            return;
        }
        self.whole(&begun, lines + 1, out);
        self.drain(out);
    }

    /// Gives up on the rest of a line.
    fn release(&mut self, out: &mut Vec<LogEntry>) {
        if let Some((begun, lines)) = self.parts.take() {
            self.whole(&begun, lines, out);
            self.drain(out);
        }
    }

    /// The lines that waited. None of them is held afterwards: their order in the file is another one.
    fn drain(&mut self, out: &mut Vec<LogEntry>) {
        if self.waiting.is_empty() {
            return;
        }
        let mut parts: Option<Container> = None;
        for line in std::mem::take(&mut self.waiting) {
            // They are all of one stream.
            match &mut parts {
                Some(begun) => begun.text.push_str(&line.text),
                None => parts = Some(Container { partial: false, ..line.clone() }),
            }
            let long = parts.as_ref().is_some_and(|begun| begun.text.len() >= LONGEST_JOINED);
            if (!line.partial || long)
                && let Some(whole) = parts.take()
            {
                self.whole(&whole, 1, out);
            }
        }
        if let Some(rest) = parts {
            self.whole(&rest, 1, out);
        }
        self.joiner.flush(out);
    }

    fn whole(&mut self, line: &Container, lines: usize, out: &mut Vec<LogEntry>) {
        self.joiner.take(&line.text, lines, line.time_nanos, out);
    }

    /// What the lines do not say.
    fn complete(&self, entry: &mut LogEntry) {
        let EntryDefaults { instance, queue, kind, labels } = &self.defaults;
        let fields =
            [(&mut entry.instance, instance), (&mut entry.queue, queue), (&mut entry.kind, kind)];
        for (field, default) in fields {
            if field.is_empty() {
                *field = default.clone();
            }
        }
        if entry.labels.is_empty() {
            entry.labels = labels.clone();
        } else {
            let own = entry
                .labels
                .iter()
                .chain(labels.iter().filter(|label| entry.labels.get(&label.name).is_none()));
            entry.labels = Labels::new(own.cloned().collect());
        }
    }

    fn put(&self, before: usize, cut: Option<u64>, out: &mut [LogEntry]) {
        for entry in out.iter_mut().skip(before) {
            self.complete(entry);
        }
        if let (Some(bytes), Some(entry)) = (cut, out.last_mut()) {
            note_cut(entry, bytes);
        }
    }
}

/// Says that a line was longer than what is kept of it.
fn note_cut(entry: &mut LogEntry, bytes: u64) {
    let mut fields: Map<String, Value> = serde_json::from_str(&entry.fields).unwrap_or_default();
    fields.insert(FAULT.to_owned(), format!("the line had {bytes} bytes, and was cut").into());
    entry.fields = Value::Object(fields).to_string();
}

impl LineParser for FileParser {
    fn take(&mut self, line: Line<'_>, out: &mut Vec<LogEntry>) {
        let before = out.len();
        if self.containers {
            match decode::container(line.text) {
                Ok(container) => self.container(container, out),
                Err(why) => {
                    self.release(out);
                    self.joiner.flush(out);
                    if !line.text.trim().is_empty() {
                        out.push(
                            decode::faulty(line.text, &why, self.joiner.source(), line.now).entry,
                        );
                    }
                }
            }
        } else {
            self.joiner.take(line.text, 1, line.now.micros().saturating_mul(1_000), out);
        }
        // A line that was cut ends its entry.
        if line.cut.is_some() {
            self.flush_all(out);
        }
        self.put(before, line.cut, out);
    }

    fn held(&self) -> usize {
        self.joiner.held() + self.parts.as_ref().map_or(0, |parts| parts.1) + self.waiting.len()
    }

    fn flush(&mut self, _now: Time, out: &mut Vec<LogEntry>) {
        let before = out.len();
        self.flush_all(out);
        self.put(before, None, out);
    }
}

impl FileParser {
    fn flush_all(&mut self, out: &mut Vec<LogEntry>) {
        self.release(out);
        self.joiner.flush(out);
    }
}
