//! What is asked, what is answered, and whether two answers are the same.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use vigie_model::{Labels, NativeHistogram};
use vigie_query::{
    Annotations, Control, Engine, InstantSample, QueryError, QueryValue, RangeSeries, SampleValue,
    StopReason,
};

use crate::support::MemoryStorage;

/// Whose language it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Everything that Prometheus 3 knows.
    Three,
    /// Floats with plain names, no sample at a whole second: there the left-open ranges of Prometheus 3 and the
    /// closed ones of Prometheus 2 are the same.
    Two,
}

/// When a query is evaluated, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Instant(i64),
    Range { start: i64, end: i64, step: i64 },
}

/// A query and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub text: String,
    pub when: When,
}

/// What kind of failure, as the HTTP API tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// `bad_data`
    Invalid,
    /// `execution`
    Execution,
    /// What should not happen: a limit, a panic, a damaged storage.
    Other,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    pub kind: FailureKind,
    pub text: String,
}

/// An answer, or why there is none.
pub type Outcome = Result<(QueryValue, Annotations), Failure>;

/// After so long the engine hangs, on whatever machine: generated questions take milliseconds.
const HANGS: Duration = Duration::from_secs(30);

/// Evaluates with Vigie's engine; a panic is a failure like another, and so is hanging.
pub fn ask_vigie(storage: &MemoryStorage, question: &Question) -> Outcome {
    let (engine, control) = (Engine::default(), Control::default());
    let (done, wait) = std::sync::mpsc::channel::<()>();
    let answer = std::thread::scope(|scope| {
        let stop = control.clone();
        scope.spawn(move || {
            if wait.recv_timeout(HANGS) == Err(RecvTimeoutError::Timeout) {
                eprintln!("the engine hangs: {question}");
                stop.stop(StopReason::Timeout);
            }
        });
        let answer = std::panic::catch_unwind(AssertUnwindSafe(|| match question.when {
            When::Instant(time) => engine.instant(storage, &question.text, time, &control),
            When::Range { start, end, step } => {
                engine.range(storage, &question.text, (start, end, step), &control)
            }
        }));
        drop(done);
        answer
    });
    let failed = |kind, text| Err(Failure { kind, text });
    match answer {
        Ok(Ok(answer)) => Ok((answer.value, answer.annotations)),
        Ok(Err(QueryError::Invalid(text))) => failed(FailureKind::Invalid, text),
        Ok(Err(QueryError::Execution(text))) => failed(FailureKind::Execution, text),
        Ok(Err(other)) => failed(FailureKind::Other, other.to_string()),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            failed(FailureKind::Other, format!("panic: {}", text.unwrap_or_default()))
        }
    }
}

/// In what two answers differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aspect {
    /// Vigie fails, the peer does not.
    OnlyVigieFails,
    /// The peer fails, Vigie does not.
    OnlyPeerFails,
    /// Both fail, one of the text, one of the evaluation.
    FailureKind,
    /// A panic, a limit, a damaged storage.
    Broken,
    /// Scalar, string, vector or matrix.
    ValueKind,
    /// Which series there are.
    LabelSets,
    /// At which times a series has values, or of which kind.
    Times,
    Floats,
    Histograms,
    Order,
    Warnings,
    Infos,
}

/// A difference, for people.
#[derive(Debug, Clone, PartialEq)]
pub struct Mismatch {
    pub aspect: Aspect,
    pub detail: String,
}

/// How closely answers are compared.
#[derive(Debug, Clone, Copy)]
pub struct Strictness {
    pub annotations: bool,
    /// An instant query that sorts.
    pub order: bool,
    /// How much two floats may differ, relative to the larger.
    pub tolerance: f64,
}

impl Strictness {
    /// What is compared for a query.
    pub fn of(question: &Question, dialect: Dialect) -> Self {
        let sorts = question.text.starts_with("sort") && question.text.ends_with(')');
        let order = sorts && matches!(question.when, When::Instant(_));
        Self { annotations: dialect == Dialect::Three, order, tolerance: 1e-9 }
    }
}

