//! Aggregations of floats that need no more of a group than a few numbers a step: series are added as they are computed,
//! and none of them is kept.

use std::collections::HashMap;

use vigie_model::Labels;

use super::aggregate::group_labels;
use super::series::Row;
use super::sum::{Mean, Sum};
use super::{Context, Grid, Series};
use crate::answer::SampleValue;
use crate::engine::QueryError;
use crate::promql::ast::{Aggregate, AggregateOp};

/// What is known of one step of a group.
trait Cell: Copy + Default {
    fn add(&mut self, value: f64);
    /// Nothing where nothing was added.
    fn value(&self) -> Option<f64>;
}

/// What has been added, and how often something was.
#[derive(Clone, Copy, Default)]
struct Counted<T> {
    count: u32,
    value: T,
}

impl Cell for Counted<Sum> {
    fn add(&mut self, value: f64) {
        self.value = match self.count {
            0 => Sum { sum: value, lost: 0.0 },
            _ => self.value.add(value),
        };
        self.count = 1;
    }

    fn value(&self) -> Option<f64> {
        (self.count > 0).then_some(self.value.sum + self.value.lost)
    }
}

impl Cell for Counted<()> {
    fn add(&mut self, _: f64) {
        self.count += 1;
    }

    fn value(&self) -> Option<f64> {
        (self.count > 0).then(|| f64::from(self.count))
    }
}

impl Cell for Mean {
    fn add(&mut self, value: f64) {
        Self::add(self, value);
    }

    fn value(&self) -> Option<f64> {
        self.is_of_some().then(|| Self::value(self))
    }
}

/// The largest value, or the smallest; NaN is worse than any other.
#[derive(Clone, Copy, Default)]
struct Best<const LARGEST: bool>(Option<f64>);

impl<const LARGEST: bool> Cell for Best<LARGEST> {
    fn add(&mut self, value: f64) {
        let better = |best: f64| if LARGEST { best < value } else { best > value };
        if self.0.is_none_or(|best| better(best) || best.is_nan()) {
            self.0 = Some(value);
        }
    }

    fn value(&self) -> Option<f64> {
        self.0
    }
}

impl Context<'_> {
    /// The groups of an aggregation; nothing where it is another one, or of more than floats, or of what cannot be computed
    /// one series after the other.
    pub(super) fn fold(
        &self,
        aggregate: &Aggregate,
        grid: Grid,
    ) -> Result<Option<Vec<Series>>, QueryError> {
        match aggregate.op {
            AggregateOp::Sum => self.fold_with::<Counted<Sum>>(aggregate, grid),
            AggregateOp::Avg => self.fold_with::<Mean>(aggregate, grid),
            AggregateOp::Count => self.fold_with::<Counted<()>>(aggregate, grid),
            AggregateOp::Max => self.fold_with::<Best<true>>(aggregate, grid),
            AggregateOp::Min => self.fold_with::<Best<false>>(aggregate, grid),
            _ => Ok(None),
        }
    }

    fn fold_with<C: Cell>(
        &self,
        aggregate: &Aggregate,
        grid: Grid,
    ) -> Result<Option<Vec<Series>>, QueryError> {
        let (held, stats) = (self.held.get(), self.stats.get());
        let mut places: HashMap<Labels, usize> = HashMap::new();
        let mut groups: Vec<(Labels, Vec<C>)> = Vec::new();
        let all = self.each(&aggregate.expr, grid, &mut |one| {
            let labels = group_labels(&one.labels, &aggregate.grouping);
            let place = match places.get(&labels) {
                Some(place) => *place,
                None => {
                    self.hold(grid.count)?;
                    places.insert(labels.clone(), groups.len());
                    groups.push((labels, vec![C::default(); grid.count]));
                    groups.len() - 1
                }
            };
            for (cell, value) in groups[place].1.iter_mut().zip(&one.row) {
                match value {
                    Some(SampleValue::Float(value)) => cell.add(*value),
                    Some(SampleValue::Histogram(_)) => return Ok(false),
                    None => {}
                }
            }
            Ok(true)
        })?;
        self.held.set(held);
        if !all {
            // Histograms have more to say: everything is read again, and counted once.
            self.stats.set(stats);
            return Ok(None);
        }
        let row = |cells: Vec<C>| -> Row {
            cells.iter().map(|cell| cell.value().map(SampleValue::Float)).collect()
        };
        let groups = groups.into_iter().map(|(labels, cells)| Series { labels, row: row(cells) });
        Ok(Some(groups.collect()))
    }
}
