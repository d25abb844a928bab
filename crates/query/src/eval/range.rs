//! Functions of range vectors: one series at a time, one window a step.

use super::series::{merged, without_name};
use super::window::{Window, Windows, falls};
use super::{Context, Evaluated, Grid, Series, coarse, extended, rate};
use crate::answer::SampleValue;
use crate::engine::QueryError;
use crate::promql::ast::{At, Ends, Expr, Kind, ValueType};

/// What a function of a window needs beside it.
pub(crate) struct Call<'a> {
    pub context: &'a Context<'a>,
    pub name: &'a str,
    /// The metric's name, for what the query wants to say.
    pub metric: &'a str,
    /// Where the range vector stands.
    pub at: At,
    /// Where the first argument stands.
    pub first_at: At,
    /// Where the second argument stands.
    pub second_at: At,
    /// The scalars at this step.
    pub scalars: [f64; 2],
    /// The time of this step.
    pub time: i64,
}

/// Functions of which `anchored` or `smoothed` selectors may be an argument.
fn check_ends(name: &str, how: Ends) -> Result<(), QueryError> {
    let (word, allowed): (_, &[&str]) = match how {
        Ends::Plain => return Ok(()),
        Ends::Anchored => ("anchored", &["changes", "delta", "increase", "rate", "resets"]),
        Ends::Smoothed => ("smoothed", &["delta", "increase", "rate"]),
    };
    if allowed.contains(&name) {
        return Ok(());
    }
    let allowed = allowed.join(", ");
    let message = format!("{word} modifier can only be used with: {allowed} - not with {name}");
    Err(QueryError::Execution(message))
}

/// Where an argument stands; Prometheus says of a subquery that it is where the query begins.
fn place(argument: &Expr) -> At {
    match argument.bare().kind {
        Kind::Subquery(_) => At::default(),
        _ => argument.at,
    }
}

impl Context<'_> {
    /// A function of a range vector.
    pub(crate) fn range_call(
        &self,
        name: &str,
        arguments: &[Expr],
        grid: Grid,
    ) -> Result<Evaluated, QueryError> {
        let matrix = arguments.iter().find(|one| one.value_type() == ValueType::Matrix);
        let Some(matrix) = matrix else {
            return Err(QueryError::Execution(format!("{name}() needs a range vector")));
        };
        if let Kind::Matrix(selector, _) = &matrix.bare().kind {
            check_ends(name, selector.ends)?;
        }
        let mut scalars = Vec::new();
        for argument in arguments.iter().filter(|one| one.value_type() == ValueType::Scalar) {
            scalars.push(self.scalar(argument, grid)?);
        }
        let source = self.source(matrix, grid, name)?;
        let keeps_name = matches!(name, "last_over_time" | "first_over_time");
        let mut computed = Vec::new();
        for (labels, read) in &source.series {
            self.check()?;
            let samples = read(self)?;
            let falls = matches!(name, "rate" | "increase").then(|| falls(&samples.floats));
            let mut windows = Windows::new(&samples, source.width).with_falls(falls.as_deref());
            let mut row = Vec::with_capacity(grid.count);
            let mut call = Call {
                context: self,
                name,
                metric: labels.metric_name(),
                at: place(matrix.bare()),
                first_at: place(&arguments[0]),
                second_at: arguments.get(1).map(place).unwrap_or_default(),
                scalars: [f64::NAN; 2],
                time: 0,
            };
            let of_values =
                super::over_time::of_values(name).filter(|_| samples.histograms.is_empty());
            for (step, end) in source.ends.times().enumerate() {
                call.time = grid.time(step);
                for (into, values) in call.scalars.iter_mut().zip(&scalars) {
                    *into = values[step];
                }
                row.push(match coarse::ends(name, &samples, (end, source.width), source.how) {
                    Ends::Plain => {
                        let window = windows.at(end);
                        match of_values {
                            _ if window.is_empty() => None,
                            Some(of_values) => Some(SampleValue::Float(of_values(window.floats))),
                            None => call.of_window(&window)?,
                        }
                    }
                    how => extended::of_samples(&call, &samples, (end, source.width), how),
                });
            }
            self.hold(row.len())?;
            let labels = if keeps_name { labels.clone() } else { without_name(labels) };
            let one = Series { labels, row };
            self.note_counter(name, &call, &one);
            if one.has_values() {
                computed.push(one);
            }
        }
        if name == "absent_over_time" {
            return self.absent(matrix, &computed, grid);
        }
        Ok(Evaluated::Vector(merged(computed)?))
    }

    /// Says when something is taken for a counter whose name is none of one.
    fn note_counter(&self, name: &str, call: &Call<'_>, one: &Series) {
        let counters = ["_total", "_sum", "_count", "_bucket"];
        let metric = call.metric;
        let suspicious = matches!(name, "rate" | "increase")
            && !metric.is_empty()
            && !counters.iter().any(|ending| metric.ends_with(ending))
            && one.row.iter().any(|value| matches!(value, Some(SampleValue::Float(_))));
        if suspicious {
            self.notes.info(
                call.at,
                format!("metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {metric:?}"),
            );
        }
    }

    /// Says that a quantile is none.
    pub(crate) fn invalid_quantile(&self, at: At, q: f64) {
        let q = super::notes::shortest(q);
        self.notes.warn(at, format!("quantile value should be between 0 and 1, got {q}"));
    }
}

impl Call<'_> {
    /// The value of a window that is not empty.
    fn of_window(&self, window: &Window<'_>) -> Result<Option<SampleValue>, QueryError> {
        match self.name {
            "rate" => Ok(rate::extrapolated(self, window, true, true)),
            "increase" => Ok(rate::extrapolated(self, window, true, false)),
            "delta" => Ok(rate::extrapolated(self, window, false, false)),
            "irate" => Ok(rate::instant(self, window, true)),
            "idelta" => Ok(rate::instant(self, window, false)),
            _ => super::over_time::compute(self, window),
        }
    }

    pub(crate) fn warn(&self, message: &str) {
        self.context.notes.warn(self.at, format!("{message} {:?}", self.metric));
    }

    pub(crate) fn mixed(&self) {
        self.warn("encountered a mix of histograms and floats for metric name");
    }

    pub(crate) fn mixed_schemas(&self) {
        self.warn("vector contains a mix of histograms with exponential and custom buckets schemas for metric name");
    }

    pub(crate) fn not_counter(&self) {
        self.warn("this native histogram metric is not a counter:");
    }

    pub(crate) fn not_gauge(&self) {
        self.warn("this native histogram metric is not a gauge:");
    }

    pub(crate) fn reconciled(&self, operation: &str) {
        let message = format!("mismatched custom buckets were reconciled during {operation}");
        self.context.notes.info(self.at, message);
    }
}
