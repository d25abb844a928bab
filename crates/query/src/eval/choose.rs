//! Aggregations that choose among their elements: `topk`, `bottomk`, `limitk` and `limit_ratio`.

use super::hash::offset;
use super::series::Row;
use super::{Context, Grid, Series};
use crate::answer::SampleValue;
use crate::engine::QueryError;
use crate::promql::ast::{Aggregate, AggregateOp};

/// A heap that has what is replaced first at its top, laid out as Go's one, so that ties fall the same way.
struct Heap {
    items: Vec<(f64, usize)>,
    largest_first: bool,
}

impl Heap {
    fn less(&self, one: usize, two: usize) -> bool {
        let (one, two) = (self.items[one].0, self.items[two].0);
        one.is_nan() || if self.largest_first { one > two } else { one < two }
    }

    fn push(&mut self, item: (f64, usize)) {
        self.items.push(item);
        let mut place = self.items.len() - 1;
        while place > 0 {
            let parent = (place - 1) / 2;
            if !self.less(place, parent) {
                break;
            }
            self.items.swap(parent, place);
            place = parent;
        }
    }

    fn replace_top(&mut self, item: (f64, usize)) {
        self.items[0] = item;
        let mut place = 0;
        loop {
            let left = 2 * place + 1;
            if left >= self.items.len() {
                return;
            }
            let right = left + 1;
            let child =
                if right < self.items.len() && self.less(right, left) { right } else { left };
            if !self.less(child, place) {
                return;
            }
            self.items.swap(place, child);
            place = child;
        }
    }

    /// The places that were kept, the best first.
    fn best_first(mut self) -> Vec<usize> {
        let largest_first = self.largest_first;
        self.items.sort_by(|(one, _), (two, _)| match (one.is_nan(), two.is_nan()) {
            (false, false) => {
                let order = one.total_cmp(two);
                if largest_first { order } else { order.reverse() }
            }
            (one, two) => one.cmp(&two),
        });
        self.items.into_iter().map(|(_, place)| place).collect()
    }
}

/// The `k` largest or smallest of a group at one step.
fn best(values: &[(usize, f64)], k: usize, smallest: bool) -> Vec<usize> {
    let mut heap = Heap { items: Vec::with_capacity(k.min(values.len())), largest_first: smallest };
    for (place, value) in values {
        if heap.items.len() < k {
            heap.push((*value, *place));
            continue;
        }
        let top = heap.items[0].0;
        let better = if smallest { top > *value } else { top < *value };
        if better || (top.is_nan() && !value.is_nan()) {
            heap.replace_top((*value, *place));
        }
    }
    heap.best_first()
}

impl Context<'_> {
    /// Those of `series` that are chosen, with values at the steps where they are.
    pub(crate) fn choose(
        &self,
        aggregate: &Aggregate,
        (series, groups): (Vec<Series>, Vec<Vec<usize>>),
        parameter: &[f64],
        grid: Grid,
    ) -> Result<Vec<Series>, QueryError> {
        if !self.check_parameter(aggregate, parameter)? {
            return Ok(Vec::new());
        }
        let mut rows: Vec<Row> = vec![Vec::new(); series.len()];
        let mut order = Vec::new();
        let offsets: Vec<f64> = match aggregate.op {
            AggregateOp::LimitRatio => series.iter().map(|one| offset(&one.labels)).collect(),
            _ => Vec::new(),
        };
        for step in 0..grid.count {
            self.check()?;
            let value = parameter.get(step).copied().unwrap_or_default();
            for members in &groups {
                let there = members.iter().copied().filter(|one| series[*one].row[step].is_some());
                let kept = self.kept(aggregate, there, (&series, step), (value, &offsets));
                for place in kept {
                    let row = &mut rows[place];
                    if row.is_empty() {
                        row.resize(grid.count, None);
                        order.push(place);
                    }
                    row[step] = series[place].row[step].clone();
                }
            }
        }
        let chosen = order.into_iter().map(|place| Series {
            labels: series[place].labels.clone(),
            row: std::mem::take(&mut rows[place]),
        });
        Ok(chosen.collect())
    }

    fn kept(
        &self,
        aggregate: &Aggregate,
        there: impl Iterator<Item = usize>,
        (series, step): (&[Series], usize),
        (parameter, offsets): (f64, &[f64]),
    ) -> Vec<usize> {
        let k = if parameter >= 1.0 { (parameter as u64).min(series.len() as u64) } else { 0 };
        let k = usize::try_from(k).unwrap_or(usize::MAX);
        match aggregate.op {
            AggregateOp::LimitRatio => {
                let ratio = parameter.clamp(-1.0, 1.0);
                let inside = |place: &usize| {
                    let at = offsets[*place];
                    (ratio > 0.0 && at < ratio) || (ratio < 0.0 && at >= 1.0 + ratio)
                };
                there.filter(inside).collect()
            }
            AggregateOp::LimitK => there.take(k).collect(),
            op => {
                let mut values = Vec::new();
                for place in there {
                    match &series[place].row[step] {
                        Some(SampleValue::Float(value)) => values.push((place, *value)),
                        _ if k == 0 => {}
                        _ => self.ignored_histogram(op.name(), aggregate),
                    }
                }
                if k == 0 { Vec::new() } else { best(&values, k, op == AggregateOp::BottomK) }
            }
        }
    }

    /// Whether there is anything to choose at all.
    fn check_parameter(&self, aggregate: &Aggregate, values: &[f64]) -> Result<bool, QueryError> {
        let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let smallest = values.iter().copied().fold(f64::INFINITY, f64::min);
        let any_nan = values.iter().any(|one| one.is_nan());
        let error = |message: String| Err(QueryError::Execution(message));
        if aggregate.op == AggregateOp::LimitRatio {
            if any_nan {
                return error("Ratio value is NaN".to_owned());
            }
            if largest == 0.0 && smallest == 0.0 {
                return Ok(false);
            }
            let at = aggregate.parameter.as_ref().map(|one| one.at).unwrap_or_default();
            for (wrong, value, bound) in
                [(largest > 1.0, largest, 1), (smallest < -1.0, smallest, -1)]
            {
                if wrong {
                    let value = super::notes::shortest(value);
                    self.notes.warn(at, format!("ratio value should be between -1 and 1, got {value}, capping to {bound}"));
                }
            }
            return Ok(true);
        }
        if any_nan {
            return error("Parameter value is NaN".to_owned());
        }
        if largest < 1.0 {
            return Ok(false);
        }
        if smallest <= i64::MIN as f64 {
            return error(format!(
                "Scalar value {} underflows int64",
                super::notes::shortest(smallest)
            ));
        }
        if largest >= i64::MAX as f64 {
            return error(format!(
                "Scalar value {} overflows int64",
                super::notes::shortest(largest)
            ));
        }
        Ok(true)
    }
}
