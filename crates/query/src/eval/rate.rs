//! `rate`, `increase`, `delta`, `irate` and `idelta`.

use std::sync::Arc;

use vigie_model::{NativeHistogram, ResetHint};

use super::native::{self, math};
use super::range::Call;
use super::window::{Window, falls};
use crate::answer::SampleValue;

/// `rate`, `increase` or `delta`.
pub(crate) struct Rate {
    counter: bool,
    per_second: bool,
    /// The reach of the window before: where samples come steadily, all have the same.
    reach: Reach,
}

/// Where the samples of a window are, and what that makes of a change from the first to the last.
#[derive(Clone, Copy, Default)]
struct Reach {
    /// Milliseconds to the first sample, from there to the last, from there to the end; and how many there are.
    of: (i64, i64, i64, usize),
    /// The same in seconds; where the samples do not come near an end, half of what is usual between two of them.
    to_start: f64,
    interval: f64,
    to_end: f64,
    /// By what the change is multiplied.
    factor: f64,
}

impl Rate {
    pub(crate) fn of(name: &str) -> Option<Self> {
        let (counter, per_second) = match name {
            "rate" => (true, true),
            "increase" => (true, false),
            "delta" => (false, false),
            _ => return None,
        };
        Some(Self { counter, per_second, reach: Reach::default() })
    }

    /// How much the samples changed, extended to the ends of the window where they come near them.
    pub(crate) fn extrapolated(
        mut self,
        call: &Call<'_>,
        window: &Window<'_>,
    ) -> Option<SampleValue> {
        if window.is_mixed() {
            call.mixed();
            return None;
        }
        if window.histograms.is_empty() {
            return self.of_floats(window).map(SampleValue::Float);
        }
        if window.histograms.len() < 2 {
            return None;
        }
        let value = native::rate::increase(call, window.histograms, self.counter)?;
        let change = (window.histograms.first()?.count, value.count);
        let factor = self.factor(window.histogram_times, window, change)?;
        Some(SampleValue::Histogram(Arc::new(math::scaled(&value, factor))))
    }

    /// The same of a window of floats.
    #[inline]
    pub(crate) fn of_floats(&mut self, window: &Window<'_>) -> Option<f64> {
        let floats = window.floats;
        let [first, .., last] = floats else { return None };
        let mut total = last - first;
        match window.falls {
            _ if !self.counter => {}
            Some(falls) => falls.places().for_each(|place| total += floats[place - 1]),
            None => falls(floats).into_iter().for_each(|place| total += floats[place - 1]),
        }
        Some(total * self.factor(window.float_times, window, (*first, total))?)
    }

    /// By what a change is multiplied, of at least two samples of which the first is given.
    #[inline]
    fn factor(
        &mut self,
        times: &[i64],
        window: &Window<'_>,
        (first, change): (f64, f64),
    ) -> Option<f64> {
        let (from, to) = (*times.first()?, *times.last()?);
        let of = (from - window.start, to - from, window.end - to, times.len());
        if self.reach.of != of {
            self.reach = self.reach_of(of, window);
        }
        let reach = self.reach;
        if self.counter && change > 0.0 && first >= 0.0 {
            // A counter was at 0 before it was below 0.
            let to_zero = reach.interval * (first / change);
            if to_zero < reach.to_start {
                return Some(self.extended(Reach { to_start: to_zero, ..reach }, window));
            }
        }
        Some(reach.factor)
    }

    fn reach_of(&self, of: (i64, i64, i64, usize), window: &Window<'_>) -> Reach {
        let (to_start, interval, to_end, count) = of;
        let [mut to_start, interval, mut to_end] =
            [to_start, interval, to_end].map(|millis| millis as f64 / 1000.0);
        let average = interval / (count - 1) as f64;
        let threshold = average * 1.1;
        if to_start >= threshold {
            to_start = average / 2.0;
        }
        if to_end >= threshold {
            to_end = average / 2.0;
        }
        let reach = Reach { of, to_start, interval, to_end, factor: f64::NAN };
        Reach { factor: self.extended(reach, window), ..reach }
    }

    fn extended(
        &self,
        Reach { to_start, interval, to_end, .. }: Reach,
        window: &Window<'_>,
    ) -> f64 {
        let factor = if interval == 0.0 { 1.0 } else { (interval + to_start + to_end) / interval };
        if self.per_second { factor / window.seconds() } else { factor }
    }
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
