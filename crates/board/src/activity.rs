//! What happened in each of the last seconds.

use std::collections::VecDeque;

use vigie_model::{JobFact, Outcome, Time};

use crate::history::HISTORY_SECONDS;

/// Jobs enqueued, succeeded and failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    pub enqueued: u64,
    pub succeeded: u64,
    pub failed: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.enqueued += other.enqueued;
        self.succeeded += other.succeeded;
        self.failed += other.failed;
    }

    /// Of what happened to a job. One that was only seen is counted by others.
    pub(crate) fn of(fact: JobFact) -> Self {
        match fact {
            JobFact::Enqueued => Self { enqueued: 1, ..Self::default() },
            JobFact::Counted { enqueued, succeeded, failed } => {
                Self { enqueued, succeeded, failed }
            }
            JobFact::Finished { outcome, .. } => Self::ended(outcome),
            JobFact::Started { .. } | JobFact::Seen { .. } => Self::default(),
        }
    }

    /// Of one attempt that ended.
    pub(crate) fn ended(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Succeeded => Self { succeeded: 1, ..Self::default() },
            Outcome::Failed => Self { failed: 1, ..Self::default() },
        }
    }

    pub(crate) fn processed(self) -> u64 {
        self.succeeded + self.failed
    }
}

/// Tallies by second, sparse: seconds in which nothing happened take no room. Late arrivals (a backlog that is
/// read after a start) go where they belong.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    /// (Unix second, what happened in it), ascending.
    seconds: VecDeque<(i64, Tally)>,
}

impl Activity {
    pub(crate) fn record(&mut self, at: Time, tally: Tally) {
        let second = at.seconds();
        let place = self.seconds.partition_point(|(one, _)| *one < second);
        match self.seconds.get_mut(place) {
            Some((one, sum)) if *one == second => sum.add(tally),
            _ => self.seconds.insert(place, (second, tally)),
        }
    }

    pub(crate) fn forget_before(&mut self, now: Time) {
        let horizon = now.seconds() - HISTORY_SECONDS;
        while self.seconds.front().is_some_and(|(second, _)| *second < horizon) {
            self.seconds.pop_front();
        }
    }

    /// What happened in the seconds `from..to`.
    pub(crate) fn between(&self, from: i64, to: i64) -> Tally {
        let start = self.seconds.partition_point(|(second, _)| *second < from);
        let mut sum = Tally::default();
        for (second, tally) in self.seconds.range(start..) {
            if *second >= to {
                break;
            }
            sum.add(*tally);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(enqueued: u64) -> Tally {
        Tally { enqueued, ..Tally::default() }
    }

    #[test]
    fn late_arrivals_go_where_they_belong() {
        let mut activity = Activity::default();
        for second in [100, 102, 101, 102] {
            activity.record(Time::from_seconds(second), one(1));
        }
        assert_eq!(activity.between(101, 102), one(1));
        assert_eq!(activity.between(102, 103), one(2));
        assert_eq!(activity.between(0, 1_000), one(4));
    }

    #[test]
    fn the_past_is_forgotten() {
        let mut activity = Activity::default();
        activity.record(Time::from_seconds(100), one(1));
        activity.record(Time::from_seconds(2_000), one(1));
        activity.forget_before(Time::from_seconds(2_000));
        assert_eq!(activity.between(0, 3_000), one(1));
    }
}
