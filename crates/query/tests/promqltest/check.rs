//! Whether an answer is what a script says.

use vigie_model::{Labels, NativeHistogram};
use vigie_query::{Annotations, QueryValue, SampleValue};
use vigie_store::is_stale;

use crate::notation::Value;
use crate::outcome::{Outcome, Question, When};
use crate::script::{Eval, Text, Wanted, expected};

/// How closely answers are compared.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// How much two numbers may differ, relative to their sum.
    pub tolerance: f64,
    /// Whether a warning or info that no line expects is wrong where no line is about them.
    pub every_annotation: bool,
}

/// As Prometheus runs its own suite.
pub const PUBLIC: Rules = Rules { tolerance: 1e-6, every_annotation: false };
/// As ours are run.
pub const OWN: Rules = Rules { tolerance: 1e-9, every_annotation: true };

/// Series and their values.
type Rows = Vec<(Labels, Vec<(i64, Value)>)>;

/// Who answers.
pub type Ask<'a> = &'a mut dyn FnMut(&Question) -> Outcome;

/// What is wrong with the answers to a query, alone and, as Prometheus's runner does, in the middle of a range.
pub fn wrong(eval: &Eval, rules: Rules, ask: Ask<'_>) -> Option<String> {
    let text = eval.query.clone();
    let answer = ask(&Question { text: text.clone(), when: eval.when() });
    let value = match outcome(eval, rules, answer) {
        Ok(value) => value?,
        Err(problem) => return Some(problem),
    };
    if let Some(problem) = of_value(eval, rules, &value) {
        return Some(problem);
    }
    let of_context = ["start()", "end()", "range()", "step()"];
    let ranged = eval.range.is_none()
        && eval.vector.is_none()
        && !eval.ordered
        && !matches!(value, QueryValue::Text(..) | QueryValue::Matrix(_))
        && !of_context.iter().any(|one| text.contains(one));
    if !ranged {
        return None;
    }
    let (start, end) = (eval.start - 60_000, eval.start + 60_000);
    match ask(&Question { text, when: When::Range { start, end, step: 60_000 } }) {
        Err(failure) => Some(format!("it fails within a range: {}", failure.text)),
        Ok((all, _)) => {
            let middle = at(&value, &all, eval.start);
            of_value(eval, rules, &middle).map(|problem| format!("within a range {problem}"))
        }
    }
}

/// The value of an answer that is to be looked at; nothing when it fails as it must.
fn outcome(eval: &Eval, rules: Rules, answer: Outcome) -> Result<Option<QueryValue>, String> {
    match (answer, &eval.fails) {
        (Err(failure), Some(text)) if text.fits(&failure.text) => Ok(None),
        (Err(failure), Some(text)) => {
            Err(format!("it fails with {:?}, not with {text:?}", failure.text))
        }
        (Err(failure), None) => Err(format!("it fails: {}", failure.text)),
        (Ok(_), Some(_)) => Err("it does not fail".to_owned()),
        (Ok((value, notes)), None) => annotations(eval, rules, &notes).map(|()| Some(value)),
    }
}

fn annotations(eval: &Eval, rules: Rules, found: &Annotations) -> Result<(), String> {
    let kinds = [
        ("warning", &found.warnings, &eval.warnings, eval.no_warnings),
        ("info", &found.infos, &eval.infos, eval.no_infos),
    ];
    for (kind, texts, wanted, none) in kinds {
        let unmatched = wanted.iter().find(|one| !texts.iter().any(|text| one.fits(text)));
        if let Some(one) = unmatched {
            return Err(format!("it has the {kind}s {texts:?}, without {one:?}"));
        }
        let judged = none || rules.every_annotation || !wanted.is_empty();
        let unexpected = |text: &&String| !wanted.iter().any(|one: &Text| one.fits(text));
        if let Some(text) = texts.iter().find(unexpected).filter(|_| judged) {
            return Err(format!("it has the {kind} {text:?}, which is not expected"));
        }
    }
    Ok(())
}

fn of_value(eval: &Eval, rules: Rules, value: &QueryValue) -> Option<String> {
    match (value, &eval.wanted) {
        (QueryValue::Text(_, found), Wanted::Text(wanted)) => {
            (found != wanted).then(|| format!("it answers {found:?}, not {wanted:?}"))
        }
        (QueryValue::Scalar(_, found), Wanted::Scalar(wanted)) => {
            let right = near(*found, *wanted, rules.tolerance);
            (!right).then(|| format!("it answers {found:?}, not {wanted:?}"))
        }
        (QueryValue::Vector(_) | QueryValue::Matrix(_), Wanted::Nothing | Wanted::Series(_)) => {
            of_rows(eval, rules, rows(value))
        }
        (found, wanted) => Some(format!("it answers {found:?}, not {wanted:?}")),
    }
}

