//! Files that the binary follows: lines that are written, rotated and truncated while it is killed come once each.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly, its helpers too")]

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use vigie_testkit::http_get;

/// The binary; killed when it is dropped.
struct Vigie {
    process: Child,
    port: u16,
}

impl Drop for Vigie {
    fn drop(&mut self) {
        // `kill -9`, so that nothing can be written at the end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn start(dir: &Path, port: u16) -> Vigie {
    let log = File::options().create(true).append(true).open(dir.join("vigie.log")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
    command.arg("--config").arg(dir.join("vigie.yaml")).stdout(Stdio::null()).stderr(log);
    Vigie { process: command.spawn().unwrap(), port }
}

fn configure(dir: &Path) -> u16 {
    let port = vigie_testkit::free_port();
    let config = format!(
        "listen: 127.0.0.1:{port}\ndata_dir: {dir}/data\nsources:\n- name: app\n  kind: file\n  paths: [\"{dir}/app.log*\"]\n",
        dir = dir.display()
    );
    fs::write(dir.join("vigie.yaml"), config).unwrap();
    port
}

impl Vigie {
    fn json(&self, path: &str) -> Option<Value> {
        let answer = http_get(self.port, path).ok().filter(|answer| answer.status == 200)?;
        serde_json::from_str(&answer.body).ok()
    }

    /// How many lines are kept, without Vigie's own events; none while nobody answers.
    fn count(&self) -> Option<u64> {
        let facets = self.json("/api/v1/logs/facets?source=app&from=2000-01-01T00:00:00Z")?;
        let kinds = facets["type"].as_array()?.iter();
        let events = kinds.filter(|one| one["value"] == "event").map(|one| one["count"].as_u64());
        Some(facets["total"].as_u64()? - events.sum::<Option<u64>>()?)
    }

    fn waits_for(&self, what: impl Fn(u64) -> bool) -> u64 {
        let begin = Instant::now();
        loop {
            let count = self.count();
            if let Some(count) = count.filter(|count| what(*count)) {
                return count;
            }
            assert!(begin.elapsed() < Duration::from_secs(40), "{count:?} after 40 s");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// All messages, without those of Vigie's own events.
    fn messages(&self) -> Vec<String> {
        let (mut messages, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/v1/logs?source=app&limit=5000{cursor}");
            let page = self.json(&path).unwrap();
            let entries = page["entries"].as_array().unwrap();
            let text = |entry: &Value| entry["message"].as_str().unwrap().to_owned();
            messages.extend(entries.iter().filter(|entry| entry["type"] != "event").map(text));
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={}", vigie_testkit::form_encoded(next)),
                None => return messages,
            }
        }
    }
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
    let port = configure(dir.path());
    const LINES: usize = 6_000;
    let written = AtomicUsize::new(0);
    let vigie = std::thread::scope(|scope| {
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
            let vigie = start(dir.path(), port);
            vigie.waits_for(|count| count >= part);
            drop(vigie);
            let before = written.load(Ordering::Relaxed);
            while written.load(Ordering::Relaxed) < (before + 700).min(LINES) {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        start(dir.path(), port)
    });
    vigie.waits_for(|count| count >= LINES as u64);
    // What would be read twice comes with the next looks.
    std::thread::sleep(Duration::from_millis(1_500));
    let mut numbers: Vec<usize> = vigie
        .messages()
        .iter()
        .map(|message| message.strip_prefix("line ").unwrap().parse().unwrap())
        .collect();
    numbers.sort_unstable();
    assert!(numbers.iter().copied().eq(0..LINES), "{} of {LINES}", numbers.len());
    let sources = vigie.json("/api/v1/sources").unwrap();
    assert!(sources.to_string().contains("files, "), "{sources}");
}
