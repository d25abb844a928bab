//! A tree as a text: what a query reads when it is formatted.

use std::fmt::{Display, Formatter, Result};

use super::ast::{
    Cardinality, Conversion, Expr, Extraction, FormatValue, Grouping, LabelFilter, LineFilter,
    LineOp, LineText, LogExpr, LogRange, Matching, Metric, NamedMatcher, Quantity, Stage, Unwrap,
};
use super::units::write_duration;
use crate::promql::number::write_duration as write_range;
use crate::promql::quoted::quote;

use vigie_store::Matcher;

impl Display for Expr {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        match self {
            Self::Log(log) => log.fmt(out),
            Self::Metric(metric) => metric.fmt(out),
        }
    }
}

fn matcher(out: &mut Formatter<'_>, one: &Matcher) -> Result {
    write!(out, "{}{}{}", one.name(), one.op().as_str(), quote(one.value()))
}

fn list<T>(
    out: &mut Formatter<'_>,
    items: &[T],
    join: &str,
    mut write: impl FnMut(&mut Formatter<'_>, &T) -> Result,
) -> Result {
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            out.write_str(join)?;
        }
        write(out, item)?;
    }
    Ok(())
}

impl Display for LogExpr {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        out.write_str("{")?;
        list(out, &self.matchers, ", ", matcher)?;
        out.write_str("}")?;
        self.stages.iter().try_for_each(|stage| write!(out, " {stage}"))
    }
}

impl Display for Stage {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        match self {
            Self::Line(filter) => filter.fmt(out),
            Self::Json(only) => {
                out.write_str("| json")?;
                extractions(out, only)
            }
            Self::Logfmt { strict, keep_empty, only } => {
                out.write_str("| logfmt")?;
                out.write_str(if *strict { " --strict" } else { "" })?;
                out.write_str(if *keep_empty { " --keep-empty" } else { "" })?;
                extractions(out, only)
            }
            Self::Regexp(regex) => write!(out, "| regexp {}", quote(regex)),
            Self::Pattern(pattern) => write!(out, "| pattern {}", quote(pattern)),
            Self::Unpack => out.write_str("| unpack"),
            Self::Label(filter) => write!(out, "| {filter}"),
            Self::LineFormat(template) => write!(out, "| line_format {}", quote(template)),
            Self::LabelFormat(formats) => {
                out.write_str("| label_format ")?;
                list(out, formats, ", ", |out, format| match &format.value {
                    FormatValue::Label(label) => write!(out, "{}={label}", format.name),
                    FormatValue::Template(text) => write!(out, "{}={}", format.name, quote(text)),
                })
            }
            Self::Decolorize => out.write_str("| decolorize"),
            Self::Drop(labels) => {
                out.write_str("| drop ")?;
                list(out, labels, ", ", named)
            }
            Self::Keep(labels) => {
                out.write_str("| keep ")?;
                list(out, labels, ", ", named)
            }
        }
    }
}

fn extractions(out: &mut Formatter<'_>, only: &[Extraction]) -> Result {
    list(out, only, ",", |out, one| write!(out, " {}={}", one.label, quote(&one.path)))
}

fn named(out: &mut Formatter<'_>, one: &NamedMatcher) -> Result {
    match one {
        NamedMatcher::Name(name) => out.write_str(name),
        NamedMatcher::Matcher(one) => matcher(out, one),
    }
}

impl Display for LineFilter {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        let sign = LineOp::ALL.iter().find(|(_, op)| *op == self.op).map_or("", |(sign, _)| sign);
        write!(out, "{sign} ")?;
        list(out, &self.texts, " or ", |out, text| match text {
            LineText::Plain(text) => out.write_str(&quote(text)),
            LineText::Ip(text) => write!(out, "ip({})", quote(text)),
        })
    }
}

