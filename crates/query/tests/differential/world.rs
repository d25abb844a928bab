//! Series made by chance: counters with resets, gauges, classic and native histograms, gaps, staleness, infinities.

use std::sync::Arc;

use vigie_model::{CUSTOM_SCHEMA, Labels, NativeHistogram, ResetHint};
use vigie_store::{STALE_BITS, Samples};

use crate::chance::Chance;
use crate::outcome::Dialect;
use crate::support::MemoryStorage;

pub const COUNTERS: [&str; 2] = ["requests_total", "errors_total"];
pub const GAUGES: [&str; 3] = ["depth", "temperature", "up"];
/// Counters as histograms; the first exists as a classic histogram too.
pub const HISTOGRAMS: [&str; 3] = ["latency_seconds", "run_seconds", "wait_seconds"];
pub const GAUGE_HISTOGRAM: &str = "size_bytes";
pub const CUSTOM_HISTOGRAM: &str = "custom_seconds";
/// Floats and histograms in one series.
pub const MIXED: &str = "mixed";
pub const CLASSIC: &str = "latency_seconds";
pub const INFOS: [&str; 2] = ["target_info", "build_info"];
/// A name, and a label's, that need quotes.
pub const DOTTED: &str = "http.requests";
pub const DOTTED_LABEL: &str = "service.name";

pub const JOBS: [&str; 3] = ["api", "db", "web"];
pub const INSTANCES: [&str; 3] = ["a:1", "b:2", "c:3"];
pub const CODES: [&str; 3] = ["200", "404", "500"];
const BOUNDS: [&str; 6] = ["0.1", "0.5", "1", "2.5", "10", "+Inf"];

/// Series, and when they are.
#[derive(Debug, Clone)]
pub struct World {
    pub dialect: Dialect,
    pub storage: MemoryStorage,
    pub start: i64,
    pub end: i64,
    /// Milliseconds between samples.
    pub interval: i64,
}

/// A time, and whether the series ends there for now.
type Moment = (i64, bool);

impl World {
    /// Some 60 to 100 series over 20 to 60 minutes.
    pub fn new(chance: &mut Chance, dialect: Dialect) -> Self {
        let interval = chance.one(&[10_000, 15_000, 30_000, 60_000]);
        let start = chance.one(&[0, 0, 1_700_000_000_000]);
        let end = start + chance.between(20, 60) * 60_000;
        let mut world = Self { dialect, storage: MemoryStorage::default(), start, end, interval };
        world.floats(chance);
        world.classic(chance);
        if dialect == Dialect::Three {
            world.natives(chance);
            world.mixed(chance);
            world.dotted(chance);
        }
        world
    }

    fn floats(&mut self, chance: &mut Chance) {
        for name in COUNTERS.into_iter().chain(GAUGES) {
            let counter = name.ends_with("_total");
            for labels in self.places(chance, name, true) {
                let moments = self.moments(chance);
                let values = if counter {
                    counted(chance, moments.len())
                } else {
                    walked(chance, moments.len())
                };
                self.put(&labels, &moments, &values);
            }
        }
        for name in INFOS {
            for labels in self.places(chance, name, false) {
                let version = chance.one(&["1.0", "1.1", "2.0"]);
                let labels = with(&labels, &[("version", version), ("data", "x y")]);
                let moments = self.moments(chance);
                self.put(&labels, &moments, &vec![1.0; moments.len()]);
            }
        }
    }

    fn classic(&mut self, chance: &mut Chance) {
        for labels in self.places(chance, CLASSIC, false) {
            let moments = self.moments(chance);
            let mut below = vec![0.0; moments.len()];
            let mut sum = vec![0.0; moments.len()];
            for bound in BOUNDS {
                let more = counted(chance, moments.len());
                let weight = chance.unit() * 3.0;
                for (place, more) in more.into_iter().enumerate() {
                    below[place] += more.max(0.0);
                    sum[place] += more.abs() * weight;
                }
                // Now and then a bucket is missing, or its bound is written otherwise.
                if chance.percent(95) {
                    let bound = if bound == "1" && chance.percent(30) { "1.0" } else { bound };
                    self.put(&classic(&labels, "_bucket", bound), &moments, &below);
                }
            }
            self.put(&classic(&labels, "_sum", ""), &moments, &sum);
            self.put(&classic(&labels, "_count", ""), &moments, &below);
        }
    }

