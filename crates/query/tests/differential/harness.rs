//! The comparison itself: what it must tell apart, and that a failing case gets small.

use std::sync::Arc;

use vigie_model::{Labels, NativeHistogram};
use vigie_query::{Annotations, InstantSample, QueryValue, SampleValue};

use crate::expression::{Expr, Kind};
use crate::outcome::{
    Aspect, Failure, FailureKind, Mismatch, Outcome, Question, Strictness, When, compare,
    kind_of_annotation,
};
use crate::report::Case;
use crate::shrink::shrink;
use crate::support::MemoryStorage;

const HOW: Strictness = Strictness { annotations: true, order: false, tolerance: 1e-9 };

fn vector(all: &[(&str, SampleValue)]) -> Outcome {
    let sample = |(name, value): &(&str, SampleValue)| InstantSample {
        labels: Labels::from_pairs([("__name__", name)]),
        time: 0,
        value: value.clone(),
    };
    Ok((QueryValue::Vector(all.iter().map(sample).collect()), Annotations::default()))
}

fn floats(all: &[(&str, f64)]) -> Outcome {
    vector(&all.iter().map(|(name, value)| (*name, SampleValue::Float(*value))).collect::<Vec<_>>())
}

fn aspect(one: &Outcome, other: &Outcome, how: Strictness) -> Option<Aspect> {
    compare(one, other, how).err().map(|mismatch| mismatch.aspect)
}

#[test]
fn values_and_label_sets_are_told_apart() {
    let one = floats(&[("a", 1.0), ("b", f64::NAN)]);
    assert_eq!(aspect(&one, &floats(&[("b", f64::NAN), ("a", 1.0 + 9e-10)]), HOW), None);
    let in_order = Strictness { order: true, ..HOW };
    assert_eq!(
        aspect(&one, &floats(&[("b", f64::NAN), ("a", 1.0)]), in_order),
        Some(Aspect::Order)
    );
    for (other, differs) in [
        (floats(&[("a", 1.0 + 2e-9), ("b", f64::NAN)]), Aspect::Floats),
        (floats(&[("a", 1.0), ("b", f64::INFINITY)]), Aspect::Floats),
        (floats(&[("a", 1.0)]), Aspect::LabelSets),
        (floats(&[("a", 1.0), ("b", 0.0), ("c", 0.0)]), Aspect::LabelSets),
        (Ok((QueryValue::Scalar(0, 1.0), Annotations::default())), Aspect::ValueKind),
    ] {
        assert_eq!(aspect(&one, &other, HOW), Some(differs), "{other:?}");
        assert!(aspect(&other, &one, HOW).is_some());
    }
}

#[test]
fn failures_are_told_apart_by_kind() {
    let failed = |kind| -> Outcome { Err(Failure { kind, text: "so".to_owned() }) };
    let (invalid, execution) = (failed(FailureKind::Invalid), failed(FailureKind::Execution));
    let good = floats(&[]);
    assert_eq!(aspect(&invalid, &invalid, HOW), None);
    assert_eq!(aspect(&invalid, &execution, HOW), Some(Aspect::FailureKind));
    assert_eq!(aspect(&good, &execution, HOW), Some(Aspect::OnlyPeerFails));
    assert_eq!(aspect(&execution, &good, HOW), Some(Aspect::OnlyVigieFails));
    assert_eq!(aspect(&failed(FailureKind::Other), &execution, HOW), Some(Aspect::Broken));
}

#[test]
fn histograms_are_compared_without_empty_buckets() {
    let of = |buckets: &[(i32, f64)], sum| {
        let histogram = NativeHistogram { positive: buckets.to_vec(), sum, ..Default::default() };
        vector(&[("a", SampleValue::Histogram(Arc::new(histogram)))])
    };
    let one = of(&[(1, 2.0), (3, 4.0)], 5.0);
    assert_eq!(aspect(&one, &of(&[(1, 2.0), (2, 0.0), (3, 4.0)], 5.0), HOW), None);
    for other in
        [of(&[(1, 2.0)], 5.0), of(&[(1, 2.0), (2, 4.0)], 5.0), of(&[(1, 2.0), (3, 4.0)], 6.0)]
    {
        assert_eq!(aspect(&one, &other, HOW), Some(Aspect::Histograms), "{other:?}");
    }
    assert_eq!(aspect(&one, &floats(&[("a", 5.0)]), HOW), Some(Aspect::Times));
}

#[test]
fn annotations_are_compared_by_kind() {
    let noted = |info: &str| -> Outcome {
        let annotations = Annotations { infos: vec![info.to_owned()], warnings: vec![] };
        Ok((QueryValue::Scalar(0, 1.0), annotations))
    };
    let counter = "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket:";
    let one = noted(&format!("{counter} \"depth\" (1:6)"));
    assert_eq!(aspect(&one, &noted(&format!("{counter} \"up\" (1:9)")), HOW), None);
    assert_eq!(
        aspect(&one, &noted("PromQL info: ignored histogram in sum aggregation"), HOW),
        Some(Aspect::Infos)
    );
    let silent = Strictness { annotations: false, ..HOW };
    assert_eq!(aspect(&one, &noted("other"), silent), None);
    let quantile = "PromQL warning: quantile value should be between 0 and 1";
    assert_eq!(kind_of_annotation(&format!("{quantile}, got 100 (1:34)")), quantile);
}

/// An engine that is wrong about `floor` of a series called `b` above 5.
#[test]
fn a_failing_case_gets_small() {
    let mut storage = MemoryStorage::default();
    for name in ["a", "b", "c"] {
        let labels = Labels::from_pairs([("__name__", name)]);
        (0..20).for_each(|place| storage.float(&labels, place * 1_000, place as f64));
    }
    let leaf = |text: &str| Expr::leaf(Kind::Vector, text);
    let floor = Expr::call(Kind::Vector, "floor", vec![leaf("b")]);
    let sum = Expr::of(Kind::Vector, "sum(§ + §)", vec![leaf("a"), floor]);
    let query = Expr::call(Kind::Vector, "abs", vec![sum]);
    let mut differ = |storage: &MemoryStorage, question: &Question| {
        let wrong = storage.0.iter().any(|(labels, samples)| {
            labels.metric_name() == "b" && samples.floats.iter().any(|value| *value > 5.0)
        });
        (wrong && question.text.contains("floor")).then(|| Case {
            storage: storage.clone(),
            question: question.clone(),
            vigie: floats(&[]),
            peer: floats(&[]),
            mismatch: Mismatch { aspect: Aspect::Floats, detail: String::new() },
        })
    };
    let range = When::Range { start: 0, end: 5_000, step: 1_000 };
    let question = Question { text: query.to_string(), when: range };
    let case = differ(&storage, &question).unwrap();
    let small = shrink(case, query, &mut differ);
    assert_eq!(small.question, Question { text: "floor(b)".to_owned(), when: When::Instant(0) });
    let left: Vec<usize> = small.storage.0.values().map(vigie_store::Samples::len).collect();
    assert_eq!(left, [1]);
    assert!(small.report().starts_with("load "), "{}", small.report());
}
