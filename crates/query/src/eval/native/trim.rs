//! `</` and `>/`: without what is above or below a value.

use vigie_model::NativeHistogram;

use super::bucket::{Bucket, negative, positive, zero};
use super::is_custom;
use super::math::compact;

/// What stays of a bucket, and where its middle is then.
type Kept = (f64, f64);

/// Without the observations above (or below) a value, as far as buckets tell.
pub(crate) fn trimmed(one: &NativeHistogram, at: f64, above: bool) -> NativeHistogram {
    let linear = is_custom(one);
    let (mut count, mut sum, mut changed) = (0.0, 0.0, false);
    let mut trim = |kept: Kept, old: f64| {
        count += kept.0;
        sum += kept.1 * kept.0;
        #[allow(clippy::float_cmp, reason = "any change counts")]
        let other = kept.0 != old;
        changed |= other;
        kept.0
    };
    let mut rest = one.clone();
    for entry in rest.positive.iter_mut().filter(|entry| entry.1 != 0.0) {
        let kept = kept(positive(one, *entry), at, above, (true, linear));
        entry.1 = trim(kept, entry.1);
    }
    for entry in rest.negative.iter_mut().filter(|entry| entry.1 != 0.0) {
        let kept = kept(negative(one, *entry), at, above, (false, linear));
        entry.1 = trim(kept, entry.1);
    }
    if one.zero_count > 0.0 {
        let filled = |list: &[(i32, f64)]| list.iter().any(|entry| entry.1 != 0.0);
        let mut bucket = zero(one);
        match (filled(&one.negative), filled(&one.positive)) {
            (true, false) => bucket.upper = 0.0,
            (false, true) => bucket.lower = 0.0,
            _ => {}
        }
        rest.zero_count = trim(of_zero(bucket, at, above), one.zero_count);
    }
    if !changed {
        return one.clone();
    }
    compact(NativeHistogram { count, sum, ..rest })
}

fn kept(bucket: Bucket, at: f64, above: bool, (positive, linear): (bool, bool)) -> Kept {
    let middle = |lower, upper| middle(lower, upper, positive, linear);
    let (whole, cut) = if above {
        (bucket.upper <= at, bucket.lower < at)
    } else {
        (bucket.lower >= at, bucket.upper > at)
    };
    if whole {
        return (bucket.count, middle(bucket.lower, bucket.upper));
    }
    if !cut {
        return (0.0, 0.0);
    }
    if bucket.lower == f64::NEG_INFINITY || bucket.upper == f64::INFINITY {
        return of_endless(bucket, at, above);
    }
    let below = if at <= bucket.lower {
        0.0
    } else if at >= bucket.upper {
        bucket.count
    } else {
        bucket.count * bucket.below(at, linear)
    };
    if above {
        (below, middle(bucket.lower, at))
    } else {
        (bucket.count - below, middle(at, bucket.upper))
    }
}

/// Buckets without an end cannot be cut by their width.
fn of_endless(bucket: Bucket, at: f64, above: bool) -> Kept {
    let finite = |value: f64| if value.is_infinite() { 0.0 } else { value };
    let Bucket { lower, upper, count } = bucket;
    if lower == f64::NEG_INFINITY {
        return match above {
            true if at >= upper => (count, 0.0),
            true if at > 0.0 && upper > 0.0 && upper.is_finite() => (count * at / upper, at / 2.0),
            true if upper <= 0.0 => (count, at),
            false if at <= lower => (count, 0.0),
            false if at >= 0.0 && upper > at && upper.is_finite() => {
                (count * (1.0 - at / upper), f64::midpoint(at, upper))
            }
            _ => (0.0, finite(upper)),
        };
    }
    if !above && at >= lower { (count, at) } else { (0.0, finite(lower)) }
}

fn of_zero(bucket: Bucket, at: f64, above: bool) -> Kept {
    let Bucket { lower, upper, count } = bucket;
    let whole = (count, f64::midpoint(lower, upper));
    match above {
        true if at <= lower => (0.0, 0.0),
        true if at >= upper => whole,
        true => (count * ((at - lower) / (upper - lower)), f64::midpoint(lower, at)),
        false if at <= lower => whole,
        false if at >= upper => (0.0, 0.0),
        false => (count * ((upper - at) / (upper - lower)), f64::midpoint(at, upper)),
    }
}

fn middle(lower: f64, upper: f64, positive: bool, linear: bool) -> f64 {
    match (lower.is_infinite(), upper.is_infinite()) {
        (true, true) => 0.0,
        (true, false) if upper > 0.0 => upper / 2.0,
        (true, false) => upper,
        (false, true) => lower,
        _ if linear => f64::midpoint(lower, upper),
        _ => {
            let geometric = (lower * upper).abs().sqrt();
            if positive { geometric } else { -geometric }
        }
    }
}
