//! Quantiles of values.

use std::cmp::Ordering;

/// By value, NaN before everything.
pub(crate) fn nan_first(one: &f64, two: &f64) -> Ordering {
    match (one.is_nan(), two.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        _ => one.partial_cmp(two).unwrap_or(Ordering::Equal),
    }
}

/// The `q`-quantile, between the two nearest values; sorts them.
pub(crate) fn quantile(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    values.sort_by(nan_first);
    let last = values.len() - 1;
    let rank = q * last as f64;
    let lower = (rank.floor() as usize).min(last);
    let upper = (lower + 1).min(last);
    let weight = rank - rank.floor();
    if weight == 0.0 {
        // An infinite neighbour must not count with a weight of 0.
        return values[lower];
    }
    values[lower] * (1.0 - weight) + values[upper] * weight
}
