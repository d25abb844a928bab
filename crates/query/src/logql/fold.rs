//! Operators between two numbers.

use super::ast::{BinaryOp, Matching, Metric};

/// Both sides joined; two numbers are one number at once.
pub(super) fn fold(op: BinaryOp, matching: Matching, left: Metric, right: Metric) -> Metric {
    match (&left, &right) {
        (Metric::Number(left), Metric::Number(right)) => Metric::Number(match op.comparison() {
            Some(compare) => f64::from(u8::from(compare.holds(*left, *right))),
            None => arithmetic(op, *left, *right),
        }),
        _ => Metric::Binary { op, matching, sides: Box::new((left, right)) },
    }
}

/// The value of an arithmetic operator. Loki has no infinities of division: what is divided by nothing is no number.
pub(super) fn arithmetic(op: BinaryOp, left: f64, right: f64) -> f64 {
    match op {
        BinaryOp::Add => left + right,
        BinaryOp::Sub => left - right,
        BinaryOp::Mul => left * right,
        BinaryOp::Div | BinaryOp::Mod if right == 0.0 => f64::NAN,
        BinaryOp::Div => left / right,
        BinaryOp::Mod => left % right,
        BinaryOp::Pow => left.powf(right),
        _ => f64::NAN,
    }
}
