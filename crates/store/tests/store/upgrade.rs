//! Data folders that released formats left behind are opened, and say what they said then.
//!
//! `VIGIE_WRITE_FIXTURE=1` writes the one of today's format anew, into an empty folder; an old format's is never touched.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vigie_model::{CUSTOM_SCHEMA, NativeHistogram, ResetHint};
use vigie_store::{
    Hints, Metadata, STALE_BITS, Sample, Storage, Store, StoreOptions, Stretch, TimeRange, Value,
};

use crate::support::*;

fn fixture(format: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(format)
}

fn options(dir: &Path) -> StoreOptions {
    StoreOptions { downsample_after_ms: Some(0), ..StoreOptions::new(dir) }
}

const STEP: i64 = 10 * MINUTE;

/// The value of a series at its `n`th time.
fn value(name: &str, n: i64) -> f64 {
    match (name, n) {
        ("gauge", 77) => f64::from_bits(STALE_BITS),
        ("gauge", 78) => -0.0,
        ("gauge", _) => (n % 13) as f64 / 10.0,
        ("constant", _) => 0.1 + 0.2,
        ("noise", _) => (n as f64).sqrt(),
        ("pages", _) => (n * n % 50 * 4096) as f64,
        (_, _) => (n * n % 100_000) as f64,
    }
}

fn custom(n: i64) -> NativeHistogram {
    NativeHistogram {
        schema: CUSTOM_SCHEMA,
        count: n as f64 + 1.5,
        sum: 0.25 * n as f64,
        positive: vec![(0, n as f64 + 0.5), (2, 1.0)],
        custom_bounds: Arc::from([0.5, 2.5]),
        reset_hint: ResetHint::Gauge,
        ..NativeHistogram::default()
    }
}

fn exponential(n: i64) -> NativeHistogram {
    (*histogram(u32::try_from(n).unwrap() + 2)).clone()
}

const FLOATS: [&str; 4] = ["gauge", "constant", "noise", "counter_total"];
/// Since format 3: one with a step, and one that is the same as another.
const MORE: [&str; 2] = ["pages", "twin_total"];
/// So many series with a sample each, which are registered at once.
const MANY: usize = 60;
/// A day, and an hour and a half of the next.
const COUNT: i64 = (DAY + HOUR + 30 * MINUTE) / STEP;

fn fill(dir: &Path) {
    let (store, _) = Store::open(options(dir), T0).unwrap();
    let help =
        Metadata { kind: "gauge".into(), unit: "ratio".into(), help: "Of the fixture.".into() };
    store.metadata_set("gauge", help);
    let many = (0..MANY).map(|one| float(series(&store, &many(one)), T0, one as f64));
    store.append_wait(many.collect()).unwrap();
    for n in 0..COUNT {
        let time = T0 + n * STEP;
        let float = |name: &&str| float(series(&store, name), time, value(name, n));
        let mut samples: Vec<Sample> = FLOATS.iter().chain(&MORE).map(float).collect();
        for (name, one) in [("custom", custom(n)), ("exponential", exponential(n))] {
            samples.push(Sample {
                series: series(&store, name),
                time,
                value: Value::Histogram(Arc::new(one)),
            });
        }
        store.maintain(time).unwrap();
        store.append_wait(samples).unwrap();
        settle(&store, time);
        // The day is merged once it is over for a while, though samples go on.
    }
    store.close();
}

