//! Numbers made of lines.

mod aggregate;
mod binary;
mod handed;
mod range;
mod window;

use std::collections::HashMap;

use vigie_model::{Label, Labels};

use super::ast::{Metric, RangeOp, VectorOp};
use super::engine::{LogQueryError, Reader};
use super::pipeline::regex::compile;
use crate::answer::{InstantSample, QueryValue, RangeSeries, SampleValue};

/// The times at which a query is evaluated, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grid {
    pub start: i64,
    pub step: i64,
    pub count: usize,
}

impl Grid {
    /// The time of a step.
    pub(super) fn time(self, place: usize) -> i64 {
        self.start.saturating_add(self.step.saturating_mul(place as i64))
    }

    /// The same in milliseconds.
    fn millis(self, place: usize) -> i64 {
        self.time(place).div_euclid(1_000_000)
    }
}

/// A series: a value, or none, at each step.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub labels: Labels,
    pub values: Vec<Option<f64>>,
}

/// A query at one time.
pub(super) fn instant(
    reader: &mut Reader<'_>,
    metric: &Metric,
    grid: Grid,
) -> Result<QueryValue, LogQueryError> {
    let time = grid.millis(0);
    if let Metric::Number(value) = metric {
        return Ok(QueryValue::Scalar(time, *value));
    }
    let mut rows = evaluate(reader, metric, grid)?;
    let value = |row: &Row| row.values.first().copied().flatten();
    rows.retain(|row| value(row).is_some());
    few_enough(reader, rows.len())?;
    let order = match metric {
        Metric::Aggregate { op: op @ (VectorOp::Sort | VectorOp::SortDesc), .. } => Some(*op),
        _ => None,
    };
    if let Some(order) = order {
        let falls = order == VectorOp::SortDesc;
        rows.sort_by(|one, two| {
            let (one, two) = (value(one).unwrap_or(f64::NAN), value(two).unwrap_or(f64::NAN));
            // What is no number comes last either way.
            one.is_nan()
                .cmp(&two.is_nan())
                .then_with(|| if falls { two.total_cmp(&one) } else { one.total_cmp(&two) })
        });
    } else {
        rows.sort_by(|one, two| one.labels.cmp(&two.labels));
    }
    let sample = |row: Row| {
        let value = SampleValue::Float(value(&row)?);
        Some(InstantSample { labels: row.labels, time, value })
    };
    Ok(QueryValue::Vector(rows.into_iter().filter_map(sample).collect()))
}

/// A query at each step.
pub(super) fn range(
    reader: &mut Reader<'_>,
    metric: &Metric,
    grid: Grid,
) -> Result<QueryValue, LogQueryError> {
    let mut rows = evaluate(reader, metric, grid)?;
    rows.retain(|row| row.values.iter().any(Option::is_some));
    few_enough(reader, rows.len())?;
    rows.sort_by(|one, two| one.labels.cmp(&two.labels));
    let series = rows.into_iter().map(|row| {
        let points = row.values.iter().enumerate();
        let floats =
            points.filter_map(|(place, value)| Some((grid.millis(place), (*value)?))).collect();
        RangeSeries { labels: row.labels, floats, histograms: Vec::new() }
    });
    Ok(QueryValue::Matrix(series.collect()))
}

fn few_enough(reader: &Reader<'_>, series: usize) -> Result<(), LogQueryError> {
    let most = reader.limits.max_series;
    if series <= most {
        return Ok(());
    }
    Err(LogQueryError::Limit {
        limit: "max_series",
        detail: format!(
            "maximum of series ({most}) reached for a single query: aggregate by fewer labels"
        ),
    })
}

/// That a query may hold as many points.
fn room(reader: &Reader<'_>, rows: usize, grid: Grid) -> Result<(), LogQueryError> {
    enough(reader, (rows as u64).saturating_mul(grid.count as u64))
}

fn enough(reader: &Reader<'_>, held: u64) -> Result<(), LogQueryError> {
    let most = reader.limits.max_samples;
    if held <= most {
        return Ok(());
    }
    Err(LogQueryError::Limit {
        limit: "max_samples",
        detail: format!(
            "the query would hold more than {most} samples: shorten its range, or aggregate by fewer labels"
        ),
    })
}

