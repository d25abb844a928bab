//! A disk that is full, fails, or may not be written to, at the store's own layer of files.

use std::time::{Duration, Instant};

use vigie_store::disk::{Disk, Fault};
use vigie_store::{AppendError, Store, StoreOptions};

use crate::support::*;

fn opened(dir: &std::path::Path, backlog_bytes: usize) -> (Store, Disk) {
    let disk = Disk::default();
    let options = StoreOptions { disk: disk.clone(), backlog_bytes, ..StoreOptions::new(dir) };
    (Store::open(options, T0).unwrap().0, disk)
}

/// Until the store has noticed that the disk works again; it looks once a second.
fn wait_until_written(store: &Store) {
    let begun = Instant::now();
    while store.status().waiting_bytes > 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", store.status());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn whatever_the_disk_does_queries_go_on_and_what_waited_is_written_later() {
    for fault in [Fault::Full, Fault::Broken, Fault::ReadOnly, Fault::NoSync] {
        let dir = folder();
        let (store, disk) = opened(dir.path(), 1 << 20);
        write(&store, "before", &[(T0, 1.0)]);
        disk.set(fault);
        let handle = series(&store, "during");
        let error = store.append_wait(vec![float(handle, T0, 2.0)]).unwrap_err();
        assert!(matches!(error, AppendError::NotWritten(_)), "{fault:?}: {error}");
        // Told again it is no less an error: it is in memory, and not on the disk.
        assert!(store.append_wait(vec![float(handle, T0, 2.0)]).is_err(), "{fault:?}");
        assert_eq!(floats(&read(&store, "during")), [(T0, 2.0)]);
        // The head is to become a block meanwhile, which fails or is not on the disk: it stays readable.
        while store.maintain(T0 + HOUR).is_ok_and(|done| done.more) {}
        assert_eq!(floats(&read(&store, "during")), [(T0, 2.0)]);
        let status = store.status();
        assert!(status.write_error.is_some() && status.waiting_bytes > 0, "{fault:?}: {status:?}");
        disk.set(Fault::None);
        wait_until_written(&store);
        assert_eq!(store.status().write_error, None);
        write(&store, "after", &[(T0 + HOUR, 3.0)]);
        drop(store);
        let (store, recovery) = open(dir.path(), T0 + HOUR);
        assert!(
            recovery.damaged.is_empty() && recovery.lost_series == 0,
            "{fault:?}: {recovery:?}"
        );
        for (name, expected) in
            [("before", (T0, 1.0)), ("during", (T0, 2.0)), ("after", (T0 + HOUR, 3.0))]
        {
            assert_eq!(floats(&read(&store, name)), [expected], "{fault:?}");
        }
    }
}

#[test]
fn a_disk_that_fills_in_the_middle_of_a_record_leaves_no_damage() {
    for room in [0, 1, 7, 8, 13, 30, 100, 333] {
        let dir = folder();
        let (store, disk) = opened(dir.path(), 1 << 20);
        write(&store, "a", &[(T0, 1.0)]);
        disk.full_after(room);
        let handle = series(&store, "a");
        let samples = (1..50).map(|n| float(handle, T0 + n, n as f64)).collect();
        assert!(store.append_wait(samples).is_err());
        disk.set(Fault::None);
        write(&store, "a", &[(T0 + 60, 60.0)]);
        drop(store);
        let (store, recovery) = open(dir.path(), T0);
        assert!(recovery.damaged.is_empty(), "{room}: {recovery:?}");
        assert_eq!(read(&store, "a").len(), 51, "{room}");
    }
}

#[test]
fn what_waits_is_bounded_and_then_refused_quickly() {
    let dir = folder();
    let (store, disk) = opened(dir.path(), 2000);
    let handle = series(&store, "a");
    disk.set(Fault::Full);
    let mut refused = None;
    for n in 0..1000 {
        match store.append_wait(vec![float(handle, T0 + n, 1.0)]) {
            Err(AppendError::NotWritten(_)) => {}
            other => {
                refused = Some((n, other));
                break;
            }
        }
    }
    let (kept, result) = refused.unwrap();
    assert!(matches!(result, Err(AppendError::Backlog { limit: 2000, .. })), "{result:?}");
    assert_eq!(read(&store, "a").len() as i64, kept, "what is refused is not in memory either");
    assert_eq!(store.status().refused.backlog, 1);
    disk.set(Fault::None);
    wait_until_written(&store);
    write(&store, "a", &[(T0 + 5000, 2.0)]);
    drop(store);
    assert_eq!(read(&open(dir.path(), T0).0, "a").len() as i64, kept + 1);
}

