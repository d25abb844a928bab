//! What is asked of days of which only five-minute and hourly values are left is answered as if all samples were there, for
//! windows that are whole stretches.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::sync::Arc;

use proptest::prelude::*;
use support::MemoryStorage;
use vigie_model::{Labels, NativeHistogram, ResetHint};
use vigie_query::{Control, Engine, QueryValue, RangeSeries};
use vigie_store::{STALE_BITS, Sample, Storage, Store, StoreOptions, Value};

/// 2026-11-22T00:00:00Z.
const T0: i64 = 1_795_305_600_000;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Two days of which little is left, and one that is whole.
const DAYS: i64 = 3;

fn named(name: &str) -> Labels {
    Labels::from_pairs([("__name__", name)])
}

fn histogram(count: f64, reset_hint: ResetHint) -> NativeHistogram {
    NativeHistogram {
        schema: 1,
        count: 3.0 * count,
        sum: 2.5 * count,
        positive: vec![(0, count), (3, 2.0 * count)],
        reset_hint,
        ..NativeHistogram::default()
    }
}

/// The same samples twice: all of them, and in a store that has thrown away most.
struct Both {
    raw: MemoryStorage,
    store: Store,
    _folder: tempfile::TempDir,
}

/// A step of time: seconds to the next sample, what the gauge is, by how much the counter grows, and one chance in many.
type Step = (i64, i32, u32, u32);

impl Both {
    fn new(steps: &[Step], long_range_ms: i64) -> Self {
        Self::keeping(steps, long_range_ms, Some(DAY))
    }

    fn keeping(steps: &[Step], long_range_ms: i64, raw_retention_ms: Option<i64>) -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let options = StoreOptions {
            raw_retention_ms,
            downsample_after_ms: Some(0),
            long_range_ms,
            ..StoreOptions::new(folder.path())
        };
        let (store, _) = Store::open(options, T0).unwrap();
        let mut both = Self { raw: MemoryStorage::default(), store, _folder: folder };
        both.fill(steps);
        both
    }

    fn fill(&mut self, steps: &[Step]) {
        // No sample is at the very edge of a stretch, where windows, open at their left, and stretches part it otherwise.
        let mut time = T0 + 500;
        let (mut counter, mut pending, mut next) = (0.0, Vec::new(), T0 + 30 * MINUTE);
        let mut repeated = steps.iter().cycle();
        while time < T0 + DAYS * DAY {
            if time >= next {
                self.append(&mut pending, next);
                next += 30 * MINUTE;
            }
            let (gap, gauge, more, chance) = *repeated.next().unwrap();
            counter = if chance == 0 { f64::from(more) } else { counter + f64::from(more) };
            let stale = chance == 1;
            let gauge = if stale { f64::from_bits(STALE_BITS) } else { f64::from(gauge) / 8.0 };
            pending.push((named("gauge"), time, Value::Float(gauge)));
            pending.push((named("jobs_total"), time, Value::Float(counter)));
            let sizes = histogram(f64::from(more), ResetHint::Gauge);
            pending.push((named("sizes"), time, Value::Histogram(Arc::new(sizes))));
            let run = histogram(counter, ResetHint::Unknown);
            pending.push((named("run"), time, Value::Histogram(Arc::new(run))));
            time += gap * 1000;
        }
        self.append(&mut pending, next);
        let now = T0 + DAYS * DAY + 2 * HOUR;
        while self.store.maintain(now).unwrap().more {}
    }

    fn append(&mut self, pending: &mut Vec<(Labels, i64, Value)>, now: i64) {
        let mut samples = Vec::new();
        for (labels, time, value) in pending.drain(..) {
            match &value {
                Value::Float(value) => self.raw.float(&labels, time, *value),
                Value::Histogram(value) => self.raw.histogram(&labels, time, (**value).clone()),
            }
            samples.push(Sample { series: self.store.series(&labels).unwrap(), time, value });
        }
        self.store.maintain(now).unwrap();
        let count = samples.len();
        assert_eq!(self.store.append_wait(samples).unwrap().accepted, count);
        while self.store.maintain(now).unwrap().more {}
    }

    fn ask(&self, query: &str, grid: (i64, i64, i64)) -> [Vec<RangeSeries>; 2] {
        let answer = |storage: &dyn Storage| {
            let answer = Engine::default().range(storage, query, grid, &Control::default());
            let QueryValue::Matrix(matrix) = answer.unwrap().value else { panic!("{query}") };
            matrix
        };
        [answer(&self.raw), answer(&self.store)]
    }

    /// Asserts that both answer the same, and something.
    fn same(&self, query: &str, grid: (i64, i64, i64)) {
        let [raw, low] = self.ask(query, grid);
        let floats: usize = raw.iter().map(|one| one.floats.len() + one.histograms.len()).sum();
        assert!(floats > 1, "{query} answers nothing");
        assert_eq!(raw.len(), low.len(), "{query}");
        for (raw, low) in raw.iter().zip(&low) {
            assert_eq!((&raw.labels, raw.floats.len()), (&low.labels, low.floats.len()), "{query}");
            for ((time, raw), (other, low)) in raw.floats.iter().zip(&low.floats) {
                let near = (raw - low).abs() <= 1e-9 * raw.abs().max(1.0)
                    || (raw.is_nan() && low.is_nan());
                assert!(time == other && near, "{query} at {time}: {low}, not {raw}");
            }
        }
    }
}

