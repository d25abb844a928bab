//! Files that the binary follows: lines that are written, rotated and truncated while it is killed come once each.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly, its helpers too")]

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use vigie_testkit::{Vigie, until};

fn config(dir: &Path) -> String {
    format!("sources: [{{name: app, kind: file, paths: [\"{}/app.log*\"]}}]", dir.display())
}

/// How many lines are kept, without Vigie's own events; none while nobody answers.
fn count(vigie: &Vigie) -> Option<u64> {
    let facets = vigie.json("/api/v1/logs/facets?source=app&from=2000-01-01T00:00:00Z")?;
    let kinds = facets["type"].as_array()?.iter();
    let events = kinds.filter(|one| one["value"] == "event").map(|one| one["count"].as_u64());
    Some(facets["total"].as_u64()? - events.sum::<Option<u64>>()?)
}

fn waits_for(vigie: &Vigie, what: impl Fn(u64) -> bool) {
    until("lines are kept", || count(vigie).filter(|count| what(*count)));
}

/// All messages, without those of Vigie's own events.
fn messages(vigie: &Vigie) -> Vec<String> {
    let entries = vigie.entries("source=app");
    let text = |entry: &Value| entry["message"].as_str().unwrap().to_owned();
    entries.iter().filter(|entry| entry["type"] != "event").map(text).collect()
}

/// Writes lines as a logger does, and now and then rotates: by renaming, or by copying and truncating.
struct Writer {
    path: PathBuf,
    file: File,
    rotated: usize,
}

impl Writer {
    fn new(path: PathBuf) -> Self {
        let file = OpenOptions::new().create(true).append(true).open(&path).unwrap();
        Self { path, file, rotated: 0 }
    }

    fn write(&mut self, number: usize) {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let line = format!(
            "{{\"ts\":{},\"level\":\"info\",\"msg\":\"line {number}\",\"n\":{number}}}\n",
            now.as_millis()
        );
        // In two writes: a reader may see half of it.
        let (first, second) = line.split_at(number % line.len());
        self.file.write_all(first.as_bytes()).unwrap();
        self.file.write_all(second.as_bytes()).unwrap();
    }

    fn rotate(&mut self) {
        let name = |number: usize| self.path.with_file_name(format!("app.log.{number}"));
        for number in (1..=self.rotated).rev() {
            fs::rename(name(number), name(number + 1)).unwrap();
        }
        self.rotated += 1;
        if self.rotated.is_multiple_of(3) {
            fs::copy(&self.path, name(1)).unwrap();
            self.file.set_len(0).unwrap();
        } else {
            fs::rename(&self.path, name(1)).unwrap();
            self.file = OpenOptions::new().create(true).append(true).open(&self.path).unwrap();
        }
    }
}

#[test]
fn each_line_of_a_file_that_is_rotated_comes_once_though_vigie_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    const LINES: usize = 6_000;
    let written = AtomicUsize::new(0);
    let program = env!("CARGO_BIN_EXE_vigie");
    let mut vigie = Vigie::prepare(program, dir.path(), &config(dir.path()));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut writer = Writer::new(dir.path().join("app.log"));
            for number in 0..LINES {
                writer.write(number);
                written.store(number + 1, Ordering::Relaxed);
                if number % 500 == 499 {
                    writer.rotate();
                }
                // About 1,500 lines/s.
                if number % 3 == 0 {
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
        });
        // Killed when a part is kept, twice; what is written meanwhile is read later.
        for part in [200, 1_500] {
            vigie.launch();
            waits_for(&vigie, |count| count >= part);
            vigie.kill();
            let before = written.load(Ordering::Relaxed);
            while written.load(Ordering::Relaxed) < (before + 700).min(LINES) {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    });
    vigie.launch();
    waits_for(&vigie, |count| count >= LINES as u64);
    // What would be read twice comes with the next looks.
    std::thread::sleep(Duration::from_millis(1_500));
    let mut numbers: Vec<usize> = messages(&vigie)
        .iter()
        .map(|message| message.strip_prefix("line ").unwrap().parse().unwrap())
        .collect();
    numbers.sort_unstable();
    assert!(numbers.iter().copied().eq(0..LINES), "{} of {LINES}", numbers.len());
    let sources = vigie.json("/api/v1/sources").unwrap();
    assert!(sources.to_string().contains("files, "), "{sources}");
}
