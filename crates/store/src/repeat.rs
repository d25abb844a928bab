//! Hourly samples, repeated every five minutes, so that an instant selector finds them within its lookback.

use std::sync::Arc;

use vigie_model::NativeHistogram;

use crate::block::Resolution;
use crate::is_stale;
use crate::read::{Samples, TimeRange};

/// Repeats the samples within those ranges until the next sample, for an hour at most; what of it all is within the range.
pub fn repeated(samples: &Samples, hourly: &[TimeRange], range: TimeRange) -> Samples {
    let within = |range: TimeRange, time: i64| (range.start..=range.end).contains(&time);
    let after = |times: &[i64], time: i64| {
        times.get(times.partition_point(|one| *one <= time)).copied().unwrap_or(i64::MAX)
    };
    // The times of a sample: its own, and those of its repetitions.
    let times = |time: i64, ends: bool| {
        let next = after(&samples.float_times, time).min(after(&samples.histogram_times, time));
        let until = next.min(time.saturating_add(Resolution::Hour.step()));
        let repeats = !ends && hourly.iter().any(|range| within(*range, time));
        let until = if repeats { until } else { time.saturating_add(1) };
        let step = usize::try_from(Resolution::FiveMinutes.step()).unwrap_or(usize::MAX);
        (time..until).step_by(step).filter(move |at| within(range, *at))
    };
    let mut out = Samples { coarse: samples.coarse, ..Samples::default() };
    for (time, value) in samples.float_times.iter().zip(&samples.floats) {
        for at in times(*time, is_stale(*value)) {
            out.float_times.push(at);
            out.floats.push(*value);
        }
    }
    let ends = |one: &Arc<NativeHistogram>| is_stale(one.sum);
    for (time, one) in samples.histogram_times.iter().zip(&samples.histograms) {
        for at in times(*time, ends(one)) {
            out.histogram_times.push(at);
            out.histograms.push(one.clone());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::STALE_BITS;
    use crate::resolution::DAY;

    const MINUTE: i64 = 60_000;
    const FIRST_DAY: TimeRange = TimeRange { start: 0, end: DAY - 1 };

    #[test]
    fn until_the_next_one_and_not_where_a_series_ended() {
        let stale = f64::from_bits(STALE_BITS);
        let (first, kept, second) = (60 * MINUTE - 1, 72 * MINUTE, 120 * MINUTE - 1);
        let samples = Samples {
            float_times: vec![first, kept, second, DAY + MINUTE],
            floats: vec![1.0, 2.0, stale, 4.0],
            ..Samples::default()
        };
        let all = TimeRange { start: 0, end: 2 * DAY };
        let found = repeated(&samples, &[FIRST_DAY], all);
        let count = |value: f64| found.floats.iter().filter(|one| **one == value).count();
        assert_eq!((count(1.0), count(2.0), count(4.0)), (3, 10, 1));
        assert!(found.float_times.is_sorted());
        assert_eq!(found.floats.len(), 15);
        let part = TimeRange { start: 65 * MINUTE, end: 75 * MINUTE };
        assert_eq!(repeated(&samples, &[FIRST_DAY], part).floats, [1.0, 2.0]);
    }

    #[test]
    fn histograms_too() {
        let one = |count| Arc::new(NativeHistogram { count, ..NativeHistogram::default() });
        let samples = Samples {
            histogram_times: vec![0, 20 * MINUTE],
            histograms: vec![one(1.0), one(2.0)],
            ..Samples::default()
        };
        let all = TimeRange { start: 0, end: DAY };
        assert_eq!(repeated(&samples, &[FIRST_DAY], all).histograms.len(), 4 + 12);
        assert_eq!(repeated(&samples, &[], all), samples);
    }
}