const QUERIES: [&str; 12] = [
    "min_over_time(gauge[W])",
    "max_over_time(gauge[W])",
    "sum_over_time(gauge[W])",
    "count_over_time(gauge[W])",
    "avg_over_time(gauge[W])",
    "max_over_time(gauge[W] offset W)",
    "avg_over_time(gauge[W]) - max_over_time(gauge[W])",
    "count_over_time(sizes[W])",
    "histogram_count(sum_over_time(sizes[W]))",
    "histogram_sum(avg_over_time(sizes[W]))",
    "histogram_quantile(0.7, sum_over_time(sizes[W]))",
    "max_over_time(jobs_total[W])",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn whole_stretches_are_answered_exactly(
        steps in prop::collection::vec((15i64..110, -99i32..99, 0u32..9, 0u32..60), 40..200),
        hourly: bool,
    ) {
        // Two days, and from them into the day that is whole.
        let both = Both::new(&steps, if hourly { 0 } else { 100 * DAY });
        let windows = if hourly {
            // Hourly values of windows of one hour, and of four.
            vec![("1h", HOUR), ("4h", 2 * HOUR), ("6h", HOUR)]
        } else {
            vec![("5m", 5 * MINUTE), ("10m", 5 * MINUTE), ("1h", 15 * MINUTE), ("1d", HOUR)]
        };
        for (window, step) in windows {
            let grid = (T0 + DAY, T0 + 2 * DAY + 6 * HOUR, step);
            for query in QUERIES {
                both.same(&query.replace('W', window), grid);
            }
        }
        // Windows that end with the last millisecond of a stretch.
        both.same("sum_over_time(gauge[8h])", (T0 + DAY - 1, T0 + 2 * DAY + HOUR, 4 * HOUR));
    }

    #[test]
    fn counters_lose_nothing_at_resets(
        steps in prop::collection::vec((15i64..110, 0i32..9, 0u32..40, 0u32..150), 200..400),
        hourly: bool,
    ) {
        let both = Both::new(&steps, if hourly { 0 } else { 100 * DAY });
        let (window, step) = if hourly { ("20h", 5 * HOUR) } else { ("4h", HOUR) };
        let grid = (T0 + 20 * HOUR, T0 + 2 * DAY + 3 * HOUR, step);
        for (query, anchored) in [
            ("increase(jobs_total[W])", "increase(jobs_total[W] anchored)"),
            ("rate(jobs_total[W])", "rate(jobs_total[W] anchored)"),
            ("histogram_count(increase(run[W])) / 3", "increase(jobs_total[W] anchored)"),
        ] {
            let (query, anchored) = (query.replace('W', window), anchored.replace('W', window));
            let ([_, low], [raw, _]) = (both.ask(&query, grid), both.ask(&anchored, grid));
            assert_eq!(raw[0].floats.len(), low[0].floats.len(), "{query}");
            for ((time, raw), (other, low)) in raw[0].floats.iter().zip(&low[0].floats) {
                // In the day that is whole, windows begin with their first sample, and are extrapolated.
                let (whole, most) = (*time > T0 + 2 * DAY, 2.0 * 110.0 * 40.0 / 15.0);
                let near = if whole { most } else { 1e-9 * raw.abs().max(1.0) };
                assert_eq!(time, other);
                assert!((raw - low).abs() <= near, "{query} at {time}: {low}, not {raw}");
            }
        }
        // Of resets none is lost but those of a window's first stretch.
        let [raw, low] = both.ask(&format!("resets(jobs_total[{window}])"), grid);
        let sum = |all: &[RangeSeries]| all[0].floats.iter().map(|one| one.1).sum::<f64>();
        assert!(sum(&raw) >= sum(&low) && sum(&raw) - sum(&low) <= sum(&raw) * 0.2 + 6.0);
    }
}

