//! Which types fit where.

use super::ast::{Card, Expr, ExprKind, ValueType};
use super::catalogue::function;

type Checked<T> = Result<T, (usize, String)>;

impl Expr {
    /// What it evaluates to.
    #[must_use]
    pub fn value_type(&self) -> ValueType {
        match &self.kind {
            ExprKind::Number(_) => ValueType::Scalar,
            ExprKind::Text(_) => ValueType::Text,
            ExprKind::Instant(_) | ExprKind::Aggregate { .. } => ValueType::Vector,
            ExprKind::Range(..) | ExprKind::Subquery { .. } => ValueType::Matrix,
            ExprKind::Paren(inner) | ExprKind::Negate(inner) => inner.value_type(),
            ExprKind::Binary { left, right, .. } => {
                let scalars =
                    [left, right].iter().all(|side| side.value_type() == ValueType::Scalar);
                if scalars { ValueType::Scalar } else { ValueType::Vector }
            }
            ExprKind::Call(name, _) => match *name {
                "scalar" | "time" | "pi" => ValueType::Scalar,
                _ => ValueType::Vector,
            },
        }
    }
}

fn expect(expr: &Expr, wanted: ValueType, context: &str) -> Checked<()> {
    let found = expr.value_type();
    if found == wanted {
        return Ok(());
    }
    let (wanted, found) = (wanted.as_str(), found.as_str());
    Err((expr.start, format!("expected type {wanted} in {context}, got {found}")))
}

pub(super) fn check(expr: &Expr) -> Checked<()> {
    for part in expr.children() {
        check(part)?;
    }
    let fail = |message: &str| Err((expr.start, message.to_owned()));
    match &expr.kind {
        ExprKind::Instant(selector) | ExprKind::Range(selector, _) => {
            if selector.matchers.iter().all(|matcher| matcher.matches("")) {
                return fail("vector selector must contain at least one non-empty matcher");
            }
            let names = selector
                .matchers
                .iter()
                .filter(|one| one.name() == "__name__" && one.op() == vigie_store::MatchOp::Equal);
            if names.count() > 1 {
                return fail("metric name must not be set twice");
            }
        }
        ExprKind::Subquery { inner, .. } => {
            expect(inner, ValueType::Vector, "subquery").or_else(|error| {
                if inner.value_type() == ValueType::Scalar { Ok(()) } else { Err(error) }
            })?
        }
        ExprKind::Negate(inner)
            if !matches!(inner.value_type(), ValueType::Scalar | ValueType::Vector) =>
        {
            let found = inner.value_type().as_str();
            return fail(&format!(
                "unary expression only allowed on expressions of type scalar or instant vector, got {found:?}"
            ));
        }
        ExprKind::Binary { .. } => binary(expr)?,
        ExprKind::Aggregate { op, parameter, inner, .. } => {
            expect(inner, ValueType::Vector, "aggregation expression")?;
            if let (Some(wanted), Some(parameter)) = (op.parameter(), parameter) {
                expect(parameter, wanted, "aggregation parameter")?;
            }
        }
        ExprKind::Call(name, parts) => call(expr, name, parts)?,
        _ => {}
    }
    Ok(())
}

fn binary(expr: &Expr) -> Checked<()> {
    let ExprKind::Binary { op, left, right, bool, matching } = &expr.kind else { return Ok(()) };
    let fail = |message: &str| Err((expr.start, message.to_owned()));
    let types = [left.value_type(), right.value_type()];
    if types.iter().any(|found| !matches!(found, ValueType::Scalar | ValueType::Vector)) {
        return fail("binary expression must contain only scalar and instant vector types");
    }
    let vectors = types == [ValueType::Vector; 2];
    if *bool && !op.is_comparison() {
        return fail("bool modifier can only be used on comparison operators");
    }
    if op.is_comparison() && !bool && types == [ValueType::Scalar; 2] {
        return fail("comparisons between scalars must use BOOL modifier");
    }
    if op.is_set() && !vectors {
        return fail(&format!(
            "set operator {:?} not allowed in binary scalar expression",
            op.as_str()
        ));
    }
    if op.is_set() && matching.card != Card::OneToOne {
        return fail(&format!("no grouping allowed for {:?} operation", op.as_str()));
    }
    if !vectors && (matching.on || !matching.labels.is_empty()) {
        return fail("vector matching only allowed between instant vectors");
    }
    if (op.is_set() || !vectors) && (matching.fill_left.is_some() || matching.fill_right.is_some())
    {
        return fail(
            "fill modifiers are only allowed between instant vectors, and not for set operators",
        );
    }
    if matching.on
        && let Some(label) = matching.include.iter().find(|label| matching.labels.contains(label))
    {
        return fail(&format!("label {label:?} must not occur in ON and GROUP clause at once"));
    }
    Ok(())
}

fn call(expr: &Expr, name: &str, parts: &[Expr]) -> Checked<()> {
    let Some(function) = function(name) else { return Ok(()) };
    let (least, most) = function.arity();
    if parts.len() < least || most.is_some_and(|most| parts.len() > most) {
        let bound = if parts.len() < least && most != Some(least) {
            "at least "
        } else if most != Some(least) {
            "at most "
        } else {
            ""
        };
        let wanted = if parts.len() < least { least } else { most.unwrap_or(least) };
        return Err((
            expr.start,
            format!(
                "expected {bound}{wanted} argument(s) in call to {name:?}, got {}",
                parts.len()
            ),
        ));
    }
    for (place, part) in parts.iter().enumerate() {
        if let Some(wanted) = function.argument(place) {
            expect(part, wanted, &format!("call to function {name:?}"))?;
        }
    }
    Ok(())
}
