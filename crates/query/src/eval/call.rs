//! Functions.

use vigie_model::{Label, Labels};

use super::aggregate::by_value;
use super::windows::{Window, compute};
use super::{Context, Evaluated, Grid, Row, Value, nameless};
use crate::engine::QueryError;
use crate::promql::{Expr, ExprKind, Selector, function};

fn single(name: &str, value: f64) -> Option<f64> {
    Some(match name {
        "abs" => value.abs(),
        "acos" => value.acos(),
        "acosh" => value.acosh(),
        "asin" => value.asin(),
        "asinh" => value.asinh(),
        "atan" => value.atan(),
        "atanh" => value.atanh(),
        "ceil" => value.ceil(),
        "cos" => value.cos(),
        "cosh" => value.cosh(),
        "deg" => value.to_degrees(),
        "exp" => value.exp(),
        "floor" => value.floor(),
        "ln" => value.ln(),
        "log10" => value.log10(),
        "log2" => value.log2(),
        "rad" => value.to_radians(),
        "sgn" if value == 0.0 || value.is_nan() => value,
        "sgn" => value.signum(),
        "sin" => value.sin(),
        "sinh" => value.sinh(),
        "sqrt" => value.sqrt(),
        "tan" => value.tan(),
        "tanh" => value.tanh(),
        _ => return None,
    })
}

impl Context<'_> {
    pub fn call(&self, name: &'static str, parts: &[Expr], grid: Grid) -> Evaluated<Value> {
        let seconds = |place| grid.time(place) as f64 / 1e3;
        match (name, parts) {
            ("time", _) => return Ok(Value::Scalar((0..grid.count).map(seconds).collect())),
            ("pi", _) => return Ok(Value::Scalar(vec![std::f64::consts::PI; grid.count])),
            ("vector", [inner]) => return Ok(Value::Vector(self.vector(inner, grid)?)),
            ("scalar", [inner]) => {
                let rows = self.vector(inner, grid)?;
                let only = |step: usize| {
                    let mut found = rows.iter().filter_map(|row| row.values[step]);
                    found.next().filter(|_| found.next().is_none()).unwrap_or(f64::NAN)
                };
                return Ok(Value::Scalar((0..grid.count).map(only).collect()));
            }
            ("absent" | "absent_over_time", [inner]) => return self.absent(name, inner, grid),
            _ => {}
        }
        if super::dates::part(name, 0.0).is_some() {
            return Ok(Value::Vector(self.dated(name, parts, grid)?));
        }
        let windowed = function(name).is_some_and(|known| known.arguments.contains('m'));
        let rows =
            if windowed { self.over(name, parts, grid)? } else { self.simple(name, parts, grid)? };
        Ok(Value::Vector(rows))
    }

    fn over(&self, name: &str, parts: &[Expr], grid: Grid) -> Evaluated<Vec<Row>> {
        let mut numbers = Vec::new();
        let mut matrix = None;
        for (place, part) in parts.iter().enumerate() {
            if function(name).and_then(|known| known.argument(place))
                == Some(crate::promql::ValueType::Matrix)
            {
                matrix = Some(part);
            } else {
                numbers.push(self.scalar(part, grid)?);
            }
        }
        let Some(matrix) = matrix else {
            return Err(QueryError::Invalid("a range vector is missing".to_owned()));
        };
        let (frame, found) = self.windowed(matrix, grid)?;
        let mut rows = Vec::with_capacity(found.len());
        for series in found {
            self.hold(grid.count)?;
            let (mut low, mut high, mut any) = (0, 0, false);
            let mut values = Vec::with_capacity(grid.count);
            for step in 0..grid.count {
                let end = frame.end(step);
                while series.times.get(high).is_some_and(|time| *time <= end) {
                    high += 1;
                }
                while low < high && series.times[low] <= end - frame.range {
                    low += 1;
                }
                let number = |at: usize| numbers.get(at).map_or(0.0, |of: &Vec<f64>| of[step]);
                let value = compute(
                    name,
                    &Window {
                        times: &series.times[low..high],
                        values: &series.values[low..high],
                        start: end - frame.range,
                        end,
                        now: grid.time(step),
                        numbers: [number(0), number(1)],
                    },
                );
                any |= value.is_some();
                values.push(value);
            }
            if any {
                let keeps = matches!(name, "last_over_time" | "first_over_time");
                let labels = if keeps { series.labels } else { nameless(&series.labels) };
                rows.push(Row { labels, values });
            }
        }
        self.distinct(rows)
    }

    fn dated(&self, name: &str, parts: &[Expr], grid: Grid) -> Evaluated<Vec<Row>> {
        let rows = match parts.first() {
            Some(part) => self.vector(part, grid)?,
            None => {
                let now = |place| Some(grid.time(place) as f64 / 1e3);
                let values = (0..grid.count).map(now).collect();
                vec![Row { labels: Labels::default(), values }]
            }
        };
        self.map(rows, |value, _| super::dates::part(name, value))
    }

    fn simple(&self, name: &str, parts: &[Expr], grid: Grid) -> Evaluated<Vec<Row>> {
        let Some(first) = parts.first() else { return Err(unknown(name)) };
        if name == "timestamp" {
            if let ExprKind::Instant(selector) = &first.kind {
                let rows = self.instant(selector, grid, true)?;
                return self.map(rows, |value, _| Some(value));
            }
            let rows = self.vector(first, grid)?;
            return self.map(rows, |_, place| Some(grid.time(place) as f64 / 1e3));
        }
        let of = |place: usize| parts.get(place).map(|part| self.scalar(part, grid)).transpose();
        match name {
            "clamp" | "clamp_min" | "clamp_max" => {
                let low = if name == "clamp_max" { None } else { of(1)? };
                let high = if name == "clamp_min" { None } else { of(parts.len() - 1)? };
                let rows = self.vector(first, grid)?;
                self.map(rows, |value, at| {
                    let (low, high) = (
                        low.as_ref().map_or(f64::NEG_INFINITY, |of| of[at]),
                        high.as_ref().map_or(f64::INFINITY, |of| of[at]),
                    );
                    if low > high {
                        return None;
                    }
                    // A bound that is NaN makes the value NaN.
                    Some(if low.is_nan() || high.is_nan() || value.is_nan() {
                        f64::NAN
                    } else {
                        value.max(low).min(high)
                    })
                })
            }
            "round" => {
                let nearest = of(1)?;
                let rows = self.vector(first, grid)?;
                self.map(rows, |value, at| {
                    let inverse = 1.0 / nearest.as_ref().map_or(1.0, |of| of[at]);
                    Some((value * inverse + 0.5).floor() / inverse)
                })
            }
            "sort" | "sort_desc" => {
                let mut rows = self.vector(first, grid)?;
                if let Grid { count: 1, .. } = grid {
                    rows.retain(|row| row.values[0].is_some());
                    let value = |row: &Row| row.values[0].unwrap_or(f64::NAN);
                    rows.sort_by(|one, two| by_value(value(one), value(two), name == "sort_desc"));
                }
                Ok(rows)
            }
            "label_replace" | "label_join" => {
                let texts = parts.iter().filter_map(|part| match &part.kind {
                    ExprKind::Text(text) => Some(text.as_str()),
                    _ => None,
                });
                let texts: Vec<&str> = texts.collect();
                let mut rows = self.vector(first, grid)?;
                for row in &mut rows {
                    row.labels = if name == "label_join" {
                        label_join(&row.labels, &texts)?
                    } else {
                        label_replace(&row.labels, &texts)?
                    };
                }
                self.distinct(rows)
            }
            _ if single(name, 0.0).is_some() => {
                let rows = self.vector(first, grid)?;
                self.map(rows, |value, _| single(name, value))
            }
            _ => Err(unknown(name)),
        }
    }

    fn absent(&self, name: &str, inner: &Expr, grid: Grid) -> Evaluated<Value> {
        let rows = if name == "absent" {
            self.vector(inner, grid)?
        } else {
            self.over("present_over_time", std::slice::from_ref(inner), grid)?
        };
        let missing = |step: usize| rows.iter().all(|row| row.values[step].is_none());
        let values = (0..grid.count).map(|step| missing(step).then_some(1.0)).collect();
        let labels = match &inner.kind {
            ExprKind::Instant(selector) | ExprKind::Range(selector, _) => absent_labels(selector),
            _ => Labels::default(),
        };
        Ok(Value::Vector(vec![Row { labels, values }]))
    }
}

