//! Classic histograms as native ones with the same bounds, which `load_with_nhcb` loads besides.

use std::collections::BTreeMap;

use vigie_model::{CUSTOM_SCHEMA, Label, Labels, METRIC_NAME, NativeHistogram};

use crate::notation::{Result, Value, Values};

/// What one step of the classic series says.
#[derive(Debug, Default)]
struct Classic {
    /// By bits of the bound, ascending: bounds and cumulative counts.
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
}

impl Classic {
    fn native(mut self) -> Result<NativeHistogram> {
        self.buckets.sort_by(|one, two| one.0.total_cmp(&two.0));
        self.buckets.dedup_by(|two, one| one.0 == two.0);
        let last = self.buckets.last().map(|one| one.1);
        let count = self.count.or(last).ok_or("a classic histogram without buckets and count")?;
        if self.buckets.last().is_none_or(|one| one.0 != f64::INFINITY) {
            self.buckets.push((f64::INFINITY, count));
        }
        if self.buckets.last().is_some_and(|one| one.1 != count) {
            return Err("a classic histogram whose count is not that of its last bucket".to_owned());
        }
        let mut before = 0.0;
        let mut positive = Vec::new();
        for (index, (_, cumulative)) in (0..).zip(&self.buckets) {
            if *cumulative < before {
                return Err("a classic histogram whose counts descend".to_owned());
            }
            if *cumulative != before {
                positive.push((index, cumulative - before));
            }
            before = *cumulative;
        }
        let bounds = self.buckets.iter().map(|one| one.0).filter(|one| one.is_finite());
        Ok(NativeHistogram {
            schema: CUSTOM_SCHEMA,
            count,
            sum: self.sum,
            positive,
            custom_bounds: bounds.collect(),
            ..NativeHistogram::default()
        })
    }
}

/// The native series of all classic ones.
pub fn converted(all: &[(Labels, Values)]) -> Result<Vec<(Labels, Values)>> {
    let mut found: BTreeMap<Labels, BTreeMap<usize, Classic>> = BTreeMap::new();
    for (labels, values) in all {
        let name = labels.metric_name();
        let Some((base, part)) = name.rsplit_once('_') else { continue };
        let bound = labels.get("le").and_then(|one| one.parse::<f64>().ok());
        let bound = bound.filter(|one| !one.is_nan());
        if !matches!(part, "count" | "sum") && (part != "bucket" || bound.is_none()) {
            continue;
        }
        let others = labels.iter().filter(|one| !matches!(&*one.name, METRIC_NAME | "le"));
        let named = std::iter::once(Label::new(METRIC_NAME, base));
        let steps = found.entry(Labels::new(named.chain(others.cloned()).collect())).or_default();
        for (step, value) in values.iter().enumerate() {
            let Some(Value::Float(value)) = value else { continue };
            let classic = steps.entry(step).or_default();
            match (part, bound) {
                ("count", _) => classic.count = Some(*value),
                ("sum", _) => classic.sum = *value,
                (_, Some(bound)) => classic.buckets.push((bound, *value)),
                _ => {}
            }
        }
    }
    let series = found.into_iter().map(|(labels, steps)| {
        let length = steps.keys().last().map_or(0, |last| last + 1);
        let mut values: Values = vec![None; length];
        for (step, classic) in steps {
            values[step] = Some(Value::Histogram(Box::new(classic.native()?), false));
        }
        Ok((labels, values))
    });
    series.collect()
}

#[test]
fn classic_series_become_one_native() {
    let line = |text: &str| crate::notation::series(text).unwrap();
    let classic = [
        line("run_bucket{le=\"1\",a=\"b\"} 0 2"),
        line("run_bucket{le=\"5\",a=\"b\"} 0 2"),
        line("run_bucket{le=\"+Inf\",a=\"b\"} 0 5"),
        line("run_sum{a=\"b\"} 0 9"),
        line("other 1"),
    ];
    let native = converted(&classic).unwrap();
    let [(labels, values)] = &native[..] else { panic!("{native:?}") };
    assert_eq!(labels.to_string(), "run{a=\"b\"}");
    let Some(Value::Histogram(value, false)) = &values[1] else { panic!("{values:?}") };
    assert_eq!((value.count, value.sum, &value.custom_bounds[..]), (5.0, 9.0, &[1.0, 5.0][..]));
    assert_eq!(value.positive, [(0, 2.0), (2, 3.0)]);
}
