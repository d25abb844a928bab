//! Operators between series.

use std::collections::HashMap;

use vigie_model::{Label, Labels};

use super::{Row, grouped, merged};
use crate::logql::ast::{BinaryOp, Cardinality, Grouping, Matching};
use crate::logql::fold::arithmetic;

/// What two values come to; `kept` is the one that a comparison lets through.
fn value(op: BinaryOp, left: f64, right: f64, kept: f64, bool_result: bool) -> Option<f64> {
    match op.comparison() {
        None => Some(arithmetic(op, left, right)),
        Some(compare) if bool_result => Some(f64::from(u8::from(compare.holds(left, right)))),
        Some(compare) => compare.holds(left, right).then_some(kept),
    }
}

/// Rows with a number on one side.
pub(super) fn with_number(
    op: BinaryOp,
    bool_result: bool,
    number: f64,
    number_left: bool,
    mut rows: Vec<Row>,
) -> Vec<Row> {
    for one in rows.iter_mut().flat_map(|row| &mut row.values) {
        *one = one.and_then(|kept| {
            let (left, right) = if number_left { (number, kept) } else { (kept, number) };
            value(op, left, right, kept, bool_result)
        });
    }
    rows
}

/// Two sides joined; or why they do not fit together.
pub(super) fn join(
    op: BinaryOp,
    matching: &Matching,
    left: Vec<Row>,
    right: Vec<Row>,
    steps: usize,
) -> Result<Vec<Row>, String> {
    let by = Grouping { without: !matching.on, labels: matching.labels.clone() };
    if op.of_sets() {
        return Ok(sets(op, &by, left, right, steps));
    }
    let swapped = matching.cardinality == Cardinality::OneToMany;
    let (many, one) = if swapped { (right, left) } else { (left, right) };
    let mut ones: HashMap<Labels, Vec<&Row>> = HashMap::new();
    for row in &one {
        ones.entry(grouped(&row.labels, &by)).or_default().push(row);
    }
    let mut found: HashMap<Labels, Row> = HashMap::new();
    // Which rows of the one side were met, and when: at most once each where one meets one.
    let mut met: HashMap<(Labels, usize), ()> = HashMap::new();
    let side = if swapped { "left" } else { "right" };
    for group in ones.values() {
        for place in 0..steps {
            let present =
                group.iter().filter(|row| row.values.get(place).is_some_and(Option::is_some));
            if present.count() > 1 {
                return Err(format!(
                    "found duplicate series on the {side} hand-side;many-to-many matching not allowed: matching \
                     labels must be unique on one side"
                ));
            }
        }
    }
    for row in &many {
        let signature = grouped(&row.labels, &by);
        let Some(group) = ones.get(&signature) else { continue };
        for partner in group {
            let labels = result_labels(matching, &by, &row.labels, &partner.labels);
            for (place, both) in row.values.iter().zip(&partner.values).enumerate() {
                let (Some(mine), Some(other)) = both else { continue };
                if matching.cardinality == Cardinality::OneToOne
                    && met.insert((signature.clone(), place), ()).is_some()
                {
                    return Err("multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)".to_owned());
                }
                let (left, right) = if swapped { (*other, *mine) } else { (*mine, *other) };
                let target = found
                    .entry(labels.clone())
                    .or_insert_with(|| Row { labels: labels.clone(), values: vec![None; steps] });
                let Some(target) = target.values.get_mut(place) else { continue };
                if target.is_some() {
                    return Err(
                        "multiple matches for labels: grouping labels must ensure unique matches"
                            .to_owned(),
                    );
                }
                *target = value(op, left, right, left, matching.bool_result);
            }
        }
    }
    Ok(found.into_values().collect())
}

fn result_labels(matching: &Matching, by: &Grouping, many: &Labels, one: &Labels) -> Labels {
    if matching.cardinality == Cardinality::OneToOne {
        return grouped(many, by);
    }
    let mut labels: Vec<Label> = many.iter().cloned().collect();
    for name in &matching.include {
        labels.push(Label::new(name.as_str(), one.get(name).unwrap_or_default()));
    }
    Labels::new(labels)
}

fn sets(op: BinaryOp, by: &Grouping, left: Vec<Row>, right: Vec<Row>, steps: usize) -> Vec<Row> {
    let present = |rows: &[Row]| {
        let mut found: HashMap<Labels, Vec<bool>> = HashMap::new();
        for row in rows {
            let known = found.entry(grouped(&row.labels, by)).or_insert_with(|| vec![false; steps]);
            for (known, value) in known.iter_mut().zip(&row.values) {
                *known |= value.is_some();
            }
        }
        found
    };
    let masked = |mut rows: Vec<Row>, other: &HashMap<Labels, Vec<bool>>, wanted: bool| {
        for row in &mut rows {
            let known = other.get(&grouped(&row.labels, by));
            for (place, value) in row.values.iter_mut().enumerate() {
                let there = known.and_then(|known| known.get(place)).copied().unwrap_or(false);
                if there != wanted {
                    *value = None;
                }
            }
        }
        rows
    };
    match op {
        BinaryOp::And => masked(left, &present(&right), true),
        BinaryOp::Unless => masked(left, &present(&right), false),
        _ => {
            let there = present(&left);
            let mut rows = left;
            rows.extend(masked(right, &there, false));
            merged(rows)
        }
    }
}
