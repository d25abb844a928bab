//! Evaluation: every expression at all steps at once, selectors one series at a time.

mod absent;
mod aggregate;
mod binary;
mod call;
mod choose;
mod classic;
mod coarse;
mod context;
pub(crate) mod date;
mod element;
mod extended;
mod fold;
mod grid;
mod hash;
mod info;
mod invariant;
mod label;
mod native;
mod notes;
mod order;
mod over_time;
mod quantile;
mod range;
mod rate;
mod regression;
mod select;
mod series;
mod smooth;
mod sum;
mod window;

use crate::answer::{Answer, InstantSample, QueryValue, RangeSeries, SampleValue};
use crate::engine::QueryError;
use crate::promql::ast::{Expr, Kind, ValueType};

pub(crate) use context::Context;
pub(crate) use grid::Grid;
pub(crate) use series::{Evaluated, Series};

impl Context<'_> {
    /// Evaluates a query at one time.
    pub(crate) fn instant(&self, expr: &Expr, time: i64) -> Result<Answer, QueryError> {
        let grid = Grid { start: time, step: 0, count: 1 };
        let bare = expr.bare();
        let value = match &bare.kind {
            Kind::Matrix(..) | Kind::Subquery(_) => QueryValue::Matrix(self.matrix(bare, grid)?),
            _ => match self.eval(expr, grid)? {
                Evaluated::Scalar(values) => {
                    QueryValue::Scalar(time, values.first().copied().unwrap_or(f64::NAN))
                }
                Evaluated::Text(text) => QueryValue::Text(time, text),
                Evaluated::Vector(series) => {
                    let sample = |one: Series| {
                        let value = one.row.into_iter().next().flatten()?;
                        Some(InstantSample { labels: one.labels, time, value })
                    };
                    QueryValue::Vector(series.into_iter().filter_map(sample).collect())
                }
            },
        };
        Ok(self.answer(value))
    }

    /// Evaluates a query at each step.
    pub(crate) fn range(&self, expr: &Expr, grid: Grid) -> Result<Answer, QueryError> {
        let kind = expr.value_type();
        if !matches!(kind, ValueType::Scalar | ValueType::Vector) {
            return Err(QueryError::Invalid(format!(
                "invalid expression type {:?} for range query, must be Scalar or instant Vector",
                kind.documented()
            )));
        }
        let mut found = match self.eval(expr, grid)? {
            Evaluated::Vector(series) => series,
            Evaluated::Scalar(values) => vec![Series {
                labels: vigie_model::Labels::default(),
                row: values.into_iter().map(|value| Some(SampleValue::Float(value))).collect(),
            }],
            Evaluated::Text(_) => Vec::new(),
        };
        found.sort_by(|one, two| one.labels.cmp(&two.labels));
        let with_values = |one: &RangeSeries| !one.floats.is_empty() || !one.histograms.is_empty();
        let matrix = found.into_iter().map(|one| one.with_times(grid)).filter(with_values);
        Ok(self.answer(QueryValue::Matrix(matrix.collect())))
    }
}
