//! Queries over a storage in memory.

mod support;

use support::MemoryStorage;
use vigie_model::Labels;
use vigie_query::{Control, Engine, EngineLimits, QueryError, QueryValue, SampleValue, StopReason};

fn storage() -> MemoryStorage {
    let mut storage = MemoryStorage::default();
    for (queue, step) in [("a", 1.0), ("b", 2.0), ("c", 4.0)] {
        let done = Labels::from_pairs([("__name__", "done_total"), ("queue", queue)]);
        let most = Labels::from_pairs([("__name__", "most"), ("queue", queue)]);
        for place in 0..61 {
            storage.float(&done, place * 10_000, step * place as f64);
            storage.float(&most, place * 10_000, step * 100.0);
        }
    }
    let ended = Labels::from_pairs([("__name__", "ended")]);
    storage.float(&ended, 0, 1.0);
    storage.float(&ended, 10_000, f64::from_bits(vigie_store::STALE_BITS));
    storage
}

fn at(query: &str, seconds: i64) -> Vec<(String, f64)> {
    let engine = Engine::default();
    let answer =
        engine.instant(&storage(), query, seconds * 1000, &Control::default()).expect(query);
    match answer.value {
        QueryValue::Vector(found) => found
            .into_iter()
            .map(|one| match one.value {
                SampleValue::Float(value) => (one.labels.to_string(), value),
                SampleValue::Histogram(_) => ("a histogram".to_owned(), f64::NAN),
            })
            .collect(),
        QueryValue::Scalar(_, value) => vec![(String::new(), value)],
        other => vec![(format!("not a vector: {other:?}"), f64::NAN)],
    }
}

fn values(query: &str) -> Vec<f64> {
    at(query, 600).into_iter().map(|(_, value)| value).collect()
}

#[test]
fn selectors_look_back_and_end_at_a_marker() {
    assert_eq!(at("ended", 9), [("ended".to_owned(), 1.0)]);
    assert!(at("ended", 10).is_empty());
    // The window is open at its left: a sample as old as the lookback is out.
    assert_eq!(at("done_total{queue=\"a\"}", 899).len(), 1);
    assert!(at("done_total{queue=\"a\"}", 900).is_empty());
    assert_eq!(values("done_total{queue=\"a\"} offset 1m"), [54.0]);
    assert_eq!(values("done_total{queue=\"a\"} @ 100"), [10.0]);
}

#[test]
fn rates_are_extrapolated_and_aggregated() {
    for (query, wanted) in [
        ("rate(done_total{queue=\"b\"}[1m])", 0.2),
        ("increase(done_total{queue=\"a\"}[1m])", 6.0),
        ("sum(rate(done_total[5m]))", 0.7),
        ("max_over_time(rate(done_total{queue=\"a\"}[1m])[5m:1m])", 0.1),
        ("quantile(0.5, done_total)", 120.0),
        ("stddev(done_total{queue=~\"a|b\"})", 30.0),
        ("day_of_year(vector(1709164800))", 60.0),
        ("days_in_month(vector(1709164800))", 29.0),
        ("2 ^ 3 ^ 2", 512.0),
        ("-1 ^ 2", -1.0),
    ] {
        let found = values(query);
        assert!(found.len() == 1 && (found[0] - wanted).abs() < 1e-9, "{query}: {found:?}");
    }
}

#[test]
fn sides_match_by_labels() {
    assert_eq!(
        at("done_total / on (queue) most", 600),
        [("a", 0.6), ("b", 0.6), ("c", 0.6)].map(|(q, v)| (format!("{{queue={q:?}}}"), v))
    );
    assert_eq!(values("done_total > 100 and on (queue) most"), [120.0, 240.0]);
    assert_eq!(values("topk(2, done_total)"), [240.0, 120.0]);
    assert_eq!(values("done_total * on () group_left () vector(2)"), [120.0, 240.0, 480.0]);
    let error = Engine::default()
        .instant(&storage(), "done_total + on () most", 600_000, &Control::default())
        .unwrap_err();
    assert!(error.to_string().contains("many-to-many matching not allowed"), "{error}");
}

#[test]
fn limits_name_themselves_and_a_stopped_query_ends() {
    let (storage, query) = (storage(), "sum(rate(done_total[1m]))");
    let limited = |limits| {
        let engine = Engine::new(limits);
        engine.range(&storage, query, (0, 600_000, 1_000), &Control::default()).unwrap_err()
    };
    let usual = EngineLimits::default();
    for (limits, name) in [
        (EngineLimits { max_steps: 600, ..usual }, "max_steps"),
        (EngineLimits { max_points: 600, ..usual }, "max_points"),
        (EngineLimits { max_samples_read: 100, ..usual }, "max_samples_read"),
    ] {
        assert!(matches!(limited(limits), QueryError::Limit { limit, .. } if limit == name));
    }
    let control = Control::default();
    control.stop(StopReason::Canceled);
    let stopped = Engine::default().instant(&storage, query, 0, &control);
    assert_eq!(stopped.unwrap_err(), QueryError::Stopped(StopReason::Canceled));
}