/// The first difference there is.
pub fn compare(vigie: &Outcome, peer: &Outcome, how: Strictness) -> Result<(), Mismatch> {
    let other = |aspect, detail| Err(Mismatch { aspect, detail });
    match (vigie, peer) {
        (Err(Failure { kind: FailureKind::Other, text }), _) => other(Aspect::Broken, text.clone()),
        (Ok(_), Err(failure)) => other(Aspect::OnlyPeerFails, failure.text.clone()),
        (Err(failure), Ok(_)) => other(Aspect::OnlyVigieFails, failure.text.clone()),
        (Err(ours), Err(theirs)) if ours.kind != theirs.kind => other(
            Aspect::FailureKind,
            format!("{:?} {} / {:?} {}", ours.kind, ours.text, theirs.kind, theirs.text),
        ),
        (Err(_), Err(_)) => Ok(()),
        (Ok((value, notes)), Ok((peer_value, peer_notes))) => {
            values(value, peer_value, how)?;
            if !how.annotations {
                return Ok(());
            }
            kinds(Aspect::Warnings, &notes.warnings, &peer_notes.warnings)?;
            kinds(Aspect::Infos, &notes.infos, &peer_notes.infos)
        }
    }
}

fn values(vigie: &QueryValue, peer: &QueryValue, how: Strictness) -> Result<(), Mismatch> {
    match (vigie, peer) {
        (QueryValue::Scalar(time, value), QueryValue::Scalar(peer_time, peer_value)) => {
            if time != peer_time || !same(*value, *peer_value, how.tolerance) {
                let detail = format!("{value} at {time}, not {peer_value} at {peer_time}");
                return Err(Mismatch { aspect: Aspect::Floats, detail });
            }
            Ok(())
        }
        (QueryValue::Text(_, text), QueryValue::Text(_, peer_text)) if text == peer_text => Ok(()),
        (QueryValue::Vector(samples), QueryValue::Vector(peer_samples)) => {
            series(&matrix(samples), &matrix(peer_samples), how)?;
            if how.order { in_order(samples, peer_samples, how) } else { Ok(()) }
        }
        (QueryValue::Matrix(all), QueryValue::Matrix(peer_all)) => series(all, peer_all, how),
        _ => {
            Err(Mismatch { aspect: Aspect::ValueKind, detail: format!("{vigie:?}, not {peer:?}") })
        }
    }
}

fn matrix(samples: &[InstantSample]) -> Vec<RangeSeries> {
    let one = |sample: &InstantSample| {
        let mut series = RangeSeries { labels: sample.labels.clone(), ..Default::default() };
        match &sample.value {
            SampleValue::Float(value) => series.floats.push((sample.time, *value)),
            SampleValue::Histogram(value) => series.histograms.push((sample.time, value.clone())),
        }
        series
    };
    samples.iter().map(one).collect()
}

/// Equal values may come in any order.
fn in_order(
    vigie: &[InstantSample],
    peer: &[InstantSample],
    how: Strictness,
) -> Result<(), Mismatch> {
    for (one, other) in vigie.iter().zip(peer) {
        let equal = match (&one.value, &other.value) {
            (SampleValue::Float(one), SampleValue::Float(other)) => {
                same(*one, *other, how.tolerance)
            }
            _ => true,
        };
        if !equal {
            let detail = format!("{} where {} is expected", one.labels, other.labels);
            return Err(Mismatch { aspect: Aspect::Order, detail });
        }
    }
    Ok(())
}

fn series(vigie: &[RangeSeries], peer: &[RangeSeries], how: Strictness) -> Result<(), Mismatch> {
    let by_labels = |all: &[RangeSeries]| -> BTreeMap<Labels, RangeSeries> {
        all.iter().map(|one| (one.labels.clone(), one.clone())).collect()
    };
    let (ours, theirs) = (by_labels(vigie), by_labels(peer));
    let of_sets = |detail| Err(Mismatch { aspect: Aspect::LabelSets, detail });
    if let Some(labels) = theirs.keys().find(|labels| !ours.contains_key(labels)) {
        return of_sets(format!("{labels} is missing"));
    }
    if let Some(labels) = ours.keys().find(|labels| !theirs.contains_key(labels)) {
        return of_sets(format!("{labels} is too much"));
    }
    if vigie.len() != ours.len() {
        return of_sets("a label set comes twice".to_owned());
    }
    ours.values().zip(theirs.values()).try_for_each(|(one, other)| points(one, other, how))
}