#[test]
fn a_spike_is_seen_in_a_chart_of_a_month() {
    let mut steps: Vec<Step> = vec![(30, 8, 1, 9); 1440];
    steps[700].1 = 8_000;
    let both = Both::new(&steps, 0);
    let grid = (T0 + HOUR, T0 + 2 * DAY, HOUR);
    let most = |query: &str| {
        let [raw, low] = both.ask(query, grid);
        let most = |all: &[RangeSeries]| all[0].floats.iter().map(|one| one.1).fold(0.0, f64::max);
        (most(&raw), most(&low))
    };
    assert_eq!(most("max_over_time(gauge[1h])"), (1000.0, 1000.0));
    // An instant selector sees what is last.
    assert_eq!(most("gauge").1, 1.0);
    // Of each hour one value was read.
    let query = "max_over_time(gauge[1h])";
    let answer = Engine::default().range(&both.store, query, grid, &Control::default()).unwrap();
    assert_eq!(answer.stats.samples_read, 48);
}

#[test]
fn at_whole_hours_a_selector_reads_one_value_an_hour() {
    let both = Both::new(&vec![(30, 8, 2, 9); 100], 0);
    let ask = |grid| Engine::default().range(&both.store, "jobs_total", grid, &Control::default());
    let hours = (T0 + 4 * HOUR, T0 + 2 * DAY, HOUR);
    both.same("jobs_total", hours);
    let read = ask(hours).unwrap().stats.samples_read;
    assert!((44..=48).contains(&read), "{read} of {} hours", 2 * 24 - 4);
    // At other times of five-minute values one that is fresh enough.
    let within = (T0 + 4 * HOUR + 10 * MINUTE, T0 + 2 * DAY, HOUR);
    both.same("jobs_total", within);
    assert!(ask(within).unwrap().stats.samples_read > 500);
}

#[test]
fn between_the_steps_of_a_chart_nothing_is_read() {
    // Every ten seconds, of which nothing is gone: six chunks a day.
    let both = Both::keeping(&vec![(10, 8, 2, 9); 100], 100 * DAY, None);
    let grid = (T0 + HOUR, T0 + 3 * DAY - HOUR, 12 * HOUR);
    for query in [
        "gauge",
        "gauge offset 1h",
        "gauge smoothed",
        "rate(jobs_total[5m])",
        "max_over_time(gauge[10m])",
        "last_over_time(gauge[10m])",
        "histogram_count(run)",
    ] {
        both.same(query, grid);
        let answer = Engine::default().range(&both.store, query, grid, &Control::default());
        let read = answer.unwrap().stats.samples_read;
        assert!(read * 2 < (DAYS * DAY / 10_000) as u64, "{query} reads {read}");
    }
}