fn many(one: usize) -> String {
    format!("many_of_them_and_with_a_name_that_is_long_enough_to_be_worth_it_{one}")
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

fn says(store: &Store, name: &str, all: TimeRange) {
    let found = floats(&read_in(store, name, all, 0));
    assert_eq!(found.len() as i64, COUNT, "{name}");
    for (n, (time, read)) in (0..).zip(found) {
        assert_eq!((time, read.to_bits()), (T0 + n * STEP, value(name, n).to_bits()), "{name}");
    }
}

fn says_what_it_said(store: &Store, now: i64) {
    let all = TimeRange { start: T0, end: now };
    for name in FLOATS {
        says(store, name, all);
    }
    for (name, make) in
        [("custom", custom as fn(i64) -> NativeHistogram), ("exponential", exponential)]
    {
        let found = read_in(store, name, all, 0);
        assert_eq!(found.histograms.len() as i64, COUNT, "{name}");
        for (n, read) in (0..).zip(&found.histograms) {
            assert_eq!(**read, make(n), "{name}");
        }
    }
    assert_eq!(store.metadata()["gauge"].unit, "ratio");
}

/// Opens a copy of the folder of a format, and asks it for everything.
fn opened_and_goes_on(format: &str) -> (tempfile::TempDir, i64) {
    let dir = folder();
    copy(&fixture(format), dir.path());
    let now = T0 + COUNT * STEP;
    let (store, recovery) = Store::open(options(dir.path()), now).unwrap();
    assert!(recovery.damaged.is_empty() && recovery.lost_series == 0, "{recovery:?}");
    assert!(recovery.replayed > 0 && recovery.blocks >= 3, "all kinds of file: {recovery:?}");
    says_what_it_said(&store, now);
    // Hourly values of the day, which only a block of low resolution has.
    let all = TimeRange { start: T0, end: T0 + DAY - 1 };
    drop(store);
    let options = StoreOptions { long_range_ms: 0, ..options(dir.path()) };
    let (store, _) = Store::open(options, now).unwrap();
    let hourly = floats(&read_in(&store, "counter_total", all, HOUR));
    assert!(hourly.contains(&(T0 + HOUR - 1, value("counter_total", 5))));
    let sums = Hints { step: HOUR, stretch: Stretch::Sum, ..Hints::default() };
    let found = store.select_for(&named("gauge"), all, sums).unwrap()[0].reader.read().unwrap();
    assert_eq!(found.float_weights.iter().sum::<f64>(), (DAY / STEP - 1) as f64, "one marker");
    let sum: f64 = (0..DAY / STEP).map(|n| value("gauge", n)).filter(|one| !one.is_nan()).sum();
    assert!((found.floats.iter().sum::<f64>() - sum).abs() < 1e-9);
    assert_eq!(fs::read_to_string(dir.path().join("format")).unwrap(), "vigie-store 4\n");
    drop(store);
    let (store, _) = Store::open(self::options(dir.path()), now).unwrap();
    settle(&store, now + DAY);
    says_what_it_said(&store, now);
    drop(store);
    (dir, now)
}

#[test]
fn the_folder_of_format_1_is_opened_and_goes_on() {
    opened_and_goes_on("format-1");
}

#[test]
fn the_folder_of_format_2_is_opened_and_has_sums_of_histograms() {
    let (dir, now) = opened_and_goes_on("format-2");
    let options = StoreOptions { long_range_ms: 0, ..options(dir.path()) };
    let (store, _) = Store::open(options, now).unwrap();
    let all = TimeRange { start: T0, end: T0 + DAY - 1 };
    let sums = Hints { step: HOUR, stretch: Stretch::Sum, ..Hints::default() };
    let found = store.select_for(&named("custom"), all, sums).unwrap()[0].reader.read().unwrap();
    assert_eq!(found.histogram_weights, [6.0; 24]);
    let first: f64 = (0..6).map(|n| custom(n).count).sum();
    assert_eq!(found.histograms[0].count, first);
    // A counter that fell within an hour has what it fell from.
    let counter = floats(&read_in(&store, "counter_total", all, HOUR));
    let falls = (1..DAY / STEP)
        .filter(|n| value("counter_total", *n) < value("counter_total", n - 1))
        .map(|n| value("counter_total", n - 1));
    for peak in falls {
        assert!(counter.iter().any(|one| one.1 == peak), "{peak}");
    }
}

/// Four days of hourly samples: in one block at each low resolution but for the first, which ends a span of five.
const HOURS: i64 = 4 * 24;

#[test]
fn the_folder_of_format_4_has_blocks_of_several_days() {
    let kept = fixture("format-4");
    if std::env::var_os("VIGIE_WRITE_FIXTURE").is_some() {
        assert!(!kept.join("format").exists(), "there is one already");
        fs::create_dir_all(&kept).unwrap();
        let (store, _) = Store::open(options(&kept), T0).unwrap();
        for n in 0..HOURS {
            let time = T0 + n * HOUR;
            store.maintain(time).unwrap();
            write(&store, "counter_total", &[(time, value("counter_total", n))]);
            let one = Value::Histogram(Arc::new(custom(n)));
            let sample = Sample { series: series(&store, "custom"), time, value: one };
            store.append_wait(vec![sample]).unwrap();
            settle(&store, time);
        }
        settle(&store, T0 + 4 * DAY + 3 * HOUR);
        store.close();
        fs::remove_file(kept.join("lock")).unwrap();
    }
    let dir = folder();
    copy(&kept, dir.path());
    let now = T0 + 4 * DAY + 3 * HOUR;
    let options = StoreOptions { long_range_ms: 0, ..options(dir.path()) };
    let (store, recovery) = Store::open(options, now).unwrap();
    assert!(recovery.damaged.is_empty() && recovery.lost_series == 0, "{recovery:?}");
    // As they came a block a day, two of five-minute values, one of hourly ones.
    assert_eq!(recovery.blocks, 7);
    let all = TimeRange { start: T0, end: T0 + 4 * DAY - 1 };
    let sums = Hints { step: HOUR, stretch: Stretch::Sum, ..Hints::default() };
    let of = |name: &str| store.select_for(&named(name), all, sums).unwrap()[0].reader.read();
    let ends: Vec<i64> = (1..=HOURS).map(|n| T0 + n * HOUR - 1).collect();
    let counter = of("counter_total").unwrap();
    assert_eq!((&counter.float_times, counter.coarse.unwrap().step), (&ends, HOUR));
    let values: Vec<f64> = (0..HOURS).map(|n| value("counter_total", n)).collect();
    assert_eq!(counter.floats, values);
    let custom_sums = of("custom").unwrap();
    assert_eq!(custom_sums.histogram_times, ends);
    for (n, one) in (0..).zip(&custom_sums.histograms) {
        assert_eq!((one.count, one.sum), (custom(n).count, custom(n).sum));
    }
}

#[test]
fn the_folder_of_format_3_is_opened_with_its_groups_of_series() {
    let kept = fixture("format-3");
    if std::env::var_os("VIGIE_WRITE_FIXTURE").is_some() {
        assert!(!kept.join("format").exists(), "there is one already");
        fs::create_dir_all(&kept).unwrap();
        fill(&kept);
        fs::remove_file(kept.join("lock")).unwrap();
    }
    let registry = fs::read(kept.join("registry")).unwrap();
    let plain = MANY * many(0).len();
    assert!(registry.len() < plain / 2, "{} bytes: its series are in a group", registry.len());
    let (dir, now) = opened_and_goes_on("format-3");
    let (store, _) = open(dir.path(), now);
    let all = TimeRange { start: T0, end: now };
    MORE.iter().for_each(|name| says(&store, name, all));
    for one in 0..MANY {
        assert_eq!(floats(&read(&store, &many(one))), [(T0, one as f64)]);
    }
}
