use proptest::prelude::*;

use super::*;
use crate::STALE_BITS;

fn floats(times: &[i64], values: &[f64]) -> Samples {
    Samples { float_times: times.to_vec(), floats: values.to_vec(), ..Samples::default() }
}

fn histogram(count: f64, reset_hint: ResetHint) -> Arc<NativeHistogram> {
    Arc::new(NativeHistogram {
        count,
        sum: count * 2.0,
        positive: vec![(1, count)],
        reset_hint,
        ..NativeHistogram::default()
    })
}

#[test]
fn stretches_are_aligned_and_end_just_before_the_next() {
    let stale = f64::from_bits(STALE_BITS);
    let samples =
        floats(&[0, 100, 299, 300, 650, 700, 900], &[5.0, 1.0, 3.0, 7.0, 2.0, stale, f64::NAN]);
    let found = downsample(&samples, 300);
    assert_eq!(found.times, [299, 599, 899, 1199]);
    let aggregates = found.aggregates;
    assert_eq!(aggregates.last[..2], [3.0, 7.0]);
    assert!(is_stale(aggregates.last[2]));
    assert_eq!(aggregates.min[..3], [1.0, 7.0, 2.0]);
    assert_eq!(aggregates.max[..3], [5.0, 7.0, 2.0]);
    assert_eq!(aggregates.sum[..3], [9.0, 7.0, 2.0]);
    assert_eq!(aggregates.count, [3.0, 1.0, 1.0, 1.0]);
    // What is no number counts, as it does in PromQL.
    assert!(aggregates.sum[3].is_nan() && aggregates.min[3].is_nan());
}

#[test]
fn the_samples_around_a_fall_are_kept() {
    // Up to 90, begun anew at 150, and higher than before at the stretch's end.
    let times: Vec<i64> = (0..60).map(|n| n * 10).collect();
    let values: Vec<f64> = (0..60)
        .map(|n| if n < 15 { 6.0 * f64::from(n) } else { 10.0 * f64::from(n - 15) })
        .collect();
    let found = downsample(&floats(&times, &values), 300);
    assert_eq!(found.aggregates.last, [140.0, 440.0]);
    // The day's first may be a fall from the day before.
    assert_eq!(found.kept.float_times, [0, 140, 150]);
    assert_eq!(found.kept.floats, [0.0, 84.0, 0.0]);
    // What falls all the time is a gauge.
    let gauge: Vec<f64> = (0..1000).map(|n| f64::from(n % 2)).collect();
    let times: Vec<i64> = (0..1000).map(|n| n * 10).collect();
    assert!(downsample(&floats(&times, &gauge), 300).kept.is_empty());
    // What does not change says all with the last.
    assert!(downsample(&floats(&times, &[1.0; 1000]), 300).kept.is_empty());
}

#[test]
fn of_histograms_the_last_stays_and_of_gauges_the_sum() {
    let samples = Samples {
        float_times: vec![650],
        floats: vec![1.0],
        histogram_times: vec![0, 100, 300, 700],
        histograms: [1.0, 2.0, 3.0, 4.0].map(|count| histogram(count, ResetHint::Gauge)).to_vec(),
        ..Samples::default()
    };
    let found = downsample(&samples, 300);
    assert_eq!(found.kept.histogram_times, [299, 599]);
    assert_eq!(found.kept.histograms[0].count, 2.0);
    assert_eq!(found.merged.histogram_times, [299, 599, 899]);
    assert_eq!(found.merged.histogram_weights, [2.0, 1.0, 1.0]);
    let sum = &found.merged.histograms[0];
    assert_eq!((sum.count, sum.sum, &sum.positive[..]), (3.0, 6.0, &[(1, 3.0)][..]));
}

#[test]
fn histograms_with_other_buckets_are_a_sum_of_their_own() {
    let finer = |count| {
        let mut one = NativeHistogram::clone(&histogram(count, ResetHint::Gauge));
        one.schema = 3;
        Arc::new(one)
    };
    let coarse = |count| histogram(count, ResetHint::Gauge);
    let samples = Samples {
        histogram_times: vec![0, 10, 20, 30],
        histograms: vec![coarse(1.0), coarse(2.0), finer(4.0), finer(8.0)],
        ..Samples::default()
    };
    let found = downsample(&samples, 300).merged;
    assert_eq!(found.histogram_times, [10, 299]);
    assert_eq!(found.histogram_weights, [2.0, 2.0]);
    assert_eq!(found.histograms[1].count, 12.0);
}

#[test]
fn counters_of_histograms_are_not_added_up_and_keep_their_falls() {
    let counts = [5.0, 9.0, 2.0, 20.0];
    let samples = Samples {
        histogram_times: vec![0, 100, 150, 250],
        histograms: counts.map(|count| histogram(count, ResetHint::Unknown)).to_vec(),
        ..Samples::default()
    };
    let found = downsample(&samples, 300);
    assert!(found.merged.is_empty());
    assert_eq!(found.kept.histogram_times, [0, 100, 150, 299]);
}

/// What a counter went up by, as PromQL counts it.
fn increase(samples: &[(i64, f64)]) -> f64 {
    let pairs = samples.windows(2).map(|pair| (pair[0].1, pair[1].1));
    pairs.map(|(before, after)| if after < before { after } else { after - before }).sum()
}

proptest! {
    #[test]
    fn counters_lose_nothing(steps in prop::collection::vec((1i64..90, 0u32..20, 0u32..12), 2..200), step in 100i64..600) {
        let (mut time, mut value, mut all) = (0, 0.0, Vec::new());
        for (gap, more, reset) in steps {
            time += gap;
            value = if reset == 0 { f64::from(more) } else { value + f64::from(more) };
            all.push((time, value));
        }
        let (times, values): (Vec<i64>, Vec<f64>) = all.iter().copied().unzip();
        let found = downsample(&floats(&times, &values), step);
        let lasts = found.times.iter().copied().zip(found.aggregates.last);
        let mut low: Vec<(i64, f64)> = lasts.chain(found.kept.float_times.into_iter().zip(found.kept.floats)).collect();
        low.sort_by_key(|one| one.0);
        // Between the ends of any two stretches.
        let last_before = |end: i64| all.partition_point(|one| one.0 <= end);
        for (place, from) in found.times.iter().enumerate() {
            for to in &found.times[place..] {
                let raw = increase(&all[last_before(*from) - 1..last_before(*to)]);
                let within: Vec<_> = low.iter().copied().filter(|one| (*from..=*to).contains(&one.0)).collect();
                prop_assert_eq!(increase(&within), raw);
            }
        }
    }
}
