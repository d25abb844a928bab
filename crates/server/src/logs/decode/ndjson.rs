//! JSON objects, one a line or in one array.

use serde_json::{Map, Value};
use vigie_model::{LogEntry, Time, log_entry_from_object};

use super::without_mark;
use crate::prometheus::{WriteError, limited};

/// Lines of one request.
const MOST_LINES: usize = 200_000;
/// Lines whose errors are told one by one.
const MOST_ERRORS: usize = 100;

/// The lines of a body.
#[derive(Default)]
pub(crate) struct Lines {
    /// Those that are entries.
    pub(crate) entries: Vec<LogEntry>,
    /// Their numbers, from 1.
    pub(crate) numbers: Vec<usize>,
    /// How many are none.
    pub(crate) failed: usize,
    /// The first of these by number, and what is wrong.
    pub(crate) errors: Vec<(usize, String)>,
}

impl Lines {
    fn add(&mut self, line: usize, read: Result<LogEntry, String>) {
        match read {
            Ok(entry) => {
                self.entries.push(entry);
                self.numbers.push(line);
            }
            Err(error) => {
                self.failed += 1;
                self.wrong(line, error);
            }
        }
    }

    /// Names what is wrong with a line.
    pub(crate) fn wrong(&mut self, line: usize, error: String) {
        if self.errors.len() < MOST_ERRORS {
            self.errors.push((line, error));
        }
    }
}

/// What is over the limit on lines is refused as a whole, before any of it is taken.
fn room(lines: usize) -> Result<(), WriteError> {
    limited(lines, MOST_LINES, "lines a request", "send fewer at once")
}

/// The lines, or the elements of one array.
///
/// # Errors
/// When there are too many.
pub(crate) fn read(bytes: &[u8], now: Time) -> Result<Lines, WriteError> {
    let mut lines = Lines::default();
    let bytes = without_mark(bytes);
    let one = |value: Result<Map<String, Value>, serde_json::Error>| {
        value
            .map_err(|error| format!("it is no JSON object: {error}"))
            .and_then(|map| log_entry_from_object(map, "api", now))
    };
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        match serde_json::from_slice::<Vec<Value>>(bytes) {
            Ok(all) => {
                room(all.len())?;
                for (number, value) in (1..).zip(all) {
                    lines.add(number, one(serde_json::from_value(value)));
                }
            }
            Err(error) => lines.add(1, Err(format!("it is no JSON array of objects: {error}"))),
        }
        return Ok(lines);
    }
    room(bytes.iter().filter(|byte| **byte == b'\n').count())?;
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        if !line.iter().all(u8::is_ascii_whitespace) {
            lines.add(number, one(serde_json::from_slice(line)));
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_of_too_many_lines_is_refused_whole() {
        let now = Time::from_seconds(1_000);
        let bad = "{}\n".repeat(MOST_LINES + 1);
        let error = read(bad.as_bytes(), now).err().unwrap().to_string();
        assert!(error.contains("lines a request"), "{error}");
        let array = format!("[{}1]", "1,".repeat(MOST_LINES));
        assert!(read(array.as_bytes(), now).is_err());
        assert!(read("{}\n".repeat(MOST_LINES).as_bytes(), now).is_ok());
    }
}
