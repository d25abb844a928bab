//! The samples of a range, at each step.

use std::sync::Arc;

use vigie_model::NativeHistogram;
use vigie_store::Samples;

/// The samples of one window; none of them is a staleness marker.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window<'a> {
    pub float_times: &'a [i64],
    pub floats: &'a [f64],
    pub histogram_times: &'a [i64],
    pub histograms: &'a [Arc<NativeHistogram>],
    /// How many samples each float is the sum of; empty where each is one.
    pub float_weights: &'a [f64],
    /// The same of histograms.
    pub histogram_weights: &'a [f64],
    /// Which of the floats, by their place in the window, are lower than the one before; unknown where nobody asked.
    pub falls: Option<Falls<'a>>,
    /// Its left end, which is not part of it.
    pub start: i64,
    /// Its right end, which is.
    pub end: i64,
}

impl Window<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.floats.is_empty() && self.histograms.is_empty()
    }

    pub(crate) fn is_mixed(&self) -> bool {
        !self.floats.is_empty() && !self.histograms.is_empty()
    }

    /// How many floats there were.
    pub(crate) fn float_count(&self) -> f64 {
        count(self.floats.len(), self.float_weights)
    }

    /// How many histograms there were.
    pub(crate) fn histogram_count(&self) -> f64 {
        count(self.histograms.len(), self.histogram_weights)
    }

    pub(crate) fn seconds(&self) -> f64 {
        (self.end - self.start) as f64 / 1000.0
    }

    pub(crate) fn floats(&self) -> Vec<(i64, f64)> {
        self.float_times.iter().copied().zip(self.floats.iter().copied()).collect()
    }

    pub(crate) fn histograms(&self) -> Vec<(i64, Arc<NativeHistogram>)> {
        self.histogram_times.iter().copied().zip(self.histograms.iter().cloned()).collect()
    }
}

fn count(samples: usize, weights: &[f64]) -> f64 {
    if weights.is_empty() { samples as f64 } else { weights.iter().sum() }
}

/// Where a counter falls within a window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Falls<'a> {
    /// Places in the whole series.
    places: &'a [usize],
    /// The window's first place there.
    first: usize,
}

impl Falls<'_> {
    /// Places in the window, each above 0.
    pub(crate) fn places(&self) -> impl Iterator<Item = usize> {
        self.places.iter().map(|place| place - self.first)
    }
}

/// Where floats are lower than the one before: few of a counter, so that windows need not be searched for them each.
pub(crate) fn falls(floats: &[f64]) -> Vec<usize> {
    // Usually there is none, which is seen faster without stopping anywhere.
    let pairs = floats.iter().zip(floats.iter().skip(1));
    if !pairs.fold(false, |fallen, (one, next)| fallen | (next < one)) {
        return Vec::new();
    }
    let pairs = floats.windows(2).enumerate();
    pairs.filter(|(_, pair)| pair[1] < pair[0]).map(|(place, _)| place + 1).collect()
}

/// A place that walks along times, and how far it went the last time.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Walk {
    place: usize,
    stride: usize,
}

impl Walk {
    /// The number of times up to `until`, which is not before the one asked for before.
    #[inline]
    pub(crate) fn to(&mut self, times: &[i64], until: i64) -> usize {
        let from = self.place;
        // Samples that come steadily are as many in each step.
        let guess = from + self.stride;
        let is_up_to =
            |place: usize| place == 0 || times.get(place - 1).is_some_and(|time| *time <= until);
        if is_up_to(guess) {
            self.place = guess;
        }
        while times.get(self.place).is_some_and(|time| *time <= until) {
            self.place += 1;
        }
        self.stride = self.place - from;
        self.place
    }
}

/// Two pointers that walk over a series once, however many windows overlap.
pub(crate) struct Windows<'a> {
    samples: &'a Samples,
    width: i64,
    floats: (Walk, Walk),
    histograms: (Walk, Walk),
    falls: Option<&'a [usize]>,
    fallen: (usize, usize),
}

impl<'a> Windows<'a> {
    pub(crate) fn new(samples: &'a Samples, width: i64) -> Self {
        let (floats, histograms) = Default::default();
        Self { samples, width, floats, histograms, falls: None, fallen: (0, 0) }
    }

    /// With what [`falls`] says of its floats.
    pub(crate) fn with_falls(self, falls: Option<&'a [usize]>) -> Self {
        Self { falls, ..self }
    }

    /// The window that ends at a time, which is not before the one asked for before.
    #[inline]
    pub(crate) fn at(&mut self, end: i64) -> Window<'a> {
        let start = end.saturating_sub(self.width);
        let samples = self.samples;
        let between = |times: &[i64], (left, right): &mut (Walk, Walk)| {
            (left.to(times, start), right.to(times, end))
        };
        let floats = between(&samples.float_times, &mut self.floats);
        let histograms = match samples.histogram_times.as_slice() {
            [] => (0, 0),
            times => between(times, &mut self.histograms),
        };
        let falls = self.falls.map(|falls| {
            let fallen = &mut self.fallen;
            while falls.get(fallen.1).is_some_and(|place| *place < floats.1) {
                fallen.1 += 1;
            }
            // At the window's first sample the one before is not part of it.
            while fallen.0 < fallen.1 && falls[fallen.0] <= floats.0 {
                fallen.0 += 1;
            }
            Falls { places: &falls[fallen.0..fallen.1], first: floats.0 }
        });
        Window {
            falls,
            float_times: &samples.float_times[floats.0..floats.1],
            floats: &samples.floats[floats.0..floats.1],
            histogram_times: &samples.histogram_times[histograms.0..histograms.1],
            histograms: &samples.histograms[histograms.0..histograms.1],
            float_weights: samples.float_weights.get(floats.0..floats.1).unwrap_or_default(),
            histogram_weights: samples
                .histogram_weights
                .get(histograms.0..histograms.1)
                .unwrap_or_default(),
            start,
            end,
        }
    }

    /// The only window that is asked for.
    pub(crate) fn last_at(mut self, end: i64) -> Window<'a> {
        self.at(end)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Walk;

    proptest! {
        #[test]
        fn a_walk_counts_the_times_up_to_each(
            mut times in prop::collection::vec(0i64..200, 0..60),
            mut untils in prop::collection::vec(-5i64..210, 0..60),
        ) {
            times.sort_unstable();
            untils.sort_unstable();
            let mut walk = Walk::default();
            for until in untils {
                let expected = times.partition_point(|time| *time <= until);
                prop_assert_eq!(walk.to(&times, until), expected);
            }
        }
    }
}
