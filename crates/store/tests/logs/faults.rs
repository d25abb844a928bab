//! A disk that is full, fails, or may not be written to.

use std::time::{Duration, Instant};

use vigie_model::Level;
use vigie_store::disk::{Disk, Fault};
use vigie_store::logs::{LogAppendError, LogOptions, LogStore, Position};

use crate::support::*;

fn wait_until_written(store: &LogStore) {
    let begun = Instant::now();
    while store.status().waiting_bytes > 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", store.status());
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn line(n: i64) -> Vec<vigie_model::LogEntry> {
    vec![entry(T0 + n, Level::Info, &format!("line {n}"))]
}

#[test]
fn whatever_the_disk_does_searches_go_on_and_every_line_is_there_once_later() {
    for fault in [Fault::Full, Fault::Broken, Fault::ReadOnly, Fault::NoSync] {
        let dir = folder();
        let disk = Disk::default();
        let options =
            LogOptions { disk: disk.clone(), head_rows: 2, ..LogOptions::new(dir.path()) };
        let (store, _) = LogStore::open(options, T0).unwrap();
        store.append_wait(line(0), None).unwrap();
        disk.set(fault);
        let position = Position { reader: "file".into(), bytes: b"1".to_vec() };
        let error = store.append_wait(line(1), Some(position)).unwrap_err();
        assert!(matches!(error, LogAppendError::NotWritten { .. }), "{fault:?}: {error}");
        assert!(store.append_wait(line(2), None).is_err());
        // The head is to become a block meanwhile.
        for _ in 0..3 {
            let _ = store.maintain(T0 + HOUR);
        }
        assert_eq!(messages(&store), ["line 0", "line 1", "line 2"], "{fault:?}");
        disk.set(Fault::None);
        wait_until_written(&store);
        settle(&store, T0 + HOUR);
        store.append_wait(line(3), None).unwrap();
        store.close();
        drop(store);
        let (store, recovery) = open(dir.path(), T0 + HOUR);
        assert!(recovery.damaged.is_empty(), "{fault:?}: {recovery:?}");
        assert_eq!(messages(&store), ["line 0", "line 1", "line 2", "line 3"], "{fault:?}");
        assert_eq!(store.position("file"), Some(b"1".to_vec()));
    }
}

#[test]
fn a_disk_that_fills_in_the_middle_of_a_write_leaves_no_damage() {
    for room in [0, 3, 9, 20, 50, 200, 900] {
        let dir = folder();
        let disk = Disk::default();
        let options =
            LogOptions { disk: disk.clone(), head_rows: 1, ..LogOptions::new(dir.path()) };
        let (store, _) = LogStore::open(options, T0).unwrap();
        store.append_wait(line(0), None).unwrap();
        disk.full_after(room);
        let _ = store.append_wait(line(1), None);
        let _ = store.maintain(T0);
        disk.set(Fault::None);
        wait_until_written(&store);
        settle(&store, T0);
        store.append_wait(line(2), None).unwrap();
        drop(store);
        let (store, recovery) = open(dir.path(), T0);
        assert!(recovery.damaged.is_empty(), "{room}: {recovery:?}");
        assert_eq!(messages(&store), ["line 0", "line 1", "line 2"], "{room}");
    }
}

#[test]
fn what_waits_is_bounded_and_then_refused() {
    let dir = folder();
    let disk = Disk::default();
    let options =
        LogOptions { disk: disk.clone(), backlog_bytes: 2000, ..LogOptions::new(dir.path()) };
    let (store, _) = LogStore::open(options, T0).unwrap();
    disk.set(Fault::Full);
    let results: Vec<_> = (0..200).map(|n| store.append_wait(line(n), None)).collect();
    let kept =
        results.iter().filter(|one| matches!(one, Err(LogAppendError::NotWritten { .. }))).count();
    let refused =
        results.iter().filter(|one| matches!(one, Err(LogAppendError::Backlog(_)))).count();
    assert!(kept > 5 && refused > 100 && kept + refused == 200, "{kept} {refused}");
    assert_eq!(messages(&store).len(), kept);
    disk.set(Fault::None);
    wait_until_written(&store);
    drop(store);
    assert_eq!(messages(&open(dir.path(), T0).0).len(), kept);
}