#[test]
fn what_a_killed_process_wrote_is_on_the_disk_before_it_is_acknowledged_when_sent_again() {
    let dir = folder();
    let (store, _) = opened(dir.path(), 1 << 20);
    write(&store, "a", &[(T0, 1.0)]);
    drop(store);
    let disk = Disk::default();
    disk.set(Fault::NoSync);
    let options = StoreOptions { disk: disk.clone(), ..StoreOptions::new(dir.path()) };
    let store = Store::open(options, T0).unwrap().0;
    let again = || store.append_wait(vec![float(series(&store, "a"), T0, 1.0)]);
    assert!(matches!(again(), Err(AppendError::NotWritten(_))), "nobody has synced it");
    disk.set(Fault::None);
    assert_eq!(again().unwrap().repeated, 1);
}

#[test]
fn names_alone_do_not_keep_samples_out() {
    let dir = folder();
    let (store, _) = opened(dir.path(), 2000);
    // More than may wait, and no sample among it.
    let handles: Vec<_> = (0..200).map(|n| series(&store, &format!("series_{n}"))).collect();
    let begun = Instant::now();
    while let Err(error) = store.append_wait(vec![float(handles[0], T0, 1.0)]) {
        let full = matches!(error, AppendError::Backlog { .. });
        assert!(full && begun.elapsed() < Duration::from_secs(60), "{error}, {:?}", store.status());
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(floats(&read(&store, "series_0")), [(T0, 1.0)]);
}

#[test]
fn a_block_that_cannot_be_written_is_made_later() {
    let dir = folder();
    let (store, disk) = opened(dir.path(), 1 << 20);
    write(&store, "a", &[(T0, 1.0)]);
    for (fault, room) in [(Fault::Full, None), (Fault::NoSync, None), (Fault::None, Some(20))] {
        match room {
            Some(room) => disk.full_after(room),
            None => disk.set(fault),
        }
        let error = store.maintain(T0 + HOUR).unwrap_err().to_string();
        assert!(error.contains("a block could not be"), "{error}");
        assert_eq!(store.status().maintenance_error.as_ref(), Some(&error));
        assert_eq!(store.trouble(), Some(error));
        assert_eq!(floats(&read(&store, "a")), [(T0, 1.0)]);
    }
    disk.set(Fault::None);
    settle(&store, T0 + HOUR);
    let status = store.status();
    assert_eq!((status.maintenance_error, status.blocks, status.head_samples), (None, 1, 0));
    assert_eq!(floats(&read(&store, "a")), [(T0, 1.0)]);
    let names: Vec<_> = std::fs::read_dir(dir.path().join("blocks")).unwrap().collect();
    assert_eq!(names.len(), 1, "nothing half done is left: {names:?}");
}

#[test]
fn a_day_that_cannot_be_merged_is_said_until_it_is() {
    let dir = folder();
    let (store, disk) = opened(dir.path(), 1 << 20);
    for hour in [0, 1] {
        write(&store, "a", &[(T0 + hour * HOUR, 1.0)]);
        settle(&store, T0 + (hour + 1) * HOUR);
    }
    assert_eq!(store.status().blocks, 2);
    let later = T0 + 3 * DAY;
    disk.set(Fault::NoSync);
    let error = store.maintain(later).unwrap_err().to_string();
    disk.set(Fault::None);
    for second in 0..60 {
        let done = store.maintain(later + second * 1_000).unwrap();
        assert!(!done.more && done.merged == 0, "it is left alone for a minute: {done:?}");
        assert_eq!(store.trouble().as_ref(), Some(&error));
    }
    settle(&store, later + MINUTE);
    // One of the day's samples, and its two coarser ones.
    assert_eq!((store.trouble(), store.status().blocks), (None, 3));
}

#[test]
fn a_folder_that_cannot_be_used_is_named() {
    let dir = folder();
    let path = dir.path().join("file");
    std::fs::write(&path, "").unwrap();
    let error = Store::open(StoreOptions::new(&path), T0).err().unwrap().to_string();
    assert!(error.contains("cannot be opened") && error.contains("file"), "{error}");
}

/// What one of several writers was told: (writes that were acknowledged, refused for the backlog).
fn write_while_slow(store: &Store, thread: i64, writes: i64) -> (Vec<i64>, i64) {
    let handle = series(store, &format!("slow_{thread}"));
    let (mut acknowledged, mut refused) = (Vec::new(), 0);
    for n in 0..writes {
        match store.append_wait(vec![float(handle, T0 + n, n as f64)]) {
            Ok(_) => acknowledged.push(n),
            Err(AppendError::Backlog { .. }) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    (acknowledged, refused)
}

#[test]
fn a_slow_disk_delays_acknowledgements_and_nothing_else() {
    const LIMIT: usize = 4_000;
    let dir = quick_folder();
    let (store, disk) = opened(dir.path(), LIMIT);
    write(&store, "before", &[(T0, 1.0)]);
    let before = store.status().syncs;
    disk.slow(Duration::from_millis(500));
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..8)
            .map(|n| {
                scope.spawn({
                    let store = &store;
                    move || write_while_slow(store, n, 4)
                })
            })
            .collect();
        // Meanwhile, who does not wait: what is in memory is bounded, and readers see all that is taken, at once.
        let handle = series(&store, "burst");
        let (mut taken, mut refused) = (0_usize, 0);
        let (tell, told) = std::sync::mpsc::channel();
        for n in 0..200 {
            let samples: Vec<_> =
                (0..10).map(|k| float(handle, T0 + n * 10 + k, k as f64)).collect();
            let tell = tell.clone();
            store.append(samples, move |result| tell.send(result.map(|one| one.accepted)).unwrap());
            let status = store.status();
            // One write of each appender may go beyond the limit.
            assert!(status.waiting_bytes < LIMIT + 9 * 200, "{status:?}");
        }
        drop(tell);
        let seen = read(&store, "burst").len();
        assert_eq!(floats(&read(&store, "before")), [(T0, 1.0)]);
        for result in told {
            match result {
                Ok(accepted) => taken += accepted,
                Err(AppendError::Backlog { limit, .. }) => refused += usize::from(limit == LIMIT),
                Err(other) => panic!("{other}"),
            }
        }
        assert!(refused > 0 && taken > 0, "{taken} taken, {refused} refused");
        assert_eq!((taken + 10 * refused, seen), (2_000, taken));
        for (thread, writer) in (0..).zip(writers) {
            let (acknowledged, refused) = writer.join().unwrap();
            assert_eq!(acknowledged.len() as i64 + refused, 4);
            let there: Vec<i64> = floats(&read(&store, &format!("slow_{thread}")))
                .iter()
                .map(|one| one.0 - T0)
                .collect();
            assert_eq!(there, acknowledged);
        }
    });
    let slow = store.status();
    let syncs = slow.syncs - before;
    assert!(syncs < 30, "those who wait together share a sync: {syncs} for 200 writes");
    assert!(slow.last_sync >= Duration::from_millis(500), "{slow:?}");
    disk.slow(Duration::ZERO);
    write(&store, "after", &[(T0, 2.0)]);
    let status = store.status();
    assert!(status.last_sync < slow.last_sync && status.write_error.is_none(), "{status:?}");
    assert_eq!(status.waiting_bytes, 0);
    let there = read(&store, "burst").len();
    drop(store);
    let (store, recovery) = open(dir.path(), T0);
    assert!(recovery.damaged.is_empty(), "{recovery:?}");
    assert_eq!(read(&store, "burst").len(), there);
    assert_eq!(floats(&read(&store, "after")), [(T0, 2.0)]);
}

