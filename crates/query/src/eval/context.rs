//! What a running query needs everywhere: the storage, its limits, and what it wants to say.

use std::cell::Cell;

use vigie_store::{ReadError, Samples, Storage};

use super::notes::Notes;
use super::series::Take;
use super::{Evaluated, Grid};
use crate::answer::{Answer, QueryValue, Stats};
use crate::control::Control;
use crate::engine::{EngineLimits, QueryError};
use crate::promql::ast::{Ends, Expr, Fixed, Kind, Shift, Span, ValueType};

/// A running query.
pub(crate) struct Context<'a> {
    pub storage: &'a dyn Storage,
    pub control: &'a Control,
    pub limits: EngineLimits,
    pub text: &'a str,
    /// The times of the whole query, which `start()` and its like mean within subqueries too.
    pub start: i64,
    pub end: i64,
    pub step: i64,
    pub notes: Notes,
    pub held: Cell<u64>,
    pub stats: Cell<Stats>,
    /// What is left of [`EngineLimits::at_once`].
    left: Cell<Option<u64>>,
}

impl<'a> Context<'a> {
    pub(crate) fn new(
        storage: &'a dyn Storage,
        control: &'a Control,
        limits: EngineLimits,
        (text, start, end, step): (&'a str, i64, i64, i64),
    ) -> Self {
        Self {
            storage,
            control,
            limits,
            text,
            start,
            end,
            step,
            notes: Notes::default(),
            held: Cell::new(0),
            stats: Cell::default(),
            left: Cell::new(limits.at_once),
        }
    }

    /// What may still be done where the query is to be answered at once.
    pub(crate) fn at_once(&self) -> Option<u64> {
        self.left.get()
    }

    /// Counts what is done where the query is to be answered at once, in samples that are looked at.
    pub(crate) fn spend(&self, cost: usize) -> Result<(), QueryError> {
        let Some(left) = self.left.get() else { return Ok(()) };
        let left = left.checked_sub(cost as u64).ok_or(ReadError::NotAtOnce)?;
        self.left.set(Some(left));
        Ok(())
    }

    /// Ends the query when somebody wants it ended.
    pub(crate) fn check(&self) -> Result<(), QueryError> {
        self.control.stopped().map_or(Ok(()), |reason| Err(QueryError::Stopped(reason)))
    }

    /// Counts points that are held from now on.
    pub(crate) fn hold(&self, points: usize) -> Result<(), QueryError> {
        self.spend(points)?;
        let held = self.held.get().saturating_add(points as u64);
        self.held.set(held);
        let mut stats = self.stats.get();
        stats.peak_points = stats.peak_points.max(held);
        self.stats.set(stats);
        let most = self.limits.max_points;
        if held <= most {
            return Ok(());
        }
        Err(QueryError::Limit {
            limit: "max_points",
            detail: format!(
                "the query holds more than {most} points at once: select fewer series, a shorter range or a longer step"
            ),
        })
    }

    /// Counts samples that were read.
    pub(crate) fn read(&self, samples: &Samples) -> Result<(), QueryError> {
        self.spend(samples.len())?;
        let mut stats = self.stats.get();
        stats.samples_read += samples.len() as u64;
        self.stats.set(stats);
        let most = self.limits.max_samples_read;
        if stats.samples_read <= most {
            return Ok(());
        }
        Err(QueryError::Limit {
            limit: "max_samples_read",
            detail: format!(
                "the query reads more than {most} samples: select fewer series or a shorter range"
            ),
        })
    }

    /// Evaluates an expression; afterwards only its value counts as held.
    pub(crate) fn eval(&self, expr: &Expr, grid: Grid) -> Result<Evaluated, QueryError> {
        self.check()?;
        self.spend(grid.count)?;
        if grid.count == 0 {
            return Ok(match expr.value_type() {
                ValueType::Scalar => Evaluated::Scalar(Vec::new()),
                _ => Evaluated::Vector(Vec::new()),
            });
        }
        let before = self.held.get();
        let value = match self.eval_once(expr, grid)? {
            Some(value) => value,
            None => self.eval_kind(expr, grid)?,
        };
        self.held.set(before);
        self.hold(usize::try_from(value.points()).unwrap_or(usize::MAX))?;
        Ok(value)
    }

    /// Hands over the series of a vector one after the other, so that they are never held as a whole. `false` where not all
    /// were taken, or where they cannot be computed one by one.
    pub(crate) fn each(&self, expr: &Expr, grid: Grid, take: Take<'_>) -> Result<bool, QueryError> {
        self.check()?;
        if grid.count == 0 || self.is_once(expr, grid) {
            return Ok(false);
        }
        match &expr.bare().kind {
            Kind::Selector(selector) if selector.ends != Ends::Smoothed => {
                let ends = self.shifted(&selector.shift, grid)?;
                self.select_each(selector, ("", expr.at), ends, |_, value| value, take)
            }
            Kind::Call(function, arguments)
                if function.name != "absent_over_time"
                    && arguments.iter().any(|one| matches!(one.bare().kind, Kind::Matrix(..))) =>
            {
                self.range_call_each(function.name, arguments, grid, take)
            }
            _ => Ok(false),
        }
    }

    /// The milliseconds of a duration.
    pub(crate) fn span(&self, span: &Span) -> Result<i64, QueryError> {
        let range = self.end.saturating_sub(self.start);
        span.milliseconds(self.step, range).map_err(QueryError::Invalid)
    }

    /// The milliseconds of a duration that must be more than nothing.
    pub(crate) fn positive(&self, span: &Span) -> Result<i64, QueryError> {
        let range = self.end.saturating_sub(self.start);
        span.positive_milliseconds(self.step, range).map_err(QueryError::Invalid)
    }

    /// Where a selector looks at each step: the same times, or all at one.
    pub(crate) fn shifted(&self, shift: &Shift, grid: Grid) -> Result<Grid, QueryError> {
        let offset = shift.offset.as_ref().map_or(Ok(0), |span| self.span(span))?;
        let (start, step) = match shift.fixed {
            None => (grid.start, grid.step),
            Some(Fixed::Time(time)) => (time, 0),
            Some(Fixed::Start) => (self.start, 0),
            Some(Fixed::End) => (self.end, 0),
        };
        Ok(Grid { start: start.saturating_sub(offset), step, count: grid.count })
    }

    /// The whole answer.
    pub(crate) fn answer(&self, value: QueryValue) -> Answer {
        Answer { value, annotations: self.notes.written(self.text), stats: self.stats.get() }
    }
}
