//! One value with another.

use std::sync::Arc;

use super::Context;
use super::native::{self, math};
use crate::answer::SampleValue;
use crate::promql::ast::{At, BinaryOp};

/// Two numbers as one; comparisons answer whether they hold.
pub(crate) fn compute(op: BinaryOp, left: f64, right: f64) -> f64 {
    match op {
        BinaryOp::Add => left + right,
        BinaryOp::Sub => left - right,
        BinaryOp::Mul => left * right,
        BinaryOp::Div => left / right,
        BinaryOp::Mod => left % right,
        BinaryOp::Pow => left.powf(right),
        BinaryOp::Atan2 => left.atan2(right),
        _ => f64::from(u8::from(holds(op, left, right))),
    }
}

#[allow(clippy::float_cmp, reason = "that is what == means in PromQL")]
fn holds(op: BinaryOp, left: f64, right: f64) -> bool {
    match op {
        BinaryOp::Eq => left == right,
        BinaryOp::Ne => left != right,
        BinaryOp::Lt => left < right,
        BinaryOp::Le => left <= right,
        BinaryOp::Gt => left > right,
        BinaryOp::Ge => left >= right,
        _ => false,
    }
}

/// Whether an operator makes a value of another kind, so that the metric's name is no longer right.
pub(crate) fn drops_name(op: BinaryOp) -> bool {
    !op.compares() && !op.is_set() && !matches!(op, BinaryOp::TrimUpper | BinaryOp::TrimLower)
}

fn kind(value: &SampleValue) -> &'static str {
    match value {
        SampleValue::Float(_) => "float",
        SampleValue::Histogram(_) => "histogram",
    }
}

/// Two numbers as one, and whether a filter keeps it; nothing where the operator is none of numbers.
#[inline]
pub(crate) fn of_floats(op: BinaryOp, left: f64, right: f64) -> Option<(f64, bool)> {
    if op.compares() {
        return Some((left, holds(op, left, right)));
    }
    drops_name(op).then(|| (compute(op, left, right), true))
}

impl Context<'_> {
    /// Two elements as one, and whether a filter keeps it; nothing where they do not go together.
    pub(crate) fn element(
        &self,
        op: BinaryOp,
        (left, right): (&SampleValue, &SampleValue),
        at: At,
    ) -> Option<(SampleValue, bool)> {
        use SampleValue::{Float, Histogram};
        let of = |value| Some((Histogram(Arc::new(value)), true));
        if let (Float(left), Float(right)) = (left, right)
            && let Some((value, keep)) = of_floats(op, *left, *right)
        {
            return Some((Float(value), keep));
        }
        match (left, right, op) {
            (Float(factor), Histogram(one), BinaryOp::Mul)
            | (Histogram(one), Float(factor), BinaryOp::Mul) => {
                return of(math::compact(math::scaled(one, *factor)));
            }
            (Histogram(one), Float(by), BinaryOp::Div) => {
                return of(math::compact(math::divided(one, *by)));
            }
            (Histogram(one), Float(at), BinaryOp::TrimUpper) => {
                return of(native::trim::trimmed(one, *at, true));
            }
            (Histogram(one), Float(at), BinaryOp::TrimLower) => {
                return of(native::trim::trimmed(one, *at, false));
            }
            (Histogram(one), Histogram(two), BinaryOp::Eq) => {
                return Some((left.clone(), math::equal(one, two)));
            }
            (Histogram(one), Histogram(two), BinaryOp::Ne) => {
                return Some((left.clone(), !math::equal(one, two)));
            }
            (Histogram(one), Histogram(two), BinaryOp::Add | BinaryOp::Sub) => {
                return self.add_histograms(op, (one, two), at).and_then(of);
            }
            _ => {}
        }
        let (left, right, sign) = (kind(left), kind(right), op.as_str());
        self.notes.info(
            at,
            format!("incompatible sample types encountered for binary operator {sign:?}: {left} {sign} {right}"),
        );
        None
    }

    fn add_histograms(
        &self,
        op: BinaryOp,
        (one, two): (&vigie_model::NativeHistogram, &vigie_model::NativeHistogram),
        at: At,
    ) -> Option<vigie_model::NativeHistogram> {
        let (sign, name) =
            if op == BinaryOp::Add { (1.0, "addition") } else { (-1.0, "subtraction") };
        let Ok(sum) = math::combined(one, two, sign) else {
            let message = "incompatible bucket layout encountered for binary operator";
            self.notes.warn(at, format!("{message} {}", op.as_str()));
            return None;
        };
        if sum.collision {
            self.notes.warn(at, format!("conflicting counter resets during histogram {name}"));
        }
        if sum.reconciled {
            self.notes.info(at, format!("mismatched custom buckets were reconciled during {name}"));
        }
        let mut value = math::compact(sum.value);
        if op == BinaryOp::Sub {
            value.reset_hint = vigie_model::ResetHint::Gauge;
        }
        Some(value)
    }
}
