//! Lines that belong together become one entry: stack traces, and whatever the configuration says.

use regex::Regex;
use vigie_model::{LogEntry, Time};

use super::decode::{self, Decoded, Format};

/// Lines of one entry.
const MOST_LINES: usize = 500;
/// Bytes of one entry's text. The last line may go over it.
const MOST_BYTES: usize = 64 << 10;

/// Which lines belong to the one before.
#[derive(Debug, Clone, Default)]
pub enum Joining {
    /// None.
    Off,
    /// Those of stack traces: that begin with whitespace, `Caused by`, and what Go and Python write.
    #[default]
    Traces,
    /// Those of stack traces, and those that match.
    Continues(Box<Regex>),
    /// All that do not match.
    Begins(Box<Regex>),
}

/// Joins lines, and decodes them.
#[derive(Debug)]
pub struct Joiner {
    format: Format,
    joining: Joining,
    source: String,
    last: Option<Last>,
}

/// The last entry, to which more lines may belong.
#[derive(Debug)]
struct Last {
    entry: LogEntry,
    /// Lines of it, and of the file.
    lines: usize,
    raw: usize,
    kind: Trace,
    indented: bool,
}

/// What an entry's first line begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trace {
    Go,
    Python,
    Any,
}

impl Joiner {
    pub fn new(format: Format, joining: Joining, source: &str) -> Self {
        Self { format, joining, source: source.to_owned(), last: None }
    }

    /// Lines of the file that are in no entry yet.
    pub fn held(&self) -> usize {
        self.last.as_ref().map_or(0, |last| last.raw)
    }

    /// The source of its entries.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Takes a line that stood in the file as `raw` lines; where it says no time, it is that of `at`, in nanoseconds.
    pub fn take(&mut self, text: &str, raw: usize, at: i64, out: &mut Vec<LogEntry>) {
        if self.belongs(text)
            && let Some(last) = &mut self.last
        {
            last.entry.message.push('\n');
            last.entry.message.push_str(text);
            last.lines += 1;
            last.raw += raw;
            last.indented = text.starts_with([' ', '\t']);
            return;
        }
        self.flush(out);
        if text.trim().is_empty() {
            return;
        }
        let now = Time::from_micros(at.div_euclid(1_000));
        let Decoded { mut entry, plain } = decode::line(&self.format, text, &self.source, now);
        if entry.time_nanos == now.micros().saturating_mul(1_000) {
            entry.time_nanos = at;
        }
        if !plain || matches!(self.joining, Joining::Off) {
            out.push(entry);
            return;
        }
        let kind = kind(text);
        self.last = Some(Last { entry, lines: 1, raw, kind, indented: false });
    }

    /// Puts out what is held.
    pub fn flush(&mut self, out: &mut Vec<LogEntry>) {
        if let Some(mut last) = self.last.take() {
            let text = last.entry.message.trim_end().len();
            last.entry.message.truncate(text);
            out.push(last.entry);
        }
    }

    fn belongs(&self, text: &str) -> bool {
        let Some(last) = &self.last else { return false };
        if last.lines >= MOST_LINES || last.entry.message.len() >= MOST_BYTES {
            return false;
        }
        match &self.joining {
            Joining::Off => false,
            Joining::Traces => traces_on(last, text),
            Joining::Continues(pattern) => traces_on(last, text) || pattern.is_match(text),
            Joining::Begins(pattern) => !pattern.is_match(text),
        }
    }
}

fn kind(text: &str) -> Trace {
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&["panic: ", "fatal error: ", "http: panic serving"]) || text.starts_with("goroutine ") {
        Trace::Go
    } else if has(&["Traceback (most recent call last)"]) {
        Trace::Python
    } else {
        Trace::Any
    }
}

/// Whether a line goes on with a stack trace.
fn traces_on(last: &Last, text: &str) -> bool {
    // An object that is indented is none.
    let indented = text.starts_with([' ', '\t']) && !text.trim_start().starts_with('{');
    if indented || text.starts_with("Caused by") || text.starts_with("Suppressed: ") {
        return true;
    }
    match last.kind {
        Trace::Any => text.is_empty(),
        Trace::Go => {
            let begins = ["goroutine ", "created by ", "[signal ", "panic: ", "exit status "];
            // `main.work(0x1, 0x2)`
            let call = text.split_once('(').is_some_and(|(name, _)| {
                name.contains('.') && !name.contains(char::is_whitespace) && text.ends_with(')')
            });
            text.is_empty() || begins.iter().any(|word| text.starts_with(word)) || call
        }
        Trace::Python => {
            let word = text.split([':', ' ', '(']).next().unwrap_or_default();
            let error = ["Error", "Exception", "Warning", "Interrupt", "Exit", "Failure"];
            let raised = error.iter().any(|end| word.ends_with(end));
            text.is_empty()
                || text.starts_with("Traceback (")
                || text.starts_with("During handling of the above exception")
                || text.starts_with("The above exception was")
                || (last.indented && raised)
        }
    }
}