fn with_label(labels: &Labels, name: &str, value: &str) -> Labels {
    let others = labels.iter().cloned();
    Labels::new(others.chain([Label::new(name, value)]).collect())
}

fn label_join(labels: &Labels, texts: &[&str]) -> Evaluated<Labels> {
    let [target, separator, sources @ ..] = texts else { return Err(literal()) };
    let values: Vec<&str> =
        sources.iter().map(|name| labels.get(name).unwrap_or_default()).collect();
    Ok(with_label(labels, target, &values.join(separator)))
}

fn label_replace(labels: &Labels, texts: &[&str]) -> Evaluated<Labels> {
    let [target, replacement, source, pattern] = texts else { return Err(literal()) };
    let regex = regex::RegexBuilder::new(&format!("^(?s:{pattern})$")).size_limit(1 << 20).build();
    let regex = regex.map_err(|_| {
        QueryError::Execution(format!("invalid regular expression in label_replace(): {pattern}"))
    })?;
    let Some(found) = regex.captures(labels.get(source).unwrap_or_default()) else {
        return Ok(labels.clone());
    };
    let mut value = String::new();
    found.expand(replacement, &mut value);
    Ok(with_label(labels, target, &value))
}

fn literal() -> QueryError {
    QueryError::Execution("the arguments must be texts, without parentheses".to_owned())
}

fn unknown(name: &str) -> QueryError {
    QueryError::Execution(format!("the function {name} is not evaluated yet"))
}

/// The labels that a missing series would surely have.
fn absent_labels(selector: &Selector) -> Labels {
    let matchers = selector.matchers.iter();
    let sure = matchers.filter(|one| {
        let same = selector.matchers.iter().filter(|other| other.name() == one.name()).count();
        one.name() != "__name__" && one.op() == vigie_store::MatchOp::Equal && same == 1
    });
    Labels::new(sure.map(|one| Label::new(one.name(), one.value())).collect())
}
