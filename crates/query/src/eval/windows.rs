//! What is computed of the samples within a window.

/// A window's samples and where it lies, in milliseconds.
pub(crate) struct Window<'a> {
    pub times: &'a [i64],
    pub values: &'a [f64],
    pub start: i64,
    pub end: i64,
    /// The step's own time, whatever the offset.
    pub now: i64,
    /// Up to two numbers that the function takes.
    pub numbers: [f64; 2],
}

/// A sum that keeps what rounding loses.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Kahan {
    sum: f64,
    lost: f64,
}

impl Kahan {
    pub fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        if sum.is_infinite() {
            self.lost = 0.0;
        } else if self.sum.abs() >= value.abs() {
            self.lost += (self.sum - sum) + value;
        } else {
            self.lost += (value - sum) + self.sum;
        }
        self.sum = sum;
    }

    pub fn total(self) -> f64 {
        self.sum + self.lost
    }
}

pub(crate) fn sum(values: &[f64]) -> f64 {
    let mut total = Kahan::default();
    values.iter().for_each(|value| total.add(*value));
    total.total()
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    sum(values) / values.len() as f64
}

pub(crate) fn variance(values: &[f64]) -> f64 {
    let (mut average, mut squares) = (0.0, 0.0);
    for (place, value) in values.iter().enumerate() {
        let delta = value - average;
        average += delta / (place as f64 + 1.0);
        squares += delta * (value - average);
    }
    squares / values.len() as f64
}

/// The quantile of values in any order, interpolated between two neighbours.
pub(crate) fn quantile(q: f64, values: &[f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    let mut sorted = values.to_vec();
    // NaN is the smallest.
    sorted.sort_by(|one, two| {
        one.partial_cmp(two).unwrap_or_else(|| two.is_nan().cmp(&one.is_nan()))
    });
    let rank = q * (sorted.len() as f64 - 1.0);
    let low = rank.floor().max(0.0) as usize;
    let high = (low + 1).min(sorted.len() - 1);
    let weight = rank - rank.floor();
    sorted[low] * (1.0 - weight) + sorted[high] * weight
}

/// `rate`, `increase` (`counter`) and `delta`, extrapolated to the window's ends.
fn extrapolated(window: &Window<'_>, counter: bool, rate: bool) -> Option<f64> {
    let (times, values) = (window.times, window.values);
    let (first, last) = (*values.first()?, *values.last()?);
    if values.len() < 2 {
        return None;
    }
    let mut result = last - first;
    if counter {
        result +=
            values.windows(2).filter(|pair| pair[1] < pair[0]).map(|pair| pair[0]).sum::<f64>();
    }
    let (first_time, last_time) = (*times.first()?, *times.last()?);
    let mut to_start = (first_time - window.start) as f64 / 1e3;
    let mut to_end = (window.end - last_time) as f64 / 1e3;
    let sampled = (last_time - first_time) as f64 / 1e3;
    let between = sampled / (values.len() as f64 - 1.0);
    let threshold = between * 1.1;
    if to_start >= threshold {
        to_start = between / 2.0;
    }
    // A counter is not extrapolated below zero.
    if counter && result > 0.0 && first >= 0.0 {
        to_start = to_start.min(sampled * (first / result));
    }
    if to_end >= threshold {
        to_end = between / 2.0;
    }
    let mut factor = (sampled + to_start + to_end) / sampled;
    if rate {
        factor /= (window.end - window.start) as f64 / 1e3;
    }
    Some(result * factor)
}

fn last_two(window: &Window<'_>, rate: bool) -> Option<f64> {
    let [.., before, last] = window.values else { return None };
    let [.., before_time, last_time] = window.times else { return None };
    if !rate {
        return Some(last - before);
    }
    let grown = if last < before { *last } else { last - before };
    (last_time > before_time).then(|| grown / ((last_time - before_time) as f64 / 1e3))
}

/// Slope per second and value at `origin`, by least squares.
fn regression(window: &Window<'_>, origin: i64) -> Option<(f64, f64)> {
    let first = *window.values.first()?;
    if window.values.len() < 2 {
        return None;
    }
    if window.values.iter().all(|value| *value == first) {
        return Some(if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) });
    }
    let [mut x, mut y, mut xy, mut xx] = [Kahan::default(); 4];
    for (time, value) in window.times.iter().zip(window.values) {
        let at = (time - origin) as f64 / 1e3;
        x.add(at);
        y.add(*value);
        xy.add(at * value);
        xx.add(at * at);
    }
    let n = window.values.len() as f64;
    let (x, y) = (x.total(), y.total());
    let slope = (xy.total() - x * y / n) / (xx.total() - x * x / n);
    Some((slope, y / n - slope * x / n))
}

