//! `histogram_count`, `_sum`, `_avg`, `_stdvar` and `_stddev`.

use vigie_model::NativeHistogram;

use super::super::sum::Sum;
use super::bucket::all;
use super::is_custom;

/// The value of a function with this name.
pub(crate) fn of(name: &str, one: &NativeHistogram) -> Option<f64> {
    Some(match name {
        "histogram_count" => one.count,
        "histogram_sum" => one.sum,
        "histogram_avg" => one.sum / one.count,
        "histogram_stdvar" => variance(one),
        "histogram_stddev" => variance(one).sqrt(),
        _ => return None,
    })
}

fn variance(one: &NativeHistogram) -> f64 {
    let mean = one.sum / one.count;
    let mut sum = Sum::default();
    for bucket in all(one).into_iter().filter(|bucket| bucket.count != 0.0) {
        let middle = if is_custom(one) {
            f64::midpoint(bucket.upper, bucket.lower)
        } else if bucket.lower <= 0.0 && bucket.upper >= 0.0 {
            0.0
        } else {
            (bucket.upper * bucket.lower).sqrt().copysign(bucket.upper)
        };
        let delta = middle - mean;
        sum = sum.add(bucket.count * delta * delta);
    }
    (sum.sum + sum.lost) / one.count
}
