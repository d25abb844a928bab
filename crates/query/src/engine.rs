//! The engine: a query's text in, its answer out.

use std::cell::{Cell, RefCell};

use vigie_store::{ReadError, Storage};

use crate::answer::{Answer, InstantSample, QueryValue, RangeSeries, SampleValue};
use crate::control::{Control, StopReason};
use crate::eval::{Context, Grid, Value};
use crate::promql::{Expr, ValueType, parse};

/// What one query may use. Each limit is named by the error that it causes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineLimits {
    /// How far back an instant selector looks for a sample, in milliseconds.
    pub lookback: i64,
    /// Points that a query may hold at once.
    pub max_points: u64,
    /// Samples that a query may read.
    pub max_samples_read: u64,
    /// Steps of a range query.
    pub max_steps: u64,
    /// The default step of subqueries, in milliseconds.
    pub subquery_step: i64,
}

impl Default for EngineLimits {
    fn default() -> Self {
        Self {
            lookback: 300_000,
            max_points: 50_000_000,
            max_samples_read: 1_000_000_000,
            max_steps: 11_000,
            subquery_step: 60_000,
        }
    }
}

/// Why a query has no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum QueryError {
    /// Its text, or one of its parameters, is wrong: Prometheus's `bad_data`.
    #[error("{0}")]
    Invalid(String),
    /// Evaluating it failed: Prometheus's `execution`.
    #[error("{0}")]
    Execution(String),
    /// It went over a limit: `execution` as well.
    #[error("{limit} exceeded: {detail}")]
    Limit {
        /// The name of the limit.
        limit: &'static str,
        /// How, and what to do.
        detail: String,
    },
    /// It was ended: `timeout` or `canceled`.
    #[error("query was stopped: {0:?}")]
    Stopped(StopReason),
    /// The storage failed: `internal`.
    #[error(transparent)]
    Storage(#[from] ReadError),
}

/// Evaluates PromQL.
#[derive(Debug, Clone, Default)]
pub struct Engine {
    limits: EngineLimits,
}

impl Engine {
    /// An engine with these limits.
    #[must_use]
    pub fn new(limits: EngineLimits) -> Self {
        Self { limits }
    }

    /// Its limits.
    #[must_use]
    pub fn limits(&self) -> EngineLimits {
        self.limits
    }

    /// Evaluates a query at one time.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn instant(
        &self,
        storage: &dyn Storage,
        query: &str,
        time: i64,
        control: &Control,
    ) -> Result<Answer, QueryError> {
        let expr = parsed(query)?;
        let grid = Grid { start: time, step: 1, count: 1 };
        let context = self.context(storage, control, grid);
        let value = if expr.value_type() == ValueType::Matrix {
            QueryValue::Matrix(context.matrix(&expr, grid)?)
        } else {
            match context.eval(&expr, grid)? {
                Value::Scalar(values) => {
                    QueryValue::Scalar(time, values.first().copied().unwrap_or(f64::NAN))
                }
                Value::Text(text) => QueryValue::Text(time, text),
                Value::Vector(rows) => QueryValue::Vector(
                    rows.into_iter()
                        .filter_map(|row| {
                            let value = SampleValue::Float((*row.values.first()?)?);
                            Some(InstantSample { labels: row.labels, time, value })
                        })
                        .collect(),
                ),
            }
        };
        Ok(Answer { value, annotations: context.annotations(), stats: context.stats.get() })
    }

    /// Evaluates a query at each `step` from `start` to `end`.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn range(
        &self,
        storage: &dyn Storage,
        query: &str,
        (start, end, step): (i64, i64, i64),
        control: &Control,
    ) -> Result<Answer, QueryError> {
        if step <= 0 {
            return Err(QueryError::Invalid("zero or negative query resolution step widths are not accepted. Try a positive integer".to_owned()));
        }
        if end < start {
            return Err(QueryError::Invalid(
                "end timestamp must not be before start time".to_owned(),
            ));
        }
        let steps = end.abs_diff(start) / step.unsigned_abs() + 1;
        if steps > self.limits.max_steps {
            let most = self.limits.max_steps;
            return Err(QueryError::Limit {
                limit: "max_steps",
                detail: format!("{steps} steps are more than {most}; use a larger step"),
            });
        }
        let expr = parsed(query)?;
        if !matches!(expr.value_type(), ValueType::Scalar | ValueType::Vector) {
            let found = expr.value_type().as_str();
            return Err(QueryError::Invalid(format!(
                "invalid expression type {found:?} for range query, must be Scalar or instant Vector"
            )));
        }
        let grid = Grid { start, step, count: steps as usize };
        let context = self.context(storage, control, grid);
        let rows = context.vector(&expr, grid)?;
        let mut series: Vec<RangeSeries> = rows
            .into_iter()
            .map(|row| RangeSeries {
                labels: row.labels,
                floats: (0..grid.count)
                    .filter_map(|at| Some((grid.time(at), row.values[at]?)))
                    .collect(),
                histograms: Vec::new(),
            })
            .filter(|series| !series.floats.is_empty())
            .collect();
        series.sort_by(|one, two| one.labels.cmp(&two.labels));
        Ok(Answer {
            value: QueryValue::Matrix(series),
            annotations: context.annotations(),
            stats: context.stats.get(),
        })
    }

    fn context<'a>(
        &self,
        storage: &'a dyn Storage,
        control: &'a Control,
        query: Grid,
    ) -> Context<'a> {
        Context {
            storage,
            limits: self.limits,
            control,
            query,
            stats: Cell::default(),
            warnings: RefCell::default(),
        }
    }
}

fn parsed(query: &str) -> Result<Expr, QueryError> {
    parse(query).map_err(|error| QueryError::Invalid(error.to_string()))
}

impl Context<'_> {
    /// A range vector itself, as an instant query answers it.
    fn matrix(&self, expr: &Expr, grid: Grid) -> Result<Vec<RangeSeries>, QueryError> {
        let (_, found) = self.windowed(expr, grid)?;
        let series = found.into_iter().map(|one| RangeSeries {
            labels: one.labels,
            floats: one.times.into_iter().zip(one.values).collect(),
            histograms: Vec::new(),
        });
        let mut series: Vec<_> = series.filter(|one| !one.floats.is_empty()).collect();
        series.sort_by(|one, two| one.labels.cmp(&two.labels));
        Ok(series)
    }
}
