//! Expressions that are the same at all steps, as `@` fixes them to a time: evaluated once.

use super::{Context, Evaluated, Grid};
use crate::engine::QueryError;
use crate::promql::ast::{Expr, Kind};

/// Functions of the time of the step.
const OF_TIME: [&str; 14] = [
    "days_in_month",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "hour",
    "minute",
    "month",
    "year",
    "predict_linear",
    "time",
    "timestamp",
    "start",
    "end",
    "step",
];

/// Whether the steps do not matter.
fn is_invariant(expr: &Expr) -> bool {
    match &expr.kind {
        Kind::Number { .. } | Kind::Text(_) => true,
        Kind::Selector(selector) | Kind::Matrix(selector, _) => selector.shift.fixed.is_some(),
        Kind::Subquery(subquery) => subquery.shift.fixed.is_some(),
        // Its second argument is a pattern. What it joins depends on the step where the first has other times beside one.
        Kind::Call(function, arguments) if function.name == "info" => {
            let first = arguments.first().map(|one| &one.bare().kind);
            matches!(first, Some(Kind::Selector(selector)) if selector.shift.fixed.is_some())
        }
        Kind::Call(function, arguments) => {
            let of_time = OF_TIME.contains(&function.name) || function.name == "range";
            let fixed = |one: &Expr| matches!(one.bare().kind, Kind::Selector(_));
            // The time of a fixed sample is fixed as well.
            let safe = function.name == "timestamp" && arguments.iter().all(fixed);
            (!of_time || safe) && arguments.iter().all(is_invariant)
        }
        Kind::Aggregate(aggregate) => is_invariant(&aggregate.expr),
        Kind::Binary(binary) => is_invariant(&binary.left) && is_invariant(&binary.right),
        Kind::Unary(_, inner) | Kind::Paren(inner) => is_invariant(inner),
    }
}

impl Context<'_> {
    /// Whether an expression is to be evaluated at the first step alone.
    pub(crate) fn is_once(&self, expr: &Expr, grid: Grid) -> bool {
        let constant = matches!(expr.kind, Kind::Number { .. } | Kind::Text(_));
        let single = grid.count < 2 && grid.step == 0;
        !single && !constant && is_invariant(expr)
    }

    /// Evaluates at the first step alone where that is enough; `None` where it is not.
    pub(crate) fn eval_once(
        &self,
        expr: &Expr,
        grid: Grid,
    ) -> Result<Option<Evaluated>, QueryError> {
        if !self.is_once(expr, grid) {
            return Ok(None);
        }
        let once = self.eval_kind(expr, Grid { count: 1, step: 0, ..grid })?;
        Ok(Some(match once {
            Evaluated::Text(text) => Evaluated::Text(text),
            Evaluated::Scalar(values) => {
                Evaluated::Scalar(vec![values.first().copied().unwrap_or(f64::NAN); grid.count])
            }
            Evaluated::Vector(mut series) => {
                for one in &mut series {
                    self.hold(grid.count)?;
                    let value = one.row.first().cloned().flatten();
                    one.row = vec![value; grid.count];
                }
                Evaluated::Vector(series)
            }
        }))
    }
}
