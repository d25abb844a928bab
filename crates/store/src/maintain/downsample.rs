//! Floats to one value a stretch, and what is kept of the others: smallest, largest, sum, count. Histograms: the last, and of
//! gauges the sum. The samples around each fall stay as they came, so that counters lose nothing at a reset.

use std::collections::BTreeMap;
use std::sync::Arc;

use vigie_model::{NativeHistogram, ResetHint};

use crate::block::{Aggregates, Downsampled};
use crate::is_stale;
use crate::read::Samples;

/// What falls more often in a day is no counter: a process that is begun anew every five minutes has 288.
const MOST_FALLS: usize = 300;

/// What is left of a day at one value each `step` milliseconds.
#[must_use]
pub fn downsample(samples: &Samples, step: i64) -> Downsampled {
    let mut out = Downsampled::default();
    let end = |time: i64| time.div_euclid(step) * step + step - 1;
    let mut rest = &samples.floats[..];
    for stretch in samples.float_times.chunk_by(|one, two| end(*one) == end(*two)) {
        let (values, others) = rest.split_at(stretch.len());
        rest = others;
        let Some(first) = stretch.first() else { continue };
        out.times.push(end(*first));
        add(&mut out.aggregates, values);
    }
    let (times, values) = (&samples.float_times, &samples.floats);
    let falls = Falls {
        fell: |before: &f64, after: &f64| after < before,
        counts: |value: &f64| !value.is_nan(),
    };
    for place in falls.around(times, values, end) {
        out.kept.float_times.push(times[place]);
        out.kept.floats.push(values[place]);
    }
    let mut lasts: BTreeMap<i64, Arc<NativeHistogram>> = BTreeMap::new();
    let mut rest: &[Arc<NativeHistogram>] = &samples.histograms;
    for stretch in samples.histogram_times.chunk_by(|one, two| end(*one) == end(*two)) {
        let (values, others) = rest.split_at(stretch.len());
        rest = others;
        let (Some(first), Some(last)) = (stretch.first(), values.last()) else { continue };
        merge(&mut out.merged, stretch, values, end(*first));
        // A series that changed its kind within a stretch: the float stays.
        if out.times.binary_search(&end(*first)).is_err() {
            lasts.insert(end(*first), last.clone());
        }
    }
    let (times, values) = (&samples.histogram_times, &samples.histograms);
    let falls = Falls {
        fell: |before: &Arc<NativeHistogram>, after: &Arc<NativeHistogram>| fell(before, after),
        counts: |one: &Arc<NativeHistogram>| !is_stale(one.sum),
    };
    for place in falls.around(times, values, end) {
        lasts.insert(times[place], values[place].clone());
    }
    (out.kept.histogram_times, out.kept.histograms) = lasts.into_iter().unzip();
    out
}

fn add(to: &mut Aggregates, values: &[f64]) {
    let samples = || values.iter().copied().filter(|value| !is_stale(*value));
    to.last.push(values.last().copied().unwrap_or(f64::NAN));
    to.min.push(samples().fold(f64::NAN, f64::min));
    to.max.push(samples().fold(f64::NAN, f64::max));
    to.sum.push(compensated(samples()));
    to.count.push(samples().count() as f64);
}

/// A sum that loses no digits where large numbers cancel each other (Neumaier).
fn compensated(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut lost) = (0.0_f64, 0.0_f64);
    for value in values {
        let next = sum + value;
        if next.is_infinite() {
            lost = 0.0;
        } else if sum.abs() >= value.abs() {
            lost += (sum - next) + value;
        } else {
            lost += (value - next) + sum;
        }
        sum = next;
    }
    sum + lost
}

/// How a kind of value falls.
struct Falls<V> {
    fell: fn(&V, &V) -> bool,
    /// Whether a sample is a value at all.
    counts: fn(&V) -> bool,
}

