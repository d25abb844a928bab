//! Sums and means of many.

use std::sync::Arc;

use vigie_model::{Labels, NativeHistogram, ResetHint};

use super::super::Context;
use super::math::{Total, compact, divided};
use crate::answer::SampleValue;
use crate::promql::ast::At;

/// The sum of histograms divided by a number, which makes it a mean; nothing where they do not go together. The names are
/// those of their metrics; `group` is whether they are a group of an aggregation.
pub(crate) fn total(
    context: &Context<'_>,
    histograms: &[&Arc<NativeHistogram>],
    by: f64,
    (at, names): (At, &[&str]),
    group: bool,
) -> Option<SampleValue> {
    let (first, rest) = histograms.split_first()?;
    let mut total = Total::new(first);
    for (place, one) in rest.iter().enumerate() {
        if total.add(one).is_err() {
            let name = names.get(place + 1).copied().unwrap_or_default();
            mixed_schemas(context, at, name);
            if group && total.reconciled {
                reconciled(context, at);
            }
            return None;
        }
    }
    let has = |hint| histograms.iter().any(|one| one.reset_hint == hint);
    if has(ResetHint::Reset) && has(ResetHint::NoReset) {
        context.notes.warn(at, "conflicting counter resets during histogram aggregation");
    }
    if total.reconciled {
        reconciled(context, at);
    }
    if by > 1.0 && by == histograms.len() as f64 && total.overflowed() {
        return running_mean(histograms)
            .map(|mean| SampleValue::Histogram(Arc::new(compact(mean))));
    }
    Some(SampleValue::Histogram(Arc::new(compact(total.divided(by)))))
}

/// The mean where the sum is too large for a number: from where it is, each histogram moves the mean of those before.
fn running_mean(histograms: &[&Arc<NativeHistogram>]) -> Option<NativeHistogram> {
    let (first, rest) = histograms.split_first()?;
    let mut total = Total::new(first);
    let mut means = false;
    for (place, one) in rest.iter().enumerate() {
        let before = (place + 1) as f64;
        if !means {
            let mut next = total.clone();
            next.add(one).ok()?;
            if !next.overflowed() {
                total = next;
                continue;
            }
            means = true;
            total.scale(1.0 / before);
        }
        total.scale(before / (before + 1.0));
        total.add(&divided(one, before + 1.0)).ok()?;
    }
    Some(total.divided(if means { 1.0 } else { histograms.len() as f64 }))
}

/// What there is to say of a group of floats and histograms, whose sum is none.
pub(crate) fn mixed(context: &Context<'_>, values: &[(&SampleValue, &Labels)], at: At) {
    let (mut total, mut floats) = (None::<Total>, false);
    for (place, (value, labels)) in values.iter().enumerate() {
        match (value, &mut total) {
            (SampleValue::Float(_), _) => floats = true,
            (SampleValue::Histogram(first), None) if place == 0 => total = Some(Total::new(first)),
            (SampleValue::Histogram(_), None) => {}
            (SampleValue::Histogram(one), Some(total)) => {
                if total.add(one).is_err() {
                    mixed_schemas(context, at, labels.metric_name());
                    break;
                }
            }
        }
    }
    if floats {
        let message = "encountered a mix of histograms and floats for aggregation";
        context.notes.warn(at, message);
    }
    if total.is_some_and(|total| total.reconciled) {
        reconciled(context, at);
    }
}

fn reconciled(context: &Context<'_>, at: At) {
    context.notes.info(at, "mismatched custom buckets were reconciled during aggregation");
}

pub(crate) fn mixed_schemas(context: &Context<'_>, at: At, name: &str) {
    let message = "vector contains a mix of histograms with exponential and custom buckets schemas for metric name";
    context.notes.warn(at, format!("{message} {name:?}"));
}
