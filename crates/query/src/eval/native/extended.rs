//! Windows of histograms whose ends are completed (`anchored`, `smoothed`).

use std::sync::Arc;

use vigie_model::{NativeHistogram, ResetHint};

use super::super::extended::edges;
use super::super::range::Call;
use super::super::window::Window;
use super::math::{Incompatible, combined, compact, divided, scaled};
use super::{is_custom, reset};
use crate::promql::ast::Ends;

/// A histogram on the line between two.
fn between(
    (from, one): (i64, &NativeHistogram),
    (to, two): (i64, &NativeHistogram),
    (time, counter): (i64, bool),
    reconciled: &dyn Fn(&str),
) -> Result<NativeHistogram, Incompatible> {
    if time == from {
        return Ok(one.clone());
    }
    if time == to {
        return Ok(two.clone());
    }
    let share = (time - from) as f64 / (to - from) as f64;
    if counter && reset::detected(two, one) {
        return Ok(scaled(two, share));
    }
    let difference = combine((two, one), false, reconciled)?;
    combine((&scaled(&difference, share), one), true, reconciled)
}

/// The sum or the difference of two, and says when their bounds had to be made the same.
fn combine(
    (one, two): (&NativeHistogram, &NativeHistogram),
    add: bool,
    reconciled: &dyn Fn(&str),
) -> Result<NativeHistogram, Incompatible> {
    let (sign, name) = if add { (1.0, "addition") } else { (-1.0, "subtraction") };
    let found = combined(one, two, sign)?;
    if found.reconciled {
        reconciled(name);
    }
    Ok(found.value)
}

/// How much such a window changed.
pub(crate) fn change(
    call: &Call<'_>,
    window: &Window<'_>,
    (start, end): (i64, i64),
    how: Ends,
) -> Option<NativeHistogram> {
    let counter = call.name != "delta";
    let (times, all) = (window.histogram_times, window.histograms);
    let (first, last) = edges(times, (start, end), how)?;
    let smoothed = how == Ends::Smoothed;
    if smoothed && times[first] > end {
        return None;
    }
    let custom = is_custom(&all[first]);
    for one in &all[first..=last] {
        if is_custom(one) != custom {
            call.mixed_schemas();
            return None;
        }
        if counter && one.reset_hint == ResetHint::Gauge {
            call.not_counter();
        }
    }
    let incompatible = |_: Incompatible| call.mixed_schemas();
    let sample = |place: usize| (times[place], &*all[place]);
    let said: &dyn Fn(&str) = &|operation| call.reconciled(operation);
    let left = if smoothed && times[first] < start {
        between(sample(first), sample(first + 1), (start, counter), said)
            .map_err(incompatible)
            .ok()?
    } else {
        (*all[first]).clone()
    };
    let right = if smoothed && last > 0 && times[last] > end {
        between(sample(last - 1), sample(last), (end, counter), said).map_err(incompatible).ok()?
    } else {
        (*all[last]).clone()
    };
    let gauges = [left.reset_hint, right.reset_hint] == [ResetHint::Gauge; 2];
    if !counter && !gauges {
        call.not_gauge();
    }
    let mut value = combine((&right, &left), false, said).map_err(incompatible).ok()?;
    if counter {
        let bounds = ((&left, &right), (first, last), smoothed.then_some(start));
        let lost = lost(window, bounds, said).map_err(incompatible).ok()?;
        if let Some(lost) = lost {
            value = combine((&value, &lost), true, said).map_err(incompatible).ok()?;
        }
    }
    if call.name == "rate" {
        value = divided(&value, (end - start) as f64 / 1000.0);
    }
    value.reset_hint = ResetHint::Gauge;
    Some(compact(value))
}

/// The values at both ends, the places of the samples that they are of, and where the window begins if its ends are smoothed.
type Bounds<'a> = ((&'a NativeHistogram, &'a NativeHistogram), (usize, usize), Option<i64>);

/// What resets took within a window.
fn lost(
    window: &Window<'_>,
    ((left, right), (first, last), start): Bounds<'_>,
    said: &dyn Fn(&str),
) -> Result<Option<NativeHistogram>, Incompatible> {
    let (times, all) = (window.histogram_times, window.histograms);
    let (mut from, mut previous) = (first + 1, left);
    if start.is_some_and(|start| times[first] < start)
        && reset::detected(&all[first + 1], &all[first])
    {
        // The left end lies within that reset already.
        previous = &all[first + 1];
        from += 1;
    }
    if from > last {
        return Ok(None);
    }
    let mut lost: Option<NativeHistogram> = None;
    for one in all[from..last].iter().map(|one| &**one).chain(std::iter::once(right)) {
        if reset::detected(one, previous) {
            lost = Some(match lost {
                None => previous.clone(),
                Some(lost) => combine((&lost, previous), true, said)?,
            });
        }
        previous = one;
    }
    Ok(lost)
}

/// The histogram at a time, from those around it.
pub(crate) fn at(
    window: &Window<'_>,
    time: i64,
    reconciled: &dyn Fn(&str),
) -> Result<Option<Arc<NativeHistogram>>, Incompatible> {
    let (times, all) = (window.histogram_times, window.histograms);
    let place = times.partition_point(|one| *one < time);
    if times.get(place) == Some(&time) {
        return Ok(Some(all[place].clone()));
    }
    let Some(before) = place.checked_sub(1) else { return Ok(None) };
    if place == all.len() {
        let mut value = (*all[before]).clone();
        value.reset_hint = ResetHint::Unknown;
        return Ok(Some(Arc::new(value)));
    }
    let (one, two) = (&all[before], &all[place]);
    if is_custom(one) != is_custom(two) {
        return Err(Incompatible);
    }
    let gauges = [one.reset_hint, two.reset_hint] == [ResetHint::Gauge; 2];
    let value = between((times[before], one), (times[place], two), (time, !gauges), reconciled)?;
    Ok(Some(Arc::new(value)))
}