    fn natives(&mut self, chance: &mut Chance) {
        let names = HISTOGRAMS.into_iter().chain([GAUGE_HISTOGRAM, CUSTOM_HISTOGRAM]);
        for name in names {
            for labels in self.places(chance, name, false) {
                let moments = self.moments(chance);
                let histograms = observed(chance, moments.len(), name);
                for ((time, stale), histogram) in moments.into_iter().zip(histograms) {
                    if stale {
                        self.storage.float(&labels, time, f64::from_bits(STALE_BITS));
                    } else {
                        self.storage.histogram(&labels, time, histogram);
                    }
                }
            }
        }
    }

    fn mixed(&mut self, chance: &mut Chance) {
        for labels in self.places(chance, MIXED, false) {
            let moments = self.moments(chance);
            let floats = counted(chance, moments.len());
            let histograms = observed(chance, moments.len(), MIXED);
            let mut histogram_now = chance.percent(50);
            for (place, (time, stale)) in moments.into_iter().enumerate() {
                if chance.percent(10) {
                    histogram_now = !histogram_now;
                }
                if histogram_now && !stale {
                    self.storage.histogram(&labels, time, histograms[place].clone());
                } else {
                    let value = if stale { f64::from_bits(STALE_BITS) } else { floats[place] };
                    self.storage.float(&labels, time, value);
                }
            }
        }
    }

    fn dotted(&mut self, chance: &mut Chance) {
        for (service, odd) in [("höhe", "x"), ("mail \"queue\"", "back\\slash"), ("日本", "")] {
            let pairs = [("__name__", DOTTED), (DOTTED_LABEL, service), ("odd", odd)];
            let moments = self.moments(chance);
            let values = counted(chance, moments.len());
            self.put(&Labels::from_pairs(pairs), &moments, &values);
        }
    }

    fn put(&mut self, labels: &Labels, moments: &[Moment], values: &[f64]) {
        for ((time, stale), value) in moments.iter().zip(values) {
            let value = if *stale { f64::from_bits(STALE_BITS) } else { *value };
            self.storage.float(labels, *time, value);
        }
    }

    /// Label sets of one metric.
    fn places(&self, chance: &mut Chance, name: &str, code: bool) -> Vec<Labels> {
        let mut all = Vec::new();
        for job in JOBS {
            for instance in INSTANCES {
                if !chance.percent(if code { 60 } else { 50 }) {
                    continue;
                }
                let pairs = [("__name__", name), ("job", job), ("instance", instance)];
                let labels = Labels::from_pairs(pairs);
                if code && name != "up" {
                    let codes = chance.some(&CODES, 50);
                    all.extend(codes.into_iter().map(|code| with(&labels, &[("code", code)])));
                } else {
                    all.push(labels);
                }
            }
        }
        all
    }

    /// When a series has samples.
    fn moments(&self, chance: &mut Chance) -> Vec<Moment> {
        let jitter = if chance.percent(30) { chance.between(1, self.interval / 3) } else { 0 };
        let gap = chance.percent(35).then(|| {
            let from = chance.between(self.start, self.end);
            (from, from + chance.between(self.interval, 12 * 60_000), chance.percent(60))
        });
        let first =
            if chance.percent(12) { chance.between(self.start, self.end) } else { self.start };
        let last = if chance.percent(12) { chance.between(first, self.end) } else { self.end };
        let mut all: Vec<Moment> = Vec::new();
        let mut grid = self.start;
        while grid <= self.end {
            let mut time = grid + if jitter > 0 { chance.between(0, jitter) } else { 0 };
            if self.dialect == Dialect::Two && time % 1_000 == 0 {
                time += chance.between(1, 400);
            }
            grid += self.interval;
            let within = gap.filter(|(from, to, _)| (*from..*to).contains(&time));
            match within {
                _ if time < first || time > last || chance.percent(1) => {}
                None => all.push((time, false)),
                Some((_, _, marked)) => {
                    if marked && all.last().is_some_and(|(_, stale)| !stale) {
                        all.push((time, true));
                    }
                }
            }
        }
        all
    }

    /// How many samples there are.
    pub fn samples(&self) -> usize {
        self.storage.0.values().map(Samples::len).sum()
    }
}

fn with(labels: &Labels, more: &[(&str, &str)]) -> Labels {
    let own = labels.iter().map(|one| (&*one.name, &*one.value));
    Labels::from_pairs(own.chain(more.iter().copied()))
}

fn classic(labels: &Labels, ending: &str, bound: &str) -> Labels {
    with(labels, &[("__name__", &format!("{CLASSIC}{ending}")), ("le", bound)])
}

