//! Aggregations over the series of a group.

use std::collections::HashMap;

use vigie_model::{Label, Labels};

use super::quantile::quantile;
use super::series::Row;
use super::series::of_metric;
use super::sum::{Sum, mean};
use super::{Context, Evaluated, Grid, Series, native};
use crate::answer::SampleValue;
use crate::engine::QueryError;
use crate::promql::ast::{Aggregate, AggregateOp, Grouping, Kind};

/// The labels of the group that labels belong to.
pub(super) fn group_labels(labels: &Labels, grouping: &Grouping) -> Labels {
    let wanted = |label: &&Label| match grouping {
        Grouping::By(names) => names.iter().any(|name| **name == *label.name),
        Grouping::Without(names) => {
            !of_metric(&label.name) && !names.iter().any(|name| **name == *label.name)
        }
    };
    labels.only(wanted)
}

/// Groups by first appearance: their labels and their members.
type Groups = Vec<(Labels, Vec<usize>)>;

fn groups_of(series: &[Series], grouping: &Grouping) -> Groups {
    let mut places: HashMap<Labels, usize> = HashMap::new();
    let mut groups: Groups = Vec::new();
    for (member, one) in series.iter().enumerate() {
        let labels = group_labels(&one.labels, grouping);
        let place = *places.entry(labels).or_insert_with_key(|labels| {
            groups.push((labels.clone(), Vec::new()));
            groups.len() - 1
        });
        groups[place].1.push(member);
    }
    groups
}

