//! Quantiles and shares of histograms whose buckets are series of their own, told apart by `le`.

use std::collections::HashMap;

use vigie_model::{Label, Labels};

use super::notes::Monotonicity;
use super::series::{Row, merged, without_name};
use super::{Context, Evaluated, Grid, Series, native};
use crate::answer::SampleValue;
use crate::engine::QueryError;
use crate::promql::ast::{At, Expr, Kind};

/// Upper bound and cumulative count.
type Bucket = (f64, f64);

/// What is asked of a histogram.
#[derive(Clone)]
enum Question {
    Quantile(Vec<f64>),
    Share(Vec<f64>, Vec<f64>),
}

/// A bound as Go reads it.
fn bound(text: &str) -> Option<f64> {
    let value: f64 = text.replace('_', "x").parse().ok()?;
    (!value.is_nan()).then_some(value)
}

impl Context<'_> {
    /// `histogram_quantile`, `histogram_fraction` and `histogram_quantiles`.
    pub(crate) fn classic(
        &self,
        name: &str,
        arguments: &[Expr],
        grid: Grid,
    ) -> Result<Evaluated, QueryError> {
        let operand = match name {
            "histogram_quantile" => &arguments[1],
            "histogram_fraction" => &arguments[2],
            _ => &arguments[0],
        };
        let mut questions = Vec::new();
        match name {
            "histogram_quantile" => {
                let q = self.checked_quantile(&arguments[0], grid)?;
                questions.push((None, Question::Quantile(q)));
            }
            "histogram_fraction" => {
                let (low, high) =
                    (self.scalar(&arguments[0], grid)?, self.scalar(&arguments[1], grid)?);
                questions.push((None, Question::Share(low, high)));
            }
            _ => {
                let label = match &arguments[1].bare().kind {
                    Kind::Text(label) => label.clone(),
                    _ => String::new(),
                };
                for argument in &arguments[2..] {
                    let q = self.checked_quantile(argument, grid)?;
                    questions.push((Some(label.clone()), Question::Quantile(q)));
                }
            }
        }
        let series = self.vector(operand, grid)?;
        let mut answers = Vec::new();
        for (label, question) in questions {
            for mut one in self.asked(&series, &question, operand.at, grid)? {
                let (Some(label), Question::Quantile(q)) = (&label, &question) else {
                    answers.push(one);
                    continue;
                };
                // The label is that of each step's quantile; usually all steps have one.
                let mut rows: Vec<(String, Row)> = Vec::new();
                for (step, value) in one.row.drain(..).enumerate() {
                    let written = open_metrics(q[step]);
                    let known = rows.iter().position(|(text, _)| *text == written);
                    let place = known.unwrap_or_else(|| {
                        rows.push((written, vec![None; grid.count]));
                        rows.len() - 1
                    });
                    rows[place].1[step] = value;
                }
                for (written, row) in rows {
                    let mut labels: Vec<Label> = one.labels.iter().cloned().collect();
                    labels.push(Label::new(label.as_str(), written));
                    answers.push(Series { labels: Labels::new(labels), row });
                }
            }
        }
        Ok(Evaluated::Vector(merged(answers)?))
    }

    fn checked_quantile(&self, expr: &Expr, grid: Grid) -> Result<Vec<f64>, QueryError> {
        let values = self.scalar(expr, grid)?;
        for value in values.iter().filter(|one| !(0.0..=1.0).contains(*one)) {
            self.invalid_quantile(expr.at, *value);
        }
        Ok(values)
    }

    fn asked(
        &self,
        series: &[Series],
        question: &Question,
        at: At,
        grid: Grid,
    ) -> Result<Vec<Series>, QueryError> {
        let mut groups: Vec<(Labels, Vec<(f64, &Row)>)> = Vec::new();
        let mut places: HashMap<Labels, usize> = HashMap::new();
        let floats = |row: &Row| row.iter().any(|one| matches!(one, Some(SampleValue::Float(_))));
        let mut answers = Vec::new();
        for one in series.iter().filter(|one| floats(&one.row)) {
            let le = one.labels.get("le").unwrap_or_default();
            let Some(bound) = bound(le) else {
                let message = "bucket label \"le\" is missing or has a malformed value of";
                self.notes.warn(at, format!("{message} {le:?}"));
                continue;
            };
            let rest = one.labels.iter().filter(|label| &*label.name != "le").cloned().collect();
            let labels = Labels::new(rest);
            let place = *places.entry(labels).or_insert_with_key(|labels| {
                groups.push((labels.clone(), Vec::new()));
                groups.len() - 1
            });
            groups[place].1.push((bound, &one.row));
        }
        let mixed = |labels: &Labels, step: usize| {
            let of = |one: &&Series| one.labels == *labels;
            let native = series.iter().find(of).and_then(|one| one.row[step].as_ref());
            matches!(native, Some(SampleValue::Histogram(_)))
        };
        for (labels, members) in &groups {
            self.check()?;
            let mut row: Row = Vec::with_capacity(grid.count);
            for step in 0..grid.count {
                let mut buckets: Vec<Bucket> = Vec::with_capacity(members.len());
                buckets.extend(members.iter().filter_map(|(bound, row)| match row[step] {
                    Some(SampleValue::Float(count)) => Some((*bound, count)),
                    _ => None,
                }));
                if buckets.is_empty() {
                    row.push(None);
                } else if mixed(labels, step) {
                    let message = "vector contains a mix of classic and native histograms";
                    self.notes.warn(at, message);
                    row.push(None);
                } else {
                    let value = self.bucket_answer(question, &mut buckets, (step, grid), at);
                    row.push(Some(SampleValue::Float(value)));
                }
            }
            answers.push(Series { labels: without_name(labels), row });
        }
        for one in series {
            let classic = places.get(&one.labels).map(|place| &groups[*place].1);
            let value = |(step, value): (usize, &Option<SampleValue>)| {
                let Some(SampleValue::Histogram(value)) = value else { return None };
                let there =
                    |(_, row): &(f64, &Row)| matches!(row[step], Some(SampleValue::Float(_)));
                if classic.is_some_and(|members| members.iter().any(there)) {
                    return None;
                }
                Some(SampleValue::Float(match question {
                    Question::Quantile(q) => native::quantile::quantile(self, q[step], value, at),
                    Question::Share(low, high) => {
                        native::quantile::share(self, (low[step], high[step]), value, at)
                    }
                }))
            };
            let row: Row = one.row.iter().enumerate().map(value).collect();
            answers.push(Series { labels: without_name(&one.labels), row });
        }
        answers.retain(Series::has_values);
        merged(answers)
    }

    fn bucket_answer(
        &self,
        question: &Question,
        buckets: &mut Vec<Bucket>,
        (step, grid): (usize, Grid),
        at: At,
    ) -> f64 {
        match question {
            Question::Share(low, high) => share(low[step], high[step], buckets),
            Question::Quantile(q) => {
                let (value, fixed) = quantile(q[step], buckets);
                if let Some((bounds, difference)) = fixed {
                    let time = grid.time(step);
                    let found = Monotonicity {
                        times: (time, time),
                        buckets: bounds,
                        difference,
                        samples: 1,
                    };
                    self.notes.not_monotonic(at, found);
                }
                value
            }
        }
    }
}

