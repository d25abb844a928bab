//! Binary operators, with the matching of series.

use std::collections::HashMap;

use vigie_model::{Label, Labels};

use super::{Context, Evaluated, Grid, Row, Value, keep, nameless};
use crate::engine::QueryError;
use crate::promql::{BinaryOp, Card, Matching};

fn arithmetic(op: BinaryOp, one: f64, two: f64) -> f64 {
    match op {
        BinaryOp::Add => one + two,
        BinaryOp::Sub => one - two,
        BinaryOp::Mul => one * two,
        BinaryOp::Div => one / two,
        BinaryOp::Mod => one % two,
        BinaryOp::Pow => one.powf(two),
        _ => one.atan2(two),
    }
}

fn compared(op: BinaryOp, one: f64, two: f64) -> bool {
    match op {
        BinaryOp::Eq => one == two,
        BinaryOp::Ne => one != two,
        BinaryOp::Gt => one > two,
        BinaryOp::Lt => one < two,
        BinaryOp::Ge => one >= two,
        _ => one <= two,
    }
}

/// `kept` is what a comparison lets through.
fn apply((op, bool): (BinaryOp, bool), one: f64, two: f64, kept: f64) -> Option<f64> {
    if !op.is_comparison() {
        return Some(arithmetic(op, one, two));
    }
    let holds = compared(op, one, two);
    if bool { Some(f64::from(u8::from(holds))) } else { holds.then_some(kept) }
}

fn signature(labels: &Labels, matching: &Matching) -> Labels {
    keep(labels, |label| {
        let named = matching.labels.iter().any(|name| **name == *label.name);
        if matching.on { named } else { !named && &*label.name != "__name__" }
    })
}

