//! Folders that released formats left behind are opened, and say what they said then.
//!
//! `VIGIE_WRITE_FIXTURE=1` writes the one of today's format, where there is none; an old format's is never touched.

use std::fs;
use std::path::{Path, PathBuf};

use vigie_model::{Labels, Level, LogEntry};
use vigie_store::logs::{LogFilter, LogOptions, LogStore, Order, Position};

use crate::support::*;

fn lines() -> Vec<LogEntry> {
    let line = |n: i64| LogEntry {
        time_nanos: (T0 + n * HOUR) * NANOS + n % 3,
        level: Level::ALL[n as usize % 7],
        level_text: if n % 5 == 0 { "NOTICE".into() } else { "".into() },
        kind: "job".into(),
        instance: format!("worker-{}", n % 4).into(),
        queue: if n % 2 == 0 { "emails".into() } else { "".into() },
        job: format!("{n}").into(),
        trace: if n % 9 == 0 { "4bf92f3577b34da6".into() } else { "".into() },
        labels: Labels::from_pairs([("region", if n % 2 == 0 { "eu" } else { "" })]),
        fields: if n % 3 == 0 { format!("{{\"n\":{n}}}") } else { String::new() },
        ..entry(0, Level::Info, &format!("job {n} finished in {} ms, été", n * 37 % 501))
    };
    (0..100).map(line).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn fill(dir: &Path) {
    let options = LogOptions { head_rows: 40, ..LogOptions::new(dir) };
    let (store, _) = LogStore::open(options, T0 + 5 * DAY).unwrap();
    for (n, part) in lines().chunks(45).enumerate() {
        let position = Position { reader: "file".into(), bytes: vec![n as u8] };
        store.append_wait(part.to_vec(), Some(position)).unwrap();
        store.maintain(T0 + 5 * DAY).unwrap();
    }
    store.close();
    drop(store);
    fs::remove_file(dir.join("lock")).unwrap();
}

/// Opens what a format left behind, twice: as it was, and with its blocks merged.
fn opened(kept: &Path) {
    let dir = folder();
    copy(kept, dir.path());
    let (store, recovery) = open(dir.path(), T0 + 5 * DAY);
    assert!(recovery.damaged.is_empty(), "{recovery:?}");
    assert!(recovery.replayed > 0 && recovery.blocks >= 2, "all kinds of file: {recovery:?}");
    for _ in 0..2 {
        let page =
            store.search(LogFilter::default(), Order::OldestFirst, None, 1000, &|| false).unwrap();
        let found: Vec<LogEntry> = page.entries.into_iter().map(|found| found.entry).collect();
        assert_eq!(found, lines());
        assert_eq!(store.position("file"), Some(vec![2]));
        settle(&store, T0 + 6 * DAY);
    }
    assert_eq!(fs::read_to_string(dir.path().join("format")).unwrap(), "vigie-logs 2\n");
}

fn fixture(format: u32) -> PathBuf {
    let name = format!("tests/fixtures/logs-{format}");
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

#[test]
fn the_folder_of_format_1_is_opened_and_goes_on() {
    opened(&fixture(1));
}

#[test]
fn the_folder_of_format_2_is_opened_and_goes_on() {
    let kept = fixture(2);
    if std::env::var_os("VIGIE_WRITE_FIXTURE").is_some() {
        assert!(!kept.join("format").exists(), "there is one already");
        fill(&kept);
    }
    opened(&kept);
}

#[test]
fn a_folder_of_a_later_format_or_of_none_is_refused() {
    let dir = folder();
    copy(&fixture(2), dir.path());
    fs::write(dir.path().join("format"), "vigie-logs 3\n").unwrap();
    let error = LogStore::open(LogOptions::new(dir.path()), T0).err().unwrap().to_string();
    assert!(error.contains("has format 3"), "{error}");
    // Entries without the file that says what they are.
    fs::remove_file(dir.path().join("format")).unwrap();
    let error = LogStore::open(LogOptions::new(dir.path()), T0).err().unwrap().to_string();
    assert!(error.contains("does not say which format"), "{error}");
}
