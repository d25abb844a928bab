//! What a tail does with single files; `schedule_tests.rs` has what happens to them in any order.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use vigie_model::{LogEntry, Time};

use super::{Begin, Line, LineParser, PathPatterns, Tail, TailOptions};

/// A parser that holds so many lines before it puts out the first.
pub(super) struct Holding {
    most: usize,
    lines: VecDeque<LogEntry>,
}

impl Holding {
    pub fn new(most: usize) -> Self {
        Self { most, lines: VecDeque::new() }
    }
}

impl LineParser for Holding {
    fn take(&mut self, line: Line<'_>, out: &mut Vec<LogEntry>) {
        let mut entry = LogEntry::blank("test", line.now);
        entry.message = line.text.to_owned();
        if let Some(bytes) = line.cut {
            entry.message.push_str(&format!(" of {bytes}"));
        }
        self.lines.push_back(entry);
        while self.lines.len() > self.most {
            out.extend(self.lines.pop_front());
        }
    }

    fn held(&self) -> usize {
        self.lines.len()
    }

    fn flush(&mut self, _now: Time, out: &mut Vec<LogEntry>) {
        out.extend(self.lines.drain(..));
    }
}

/// A tail in a folder, its virtual time, and what was kept.
pub(super) struct World {
    pub folder: tempfile::TempDir,
    pub options: TailOptions,
    pub hold: usize,
    /// Whether batches are small.
    pub small: bool,
    pub tail: Tail,
    pub now: Time,
    pub position: Option<Vec<u8>>,
    pub kept: Vec<String>,
}

impl World {
    pub fn new(pattern: &str, hold: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let include = [folder.path().join(pattern).display().to_string()];
        let options = TailOptions::new("t/files", PathPatterns::new(&include, &[]).unwrap());
        let tail =
            Tail::new(options.clone(), Box::new(move |_| Box::new(Holding::new(hold))), None);
        let now = Time::from_seconds(1_800_000_000);
        Self { folder, options, hold, small: false, tail, now, position: None, kept: Vec::new() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn append(&self, name: &str, text: impl AsRef<[u8]>) {
        let mut file = OpenOptions::new().append(true).create(true).open(self.path(name)).unwrap();
        file.write_all(text.as_ref()).unwrap();
    }

    pub fn pass(&mut self, seconds: f64) {
        self.now = self.now + seconds;
    }

    /// One step whose result is kept.
    pub fn step(&mut self) -> bool {
        let batch = self.tail.gather(self.now);
        self.kept.extend(batch.entries.into_iter().map(|entry| entry.message));
        if batch.position.is_some() {
            self.position = batch.position;
        }
        batch.more
    }

    /// Looks until there is nothing more.
    pub fn read(&mut self) {
        self.pass(0.25);
        while self.step() {}
        // A file that was replaced is met by the look after that.
        while self.step() {}
    }

    /// Reads, and lets so much time pass that nothing waits any more.
    pub fn read_all(&mut self) {
        for _ in 0..8 {
            self.read();
            self.pass(16.0);
        }
        self.read();
    }

    /// As after kill -9: what was not kept is gone.
    pub fn restart(&mut self) {
        let hold = self.hold;
        let make = Box::new(move |_: &Path| Box::new(Holding::new(hold)) as Box<dyn LineParser>);
        self.tail = Tail::new(self.options.clone(), make, self.position.clone());
        if self.small {
            self.tail.in_small_steps();
        }
    }

    pub fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.kept)
    }
}

/// As `cp` and `truncate` do it.
pub(super) fn copy(from: &Path, to: &Path) {
    fs::write(to, fs::read(from).unwrap()).unwrap();
}

pub(super) fn truncate(path: &Path) {
    File::options().write(true).open(path).unwrap().set_len(0).unwrap();
}

#[test]
fn lines_come_as_they_are_written() {
    let mut world = World::new("app.log", 0);
    world.read();
    assert!(world.take().is_empty());
    world.append("app.log", "\u{feff}one\r\ntwo\n\nthr");
    world.read();
    assert_eq!(world.take(), ["one", "two", ""]);
    world.append("app.log", "ee\n");
    world.read();
    world.restart();
    world.append("app.log", b"f\xffour\n\0\0\0five\n");
    world.read();
    assert_eq!(world.take(), ["three", "f\u{fffd}our", "five"]);
    let status = world.tail.status();
    assert_eq!((status.files, status.behind_bytes, status.lines), (1, 0, 2));
}

