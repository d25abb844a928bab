//! `rate`, `increase`, `delta`, `irate` and `idelta`.

use std::sync::Arc;

use vigie_model::{NativeHistogram, ResetHint};

use super::native::{self, math};
use super::range::Call;
use super::window::{Window, falls};
use crate::answer::SampleValue;

/// How much the samples changed, extended to the ends of the window where they come near them.
pub(crate) fn extrapolated(
    call: &Call<'_>,
    window: &Window<'_>,
    counter: bool,
    per_second: bool,
) -> Option<SampleValue> {
    if window.is_mixed() {
        call.mixed();
        return None;
    }
    if window.histograms.is_empty() {
        return of_floats(window, counter, per_second).map(SampleValue::Float);
    }
    let times = window.histogram_times;
    if times.len() < 2 {
        return None;
    }
    let value = native::rate::increase(call, window.histograms, counter)?;
    let first = window.histograms.first().map_or(0.0, |first| first.count);
    let zero = (counter && value.count > 0.0 && first >= 0.0).then(|| first / value.count);
    let factor = factor(times, window, zero, per_second)?;
    Some(SampleValue::Histogram(Arc::new(math::scaled(&value, factor))))
}

/// The same of a window of floats.
#[inline]
pub(crate) fn of_floats(window: &Window<'_>, counter: bool, per_second: bool) -> Option<f64> {
    let floats = window.floats;
    let [first, .., last] = floats else { return None };
    let mut total = last - first;
    match window.falls {
        _ if !counter => {}
        Some(falls) => falls.places().for_each(|place| total += floats[place - 1]),
        None => falls(floats).into_iter().for_each(|place| total += floats[place - 1]),
    }
    let zero = (counter && total > 0.0 && *first >= 0.0).then(|| first / total);
    Some(total * factor(window.float_times, window, zero, per_second)?)
}

/// By what a change between the first and the last of several samples is multiplied. A counter was at 0 before it was
/// below 0: `zero` is how long before the first sample, in lengths of the time between both.
#[inline]
fn factor(times: &[i64], window: &Window<'_>, zero: Option<f64>, per_second: bool) -> Option<f64> {
    let (first, last) = (*times.first()?, *times.last()?);
    let interval = (last - first) as f64 / 1000.0;
    let average = interval / (times.len() - 1) as f64;
    let threshold = average * 1.1;
    let mut to_start = (first - window.start) as f64 / 1000.0;
    let mut to_end = (window.end - last) as f64 / 1000.0;
    if to_start >= threshold {
        to_start = average / 2.0;
    }
    if let Some(zero) = zero {
        to_start = to_start.min(interval * zero);
    }
    if to_end >= threshold {
        to_end = average / 2.0;
    }
    let factor = if interval == 0.0 { 1.0 } else { (interval + to_start + to_end) / interval };
    Some(if per_second { factor / window.seconds() } else { factor })
}

/// One of the last two samples.
enum Sample<'a> {
    Float(f64),
    Histogram(&'a NativeHistogram),
}

/// The change between the last two samples.
pub(crate) fn instant(call: &Call<'_>, window: &Window<'_>, counter: bool) -> Option<SampleValue> {
    let mut last: Vec<(i64, Sample<'_>)> = Vec::with_capacity(4);
    let floats = window.float_times.iter().zip(window.floats).rev().take(2);
    last.extend(floats.map(|(time, value)| (*time, Sample::Float(*value))));
    let histograms = window.histogram_times.iter().zip(window.histograms).rev().take(2);
    last.extend(histograms.map(|(time, value)| (*time, Sample::Histogram(value))));
    last.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
    let [(to, new), (from, old), ..] = last.as_slice() else { return None };
    let seconds = (to - from) as f64 / 1000.0;
    if to == from {
        return None;
    }
    match (new, old) {
        (Sample::Float(new), Sample::Float(old)) => {
            let change = if counter && new < old { *new } else { new - old };
            Some(SampleValue::Float(if counter { change / seconds } else { change }))
        }
        (Sample::Histogram(new), Sample::Histogram(old)) => {
            let gauges = [new.reset_hint == ResetHint::Gauge, old.reset_hint == ResetHint::Gauge];
            if counter && gauges != [false, false] {
                call.not_counter();
            }
            if !counter && gauges != [true, true] {
                call.not_gauge();
            }
            let mut change = (*new).clone();
            if !counter || !native::reset::detected(new, old) {
                let Ok(difference) = math::combined(new, old, -1.0) else {
                    call.mixed_schemas();
                    return None;
                };
                if difference.reconciled {
                    call.reconciled("subtraction");
                }
                change = difference.value;
            }
            change.reset_hint = ResetHint::Gauge;
            change = math::compact(change);
            if counter {
                change = math::divided(&change, seconds);
            }
            Some(SampleValue::Histogram(Arc::new(change)))
        }
        _ => {
            call.mixed();
            None
        }
    }
}
