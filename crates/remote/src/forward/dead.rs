//! The dead letters: entries that a destination refuses for good, in files of NDJSON that do not grow for ever.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use vigie_model::LogEntry;

use super::item::{Item, time_text};

/// The file that is written.
pub(super) const FILE: &str = "dead-letters.ndjson";
/// The one before it.
const BEFORE: &str = "dead-letters.1.ndjson";

/// The files of one destination.
pub(super) struct DeadLetters {
    dir: PathBuf,
    /// Of both files together, about.
    limit: u64,
    /// Open once there was something to write, and its length.
    file: Option<(File, u64)>,
}

impl DeadLetters {
    /// In `dir`, which is made when there is something to write.
    pub fn new(dir: &Path, limit: u64) -> Self {
        Self { dir: dir.to_owned(), limit, file: None }
    }

    /// Writes entries, each with the reason; they are on the disk then. After an error some may be there: they are written
    /// again, whole. `now` in milliseconds.
    pub fn write(
        &mut self,
        destination: &str,
        letters: &[(Item, String)],
        now: i64,
    ) -> io::Result<()> {
        let written = self.try_write(destination, letters, now);
        if written.is_err() {
            // Opened anew, what was cut short is ended.
            self.file = None;
        }
        written
    }

    fn try_write(
        &mut self,
        destination: &str,
        letters: &[(Item, String)],
        now: i64,
    ) -> io::Result<()> {
        let half = self.limit / 2;
        for (item, reason) in letters {
            let mut line = letter(destination, item, reason, now).to_string();
            line.push('\n');
            if let Some((full, length)) = &self.file
                && *length > 0
                && *length + line.len() as u64 > half
            {
                full.sync_data()?;
                self.file = None;
                fs::rename(self.dir.join(FILE), self.dir.join(BEFORE))?;
            }
            let (file, length) = match &mut self.file {
                Some(open) => open,
                none => none.insert(open(&self.dir)?),
            };
            file.write_all(line.as_bytes())?;
            *length += line.len() as u64;
        }
        match &self.file {
            Some((file, _)) => file.sync_data(),
            None => Ok(()),
        }
    }
}

/// Opens the file for more. A line that a kill cut short is ended, so that the next one is whole.
fn open(dir: &Path) -> io::Result<(File, u64)> {
    fs::create_dir_all(dir)?;
    let path = dir.join(FILE);
    let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
    let mut length = file.metadata()?.len();
    let torn = length > 0 && !ends_with_newline(&path, length)?;
    if torn {
        file.write_all(b"\n")?;
        length += 1;
    }
    Ok((file, length))
}

fn ends_with_newline(path: &Path, length: u64) -> io::Result<bool> {
    use std::os::unix::fs::FileExt as _;
    let mut last = [0];
    File::open(path)?.read_exact_at(&mut last, length - 1)?;
    Ok(last == *b"\n")
}

/// One line. `entry` is as `/api/v1/logs` tells and takes it.
fn letter(destination: &str, item: &Item, reason: &str, now: i64) -> Value {
    json!({
        "refused_at": time_text(now.saturating_mul(1_000_000)),
        "destination": destination,
        "number": item.number,
        "id": item.id,
        "reason": reason,
        "entry": told(&item.entry),
    })
}

fn told(entry: &LogEntry) -> Value {
    let fields = match serde_json::from_str::<Value>(&entry.fields) {
        Ok(fields @ Value::Object(_)) => fields,
        _ if entry.fields.is_empty() => json!({}),
        _ => json!({ "text": entry.fields }),
    };
    let labels: Map<String, Value> =
        entry.labels.iter().map(|label| (label.name.to_string(), (&*label.value).into())).collect();
    json!({
        "time": time_text(entry.time_nanos), "level": entry.level.as_str(), "type": &*entry.kind,
        "source": &*entry.source, "instance": &*entry.instance, "queue": &*entry.queue, "job": &*entry.job,
        "trace": &*entry.trace, "message": entry.message, "labels": labels, "fields": fields,
    })
}

#[cfg(test)]
mod tests {
    use vigie_model::Time;

    use super::*;

    fn item(number: u64, message: &str) -> Item {
        let blank = LogEntry::blank("s", Time::from_millis(0));
        let entry = LogEntry { message: message.into(), fields: "{\"a\":1}".into(), ..blank };
        Item { number, id: "x".into(), entry }
    }

    fn lines(path: PathBuf) -> Vec<Value> {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_letter_has_the_reason_and_the_whole_entry() {
        let dir = tempfile::tempdir().unwrap();
        let mut letters = DeadLetters::new(&dir.path().join("a/b"), 1 << 20);
        letters.write("elk", &[(item(7, "two\nlines"), "400: why".into())], 1_000).unwrap();
        let found = lines(dir.path().join("a/b").join(FILE));
        assert_eq!(found.len(), 1);
        assert_eq!((&found[0]["reason"], &found[0]["number"]), (&json!("400: why"), &json!(7)));
        assert_eq!(found[0]["refused_at"], "1970-01-01T00:00:01Z");
        assert_eq!(found[0]["entry"]["message"], "two\nlines");
        assert_eq!(found[0]["entry"]["fields"], json!({"a": 1}));
    }

    #[test]
    fn the_files_are_bounded_and_the_newest_stay() {
        let dir = tempfile::tempdir().unwrap();
        let mut letters = DeadLetters::new(dir.path(), 4_000);
        for number in 0..200 {
            letters.write("elk", &[(item(number, "m"), "why".into())], 0).unwrap();
        }
        let size: u64 = fs::read_dir(dir.path())
            .unwrap()
            .map(|file| file.unwrap().metadata().unwrap().len())
            .sum();
        assert!(size <= 4_000, "{size}");
        let numbers: Vec<u64> = [BEFORE, FILE]
            .into_iter()
            .flat_map(|file| lines(dir.path().join(file)))
            .map(|letter| letter["number"].as_u64().unwrap())
            .collect();
        assert_eq!(numbers.last(), Some(&199));
        assert!(numbers.is_sorted() && numbers.len() > 5, "{numbers:?}");
        // Larger than may be at all: it is written nevertheless, alone.
        letters.write("elk", &[(item(200, &"x".repeat(5_000)), "why".into())], 0).unwrap();
        assert_eq!(lines(dir.path().join(FILE)).len(), 1);
    }

    #[test]
    fn a_line_that_was_cut_short_does_not_spoil_the_next() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE), "{\"cut\": ").unwrap();
        DeadLetters::new(dir.path(), 4_000)
            .write("elk", &[(item(1, "m"), "why".into())], 0)
            .unwrap();
        let text = fs::read_to_string(dir.path().join(FILE)).unwrap();
        let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!((text.lines().count(), &last["number"]), (2, &json!(1)));
    }
}