impl Display for LabelFilter {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        match self {
            Self::Text(one) => matcher(out, one),
            Self::Quantity(name, compare, value) => {
                write!(out, "{name}{}", compare.as_str())?;
                match value {
                    Quantity::Number(value) => write!(out, "{value}"),
                    Quantity::Duration(nanos) => out.write_str(&write_duration(*nanos)),
                    Quantity::Bytes(size) => write!(out, "{size}B"),
                }
            }
            Self::Ip { name, negative, pattern } => {
                write!(out, "{name}{}ip({})", if *negative { "!=" } else { "=" }, quote(pattern))
            }
            Self::And(both) => write!(out, "({} , {})", both.0, both.1),
            Self::Or(both) => write!(out, "({} or {})", both.0, both.1),
        }
    }
}

impl Display for Unwrap {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        let label = &self.label;
        match self.conversion {
            Conversion::Number => write!(out, "| unwrap {label}")?,
            Conversion::Bytes => write!(out, "| unwrap bytes({label})")?,
            Conversion::Duration => write!(out, "| unwrap duration({label})")?,
            Conversion::DurationSeconds => write!(out, "| unwrap duration_seconds({label})")?,
        }
        self.filters.iter().try_for_each(|filter| write!(out, " | {filter}"))
    }
}

impl Display for LogRange {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        self.log.fmt(out)?;
        if let Some(unwrap) = &self.unwrap {
            write!(out, " {unwrap}")?;
        }
        write!(out, " [{}]", write_range(self.range / 1_000_000))?;
        match self.offset {
            0 => Ok(()),
            nanos => write!(out, " offset {}", write_duration(nanos)),
        }
    }
}

impl Display for Grouping {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        let word = if self.without { "without" } else { "by" };
        write!(out, "{word} ({})", self.labels.join(", "))
    }
}

impl Display for Matching {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        if self.bool_result {
            out.write_str(" bool")?;
        }
        if self.on || !self.labels.is_empty() || self.cardinality != Cardinality::OneToOne {
            let word = if self.on { "on" } else { "ignoring" };
            write!(out, " {word} ({})", self.labels.join(", "))?;
        }
        let word = match self.cardinality {
            Cardinality::OneToOne => return Ok(()),
            Cardinality::ManyToOne => "group_left",
            Cardinality::OneToMany => "group_right",
        };
        write!(out, " {word} ({})", self.include.join(", "))
    }
}

impl Display for Metric {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        match self {
            Self::Number(value) => number(out, *value),
            Self::Vector(value) => {
                out.write_str("vector(")?;
                number(out, *value)?;
                out.write_str(")")
            }
            Self::Range { op, parameter, of, grouping } => {
                write!(out, "{}(", op.as_str())?;
                if let Some(parameter) = parameter {
                    write!(out, "{parameter}, ")?;
                }
                write!(out, "{of})")?;
                grouping.iter().try_for_each(|grouping| write!(out, " {grouping}"))
            }
            Self::Aggregate { op, count, of, grouping } => {
                out.write_str(op.as_str())?;
                grouping.iter().try_for_each(|grouping| write!(out, " {grouping} "))?;
                out.write_str("(")?;
                if *count > 0 {
                    write!(out, "{count}, ")?;
                }
                write!(out, "{of})")
            }
            Self::Binary { op, matching, sides } => {
                write!(out, "({} {}{matching} {})", sides.0, op.as_str(), sides.1)
            }
            Self::Replace { of, target, replacement, source, regex } => {
                write!(out, "label_replace({of}")?;
                for text in [target, replacement, source, regex] {
                    write!(out, ", {}", quote(text))?;
                }
                out.write_str(")")
            }
        }
    }
}

/// A number as it can be read again: what is none, or without bounds, comes of a division alone.
fn number(out: &mut Formatter<'_>, value: f64) -> Result {
    if value.is_nan() {
        return out.write_str("(0 / 0)");
    }
    if value.is_infinite() {
        return write!(out, "({}10 ^ 999)", if value < 0.0 { "-1 * " } else { "" });
    }
    write!(out, "{value}")
}
