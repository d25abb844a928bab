//! Floats to one value a stretch, and what is kept of the others: smallest, largest, sum, count. Histograms: the last.

use std::sync::Arc;

use vigie_model::NativeHistogram;

use crate::block::Aggregates;
use crate::read::Samples;

/// One series at a lower resolution.
#[derive(Debug, Default)]
pub struct Downsampled {
    /// The last millisecond of each stretch that has floats.
    pub times: Vec<i64>,
    /// What is left of those.
    pub aggregates: Aggregates,
    /// The last histogram of each stretch that has some, at the stretch's last millisecond.
    pub histograms: Samples,
}

/// What is left at one value each `step` milliseconds.
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
    let mut rest: &[Arc<NativeHistogram>] = &samples.histograms;
    for stretch in samples.histogram_times.chunk_by(|one, two| end(*one) == end(*two)) {
        let (values, others) = rest.split_at(stretch.len());
        rest = others;
        let (Some(first), Some(last)) = (stretch.first(), values.last()) else { continue };
        // A series that changed its kind within a stretch: the float stays.
        if out.times.binary_search(&end(*first)).is_err() {
            out.histograms.histogram_times.push(end(*first));
            out.histograms.histograms.push(last.clone());
        }
    }
    out
}

fn add(to: &mut Aggregates, values: &[f64]) {
    let numbers = || values.iter().copied().filter(|value| !value.is_nan());
    to.last.push(values.last().copied().unwrap_or(f64::NAN));
    to.min.push(numbers().fold(f64::NAN, f64::min));
    to.max.push(numbers().fold(f64::NAN, f64::max));
    to.sum.push(numbers().sum());
    to.count.push(numbers().count() as f64);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::STALE_BITS;

    #[test]
    fn stretches_are_aligned_and_end_just_before_the_next() {
        let stale = f64::from_bits(STALE_BITS);
        let samples = Samples {
            float_times: vec![0, 100, 299, 300, 650, 700],
            floats: vec![5.0, 1.0, 3.0, 7.0, 2.0, stale],
            ..Samples::default()
        };
        let found = downsample(&samples, 300);
        assert_eq!(found.times, [299, 599, 899]);
        let aggregates = found.aggregates;
        assert_eq!(aggregates.last[..2], [3.0, 7.0]);
        assert!(crate::is_stale(aggregates.last[2]));
        assert_eq!(aggregates.min, [1.0, 7.0, 2.0]);
        assert_eq!(aggregates.max, [5.0, 7.0, 2.0]);
        assert_eq!(aggregates.sum, [9.0, 7.0, 2.0]);
        assert_eq!(aggregates.count, [3.0, 1.0, 1.0]);
    }

    #[test]
    fn of_histograms_the_last_stays() {
        let histogram = |count| Arc::new(NativeHistogram { count, ..NativeHistogram::default() });
        let samples = Samples {
            float_times: vec![650],
            floats: vec![1.0],
            histogram_times: vec![0, 100, 300, 700],
            histograms: [1.0, 2.0, 3.0, 4.0].map(histogram).to_vec(),
        };
        let found = downsample(&samples, 300);
        assert_eq!(found.histograms.histogram_times, [299, 599]);
        assert_eq!(found.histograms.histograms[0].count, 2.0);
    }
}
