//! A tree as text that means the same.

use std::fmt::{self, Display, Formatter};

use vigie_model::METRIC_NAME;
use vigie_store::{MatchOp, Matcher};

use super::ast::{
    Aggregate, Binary, Cardinality, Ends, Expr, Fixed, Grouping, Kind, Selector, Shift, Span,
    SpanOp,
};
use super::number::write_duration;
use super::quoted::quote;

impl Display for Expr {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Number { value, duration } => write_number(out, *value, *duration),
            Kind::Text(text) => out.write_str(&quote(text)),
            Kind::Selector(selector) => {
                write_series(out, selector)?;
                write_ends(out, selector.ends)?;
                write_shift(out, &selector.shift)
            }
            Kind::Matrix(selector, range) => {
                write_series(out, selector)?;
                write!(out, "[{range}]")?;
                write_ends(out, selector.ends)?;
                write_shift(out, &selector.shift)
            }
            Kind::Subquery(subquery) => {
                write!(out, "{}[{}:", subquery.expr, subquery.range)?;
                if let Some(step) = &subquery.step {
                    write!(out, "{step}")?;
                }
                out.write_str("]")?;
                write_shift(out, &subquery.shift)
            }
            Kind::Call(function, arguments) => {
                write!(out, "{}(", function.name)?;
                for (place, argument) in arguments.iter().enumerate() {
                    write!(out, "{}{argument}", if place == 0 { "" } else { ", " })?;
                }
                out.write_str(")")
            }
            Kind::Aggregate(aggregate) => write_aggregate(out, aggregate),
            Kind::Binary(binary) => write_binary(out, binary),
            Kind::Unary(minus, inner) => write!(out, "{}{inner}", if *minus { "-" } else { "+" }),
            Kind::Paren(inner) => write!(out, "({inner})"),
        }
    }
}

fn write_number(out: &mut Formatter<'_>, value: f64, duration: bool) -> fmt::Result {
    if value.is_infinite() {
        return out.write_str(if value > 0.0 { "Inf" } else { "-Inf" });
    }
    if duration {
        return out.write_str(&write_duration((value * 1000.0).round() as i64));
    }
    // Without an exponent, an f64 has at most 309 digits before its point.
    write!(out, "{value}")
}

impl Display for Span {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seconds(seconds) => {
                let milliseconds = seconds * 1000.0;
                // Durations have whole milliseconds; anything else is a number of seconds.
                let exact = milliseconds.fract() == 0.0 && milliseconds.abs() < 9e15;
                if exact && milliseconds / 1000.0 == *seconds {
                    out.write_str(&write_duration(milliseconds as i64))
                } else {
                    write!(out, "{seconds}")
                }
            }
            Self::Step => out.write_str("step()"),
            Self::Range => out.write_str("range()"),
            Self::Minus(inner) => write!(out, "-{inner}"),
            Self::Paren(inner) => write!(out, "({inner})"),
            Self::Binary(op, both) => {
                let (name, (left, right)) = (op.name(), &**both);
                match op {
                    SpanOp::Min | SpanOp::Max => write!(out, "{name}({left}, {right})"),
                    _ => write!(out, "{left} {name} {right}"),
                }
            }
        }
    }
}

/// Whether a name needs quotes where a label stands.
fn needs_quotes(name: &str) -> bool {
    let begins = name.starts_with(|one: char| one.is_ascii_alphabetic() || one == '_');
    !begins || !name.chars().all(|one| one.is_ascii_alphanumeric() || one == '_')
}

fn write_name(out: &mut Formatter<'_>, name: &str) -> fmt::Result {
    if needs_quotes(name) { out.write_str(&quote(name)) } else { out.write_str(name) }
}

fn write_series(out: &mut Formatter<'_>, selector: &Selector) -> fmt::Result {
    out.write_str(selector.name.as_deref().unwrap_or_default())?;
    if selector.braces.is_empty() {
        return out.write_str(if selector.name.is_none() { "{}" } else { "" });
    }
    for (place, matcher) in selector.braces.iter().enumerate() {
        out.write_str(if place == 0 { "{" } else { "," })?;
        write_matcher(out, matcher)?;
    }
    out.write_str("}")
}

fn write_matcher(out: &mut Formatter<'_>, matcher: &Matcher) -> fmt::Result {
    let metric = matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Equal;
    if !metric || matcher.value().is_empty() {
        write_name(out, matcher.name())?;
        out.write_str(matcher.op().as_str())?;
    }
    out.write_str(&quote(matcher.value()))
}

fn write_ends(out: &mut Formatter<'_>, ends: Ends) -> fmt::Result {
    out.write_str(match ends {
        Ends::Plain => "",
        Ends::Anchored => " anchored",
        Ends::Smoothed => " smoothed",
    })
}

fn write_shift(out: &mut Formatter<'_>, shift: &Shift) -> fmt::Result {
    match shift.fixed {
        None => {}
        Some(Fixed::Start) => out.write_str(" @ start()")?,
        Some(Fixed::End) => out.write_str(" @ end()")?,
        Some(Fixed::Time(time)) => {
            let sign = if time < 0 { "-" } else { "" };
            let time = time.unsigned_abs();
            write!(out, " @ {sign}{}.{:03}", time / 1000, time % 1000)?;
        }
    }
    match &shift.offset {
        None => Ok(()),
        Some(offset) => write!(out, " offset {offset}"),
    }
}

fn write_labels(out: &mut Formatter<'_>, labels: &[String]) -> fmt::Result {
    out.write_str("(")?;
    for (place, label) in labels.iter().enumerate() {
        out.write_str(if place == 0 { "" } else { ", " })?;
        write_name(out, label)?;
    }
    out.write_str(")")
}

fn write_aggregate(out: &mut Formatter<'_>, aggregate: &Aggregate) -> fmt::Result {
    out.write_str(aggregate.op.name())?;
    match &aggregate.grouping {
        Grouping::By(labels) if labels.is_empty() => {}
        Grouping::By(labels) => {
            out.write_str(" by ")?;
            write_labels(out, labels)?;
            out.write_str(" ")?;
        }
        Grouping::Without(labels) => {
            out.write_str(" without ")?;
            write_labels(out, labels)?;
            out.write_str(" ")?;
        }
    }
    match &aggregate.parameter {
        Some(parameter) => write!(out, "({parameter}, {})", aggregate.expr),
        None => write!(out, "({})", aggregate.expr),
    }
}

fn write_binary(out: &mut Formatter<'_>, binary: &Binary) -> fmt::Result {
    let matching = &binary.matching;
    write!(out, "{} {}", binary.left, binary.op.as_str())?;
    if binary.bool_result {
        out.write_str(" bool")?;
    }
    let grouped = matching.cardinality != Cardinality::OneToOne;
    if matching.on || !matching.labels.is_empty() || grouped {
        out.write_str(if matching.on { " on " } else { " ignoring " })?;
        write_labels(out, &matching.labels)?;
    }
    if grouped {
        let left = matching.cardinality == Cardinality::ManyToOne;
        out.write_str(if left { " group_left " } else { " group_right " })?;
        write_labels(out, &matching.include)?;
    }
    for (word, value) in [("fill_left", matching.fill_left), ("fill_right", matching.fill_right)] {
        if let Some(value) = value {
            write!(out, " {word} (")?;
            write_number(out, value, false)?;
            out.write_str(")")?;
        }
    }
    write!(out, " {}", binary.right)
}