fn points(vigie: &RangeSeries, peer: &RangeSeries, how: Strictness) -> Result<(), Mismatch> {
    let labels = &vigie.labels;
    let differ =
        |aspect, detail: String| Err(Mismatch { aspect, detail: format!("{labels}: {detail}") });
    let float_times =
        |of: &RangeSeries| of.floats.iter().map(|(time, _)| *time).collect::<Vec<_>>();
    let histogram_times =
        |of: &RangeSeries| of.histograms.iter().map(|(time, _)| *time).collect::<Vec<_>>();
    if float_times(vigie) != float_times(peer) {
        let detail = format!("floats at {:?}, not {:?}", float_times(vigie), float_times(peer));
        return differ(Aspect::Times, detail);
    }
    if histogram_times(vigie) != histogram_times(peer) {
        let (ours, theirs) = (histogram_times(vigie), histogram_times(peer));
        return differ(Aspect::Times, format!("histograms at {ours:?}, not {theirs:?}"));
    }
    for ((time, value), (_, expected)) in vigie.floats.iter().zip(&peer.floats) {
        if !same(*value, *expected, how.tolerance) {
            return differ(Aspect::Floats, format!("{value:?} at {time}, not {expected:?}"));
        }
    }
    for ((time, value), (_, expected)) in vigie.histograms.iter().zip(&peer.histograms) {
        if let Err(part) = same_histogram(value, expected, how.tolerance) {
            let detail = format!("{part} at {time}: {value:?}, not {expected:?}");
            return differ(Aspect::Histograms, detail);
        }
    }
    Ok(())
}

fn same(one: f64, other: f64, tolerance: f64) -> bool {
    if one == other || (one.is_nan() && other.is_nan()) {
        return true;
    }
    one.is_finite()
        && other.is_finite()
        && (one - other).abs() <= tolerance * one.abs().max(other.abs())
}

/// The part in which they differ; empty buckets count as none, and the reset hint is no part of an answer.
fn same_histogram(
    one: &NativeHistogram,
    other: &NativeHistogram,
    tolerance: f64,
) -> Result<(), &'static str> {
    let full = |all: &[(i32, f64)]| {
        all.iter().copied().filter(|(_, count)| *count != 0.0).collect::<Vec<_>>()
    };
    let buckets = |one: &[(i32, f64)], other: &[(i32, f64)]| {
        let (one, other) = (full(one), full(other));
        one.len() == other.len()
            && one
                .iter()
                .zip(&other)
                .all(|(one, other)| one.0 == other.0 && same(one.1, other.1, tolerance))
    };
    let parts = [
        ("schema", one.schema == other.schema),
        ("zero threshold", same(one.zero_threshold, other.zero_threshold, tolerance)),
        ("zero count", same(one.zero_count, other.zero_count, tolerance)),
        ("count", same(one.count, other.count, tolerance)),
        ("sum", same(one.sum, other.sum, tolerance)),
        ("bounds", one.custom_bounds == other.custom_bounds),
        ("positive buckets", buckets(&one.positive, &other.positive)),
        ("negative buckets", buckets(&one.negative, &other.negative)),
    ];
    parts.into_iter().find(|(_, same)| !same).map_or(Ok(()), |(part, _)| Err(part))
}

/// Annotations are the same where they are of the same kinds: what comes before names and places.
fn kinds(aspect: Aspect, vigie: &[String], peer: &[String]) -> Result<(), Mismatch> {
    let of = |all: &[String]| {
        let mut kinds: Vec<String> = all.iter().map(|text| kind_of_annotation(text)).collect();
        kinds.sort();
        kinds.dedup();
        kinds
    };
    if of(vigie) == of(peer) {
        return Ok(());
    }
    Err(Mismatch { aspect, detail: format!("{vigie:?}, not {peer:?}") })
}

/// An annotation without metric names, numbers and places.
pub fn kind_of_annotation(text: &str) -> String {
    let start = text.find(['"', '(']).unwrap_or(text.len());
    let text = text[..start].trim_end();
    text.split_once(", got ").map_or(text, |(before, _)| before).trim_end_matches(':').to_owned()
}

impl fmt::Display for Question {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.when {
            When::Instant(time) => write!(out, "{}   at {time} ms", self.text),
            When::Range { start, end, step } => {
                write!(out, "{}   from {start} to {end} by {step} ms", self.text)
            }
        }
    }
}