/// A quantile as a label: always with a point.
fn open_metrics(value: f64) -> String {
    let written = super::notes::shortest(value);
    let whole = written.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if whole { written + ".0" } else { written }
}

/// By bound, one bucket a bound; whether the last one holds everything.
fn prepare(buckets: &mut Vec<Bucket>) -> bool {
    buckets.sort_by(|one, two| one.0.total_cmp(&two.0));
    if buckets.last().is_none_or(|last| last.0 != f64::INFINITY) {
        return false;
    }
    buckets.dedup_by(|next, kept| {
        #[allow(clippy::float_cmp, reason = "equal bounds are one bucket")]
        let same = next.0 == kept.0;
        if same {
            kept.1 += next.1;
        }
        same
    });
    true
}

/// What had to be corrected: the bounds of the first and last bucket, and by how much at the most.
type Fixed = Option<((f64, f64), f64)>;

/// Makes counts ascend; differences that come from rounding are not worth a word.
fn ascending(buckets: &mut [Bucket]) -> Fixed {
    let mut fixed: Fixed = None;
    let mut before = buckets.first().map_or(f64::NAN, |first| first.1);
    for bucket in buckets.iter_mut().skip(1) {
        let count = bucket.1;
        #[allow(clippy::float_cmp, reason = "equal counts need no correction")]
        if count == before {
            continue;
        }
        if almost_equal(before, count) {
            bucket.1 = before;
        } else if count < before {
            let ((low, high), most) = fixed.unwrap_or(((f64::INFINITY, f64::NEG_INFINITY), 0.0));
            let bounds = (low.min(bucket.0), high.max(bucket.0));
            fixed = Some((bounds, f64::max(most, before - count)));
            bucket.1 = before;
        } else {
            before = count;
        }
    }
    fixed
}

