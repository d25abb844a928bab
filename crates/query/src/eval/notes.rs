//! Warnings and infos, each once, in Prometheus's words.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::answer::Annotations;
use crate::promql::ast::At;
use crate::promql::error::place;

/// What was found of buckets that are not monotonic, over all samples.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Monotonicity {
    pub times: (i64, i64),
    pub buckets: (f64, f64),
    pub difference: f64,
    pub samples: u64,
}

/// Collects them while a query runs.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Each text once, at the last place that has it to say.
    warnings: RefCell<BTreeMap<String, usize>>,
    infos: RefCell<BTreeMap<String, usize>>,
    monotonic: RefCell<BTreeMap<usize, Monotonicity>>,
}

const MONOTONIC: &str = "input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)";

impl Notes {
    pub(crate) fn warn(&self, at: At, text: impl Into<String>) {
        self.warnings.borrow_mut().insert(text.into(), at.0);
    }

    pub(crate) fn info(&self, at: At, text: impl Into<String>) {
        self.infos.borrow_mut().insert(text.into(), at.0);
    }

    pub(crate) fn not_monotonic(&self, at: At, found: Monotonicity) {
        let mut all = self.monotonic.borrow_mut();
        all.entry(at.0)
            .and_modify(|one| {
                one.times = (one.times.0.min(found.times.0), one.times.1.max(found.times.1));
                one.buckets =
                    (one.buckets.0.min(found.buckets.0), one.buckets.1.max(found.buckets.1));
                one.difference = one.difference.max(found.difference);
                one.samples += found.samples;
            })
            .or_insert(found);
    }

    /// All of them, with the places in the query's text.
    pub(crate) fn written(&self, text: &str) -> Annotations {
        let write = |kind: &str, (message, at): (&String, &usize)| {
            let (line, column) = place(text, *at);
            format!("PromQL {kind}: {message} ({line}:{column})")
        };
        let mut infos: BTreeSet<String> =
            self.infos.borrow().iter().map(|one| write("info", one)).collect();
        for (at, one) in self.monotonic.borrow().iter() {
            let message = format!(
                "{MONOTONIC}, from buckets {} to {}, with a max diff of {}, over {} samples from {} to {}",
                shortest(one.buckets.0),
                shortest(one.buckets.1),
                two_digits(one.difference),
                one.samples,
                super::date::rfc3339(one.times.0),
                super::date::rfc3339(one.times.1),
            );
            infos.insert(write("info", (&message, at)));
        }
        let warnings = self.warnings.borrow();
        let warnings: BTreeSet<String> = warnings.iter().map(|one| write("warning", one)).collect();
        Annotations { warnings: warnings.into_iter().collect(), infos: infos.into_iter().collect() }
    }
}

/// A number with as few digits as tell it apart, as Go's `%g` writes it.
pub(crate) fn shortest(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let exponent = if value == 0.0 { 0 } else { exponent_of(&format!("{value:e}")) };
    if value.is_nan() || (-4..6).contains(&exponent) {
        return format!("{value}");
    }
    with_exponent(&format!("{value:e}"))
}

/// A number with two digits, as Go's `%.2g` writes it.
fn two_digits(value: f64) -> String {
    let written = format!("{value:.1e}");
    let exponent = exponent_of(&written);
    if !value.is_finite() || (-4..2).contains(&exponent) {
        let rounded: f64 = written.parse().unwrap_or(value);
        return format!("{rounded}");
    }
    with_exponent(&written.replace(".0e", "e"))
}

fn exponent_of(written: &str) -> i32 {
    written.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or_default()
}

fn with_exponent(written: &str) -> String {
    let (digits, _) = written.split_once('e').unwrap_or((written, ""));
    let exponent = exponent_of(written);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}
