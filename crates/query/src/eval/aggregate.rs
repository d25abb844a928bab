//! Aggregations: over groups of series, at each step.

use std::collections::HashMap;

use vigie_model::{Label, Labels};

use super::windows::{mean, quantile, sum, variance};
use super::{Context, Evaluated, Grid, Row, Value, keep};
use crate::engine::QueryError;
use crate::promql::AggregateOp;

struct Group {
    labels: Labels,
    rows: Vec<usize>,
}

fn groups(rows: &[Row], without: bool, labels: &[String]) -> Vec<Group> {
    let mut out: Vec<Group> = Vec::new();
    let mut seen: HashMap<Labels, usize> = HashMap::new();
    for (place, row) in rows.iter().enumerate() {
        let key = keep(&row.labels, |label| {
            let named = labels.iter().any(|name| **name == *label.name);
            if without { !named && &*label.name != "__name__" } else { named }
        });
        let group = *seen.entry(key.clone()).or_insert_with(|| {
            out.push(Group { labels: key, rows: Vec::new() });
            out.len() - 1
        });
        out[group].rows.push(place);
    }
    out
}

fn fold(op: AggregateOp, values: &[f64], number: f64) -> f64 {
    let best = |better: fn(f64, f64) -> bool| {
        values.iter().copied().reduce(
            |best, one| {
                if better(one, best) || best.is_nan() { one } else { best }
            },
        )
    };
    match op {
        AggregateOp::Sum => sum(values),
        AggregateOp::Avg => mean(values),
        AggregateOp::Min => best(|one, two| one < two).unwrap_or(f64::NAN),
        AggregateOp::Max => best(|one, two| one > two).unwrap_or(f64::NAN),
        AggregateOp::Count => values.len() as f64,
        AggregateOp::Stddev => variance(values).sqrt(),
        AggregateOp::Stdvar => variance(values),
        AggregateOp::Quantile => quantile(number, values),
        _ => 1.0,
    }
}

impl Context<'_> {
    pub fn aggregate(
        &self,
        op: AggregateOp,
        parameter: Option<Value>,
        rows: Vec<Row>,
        (without, labels): (bool, &[String]),
        grid: Grid,
    ) -> Evaluated<Vec<Row>> {
        let groups = groups(&rows, without, labels);
        match (op, parameter) {
            (AggregateOp::CountValues, Some(Value::Text(name))) => {
                self.count_values(&name, &rows, &groups, grid)
            }
            (AggregateOp::LimitRatio, _) => {
                Err(QueryError::Execution("limit_ratio is not evaluated yet".to_owned()))
            }
            (
                AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Limitk,
                Some(Value::Scalar(k)),
            ) => self.chosen(op, &k, rows, &groups, grid),
            (_, parameter) => {
                let numbers = match parameter {
                    Some(Value::Scalar(numbers)) => numbers,
                    _ => vec![0.0; grid.count],
                };
                self.folded(op, &numbers, &rows, groups, grid)
            }
        }
    }

    fn folded(
        &self,
        op: AggregateOp,
        numbers: &[f64],
        rows: &[Row],
        groups: Vec<Group>,
        grid: Grid,
    ) -> Evaluated<Vec<Row>> {
        if op == AggregateOp::Quantile
            && let Some(wrong) = numbers.iter().find(|number| !(0.0..=1.0).contains(*number))
        {
            self.warn(format!("quantile value should be between 0 and 1, got {wrong}"));
        }
        let (mut out, mut held) = (Vec::with_capacity(groups.len()), Vec::new());
        for group in groups {
            self.hold(grid.count)?;
            let values = (0..grid.count).map(|step| {
                held.clear();
                held.extend(group.rows.iter().filter_map(|row| rows[*row].values[step]));
                (!held.is_empty()).then(|| fold(op, &held, numbers[step]))
            });
            out.push(Row { values: values.collect(), labels: group.labels });
        }
        Ok(out)
    }

    fn chosen(
        &self,
        op: AggregateOp,
        k: &[f64],
        rows: Vec<Row>,
        groups: &[Group],
        grid: Grid,
    ) -> Evaluated<Vec<Row>> {
        let mut out: Vec<Row> = rows
            .iter()
            .map(|row| Row { labels: row.labels.clone(), values: vec![None; grid.count] })
            .collect();
        let mut order = Vec::new();
        for group in groups {
            self.hold(grid.count * group.rows.len())?;
            for (step, k) in k.iter().enumerate() {
                if k.is_nan() {
                    return Err(QueryError::Execution("Parameter value is NaN".to_owned()));
                }
                let most = k.max(0.0) as usize;
                let mut found: Vec<(usize, f64)> = group
                    .rows
                    .iter()
                    .filter_map(|row| Some((*row, rows[*row].values[step]?)))
                    .collect();
                if op != AggregateOp::Limitk {
                    found.sort_by(|one, two| by_value(one.1, two.1, op == AggregateOp::Topk));
                }
                for (row, value) in found.into_iter().take(most) {
                    out[row].values[step] = Some(value);
                    if grid.count == 1 {
                        order.push(row);
                    }
                }
            }
        }
        if grid.count == 1 {
            // An instant query's answer comes in the order of the values.
            return Ok(order.into_iter().map(|row| out[row].clone()).collect());
        }
        out.retain(|row| row.values.iter().any(Option::is_some));
        Ok(out)
    }

    fn count_values(
        &self,
        name: &str,
        rows: &[Row],
        groups: &[Group],
        grid: Grid,
    ) -> Evaluated<Vec<Row>> {
        if name.is_empty() {
            return Err(QueryError::Execution(format!("invalid label name {name:?}")));
        }
        let (mut out, mut seen) = (Vec::<Row>::new(), HashMap::new());
        for group in groups {
            for row in &group.rows {
                for (step, value) in rows[*row].values.iter().enumerate() {
                    let Some(value) = value else { continue };
                    let mut labels: Vec<Label> = group.labels.iter().cloned().collect();
                    labels.push(Label::new(name, text(*value)));
                    let labels = Labels::new(labels);
                    let place = *seen.entry(labels.clone()).or_insert(out.len());
                    if place == out.len() {
                        self.hold(grid.count)?;
                        out.push(Row { labels, values: vec![None; grid.count] });
                    }
                    let held = &mut out[place].values[step];
                    *held = Some(held.unwrap_or(0.0) + 1.0);
                }
            }
        }
        Ok(out)
    }
}

fn text(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    format!("{value}")
}

/// NaN last, either way.
pub(super) fn by_value(one: f64, two: f64, descending: bool) -> std::cmp::Ordering {
    one.is_nan().cmp(&two.is_nan()).then_with(|| {
        let order = one.partial_cmp(&two).unwrap_or(std::cmp::Ordering::Equal);
        if descending { order.reverse() } else { order }
    })
}
