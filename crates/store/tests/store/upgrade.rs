//! Data folders that released formats left behind are opened, and say what they said then.
//!
//! `VIGIE_WRITE_FIXTURE=1` writes the one of today's format anew, into an empty folder; an old format's is never touched.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vigie_model::{CUSTOM_SCHEMA, NativeHistogram, ResetHint};
use vigie_store::{Metadata, STALE_BITS, Sample, Store, StoreOptions, TimeRange, Value};

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
/// A day, and an hour and a half of the next.
const COUNT: i64 = (DAY + HOUR + 30 * MINUTE) / STEP;

fn fill(dir: &Path) {
    let (store, _) = Store::open(options(dir), T0).unwrap();
    let help =
        Metadata { kind: "gauge".into(), unit: "ratio".into(), help: "Of the fixture.".into() };
    store.metadata_set("gauge", help);
    for n in 0..COUNT {
        let time = T0 + n * STEP;
        let float = |name: &&str| float(series(&store, name), time, value(name, n));
        let mut samples: Vec<Sample> = FLOATS.iter().map(float).collect();
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

fn says_what_it_said(store: &Store, now: i64) {
    let all = TimeRange { start: T0, end: now };
    for name in FLOATS {
        let found = floats(&read_in(store, name, all, 0));
        assert_eq!(found.len() as i64, COUNT, "{name}");
        for (n, (time, read)) in (0..).zip(found) {
            assert_eq!((time, read.to_bits()), (T0 + n * STEP, value(name, n).to_bits()), "{name}");
        }
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

#[test]
fn the_folder_of_format_1_is_opened_and_goes_on() {
    let kept = fixture("format-1");
    if std::env::var_os("VIGIE_WRITE_FIXTURE").is_some() {
        assert!(!kept.join("format").exists(), "there is one already");
        fill(&kept);
        fs::remove_file(kept.join("lock")).unwrap();
    }
    let dir = folder();
    copy(&kept, dir.path());
    let now = T0 + COUNT * STEP;
    let (store, recovery) = Store::open(options(dir.path()), now).unwrap();
    assert!(recovery.damaged.is_empty() && recovery.lost_series == 0, "{recovery:?}");
    assert!(recovery.replayed > 0 && recovery.blocks >= 3, "all kinds of file: {recovery:?}");
    says_what_it_said(&store, now);
    settle(&store, now + DAY);
    says_what_it_said(&store, now);
    // Hourly values of the day, which only a block of low resolution has.
    let options = StoreOptions { long_range_ms: 0, ..options(dir.path()) };
    drop(store);
    let (store, _) = Store::open(options, now).unwrap();
    let hourly =
        floats(&read_in(&store, "counter_total", TimeRange { start: T0, end: T0 + DAY - 1 }, HOUR));
    assert_eq!(hourly.first(), Some(&(T0 + HOUR - 1, value("counter_total", 5))));
}