impl Context<'_> {
    /// An aggregation.
    pub(crate) fn aggregate(
        &self,
        aggregate: &Aggregate,
        grid: Grid,
    ) -> Result<Evaluated, QueryError> {
        let label = match aggregate.parameter.as_ref().map(|one| &one.bare().kind) {
            Some(Kind::Text(label)) => label.clone(),
            _ => String::new(),
        };
        let parameter = match &aggregate.parameter {
            Some(parameter) => match self.eval(parameter, grid)? {
                Evaluated::Scalar(values) => values,
                _ => Vec::new(),
            },
            None => Vec::new(),
        };
        if let Some(groups) = self.fold(aggregate, grid)? {
            return Ok(Evaluated::Vector(groups));
        }
        let Evaluated::Vector(series) = self.eval(&aggregate.expr, grid)? else {
            return Err(QueryError::Execution("an aggregation needs a vector".to_owned()));
        };
        if aggregate.op == AggregateOp::CountValues {
            return self.count_values(aggregate, &series, &label, grid);
        }
        let groups = groups_of(&series, &aggregate.grouping);
        if matches!(
            aggregate.op,
            AggregateOp::TopK
                | AggregateOp::BottomK
                | AggregateOp::LimitK
                | AggregateOp::LimitRatio
        ) {
            let groups = groups.into_iter().map(|(_, members)| members).collect();
            return Ok(Evaluated::Vector(self.choose(
                aggregate,
                (series, groups),
                &parameter,
                grid,
            )?));
        }
        if aggregate.op == AggregateOp::Quantile {
            self.check_quantiles(aggregate, &parameter);
        }
        let mut reduced = Vec::with_capacity(groups.len());
        for (labels, members) in groups {
            self.check()?;
            let mut row: Row = Vec::with_capacity(grid.count);
            let mut values: Vec<(&SampleValue, &Labels)> = Vec::with_capacity(members.len());
            for step in 0..grid.count {
                values.clear();
                let there = members.iter().map(|member| &series[*member]);
                values.extend(there.filter_map(|one| Some((one.row[step].as_ref()?, &one.labels))));
                let q = parameter.get(step).copied().unwrap_or(f64::NAN);
                row.push(if values.is_empty() { None } else { self.reduce(aggregate, &values, q) });
            }
            self.hold(row.len())?;
            let one = Series { labels, row };
            if one.has_values() {
                reduced.push(one);
            }
        }
        Ok(Evaluated::Vector(reduced))
    }

    fn check_quantiles(&self, aggregate: &Aggregate, values: &[f64]) {
        let at = aggregate.parameter.as_ref().map(|one| one.at).unwrap_or_default();
        if values.iter().any(|one| one.is_nan()) {
            self.invalid_quantile(at, f64::NAN);
        }
        let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let smallest = values.iter().copied().fold(f64::INFINITY, f64::min);
        for (wrong, value) in [(largest > 1.0, largest), (smallest < 0.0, smallest)] {
            if wrong {
                self.invalid_quantile(at, value);
            }
        }
    }

    /// Says that histograms do not count here.
    pub(crate) fn ignored_histogram(&self, name: &str, aggregate: &Aggregate) {
        let at = match aggregate.op {
            // Those have the place of the whole aggregation.
            AggregateOp::TopK | AggregateOp::BottomK => aggregate.at,
            _ => aggregate.expr.at,
        };
        self.notes.info(at, format!("ignored histogram in {name} aggregation"));
    }

    /// The value of a group at one step, of at least one value.
    fn reduce(
        &self,
        aggregate: &Aggregate,
        values: &[(&SampleValue, &Labels)],
        q: f64,
    ) -> Option<SampleValue> {
        let op = aggregate.op;
        match op {
            AggregateOp::Count => return Some(SampleValue::Float(values.len() as f64)),
            AggregateOp::Group => return Some(SampleValue::Float(1.0)),
            _ => {}
        }
        let mut floats: Vec<f64> = Vec::with_capacity(values.len());
        let mut histograms = Vec::new();
        for (value, labels) in values {
            match value {
                SampleValue::Float(value) => floats.push(*value),
                SampleValue::Histogram(value) => histograms.push((value, labels.metric_name())),
            }
        }
        if !histograms.is_empty() {
            if matches!(op, AggregateOp::Sum | AggregateOp::Avg) {
                if floats.is_empty() {
                    let (histograms, names): (Vec<_>, Vec<_>) = histograms.into_iter().unzip();
                    let at = aggregate.expr.at;
                    let by = if op == AggregateOp::Avg { histograms.len() as f64 } else { 1.0 };
                    return native::many::total(self, &histograms, by, (at, &names), true);
                }
                native::many::mixed(self, values, aggregate.expr.at);
                return None;
            }
            self.ignored_histogram(op.name(), aggregate);
        }
        let first = *floats.first()?;
        Some(SampleValue::Float(match op {
            AggregateOp::Sum => {
                let start = Sum { sum: first, lost: 0.0 };
                let sum = floats[1..].iter().fold(start, |sum, value| sum.add(*value));
                sum.sum + sum.lost
            }
            AggregateOp::Avg => mean(floats),
            AggregateOp::Max => extreme(&floats, |best, value| best < value),
            AggregateOp::Min => extreme(&floats, |best, value| best > value),
            AggregateOp::Stdvar => variance(&floats),
            AggregateOp::Stddev => variance(&floats).sqrt(),
            _ => quantile(q, &mut floats),
        }))
    }

    fn count_values(
        &self,
        aggregate: &Aggregate,
        series: &[Series],
        label: &str,
        grid: Grid,
    ) -> Result<Evaluated, QueryError> {
        if label.is_empty() {
            let message = format!("invalid label name {label:?}");
            return Err(QueryError::Execution(message));
        }
        let grouping = match &aggregate.grouping {
            Grouping::By(names) => {
                let mut names = names.clone();
                names.push(label.to_owned());
                Grouping::By(names)
            }
            without @ Grouping::Without(_) => without.clone(),
        };
        let mut places: HashMap<Labels, usize> = HashMap::new();
        let mut counted: Vec<(Labels, Vec<u64>)> = Vec::new();
        for one in series {
            self.check()?;
            for (step, value) in one.row.iter().enumerate() {
                let Some(value) = value else { continue };
                let written = match value {
                    SampleValue::Float(value) => written(*value),
                    SampleValue::Histogram(value) => native::text::write(value),
                };
                let mut all: Vec<Label> = one.labels.iter().cloned().collect();
                all.push(Label::new(label, written));
                let labels = group_labels(&Labels::new(all), &grouping);
                let place = match places.get(&labels) {
                    Some(place) => *place,
                    None => {
                        self.hold(grid.count)?;
                        places.insert(labels.clone(), counted.len());
                        counted.push((labels, vec![0; grid.count]));
                        counted.len() - 1
                    }
                };
                counted[place].1[step] += 1;
            }
        }
        let value = |count| (count > 0).then_some(SampleValue::Float(count as f64));
        let counted = counted.into_iter().map(|(labels, counts)| Series {
            labels,
            row: counts.into_iter().map(value).collect(),
        });
        Ok(Evaluated::Vector(counted.collect()))
    }
}

/// A value as a label: never with an exponent.
pub(crate) fn written(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    format!("{value}")
}

fn extreme(values: &[f64], better: impl Fn(f64, f64) -> bool) -> f64 {
    let first = values.first().copied().unwrap_or(f64::NAN);
    values.iter().fold(
        first,
        |best, value| {
            if better(best, *value) || best.is_nan() { *value } else { best }
        },
    )
}

/// Welford's way, without compensation, as Prometheus has it here.
fn variance(values: &[f64]) -> f64 {
    let Some((first, rest)) = values.split_first() else { return f64::NAN };
    let (mut count, mut mean) = (1.0, *first);
    let mut total = if first.is_finite() { 0.0 } else { f64::NAN };
    for value in rest {
        count += 1.0;
        let delta = value - mean;
        mean += delta / count;
        total += delta * (value - mean);
    }
    total / count
}
