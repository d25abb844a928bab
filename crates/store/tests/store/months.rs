//! Two months in virtual time: merging, downsampling, retention, forgetting.

use vigie_store::{STALE_BITS, Storage, Store, StoreOptions, StoreStatus, TimeRange};

use crate::support::*;

const STEP: i64 = 5 * MINUTE;

/// Counts up, and begins anew now and then.
fn counter(n: i64) -> f64 {
    (n % 2000 * 3) as f64
}

struct Months {
    store: Store,
    now: i64,
}

impl Months {
    /// Goes on to `until`: a sample each five minutes, a series of its own each day, maintenance every half hour.
    fn run(&mut self, until: i64) {
        let counted = series(&self.store, "counter");
        let gauge = series(&self.store, "gauge");
        while self.now < until {
            let daily = series(&self.store, &format!("of_day_{}", (self.now - T0) / DAY));
            let mut samples = Vec::new();
            for time in (0..6).map(|n| self.now + n * STEP) {
                let n = (time - T0) / STEP;
                samples.push(float(counted, time, counter(n)));
                samples.push(float(gauge, time, (n % 100) as f64));
                samples.push(float(daily, time, 1.0));
            }
            self.now += 6 * STEP;
            let more = self.store.maintain(self.now).unwrap().more;
            let told = self.store.append_wait(samples).unwrap();
            assert_eq!(told.accepted, 18, "{told:?}");
            if more {
                settle(&self.store, self.now);
            }
        }
    }
}

fn files(status: &StoreStatus) -> usize {
    status.blocks
}

#[test]
fn sixty_days_of_merging_downsampling_and_retention() {
    let dir = quick_folder();
    let options = StoreOptions {
        retention_ms: 40 * DAY,
        raw_retention_ms: Some(10 * DAY),
        ..StoreOptions::new(dir.path())
    };
    let (store, _) = Store::open(options.clone(), T0).unwrap();
    let mut months = Months { store, now: T0 };
    months.run(T0 + 30 * DAY);
    // In the midst of it, a start.
    months.store.close();
    let (store, recovery) = Store::open(options, months.now).unwrap();
    assert!(recovery.damaged.is_empty() && recovery.lost_series == 0, "{recovery:?}");
    months.store = store;
    months.run(T0 + 60 * DAY);
    let (store, now) = (&months.store, months.now);
    let status = store.status();
    // 40 days at two resolutions, in blocks of five and of thirty days, ten raw ones, and today's.
    assert!((20..=40).contains(&files(&status)), "{} blocks", files(&status));
    let oldest = status.oldest.unwrap();
    // Of blocks of many days those that are too old go five at a time.
    assert!(oldest > now - 47 * DAY && oldest < now - 39 * DAY, "{oldest}");
    // Of the series of days long gone nothing is left, not even the name.
    assert!(status.series < 2 + 48, "{} series", status.series);
    assert!(Storage::series(store, &named("of_day_3"), ALL).unwrap().is_empty());
    assert_eq!(Storage::series(store, &named("of_day_40"), ALL).unwrap().len(), 1);
    // Raw samples are all there, exactly.
    let recent = read_in(store, "counter", TimeRange { start: now - 9 * DAY, end: now }, 0);
    assert_eq!(recent.len() as i64, 9 * DAY / STEP);
    for (time, value) in floats(&recent) {
        assert_eq!(value, counter((time - T0) / STEP));
    }
    // Before that, the last value of each five minutes, at its last millisecond.
    let before =
        read_in(store, "counter", TimeRange { start: now - 30 * DAY, end: now - 20 * DAY }, 0);
    assert_eq!(before.len() as i64, 10 * DAY / STEP);
    for (time, value) in floats(&before) {
        assert_eq!(time % STEP, STEP - 1);
        assert_eq!(value, counter((time - T0) / STEP));
    }
    // A long range with a large step is answered hourly, each value repeated until the next.
    let hourly =
        read_in(store, "gauge", TimeRange { start: now - 30 * DAY, end: now - 20 * DAY }, HOUR);
    let all = floats(&hourly);
    // Of the hour before the range there are eleven repetitions in it, of its last hour one. The samples around the falls,
    // one each hundred, are there besides, and each day's first.
    let falls = 10 * DAY / STEP / 100;
    let more = all.len() as i64 - 10 * DAY / STEP;
    assert!((falls..=2 * (falls + 10)).contains(&more), "{more}");
    let changes = all.windows(2).filter(|pair| pair[0].1 != pair[1].1).count() as i64;
    assert!((230..=240 + 2 * falls + 10).contains(&changes), "{changes}");
    let fallen = all.windows(2).filter(|pair| pair[1].1 < pair[0].1);
    assert!(fallen.clone().all(|pair| (pair[0].1, pair[1].1) == (99.0, 0.0)), "around each fall");
    assert!((falls - 1..=falls + 1).contains(&(fallen.count() as i64)));
    a_counter_lost_nothing(store, now);
    assert_eq!(dir.path().join("blocks").read_dir().unwrap().count(), files(&status));
}

