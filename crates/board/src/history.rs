//! The last 15 minutes at one second: what the first charts are drawn from until the store takes over.

use std::collections::VecDeque;

use vigie_model::Time;

use crate::activity::Activity;

/// How far back the history reaches, in seconds.
pub const HISTORY_SECONDS: i64 = 900;

/// The state of a queue (or of all together) at one second. `None` is absent: it is drawn as a gap.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Point {
    /// Jobs waiting.
    pub waiting: Option<u64>,
    /// Jobs running.
    pub active: Option<u64>,
    /// Jobs scheduled.
    pub scheduled: Option<u64>,
    /// Jobs waiting for a retry.
    pub retry: Option<u64>,
    /// Workers.
    pub workers: Option<u64>,
    /// Slots of those workers.
    pub capacity: Option<u64>,
    /// Slots in use.
    pub busy: Option<u64>,
    /// Median wait of the last half to whole minute, in seconds.
    pub wait_p50: Option<f64>,
    /// 95th percentile of that wait.
    pub wait_p95: Option<f64>,
    /// Median run.
    pub run_p50: Option<f64>,
    /// 95th percentile of that run.
    pub run_p95: Option<f64>,
    /// Jobs enqueued a second; only in answers, see [`History::columns`].
    pub in_rate: Option<f64>,
    /// Attempts ended a second; only in answers.
    pub out_rate: Option<f64>,
    /// Attempts failed a second; only in answers.
    pub failed_rate: Option<f64>,
}

/// Which part of the history is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first second.
    pub start: i64,
    /// Seconds between two points.
    pub step: i64,
    /// How many points.
    pub points: usize,
}

impl Span {
    /// The `range` seconds that end with the last whole second before `now`, one point every `step` seconds;
    /// both are brought into what the history has.
    #[must_use]
    pub fn ending(now: Time, range: i64, step: i64) -> Self {
        let step = step.clamp(1, HISTORY_SECONDS);
        let points = (range.clamp(1, HISTORY_SECONDS) / step).max(1);
        let start = (now.seconds() - points * step).div_euclid(step) * step;
        Self { start, step, points: points as usize }
    }
}

/// A part of the history, point by point.
#[derive(Debug, Clone, PartialEq)]
pub struct Columns {
    /// What was asked for.
    pub span: Span,
    /// The state at the end of each step, with the rates over that step.
    pub points: Vec<Point>,
}

/// Points by second; a point that equals the one before takes no room.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// (Unix second from which it holds, state), ascending.
    changes: VecDeque<(i64, Point)>,
    /// The second of the newest call of `record`.
    newest: Option<i64>,
}

impl History {
    /// Sets the state at `now`. Seconds in between, in which nobody recorded, keep the state before.
    pub(crate) fn record(&mut self, now: Time, point: Point) {
        let second = now.seconds();
        match self.changes.back_mut() {
            Some((one, last)) if *one == second => *last = point,
            Some((_, last)) if *last == point => {}
            _ => self.changes.push_back((second, point)),
        }
        self.newest = Some(second);
        let horizon = second - HISTORY_SECONDS;
        while self.changes.len() > 1 && self.changes[1].0 <= horizon {
            self.changes.pop_front();
        }
    }

    /// The state that held at the end of `second`; absent before the first and after the newest record.
    fn at(&self, second: i64) -> Option<Point> {
        let newest = self.newest?;
        let place = self.changes.partition_point(|(one, _)| *one <= second);
        (second <= newest && place > 0).then(|| self.changes[place - 1].1)
    }

    /// A part of the history, with the rates of `activity`. Rates are known from `since` on, but for seconds of
    /// which the state is known to be absent.
    pub(crate) fn columns(&self, activity: &Activity, since: Option<Time>, span: Span) -> Columns {
        let known_from = since.map_or(i64::MAX, |since| since.seconds());
        let points = (0..span.points as i64)
            .map(|index| {
                let from = span.start + index * span.step;
                let to = from + span.step;
                let state = self.at(to - 1);
                let mut point = state.unwrap_or_default();
                let absent =
                    state.is_some_and(|state| state.waiting.is_none() && state.active.is_none());
                let tally = activity.between(from, to);
                if (to > known_from && !absent) || tally.processed() + tally.enqueued > 0 {
                    let per_second = |count: u64| Some(count as f64 / span.step as f64);
                    point.in_rate = per_second(tally.enqueued);
                    point.out_rate = per_second(tally.processed());
                    point.failed_rate = per_second(tally.failed);
                }
                point
            })
            .collect();
        Columns { span, points }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::Tally;

    fn waiting(count: u64) -> Point {
        Point { waiting: Some(count), ..Point::default() }
    }

    fn at(second: i64) -> Time {
        Time::from_seconds(second)
    }

    #[test]
    fn unchanged_states_take_no_room_and_are_still_there() {
        let mut history = History::default();
        (100..200).for_each(|second| history.record(at(second), waiting(5)));
        assert_eq!(history.changes.len(), 1);
        let columns =
            history.columns(&Activity::default(), None, Span { start: 98, step: 1, points: 4 });
        let seen: Vec<_> = columns.points.iter().map(|point| point.waiting).collect();
        assert_eq!(seen, [None, None, Some(5), Some(5)]);
    }

    #[test]
    fn an_outage_is_a_gap_in_state_and_rates() {
        let mut history = History::default();
        let mut activity = Activity::default();
        activity.record(at(100), Tally { enqueued: 3, ..Tally::default() });
        history.record(at(100), waiting(1));
        history.record(at(101), Point::default());
        history.record(at(102), waiting(2));
        let columns =
            history.columns(&activity, Some(at(90)), Span { start: 100, step: 1, points: 3 });
        let rates: Vec<_> = columns.points.iter().map(|point| point.in_rate).collect();
        assert_eq!(rates, [Some(3.0), None, Some(0.0)]);
    }

    #[test]
    fn a_backlog_read_at_start_has_rates_before_the_first_state() {
        let mut history = History::default();
        let mut activity = Activity::default();
        activity.record(at(50), Tally { succeeded: 1, failed: 1, enqueued: 0 });
        history.record(at(100), waiting(1));
        let columns =
            history.columns(&activity, Some(at(40)), Span { start: 50, step: 1, points: 2 });
        assert_eq!(columns.points[0].out_rate, Some(2.0));
        assert_eq!(columns.points[0].waiting, None);
        assert_eq!(columns.points[1].out_rate, Some(0.0));
    }

    #[test]
    fn what_is_asked_is_brought_into_what_there_is() {
        let span = Span::ending(at(10_000), 1_000_000, 7);
        assert_eq!(span.points, 128);
        assert!(span.start + span.points as i64 * span.step <= 10_000);
    }
}
