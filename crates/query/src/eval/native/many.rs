//! Sums and means of many.

use std::sync::Arc;

use vigie_model::{NativeHistogram, ResetHint};

use super::super::Context;
use super::math::{Total, compact};
use crate::answer::SampleValue;
use crate::promql::ast::At;

/// The sum or the mean of histograms; nothing where they do not go together. The names are those of their metrics.
pub(crate) fn total(
    context: &Context<'_>,
    histograms: &[&Arc<NativeHistogram>],
    average: bool,
    (at, names): (At, &[&str]),
) -> Option<SampleValue> {
    let (first, rest) = histograms.split_first()?;
    let mut total = Total::new(first);
    for (place, one) in rest.iter().enumerate() {
        if total.add(one).is_err() {
            let name = names.get(place + 1).copied().unwrap_or_default();
            context.notes.warn(at, format!("vector contains a mix of histograms with exponential and custom buckets schemas for metric name {name:?}"));
            return None;
        }
    }
    let has = |hint| histograms.iter().any(|one| one.reset_hint == hint);
    if has(ResetHint::Reset) && has(ResetHint::NoReset) {
        context.notes.warn(at, "conflicting counter resets during histogram aggregation");
    }
    if total.reconciled {
        context.notes.info(at, "mismatched custom buckets were reconciled during aggregation");
    }
    let by = if average { histograms.len() as f64 } else { 1.0 };
    Some(SampleValue::Histogram(Arc::new(compact(total.divided(by)))))
}