/// What a query says beside its answer: warnings and infos.
fn said(both: &Both, query: &str, grid: (i64, i64, i64)) -> (Vec<String>, Vec<String>) {
    let answer = Engine::default().range(&both.store, query, grid, &Control::default()).unwrap();
    (answer.annotations.warnings, answer.annotations.infos)
}

/// Functions that stretches are not enough for.
const NEED_ALL: [&str; 14] = [
    "quantile_over_time(0.9, gauge[2h])",
    "stddev_over_time(gauge[2h])",
    "stdvar_over_time(gauge[2h])",
    "mad_over_time(gauge[2h])",
    "first_over_time(gauge[2h])",
    "ts_of_first_over_time(gauge[2h])",
    "ts_of_last_over_time(gauge[2h])",
    "ts_of_max_over_time(gauge[2h])",
    "changes(gauge[2h])",
    "resets(jobs_total[2h])",
    "deriv(gauge[2h])",
    "predict_linear(gauge[2h], 60)",
    "irate(jobs_total[2h])",
    "timestamp(gauge)",
];

#[test]
fn what_needs_every_sample_reads_it_or_says_that_it_is_gone() {
    let steps: Vec<Step> = (0..500).map(|n| (30, (n * 37 % 100) as i32, n % 7, 9)).collect();
    let grid = (T0 + 4 * HOUR, T0 + 2 * DAY, HOUR);
    // Nothing is gone, but for long ranges stretches would do.
    let whole = Both::keeping(&steps, 0, None);
    let left = Both::new(&steps, 0);
    for query in NEED_ALL {
        whole.same(query, grid);
        let (warnings, infos) = said(&whole, query, grid);
        assert_eq!((warnings.len(), infos.len()), (0, 0), "{query}: {warnings:?} {infos:?}");
        let name = query.split('(').next().unwrap();
        let (warnings, _) = said(&left, query, grid);
        let expected =
            format!("PromQL warning: {name}() needs every sample and is approximate: of ");
        assert!(warnings.len() == 1 && warnings[0].starts_with(&expected), "{query}: {warnings:?}");
        assert!(
            warnings[0].contains("one value for each 5m is left until 2026-11-"),
            "{warnings:?}"
        );
        // The day of which all is there has nothing to say.
        let grid = (T0 + 2 * DAY + 3 * HOUR, T0 + 3 * DAY - HOUR, HOUR);
        assert_eq!(said(&left, query, grid), (vec![], vec![]), "{query}");
    }
    let (warnings, _) = said(&left, "count_over_time(run[1h])", grid);
    assert!(warnings[0].contains("count_over_time() counts what is left"), "{warnings:?}");
}

#[test]
fn times_within_stretches_are_named_and_counters_grow_on_lines_there() {
    // A counter that grows by 2 each half a minute.
    let both = Both::new(&vec![(30, 8, 2, 9); 100], 0);
    let whole = (T0 + 4 * HOUR, T0 + DAY, HOUR);
    for query in ["gauge", "last_over_time(gauge[1h])", "increase(jobs_total[1h])", QUERIES[5]] {
        let query = query.replace('W', "1h");
        assert_eq!(said(&both, &query, whole), (vec![], vec![]), "{query}");
    }
    let within = (T0 + 4 * HOUR, T0 + DAY, 7 * MINUTE);
    for query in ["gauge", "max_over_time(gauge[1h])", "rate(jobs_total[1h])"] {
        let (warnings, infos) = said(&both, query, within);
        assert_eq!((warnings.len(), infos.len()), (0, 1), "{query}");
        let expected = "PromQL info: times that are no multiples of 5m are approximate: of ";
        assert!(infos[0].starts_with(expected), "{infos:?}");
    }
    // A window shorter than a stretch.
    let [_, low] = both.ask("increase(jobs_total[1m])", within);
    assert_eq!(low[0].floats.len(), 172);
    for (time, value) in &low[0].floats {
        assert!((value - 4.0).abs() < 0.5, "{value} at {time}");
    }
}
