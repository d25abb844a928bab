//! What a window amounts to: `*_over_time` and their like.

use vigie_model::NativeHistogram;

use super::native;
use super::quantile::quantile;
use super::range::Call;
use super::regression;
use super::sum::{Sum, mean, variance};
use super::window::Window;
use crate::answer::SampleValue;
use crate::engine::QueryError;

const IGNORED: &str =
    "ignored histograms in a range containing both floats and histograms for metric name";

/// The value of a window that is not empty.
pub(crate) fn compute(
    call: &Call<'_>,
    window: &Window<'_>,
) -> Result<Option<SampleValue>, QueryError> {
    let value = match call.name {
        "count_over_time" => window.float_count() + window.histogram_count(),
        "present_over_time" | "absent_over_time" => 1.0,
        "first_over_time" => return Ok(edge(window, false)),
        "last_over_time" => return Ok(edge(window, true)),
        "ts_of_first_over_time" => {
            let times =
                window.float_times.first().into_iter().chain(window.histogram_times.first());
            times.min().copied().unwrap_or_default() as f64 / 1000.0
        }
        "ts_of_last_over_time" => {
            let times = window.float_times.last().into_iter().chain(window.histogram_times.last());
            times.max().copied().unwrap_or_default() as f64 / 1000.0
        }
        "changes" => counted(window, changed),
        "resets" => counted(window, reset),
        "sum_over_time" | "avg_over_time" if window.is_mixed() => {
            call.mixed();
            return Ok(None);
        }
        "sum_over_time" | "avg_over_time" if window.floats.is_empty() => {
            let by = if call.name == "avg_over_time" { window.histogram_count() } else { 1.0 };
            let names = vec![call.metric; window.histograms.len()];
            let histograms: Vec<_> = window.histograms.iter().collect();
            let place = (call.at, names.as_slice());
            return Ok(native::many::total(call.context, &histograms, by, place, false));
        }
        _ => return number(call, window).map(|value| value.map(SampleValue::Float)),
    };
    Ok(Some(SampleValue::Float(value)))
}

/// A number from floats; none from none.
type OfFloats = fn(&[f64]) -> Option<f64>;

/// What a function makes of floats, where nothing but their values counts: found once for a series, not at each step.
pub(crate) fn of_floats(name: &str) -> Option<OfFloats> {
    match name {
        "min_over_time" => Some(|floats| best(floats, |best, value| value < best)),
        "max_over_time" => Some(|floats| best(floats, |best, value| value > best)),
        "sum_over_time" => Some(|floats| {
            let sum = || floats.iter().fold(Sum::default(), |sum, one| sum.add(*one)).total();
            (!floats.is_empty()).then(sum)
        }),
        _ => None,
    }
}

/// The first or last sample, whatever it is.
fn edge(window: &Window<'_>, last: bool) -> Option<SampleValue> {
    let pick = |count: usize| if last { count.checked_sub(1) } else { Some(0) };
    let float = pick(window.floats.len())
        .and_then(|place| Some((*window.float_times.get(place)?, *window.floats.get(place)?)));
    let histogram = pick(window.histograms.len()).and_then(|place| {
        Some((*window.histogram_times.get(place)?, window.histograms.get(place)?.clone()))
    });
    match (float, histogram) {
        (Some((time, value)), Some((other, _))) if (time > other) == last && time != other => {
            Some(SampleValue::Float(value))
        }
        (_, Some((_, value))) => Some(SampleValue::Histogram(value)),
        (float, None) => float.map(|(_, value)| SampleValue::Float(value)),
    }
}

/// A sample of a walk over both kinds.
#[derive(Clone, Copy)]
pub(crate) enum Sample<'a> {
    Float(f64),
    Histogram(&'a NativeHistogram),
}

fn changed(old: Sample<'_>, new: Sample<'_>) -> bool {
    match (old, new) {
        #[allow(clippy::float_cmp, reason = "any change counts")]
        (Sample::Float(old), Sample::Float(new)) => old != new && !(old.is_nan() && new.is_nan()),
        (Sample::Histogram(old), Sample::Histogram(new)) => !native::math::equal(old, new),
        _ => true,
    }
}

fn reset(old: Sample<'_>, new: Sample<'_>) -> bool {
    match (old, new) {
        (Sample::Float(old), Sample::Float(new)) => new < old,
        (Sample::Histogram(old), Sample::Histogram(new)) => native::reset::detected(new, old),
        _ => true,
    }
}

