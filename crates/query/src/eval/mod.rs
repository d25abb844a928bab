//! Evaluation: a series at a time over all steps.

mod aggregate;
mod binary;
mod call;
mod dates;
mod select;
mod windows;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};

use vigie_model::{Label, Labels};
use vigie_store::Storage;

use crate::answer::{Annotations, Stats};
use crate::control::Control;
use crate::engine::{EngineLimits, QueryError};
use crate::promql::{BinaryOp, DurationExpr, Expr, ExprKind};

pub(crate) type Evaluated<T> = Result<T, QueryError>;

/// One series of a result: a value, or none, at each step.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub labels: Labels,
    pub values: Vec<Option<f64>>,
}

/// What a node evaluates to.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Scalar(Vec<f64>),
    Text(String),
    Vector(Vec<Row>),
}

/// The steps at which something is evaluated, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grid {
    pub start: i64,
    pub step: i64,
    pub count: usize,
}

impl Grid {
    pub fn time(&self, place: usize) -> i64 {
        self.start + self.step * place as i64
    }

    pub fn end(&self) -> i64 {
        self.time(self.count.saturating_sub(1))
    }
}

/// What evaluation shares.
pub(crate) struct Context<'a> {
    pub storage: &'a dyn Storage,
    pub limits: EngineLimits,
    pub control: &'a Control,
    /// The query's own steps, for `start()`, `end()`, `step()` and `range()`.
    pub query: Grid,
    pub stats: Cell<Stats>,
    pub warnings: RefCell<BTreeSet<String>>,
}

