//! What is known of one job type of one queue.

use vigie_model::{JobFact, NativeHistogram, Outcome, Time, catalogue::DURATION_BUCKETS};

use crate::activity::Tally;
use crate::window::Window;

/// Buckets of [`DurationTotals::native`] within one power of two, as a power of two: each is 4.4 % wide.
const SCHEMA: i8 = 4;
/// What is at most this long is in the zero bucket: the resolution of all durations, 1 µs.
const ZERO_SECONDS: f64 = 1e-6;

/// Durations of attempts since Vigie's start: with fixed buckets for `/metrics`, because Prometheus sums them over
/// time, and with exponential ones for the store.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DurationTotals {
    counts: [u64; DURATION_BUCKETS.len() + 1],
    sum: f64,
    zero: u64,
    /// (index, count), by ascending index.
    exponential: Vec<(i32, u64)>,
}

impl DurationTotals {
    pub(crate) fn record(&mut self, seconds: f64) {
        self.counts[DURATION_BUCKETS.partition_point(|bound| *bound < seconds)] += 1;
        self.sum += seconds;
        if seconds <= ZERO_SECONDS {
            self.zero += 1;
            return;
        }
        let index = (seconds.log2() * f64::from(1 << SCHEMA)).ceil() as i32;
        match self.exponential.binary_search_by_key(&index, |(index, _)| *index) {
            Ok(place) => self.exponential[place].1 += 1,
            Err(place) => self.exponential.insert(place, (index, 1)),
        }
    }

    /// Counts between the bounds of [`DURATION_BUCKETS`]; the last is what is above them all.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Sum in seconds.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// As a native histogram, in seconds.
    #[must_use]
    pub fn native(&self) -> NativeHistogram {
        let buckets = self.exponential.iter().map(|(index, count)| (*index, *count as f64));
        NativeHistogram {
            schema: SCHEMA,
            zero_threshold: ZERO_SECONDS,
            zero_count: self.zero as f64,
            count: self.counts.iter().sum::<u64>() as f64,
            sum: self.sum,
            positive: buckets.collect(),
            ..NativeHistogram::default()
        }
    }
}

/// Durations of the attempts of one type that ended in one way.
#[derive(Debug, Default)]
pub(crate) struct ByOutcome {
    pub wait: DurationTotals,
    pub run: DurationTotals,
    pub recent_wait: Window,
    pub recent_run: Window,
}

/// Figures of one job type.
#[derive(Debug, Default)]
pub(crate) struct JobTypeState {
    /// What the totals of the queue count as well.
    pub counted: Tally,
    /// What of that happened since Vigie's start.
    pub counted_since_start: Tally,
    /// What polling happened to see of what the totals count without a type.
    pub seen: Tally,
    pub wait: Window,
    pub run: Window,
    pub succeeded: ByOutcome,
    pub failed: ByOutcome,
}

impl JobTypeState {
    /// `past`: it happened before Vigie's start.
    pub(crate) fn apply(&mut self, at: Time, fact: JobFact, past: bool) {
        match fact {
            JobFact::Enqueued => self.count(Tally::of(fact), past),
            JobFact::Started { wait } => {
                if let Some(wait) = wait {
                    self.wait.record(at, wait);
                }
            }
            JobFact::Finished { outcome, wait, run } => {
                self.count(Tally::of(fact), past);
                self.ended(at, outcome, (wait, run), past);
            }
            JobFact::Seen { outcome, wait, run } => {
                self.seen.add(Tally::ended(outcome));
                if let Some(wait) = wait {
                    self.wait.record(at, wait);
                }
                self.ended(at, outcome, (wait, run), past);
            }
            JobFact::Counted { .. } => {}
        }
    }

    fn count(&mut self, tally: Tally, past: bool) {
        self.counted.add(tally);
        if !past {
            self.counted_since_start.add(tally);
        }
    }

    fn ended(
        &mut self,
        at: Time,
        outcome: Outcome,
        (wait, run): (Option<f64>, Option<f64>),
        past: bool,
    ) {
        let by_outcome = match outcome {
            Outcome::Succeeded => &mut self.succeeded,
            Outcome::Failed => &mut self.failed,
        };
        if let Some(wait) = wait {
            if !past {
                by_outcome.wait.record(wait);
            }
            by_outcome.recent_wait.record(at, wait);
        }
        if let Some(run) = run {
            self.run.record(at, run);
            if !past {
                by_outcome.run.record(run);
            }
            by_outcome.recent_run.record(at, run);
        }
    }

    /// The outcomes with their durations, for `/metrics`.
    pub(crate) fn outcomes(&self) -> [(Outcome, u64, &ByOutcome); 2] {
        [
            (Outcome::Succeeded, self.counted_since_start.succeeded, &self.succeeded),
            (Outcome::Failed, self.counted_since_start.failed, &self.failed),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_native_bucket_holds_what_is_above_the_bound_before_and_at_most_its_own() {
        let mut totals = DurationTotals::default();
        for seconds in [0.0, 1.0, 1.000_001, 2.0, 0.25] {
            totals.record(seconds);
        }
        let native = totals.native();
        assert_eq!((native.zero_count, native.count, native.sum), (1.0, 5.0, 4.250_001));
        // 1 s is the upper bound of bucket 0, 2 s that of bucket 16, 1/4 s that of -32.
        assert_eq!(native.positive, [(-32, 1.0), (0, 1.0), (1, 1.0), (16, 1.0)]);
        assert_eq!(totals.counts().iter().sum::<u64>(), 5);
    }
}
