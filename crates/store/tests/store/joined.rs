//! Downsampled days that become one block: at any moment of it, with samples that come later, damaged, and beyond the retention.

use std::fs;
use std::path::Path;

use vigie_store::disk::{Disk, Fault};
use vigie_store::{Hints, Samples, Storage, Store, StoreOptions, Stretch, TimeRange};

use crate::support::*;

/// The first day of a span of five, 2026-11-23, and days that are within it and the next, and within one of thirty.
const START: i64 = T0 + DAY;
const DAYS: i64 = 8;
const STEP: i64 = 20 * MINUTE;
const NAMES: [&str; 3] = ["a", "bb", "three"];

fn value(name: &str, time: i64) -> f64 {
    let n = time / STEP % 7919;
    (n * n % 7919 * name.len() as i64 % 1009) as f64
}

/// Long ranges are all that are asked for here.
fn options(dir: &Path) -> StoreOptions {
    StoreOptions {
        downsample_after_ms: Some(0),
        long_range_ms: 0,
        maintenance_samples: 1,
        ..StoreOptions::new(dir)
    }
}

/// All days as they came, and when they are over.
fn raw(dir: &Path) -> i64 {
    let (store, _) =
        Store::open(StoreOptions { downsample_after_ms: None, ..options(dir) }, START).unwrap();
    for hour in 0..DAYS * 24 {
        let start = START + hour * HOUR;
        store.maintain(start + HOUR).unwrap();
        for name in NAMES {
            let times = (start..start + HOUR).step_by(STEP as usize);
            write(&store, name, &times.map(|time| (time, value(name, time))).collect::<Vec<_>>());
        }
        settle(&store, start + HOUR);
    }
    let now = START + DAYS * DAY + 3 * HOUR;
    settle(&store, now);
    store.close();
    now
}

/// The last value of each stretch is right, whatever answers.
fn says(store: &Store, name: &str, what: &str) {
    for (step, first) in [(HOUR, START), (5 * MINUTE, START), (HOUR, START + 3 * DAY + HOUR)] {
        let range = TimeRange { start: first, end: START + DAYS * DAY - 1 };
        let found = floats(&read_in(store, name, range, step));
        assert!(found.is_sorted_by(|one, two| one.0 < two.0), "{what}");
        for end in (first + HOUR..=range.end + 1).step_by(HOUR as usize) {
            let before = found.partition_point(|one| one.0 < end);
            let last = before.checked_sub(1).map(|place| found[place]);
            let right = value(name, end - STEP);
            let (time, found) = last.unwrap_or_else(|| panic!("{what}: nothing before {end}"));
            assert!(time >= end - HOUR && found == right, "{what}, {step}: {found} before {end}");
        }
    }
}

/// Each hourly value once.
fn hourly(store: &Store, name: &str) -> Samples {
    let hints = Hints { step: HOUR, stretch: Stretch::Standing, ..Hints::default() };
    store.select_for(&named(name), ALL, hints).unwrap()[0].reader.read().unwrap()
}

fn all_say(dir: &Path, now: i64, what: &str) -> usize {
    let (store, recovery) = Store::open(options(dir), now).unwrap();
    assert!(recovery.damaged.is_empty() && recovery.lost_series == 0, "{what}: {recovery:?}");
    NAMES.iter().for_each(|name| says(&store, name, what));
    store.status().blocks
}

fn copy(from: &Path) -> tempfile::TempDir {
    let to = quick_folder();
    for folder in ["blocks", "wal"] {
        fs::create_dir(to.path().join(folder)).unwrap();
        for entry in fs::read_dir(from.join(folder)).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), to.path().join(folder).join(entry.file_name())).unwrap();
        }
    }
    for name in ["format", "registry"] {
        fs::copy(from.join(name), to.path().join(name)).unwrap();
    }
    to
}

/// Of eight days a block each as they came, two of five-minute values and one of hourly ones.
const JOINED: usize = DAYS as usize + 3;

#[test]
fn whoever_is_killed_while_days_are_joined_has_all_of_them() {
    let dir = quick_folder();
    let now = raw(dir.path());
    let (store, _) = Store::open(options(dir.path()), now).unwrap();
    let (mut most, mut moments) = (0, 0);
    loop {
        let before = copy(dir.path());
        let more = store.maintain(now).unwrap().more;
        // Killed between two pieces, some blocks being half done; and before what was replaced was removed.
        let killed = copy(dir.path());
        for entry in fs::read_dir(before.path().join("blocks")).unwrap() {
            let entry = entry.unwrap();
            let again = killed.path().join("blocks").join(entry.file_name());
            if !again.exists() && again.extension().is_some_and(|end| end == "block") {
                fs::copy(entry.path(), again).unwrap();
            }
        }
        most = most.max(all_say(killed.path(), now, &format!("moment {moments}")));
        moments += 1;
        if !more {
            break;
        }
    }
    assert!(moments > 30 && most > JOINED, "{moments} moments, at most {most} blocks");
    assert_eq!(store.status().blocks, JOINED);
    drop(store);
    assert_eq!(all_say(dir.path(), now, "afterwards"), JOINED);
}

#[test]
fn a_disk_that_fails_while_days_are_joined_costs_nothing() {
    let dir = quick_folder();
    let now = raw(dir.path());
    let disk = Disk::default();
    let options = || StoreOptions { disk: disk.clone(), ..options(dir.path()) };
    let mut failed = 0;
    for attempt in 0..40 {
        let (store, _) = Store::open(options(), now).unwrap();
        disk.full_after(attempt * 97);
        while let Ok(done) = store.maintain(now)
            && done.more
        {}
        failed += usize::from(store.status().maintenance_error.is_some());
        disk.set(Fault::None);
        NAMES.iter().for_each(|name| says(&store, name, &format!("attempt {attempt}")));
    }
    assert!(failed > 10, "{failed} attempts failed");
    let (store, _) = Store::open(options(), now).unwrap();
    settle(&store, now);
    drop(store);
    assert_eq!(all_say(dir.path(), now, "afterwards"), JOINED);
}