impl Context<'_> {
    /// Whether it may go on.
    pub fn check(&self) -> Evaluated<()> {
        self.control.stopped().map_or(Ok(()), |reason| Err(QueryError::Stopped(reason)))
    }

    /// Counts points that a node holds.
    pub fn hold(&self, points: usize) -> Evaluated<()> {
        let mut stats = self.stats.get();
        stats.peak_points += points as u64;
        self.stats.set(stats);
        if stats.peak_points > self.limits.max_points {
            let most = self.limits.max_points;
            return Err(QueryError::Limit {
                limit: "max_points",
                detail: format!(
                    "the query needs more than {most} points; select fewer series or a larger step"
                ),
            });
        }
        self.check()
    }

    pub fn read(&self, samples: usize) -> Evaluated<()> {
        let mut stats = self.stats.get();
        stats.samples_read += samples as u64;
        self.stats.set(stats);
        if stats.samples_read > self.limits.max_samples_read {
            let most = self.limits.max_samples_read;
            return Err(QueryError::Limit {
                limit: "max_samples_read",
                detail: format!(
                    "the query reads more than {most} samples; select fewer series or a shorter range"
                ),
            });
        }
        self.check()
    }

    pub fn warn(&self, message: String) {
        self.warnings.borrow_mut().insert(format!("PromQL warning: {message}"));
    }

    pub fn annotations(&self) -> Annotations {
        let warnings = self.warnings.borrow().iter().cloned().collect();
        Annotations { warnings, infos: Vec::new() }
    }

    /// Milliseconds of a duration.
    pub fn millis(&self, duration: &DurationExpr) -> Evaluated<i64> {
        let millis = self.seconds(duration) * 1e3;
        if !millis.is_finite() || millis.abs() > 9.2e15 {
            return Err(QueryError::Invalid("duration out of range".to_owned()));
        }
        Ok(millis.round() as i64)
    }

    /// Milliseconds of a duration that must be positive.
    pub fn positive(&self, duration: &DurationExpr) -> Evaluated<i64> {
        match self.millis(duration)? {
            millis if millis > 0 => Ok(millis),
            _ => Err(QueryError::Invalid("duration must be greater than 0".to_owned())),
        }
    }

    fn seconds(&self, duration: &DurationExpr) -> f64 {
        match duration {
            DurationExpr::Seconds(seconds) => *seconds,
            DurationExpr::Step => self.query.step as f64 / 1e3,
            DurationExpr::Range => (self.query.end() - self.query.start) as f64 / 1e3,
            DurationExpr::Neg(inner) => -self.seconds(inner),
            DurationExpr::Min(one, two) => self.seconds(one).min(self.seconds(two)),
            DurationExpr::Max(one, two) => self.seconds(one).max(self.seconds(two)),
            DurationExpr::Binary(op, one, two) => {
                let (one, two) = (self.seconds(one), self.seconds(two));
                match op {
                    BinaryOp::Add => one + two,
                    BinaryOp::Sub => one - two,
                    BinaryOp::Mul => one * two,
                    BinaryOp::Div => one / two,
                    BinaryOp::Mod => one % two,
                    _ => one.powf(two),
                }
            }
        }
    }

    /// Evaluates an expression that is not a range vector.
    pub fn eval(&self, expr: &Expr, grid: Grid) -> Evaluated<Value> {
        self.check()?;
        Ok(match &expr.kind {
            ExprKind::Number(value) => Value::Scalar(vec![*value; grid.count]),
            ExprKind::Text(text) => Value::Text(text.clone()),
            ExprKind::Paren(inner) => self.eval(inner, grid)?,
            ExprKind::Instant(selector) => Value::Vector(self.instant(selector, grid, false)?),
            ExprKind::Negate(inner) => match self.eval(inner, grid)? {
                Value::Vector(rows) => Value::Vector(self.map(rows, |value, _| Some(-value))?),
                Value::Scalar(values) => {
                    Value::Scalar(values.into_iter().map(|one| -one).collect())
                }
                text @ Value::Text(_) => text,
            },
            ExprKind::Binary { op, left, right, bool, matching } => {
                let (left, right) = (self.eval(left, grid)?, self.eval(right, grid)?);
                self.binary((*op, *bool), matching, left, right, grid)?
            }
            ExprKind::Call(name, parts) => self.call(name, parts, grid)?,
            ExprKind::Aggregate { op, parameter, inner, without, labels } => {
                let parameter = parameter.as_ref().map(|one| self.eval(one, grid)).transpose()?;
                let rows = self.vector(inner, grid)?;
                Value::Vector(self.aggregate(*op, parameter, rows, (*without, labels), grid)?)
            }
            ExprKind::Range(..) | ExprKind::Subquery { .. } => {
                return Err(QueryError::Invalid("a range vector is not a value here".to_owned()));
            }
        })
    }

    pub fn vector(&self, expr: &Expr, grid: Grid) -> Evaluated<Vec<Row>> {
        match self.eval(expr, grid)? {
            Value::Vector(rows) => Ok(rows),
            Value::Scalar(values) => Ok(vec![Row {
                labels: Labels::default(),
                values: values.into_iter().map(Some).collect(),
            }]),
            Value::Text(_) => Err(QueryError::Invalid("a vector is expected".to_owned())),
        }
    }

    pub fn scalar(&self, expr: &Expr, grid: Grid) -> Evaluated<Vec<f64>> {
        match self.eval(expr, grid)? {
            Value::Scalar(values) => Ok(values),
            _ => Err(QueryError::Invalid("a scalar is expected".to_owned())),
        }
    }

    /// Applies a function to each value, and drops the names.
    pub fn map(
        &self,
        mut rows: Vec<Row>,
        with: impl Fn(f64, usize) -> Option<f64>,
    ) -> Evaluated<Vec<Row>> {
        for row in &mut rows {
            row.labels = nameless(&row.labels);
            for (place, value) in row.values.iter_mut().enumerate() {
                *value = value.and_then(|value| with(value, place));
            }
        }
        self.distinct(rows)
    }

    /// Joins rows of the same labels; an error where two have a value at one step.
    pub fn distinct(&self, rows: Vec<Row>) -> Evaluated<Vec<Row>> {
        let mut out: Vec<Row> = Vec::with_capacity(rows.len());
        let mut seen: HashMap<Labels, usize> = HashMap::with_capacity(rows.len());
        for row in rows {
            let Some(place) = seen.get(&row.labels) else {
                seen.insert(row.labels.clone(), out.len());
                out.push(row);
                continue;
            };
            for (held, value) in out[*place].values.iter_mut().zip(row.values) {
                if held.is_some() && value.is_some() {
                    return Err(QueryError::Execution(
                        "vector cannot contain metrics with the same labelset".to_owned(),
                    ));
                }
                *held = held.or(value);
            }
        }
        self.check()?;
        Ok(out)
    }
}

pub(crate) fn nameless(labels: &Labels) -> Labels {
    if labels.metric_name().is_empty() {
        return labels.clone();
    }
    keep(labels, |label| &*label.name != "__name__")
}

pub(crate) fn keep(labels: &Labels, wanted: impl Fn(&Label) -> bool) -> Labels {
    Labels::new(labels.iter().filter(|label| wanted(label)).cloned().collect())
}
