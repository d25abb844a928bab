//! Estimated quantiles and shares.

use vigie_model::NativeHistogram;

use super::super::Context;
use super::bucket::{Bucket, all};
use super::is_custom;
use crate::promql::ast::At;

/// A bucket around 0 of a histogram without values on one side ends at 0 there.
fn one_sided(one: &NativeHistogram, bucket: &mut Bucket) {
    match (one.negative.is_empty(), one.positive.is_empty()) {
        (true, false) => bucket.lower = 0.0,
        (false, true) => bucket.upper = 0.0,
        _ => {}
    }
}

/// The `q`-quantile.
pub(crate) fn quantile(context: &Context<'_>, q: f64, one: &NativeHistogram, at: At) -> f64 {
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    if one.count == 0.0 || q.is_nan() {
        return f64::NAN;
    }
    // From the nearer end; observations of NaN are beyond the last bucket, so that only the first end is sure then.
    let nans = one.sum.is_nan();
    let forward = nans || q < 0.5;
    let mut buckets = all(one);
    if !forward {
        buckets.reverse();
    }
    let mut rank = if forward { q } else { 1.0 - q } * one.count;
    let (mut count, mut bucket) = (0.0, Bucket { lower: 0.0, upper: 0.0, count: 0.0 });
    let mut rest = buckets.iter();
    for next in rest.by_ref() {
        bucket = *next;
        count += next.count;
        if next.count != 0.0 && count >= rank {
            break;
        }
    }
    if is_custom(one) {
        if bucket.lower == f64::NEG_INFINITY {
            if bucket.upper <= 0.0 {
                return bucket.upper;
            }
            bucket.lower = 0.0;
        } else if bucket.upper == f64::INFINITY {
            return bucket.lower;
        }
    } else if bucket.lower < 0.0 && bucket.upper > 0.0 {
        one_sided(one, &mut bucket);
    }
    count = count.min(one.count);
    if count < rank {
        if nans {
            let message = "input to histogram_quantile has NaN observations, result is NaN";
            context.notes.info(at, message);
            return f64::NAN;
        }
        return bucket.upper;
    }
    rank = if forward { rank - (count - bucket.count) } else { count - rank };
    if nans && count + rest.map(|next| next.count).sum::<f64>() < one.count {
        let message = "input to histogram_quantile has NaN observations, result is skewed higher";
        context.notes.info(at, message);
    }
    let share = rank / bucket.count;
    if is_custom(one) || (bucket.lower <= 0.0 && bucket.upper >= 0.0) {
        return bucket.lower + (bucket.upper - bucket.lower) * share;
    }
    let (low, high) = (bucket.lower.abs().log2(), bucket.upper.abs().log2());
    if bucket.lower > 0.0 {
        return (low + (high - low) * share).exp2();
    }
    -(high + (low - high) * (1.0 - share)).exp2()
}

/// The share of observations between two bounds.
pub(crate) fn share(
    context: &Context<'_>,
    (low, high): (f64, f64),
    one: &NativeHistogram,
    at: At,
) -> f64 {
    if one.count == 0.0 || low.is_nan() || high.is_nan() {
        return f64::NAN;
    }
    if low >= high {
        return 0.0;
    }
    let (mut rank, mut lower, mut upper) = (0.0, None, None);
    let buckets = all(one);
    for bucket in &buckets {
        let mut bucket = *bucket;
        let mut linear = is_custom(one);
        if linear {
            if bucket.lower == f64::NEG_INFINITY && bucket.upper > 0.0 {
                bucket.lower = 0.0;
            }
        } else if bucket.lower <= 0.0 && bucket.upper >= 0.0 {
            linear = true;
            one_sided(one, &mut bucket);
        }
        for (wanted, found) in [(low, &mut lower), (high, &mut upper)] {
            if found.is_some() {
                continue;
            }
            if bucket.lower >= wanted {
                *found = Some(rank);
            } else if bucket.upper > wanted {
                *found = Some(if linear && bucket.lower == f64::NEG_INFINITY {
                    bucket.count
                } else {
                    rank + bucket.count * bucket.below(wanted, linear)
                });
            }
        }
        if lower.is_some() && upper.is_some() {
            break;
        }
        rank += bucket.count;
    }
    let mut count = one.count;
    if one.sum.is_nan() {
        count = buckets.iter().map(|bucket| bucket.count).sum();
        if count < one.count {
            let message = "input to histogram_fraction has NaN observations, which are excluded from all fractions";
            context.notes.info(at, message);
        }
    }
    let within = |rank: Option<f64>| rank.filter(|rank| *rank <= count).unwrap_or(count);
    (within(upper) - within(lower)) / one.count
}