/// Writes until the disk takes no more; the last write that was acknowledged.
fn write_until_power_is_gone(store: &Store, thread: i64) -> Option<i64> {
    let handle = series(store, &format!("series_{thread}"));
    let write = |n: &i64| store.append_wait(vec![float(handle, T0 + n, *n as f64)]).is_ok();
    (0..).take_while(write).last()
}

#[test]
fn what_a_slow_disk_acknowledged_survives_the_loss_of_power() {
    let mut acknowledged = 0;
    for run in 0..8 {
        let dir = quick_folder();
        let disk = Disk::that_may_lose_power();
        let options = StoreOptions { disk: disk.clone(), ..StoreOptions::new(dir.path()) };
        let store = Store::open(options, T0).unwrap().0;
        disk.slow(Duration::from_millis(12));
        let last: Vec<Option<i64>> = std::thread::scope(|scope| {
            let write = |n| {
                scope.spawn({
                    let store = &store;
                    move || write_until_power_is_gone(store, n)
                })
            };
            let writers: Vec<_> = (0..6).map(write).collect();
            // Blocks are made meanwhile, and take the place of the log.
            std::thread::sleep(Duration::from_millis(60));
            let blocks =
                scope.spawn(|| while store.maintain(T0 + HOUR).is_ok_and(|done| done.more) {});
            std::thread::sleep(Duration::from_millis(20 + 17 * run));
            disk.lose_power().unwrap();
            blocks.join().unwrap();
            writers.into_iter().map(|one| one.join().unwrap()).collect()
        });
        drop(store);
        let (store, recovery) = open(dir.path(), T0 + HOUR);
        assert!(recovery.damaged.is_empty() && recovery.lost_series == 0, "{recovery:?}");
        for (thread, last) in (0..).zip(last) {
            let Some(last) = last else { continue };
            let there = floats(&read(&store, &format!("series_{thread}")));
            let expected: Vec<_> = (0..=last).map(|n| (T0 + n, n as f64)).collect();
            assert!(there.starts_with(&expected), "run {run}: {last} acknowledged, {there:?}");
            acknowledged += last + 1;
        }
    }
    assert!(acknowledged > 48, "the disk hardly took anything: {acknowledged}");
}