fn smoothing(window: &Window<'_>) -> Option<f64> {
    let [level_factor, trend_factor] = window.numbers;
    let [first, second, ..] = window.values else { return None };
    let (mut level, mut trend) = (*first, second - first);
    for (place, value) in window.values.iter().enumerate().skip(1) {
        let before = level;
        // The first trend is the first difference itself.
        level = level_factor * value + (1.0 - level_factor) * (before + trend);
        if place + 1 < window.values.len() {
            trend = trend_factor * (level - before) + (1.0 - trend_factor) * trend;
        }
    }
    Some(level)
}

fn extreme(window: &Window<'_>, better: impl Fn(f64, f64) -> bool) -> Option<(i64, f64)> {
    let mut best = (*window.times.first()?, *window.values.first()?);
    for (time, value) in window.times.iter().zip(window.values) {
        if better(*value, best.1) || best.1.is_nan() {
            best = (*time, *value);
        }
    }
    Some(best)
}

fn seconds(time: i64) -> f64 {
    time as f64 / 1e3
}

/// One function of a window; `None` where it has no value.
pub(crate) fn compute(name: &str, window: &Window<'_>) -> Option<f64> {
    let (values, numbers) = (window.values, window.numbers);
    if values.is_empty() {
        return None;
    }
    let changed = |pair: &&[f64]| pair[0] != pair[1] && !(pair[0].is_nan() && pair[1].is_nan());
    match name {
        "rate" => extrapolated(window, true, true),
        "increase" => extrapolated(window, true, false),
        "delta" => extrapolated(window, false, false),
        "irate" => last_two(window, true),
        "idelta" => last_two(window, false),
        "deriv" => regression(window, *window.times.first()?).map(|(slope, _)| slope),
        "predict_linear" => {
            regression(window, window.now).map(|(slope, start)| slope * numbers[0] + start)
        }
        "double_exponential_smoothing" | "holt_winters" => smoothing(window),
        "resets" => Some(values.windows(2).filter(|pair| pair[1] < pair[0]).count() as f64),
        "changes" => Some(values.windows(2).filter(changed).count() as f64),
        "sum_over_time" => Some(sum(values)),
        "avg_over_time" => Some(mean(values)),
        "count_over_time" => Some(values.len() as f64),
        "present_over_time" => Some(1.0),
        "min_over_time" => extreme(window, |one, two| one < two).map(|best| best.1),
        "max_over_time" => extreme(window, |one, two| one > two).map(|best| best.1),
        "ts_of_min_over_time" => extreme(window, |one, two| one <= two).map(|best| seconds(best.0)),
        "ts_of_max_over_time" => extreme(window, |one, two| one >= two).map(|best| seconds(best.0)),
        "first_over_time" => values.first().copied(),
        "last_over_time" => values.last().copied(),
        "ts_of_first_over_time" => window.times.first().map(|time| seconds(*time)),
        "ts_of_last_over_time" => window.times.last().map(|time| seconds(*time)),
        "stdvar_over_time" => Some(variance(values)),
        "stddev_over_time" => Some(variance(values).sqrt()),
        "quantile_over_time" => Some(quantile(numbers[0], values)),
        "mad_over_time" => {
            let median = quantile(0.5, values);
            let off: Vec<f64> = values.iter().map(|value| (value - median).abs()).collect();
            Some(quantile(0.5, &off))
        }
        _ => None,
    }
}
