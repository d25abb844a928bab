//! Durations of the last five minutes, sliding in steps of half a minute.

use std::collections::VecDeque;

use vigie_model::{DurationHistogram, Summary, Time};

/// How far back wait and run figures look, in seconds.
pub const WINDOW_SECONDS: i64 = 300;
const SLICE_SECONDS: i64 = 30;
const SLICES: i64 = WINDOW_SECONDS / SLICE_SECONDS;

/// Histograms by slice of time. A full window is the present slice and the nine before it, so it reaches back
/// between 270 and 300 seconds.
#[derive(Debug, Default)]
pub(crate) struct Window {
    /// (slice number, durations), ascending, none empty.
    slices: VecDeque<(i64, DurationHistogram)>,
    /// The sum of the slices of `cached_for`, and its figures: most questions are asked of unchanged windows.
    cached: Option<(i64, Summary)>,
}

impl Window {
    pub(crate) fn record(&mut self, at: Time, seconds: f64) {
        let number = at.seconds().div_euclid(SLICE_SECONDS);
        let place = self.slices.partition_point(|(one, _)| *one < number);
        match self.slices.get_mut(place) {
            Some((one, histogram)) if *one == number => histogram.record(seconds),
            _ => {
                let mut histogram = DurationHistogram::default();
                histogram.record(seconds);
                self.slices.insert(place, (number, histogram));
            }
        }
        let oldest = self.slices.back().map_or(number, |(newest, _)| newest - SLICES);
        while self.slices.front().is_some_and(|(one, _)| *one <= oldest) {
            self.slices.pop_front();
        }
        self.cached = None;
    }

    /// Everything in the window that ends now.
    pub(crate) fn merged(&self, now: Time) -> DurationHistogram {
        self.merged_slices(now, SLICES)
    }

    /// The present slice and the one before it: what charts show as "now".
    pub(crate) fn recent(&self, now: Time) -> DurationHistogram {
        self.merged_slices(now, 2)
    }

    fn merged_slices(&self, now: Time, slices: i64) -> DurationHistogram {
        let present = now.seconds().div_euclid(SLICE_SECONDS);
        let mut merged = DurationHistogram::default();
        for (_, histogram) in self.slices.iter().filter(|(number, _)| *number > present - slices) {
            merged.merge(histogram);
        }
        merged
    }

    /// The figures of the window that ends now.
    pub(crate) fn summary(&self, now: Time) -> Summary {
        match self.cached {
            Some((present, summary)) if present == now.seconds().div_euclid(SLICE_SECONDS) => {
                summary
            }
            _ => self.merged(now).summary(),
        }
    }

    /// Computes the figures once, for all who will ask before the next change.
    pub(crate) fn settle(&mut self, now: Time) {
        let present = now.seconds().div_euclid(SLICE_SECONDS);
        if self.cached.is_none_or(|(cached_for, _)| cached_for != present) {
            self.slices.retain(|(number, _)| *number > present - SLICES);
            self.cached = Some((present, self.merged(now).summary()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_the_window_no_longer_counts() {
        let mut window = Window::default();
        window.record(Time::from_seconds(1_000), 1.0);
        window.record(Time::from_seconds(1_200), 3.0);
        assert_eq!(window.summary(Time::from_seconds(1_200)).avg, Some(2.0));
        assert_eq!(window.summary(Time::from_seconds(1_400)).avg, Some(3.0));
        window.settle(Time::from_seconds(1_600));
        assert_eq!(window.summary(Time::from_seconds(1_600)).count, 0);
    }

    #[test]
    fn a_settled_window_still_sees_new_durations() {
        let mut window = Window::default();
        window.record(Time::from_seconds(1_000), 1.0);
        window.settle(Time::from_seconds(1_000));
        window.record(Time::from_seconds(1_001), 1.0);
        assert_eq!(window.summary(Time::from_seconds(1_001)).count, 2);
    }
}