/// A counter's values, with resets.
fn counted(chance: &mut Chance, length: usize) -> Vec<f64> {
    let resets = chance.one(&[0, 0, 3, 10]);
    let whole = chance.percent(60);
    let rate = chance.one(&[0.0, 1.0, 10.0, 1_000.0]);
    let mut value = if chance.percent(50) { 0.0 } else { (chance.unit() * 1_000.0).round() };
    let mut all = Vec::with_capacity(length);
    for _ in 0..length {
        let more = chance.unit() * rate;
        value += if whole { more.round() } else { more };
        if chance.percent(resets) {
            value = if chance.percent(50) { 0.0 } else { (chance.unit() * rate).round() };
        }
        all.push(value);
    }
    all
}

/// A gauge's values; now and then what is not finite.
fn walked(chance: &mut Chance, length: usize) -> Vec<f64> {
    let special = chance.one(&[0, 0, 0, 5]);
    let width = chance.one(&[0.0, 0.1, 3.0, 1e6]);
    let mut value = (chance.unit() - 0.3) * width;
    let mut all = Vec::with_capacity(length);
    for _ in 0..length {
        value += (chance.unit() - 0.5) * width;
        all.push(if chance.percent(special) {
            chance.one(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, 1e300, 1e-300])
        } else {
            // Few digits, so that values can be equal.
            (value * 100.0).round() / 100.0
        });
    }
    all
}

/// Native histograms that follow each other.
fn observed(chance: &mut Chance, length: usize, name: &str) -> Vec<NativeHistogram> {
    let gauge = name == GAUGE_HISTOGRAM;
    let custom = name == CUSTOM_HISTOGRAM || (name == MIXED && chance.percent(20));
    let hinted = chance.percent(30);
    let mut now = started(chance, custom);
    let mut all = Vec::with_capacity(length);
    for place in 0..length {
        let reset = !gauge && chance.percent(3);
        if reset || gauge {
            // A new one may have another resolution.
            let fresh = started(chance, custom);
            now = if chance.percent(30) { fresh } else { emptied(&now) };
        }
        observe(chance, &mut now);
        now.reset_hint = match (gauge, hinted && place > 0) {
            (true, _) => ResetHint::Gauge,
            (false, false) => ResetHint::Unknown,
            (false, true) if reset => ResetHint::Reset,
            (false, true) => ResetHint::NoReset,
        };
        all.push(now.clone());
    }
    all
}

fn started(chance: &mut Chance, custom: bool) -> NativeHistogram {
    if custom {
        let all: [&[f64]; 3] = [&[0.1, 1.0, 5.0], &[0.1, 0.5, 1.0, 5.0, 10.0], &[-1.0, 0.0, 2.0]];
        let bounds: Arc<[f64]> = (chance.one(&all)).into();
        return NativeHistogram {
            schema: CUSTOM_SCHEMA,
            custom_bounds: bounds,
            ..Default::default()
        };
    }
    NativeHistogram {
        schema: chance.one(&[-1, 0, 0, 1, 2, 3]),
        zero_threshold: chance.one(&[0.0, 1e-128, 0.001, 0.001, 0.5]),
        ..Default::default()
    }
}

fn emptied(of: &NativeHistogram) -> NativeHistogram {
    NativeHistogram {
        schema: of.schema,
        zero_threshold: of.zero_threshold,
        custom_bounds: Arc::clone(&of.custom_bounds),
        ..Default::default()
    }
}

/// Adds observations.
fn observe(chance: &mut Chance, into: &mut NativeHistogram) {
    let custom = into.schema == CUSTOM_SCHEMA;
    let negative = !custom && chance.percent(20);
    for _ in 0..chance.below(4) {
        let count = chance.between(1, 9) as f64;
        let (index, value) = if custom {
            let index = chance.below(into.custom_bounds.len() + 1) as i32;
            (index, into.custom_bounds.get(index as usize).copied().unwrap_or(20.0))
        } else {
            // Above the widest zero bucket, so that no bucket lies within it.
            let index = chance.between(1, 1 << (into.schema.max(0) + 2)) as i32;
            (index, 2_f64.powf(f64::from(index) * 2_f64.powi(-i32::from(into.schema))))
        };
        let sign = if negative { -1.0 } else { 1.0 };
        add(if negative { &mut into.negative } else { &mut into.positive }, index, count);
        into.count += count;
        into.sum += count * value * sign * (0.6 + 0.4 * chance.unit());
    }
    if !custom && chance.percent(30) {
        into.zero_count += 1.0;
        into.count += 1.0;
    }
    // An observation of NaN is counted, and in no bucket.
    if chance.percent(1) && chance.percent(20) {
        into.count += 1.0;
        into.sum = f64::NAN;
    }
}

fn add(buckets: &mut Vec<(i32, f64)>, index: i32, count: f64) {
    match buckets.binary_search_by_key(&index, |(index, _)| *index) {
        Ok(place) => buckets[place].1 += count,
        Err(place) => buckets.insert(place, (index, count)),
    }
}
