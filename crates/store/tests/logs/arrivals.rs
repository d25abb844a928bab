//! Entries by number, for those who take them elsewhere: complete, in order, only what is on the disk, and gaps are counted.

use std::fs;

use proptest::prelude::*;
use vigie_model::Level;
use vigie_store::disk::{Disk, Fault};
use vigie_store::logs::{Arrivals, LogOptions, LogStore};

use crate::support::*;

const ALL: (usize, usize) = (usize::MAX, usize::MAX);

fn arrivals(store: &LogStore, from: u64, (most, bytes): (usize, usize)) -> Arrivals {
    store.arrivals(from, most, bytes, false).unwrap()
}

/// Everything from `from` on, in steps.
fn followed(store: &LogStore, mut from: u64, step: (usize, usize)) -> (Vec<(u64, String)>, u64) {
    let (mut all, mut gone) = (Vec::new(), 0);
    while from < store.durable_number() {
        let some = arrivals(store, from, step);
        assert!(some.next > from, "it does not go on: {from}");
        assert!(some.entries.len() <= step.0);
        assert!(some.entries.iter().all(|(number, _)| (from..some.next).contains(number)));
        all.extend(some.entries.into_iter().map(|(number, entry)| (number, entry.message)));
        gone += some.gone;
        from = some.next;
    }
    (all, gone)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_the_times_and_blocks_are_the_order_is_that_of_arrival(
        appends in prop::collection::vec((prop::collection::vec((0i64..3 * DAY, 0usize..200), 0..30), any::<bool>()), 1..25),
        most in 1usize..40,
        bytes in 1usize..4_000,
        reopened in any::<bool>(),
    ) {
        let dir = quick_folder();
        let options = || LogOptions { head_rows: 20, ..LogOptions::new(dir.path()) };
        let now = T0 + 3 * DAY;
        let (mut store, _) = LogStore::open(options(), now).unwrap();
        let (mut wanted, mut number) = (Vec::new(), store.next_number());
        for (entries, maintained) in &appends {
            let mut batch = Vec::new();
            for (time, length) in entries {
                let message = format!("{number} {}", "x".repeat(*length));
                wanted.push((number, message.clone()));
                batch.push(entry(T0 + time, Level::Info, &message));
                number += 1;
            }
            store.append_wait(batch, None).unwrap();
            if *maintained {
                settle(&store, now);
            }
        }
        if reopened {
            store.close();
            drop(store);
            store = LogStore::open(options(), now).unwrap().0;
        }
        prop_assert_eq!(store.durable_number(), number);
        prop_assert_eq!(followed(&store, 1, (most, bytes)), (wanted.clone(), 0));
        let middle = number / 2;
        let later: Vec<_> = wanted.into_iter().filter(|one| one.0 >= middle.max(1)).collect();
        prop_assert_eq!(followed(&store, middle.max(1), ALL).0, later);
    }
}

#[test]
fn what_retention_took_is_counted() {
    let dir = folder();
    let options = LogOptions { head_rows: 10, retention_ms: DAY, ..LogOptions::new(dir.path()) };
    let (store, _) = LogStore::open(options, T0).unwrap();
    let lines = |from: i64, to: i64, at: i64| {
        (from..to).map(|n| entry(at + n, Level::Info, &format!("{n}"))).collect()
    };
    store.append_wait(lines(0, 30, T0), None).unwrap();
    settle(&store, T0 + HOUR);
    store.append_wait(lines(30, 40, T0 + HOUR), None).unwrap();
    settle(&store, T0 + HOUR);
    let later = T0 + DAY + HOUR / 2;
    store.maintain(later).unwrap();
    store.append_wait(lines(40, 45, later), None).unwrap();
    let (found, gone) = followed(&store, 1, ALL);
    assert_eq!((found.len(), gone), (15, 30));
    assert_eq!(found[0], (31, "30".to_owned()));
    assert_eq!(followed(&store, 40, ALL).1, 0, "nothing is gone behind the fortieth");
    assert_eq!(arrivals(&store, 46, ALL), Arrivals { next: 46, ..Arrivals::default() });
    assert_eq!(arrivals(&store, 1_000, ALL).next, 1_000);
}

#[test]
fn what_is_not_on_the_disk_is_not_handed_out() {
    let dir = folder();
    let disk = Disk::default();
    let options = LogOptions { disk: disk.clone(), ..LogOptions::new(dir.path()) };
    let (store, _) = LogStore::open(options, T0).unwrap();
    store.append_wait(vec![entry(T0, Level::Info, "first")], None).unwrap();
    disk.set(Fault::Full);
    store.append_wait(vec![entry(T0, Level::Info, "second")], None).unwrap_err();
    assert_eq!(messages(&store).len(), 2, "searches see both");
    assert_eq!((store.durable_number(), store.next_number()), (2, 3));
    assert_eq!(followed(&store, 1, ALL).0, [(1, "first".to_owned())]);
    disk.set(Fault::None);
    // Whichever of the two comes first: with the next append, the one before is on the disk.
    let wait = std::time::Instant::now();
    while store.append_wait(vec![entry(T0, Level::Info, "more")], None).is_err() {
        assert!(wait.elapsed().as_secs() < 60);
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(store.durable_number(), store.next_number());
    assert_eq!(followed(&store, 1, ALL).0[1], (2, "second".to_owned()));
}

#[test]
fn a_damaged_part_costs_itself_and_is_counted() {
    let dir = folder();
    let options = || LogOptions { head_rows: 50, ..LogOptions::new(dir.path()) };
    let (store, _) = LogStore::open(options(), T0 + DAY).unwrap();
    let lines = (0..100).map(|n| entry(T0 + n * DAY / 99, Level::Info, &format!("line {n}")));
    store.append_wait(lines.collect(), None).unwrap();
    settle(&store, T0 + DAY);
    store.append_wait(vec![entry(T0, Level::Info, "in the log")], None).unwrap();
    store.close();
    drop(store);
    let file = fs::read_dir(dir.path().join("blocks")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&file).unwrap();
    bytes[60] ^= 1;
    fs::write(&file, bytes).unwrap();
    let (store, _) = LogStore::open(options(), T0 + DAY).unwrap();
    let (found, gone) = followed(&store, 1, (30, usize::MAX));
    assert_eq!(found.len() as u64 + gone, 101);
    assert!(gone >= 1 && found.last().unwrap().1 == "in the log", "{gone} {found:?}");
    assert!(!store.status().damaged.is_empty());
}
