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
    /// Whether some of them may stand for several.
    weighted: bool,
}

impl Merged {
    /// Of which each has a weight.
    pub fn weighted() -> Self {
        Self { weighted: true, ..Self::default() }
    }

    /// The same in memory that was used before; what is in it is taken away.
    pub fn within(self, mut samples: Samples) -> Self {
        samples.clear();
        Self { samples, ..self }
    }

    /// Adds floats.
    pub fn floats(&mut self, run: Run<f64>) {
        let Some(first) = run.times.first() else { return };
        self.overlapping |= !self.follows(*first);
        self.samples.float_times.extend_from_slice(&run.times);
        self.samples.floats.extend(run.values);
        self.weigh();
    }

    /// Adds what is within a range of a chunk of floats, without a copy: `decode` appends its values and answers its times.
    pub fn decoded<E>(
        &mut self,
        range: TimeRange,
        decode: impl FnOnce(&mut Vec<f64>) -> Result<Arc<Vec<i64>>, E>,
    ) -> Result<(), E> {
        let before = self.samples.floats.len();
        let times = decode(&mut self.samples.floats).inspect_err(|_| {
            self.samples.floats.truncate(before);
        })?;
        let start = times.partition_point(|time| *time < range.start);
        let end = times.partition_point(|time| *time <= range.end).max(start);
        self.samples.floats.truncate(before + end);
        self.samples.floats.drain(before..before + start);
        let times = &times[start..end];
        if let Some(first) = times.first() {
            self.overlapping |= !self.follows(*first);
            self.samples.float_times.extend_from_slice(times);
            self.weigh();
        }
        Ok(())
    }

    /// Adds sums of floats with their weights.
    pub fn sums(&mut self, run: Run<(f64, f64)>) {
        let Some(first) = run.times.first() else { return };
        self.overlapping |= !self.follows(*first);
        self.samples.float_times.extend_from_slice(&run.times);
        for (sum, weight) in run.values {
            self.samples.floats.push(sum);
            self.samples.float_weights.push(weight);
        }
    }

    /// Adds histograms.
    pub fn histograms(&mut self, run: Run<Arc<NativeHistogram>>) {
        let Some(first) = run.times.first() else { return };
        self.overlapping |= !self.follows(*first);
        self.samples.histogram_times.extend_from_slice(&run.times);
        self.samples.histograms.extend(run.values);
        self.weigh();
    }

    /// Adds sums of histograms with their weights.
    pub fn histogram_sums(&mut self, run: Run<(Arc<NativeHistogram>, f64)>) {
        let Some(first) = run.times.first() else { return };
        self.overlapping |= !self.follows(*first);
        self.samples.histogram_times.extend_from_slice(&run.times);
        for (sum, weight) in run.values {
            self.samples.histograms.push(sum);
            self.samples.histogram_weights.push(weight);
        }
    }

    /// Adds samples whose floats and whose histograms are ascending, without a time in both.
    pub fn add_samples(&mut self, samples: Samples) {
        if samples.is_empty() {
            return;
        }
        if self.samples.is_empty() {
            self.samples = samples;
            return self.weigh();
        }
        let firsts = [samples.float_times.first(), samples.histogram_times.first()];
        let follows = firsts.into_iter().flatten().all(|first| self.follows(*first));
        self.overlapping |= !follows;
        self.samples.float_times.extend(samples.float_times);
        self.samples.floats.extend(samples.floats);
        self.samples.histogram_times.extend(samples.histogram_times);
        self.samples.histograms.extend(samples.histograms);
        self.weigh();
    }

    /// Samples that were added without a weight stand for themselves.
    fn weigh(&mut self) {
        if self.weighted {
            let samples = &mut self.samples;
            samples.float_weights.resize(samples.floats.len(), 1.0);
            samples.histogram_weights.resize(samples.histograms.len(), 1.0);
        }
    }

    fn follows(&self, time: i64) -> bool {
        self.newest().is_none_or(|newest| newest < time)
    }

    /// The time of the newest sample, as long as each run follows the one before.
    pub fn newest(&self) -> Option<i64> {
        let lasts = [self.samples.float_times.last(), self.samples.histogram_times.last()];
        lasts.into_iter().flatten().max().copied()
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// All of them by ascending time, each time once.
    #[must_use]
    pub fn finish(self) -> Samples {
        let mut samples = if self.overlapping { by_time(self.samples) } else { self.samples };
        for weights in [&mut samples.float_weights, &mut samples.histogram_weights] {
            if weights.iter().all(|weight| *weight == 1.0) {
                weights.clear();
            }
        }
        samples
    }
}

/// By ascending time, each time once.
fn by_time(all: Samples) -> Samples {
    let mut floats = sorted(all.float_times, all.floats, all.float_weights);
    let mut histograms = sorted(all.histogram_times, all.histograms, all.histogram_weights);
    // A time in both, which takes a series that changed its kind just there: the float stays.
    let there = |time: &i64| floats.binary_search_by_key(time, |one| one.0).is_ok();
    histograms.retain(|one| !there(&one.0));
    let mut samples = Samples::default();
    for (time, value, weight) in floats.drain(..) {
        samples.float_times.push(time);
        samples.floats.push(value);
        samples.float_weights.push(weight);
    }
    for (time, value, weight) in histograms {
        samples.histogram_times.push(time);
        samples.histograms.push(value);
        samples.histogram_weights.push(weight);
    }
    samples
}

/// By ascending time; of several with one time, the first.
fn sorted<V>(times: Vec<i64>, values: Vec<V>, weights: Vec<f64>) -> Vec<(i64, V, f64)> {
    let weights = weights.into_iter().chain(std::iter::repeat(1.0));
    let all = times.into_iter().zip(values).zip(weights);
    let mut all: Vec<_> = all.map(|((time, value), weight)| (time, value, weight)).collect();
    all.sort_by_key(|one| one.0);
    all.dedup_by_key(|one| one.0);
    all
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
    fn sums_keep_their_weights_beside_single_samples() {
        let mut merged = Merged::weighted();
        merged.sums(Run::new(&[10, 30], vec![(5.0, 2.0), (9.0, 3.0)], ALL));
        merged.floats(Run::new(&[20, 40], vec![1.0, 2.0], ALL));
        let samples = merged.finish();
        assert_eq!(samples.floats, [5.0, 1.0, 9.0, 2.0]);
        assert_eq!(samples.float_weights, [2.0, 1.0, 3.0, 1.0]);
        let mut merged = Merged::weighted();
        merged.floats(Run::new(&[20, 40], vec![1.0, 2.0], ALL));
        assert_eq!(merged.finish().float_weights, [0.0; 0]);
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
