//! Whether a counter began anew.

use vigie_model::{NativeHistogram, ResetHint};

use super::bucket::{negative, positive};
use super::is_custom;
use super::math::{wider_zero, with_bounds, with_schema};

/// Whether `new` cannot continue the counts of `old`.
pub(crate) fn detected(new: &NativeHistogram, old: &NativeHistogram) -> bool {
    match new.reset_hint {
        ResetHint::Reset => return true,
        ResetHint::NoReset => return false,
        ResetHint::Unknown | ResetHint::Gauge => {}
    }
    if new.count < old.count {
        return true;
    }
    if is_custom(new) {
        if !is_custom(old) {
            return true;
        }
        if new.custom_bounds != old.custom_bounds {
            let common = |bound: &f64| old.custom_bounds.contains(bound);
            let bounds = new.custom_bounds.iter().copied().filter(common).collect();
            let (new, old) = (with_bounds(new, &bounds), with_bounds(old, &bounds));
            return fewer(&new.positive, &old.positive);
        }
        return fewer(&new.positive, &old.positive);
    }
    // Resolution falls and the zero bucket grows while a histogram lives, never the other way around.
    if new.schema > old.schema || new.zero_threshold < old.zero_threshold {
        return true;
    }
    let (zero, threshold) = wider_zero(old, new.zero_threshold);
    if threshold != new.zero_threshold || new.zero_count < zero {
        return true;
    }
    let outside = |one: &NativeHistogram| {
        let mut rest = one.clone();
        rest.positive.retain(|entry| positive(one, *entry).lower >= threshold);
        rest.negative.retain(|entry| negative(one, *entry).upper <= -threshold);
        with_schema(&rest, new.schema)
    };
    let (now, before) = (outside(new), outside(old));
    fewer(&now.positive, &before.positive) || fewer(&now.negative, &before.negative)
}

/// Whether a bucket holds less than before, or is gone with what it held: of differences that may have been less than nothing.
fn fewer(new: &[(i32, f64)], old: &[(i32, f64)]) -> bool {
    let count = |index: &i32| {
        new.binary_search_by_key(index, |entry| entry.0).ok().map(|place| new[place].1)
    };
    old.iter().any(|(index, before)| count(index).map_or(*before != 0.0, |now| now < *before))
}
