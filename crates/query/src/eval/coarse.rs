//! What is left of days of which not every sample is there any more: which of it a function is made of, and what is to be
//! said where that is not the same.

use vigie_model::{Labels, ResetHint};
use vigie_store::{Coarse, Samples, Stretch, is_stale};

use super::{Context, Grid};
use crate::promql::ast::{At, Ends};

/// Instead of a function: a range alone.
pub(crate) const RANGE: &str = "[]";

/// Who reads samples: a function around a range, `timestamp`, or nobody but the query itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reads<'a> {
    /// The function's name; empty where there is none.
    pub function: &'a str,
    /// Where the selector stands.
    pub at: At,
    /// The left end of the first window, in milliseconds since the Unix epoch.
    pub start: i64,
    /// What all ends of windows are multiples of, in milliseconds.
    pub grid: i64,
}

/// What is to stand for a stretch; none where a function needs every sample.
pub(crate) fn stretch(function: &str) -> Option<Stretch> {
    match function {
        "min_over_time" => Some(Stretch::Min),
        "max_over_time" => Some(Stretch::Max),
        "sum_over_time" | "count_over_time" | "avg_over_time" | "present_over_time"
        | "absent_over_time" => Some(Stretch::Sum),
        "last_over_time" => Some(Stretch::Last),
        _ if is_change(function) => Some(Stretch::Line),
        _ => None,
    }
}

/// What comes nearest for a function that needs every sample.
pub(crate) fn nearest(function: &str) -> Stretch {
    match function {
        "ts_of_min_over_time" => Stretch::Min,
        "ts_of_max_over_time" => Stretch::Max,
        _ => Stretch::Last,
    }
}

/// Whether a function asks for the difference of a window's ends alone.
fn is_change(function: &str) -> bool {
    matches!(function, "rate" | "increase" | "delta")
}

/// How the ends of a window are completed: where little is left of a counter, by the value before the window, and within
/// stretches by lines between them. Both count all that it grew, so that nothing has to be extrapolated.
pub(crate) fn ends(function: &str, samples: &Samples, (end, width): (i64, i64), how: Ends) -> Ends {
    let start = end.saturating_sub(width);
    match samples.coarse {
        Some(coarse) if how == Ends::Plain && is_change(function) && start < coarse.until => {
            let whole = start % coarse.step == 0 && end % coarse.step == 0;
            if whole { Ends::Anchored } else { Ends::Smoothed }
        }
        _ => how,
    }
}

/// What two numbers are both multiples of.
pub(crate) fn common(one: i64, two: i64) -> i64 {
    let (mut one, mut two) = (one.saturating_abs(), two.saturating_abs());
    while two != 0 {
        (one, two) = (two, one % two);
    }
    one
}

impl Grid {
    /// What all its times, and those so many milliseconds before, are multiples of.
    pub(crate) fn common(self, width: i64) -> i64 {
        common(common(self.start, self.step), width)
    }
}

impl Context<'_> {
    /// Says what is not as it would be with every sample.
    pub(crate) fn note_coarse(&self, reads: Reads<'_>, labels: &Labels, samples: &Samples) {
        let Some(coarse) = samples.coarse.filter(|coarse| reads.start < coarse.until) else {
            return;
        };
        let (Reads { function, at, grid, .. }, metric) = (reads, labels.metric_name());
        let (step, until) = (minutes(coarse.step), super::date::rfc3339(coarse.until));
        let left = format!("of {metric:?} one value for each {step} is left until {until}");
        if stretch(function).is_none() && !function.is_empty() {
            let who =
                if function == RANGE { "a range".to_owned() } else { format!("{function}()") };
            self.notes.warn(at, format!("{who} needs every sample and is approximate: {left}"));
        } else if lacks(function, samples, coarse) {
            let message = format!("{function}() counts what is left and is approximate: {left}");
            self.notes.warn(at, message);
        } else if grid % coarse.step != 0 {
            let message = format!(
                "times that are no multiples of {step} are approximate: of {metric:?} one value for each answers until {until}"
            );
            self.notes.info(at, message);
        }
    }
}

/// Whether the stretches lack what the function is made of, as nobody can tell by its name.
fn lacks(function: &str, samples: &Samples, coarse: Coarse) -> bool {
    match stretch(function) {
        // The last sample before a series ended within a stretch.
        Some(Stretch::Last) if function == "last_over_time" => {
            let times = samples.float_times.iter().zip(&samples.floats);
            times.take_while(|one| *one.0 <= coarse.until).any(|one| is_stale(*one.1))
        }
        // Of histograms that are counters there is no sum.
        Some(Stretch::Sum) if !matches!(function, "present_over_time" | "absent_over_time") => {
            let times = samples.histogram_times.iter().zip(&samples.histograms);
            let mut left = times.take_while(|one| *one.0 <= coarse.until);
            left.any(|one| one.1.reset_hint != ResetHint::Gauge)
        }
        _ => false,
    }
}

fn minutes(milliseconds: i64) -> String {
    match milliseconds / 60_000 {
        minutes if minutes % 60 == 0 => format!("{}h", minutes / 60),
        minutes => format!("{minutes}m"),
    }
}
