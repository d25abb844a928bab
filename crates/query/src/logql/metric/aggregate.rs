//! Aggregations over series.

use std::collections::HashMap;

use vigie_model::Labels;

use super::{Row, grouped};
use crate::logql::ast::{Grouping, VectorOp};

/// The rows that are made of others.
pub(super) fn aggregate(
    op: VectorOp,
    count: usize,
    grouping: &Grouping,
    rows: Vec<Row>,
    steps: usize,
) -> Vec<Row> {
    if matches!(op, VectorOp::Sort | VectorOp::SortDesc) {
        // The order is made of the values once they are known.
        return rows;
    }
    let mut groups: HashMap<Labels, Vec<Row>> = HashMap::new();
    for row in rows {
        groups.entry(grouped(&row.labels, grouping)).or_default().push(row);
    }
    if matches!(op, VectorOp::TopK | VectorOp::ApproxTopK | VectorOp::BottomK) {
        return groups.into_values().flat_map(|rows| few(op, count, rows, steps)).collect();
    }
    let joined = |(labels, rows): (Labels, Vec<Row>)| {
        let at = |place: usize| {
            let values = rows.iter().filter_map(|row| row.values.get(place).copied().flatten());
            one(op, values)
        };
        Row { labels, values: (0..steps).map(at).collect() }
    };
    groups.into_iter().map(joined).collect()
}

/// What is made of values; `None` of none.
fn one(op: VectorOp, mut values: impl Iterator<Item = f64>) -> Option<f64> {
    let first = values.next()?;
    let (mut value, mut mean, mut squares, mut count) = (first, first, 0.0, 1.0);
    for next in values {
        count += 1.0;
        let delta = next - mean;
        mean += delta / count;
        squares += delta * (next - mean);
        value = match op {
            VectorOp::Max if value < next || value.is_nan() => next,
            VectorOp::Min if value > next || value.is_nan() => next,
            VectorOp::Max | VectorOp::Min => value,
            _ => value + next,
        };
    }
    Some(match op {
        VectorOp::Avg => mean,
        VectorOp::Count => count,
        VectorOp::Stdvar => squares / count,
        VectorOp::Stddev => (squares / count).sqrt(),
        _ => value,
    })
}

/// At each step the values of the largest or smallest few rows.
fn few(op: VectorOp, count: usize, mut rows: Vec<Row>, steps: usize) -> Vec<Row> {
    if rows.len() <= count {
        return rows;
    }
    // Of equal values the first by labels is taken.
    rows.sort_by(|one, two| one.labels.cmp(&two.labels));
    for place in 0..steps {
        let found = rows.iter().enumerate();
        let mut found: Vec<(usize, f64)> = found
            .filter_map(|(row, Row { values, .. })| {
                Some((row, values.get(place).copied().flatten()?))
            })
            .collect();
        found.sort_by(|(_, one), (_, two)| {
            one.is_nan().cmp(&two.is_nan()).then_with(|| match op {
                VectorOp::BottomK => one.total_cmp(two),
                _ => two.total_cmp(one),
            })
        });
        for (row, _) in found.into_iter().skip(count) {
            if let Some(value) = rows.get_mut(row).and_then(|row| row.values.get_mut(place)) {
                *value = None;
            }
        }
    }
    rows
}
