use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use vigie_store::restore;

use crate::support::*;

#[test]
fn a_backup_while_it_is_written_to_has_all_that_was_acknowledged_before() {
    let (dir, other) = (folder(), folder());
    let (store, _) = open(dir.path(), T0);
    write(&store, "old", &[(T0, 1.0)]);
    settle(&store, T0 + HOUR);
    write(&store, "new", &[(T0 + HOUR, 2.0)]);
    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let (store, stop) = (store.clone(), stop.clone());
        std::thread::spawn(move || {
            let mut n = 0;
            while !stop.load(Ordering::Relaxed) {
                n += 1;
                write(&store, &format!("more_{n}"), &[(T0 + HOUR, 3.0)]);
            }
        })
    };
    let backup = other.path().join("backup");
    let report = store.backup(&backup).unwrap();
    stop.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    assert!(report.files >= 4 && report.bytes > 0, "{report:?}");
    assert!(store.backup(&backup).is_err(), "not over another one");
    let restored = other.path().join("restored");
    restore(&backup, &restored).unwrap();
    assert!(restore(&backup, &restored).is_err(), "not over a store");
    let (copy, recovery) = open(&restored, T0 + HOUR);
    assert!(recovery.damaged.is_empty(), "{recovery:?}");
    assert_eq!(recovery.lost_series, 0);
    assert_eq!(floats(&read(&copy, "old")), [(T0, 1.0)]);
    assert_eq!(floats(&read(&copy, "new")), [(T0 + HOUR, 2.0)]);
    // The backup's blocks are its own: what the store removes stays in it.
    settle(&store, T0 + HOUR);
    assert!(backup.join("blocks/00000001.block").exists());
}

#[test]
fn a_backup_that_was_changed_or_has_links_is_refused() {
    let (dir, other) = (folder(), folder());
    let (store, _) = open(dir.path(), T0);
    write(&store, "a", &[(T0, 1.0)]);
    let make = |name: &str| {
        let backup = other.path().join(name);
        store.backup(&backup).unwrap();
        backup
    };
    let refused = |name: &str, backup: &std::path::Path| {
        let to = other.path().join(format!("{name}-restored"));
        let error = restore(backup, &to).unwrap_err().to_string();
        assert!(!to.join("format").exists(), "what is half restored is not opened");
        error
    };
    let flipped = make("flipped");
    let mut bytes = fs::read(flipped.join("registry")).unwrap();
    bytes[20] ^= 1;
    fs::write(flipped.join("registry"), bytes).unwrap();
    assert!(refused("flipped", &flipped).contains("checksum differs"));
    let linked = make("linked");
    fs::remove_file(linked.join("registry")).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", linked.join("registry")).unwrap();
    assert!(refused("linked", &linked).contains("no ordinary file"));
    let outside = make("outside");
    let list = fs::read_to_string(outside.join("backup")).unwrap();
    fs::write(outside.join("backup"), list.replace(" registry", " ../registry")).unwrap();
    assert!(refused("outside", &outside).contains("a line of it"));
    let unfinished = make("unfinished");
    fs::remove_file(unfinished.join("backup")).unwrap();
    assert!(refused("unfinished", &unfinished).contains("no backup"));
}
