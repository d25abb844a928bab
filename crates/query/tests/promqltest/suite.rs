//! Running scripts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vigie_model::{Labels, NativeHistogram, ResetHint};

use crate::check::{Ask, Rules, wrong};
use crate::notation::{Value, Values};
use crate::oracle::Oracle;
use crate::outcome::ask_vigie;
use crate::script::{Command, script};
use crate::support::MemoryStorage;

/// A query whose answer is not as written.
#[derive(Debug)]
pub struct Failed {
    pub line: usize,
    pub query: String,
    pub problem: String,
}

/// What came out of one script.
#[derive(Debug, Default)]
pub struct Outcomes {
    /// Queries that are answered as written.
    pub passed: usize,
    pub failed: Vec<Failed>,
    /// What the runner does not understand.
    pub unsupported: Vec<Failed>,
}

/// The scripts of a folder, by name.
pub fn scripts(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder);
    let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let files = entries.map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|one| one == "test")).collect();
    files.sort();
    files
}

/// Runs one script; the oracle answers where there is one, else Vigie.
pub fn run(text: &str, rules: Rules, mut oracle: Option<&mut Oracle>) -> Outcomes {
    let (mut storage, mut outcomes) = (MemoryStorage::default(), Outcomes::default());
    let mut loaded = false;
    for placed in script(text) {
        let line = placed.line;
        let eval = match placed.command {
            Ok(Command::Clear) => {
                (storage, loaded) = (MemoryStorage::default(), false);
                continue;
            }
            Ok(Command::Load(step, series)) => {
                load(&mut storage, step, series);
                loaded = false;
                continue;
            }
            Ok(Command::Eval(eval)) => eval,
            Err(problem) => {
                outcomes.unsupported.push(Failed { line, query: String::new(), problem });
                continue;
            }
        };
        let ask: Ask<'_> = match &mut oracle {
            None => &mut |question| ask_vigie(&storage, question),
            Some(oracle) => {
                if !loaded {
                    oracle.load(&storage);
                    loaded = true;
                }
                &mut |question| oracle.ask(question)
            }
        };
        match wrong(&eval, rules, ask) {
            None => outcomes.passed += 1,
            Some(problem) => {
                outcomes.failed.push(Failed { line, query: eval.query, problem });
            }
        }
    }
    outcomes
}

/// Adds samples.
pub fn load(storage: &mut MemoryStorage, step: i64, series: Vec<(Labels, Values)>) {
    for (labels, values) in series {
        for (place, value) in values.into_iter().enumerate() {
            let time = step * place as i64;
            match value {
                None => {}
                Some(Value::Float(value)) => storage.float(&labels, time, value),
                Some(Value::Histogram(one, _)) => storage.histogram(&labels, time, *one),
            }
        }
    }
    settle(storage);
}

/// Samples by time, each time once, and histograms with the hints that Prometheus's storage gives them: the first of a
/// stretch of counters says nothing, those behind it that nothing was reset, as a reset begins a new stretch.
fn settle(storage: &mut MemoryStorage) {
    for samples in storage.0.values_mut() {
        let floats: BTreeMap<i64, f64> =
            samples.float_times.drain(..).zip(samples.floats.drain(..)).collect();
        let histograms: BTreeMap<_, _> =
            samples.histogram_times.drain(..).zip(samples.histograms.drain(..)).collect();
        let mut before: Option<(i64, Arc<NativeHistogram>)> = None;
        for (time, mut one) in histograms {
            let float_between = |from: i64| floats.range(from..time).next().is_some();
            let continues = before
                .is_some_and(|(from, before)| !float_between(from) && continues(&before, &one));
            if one.reset_hint != ResetHint::Gauge {
                Arc::make_mut(&mut one).reset_hint =
                    if continues { ResetHint::NoReset } else { ResetHint::Unknown };
            }
            samples.histogram_times.push(time);
            samples.histograms.push(one.clone());
            before = Some((time, one));
        }
        (samples.float_times, samples.floats) = floats.into_iter().unzip();
    }
}

/// Whether a counter goes on after a histogram.
fn continues(before: &NativeHistogram, one: &NativeHistogram) -> bool {
    let count = |all: &[(i32, f64)], index: i32| {
        all.iter().find(|entry| entry.0 == index).map_or(0.0, |entry| entry.1)
    };
    let grows = |before: &[(i32, f64)], one: &[(i32, f64)]| {
        before.iter().all(|(index, old)| count(one, *index) >= *old)
    };
    before.reset_hint != ResetHint::Gauge
        && !matches!(one.reset_hint, ResetHint::Reset | ResetHint::Gauge)
        && (before.schema, before.zero_threshold) == (one.schema, one.zero_threshold)
        && before.custom_bounds == one.custom_bounds
        && one.count >= before.count
        && one.zero_count >= before.zero_count
        && grows(&before.positive, &one.positive)
        && grows(&before.negative, &one.negative)
}
