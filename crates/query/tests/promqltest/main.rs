//! Runs the files of `tests/scenarios`, written in the language of Prometheus's `promqltest`: `load`, `clear`,
//! `eval instant at` and `eval range from … to … step …`, each with the series that must come out, or with
//! `expect fail msg:`, `expect warn msg:`, `expect info msg:` and `expect ordered`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

#[path = "../support/mod.rs"]
mod support;

mod notation;
mod script;

use std::path::Path;

use notation::{Value, Values};
use script::{Command, Eval, script};
use support::MemoryStorage;
use vigie_model::Labels;
use vigie_query::{Annotations, Control, Engine, QueryValue, SampleValue};

/// Series and their values, as they came out or as they must.
type Rows = Vec<(Labels, Vec<(i64, Value)>)>;

fn value(sample: &SampleValue) -> Value {
    match sample {
        SampleValue::Float(value) => Value::Float(*value),
        SampleValue::Histogram(value) => Value::Histogram(Box::new((**value).clone())),
    }
}

fn rows(found: &QueryValue) -> Rows {
    match found {
        QueryValue::Scalar(time, value) => {
            vec![(Labels::default(), vec![(*time, Value::Float(*value))])]
        }
        QueryValue::Text(..) => Vec::new(),
        QueryValue::Vector(samples) => samples
            .iter()
            .map(|one| (one.labels.clone(), vec![(one.time, value(&one.value))]))
            .collect(),
        QueryValue::Matrix(series) => {
            let all = series.iter().map(|one| {
                let floats = one.floats.iter().map(|(time, value)| (*time, Value::Float(*value)));
                let histograms = one.histograms.iter();
                let histograms = histograms
                    .map(|(time, value)| (*time, Value::Histogram(Box::new((**value).clone()))));
                let mut values: Vec<_> = floats.chain(histograms).collect();
                values.sort_by_key(|(time, _)| *time);
                (one.labels.clone(), values)
            });
            all.collect()
        }
    }
}

fn same(one: &Value, two: &Value) -> bool {
    let near = |one: f64, two: f64| {
        one == two
            || (one.is_nan() && two.is_nan())
            || (one - two).abs() <= 1e-9 * one.abs().max(two.abs())
    };
    match (one, two) {
        (Value::Float(one), Value::Float(two)) => near(*one, *two),
        (Value::Histogram(one), Value::Histogram(two)) => {
            let buckets = |one: &[(i32, f64)], two: &[(i32, f64)]| {
                one.len() == two.len()
                    && one.iter().zip(two).all(|(one, two)| one.0 == two.0 && near(one.1, two.1))
            };
            one.schema == two.schema
                && near(one.count, two.count)
                && near(one.sum, two.sum)
                && near(one.zero_count, two.zero_count)
                && one.custom_bounds == two.custom_bounds
                && buckets(&one.positive, &two.positive)
                && buckets(&one.negative, &two.negative)
        }
        _ => false,
    }
}

/// What is wrong with an answer; nothing when it is right.
fn wrong(eval: &Eval, storage: &MemoryStorage) -> Option<String> {
    let (engine, control) = (Engine::default(), Control::default());
    let answer = match eval.range {
        None => engine.instant(storage, &eval.query, eval.start, &control),
        Some((end, step)) => engine.range(storage, &eval.query, (eval.start, end, step), &control),
    };
    let answer = match (answer, &eval.fails) {
        (Err(error), Some(text)) => {
            let message = error.to_string();
            return (!message.contains(text.as_str()))
                .then(|| format!("it fails with {message:?}, not with {text:?}"));
        }
        (Err(error), None) => return Some(format!("it fails: {error}")),
        (Ok(_), Some(_)) => return Some("it does not fail".to_owned()),
        (Ok(answer), None) => answer,
    };
    if let Some(problem) = annotations(eval, &answer.annotations) {
        return Some(problem);
    }
    let mut found = rows(&answer.value);
    let times = |place: usize| eval.start + eval.range.map_or(0, |(_, step)| step) * place as i64;
    let mut wanted: Rows = Vec::new();
    for (labels, values) in &eval.series {
        let values = values.iter().enumerate();
        let values = values.filter_map(|(place, value)| Some((times(place), value.clone()?)));
        wanted.push((labels.clone(), values.collect()));
    }
    wanted.retain(|(_, values)| !values.is_empty());
    if !eval.ordered {
        found.sort_by(|one, two| one.0.cmp(&two.0));
        wanted.sort_by(|one, two| one.0.cmp(&two.0));
    }
    let equal = |one: &(Labels, Vec<(i64, Value)>), two: &(Labels, Vec<(i64, Value)>)| {
        one.0 == two.0
            && one.1.len() == two.1.len()
            && one.1.iter().zip(&two.1).all(|(one, two)| one.0 == two.0 && same(&one.1, &two.1))
    };
    let right = found.len() == wanted.len()
        && found.iter().zip(&wanted).all(|(found, wanted)| equal(found, wanted));
    (!right).then(|| format!("it answers {found:#?}, not {wanted:#?}"))
}

