//! A tree to text that parses to the same tree.

use std::fmt::{self, Display, Formatter};

use super::ast::{At, Card, DurationExpr, Expr, ExprKind, Extent, Matching, Selector};

fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        format!("{value}")
    }
}

fn text(value: &str) -> String {
    let mut out = String::from("\"");
    for found in value.chars() {
        match found {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            _ => out.push(found),
        }
    }
    out.push('"');
    out
}

fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn label(name: &str) -> String {
    if is_plain(name) { name.to_owned() } else { text(name) }
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| label(name)).collect::<Vec<_>>().join(", ")
}

impl Display for DurationExpr {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seconds(seconds) => write!(out, "{}", duration(*seconds)),
            Self::Step => out.write_str("step()"),
            Self::Range => out.write_str("range()"),
            Self::Neg(inner) => write!(out, "-({inner})"),
            Self::Binary(op, left, right) => write!(out, "({left} {} {right})", op.as_str()),
            Self::Min(one, two) => write!(out, "min({one}, {two})"),
            Self::Max(one, two) => write!(out, "max({one}, {two})"),
        }
    }
}

fn duration(seconds: f64) -> String {
    let millis = (seconds.abs() * 1e3).round();
    if millis / 1e3 != seconds.abs() || millis == 0.0 || millis > 9e15 {
        return number(seconds);
    }
    let mut rest = millis as u64;
    let mut out = String::from(if seconds < 0.0 { "-" } else { "" });
    for (unit, size) in
        [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)]
    {
        if rest >= size {
            out.push_str(&format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    out
}

fn modifiers(
    out: &mut Formatter<'_>,
    at: Option<At>,
    offset: Option<&DurationExpr>,
) -> fmt::Result {
    match at {
        Some(At::Time(millis)) => write!(out, " @ {:.3}", millis as f64 / 1e3)?,
        Some(At::Start) => out.write_str(" @ start()")?,
        Some(At::End) => out.write_str(" @ end()")?,
        None => {}
    }
    offset.map_or(Ok(()), |offset| write!(out, " offset {offset}"))
}

fn selector(
    out: &mut Formatter<'_>,
    selector: &Selector,
    range: Option<&DurationExpr>,
) -> fmt::Result {
    let name = selector.matchers.first().filter(|first| {
        first.name() == "__name__"
            && first.op() == vigie_store::MatchOp::Equal
            && is_plain(&first.value().replace(':', "_"))
            && !matches!(first.value().to_ascii_lowercase().as_str(), "inf" | "nan")
    });
    let rest = selector.matchers.get(usize::from(name.is_some())..).unwrap_or_default();
    if let Some(name) = name {
        out.write_str(name.value())?;
    }
    if name.is_none() || !rest.is_empty() {
        let rest: Vec<String> = rest
            .iter()
            .map(|one| format!("{}{}{}", label(one.name()), one.op().as_str(), text(one.value())))
            .collect();
        write!(out, "{{{}}}", rest.join(","))?;
    }
    if let Some(range) = range {
        write!(out, "[{range}]")?;
    }
    out.write_str(match selector.extent {
        Extent::Plain => "",
        Extent::Anchored => " anchored",
        Extent::Smoothed => " smoothed",
    })?;
    modifiers(out, selector.at, selector.offset.as_ref())
}

fn matching(out: &mut Formatter<'_>, matching: &Matching) -> fmt::Result {
    if matching.on || !matching.labels.is_empty() || matching.card != Card::OneToOne {
        let word = if matching.on { "on" } else { "ignoring" };
        write!(out, " {word} ({})", list(&matching.labels))?;
    }
    match matching.card {
        Card::OneToOne => {}
        Card::ManyToOne => write!(out, " group_left ({})", list(&matching.include))?,
        Card::OneToMany => write!(out, " group_right ({})", list(&matching.include))?,
    }
    for (word, value) in [("fill_left", matching.fill_left), ("fill_right", matching.fill_right)] {
        if let Some(value) = value {
            write!(out, " {word} ({})", number(value))?;
        }
    }
    Ok(())
}

impl Display for Expr {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Number(value) => out.write_str(&number(*value)),
            ExprKind::Text(value) => out.write_str(&text(value)),
            ExprKind::Instant(found) => selector(out, found, None),
            ExprKind::Range(found, range) => selector(out, found, Some(range)),
            ExprKind::Subquery { inner, range, step, offset, at } => {
                write!(out, "{inner}[{range}:")?;
                step.as_ref().map_or(Ok(()), |step| write!(out, "{step}"))?;
                out.write_str("]")?;
                modifiers(out, *at, offset.as_ref())
            }
            ExprKind::Paren(inner) => write!(out, "({inner})"),
            ExprKind::Negate(inner) => write!(out, "-{inner}"),
            ExprKind::Binary { op, left, right, bool, matching: found } => {
                write!(out, "{left} {}{}", op.as_str(), if *bool { " bool" } else { "" })?;
                matching(out, found)?;
                write!(out, " {right}")
            }
            ExprKind::Call(name, parts) => {
                let parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
                write!(out, "{name}({})", parts.join(", "))
            }
            ExprKind::Aggregate { op, parameter, inner, without, labels } => {
                out.write_str(op.as_str())?;
                if *without || !labels.is_empty() {
                    write!(
                        out,
                        " {} ({}) ",
                        if *without { "without" } else { "by" },
                        list(labels)
                    )?;
                }
                match parameter {
                    Some(parameter) => write!(out, "({parameter}, {inner})"),
                    None => write!(out, "({inner})"),
                }
            }
        }
    }
}