impl Context<'_> {
    pub fn binary(
        &self,
        op: (BinaryOp, bool),
        matching: &Matching,
        left: Value,
        right: Value,
        grid: Grid,
    ) -> Evaluated<Value> {
        if matches!(op.0, BinaryOp::TrimUpper | BinaryOp::TrimLower) {
            return Err(QueryError::Execution(
                "trimming of histograms is not evaluated yet".to_owned(),
            ));
        }
        let renamed = !op.0.is_comparison() || op.1;
        Ok(match (left, right) {
            (Value::Scalar(left), Value::Scalar(right)) => {
                let pairs = left.into_iter().zip(right);
                Value::Scalar(
                    pairs.map(|(one, two)| apply(op, one, two, one).unwrap_or(0.0)).collect(),
                )
            }
            (Value::Vector(rows), Value::Scalar(numbers)) => Value::Vector(self.with_scalar(
                rows,
                renamed,
                |value, at| apply(op, value, numbers[at], value),
            )?),
            (Value::Scalar(numbers), Value::Vector(rows)) => Value::Vector(self.with_scalar(
                rows,
                renamed,
                |value, at| apply(op, numbers[at], value, value),
            )?),
            (Value::Vector(left), Value::Vector(right)) => Value::Vector(if op.0.is_set() {
                self.set(op.0, matching, left, right, grid)?
            } else {
                self.matched(op, matching, left, right, grid)?
            }),
            _ => return Err(QueryError::Invalid("a text has no operators".to_owned())),
        })
    }

    fn with_scalar(
        &self,
        mut rows: Vec<Row>,
        renamed: bool,
        with: impl Fn(f64, usize) -> Option<f64>,
    ) -> Evaluated<Vec<Row>> {
        if renamed {
            return self.map(rows, with);
        }
        for row in &mut rows {
            for (place, value) in row.values.iter_mut().enumerate() {
                *value = value.and_then(|value| with(value, place));
            }
        }
        Ok(rows)
    }

    fn set(
        &self,
        op: BinaryOp,
        matching: &Matching,
        mut left: Vec<Row>,
        mut right: Vec<Row>,
        grid: Grid,
    ) -> Evaluated<Vec<Row>> {
        let (there, filtered) =
            if op == BinaryOp::Or { (&left, &mut right) } else { (&right, &mut left) };
        let mut present: HashMap<Labels, Vec<bool>> = HashMap::new();
        for row in there {
            let steps = present
                .entry(signature(&row.labels, matching))
                .or_insert_with(|| vec![false; grid.count]);
            for (held, value) in steps.iter_mut().zip(&row.values) {
                *held |= value.is_some();
            }
        }
        for row in filtered {
            let steps = present.get(&signature(&row.labels, matching));
            for (step, value) in row.values.iter_mut().enumerate() {
                if steps.is_some_and(|steps| steps[step]) != (op == BinaryOp::And) {
                    *value = None;
                }
            }
        }
        if op == BinaryOp::Or {
            left.extend(right);
            return self.distinct(left);
        }
        Ok(left)
    }

    fn matched(
        &self,
        op: (BinaryOp, bool),
        matching: &Matching,
        left: Vec<Row>,
        right: Vec<Row>,
        grid: Grid,
    ) -> Evaluated<Vec<Row>> {
        if matching.fill_left.is_some() || matching.fill_right.is_some() {
            return Err(QueryError::Execution("fill modifiers are not evaluated yet".to_owned()));
        }
        let swapped = matching.card == Card::OneToMany;
        let (many, one) = if swapped { (right, left) } else { (left, right) };
        let mut ones: HashMap<Labels, Vec<Option<usize>>> = HashMap::new();
        for (place, row) in one.iter().enumerate() {
            let key = signature(&row.labels, matching);
            let steps = ones.entry(key.clone()).or_insert_with(|| vec![None; grid.count]);
            for (held, _) in steps.iter_mut().zip(&row.values).filter(|(_, value)| value.is_some())
            {
                if let Some(other) = held.replace(place) {
                    let side = if swapped { "left" } else { "right" };
                    let (a, b) = (&row.labels, &one[other].labels);
                    return Err(QueryError::Execution(format!(
                        "found duplicate series for the match group {key} on the {side} hand-side of the operation: [{a}, {b}];many-to-many matching not allowed: matching labels must be unique on one side"
                    )));
                }
            }
        }
        let (mut out, mut places) = (Vec::<Row>::new(), HashMap::new());
        let mut taken: HashMap<Labels, Vec<bool>> = HashMap::new();
        for row in &many {
            let key = signature(&row.labels, matching);
            let Some(partners) = ones.get(&key) else { continue };
            self.check()?;
            let used = taken.entry(key.clone()).or_insert_with(|| vec![false; grid.count]);
            let mut last = None;
            for step in 0..grid.count {
                let (Some(value), Some(partner)) = (row.values[step], partners[step]) else {
                    continue;
                };
                let Some(other) = one[partner].values[step] else { continue };
                if std::mem::replace(&mut used[step], true) && matching.card == Card::OneToOne {
                    return Err(QueryError::Execution("multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)".to_owned()));
                }
                let (a, b) = if swapped { (other, value) } else { (value, other) };
                let Some(result) = apply(op, a, b, a) else { continue };
                let place = match last {
                    Some((known, place)) if known == partner => place,
                    _ => {
                        let labels = joined(&row.labels, &one[partner].labels, matching, op);
                        let place = *places.entry(labels.clone()).or_insert(out.len());
                        if place == out.len() {
                            self.hold(grid.count)?;
                            out.push(Row { labels, values: vec![None; grid.count] });
                        }
                        last = Some((partner, place));
                        place
                    }
                };
                if out[place].values[step].replace(result).is_some() {
                    return Err(QueryError::Execution(
                        "multiple matches for labels: grouping labels must ensure unique matches"
                            .to_owned(),
                    ));
                }
            }
        }
        Ok(out)
    }
}

fn joined(many: &Labels, one: &Labels, matching: &Matching, op: (BinaryOp, bool)) -> Labels {
    let base = if !op.0.is_comparison() || op.1 { nameless(many) } else { many.clone() };
    if matching.card == Card::OneToOne {
        return keep(&base, |label| {
            let named = matching.labels.iter().any(|name| **name == *label.name);
            named == matching.on
        });
    }
    let mut labels: Vec<Label> = base.iter().cloned().collect();
    for name in &matching.include {
        labels.push(Label::new(name.as_str(), one.get(name).unwrap_or_default()));
    }
    Labels::new(labels)
}