/// What a counter went up by between two lasts, over resets and the edges of days, is what all samples say.
fn a_counter_lost_nothing(store: &Store, now: i64) {
    let (start, end) = (now - 30 * DAY, now - 12 * DAY);
    for step in [0, HOUR] {
        let found = floats(&read_in(store, "counter", TimeRange { start, end }, step));
        let (first, last) = (found.first().unwrap().0, found.last().unwrap().0);
        let raw: Vec<f64> = ((first - T0) / STEP..=(last - T0) / STEP).map(counter).collect();
        let up = |before: f64, after: f64| if after < before { after } else { after - before };
        let low: f64 = found.windows(2).map(|pair| up(pair[0].1, pair[1].1)).sum();
        let all: f64 = raw.windows(2).map(|pair| up(pair[0], pair[1])).sum();
        // The last value may be a repetition, at most an hour old, and so may the first.
        let hour = 3.0 * (step / STEP) as f64;
        assert!((low - all).abs() <= hour, "{low}, not {all}, by {step}");
    }
}

#[test]
fn the_oldest_go_when_all_take_too_much() {
    let dir = quick_folder();
    let options = StoreOptions { retention_bytes: Some(60_000), ..StoreOptions::new(dir.path()) };
    let (store, _) = Store::open(options, T0).unwrap();
    let handle = series(&store, "noise");
    for n in 0..600i64 {
        let now = T0 + n * 10 * MINUTE;
        let noise = |k: i64| {
            let mixed = (n * 100 + k).cast_unsigned().wrapping_mul(0x9E37_79B9_7F4A_7C15);
            f64::from_bits((mixed ^ mixed >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 2)
        };
        let samples = (0..40).map(|k| float(handle, now + k * 10 * SECOND, noise(k))).collect();
        store.append_wait(samples).unwrap();
        settle(&store, now + 7 * MINUTE);
    }
    let status = store.status();
    assert!(status.block_bytes + status.wal_bytes <= 60_000 + 30_000, "{status:?}");
    assert!(status.oldest.unwrap() > T0 + DAY, "the oldest went: {status:?}");
    assert!(status.newest.unwrap() > T0 + 599 * 10 * MINUTE, "the newest stayed");
}

#[test]
fn a_marker_ends_a_series_at_low_resolution_too() {
    let dir = quick_folder();
    let options = StoreOptions { raw_retention_ms: Some(2 * DAY), ..StoreOptions::new(dir.path()) };
    let (store, _) = Store::open(options, T0).unwrap();
    write(&store, "a", &[(T0, 1.0), (T0 + MINUTE, f64::from_bits(STALE_BITS))]);
    settle(&store, T0 + 8 * MINUTE);
    let later = T0 + 4 * DAY;
    store.maintain(later).unwrap();
    write(&store, "b", &[(later, 1.0)]);
    settle(&store, later + HOUR);
    settle(&store, later + HOUR);
    let found = read(&store, "a");
    assert_eq!(found.float_times, [T0 + 5 * MINUTE - 1]);
    assert!(vigie_store::is_stale(found.floats[0]));
}

#[test]
fn a_clock_that_is_wrong_by_years_removes_nothing() {
    let dir = folder();
    let (store, _) = open(dir.path(), T0);
    write(&store, "a", &[(T0, 1.0)]);
    settle(&store, T0 + HOUR);
    settle(&store, T0 + 3000 * DAY);
    assert_eq!(floats(&read(&store, "a")), [(T0, 1.0)]);
}
