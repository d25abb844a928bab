//! What is known of one job type of one queue.

use vigie_model::{JobFact, Outcome, Time, catalogue::DURATION_BUCKETS};

use crate::activity::Tally;
use crate::window::Window;

/// A cumulative histogram since the start, for `/metrics`: fixed buckets, because Prometheus sums them over time.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Cumulative {
    /// Counts between the bounds of [`DURATION_BUCKETS`]; the last is what is above them all.
    pub counts: [u64; DURATION_BUCKETS.len() + 1],
    /// Sum in seconds.
    pub sum: f64,
}

impl Cumulative {
    fn record(&mut self, seconds: f64) {
        self.counts[DURATION_BUCKETS.partition_point(|bound| *bound < seconds)] += 1;
        self.sum += seconds;
    }
}

/// Durations of the attempts of one type that ended in one way.
#[derive(Debug, Default)]
pub(crate) struct ByOutcome {
    pub wait: Cumulative,
    pub run: Cumulative,
    pub recent_wait: Window,
    pub recent_run: Window,
}

/// Figures of one job type.
#[derive(Debug, Default)]
pub(crate) struct JobTypeState {
    /// What the totals of the queue count as well.
    pub counted: Tally,
    /// What polling happened to see of what the totals count without a type.
    pub seen: Tally,
    pub wait: Window,
    pub run: Window,
    pub succeeded: ByOutcome,
    pub failed: ByOutcome,
}

impl JobTypeState {
    pub(crate) fn apply(&mut self, at: Time, fact: JobFact) {
        match fact {
            JobFact::Enqueued => self.counted.enqueued += 1,
            JobFact::Started { wait } => {
                if let Some(wait) = wait {
                    self.wait.record(at, wait);
                }
            }
            JobFact::Finished { outcome, wait, run } => {
                self.counted.add(tally_of(outcome));
                self.ended(at, outcome, wait, run);
            }
            JobFact::Seen { outcome, wait, run } => {
                self.seen.add(tally_of(outcome));
                if let Some(wait) = wait {
                    self.wait.record(at, wait);
                }
                self.ended(at, outcome, wait, run);
            }
            JobFact::Counted { .. } => {}
        }
    }

    fn ended(&mut self, at: Time, outcome: Outcome, wait: Option<f64>, run: Option<f64>) {
        let by_outcome = match outcome {
            Outcome::Succeeded => &mut self.succeeded,
            Outcome::Failed => &mut self.failed,
        };
        if let Some(wait) = wait {
            by_outcome.wait.record(wait);
            by_outcome.recent_wait.record(at, wait);
        }
        if let Some(run) = run {
            self.run.record(at, run);
            by_outcome.run.record(run);
            by_outcome.recent_run.record(at, run);
        }
    }

    /// The outcomes with their durations, for `/metrics`.
    pub(crate) fn outcomes(&self) -> [(Outcome, u64, &ByOutcome); 2] {
        [
            (Outcome::Succeeded, self.counted.succeeded, &self.succeeded),
            (Outcome::Failed, self.counted.failed, &self.failed),
        ]
    }
}

/// One attempt that ended.
pub(crate) fn tally_of(outcome: Outcome) -> Tally {
    match outcome {
        Outcome::Succeeded => Tally { succeeded: 1, ..Tally::default() },
        Outcome::Failed => Tally { failed: 1, ..Tally::default() },
    }
}