fn of_rows(eval: &Eval, rules: Rules, mut found: Rows) -> Option<String> {
    let (first, step) = match (eval.vector, eval.range) {
        (Some(vector), _) => vector,
        (None, Some((_, step))) => (eval.start, step),
        (None, None) => (eval.start, 0),
    };
    let mut wanted: Rows = Vec::new();
    if let Wanted::Series(all) = &eval.wanted {
        for (labels, values) in all {
            let values = expected(values);
            let values = values.map(|(place, one)| (first + step * place as i64, one.clone()));
            wanted.push((labels.clone(), values.collect()));
        }
    }
    wanted.retain(|(_, values)| !values.is_empty());
    if !eval.ordered {
        found.sort_by(|one, two| one.0.cmp(&two.0));
        wanted.sort_by(|one, two| one.0.cmp(&two.0));
    }
    let instant = eval.range.is_none() && eval.vector.is_none();
    let same_row = |found: &(Labels, Vec<(i64, Value)>), wanted: &(Labels, Vec<(i64, Value)>)| {
        found.0 == wanted.0
            && found.1.len() == wanted.1.len()
            && found.1.iter().zip(&wanted.1).all(|(found, wanted)| {
                (instant || found.0 == wanted.0) && same(&found.1, &wanted.1, rules.tolerance)
            })
    };
    let right = found.len() == wanted.len()
        && found.iter().zip(&wanted).all(|(found, wanted)| same_row(found, wanted));
    (!right).then(|| {
        let differs = |place: &usize| match (found.get(*place), wanted.get(*place)) {
            (Some(found), Some(wanted)) => !same_row(found, wanted),
            _ => true,
        };
        let place = (0..found.len().max(wanted.len())).find(differs).unwrap_or_default();
        format!(
            "it answers {} series, not {}: {}, not {}",
            found.len(),
            wanted.len(),
            written(found.get(place)),
            written(wanted.get(place))
        )
    })
}

fn written(row: Option<&(Labels, Vec<(i64, Value)>)>) -> String {
    row.map_or("none".to_owned(), |(labels, values)| format!("{labels} {values:?}"))
}

fn value(sample: &SampleValue) -> Value {
    match sample {
        SampleValue::Float(value) => Value::Float(*value),
        SampleValue::Histogram(value) => Value::Histogram(Box::new((**value).clone()), true),
    }
}

fn rows(found: &QueryValue) -> Rows {
    match found {
        QueryValue::Scalar(..) | QueryValue::Text(..) => Vec::new(),
        QueryValue::Vector(samples) => samples
            .iter()
            .map(|one| (one.labels.clone(), vec![(one.time, value(&one.value))]))
            .collect(),
        QueryValue::Matrix(series) => {
            let all = series.iter().map(|one| {
                let floats = one.floats.iter().map(|(time, value)| (*time, Value::Float(*value)));
                let histograms = one.histograms.iter();
                let histograms = histograms
                    .map(|(time, one)| (*time, value(&SampleValue::Histogram(one.clone()))));
                let mut values: Vec<_> = floats.chain(histograms).collect();
                values.sort_by_key(|(time, _)| *time);
                (one.labels.clone(), values)
            });
            all.collect()
        }
    }
}

/// What a range says of one time, as the instant answer `like` says it.
fn at(like: &QueryValue, all: &QueryValue, time: i64) -> QueryValue {
    let QueryValue::Matrix(series) = all else { return all.clone() };
    let mut vector = Vec::new();
    for one in series {
        let float = one.floats.iter().find(|(at, _)| *at == time);
        let histogram = one.histograms.iter().find(|(at, _)| *at == time);
        let float = float.map(|(_, value)| SampleValue::Float(*value));
        let value = float.or_else(|| histogram.map(|one| SampleValue::Histogram(one.1.clone())));
        if let Some(value) = value {
            vector.push(vigie_query::InstantSample { labels: one.labels.clone(), time, value });
        }
    }
    match (like, vector.first().map(|one| &one.value)) {
        (QueryValue::Scalar(..), Some(SampleValue::Float(value))) => {
            QueryValue::Scalar(time, *value)
        }
        _ => QueryValue::Vector(vector),
    }
}

fn near(one: f64, two: f64, tolerance: f64) -> bool {
    if is_stale(one) || is_stale(two) {
        return is_stale(one) && is_stale(two);
    }
    one == two
        || (one.is_nan() && two.is_nan())
        || (one - two).abs() / (one.abs() + two.abs()).min(f64::MAX) < tolerance
}

fn same(found: &Value, wanted: &Value, tolerance: f64) -> bool {
    let near = |one, two| near(one, two, tolerance);
    match (found, wanted) {
        (Value::Float(one), Value::Float(two)) => near(*one, *two),
        (Value::Histogram(one, _), Value::Histogram(two, hinted)) => {
            one.schema == two.schema
                && near(one.count, two.count)
                && near(one.sum, two.sum)
                && near(one.zero_count, two.zero_count)
                && one.zero_threshold == two.zero_threshold
                && one.custom_bounds == two.custom_bounds
                && buckets(one, two, |of| &of.positive, near)
                && buckets(one, two, |of| &of.negative, near)
                && (!hinted || one.reset_hint == two.reset_hint)
        }
        _ => false,
    }
}

/// Empty buckets count as none.
fn buckets(
    one: &NativeHistogram,
    two: &NativeHistogram,
    side: impl Fn(&NativeHistogram) -> &[(i32, f64)],
    near: impl Fn(f64, f64) -> bool,
) -> bool {
    let full = |of: &NativeHistogram| {
        side(of).iter().copied().filter(|(_, count)| *count != 0.0).collect::<Vec<_>>()
    };
    let (one, two) = (full(one), full(two));
    one.len() == two.len()
        && one.iter().zip(&two).all(|(one, two)| one.0 == two.0 && near(one.1, two.1))
}
