//! Which stretch of time is asked for, and in which steps it is answered.

use vigie_model::Time;

use crate::problem::Problem;
use crate::time_text::parse_time;

/// Steps that divide a minute, an hour or a day, in seconds.
const STEPS: [i64; 19] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200,
    86_400, 604_800,
];
/// Points by default: a chart is about so many pixels wide.
const POINTS: i64 = 600;
/// More points than this are asked for in several requests.
const MOST_POINTS: i64 = 2_000;
/// Longer than anything is kept.
const LONGEST_SECONDS: i64 = 10 * 366 * 86_400;

/// A stretch in steps of one length: the i-th begins at `start + i·step`. All in Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// Where the first step begins: a multiple of `step`.
    pub start: i64,
    /// Seconds of a step.
    pub step: i64,
    /// How many steps.
    pub points: usize,
}

impl Stretch {
    /// From `from` to `to` (as in [`parse_time`]; now when `to` is left out) in at most `points` steps.
    pub(crate) fn parse(
        from: &str,
        to: Option<&str>,
        points: Option<i64>,
        now: Time,
    ) -> Result<Self, Problem> {
        let from = moment("from", from, now)?;
        let to = to.map_or(Ok(now.micros() as f64 / 1e6), |to| moment("to", to, now))?;
        let points = points.unwrap_or(POINTS);
        if !(2..=MOST_POINTS).contains(&points) {
            return Err(Problem::bad_parameter(format!(
                "points is {points}; it is between 2 and {MOST_POINTS}."
            )));
        }
        let seconds = to - from;
        if !(1.0..=LONGEST_SECONDS as f64).contains(&seconds) {
            return Err(Problem::bad_parameter(
                "from and to are at least a second and at most ten years apart, from first.",
            ));
        }
        Ok(Self::covering(from, to, points))
    }

    fn covering(from: f64, to: f64, points: i64) -> Self {
        let fits = |step: &&i64| {
            let steps = (to / **step as f64).ceil() - (from / **step as f64).floor();
            steps <= points as f64
        };
        let last = STEPS[STEPS.len() - 1];
        let step = STEPS.iter().find(fits).copied().unwrap_or_else(|| {
            let least = ((to - from) / points as f64).ceil() as i64;
            (least / last + 1) * last
        });
        let start = (from / step as f64).floor() as i64 * step;
        let points = ((to - start as f64) / step as f64).ceil().max(1.0) as usize;
        Self { start, step, points }
    }

    /// The ends of the first and the last step and the length of one, in milliseconds: where PromQL evaluates.
    pub(crate) fn evaluation(self) -> (i64, i64, i64) {
        let first = (self.start + self.step) * 1_000;
        let step = self.step * 1_000;
        (first, first + (self.points as i64 - 1) * step, step)
    }

    /// Which step ends at `time` (Unix milliseconds).
    pub(crate) fn place(self, time: i64) -> Option<usize> {
        let (first, _, step) = self.evaluation();
        let place = usize::try_from((time - first) / step).ok()?;
        (time >= first && place < self.points).then_some(place)
    }
}

fn moment(name: &str, text: &str, now: Time) -> Result<f64, Problem> {
    parse_time(name, text, now).map(|nanos| nanos as f64 / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_cover_what_was_asked_for() {
        let now = Time::from_seconds(1_000_000);
        let parse = |from: &str, to: Option<&str>, points| Stretch::parse(from, to, points, now);
        let day = parse("913600", None, Some(300)).unwrap();
        assert_eq!(day, Stretch { start: 913_500, step: 300, points: 289 });
        assert_eq!(day.evaluation(), (913_800_000, 1_000_200_000, 300_000));
        assert_eq!(day.place(913_800_000), Some(0));
        assert_eq!(day.place(1_000_200_000), Some(288));
        assert_eq!((day.place(913_500_000), day.place(1_000_500_000)), (None, None));
        let text = parse("1970-01-12T13:00:00Z", Some("1970-01-12T13:01:00Z"), None).unwrap();
        assert_eq!(text, Stretch { start: 997_200, step: 1, points: 60 });
        let decade = parse("-200000000", Some("100000000"), Some(2)).unwrap();
        assert!(decade.points <= 3 && decade.step % 604_800 == 0);
    }

    #[test]
    fn nonsense_is_refused_with_the_parameters_name() {
        let now = Time::from_seconds(1_000_000);
        for (from, to, points, says) in [
            ("x", None, None, "from is"),
            ("NaN", None, None, "from is"),
            ("1e400", None, None, "from is"),
            ("5", Some("4"), None, "apart"),
            ("5", Some("later"), None, "to is"),
            ("5", None, Some(1), "points is 1"),
            ("5", None, Some(9_999_999), "points is"),
            ("-9e10", Some("9e10"), None, "ten years"),
        ] {
            let problem = Stretch::parse(from, to, points, now).unwrap_err();
            assert!(problem.detail.contains(says), "{problem:?}");
        }
    }
}
