//! `/api/v1/parse_query`: a query as a tree, in the shape in which Prometheus gives it to its own page.

use axum::response::Response;
use serde_json::{Value, json};
use vigie_query::promql::ast::{
    Aggregate, Binary, Cardinality, Ends, Fixed, Grouping, Kind, Matching, Selector, Shift, Span,
    ValueType,
};
use vigie_query::promql::{Expr, Function, Repeat};

use super::error::{ApiError, ErrorShape};
use super::number::float;
use super::params::Params;
use super::query::parsed;
use super::success::success_of;

/// A query as a tree.
#[utoipa::path(method(get, post), path = "/api/v1/parse_query", tag = "prometheus",
    params(("query" = String, Query, description = "PromQL.")),
    responses((status = 200, description = "The tree, in Prometheus's shape", content_type = "application/json"),
        (status = 400, body = ErrorShape)))]
pub(crate) async fn tree(params: Params) -> Result<Response, ApiError> {
    Ok(success_of(&node(&parsed(params.get("query"))?)))
}

fn node(expr: &Expr) -> Value {
    match &expr.kind {
        Kind::Number { value, .. } => json!({"type": "numberLiteral", "val": number(*value)}),
        Kind::Text(text) => json!({"type": "stringLiteral", "val": text}),
        Kind::Paren(inner) => json!({"type": "parenExpr", "expr": node(inner)}),
        Kind::Unary(minus, inner) => {
            let op = if *minus { "-" } else { "+" };
            json!({"type": "unaryExpr", "op": op, "expr": node(inner)})
        }
        Kind::Call(function, arguments) => call(function, arguments),
        Kind::Aggregate(aggregate) => aggregation(aggregate),
        Kind::Binary(binary) => operation(binary),
        Kind::Selector(one) => {
            joined(json!({"type": "vectorSelector"}), [selector(one), shift(&one.shift)])
        }
        Kind::Matrix(one, range) => joined(
            json!({"type": "matrixSelector"}),
            [selector(one), shift(&one.shift), span("range", Some(range))],
        ),
        Kind::Subquery(sub) => joined(
            json!({"type": "subquery", "expr": node(&sub.expr)}),
            [shift(&sub.shift), span("range", Some(&sub.range)), span("step", sub.step.as_ref())],
        ),
    }
}

/// The fields of several objects in one.
fn joined<const N: usize>(mut object: Value, more: [Value; N]) -> Value {
    for part in more {
        if let (Value::Object(all), Value::Object(part)) = (&mut object, part) {
            all.extend(part);
        }
    }
    object
}

fn call(function: &Function, arguments: &[Expr]) -> Value {
    let variadic = match function.repeat {
        Repeat::Once => 0,
        Repeat::UpTo(most) => i64::try_from(most).unwrap_or(i64::MAX),
        Repeat::Any => -1,
    };
    let types: Vec<&str> = function.arguments.iter().copied().map(word).collect();
    json!({
        "type": "call",
        "func": {
            "name": function.name, "argTypes": types, "variadic": variadic, "returnType": word(function.returns),
        },
        "args": arguments.iter().map(node).collect::<Vec<_>>(),
    })
}

fn word(kind: ValueType) -> &'static str {
    match kind {
        ValueType::Scalar => "scalar",
        ValueType::Text => "string",
        ValueType::Vector => "vector",
        ValueType::Matrix => "matrix",
    }
}

fn aggregation(aggregate: &Aggregate) -> Value {
    let (without, labels) = match &aggregate.grouping {
        Grouping::By(labels) => (false, labels),
        Grouping::Without(labels) => (true, labels),
    };
    json!({
        "type": "aggregation", "op": aggregate.op.name(), "expr": node(&aggregate.expr),
        "param": aggregate.parameter.as_ref().map(node), "grouping": labels, "without": without,
    })
}

fn operation(binary: &Binary) -> Value {
    let vectors = [&binary.left, &binary.right].map(Expr::value_type) == [ValueType::Vector; 2];
    let Matching { on, labels, cardinality, include, fill_left, fill_right } = &binary.matching;
    let card = match cardinality {
        _ if binary.op.is_set() => "many-to-many",
        Cardinality::OneToOne => "one-to-one",
        Cardinality::ManyToOne => "many-to-one",
        Cardinality::OneToMany => "one-to-many",
    };
    let matching = vectors.then(|| {
        json!({
            "card": card, "labels": labels, "on": on, "include": include,
            "fillValues": {"lhs": fill_left, "rhs": fill_right},
        })
    });
    json!({
        "type": "binaryExpr", "op": binary.op.as_str(), "lhs": node(&binary.left), "rhs": node(&binary.right),
        "matching": matching, "bool": binary.bool_result,
    })
}

