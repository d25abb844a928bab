//! Whether the types of a tree fit together, in the words of Prometheus.

use super::ast::{Aggregate, AggregateOp, Binary, Cardinality, Expr, Kind, Selector, ValueType};
use super::error::ParseError;
use super::functions::{Function, Repeat};

/// Checks a whole tree.
pub(super) fn check(text: &str, expr: &Expr) -> Result<(), ParseError> {
    let error = |message: String| Err(ParseError::at(text, expr.at.0, message));
    match &expr.kind {
        Kind::Number { .. } | Kind::Text(_) => Ok(()),
        Kind::Selector(selector) | Kind::Matrix(selector, _) => {
            check_selector(selector, false).or_else(error)
        }
        Kind::Subquery(subquery) => {
            check(text, &subquery.expr)?;
            match subquery.expr.value_type() {
                ValueType::Vector => Ok(()),
                other => {
                    let name =
                        if other == ValueType::Matrix { "matrix" } else { other.documented() };
                    error(format!("subquery is only allowed on instant vector, got {name} instead"))
                }
            }
        }
        Kind::Call(function, arguments) => check_call(text, expr, function, arguments),
        Kind::Aggregate(aggregate) => check_aggregate(text, aggregate),
        Kind::Binary(binary) => {
            check(text, &binary.left)?;
            check(text, &binary.right)?;
            check_binary(binary).or_else(error)
        }
        Kind::Unary(_, inner) => {
            check(text, inner)?;
            match inner.value_type() {
                ValueType::Scalar | ValueType::Vector => Ok(()),
                other => error(format!(
                    "unary expression only allowed on expressions of type scalar or instant vector, got {:?}",
                    other.documented()
                )),
            }
        }
        Kind::Paren(inner) => check(text, inner),
    }
}

fn check_selector(selector: &Selector, may_be_empty: bool) -> Result<(), String> {
    if let Some(name) = &selector.name {
        let twice = selector.braces.iter().find(|one| one.name() == vigie_model::METRIC_NAME);
        return match twice {
            None => Ok(()),
            Some(other) => {
                Err(format!("metric name must not be set twice: {name:?} or {:?}", other.value()))
            }
        };
    }
    if may_be_empty || selector.braces.iter().any(|one| !one.matches("")) {
        return Ok(());
    }
    Err("vector selector must contain at least one non-empty matcher".to_owned())
}

fn expect(text: &str, expr: &Expr, wanted: ValueType, context: &str) -> Result<(), ParseError> {
    let found = expr.value_type();
    if found == wanted {
        return Ok(());
    }
    let (wanted, found) = (wanted.documented(), found.documented());
    let message = format!("expected type {wanted} in {context}, got {found}");
    Err(ParseError::at(text, expr.at.0, message))
}

fn check_aggregate(text: &str, aggregate: &Aggregate) -> Result<(), ParseError> {
    expect(text, &aggregate.expr, ValueType::Vector, "aggregation expression")?;
    check(text, &aggregate.expr)?;
    let Some(parameter) = &aggregate.parameter else { return Ok(()) };
    let wanted = match aggregate.op {
        AggregateOp::CountValues => ValueType::Text,
        _ => ValueType::Scalar,
    };
    check(text, parameter)?;
    expect(text, parameter, wanted, "aggregation parameter")
}

fn check_call(
    text: &str,
    expr: &Expr,
    function: &Function,
    arguments: &[Expr],
) -> Result<(), ParseError> {
    let (name, got, types) = (function.name, arguments.len(), function.arguments);
    let (least, most) = match function.repeat {
        Repeat::Once => (types.len(), types.len()),
        Repeat::UpTo(more) => (types.len() - 1, types.len() - 1 + more),
        Repeat::Any => (types.len() - 1, usize::MAX),
    };
    let how = match function.repeat {
        Repeat::Once => format!("{least} argument(s)"),
        _ if got < least => format!("at least {least} argument(s)"),
        _ => format!("at most {most} argument(s)"),
    };
    if got < least || got > most {
        let message = format!("expected {how} in call to {name:?}, got {got}");
        return Err(ParseError::at(text, expr.at.0, message));
    }
    if let ("info", Some(selector)) = (name, arguments.get(1)) {
        return check_info(text, &arguments[0], selector);
    }
    let last = types.len().saturating_sub(1);
    for (place, argument) in arguments.iter().enumerate() {
        check(text, argument)?;
        let context = format!("call to function {name:?}");
        expect(text, argument, types[place.min(last)], &context)?;
    }
    Ok(())
}

fn check_info(text: &str, base: &Expr, selector: &Expr) -> Result<(), ParseError> {
    check(text, base)?;
    expect(text, base, ValueType::Vector, "call to function \"info\"")?;
    let message = match &selector.kind {
        Kind::Selector(selector) if selector.name.is_none() => check_selector(selector, true).err(),
        Kind::Selector(_) => {
            Some("expected label selectors only, got vector selector instead".to_owned())
        }
        _ => Some("expected label selectors only".to_owned()),
    };
    message.map_or(Ok(()), |message| Err(ParseError::at(text, selector.at.0, message)))
}

fn check_binary(binary: &Binary) -> Result<(), String> {
    let (left, right) = (binary.left.value_type(), binary.right.value_type());
    let (op, matching) = (binary.op, &binary.matching);
    let scalars = (left == ValueType::Scalar, right == ValueType::Scalar);
    if binary.bool_result && !op.compares() {
        return Err("bool modifier can only be used on comparison operators".to_owned());
    }
    if op.compares() && !binary.bool_result && scalars == (true, true) {
        return Err("comparisons between scalars must use BOOL modifier".to_owned());
    }
    let both = matching.labels.iter().find(|label| matching.include.contains(label));
    if let Some(label) = both.filter(|_| matching.on) {
        return Err(format!("label {label:?} must not occur in ON and GROUP clause at once"));
    }
    for side in [left, right] {
        if !matches!(side, ValueType::Scalar | ValueType::Vector) {
            let message = "binary expression must contain only scalar and instant vector types";
            return Err(message.to_owned());
        }
    }
    let fills = matching.fill_left.is_some() || matching.fill_right.is_some();
    if scalars != (false, false) {
        if !matching.labels.is_empty() {
            return Err("vector matching only allowed between instant vectors".to_owned());
        }
        if fills {
            let message = "filling in missing series only allowed between instant vectors";
            return Err(message.to_owned());
        }
        if op.is_set() {
            let name = op.as_str();
            return Err(format!("set operator {name:?} not allowed in binary scalar expression"));
        }
    } else if op.is_set() {
        if matching.cardinality != Cardinality::OneToOne {
            return Err(format!("no grouping allowed for {:?} operation", op.as_str()));
        }
        if fills {
            return Err("filling in missing series not allowed for set operators".to_owned());
        }
    }
    Ok(())
}
