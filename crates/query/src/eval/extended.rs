//! Windows whose ends are completed: `anchored` takes the sample before the window for its left end, `smoothed` draws
//! lines to the samples around it.

use std::sync::Arc;

use vigie_model::NativeHistogram;
use vigie_store::Samples;

use super::Context;
use super::native;
use super::over_time::counted_by_name;
use super::range::Call;
use super::window::{Window, Windows};
use crate::answer::SampleValue;
use crate::promql::ast::Ends;

/// A value on the line between two samples; a counter that was reset between them began at 0.
pub(crate) fn between(one: (i64, f64), two: (i64, f64), time: i64, counter: bool) -> f64 {
    let from = if counter && two.1 < one.1 { 0.0 } else { one.1 };
    from + (two.1 - from) * (time - one.0) as f64 / (two.0 - one.0) as f64
}

/// The samples of a window and what is needed around it.
fn around<'a>(
    context: &Context<'_>,
    samples: &'a Samples,
    (end, width): (i64, i64),
    how: Ends,
) -> Window<'a> {
    let lookback = context.limits.lookback;
    let lookback = samples.coarse.map_or(lookback, |coarse| lookback.max(coarse.step));
    let behind = if how == Ends::Smoothed { lookback } else { 0 };
    let windows = Windows::new(samples, width.saturating_add(lookback).saturating_add(behind));
    windows.last_at(end.saturating_add(behind))
}

/// The first sample that counts for the left end and the last one that counts for the right one.
pub(crate) fn edges(times: &[i64], (start, end): (i64, i64), how: Ends) -> Option<(usize, usize)> {
    let last = times.len().checked_sub(1)?;
    let first = times[..last].partition_point(|time| *time <= start).saturating_sub(1);
    let last = if how == Ends::Smoothed {
        times[..last].partition_point(|time| *time < end)
    } else {
        last
    };
    (times[last] > start).then_some((first, last))
}

/// Values at both ends of a window.
fn at_ends(
    (times, values): (&[i64], &[f64]),
    (first, last): (usize, usize),
    (start, end): (i64, i64),
    (smoothed, counter): (bool, bool),
) -> (f64, f64) {
    let sample = |place: usize| (times[place], values[place]);
    let left = if smoothed && times[first] < start && first + 1 < times.len() {
        between(sample(first), sample(first + 1), start, counter)
    } else {
        values[first]
    };
    let right = if smoothed && times[last] > end && last > 0 {
        between(sample(last - 1), sample(last), end, counter)
    } else if times[last] > end && last > 0 {
        values[last - 1]
    } else {
        values[last]
    };
    (left, right)
}

/// The value of a function of such a window.
pub(crate) fn of_samples(
    call: &Call<'_>,
    samples: &Samples,
    (end, width): (i64, i64),
    how: Ends,
) -> Option<SampleValue> {
    let window = around(call.context, samples, (end, width), how);
    if window.is_empty() {
        return None;
    }
    let (start, counter) = (end.saturating_sub(width), call.name != "delta");
    if matches!(call.name, "changes" | "resets") {
        return counts(call, &window, (start, end));
    }
    if window.is_mixed() {
        call.mixed();
        return None;
    }
    if window.floats.is_empty() {
        let value = native::extended::change(call, &window, (start, end), how)?;
        return Some(SampleValue::Histogram(Arc::new(value)));
    }
    let (times, values) = (window.float_times, window.floats);
    let (mut first, last) = edges(times, (start, end), how)?;
    let smoothed = how == Ends::Smoothed;
    if smoothed && times[first] > end {
        return None;
    }
    let ends = at_ends((times, values), (first, last), (start, end), (smoothed, counter));
    let (left, right) = ends;
    let mut change = right - left;
    if counter {
        // The samples at the ends are in `left` and `right` already.
        first += usize::from(times[first] <= start);
        let behind = if times[last] >= end { last } else { last + 1 };
        let (mut before, mut lost) = (left, 0.0);
        for value in values.get(first..behind).unwrap_or_default() {
            if *value < before {
                lost += before;
            }
            before = *value;
        }
        if right < before {
            lost += before;
        }
        change += lost;
    }
    if call.name == "rate" {
        change /= width as f64 / 1000.0;
    }
    Some(SampleValue::Float(change))
}

/// `changes` and `resets` count from the sample before the window on.
fn counts(call: &Call<'_>, window: &Window<'_>, (start, _): (i64, i64)) -> Option<SampleValue> {
    let first = |times: &[i64]| times.partition_point(|time| *time <= start).saturating_sub(1);
    let newest = window.float_times.last().into_iter().chain(window.histogram_times.last()).max();
    if newest.is_none_or(|time| *time <= start) {
        return None;
    }
    let (mut floats, mut histograms) = (first(window.float_times), first(window.histogram_times));
    // Of two samples before the window only the newer one counts.
    let before =
        |times: &[i64], place: usize| times.get(place).copied().filter(|time| *time <= start);
    if let (Some(float), Some(histogram)) =
        (before(window.float_times, floats), before(window.histogram_times, histograms))
    {
        if float < histogram {
            floats += 1;
        } else {
            histograms += 1;
        }
    }
    let cut = Window {
        float_times: &window.float_times[floats..],
        floats: &window.floats[floats..],
        histogram_times: &window.histogram_times[histograms..],
        histograms: &window.histograms[histograms..],
        falls: None,
        ..*window
    };
    Some(SampleValue::Float(counted_by_name(call.name, &cut)))
}

/// Floats and histograms with their times.
type Points = (Vec<(i64, f64)>, Vec<(i64, Arc<NativeHistogram>)>);

/// The points of such a selector that stands alone.
pub(crate) fn raw_window(
    context: &Context<'_>,
    samples: &Samples,
    (end, width): (i64, i64),
    how: Ends,
) -> Points {
    let window = around(context, samples, (end, width), how);
    let start = end.saturating_sub(width);
    let (times, values) = (window.float_times, window.floats);
    let mut floats = Vec::new();
    if let Some((mut first, last)) = edges(times, (start, end), how) {
        let smoothed = how == Ends::Smoothed;
        let ends = at_ends((times, values), (first, last), (start, end), (smoothed, false));
        floats.push((start, ends.0));
        first += usize::from(times[first] <= start);
        let behind = if times[last] >= end { last } else { last + 1 };
        for place in first..behind {
            floats.push((times[place], values[place]));
        }
        floats.push((end, ends.1));
    }
    (floats, Windows::new(samples, width).last_at(end).histograms())
}
