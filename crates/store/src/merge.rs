//! Samples of one series from several places, as one.

use std::sync::Arc;

use vigie_model::NativeHistogram;

use crate::read::{Samples, TimeRange};

/// Ascending times with their values, cut to a range.
pub struct Run<V> {
    times: Vec<i64>,
    values: Vec<V>,
}

impl<V> Run<V> {
    /// What of a chunk is within a range.
    pub fn new(times: &[i64], mut values: Vec<V>, range: TimeRange) -> Self {
        let start = times.partition_point(|time| *time < range.start);
        let end = times.partition_point(|time| *time <= range.end).max(start);
        values.truncate(end);
        values.drain(..start.min(values.len()));
        Self { times: times.get(start..end).unwrap_or_default().to_vec(), values }
    }
}

/// Samples that come from older places before those from newer ones. Usually each run follows the one before; where they
/// overlap, the first value that came for a time is kept.
#[derive(Default)]
pub struct Merged {
    samples: Samples,
    overlapping: bool,
}

impl Merged {
    /// Adds floats.
    pub fn floats(&mut self, run: Run<f64>) {
        let Some(first) = run.times.first() else { return };
        self.overlapping |= !self.follows(*first);
        self.samples.float_times.extend_from_slice(&run.times);
        self.samples.floats.extend(run.values);
    }

    /// Adds histograms.
    pub fn histograms(&mut self, run: Run<Arc<NativeHistogram>>) {
        let Some(first) = run.times.first() else { return };
        self.overlapping |= !self.follows(*first);
        self.samples.histogram_times.extend_from_slice(&run.times);
        self.samples.histograms.extend(run.values);
    }

    /// Adds samples whose floats and whose histograms are ascending, without a time in both.
    pub fn add_samples(&mut self, samples: Samples) {
        if self.samples.is_empty() {
            self.samples = samples;
            return;
        }
        let firsts = [samples.float_times.first(), samples.histogram_times.first()];
        let follows = firsts.into_iter().flatten().all(|first| self.follows(*first));
        self.overlapping |= !follows;
        self.samples.float_times.extend(samples.float_times);
        self.samples.floats.extend(samples.floats);
        self.samples.histogram_times.extend(samples.histogram_times);
        self.samples.histograms.extend(samples.histograms);
    }

    fn follows(&self, time: i64) -> bool {
        let lasts = [self.samples.float_times.last(), self.samples.histogram_times.last()];
        lasts.into_iter().flatten().all(|last| *last < time)
    }

    /// All of them by ascending time, each time once.
    #[must_use]
    pub fn finish(self) -> Samples {
        if !self.overlapping {
            return self.samples;
        }
        let Samples { float_times, floats, histogram_times, histograms } = self.samples;
        let (float_times, floats) = sorted(float_times, floats);
        let (mut histogram_times, mut histograms) = sorted(histogram_times, histograms);
        // A time in both, which takes a series that changed its kind just there: the float stays.
        if histogram_times.iter().any(|time| float_times.binary_search(time).is_ok()) {
            let kept = histogram_times
                .iter()
                .zip(histograms)
                .filter(|(time, _)| float_times.binary_search(time).is_err());
            (histogram_times, histograms) = kept.map(|(time, one)| (*time, one)).unzip();
        }
        Samples { float_times, floats, histogram_times, histograms }
    }
}

/// By ascending time; of several with one time, the first.
fn sorted<V>(times: Vec<i64>, values: Vec<V>) -> (Vec<i64>, Vec<V>) {
    let mut all: Vec<(i64, V)> = times.into_iter().zip(values).collect();
    all.sort_by_key(|one| one.0);
    all.dedup_by_key(|one| one.0);
    all.into_iter().unzip()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: TimeRange = TimeRange { start: i64::MIN, end: i64::MAX };

    #[test]
    fn runs_that_overlap_become_one_and_the_first_counts() {
        let mut merged = Merged::default();
        merged.floats(Run::new(&[10, 20, 30], vec![1.0, 2.0, 3.0], ALL));
        merged.floats(Run::new(&[15, 20, 40], vec![1.5, 9.0, 4.0], ALL));
        merged.histograms(Run::new(&[30, 35], vec![Arc::default(), Arc::default()], ALL));
        let samples = merged.finish();
        assert_eq!(samples.float_times, [10, 15, 20, 30, 40]);
        assert_eq!(samples.floats, [1.0, 1.5, 2.0, 3.0, 4.0]);
        assert_eq!(samples.histogram_times, [35]);
    }

    #[test]
    fn a_run_is_cut_to_the_range() {
        let range = TimeRange { start: 15, end: 30 };
        let run = Run::new(&[10, 20, 30, 40], vec![1, 2, 3, 4], range);
        assert_eq!((run.times, run.values), (vec![20, 30], vec![2, 3]));
        let run = Run::new(&[10], vec![1], TimeRange { start: 20, end: 5 });
        assert!(run.times.is_empty() && run.values.is_empty());
    }
}
