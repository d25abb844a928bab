//! The engine: a query's text in, its answer out.

use vigie_store::{ReadError, Storage};

use crate::answer::Answer;
use crate::control::{Control, StopReason};
use crate::eval::{Context, Grid};
use crate::promql::{Expr, parse};

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
    /// What a query may cost that is answered at once or not at all, about in samples read; one that would cost more, or
    /// wait for the disk, ends with [`ReadError::NotAtOnce`]. None: it may take its time.
    pub at_once: Option<u64>,
}

impl Default for EngineLimits {
    fn default() -> Self {
        Self {
            lookback: 300_000,
            max_points: 50_000_000,
            max_samples_read: 1_000_000_000,
            max_steps: 11_000,
            subquery_step: 60_000,
            at_once: None,
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
        let expr = self.parsed(query)?;
        // Within an instant query a step is what Prometheus takes for none.
        Context::new(storage, control, self.limits, (query, time, time, 0)).instant(&expr, time)
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
            let message = "zero or negative query resolution step widths are not accepted. Try a positive integer";
            return Err(QueryError::Invalid(message.to_owned()));
        }
        if end < start {
            return Err(QueryError::Invalid(
                "end timestamp must not be before start time".to_owned(),
            ));
        }
        let grid = Grid::between(start, end, step);
        let most = self.limits.max_steps;
        if grid.count as u64 > most {
            return Err(QueryError::Limit {
                limit: "max_steps",
                detail: format!(
                    "the query has {} steps, at most {most} are allowed: choose a longer step",
                    grid.count
                ),
            });
        }
        let expr = self.parsed(query)?;
        Context::new(storage, control, self.limits, (query, start, end, step)).range(&expr, grid)
    }

    fn parsed(&self, query: &str) -> Result<Expr, QueryError> {
        // To make a regular expression may take long, and no storage looks for one at once.
        let is_long = |most| query.len() as u64 > most || query.contains('~');
        if self.limits.at_once.is_some_and(is_long) {
            return Err(ReadError::NotAtOnce.into());
        }
        parse(query).map_err(|error| QueryError::Invalid(error.to_string()))
    }
}
