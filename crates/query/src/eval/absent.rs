//! `absent` and `absent_over_time`: what is not there.

use vigie_model::{Label, Labels};
use vigie_store::MatchOp;

use super::series::of_metric;
use super::{Context, Evaluated, Grid, Series};
use crate::answer::SampleValue;
use crate::engine::QueryError;
use crate::promql::ast::{Expr, Kind};

/// The labels that a selector says its series have.
fn labels_of(expr: &Expr) -> Labels {
    let (Kind::Selector(selector) | Kind::Matrix(selector, _)) = &expr.bare().kind else {
        return Labels::default();
    };
    let (mut labels, mut seen): (Vec<Label>, Vec<&str>) = (Vec::new(), Vec::new());
    for matcher in selector.braces.iter().filter(|one| !of_metric(one.name())) {
        if matcher.op() == MatchOp::Equal && !seen.contains(&matcher.name()) {
            labels.push(Label::new(matcher.name(), matcher.value()));
            seen.push(matcher.name());
        } else {
            // Two conditions on one label do not say what it is.
            labels.retain(|label| &*label.name != matcher.name());
        }
    }
    Labels::new(labels)
}

impl Context<'_> {
    /// One series that has a 1 wherever nothing of `found` is there.
    pub(crate) fn absent(
        &self,
        argument: &Expr,
        found: &[Series],
        grid: Grid,
    ) -> Result<Evaluated, QueryError> {
        self.check()?;
        let there = |place: usize| found.iter().any(|one| one.row[place].is_some());
        let row: Vec<_> = (0..grid.count)
            .map(|place| if there(place) { None } else { Some(SampleValue::Float(1.0)) })
            .collect();
        let absent = Series { labels: labels_of(argument), row };
        Ok(Evaluated::Vector(if absent.has_values() { vec![absent] } else { Vec::new() }))
    }
}