/// How many pairs of neighbours there are of which something holds.
pub(crate) fn counted(window: &Window<'_>, holds: fn(Sample<'_>, Sample<'_>) -> bool) -> f64 {
    let floats = window.float_times.iter().zip(window.floats.iter().map(|one| Sample::Float(*one)));
    let histograms = window.histogram_times.iter();
    let histograms = histograms.zip(window.histograms.iter().map(|one| Sample::Histogram(one)));
    let mut all: Vec<(i64, Sample<'_>)> =
        floats.chain(histograms).map(|(time, sample)| (*time, sample)).collect();
    if !window.histograms.is_empty() {
        all.sort_by_key(|(time, _)| *time);
    }
    all.windows(2).filter(|pair| holds(pair[0].1, pair[1].1)).count() as f64
}

/// The same for `changes` and `resets` by name.
pub(crate) fn counted_by_name(name: &str, window: &Window<'_>) -> f64 {
    counted(window, if name == "changes" { changed } else { reset })
}

/// Functions that count floats only.
fn number(call: &Call<'_>, window: &Window<'_>) -> Result<Option<f64>, QueryError> {
    if window.floats.is_empty() {
        return Ok(None);
    }
    if call.name == "double_exponential_smoothing" {
        check_smoothing(call.scalars)?;
    }
    if window.is_mixed() {
        let at = if call.name == "quantile_over_time" { call.first_at } else { call.at };
        if !matches!(call.name, "sum_over_time" | "avg_over_time") {
            call.context.notes.info(at, format!("{IGNORED} {:?}", call.metric));
        }
    }
    let floats = window.floats;
    let [first, second] = call.scalars;
    if let Some(of_floats) = of_floats(call.name) {
        return Ok(of_floats(floats));
    }
    Ok(Some(match call.name {
        "avg_over_time" if window.float_weights.is_empty() => mean(floats.iter().copied()),
        "avg_over_time" => {
            let sum = floats.iter().fold(Sum::default(), |sum, one| sum.add(*one));
            sum.total() / window.float_count()
        }
        "ts_of_min_over_time" => time_of(window, extreme(floats, |best, value| value <= best).0),
        "ts_of_max_over_time" => time_of(window, extreme(floats, |best, value| value >= best).0),
        "stdvar_over_time" => variance(floats.iter().copied()),
        "stddev_over_time" => variance(floats.iter().copied()).sqrt(),
        "mad_over_time" => deviation(floats),
        "quantile_over_time" => {
            if !(0.0..=1.0).contains(&first) {
                call.context.invalid_quantile(call.first_at, first);
            }
            quantile(first, &mut floats.to_vec())
        }
        "integral" => integral(call, window),
        "deriv" => {
            let origin = window.float_times.first().copied().unwrap_or_default();
            return Ok(regression::line(window, origin).map(|(slope, _)| slope));
        }
        "predict_linear" => {
            let line = regression::line(window, call.time);
            return Ok(line.map(|(slope, intercept)| slope * first + intercept));
        }
        "double_exponential_smoothing" => return Ok(regression::smoothed(floats, first, second)),
        name => return Err(QueryError::Execution(format!("{name}() is not implemented"))),
    }))
}

fn check_smoothing([smoothing, trend]: [f64; 2]) -> Result<(), QueryError> {
    for (value, name, short) in [(smoothing, "smoothing", "sf"), (trend, "trend", "tf")] {
        if value <= 0.0 || value >= 1.0 {
            return Err(QueryError::Execution(format!(
                "invalid {name} factor. Expected: 0 < {short} < 1, got: {value:.6}"
            )));
        }
    }
    Ok(())
}

/// The value of the best sample, as [`extreme`] finds it, of four at once; none of none.
#[inline]
fn best(floats: &[f64], better: impl Fn(f64, f64) -> bool + Copy) -> Option<f64> {
    const LANES: usize = 4;
    let mut bests = [*floats.first()?; LANES];
    let chunks = floats.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (best, value) in bests.iter_mut().zip(chunk) {
            *best = if better(*best, *value) { *value } else { *best };
        }
    }
    let found = extreme(&bests, better).1;
    let found =
        rest.iter().fold(found, |best, value| if better(best, *value) { *value } else { best });
    // A NaN at the beginning is never bettered, and which of two zeros comes first is seen by their signs.
    Some(if found.is_nan() || found == 0.0 { extreme(floats, better).1 } else { found })
}

/// The place and the value of the best sample; NaN is worse than everything.
fn extreme(floats: &[f64], better: impl Fn(f64, f64) -> bool) -> (usize, f64) {
    let mut best = (0, floats.first().copied().unwrap_or(f64::NAN));
    for (place, value) in floats.iter().enumerate() {
        if better(best.1, *value) || best.1.is_nan() {
            best = (place, *value);
        }
    }
    best
}

fn time_of(window: &Window<'_>, place: usize) -> f64 {
    window.float_times.get(place).copied().unwrap_or_default() as f64 / 1000.0
}

/// The median of the distances from the median.
fn deviation(floats: &[f64]) -> f64 {
    if floats.iter().any(|one| one.is_nan()) {
        return f64::NAN;
    }
    let mut values = floats.to_vec();
    let median = quantile(0.5, &mut values);
    for value in &mut values {
        *value = (*value - median).abs();
    }
    quantile(0.5, &mut values)
}

/// The area below the samples, NaN counting as 0: by left points (0), right points (1) or trapezoids (2).
fn integral(call: &Call<'_>, window: &Window<'_>) -> f64 {
    let asked = call.scalars[0];
    let given = call.second_at.0 != 0;
    let known = [0.0, 1.0, 2.0].contains(&asked);
    if given && !known {
        let asked = super::notes::shortest(asked);
        call.context.notes.warn(
            call.second_at,
            format!("strategy should be 0, 1, or 2 (default), using 2, got {asked}"),
        );
    }
    let strategy = if given && known { asked } else { 2.0 };
    let number = |value: f64| if value.is_nan() { 0.0 } else { value };
    let mut sum = Sum::default();
    for (times, values) in window.float_times.windows(2).zip(window.floats.windows(2)) {
        let (left, right) = (number(values[0]), number(values[1]));
        let height = if strategy == 0.0 {
            Sum { sum: left, lost: 0.0 }
        } else if strategy == 1.0 {
            Sum { sum: right, lost: 0.0 }
        } else {
            let both = Sum { sum: left, lost: 0.0 }.add(right);
            if both.sum.is_infinite() && left.is_finite() && right.is_finite() {
                Sum { sum: left / 2.0, lost: 0.0 }.add(right / 2.0)
            } else {
                Sum { sum: both.sum / 2.0, lost: both.lost / 2.0 }
            }
        };
        if height.sum != 0.0 || height.lost != 0.0 {
            let seconds = (times[1] - times[0]) as f64 / 1000.0;
            let before = Sum { sum: sum.sum, lost: sum.lost + height.lost * seconds };
            sum = before.add(height.sum * seconds);
        }
    }
    sum.total()
}
