//! Lines and trends through the samples of a range.

use super::sum::Sum;
use super::window::Window;

/// Slope per second, and value at a time in milliseconds, of the line that fits best.
pub(crate) fn line(window: &Window<'_>, origin: i64) -> Option<(f64, f64)> {
    let first = window.floats.first().filter(|_| window.floats.len() > 1)?;
    #[allow(clippy::float_cmp, reason = "a constant has no rounding errors")]
    if window.floats.iter().all(|value| value == first) {
        return Some(if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, *first) });
    }
    let [mut x, mut y, mut xy, mut xx] = [Sum::default(); 4];
    for (time, value) in window.float_times.iter().zip(window.floats) {
        let at = (time - origin) as f64 / 1e3;
        (x, y) = (x.add(at), y.add(*value));
        (xy, xx) = (xy.add(at * value), xx.add(at * at));
    }
    let count = window.floats.len() as f64;
    let [x, y, xy, xx] = [x, y, xy, xx].map(|one| one.sum + one.lost);
    let (covariance, variance) = (xy - x * y / count, xx - x * x / count);
    let slope = covariance / variance;
    Some((slope, y / count - slope * x / count))
}

/// Holt's double exponential smoothing.
pub(crate) fn smoothed(floats: &[f64], smoothing: f64, trend: f64) -> Option<f64> {
    let [first, second, ..] = floats else { return None };
    let (mut before, mut last, mut slope) = (0.0, *first, second - first);
    for (place, value) in floats.iter().enumerate().skip(1) {
        if place > 1 {
            slope = trend * (last - before) + (1.0 - trend) * slope;
        }
        let next = smoothing * value + (1.0 - smoothing) * (last + slope);
        (before, last) = (last, next);
    }
    Some(last)
}
