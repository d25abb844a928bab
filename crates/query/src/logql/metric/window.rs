//! What is made of the samples within a window of time.

use crate::logql::ast::RangeOp;

/// Samples that were taken together, by what can be made of them: windows are made of such parts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Part {
    count: f64,
    sum: f64,
    min: f64,
    max: f64,
    first: f64,
    last: f64,
}

impl Part {
    pub(super) fn of(value: f64) -> Self {
        Self { count: 1.0, sum: value, min: value, max: value, first: value, last: value }
    }

    /// So many lines.
    pub(super) fn ones(count: usize) -> Self {
        Self { count: count as f64, sum: count as f64, ..Self::of(1.0) }
    }

    /// With what came after it.
    pub(super) fn and(self, later: Self) -> Self {
        Self {
            count: self.count + later.count,
            sum: self.sum + later.sum,
            min: if later.min < self.min || self.min.is_nan() { later.min } else { self.min },
            max: if later.max > self.max || self.max.is_nan() { later.max } else { self.max },
            first: self.first,
            last: later.last,
        }
    }

    /// What an operation makes of it; `seconds` is the length of the window.
    pub(super) fn value(&self, op: RangeOp, unwrapped: bool, seconds: f64) -> f64 {
        match op {
            RangeOp::Rate if !unwrapped => self.count / seconds,
            RangeOp::Rate | RangeOp::BytesRate => self.sum / seconds,
            RangeOp::Count => self.count,
            RangeOp::Bytes | RangeOp::Sum => self.sum,
            RangeOp::Avg => self.sum / self.count,
            RangeOp::Min => self.min,
            RangeOp::Max => self.max,
            RangeOp::First => self.first,
            RangeOp::Last => self.last,
            // Of the others the samples themselves are kept.
            _ => 1.0,
        }
    }
}

/// Whether windows of an operation are made of parts.
pub(super) fn of_parts(op: RangeOp) -> bool {
    !matches!(op, RangeOp::Stddev | RangeOp::Stdvar | RangeOp::Quantile | RangeOp::RateCounter)
}

/// A queue of parts that knows their sum at any time: two stacks, each with what all up to there make together.
#[derive(Debug, Default)]
pub(super) struct Sliding {
    /// Turned over: the oldest on top, each with all that came after it on this stack.
    old: Vec<Part>,
    /// The newest on top, as they came.
    new: Vec<Part>,
    /// All of `new`.
    newest: Option<Part>,
}

impl Sliding {
    pub(super) fn push(&mut self, part: Part) {
        self.new.push(part);
        self.newest = Some(self.newest.map_or(part, |all| all.and(part)));
    }

    /// Takes the oldest away.
    pub(super) fn pop(&mut self) {
        if self.old.is_empty() {
            self.newest = None;
            while let Some(part) = self.new.pop() {
                let all = self.old.last().map_or(part, |later| part.and(*later));
                self.old.push(all);
            }
        }
        self.old.pop();
    }

    /// All together.
    pub(super) fn all(&self) -> Option<Part> {
        match (self.old.last(), self.newest) {
            (Some(old), Some(new)) => Some(old.and(new)),
            (Some(old), None) => Some(*old),
            (None, new) => new,
        }
    }
}

/// What an operation makes of samples of (nanoseconds, value); `range` is the window's length in nanoseconds.
pub(super) fn of_samples(op: RangeOp, parameter: f64, samples: &[(i64, f64)], range: i64) -> f64 {
    match op {
        RangeOp::Stdvar => variance(samples),
        RangeOp::Stddev => variance(samples).sqrt(),
        RangeOp::Quantile => quantile(parameter, samples),
        _ => rate_counter(samples, range),
    }
}

fn variance(samples: &[(i64, f64)]) -> f64 {
    let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
    for (_, value) in samples {
        count += 1.0;
        let delta = value - mean;
        mean += delta / count;
        squares += delta * (value - mean);
    }
    squares / count
}

fn quantile(wanted: f64, samples: &[(i64, f64)]) -> f64 {
    if samples.is_empty() || wanted.is_nan() {
        return f64::NAN;
    }
    if wanted < 0.0 {
        return f64::NEG_INFINITY;
    }
    if wanted > 1.0 {
        return f64::INFINITY;
    }
    let mut values: Vec<f64> = samples.iter().map(|(_, value)| *value).collect();
    // What is no number comes first, as in Prometheus.
    values.sort_by(|one, two| two.is_nan().cmp(&one.is_nan()).then_with(|| one.total_cmp(two)));
    let rank = wanted * (values.len() - 1) as f64;
    let lower = rank.floor();
    let at = |place: f64| values.get(place as usize).copied();
    let low = at(lower).unwrap_or(f64::NAN);
    let high = at(lower + 1.0).unwrap_or(low);
    let weight = rank - lower;
    low * (1.0 - weight) + high * weight
}

/// The increase a second, resets left out. Loki extrapolates as Prometheus does but mixes units on the way, so that
/// next to nothing is added; the same figures are wanted here.
fn rate_counter(samples: &[(i64, f64)], range: i64) -> f64 {
    let ([(first_time, first), .., (last_time, last)], seconds) = (samples, range as f64 / 1e9)
    else {
        return 0.0;
    };
    let mut increase = last - first;
    let mut before = 0.0;
    for (_, value) in samples {
        if *value < before {
            increase += before;
        }
        before = *value;
    }
    let sampled = (last_time - first_time) as f64 / 1_000.0;
    if sampled == 0.0 {
        return f64::NAN;
    }
    let apart = sampled / (samples.len() - 1) as f64;
    let mut to_start = (range / 1_000_000) as f64 / 1_000.0;
    if increase > 0.0 && *first >= 0.0 {
        to_start = to_start.min(sampled * (first / increase));
    }
    let added = if to_start < apart * 1.1 { to_start } else { apart / 2.0 };
    increase * ((sampled + added) / sampled) / seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_of_parts_knows_its_sum() {
        let mut sliding = Sliding::default();
        let values: Vec<f64> = (0..50).map(|place| f64::from(place * 7 % 13)).collect();
        let mut begin = 0;
        for (place, value) in values.iter().enumerate() {
            sliding.push(Part::of(*value));
            while place - begin >= 4 + place % 3 {
                sliding.pop();
                begin += 1;
            }
            let all = sliding.all().unwrap();
            let window = &values[begin..=place];
            assert_eq!(all.sum, window.iter().sum::<f64>());
            assert_eq!((all.first, all.last), (window[0], *value));
            assert_eq!(all.max, window.iter().copied().fold(f64::MIN, f64::max));
            assert_eq!(all.min, window.iter().copied().fold(f64::MAX, f64::min));
            assert_eq!(all.count, window.len() as f64);
        }
        for _ in begin..50 {
            sliding.pop();
        }
        assert_eq!(sliding.all(), None);
    }

    #[test]
    fn quantiles_lie_between_samples() {
        let samples: Vec<(i64, f64)> = [4.0, 1.0, 3.0, 2.0].map(|value| (0, value)).to_vec();
        for (wanted, value) in
            [(0.0, 1.0), (0.5, 2.5), (1.0, 4.0), (-1.0, f64::NEG_INFINITY), (2.0, f64::INFINITY)]
        {
            assert_eq!(quantile(wanted, &samples), value);
        }
        assert!(quantile(0.5, &[]).is_nan());
    }
}
