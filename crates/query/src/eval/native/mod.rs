//! Native histograms: what functions and operators do with them.

pub(crate) mod bucket;
pub(crate) mod extended;
pub(crate) mod many;
pub(crate) mod math;
pub(crate) mod quantile;
pub(crate) mod rate;
pub(crate) mod reset;
pub(crate) mod statistics;
mod steps;
pub(crate) mod text;
pub(crate) mod trim;

use std::sync::Arc;

use vigie_model::{CUSTOM_SCHEMA, NativeHistogram, ResetHint};

/// Whether its buckets have bounds of their own.
pub(crate) fn is_custom(one: &NativeHistogram) -> bool {
    one.schema == CUSTOM_SCHEMA
}

/// A computed histogram as a sample: what it says of the one before is no longer known.
pub(crate) fn without_hint(one: Arc<NativeHistogram>) -> Arc<NativeHistogram> {
    match one.reset_hint {
        ResetHint::Reset | ResetHint::NoReset => {
            Arc::new(NativeHistogram { reset_hint: ResetHint::Unknown, ..(*one).clone() })
        }
        _ => one,
    }
}