#[test]
fn a_line_without_an_end_is_waited_for_but_not_for_ever() {
    let mut world = World::new("app.log", 0);
    world.append("app.log", "half");
    world.read();
    world.pass(29.0);
    world.read();
    assert!(world.take().is_empty());
    world.pass(1.0);
    world.read();
    assert_eq!(world.take(), ["half"]);
    world.restart();
    world.append("app.log", " rest\n");
    world.read();
    assert_eq!(world.take(), [" rest"]);
}

#[test]
fn long_lines_are_cut_and_counted() {
    let mut world = World::new("app.log", 0);
    world.options.longest_line = 10;
    world.restart();
    world.append("app.log", format!("{}\nshort\n", "x".repeat(300_000)));
    world.read();
    assert_eq!(world.take(), [format!("{} of 300000", "x".repeat(10)).as_str(), "short"]);
    assert_eq!(world.tail.status().cut, 1);
}

#[test]
fn lines_that_are_not_utf_8_are_kept_with_a_mark_and_counted() {
    let mut world = World::new("app.log", 0);
    world.append("app.log", b"caf\xe9\nfine \xc3\xa9\n");
    world.read();
    assert_eq!(world.take(), ["caf\u{fffd}", "fine é"]);
    assert_eq!((world.tail.status().mangled, world.tail.status().cut), (1, 0));
}

#[test]
fn held_lines_are_read_again_after_a_crash() {
    let mut world = World::new("app.log", 2);
    world.append("app.log", "1\n2\n3\n");
    world.read();
    assert_eq!(world.take(), ["1"]);
    world.restart();
    world.read();
    assert!(world.take().is_empty());
    world.pass(1.0);
    world.read();
    assert_eq!(world.take(), ["2", "3"]);
    world.restart();
    world.read_all();
    assert!(world.take().is_empty());
}

#[test]
fn a_renamed_file_is_read_to_its_end_even_out_of_sight() {
    let mut world = World::new("app.log", 0);
    world.append("app.log", "1\n");
    world.read();
    fs::rename(world.path("app.log"), world.path("app.log.1")).unwrap();
    world.append("app.log.1", "2\n");
    world.append("app.log", "3\n");
    world.read();
    world.append("app.log.1", "4\n");
    world.read();
    let mut lines = world.take();
    lines.sort();
    assert_eq!(lines, ["1", "2", "3", "4"]);
    // And over a crash.
    world.append("app.log", "5\n");
    fs::rename(world.path("app.log"), world.path("app.log.2")).unwrap();
    world.append("app.log", "6\n");
    world.restart();
    world.read();
    let mut lines = world.take();
    lines.sort();
    assert_eq!(lines, ["5", "6"]);
}

#[test]
fn a_truncated_file_goes_on_in_its_copy_even_out_of_sight() {
    for crash in [false, true] {
        let mut world = World::new("app.log", 1);
        world.append("app.log", "1\n2\n3\nha");
        world.read();
        world.append("app.log", "lf\n4\n");
        copy(&world.path("app.log"), &world.path("app.log.1"));
        truncate(&world.path("app.log"));
        world.append("app.log", "5\n");
        if crash {
            world.restart();
        }
        world.read_all();
        let mut lines = world.take();
        lines.sort();
        assert_eq!(lines, ["1", "2", "3", "4", "5", "half"], "{crash}");
    }
}

#[test]
fn a_copy_under_way_is_not_read_twice() {
    let mut world = World::new("app.log*", 0);
    world.append("app.log", "first\nsecond\n");
    world.read();
    for part in ["", "fir", "first\nsecond\n"] {
        fs::write(world.path("app.log.1"), part).unwrap();
        world.read();
    }
    world.append("app.log", "third\n");
    world.read();
    truncate(&world.path("app.log"));
    world.read();
    world.append("app.log", "fourth\n");
    world.read_all();
    assert_eq!(world.take(), ["first", "second", "third", "fourth"]);
}