fn almost_equal(one: f64, two: f64) -> bool {
    const TOLERANCE: f64 = 1e-12;
    if one.is_nan() && two.is_nan() {
        return true;
    }
    let (sum, difference) = (one.abs() + two.abs(), (one - two).abs());
    if one == 0.0 || two == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < TOLERANCE * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < TOLERANCE
}

/// The quantile, and what had to be corrected for it.
fn quantile(q: f64, buckets: &mut Vec<Bucket>) -> (f64, Fixed) {
    if q.is_nan() {
        return (f64::NAN, None);
    }
    if q < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if q > 1.0 {
        return (f64::INFINITY, None);
    }
    if !prepare(buckets) {
        return (f64::NAN, None);
    }
    let fixed = ascending(buckets);
    let last = buckets.len() - 1;
    let observations = buckets[last].1;
    if last == 0 || observations == 0.0 {
        return (f64::NAN, fixed);
    }
    let mut rank = q * observations;
    let place = buckets[..last].iter().position(|bucket| bucket.1 >= rank).unwrap_or(last);
    if place == last {
        return (buckets[last - 1].0, fixed);
    }
    let (end, mut count) = buckets[place];
    if place == 0 && end <= 0.0 {
        return (end, fixed);
    }
    let mut start = 0.0;
    if place > 0 {
        start = buckets[place - 1].0;
        count -= buckets[place - 1].1;
        rank -= buckets[place - 1].1;
    }
    (start + (end - start) * (rank / count), fixed)
}

/// The share of observations between two bounds.
fn share(low: f64, high: f64, buckets: &mut Vec<Bucket>) -> f64 {
    if buckets.is_empty() || !prepare(buckets) {
        return f64::NAN;
    }
    let count = buckets.last().map_or(0.0, |last| last.1);
    if count == 0.0 || low.is_nan() || high.is_nan() {
        return f64::NAN;
    }
    if low >= high {
        return 0.0;
    }
    let first = buckets.first().map_or(0.0, |first| first.0);
    let mut from = if first <= 0.0 { f64::NEG_INFINITY } else { 0.0 };
    let (mut rank, mut lower, mut upper) = (0.0, None, None);
    for (to, until) in buckets.iter().copied() {
        for (wanted, found) in [(low, &mut lower), (high, &mut upper)] {
            if found.is_some() {
                continue;
            }
            if from >= wanted {
                *found = Some(rank);
            } else if to > wanted {
                *found = Some(if from == f64::NEG_INFINITY {
                    until
                } else {
                    rank + (until - rank) * (wanted - from) / (to - from)
                });
            }
        }
        (rank, from) = (until, to);
    }
    let within = |rank: Option<f64>| rank.filter(|rank| *rank <= count).unwrap_or(count);
    (within(upper) - within(lower)) / count
}