fn selector(selector: &Selector) -> Value {
    let matcher = |one: &vigie_store::Matcher| json!({"name": one.name(), "value": one.value(), "type": one.op().as_str()});
    json!({
        "name": selector.name.as_deref().unwrap_or_default(),
        "matchers": selector.matchers().iter().map(matcher).collect::<Vec<_>>(),
        "anchored": selector.ends == Ends::Anchored,
        "smoothed": selector.ends == Ends::Smoothed,
    })
}

/// `offset` and `@`.
fn shift(shift: &Shift) -> Value {
    let (time, bound) = match shift.fixed {
        None => (None, None),
        Some(Fixed::Time(time)) => (Some(time), None),
        Some(Fixed::Start) => (None, Some("start")),
        Some(Fixed::End) => (None, Some("end")),
    };
    let fixed = json!({"timestamp": time, "startOrEnd": bound});
    joined(fixed, [span("offset", shift.offset.as_ref())])
}

/// A duration in milliseconds, and what it is computed of where that is known only when the query runs.
fn span(name: &str, span: Option<&Span>) -> Value {
    let known = match span {
        None => Some(0.0),
        Some(Span::Seconds(seconds)) => Some(*seconds),
        Some(Span::Minus(inner)) => match **inner {
            Span::Seconds(seconds) => Some(-seconds),
            _ => None,
        },
        Some(_) => None,
    };
    let millis = known.map_or(0, |seconds| (seconds * 1_000.0).round() as i64);
    let computed = span.filter(|_| known.is_none()).map(duration);
    json!({name: millis, (format!("{name}Expr")): computed})
}

fn duration(span: &Span) -> Value {
    let expr = |op: &str, lhs: Option<Value>, rhs: Option<Value>, wrapped: bool| json!({"type": "durationExpr", "op": op, "lhs": lhs, "rhs": rhs, "wrapped": wrapped});
    match span {
        Span::Seconds(seconds) => {
            json!({"type": "numberLiteral", "val": number(*seconds), "duration": true})
        }
        Span::Step => expr("step", None, None, false),
        Span::Range => expr("range", None, None, false),
        Span::Minus(inner) => expr("-", None, Some(duration(inner)), false),
        Span::Paren(inner) => joined(duration(inner), [json!({"wrapped": true})]),
        Span::Binary(op, both) => {
            expr(op.name(), Some(duration(&both.0)), Some(duration(&both.1)), false)
        }
    }
}

/// As Prometheus writes numbers: NaN and infinity as well.
fn number(value: f64) -> String {
    let mut out = Vec::new();
    float(&mut out, value);
    String::from_utf8_lossy(&out).trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str) -> Value {
        node(&vigie_query::promql::parse(query).unwrap())
    }

    #[test]
    fn every_kind_of_node_has_its_shape() {
        let up = of(r#"up{a!="b"} offset 1m @ 2"#);
        let matchers = json!([
            {"name": "a", "value": "b", "type": "!="}, {"name": "__name__", "value": "up", "type": "="},
        ]);
        let expected = json!({
            "type": "vectorSelector", "name": "up", "offset": 60_000, "offsetExpr": null, "matchers": matchers,
            "timestamp": 2_000, "startOrEnd": null, "anchored": false, "smoothed": false,
        });
        assert_eq!(up, expected);
        let rate = of("rate(up[step() + 5m] offset -30s)");
        assert_eq!(rate["func"]["argTypes"], json!(["matrix"]));
        let range = &rate["args"][0];
        assert_eq!((&range["type"], &range["range"]), (&json!("matrixSelector"), &json!(0)));
        assert_eq!((&range["rangeExpr"]["op"], &range["offset"]), (&json!("+"), &json!(-30_000)));
        let sum = of("topk without (a) (2, -(x))");
        assert_eq!((&sum["without"], &sum["param"]["val"]), (&json!(true), &json!("2")));
        assert_eq!(sum["expr"]["expr"]["type"], "parenExpr");
        let both = of("a and on (b) c");
        assert_eq!(
            (&both["op"], &both["matching"]["card"]),
            (&json!("and"), &json!("many-to-many"))
        );
        assert_eq!(of("1 > bool Inf")["rhs"]["val"], "+Inf");
        assert_eq!(of("1 > bool Inf")["matching"], Value::Null);
        let sub = of("max_over_time(a[1h:5m] @ end())");
        assert_eq!(
            (&sub["args"][0]["step"], &sub["args"][0]["startOrEnd"]),
            (&json!(300_000), &json!("end"))
        );
    }
}