impl<V> Falls<V> {
    /// The places of the samples before and after each fall, and of the day's first, which may be one from the day before;
    /// without those that stand for their stretch anyway. Of what falls all the time, none.
    fn around(&self, times: &[i64], values: &[V], end: impl Fn(i64) -> i64) -> Vec<usize> {
        let numbers = (0..values.len()).filter(|place| (self.counts)(&values[*place]));
        let (mut before, mut falls, mut places) = (None::<usize>, 0, Vec::new());
        for place in numbers {
            match before {
                None => places.push(place),
                Some(before) if (self.fell)(&values[before], &values[place]) => {
                    falls += 1;
                    places.extend([before, place]);
                }
                Some(_) => {}
            }
            before = Some(place);
        }
        if falls > MOST_FALLS {
            return Vec::new();
        }
        places.dedup();
        let last_of = |place: usize| {
            let stretch = end(times[place]);
            times[place..].partition_point(|time| *time <= stretch) + place - 1
        };
        // The first, too, says nothing new where its stretch ends no higher.
        let first = places.first().copied();
        let silent = first.is_some_and(|place| {
            let next = places.get(1).copied().unwrap_or(usize::MAX);
            next > last_of(place) && !(self.fell)(&values[last_of(place)], &values[place])
        });
        places.retain(|place| *place != last_of(*place) && !(silent && Some(*place) == first));
        places
    }
}

/// Whether a counter was reset between two histograms.
fn fell(before: &NativeHistogram, after: &NativeHistogram) -> bool {
    if [before.reset_hint, after.reset_hint].contains(&ResetHint::Gauge) {
        return false;
    }
    let smaller = |before: &[(i32, f64)], after: &[(i32, f64)]| {
        before.iter().any(|(index, count)| {
            let place = after.binary_search_by_key(index, |bucket| bucket.0);
            place.map_or(0.0, |place| after[place].1) < *count
        })
    };
    after.reset_hint == ResetHint::Reset
        || !alike(before, after)
        || after.count < before.count
        || after.zero_count < before.zero_count
        || smaller(&before.positive, &after.positive)
        || smaller(&before.negative, &after.negative)
}

fn alike(one: &NativeHistogram, two: &NativeHistogram) -> bool {
    (one.schema, one.zero_threshold.to_bits()) == (two.schema, two.zero_threshold.to_bits())
        && one.custom_bounds == two.custom_bounds
}

/// Adds the sums of the gauges of a stretch: one, at its end, and one more before it wherever their buckets change.
fn merge(to: &mut Samples, times: &[i64], values: &[Arc<NativeHistogram>], end: i64) {
    let gauges: Vec<(i64, &Arc<NativeHistogram>)> = times
        .iter()
        .copied()
        .zip(values)
        .filter(|(_, one)| one.reset_hint == ResetHint::Gauge && !is_stale(one.sum))
        .collect();
    let mut runs = gauges.chunk_by(|one, two| alike(one.1, two.1)).peekable();
    while let Some(run) = runs.next() {
        let (Some((_, first)), Some((last, _))) = (run.first(), run.last()) else { continue };
        let mut sum = NativeHistogram::clone(first);
        let figure = |figure: fn(&NativeHistogram) -> f64| {
            compensated(run.iter().map(|(_, one)| figure(one)))
        };
        sum.count = figure(|one| one.count);
        sum.sum = figure(|one| one.sum);
        sum.zero_count = figure(|one| one.zero_count);
        let side = |side: fn(&NativeHistogram) -> &[(i32, f64)]| {
            let mut counts: BTreeMap<i32, f64> = BTreeMap::new();
            for (index, count) in run.iter().flat_map(|(_, one)| side(one)) {
                *counts.entry(*index).or_default() += count;
            }
            counts.into_iter().collect()
        };
        sum.positive = side(|one| &one.positive);
        sum.negative = side(|one| &one.negative);
        to.histogram_times.push(if runs.peek().is_some() { *last } else { end });
        to.histograms.push(Arc::new(sum));
        to.histogram_weights.push(run.len() as f64);
    }
}

#[cfg(test)]
#[path = "downsample_tests.rs"]
mod tests;
