//! Writing what Prometheus answers into a script, between its questions.

use std::collections::BTreeMap;

use vigie_model::{CUSTOM_SCHEMA, Labels, METRIC_NAME, NativeHistogram};
use vigie_query::{QueryValue, SampleValue};
use vigie_store::is_stale;

use crate::outcome::Outcome;
use crate::script::Eval;

/// A number as scripts have it.
fn float(value: f64) -> String {
    if is_stale(value) {
        "stale".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() }
    } else if value != 0.0 && !(1e-5..1e15).contains(&value.abs()) && !value.is_nan() {
        format!("{value:e}")
    } else {
        value.to_string()
    }
}

fn histogram(of: &NativeHistogram) -> String {
    let mut parts = vec![format!("count:{} sum:{}", float(of.count), float(of.sum))];
    if of.schema != 0 {
        parts.insert(0, format!("schema:{}", of.schema));
    }
    if of.schema == CUSTOM_SCHEMA {
        let bounds: Vec<String> = of.custom_bounds.iter().map(|one| float(*one)).collect();
        parts.push(format!("custom_values:[{}]", bounds.join(" ")));
    } else if of.zero_count != 0.0 || of.zero_threshold != 0.0 {
        let (count, width) = (float(of.zero_count), float(of.zero_threshold));
        parts.push(format!("z_bucket:{count} z_bucket_w:{width}"));
    }
    for (name, buckets) in [("", &of.positive), ("n_", &of.negative)] {
        let full: BTreeMap<i32, f64> =
            buckets.iter().copied().filter(|(_, count)| *count != 0.0).collect();
        let (Some((first, _)), Some((last, _))) = (full.first_key_value(), full.last_key_value())
        else {
            continue;
        };
        if *first != 0 {
            parts.push(format!("{name}offset:{first}"));
        }
        let counts = (*first..=*last).map(|at| float(full.get(&at).copied().unwrap_or_default()));
        parts.push(format!("{name}buckets:[{}]", counts.collect::<Vec<_>>().join(" ")));
    }
    format!("{{{{{}}}}}", parts.join(" "))
}

fn sample(value: &SampleValue) -> String {
    match value {
        SampleValue::Float(value) => float(*value),
        SampleValue::Histogram(value) => histogram(value),
    }
}

fn name(labels: &Labels) -> String {
    let plain = |text: &str| {
        let begins = text.starts_with(|one: char| one.is_ascii_alphabetic() || one == '_');
        begins && text.chars().all(|one| one.is_ascii_alphanumeric() || one == '_')
    };
    let written = |text: &str| if plain(text) { text.to_owned() } else { format!("{text:?}") };
    let metric = labels.metric_name();
    let others = labels.iter().filter(|one| &*one.name != METRIC_NAME);
    let mut parts: Vec<String> =
        others.map(|one| format!("{}={:?}", written(&one.name), &*one.value)).collect();
    if plain(metric) && parts.is_empty() {
        return metric.to_owned();
    }
    if metric.is_empty() || plain(metric) {
        return format!("{metric}{{{}}}", parts.join(", "));
    }
    parts.insert(0, written(metric));
    format!("{{{}}}", parts.join(", "))
}

/// Values at each step, gaps as `_`, equal ones together.
fn row(values: &BTreeMap<i64, String>, (start, step): (i64, i64)) -> String {
    let last = values.last_key_value().map_or(start, |(time, _)| *time);
    let (mut words, mut at): (Vec<(String, usize)>, i64) = (Vec::new(), start);
    while at <= last {
        let word = values.get(&at).map_or("_", String::as_str);
        match words.last_mut().filter(|before| before.0 == word) {
            Some(before) => before.1 += 1,
            None => words.push((word.to_owned(), 1)),
        }
        at += step.max(1);
    }
    let written = words.into_iter().map(|(word, times)| match (word.as_str(), times) {
        (_, 1) => word,
        ("_", times) => format!("_x{times}"),
        ("stale", times) => vec!["stale"; times].join(" "),
        (_, times) => format!("{word}x{}", times - 1),
    });
    written.collect::<Vec<_>>().join(" ")
}

/// The lines below a question.
pub fn answer(eval: &Eval, answer: &Outcome) -> Vec<String> {
    let (value, notes) = match answer {
        // How a text is no query is Vigie's own wording.
        Err(failure) if failure.text.contains("parse error: ") => {
            return vec!["  expect fail regex: parse error".to_owned()];
        }
        Err(failure) if failure.text.starts_with(|one: char| one.is_ascii_digit()) => {
            let message = failure.text.split_once(": ").map_or("", |(_, message)| message);
            return vec![format!("  expect fail regex: {}", regex::escape(message))];
        }
        Err(failure) => return vec![format!("  expect fail msg: {}", failure.text)],
        Ok(answer) => answer,
    };
    let mut lines = Vec::new();
    lines.extend(notes.warnings.iter().map(|text| format!("  expect warn msg: {text}")));
    lines.extend(notes.infos.iter().map(|text| format!("  expect info msg: {text}")));
    if eval.ordered {
        lines.push("  expect ordered".to_owned());
    }
    let mut series: Vec<String> = match value {
        QueryValue::Scalar(_, value) => vec![float(*value)],
        QueryValue::Text(_, text) => vec![format!("expect string {text:?}")],
        QueryValue::Vector(samples) => samples
            .iter()
            .map(|one| format!("{} {}", name(&one.labels), sample(&one.value)))
            .collect(),
        QueryValue::Matrix(all) => {
            let mut rows = Vec::new();
            for one in all {
                let floats = one.floats.iter().map(|(time, value)| (*time, float(*value)));
                let histograms = one.histograms.iter().map(|(time, of)| (*time, histogram(of)));
                rows.push((
                    name(&one.labels),
                    floats.chain(histograms).collect::<BTreeMap<_, _>>(),
                ));
            }
            let grid = match eval.range {
                Some((_, step)) => (eval.start, step),
                None => {
                    let (grid, line) = times(eval, rows.iter().flat_map(|row| row.1.keys()));
                    lines.extend(line);
                    grid
                }
            };
            rows.iter().map(|(name, values)| format!("{name} {}", row(values, grid))).collect()
        }
    };
    if !eval.ordered {
        series.sort();
    }
    lines.extend(series.into_iter().map(|line| format!("  {line}")));
    lines
}

/// The grid of the samples of a range vector, and the line that says so.
fn times<'a>(eval: &Eval, all: impl Iterator<Item = &'a i64>) -> ((i64, i64), Option<String>) {
    let all: std::collections::BTreeSet<i64> = all.copied().collect();
    let (Some(first), Some(last)) = (all.first(), all.last()) else {
        return ((eval.start, 1), None);
    };
    let divisor = |one: i64, two: i64| {
        let (mut one, mut two) = (one, two);
        while two != 0 {
            (one, two) = (two, one % two);
        }
        one
    };
    let step = all.iter().fold(0, |step, time| divisor(step, time - first)).max(1);
    let line = format!("  expect range vector from {first}ms to {last}ms step {step}ms");
    ((*first, step), Some(line))
}