fn annotations(eval: &Eval, found: &Annotations) -> Option<String> {
    for (kind, texts, wanted) in
        [("warning", &found.warnings, &eval.warnings), ("info", &found.infos, &eval.infos)]
    {
        if texts.len() != wanted.len() {
            return Some(format!("it has the {kind}s {texts:?}, not {wanted:?}"));
        }
        for text in wanted {
            if !texts.iter().any(|one| one.contains(text.as_str())) {
                return Some(format!("it has the {kind}s {texts:?}, without {text:?}"));
            }
        }
    }
    None
}

fn run(path: &Path) -> (usize, Vec<String>) {
    let text = std::fs::read_to_string(path).unwrap();
    let (mut storage, mut evaluated, mut problems) = (MemoryStorage::default(), 0, Vec::new());
    for (line, command) in script(&text) {
        match command {
            Command::Clear => storage = MemoryStorage::default(),
            Command::Load(step, series) => {
                for (labels, values) in series {
                    load(&mut storage, &labels, step, values);
                }
            }
            Command::Eval(eval) => {
                evaluated += 1;
                if let Some(problem) = wrong(&eval, &storage) {
                    problems.push(format!("{}:{line}: {}: {problem}", path.display(), eval.query));
                }
            }
        }
    }
    (evaluated, problems)
}

fn load(storage: &mut MemoryStorage, labels: &Labels, step: i64, values: Values) {
    for (place, value) in values.into_iter().enumerate() {
        let time = step * place as i64;
        match value {
            None => {}
            Some(Value::Float(value)) => storage.float(labels, time, value),
            Some(Value::Histogram(value)) => storage.histogram(labels, time, *value),
        }
    }
}

#[test]
fn every_scenario_comes_out_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (mut evaluated, mut problems) = (0, Vec::new());
    for file in &files {
        let (count, found) = run(file);
        assert!(count > 0, "{} evaluates nothing", file.display());
        evaluated += count;
        problems.extend(found);
    }
    assert!(problems.is_empty(), "{} of {evaluated}:\n{}", problems.len(), problems.join("\n"));
    assert!(evaluated >= 60, "{evaluated}");
}

#[test]
fn a_wrong_expectation_is_seen() {
    let eval = |text: &str| {
        let all = script(text);
        let Some((_, Command::Eval(eval))) = all.into_iter().next() else { panic!("{text}") };
        wrong(&eval, &MemoryStorage::default())
    };
    assert_eq!(eval("eval instant at 0 vector(1)\n  {} 1"), None);
    assert!(eval("eval instant at 0 vector(1)\n  {} 2").is_some());
    assert!(eval("eval instant at 0 vector(1)\n  {a=\"b\"} 1").is_some());
    assert!(eval("eval instant at 0 vector(1)").is_some());
    assert!(eval("eval instant at 0 vector(1)\n  expect fail msg: x").is_some());
    assert!(eval("eval instant at 0 vector(1)\n  expect warn msg: x\n  {} 1").is_some());
}