#[test]
fn short_files_that_agree_by_chance_are_both_read() {
    let mut world = World::new("*.log", 0);
    world.append("a.log", "listening\n");
    world.append("b.log", "listening\n");
    world.read_all();
    assert_eq!(world.take(), ["listening", "listening"]);
    world.append("b.log", "b\n");
    world.append("a.log", "a\n");
    world.read();
    let mut lines = world.take();
    lines.sort();
    assert_eq!(lines, ["a", "b"]);
}

#[test]
fn another_file_under_the_same_name_and_length_begins_anew() {
    let mut world = World::new("app.log", 0);
    world.append("app.log", "one\n");
    world.read();
    fs::write(world.path("app.log"), "two\n").unwrap();
    world.read();
    fs::remove_file(world.path("app.log")).unwrap();
    world.read_all();
    fs::write(world.path("app.log"), "six\n").unwrap();
    world.read_all();
    assert_eq!(world.take(), ["one", "two", "six"]);
}

#[test]
fn the_end_may_be_the_beginning() {
    let mut world = World::new("*.log", 0);
    world.options.begin = Begin::End;
    world.append("a.log", "old\nha");
    world.restart();
    world.read();
    world.append("a.log", "lf\n");
    world.append("b.log", "new\n");
    world.read();
    world.restart();
    world.append("c.log", "newer\n");
    world.read();
    let mut lines = world.take();
    lines.sort();
    assert_eq!(lines, ["half", "new", "newer"]);
}

#[test]
fn a_file_that_is_away_for_a_while_is_known_again() {
    let mut world = World::new("logs/app.log", 0);
    fs::create_dir(world.path("logs")).unwrap();
    world.append("logs/app.log", "1\n");
    world.read_all();
    fs::rename(world.path("logs"), world.path("away")).unwrap();
    world.read_all();
    assert_eq!(world.tail.status().files, 0);
    world.restart();
    world.read_all();
    fs::rename(world.path("away"), world.path("logs")).unwrap();
    world.append("logs/app.log", "2\n");
    world.read();
    assert_eq!(world.take(), ["1", "2"]);
}

#[test]
fn many_lines_come_in_bounded_batches_and_no_file_starves() {
    let mut world = World::new("*.log", 0);
    let lines =
        |odd: u32| (0..50_000).map(|line| format!("{}\n", line * 2 + odd)).collect::<String>();
    world.append("a.log", lines(0));
    world.append("b.log", lines(1));
    let mut batches = 0;
    loop {
        let before = world.kept.len();
        let more = world.step();
        assert!(world.kept.len() - before <= 8192 + 1);
        batches += 1;
        if !more {
            break;
        }
        // A crash now and then costs nothing.
        if batches % 3 == 0 {
            world.restart();
        }
    }
    let mut lines = world.take();
    assert_eq!(lines.len(), 100_000);
    // Neither waited for the other.
    let third = &lines[..33_000];
    assert!(
        third.iter().any(|line| line.ends_with('0'))
            && third.iter().any(|line| line.ends_with('1'))
    );
    lines.sort_by_key(|line| line.parse::<u32>().unwrap());
    assert!(lines.iter().zip(0..).all(|(line, number)| *line == number.to_string()));
}

#[test]
fn what_cannot_be_read_is_told() {
    let mut world = World::new("*.log", 0);
    std::os::unix::fs::symlink(world.path("loop.log"), world.path("loop.log")).unwrap();
    // A pipe that nobody writes to must not be waited for.
    let pipe = std::process::Command::new("mkfifo").arg(world.path("pipe.log")).status().unwrap();
    assert!(pipe.success());
    fs::create_dir(world.path("folder.log")).unwrap();
    world.append("a.log", "fine\n");
    world.read();
    assert_eq!(world.take(), ["fine"]);
    let troubles = world.tail.status().troubles;
    assert_eq!(troubles.len(), 1, "{troubles:?}");
    assert!(troubles.keys().next().unwrap().ends_with("loop.log"));
}

#[test]
fn a_position_that_is_none_begins_anew() {
    let mut world = World::new("*.log", 0);
    world.append("a.log", "1\n");
    world.position = Some(b"garbage".to_vec());
    world.restart();
    world.read();
    assert_eq!(world.take(), ["1"]);
}
