//! What is known of all queues together.

use vigie_model::{JobFact, Time};

use crate::activity::{Activity, Tally};
use crate::history::History;
use crate::job_types::DurationTotals;
use crate::window::Window;

/// All queues together.
#[derive(Debug, Default)]
pub(crate) struct Overall {
    pub activity: Activity,
    pub history: History,
    pub wait: Window,
    pub run: Window,
    pub latency: Window,
    /// What happened since Vigie's start.
    since_start: Tally,
    wait_totals: DurationTotals,
    run_totals: DurationTotals,
}

/// What happened in all queues since Vigie's start, queues that are gone included.
#[derive(Debug, Clone, Copy)]
pub struct OverallTotals<'a> {
    /// Jobs added.
    pub enqueued: u64,
    /// Attempts that succeeded.
    pub succeeded: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Waits of attempts that ended.
    pub wait: &'a DurationTotals,
    /// Runs of attempts that ended.
    pub run: &'a DurationTotals,
}

impl Overall {
    /// Takes in what happened at a time; `past`: before Vigie's start.
    pub(crate) fn count(&mut self, at: Time, fact: JobFact, past: bool) {
        let tally = Tally::of(fact);
        if tally != Tally::default() {
            self.activity.record(at, tally);
        }
        if !past {
            self.since_start.add(tally);
            if let JobFact::Finished { wait, run, .. } | JobFact::Seen { wait, run, .. } = fact {
                wait.into_iter().for_each(|wait| self.wait_totals.record(wait));
                run.into_iter().for_each(|run| self.run_totals.record(run));
            }
        }
        match fact {
            JobFact::Started { wait: Some(wait) } => self.wait.record(at, wait),
            JobFact::Finished { wait, run, .. } => self.ended(at, wait, run),
            JobFact::Seen { wait, run, .. } => {
                if let Some(wait) = wait {
                    self.wait.record(at, wait);
                }
                self.ended(at, wait, run);
            }
            _ => {}
        }
    }

    fn ended(&mut self, at: Time, wait: Option<f64>, run: Option<f64>) {
        if let Some(run) = run {
            self.run.record(at, run);
            self.latency.record(at, run + wait.unwrap_or(0.0));
        }
    }

    pub(crate) fn totals(&self) -> OverallTotals<'_> {
        let Tally { enqueued, succeeded, failed } = self.since_start;
        let (wait, run) = (&self.wait_totals, &self.run_totals);
        OverallTotals { enqueued, succeeded, failed, wait, run }
    }
}
