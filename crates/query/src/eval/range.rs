//! Functions of range vectors: one series at a time, one window a step.

use std::collections::HashSet;

use vigie_model::Labels;
use vigie_store::Samples;

use super::rate::Rate;
use super::select::Source;
use super::series::{Row, Take, merged, of_metric, without_name};
use super::window::{Window, Windows, falls};
use super::{Context, Evaluated, Grid, Series, coarse, extended, over_time, rate};
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

/// A function of a range vector that is about to be computed, one series at a time.
struct Ranged<'a> {
    context: &'a Context<'a>,
    name: &'a str,
    arguments: &'a [Expr],
    matrix: &'a Expr,
    /// At each step.
    scalars: Vec<Vec<f64>>,
    source: Source<'a>,
    grid: Grid,
}

impl<'a> Ranged<'a> {
    fn new(
        context: &'a Context<'a>,
        name: &'a str,
        arguments: &'a [Expr],
        grid: Grid,
    ) -> Result<Self, QueryError> {
        let matrix = arguments.iter().find(|one| one.value_type() == ValueType::Matrix);
        let Some(matrix) = matrix else {
            return Err(QueryError::Execution(format!("{name}() needs a range vector")));
        };
        if let Kind::Matrix(selector, _) = &matrix.bare().kind {
            check_ends(name, selector.ends)?;
        }
        let mut scalars = Vec::new();
        for argument in arguments.iter().filter(|one| one.value_type() == ValueType::Scalar) {
            scalars.push(context.scalar(argument, grid)?);
        }
        let source = context.source(matrix, grid, name)?;
        Ok(Self { context, name, arguments, matrix, scalars, source, grid })
    }

    /// The labels of what is computed of a series.
    fn result_labels(&self, labels: &Labels) -> Labels {
        let keeps_name = matches!(self.name, "last_over_time" | "first_over_time");
        if keeps_name { labels.clone() } else { without_name(labels) }
    }

    /// Whether no two series have the same labels in the result.
    fn stay_apart(&self) -> bool {
        let series = &self.source.series;
        // Series of one metric differ in what stays.
        let metric = |place: usize| series[place].labels.iter().filter(|one| of_metric(&one.name));
        if (1..series.len()).all(|place| metric(place).eq(metric(0))) {
            return true;
        }
        let mut seen = HashSet::new();
        series.iter().all(|one| seen.insert(self.result_labels(&one.labels)))
    }

    /// Computes one series after the other, those that have values. Whether all of them were taken.
    fn each(&self, take: Take<'_>) -> Result<bool, QueryError> {
        let mut samples = Samples::default();
        for one in &self.source.series {
            self.context.check()?;
            self.source.read(self.context, one, &mut samples)?;
            self.context.spend(self.looked_at(&samples))?;
            let row = self.row(&one.labels, &samples)?;
            let one = Series { labels: self.result_labels(&one.labels), row };
            if one.has_values() && !take(one)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// How often samples are looked at: as many times as there are windows that they are in.
    fn looked_at(&self, samples: &Samples) -> usize {
        let Source { ends, width, .. } = &self.source;
        let windows = width.checked_div(ends.step).unwrap_or(ends.count as i64);
        let windows = usize::try_from(windows).unwrap_or(usize::MAX).clamp(1, ends.count.max(1));
        let buckets = samples.histograms.iter().map(|one| one.positive.len() + one.negative.len());
        (samples.floats.len() + buckets.sum::<usize>()).saturating_mul(windows)
    }

    fn row(&self, labels: &Labels, samples: &Samples) -> Result<Row, QueryError> {
        let (name, arguments) = (self.name, self.arguments);
        let falls = matches!(name, "rate" | "increase").then(|| falls(&samples.floats));
        let mut windows = Windows::new(samples, self.source.width).with_falls(falls.as_deref());
        let mut call = Call {
            context: self.context,
            name,
            metric: labels.metric_name(),
            at: place(self.matrix.bare()),
            first_at: place(&arguments[0]),
            second_at: arguments.get(1).map(place).unwrap_or_default(),
            scalars: [f64::NAN; 2],
            time: 0,
        };
        let ends = self.source.ends.times();
        let plain = self.source.how == Ends::Plain;
        let plain = plain && samples.coarse.is_none() && samples.histograms.is_empty();
        let row = if let Some(mut rate) = Rate::of(name).filter(|_| plain) {
            ends.map(|end| rate.of_floats(&windows.at(end)).map(SampleValue::Float)).collect()
        } else if let Some(of_floats) = over_time::of_floats(name).filter(|_| plain) {
            ends.map(|end| of_floats(windows.at(end).floats).map(SampleValue::Float)).collect()
        } else {
            let mut row = Vec::with_capacity(self.grid.count);
            for (step, end) in ends.enumerate() {
                call.time = self.grid.time(step);
                for (into, values) in call.scalars.iter_mut().zip(&self.scalars) {
                    *into = values[step];
                }
                row.push(
                    match coarse::ends(name, samples, (end, self.source.width), self.source.how) {
                        Ends::Plain => {
                            let window = windows.at(end);
                            if window.is_empty() { None } else { call.of_window(&window)? }
                        }
                        how => extended::of_samples(&call, samples, (end, self.source.width), how),
                    },
                );
            }
            row
        };
        self.context.note_counter(name, &call, &row);
        Ok(row)
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
        let ranged = Ranged::new(self, name, arguments, grid)?;
        let mut computed = Vec::new();
        ranged.each(&mut |one| {
            self.hold(one.row.len())?;
            computed.push(one);
            Ok(true)
        })?;
        if name == "absent_over_time" {
            return self.absent(ranged.matrix, &computed, grid);
        }
        Ok(Evaluated::Vector(merged(computed)?))
    }

    /// The same, one series after the other. `false` where not all were taken, or where some become one by losing their names.
    pub(crate) fn range_call_each(
        &self,
        name: &str,
        arguments: &[Expr],
        grid: Grid,
        take: Take<'_>,
    ) -> Result<bool, QueryError> {
        let ranged = Ranged::new(self, name, arguments, grid)?;
        if ranged.stay_apart() { ranged.each(take) } else { Ok(false) }
    }

    /// Says when something is taken for a counter whose name is none of one.
    fn note_counter(&self, name: &str, call: &Call<'_>, row: &Row) {
        let counters = ["_total", "_sum", "_count", "_bucket"];
        let metric = call.metric;
        let suspicious = matches!(name, "rate" | "increase")
            && !metric.is_empty()
            && !counters.iter().any(|ending| metric.ends_with(ending))
            && row.iter().any(|value| matches!(value, Some(SampleValue::Float(_))));
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
            "irate" => Ok(rate::instant(self, window, true)),
            "idelta" => Ok(rate::instant(self, window, false)),
            name => match Rate::of(name) {
                Some(rate) => Ok(rate.extrapolated(self, window)),
                None => over_time::compute(self, window),
            },
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
