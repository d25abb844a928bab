//! How much the histograms of a range grew.

use std::sync::Arc;

use vigie_model::{NativeHistogram, ResetHint};

use super::super::range::Call;
use super::math::{combined, compact, with_schema};
use super::{is_custom, reset};

/// The last minus the first, with what was lost by resets of counters; at least two are needed.
pub(crate) fn increase(
    call: &Call<'_>,
    histograms: &[Arc<NativeHistogram>],
    counter: bool,
) -> Option<NativeHistogram> {
    let [first, second, ..] = histograms else { return None };
    let last = histograms.last()?;
    let is_gauge = |one: &Arc<NativeHistogram>| one.reset_hint == ResetHint::Gauge;
    if counter && (is_gauge(first) || is_gauge(last)) {
        call.not_counter();
    }
    let mut previous: Arc<NativeHistogram> = first.clone();
    if counter && reset::detected(second, first) {
        // Nothing of the first one counts then, whatever its buckets are.
        previous = Arc::new(NativeHistogram {
            schema: second.schema,
            custom_bounds: second.custom_bounds.clone(),
            ..NativeHistogram::default()
        });
    }
    let custom = is_custom(&previous);
    if is_custom(last) != custom {
        call.mixed_schemas();
        return None;
    }
    let mut schema = last.schema.min(previous.schema);
    for one in &histograms[1..histograms.len() - 1] {
        if !counter {
            break;
        }
        if is_gauge(one) {
            call.not_counter();
        }
        schema = schema.min(one.schema);
        if is_custom(one) != custom {
            call.mixed_schemas();
            return None;
        }
    }
    let mut grown = with_schema(last, schema);
    let mut combine = |two: &NativeHistogram, sign: f64, name: &str| {
        let Ok(found) = combined(&grown, two, sign) else {
            call.mixed_schemas();
            return None;
        };
        if found.reconciled {
            call.reconciled(name);
        }
        grown = found.value;
        Some(())
    };
    combine(&previous, -1.0, "subtraction")?;
    if counter {
        for one in &histograms[1..] {
            if reset::detected(one, &previous) {
                combine(&previous, 1.0, "addition")?;
            }
            previous = one.clone();
        }
    } else if !is_gauge(first) || !is_gauge(last) {
        call.not_gauge();
    }
    grown.reset_hint = ResetHint::Gauge;
    Some(compact(grown))
}
