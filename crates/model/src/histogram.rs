//! Durations as a sparse log-linear histogram: small, mergeable, within 0.8 % at every percentile.
//!
//! `hdrhistogram` keeps a dense array (15 KB at two digits from 1 µs to a day); Vigie keeps several windows for
//! each type of each queue, nearly all of them touching a few dozen buckets. See ADR 0004.

/// Sub-buckets of one power of two; a bucket is at most 1/64 wide, so its middle is at most 1/128 off.
const SUB: u64 = 64;
const SUB_BITS: u32 = SUB.trailing_zeros();

/// A histogram of durations in seconds, resolved to 1 µs; count, sum, min and max are exact.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DurationHistogram {
    /// (bucket, count), by ascending bucket.
    buckets: Vec<(u16, u32)>,
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
}

/// What is shown of a set of durations, in seconds. All but `count` are `None` when the set is empty.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Summary {
    /// How many durations.
    pub count: u64,
    /// Their mean.
    pub avg: Option<f64>,
    /// The shortest.
    pub min: Option<f64>,
    /// The longest.
    pub max: Option<f64>,
    /// The median.
    pub p50: Option<f64>,
    /// The 95th percentile.
    pub p95: Option<f64>,
    /// The 99th percentile.
    pub p99: Option<f64>,
}

impl DurationHistogram {
    /// Adds one duration; negative ones (clocks that disagree) count as 0.
    pub fn record(&mut self, seconds: f64) {
        let seconds = if seconds.is_finite() { seconds.max(0.0) } else { return };
        let bucket = bucket_of(seconds);
        match self.buckets.binary_search_by_key(&bucket, |(index, _)| *index) {
            Ok(place) => self.buckets[place].1 = self.buckets[place].1.saturating_add(1),
            Err(place) => self.buckets.insert(place, (bucket, 1)),
        }
        self.widen(seconds, seconds);
        self.count += 1;
        self.sum += seconds;
    }

    /// Adds everything that `other` holds.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        self.widen(other.min, other.max);
        self.count += other.count;
        self.sum += other.sum;
        for &(bucket, count) in &other.buckets {
            match self.buckets.binary_search_by_key(&bucket, |(index, _)| *index) {
                Ok(place) => self.buckets[place].1 = self.buckets[place].1.saturating_add(count),
                Err(place) => self.buckets.insert(place, (bucket, count)),
            }
        }
    }

    fn widen(&mut self, min: f64, max: f64) {
        if self.count == 0 {
            (self.min, self.max) = (min, max);
        } else {
            (self.min, self.max) = (self.min.min(min), self.max.max(max));
        }
    }

    /// How many durations it holds.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The duration in seconds that a share `q` (0 to 1) of all is at or below, by nearest rank.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let rank = ((q * self.count as f64).ceil() as u64).clamp(1, self.count);
        let mut seen = 0;
        for &(bucket, count) in &self.buckets {
            seen += u64::from(count);
            if seen >= rank {
                return Some(middle_of(bucket).clamp(self.min, self.max));
            }
        }
        Some(self.max)
    }

    /// Everything that is shown of it.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let some = |value| (self.count > 0).then_some(value);
        Summary {
            count: self.count,
            avg: some(self.sum / self.count.max(1) as f64),
            min: some(self.min),
            max: some(self.max),
            p50: self.quantile(0.50),
            p95: self.quantile(0.95),
            p99: self.quantile(0.99),
        }
    }

    /// Counts between `bounds` (ascending, seconds): one more than bounds, the last is what is above them all.
    /// A bucket goes where its middle lies.
    #[must_use]
    pub fn counts_between(&self, bounds: &[f64]) -> Vec<u64> {
        let mut counts = vec![0; bounds.len() + 1];
        for &(bucket, count) in &self.buckets {
            let middle = middle_of(bucket);
            counts[bounds.partition_point(|bound| *bound < middle)] += u64::from(count);
        }
        counts
    }
}

fn bucket_of(seconds: f64) -> u16 {
    // Beyond 2^41 µs (25 days) everything shares the last bucket; min and max stay exact.
    let micros = ((seconds * 1e6).round() as u64).min((1 << 41) - 1);
    if micros < SUB {
        return micros as u16;
    }
    let exponent = 63 - micros.leading_zeros();
    let sub = (micros >> (exponent - SUB_BITS)) & (SUB - 1);
    ((u64::from(exponent - SUB_BITS) + 1) * SUB + sub) as u16
}

fn middle_of(bucket: u16) -> f64 {
    let bucket = u64::from(bucket);
    if bucket < SUB {
        return bucket as f64 / 1e6;
    }
    let shift = bucket / SUB - 1;
    let low = (SUB + bucket % SUB) << shift;
    (low as f64 + ((1_u64 << shift) - 1) as f64 / 2.0) / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(values: &[f64]) -> DurationHistogram {
        let mut histogram = DurationHistogram::default();
        values.iter().for_each(|value| histogram.record(*value));
        histogram
    }

    #[test]
    fn an_empty_one_has_no_figures() {
        assert_eq!(DurationHistogram::default().summary(), Summary::default());
    }

    #[test]
    fn count_sum_min_and_max_are_exact() {
        let summary = of(&[0.1, 0.2, 0.6]).summary();
        assert_eq!(summary.count, 3);
        assert!((summary.avg.unwrap() - 0.3).abs() < 1e-12);
        assert_eq!((summary.min, summary.max), (Some(0.1), Some(0.6)));
    }

    #[test]
    fn what_is_not_a_duration_is_left_out_or_zero() {
        let histogram = of(&[f64::NAN, f64::INFINITY, -1.0]);
        assert_eq!(histogram.summary().max, Some(0.0));
        assert_eq!(histogram.count(), 1);
    }

    proptest! {
        #[test]
        fn percentiles_are_within_one_percent(mut values in proptest::collection::vec(1e-4_f64..1e5, 1..400)) {
            let histogram = of(&values);
            values.sort_by(f64::total_cmp);
            for q in [0.5, 0.95, 0.99, 1.0] {
                let rank = ((q * values.len() as f64).ceil() as usize).clamp(1, values.len());
                let exact = values[rank - 1];
                let ours = histogram.quantile(q).unwrap();
                prop_assert!((ours - exact).abs() <= exact * 0.01 + 1e-6, "{q}: {ours} for {exact}");
            }
        }

        #[test]
        fn merging_is_recording_both(a in proptest::collection::vec(0.0_f64..1e3, 0..80), b in proptest::collection::vec(0.0_f64..1e3, 0..80)) {
            let mut merged = of(&a);
            merged.merge(&of(&b));
            let both = of(&[a, b].concat());
            prop_assert_eq!(&merged.buckets, &both.buckets);
            prop_assert_eq!((merged.min, merged.max, merged.count), (both.min, both.max, both.count));
            prop_assert_eq!(merged.counts_between(&[0.1, 10.0]).iter().sum::<u64>(), merged.count);
        }
    }
}
