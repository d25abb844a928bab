//! Samples of one series from several places, as one.

use std::sync::Arc;

use vigie_model::NativeHistogram;

use crate::read::{Samples, TimeRange};

/// Ascending times with their values, cut to a range.
pub struct Run<V> {
    times: Vec<i64>,
    values: Vec<V>,
}

impl<V> FromIterator<(i64, V)> for Run<V> {
    fn from_iter<I: IntoIterator<Item = (i64, V)>>(samples: I) -> Self {
        let (times, values) = samples.into_iter().unzip();
        Self { times, values }
    }
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
/// overlap, the first value that came for a time is kept. Floats ascend at any time, and so do histograms.
#[derive(Default)]
pub struct Merged {
    samples: Samples,
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
        self.float_columns().add(run);
    }

    /// Adds ascending floats without a copy: `fill` appends them and their times.
    pub fn filled<E>(
        &mut self,
        fill: impl FnOnce(&mut Vec<i64>, &mut Vec<f64>) -> Result<(), E>,
    ) -> Result<(), E> {
        let all = self.float_columns();
        fill(all.times, all.values).inspect_err(|_| {
            all.times.truncate(all.there);
            all.values.truncate(all.there);
        })?;
        all.settle();
        Ok(())
    }

    /// The same of what is within a range of a chunk: `decode` appends its values and answers its times.
    pub fn decoded<E>(
        &mut self,
        range: TimeRange,
        decode: impl FnOnce(&mut Vec<f64>) -> Result<Arc<Vec<i64>>, E>,
    ) -> Result<(), E> {
        self.filled(|all, values| {
            let there = values.len();
            let times = decode(values)?;
            let start = times.partition_point(|time| *time < range.start);
            let end = times.partition_point(|time| *time <= range.end).max(start);
            values.truncate(there + end);
            values.drain(there..there + start);
            all.extend_from_slice(&times[start..end]);
            Ok(())
        })
    }

    /// Adds sums of floats with their weights.
    pub fn sums(&mut self, run: Run<(f64, f64)>) {
        self.float_columns().add_weighted(run);
    }

    /// Adds histograms.
    pub fn histograms(&mut self, run: Run<Arc<NativeHistogram>>) {
        self.histogram_columns().add(run);
    }

    /// Adds sums of histograms with their weights.
    pub fn histogram_sums(&mut self, run: Run<(Arc<NativeHistogram>, f64)>) {
        self.histogram_columns().add_weighted(run);
    }

    fn float_columns(&mut self) -> Columns<'_, f64> {
        let Samples { float_times: times, floats, float_weights, .. } = &mut self.samples;
        let weights = self.weighted.then_some(float_weights);
        Columns { there: times.len(), times, values: floats, weights }
    }

    fn histogram_columns(&mut self) -> Columns<'_, Arc<NativeHistogram>> {
        let Samples { histogram_times: times, histograms, histogram_weights, .. } =
            &mut self.samples;
        let weights = self.weighted.then_some(histogram_weights);
        Columns { there: times.len(), times, values: histograms, weights }
    }

    /// The time of the newest sample.
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
        let mut samples = self.samples;
        without_floats(&mut samples);
        for weights in [&mut samples.float_weights, &mut samples.histogram_weights] {
            if weights.iter().all(|weight| *weight == 1.0) {
                weights.clear();
            }
        }
        samples
    }
}

/// A time in both, which takes a series that changed its kind just there: the float stays.
fn without_floats(samples: &mut Samples) {
    let Samples { float_times, histogram_times, .. } = &samples;
    let alone = |time: &i64| float_times.binary_search(time).is_err();
    if float_times.is_empty() || histogram_times.iter().all(alone) {
        return;
    }
    let keep: Vec<bool> = histogram_times.iter().map(alone).collect();
    let kept = |place: &mut std::slice::Iter<'_, bool>| place.next().copied().unwrap_or_default();
    let mut flags = keep.iter();
    samples.histogram_times.retain(|_| kept(&mut flags));
    let mut flags = keep.iter();
    samples.histograms.retain(|_| kept(&mut flags));
    let mut flags = keep.iter();
    samples.histogram_weights.retain(|_| kept(&mut flags));
}

/// Samples of one kind.
struct Columns<'a, V> {
    times: &'a mut Vec<i64>,
    values: &'a mut Vec<V>,
    /// None where each stands for itself.
    weights: Option<&'a mut Vec<f64>>,
    /// How many there are before one adds more.
    there: usize,
}

impl<V> Columns<'_, V> {
    fn add(self, run: Run<V>) {
        self.times.extend_from_slice(&run.times);
        self.values.extend(run.values);
        self.settle();
    }

    fn add_weighted(mut self, run: Run<(V, f64)>) {
        self.times.extend_from_slice(&run.times);
        for (sum, weight) in run.values {
            self.values.push(sum);
            self.weights.iter_mut().for_each(|weights| weights.push(weight));
        }
        self.settle();
    }

    /// Gives what was added, which ascends, its places. What has no weight stands for itself.
    fn settle(mut self) {
        if let Some(weights) = &mut self.weights {
            weights.resize(self.values.len(), 1.0);
        }
        let Some(&first) = self.times.get(self.there) else { return };
        let before = self.times[..self.there].partition_point(|time| *time < first);
        if before == self.there {
            return;
        }
        let mut later = self.split_off(self.there).peekable();
        let mut earlier = self.split_off(before).peekable();
        loop {
            let next = match (earlier.peek(), later.peek()) {
                (Some(one), Some(two)) if one.0 == two.0 => {
                    later.next();
                    earlier.next()
                }
                (Some(one), Some(two)) if one.0 > two.0 => later.next(),
                (None, _) => later.next(),
                _ => earlier.next(),
            };
            let Some((time, value, weight)) = next else { return };
            self.times.push(time);
            self.values.push(value);
            self.weights.iter_mut().for_each(|weights| weights.push(weight));
        }
    }

    /// Those from a place on, taken away.
    fn split_off(&mut self, place: usize) -> impl Iterator<Item = (i64, V, f64)> + use<V> {
        let weights = self.weights.as_mut().map(|weights| weights.split_off(place));
        let weights = weights.unwrap_or_default().into_iter().chain(std::iter::repeat(1.0));
        let all = self.times.split_off(place).into_iter().zip(self.values.split_off(place));
        all.zip(weights).map(|((time, value), weight)| (time, value, weight))
    }
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

    proptest::proptest! {
        #[test]
        fn runs_become_what_sorting_them_gives(
            runs in proptest::collection::vec(proptest::collection::btree_map(0i64..60, 0u8..9, 0..20), 0..6),
            weighted: bool,
        ) {
            let mut merged = if weighted { Merged::weighted() } else { Merged::default() };
            let mut expected: Vec<(i64, f64)> = Vec::new();
            for run in &runs {
                let times: Vec<i64> = run.keys().copied().collect();
                let values: Vec<f64> = run.values().copied().map(f64::from).collect();
                expected.extend(times.iter().copied().zip(values.iter().copied()));
                merged.floats(Run::new(&times, values, ALL));
            }
            expected.sort_by_key(|one| one.0);
            expected.dedup_by_key(|one| one.0);
            let found = merged.finish();
            let found: Vec<(i64, f64)> = found.float_times.into_iter().zip(found.floats).collect();
            assert_eq!(found, expected);
        }
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
