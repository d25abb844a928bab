//! Copies that are made while lines come in.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use vigie_model::Level;
use vigie_store::logs::{LogOptions, LogStore, Position};
use vigie_store::restore;

use crate::support::*;

#[test]
fn a_backup_while_lines_come_in_has_all_that_was_acknowledged_and_each_position_with_its_lines() {
    let (dir, other) = (folder(), folder());
    // Blocks are made and merged all the while.
    let options = LogOptions { head_rows: 5, ..LogOptions::new(dir.path()) };
    let (store, _) = LogStore::open(options, T0).unwrap();
    let append = |number: i64| {
        let line = entry(T0 + number, Level::Info, &number.to_string());
        let position = Position { reader: "r".into(), bytes: number.to_string().into_bytes() };
        store.append_wait(vec![line], Some(position)).unwrap();
    };
    (0..40).for_each(append);
    settle(&store, T0 + HOUR);
    (40..50).for_each(append);
    let stop = AtomicBool::new(false);
    let backups = std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 50.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                append(number);
                store.maintain(T0 + HOUR).unwrap();
            }
        });
        let backups = [1, 2, 3].map(|number| {
            let backup = other.path().join(format!("backup-{number}"));
            let report = store.backup(&backup).unwrap();
            assert!(report.files >= 3 && report.bytes > 0, "{report:?}");
            assert!(store.backup(&backup).is_err(), "not over another one");
            backup
        });
        stop.store(true, Ordering::Relaxed);
        backups
    });
    settle(&store, T0 + DAY);
    for backup in backups {
        let restored = backup.with_extension("restored");
        restore(&backup, &restored).unwrap();
        let (copy, recovery) = open(&restored, T0 + HOUR);
        assert!(recovery.damaged.is_empty(), "{recovery:?}");
        let numbers: Vec<i64> =
            messages(&copy).iter().map(|message| message.parse().unwrap()).collect();
        assert!(numbers.len() >= 50 && numbers.iter().copied().eq(0..numbers.len() as i64));
        let last = numbers.last().unwrap().to_string();
        assert_eq!(copy.position("r"), Some(last.into_bytes()));
    }
}

#[test]
fn a_backup_that_was_changed_is_refused() {
    let (dir, other) = (folder(), folder());
    let (store, _) = open(dir.path(), T0);
    store.append_wait(vec![entry(T0, Level::Info, "line")], None).unwrap();
    let backup = other.path().join("backup");
    store.backup(&backup).unwrap();
    let segment = fs::read_dir(backup.join("wal")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&segment).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&segment, bytes).unwrap();
    let error = restore(&backup, &other.path().join("restored")).unwrap_err().to_string();
    assert!(error.contains("checksum differs"), "{error}");
    fs::remove_file(&segment).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", &segment).unwrap();
    let error = restore(&backup, &other.path().join("restored-2")).unwrap_err().to_string();
    assert!(error.contains("no ordinary file"), "{error}");
}