#[test]
fn samples_that_come_later_are_in_what_is_joined() {
    let dir = quick_folder();
    let now = raw(dir.path());
    let (store, _) = Store::open(options(dir.path()), now).unwrap();
    settle(&store, now);
    assert_eq!(store.status().blocks, JOINED);
    // A series that nobody knew comes with its past, a day of it at a time.
    for day in [6, 1, 3, 0, 2, 7, 5, 4] {
        let times = (START + day * DAY..START + (day + 1) * DAY).step_by(STEP as usize);
        let name = format!("late{day}");
        write(&store, &name, &times.map(|time| (time, value("late", time))).collect::<Vec<_>>());
        let moment = now + (8 - day) * HOUR;
        while store.maintain(moment).unwrap().more {
            NAMES.iter().for_each(|name| says(&store, name, "meanwhile"));
        }
        settle(&store, moment + HOUR);
        // What became a block may be followed by more of its day for so long as a head lasts.
        settle(&store, moment + 2 * HOUR);
        let found = hourly(&store, &name);
        let last = found.float_times.last().copied().unwrap();
        assert!(found.coarse.is_some_and(|coarse| coarse.step == HOUR), "{name}");
        assert_eq!(last, START + (day + 1) * DAY - 1, "{name}");
        let expected = value("late", last - STEP + 1);
        assert_eq!(found.floats.last().copied(), Some(expected), "{name}");
    }
    drop(store);
    all_say(dir.path(), now, "afterwards");
}

#[test]
fn days_that_are_pushed_in_at_once_are_done_once() {
    let dir = quick_folder();
    let now = START + DAYS * DAY + 3 * HOUR;
    let options = StoreOptions { head_samples: 20, ..options(dir.path()) };
    let (store, _) = Store::open(options, now).unwrap();
    let (mut sealed, mut downsampled) = (0, 0);
    let mut maintain = |now: i64| loop {
        let done = store.maintain(now).unwrap();
        (sealed, downsampled) = (sealed + done.sealed, downsampled + done.downsampled);
        if !done.more {
            break;
        }
    };
    for time in (START..START + DAYS * DAY).step_by(STEP as usize) {
        for name in NAMES {
            write(&store, name, &[(time, value(name, time))]);
        }
        maintain(now);
    }
    // The head becomes blocks once more, and nothing follows.
    maintain(now + HOUR);
    maintain(now + 2 * HOUR);
    assert!(sealed > 8 * DAYS as usize, "{sealed} blocks of the head");
    assert_eq!(downsampled, 2 * DAYS as usize);
    assert_eq!(store.status().blocks, JOINED);
    NAMES.iter().for_each(|name| says(&store, name, "afterwards"));
}

#[test]
fn damage_in_a_block_of_many_days_costs_one_series_and_is_set_aside() {
    let dir = quick_folder();
    let now = raw(dir.path());
    let days = StoreOptions { raw_retention_ms: Some(DAY), ..options(dir.path()) };
    let (store, _) = Store::open(days.clone(), now).unwrap();
    settle(&store, now);
    let range = TimeRange { start: START, end: START + DAYS * DAY - 1 };
    let there = |store: &Store| {
        let count = |step| NAMES.map(|name| read_in(store, name, range, step).len());
        [count(HOUR), count(0)]
    };
    let sound = there(&store);
    drop(store);
    let names = |dir: &Path| {
        let files = fs::read_dir(dir.join("blocks")).unwrap();
        files.map(|one| one.unwrap().file_name()).collect::<Vec<_>>()
    };
    for name in names(dir.path()) {
        let damaged = copy(dir.path());
        let path = damaged.path().join("blocks").join(&name);
        let mut bytes = fs::read(&path).unwrap();
        bytes[80] ^= 4;
        fs::write(&path, bytes).unwrap();
        let days = StoreOptions { dir: damaged.path().to_owned(), ..days.clone() };
        let (store, _) = Store::open(days, now).unwrap();
        let before = there(&store);
        let less = sound.iter().flatten().zip(before.iter().flatten());
        let less = less.filter(|(sound, damaged)| sound != damaged).count();
        assert_eq!(less, 1, "{name:?}: {before:?}, not {sound:?}");
        settle(&store, now);
        assert_eq!(there(&store), before, "{name:?}: repairing loses nothing more");
        let aside = names(damaged.path()).into_iter();
        assert!(aside.filter(|one| one.to_string_lossy().ends_with(".damaged")).count() == 1);
    }
}

#[test]
fn a_block_loses_the_days_beyond_the_retention_a_few_at_a_time() {
    let dir = quick_folder();
    let now = raw(dir.path());
    let (store, _) = Store::open(options(dir.path()), now).unwrap();
    settle(&store, now);
    drop(store);
    // Of the block of hourly values seven days are too old; that of five-minute values of the first five days goes as a whole.
    let short = StoreOptions { retention_ms: DAY, ..options(dir.path()) };
    let (store, _) = Store::open(short, now).unwrap();
    settle(&store, now);
    let oldest = store.status().oldest.unwrap();
    assert!(oldest >= START + 5 * DAY, "{oldest}");
    let hourly = hourly(&store, "a");
    assert!(hourly.float_times[0] >= START + 5 * DAY, "{:?}", hourly.float_times.first());
    assert_eq!(hourly.float_times.last().copied(), Some(START + DAYS * DAY - 1));
}