fn evaluate(
    reader: &mut Reader<'_>,
    metric: &Metric,
    grid: Grid,
) -> Result<Vec<Row>, LogQueryError> {
    reader.goes_on()?;
    match metric {
        Metric::Number(value) | Metric::Vector(value) => {
            Ok(vec![Row { labels: Labels::default(), values: vec![Some(*value); grid.count] }])
        }
        Metric::Range { op, parameter, of, grouping } => range::evaluate(
            reader,
            &range::Asked { op: *op, parameter: *parameter, of, grouping: grouping.as_ref() },
            grid,
        ),
        Metric::Aggregate { op, count, of, grouping } => {
            let grouping = grouping.clone().unwrap_or_default();
            let rows = match &**of {
                // The labels that fall away are not collected in the first place.
                Metric::Range { op: inner, parameter, of, grouping: None }
                    if *op == VectorOp::Sum && adds_up(*inner) =>
                {
                    let asked = range::Asked {
                        op: *inner,
                        parameter: *parameter,
                        of,
                        grouping: Some(&grouping),
                    };
                    range::evaluate(reader, &asked, grid)?
                }
                other => evaluate(reader, other, grid)?,
            };
            reader.goes_on()?;
            Ok(aggregate::aggregate(*op, *count, &grouping, rows, grid.count))
        }
        Metric::Binary { op, matching, sides } => {
            let joined = match (&sides.0, &sides.1) {
                (Metric::Number(number), other) => binary::with_number(
                    *op,
                    matching.bool_result,
                    *number,
                    true,
                    evaluate(reader, other, grid)?,
                ),
                (other, Metric::Number(number)) => binary::with_number(
                    *op,
                    matching.bool_result,
                    *number,
                    false,
                    evaluate(reader, other, grid)?,
                ),
                (left, right) => {
                    let left = evaluate(reader, left, grid)?;
                    let right = evaluate(reader, right, grid)?;
                    room(reader, left.len() + right.len(), grid)?;
                    binary::join(*op, matching, left, right, grid.count)
                        .map_err(LogQueryError::Execution)?
                }
            };
            Ok(joined)
        }
        Metric::Replace { of, target, replacement, source, regex } => {
            let regex = compile(&format!("^(?:{regex})$")).map_err(LogQueryError::Invalid)?;
            let mut rows = evaluate(reader, of, grid)?;
            for row in &mut rows {
                let value = row.labels.get(source).unwrap_or_default();
                let Some(found) = regex.captures(value) else { continue };
                let mut text = String::new();
                found.expand(replacement, &mut text);
                let mut labels: Vec<Label> = row.labels.iter().cloned().collect();
                labels.push(Label::new(target.as_str(), text));
                row.labels = Labels::new(labels);
            }
            Ok(merged(rows))
        }
    }
}

/// Whether sums of it are those of its parts.
fn adds_up(op: RangeOp) -> bool {
    matches!(
        op,
        RangeOp::Rate | RangeOp::Count | RangeOp::Bytes | RangeOp::BytesRate | RangeOp::Sum
    )
}

/// Rows with the same labels as one; where both have a value, the first counts.
fn merged(rows: Vec<Row>) -> Vec<Row> {
    let mut found: Vec<Row> = Vec::with_capacity(rows.len());
    let mut places: HashMap<Labels, usize> = HashMap::new();
    for row in rows {
        match places.get(&row.labels).and_then(|place| found.get_mut(*place)) {
            Some(known) => {
                for (value, other) in known.values.iter_mut().zip(row.values) {
                    *value = value.or(other);
                }
            }
            None => {
                places.insert(row.labels.clone(), found.len());
                found.push(row);
            }
        }
    }
    found
}

/// Labels that are left of others.
fn grouped(labels: &Labels, grouping: &super::ast::Grouping) -> Labels {
    let named = |label: &&Label| grouping.labels.iter().any(|name| **name == *label.name);
    let kept = labels.iter().filter(|label| named(label) != grouping.without);
    Labels::new(kept.cloned().collect())
}
