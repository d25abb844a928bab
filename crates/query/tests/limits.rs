//! Limits end a query with their name, and so does whoever waits for it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use support::MemoryStorage;
use vigie_model::Labels;
use vigie_query::{Control, Engine, EngineLimits, QueryError, QueryValue, StopReason};
use vigie_store::{FoundSeries, Hints, Matcher, ReadError, Storage, TimeRange};

fn storage() -> MemoryStorage {
    let mut storage = MemoryStorage::default();
    for series in 0..10 {
        let labels = Labels::from_pairs([("__name__", "a_total"), ("s", &format!("{series}"))]);
        for step in 0..100 {
            storage.float(&labels, step * 1000, step as f64);
        }
    }
    storage
}

fn limit(limits: EngineLimits, query: &str) -> Option<&'static str> {
    let range = (0, 99_000, 1_000);
    match Engine::new(limits).range(&storage(), query, range, &Control::default()) {
        Err(QueryError::Limit { limit, detail }) => {
            assert!(detail.contains(": "), "{detail}");
            Some(limit)
        }
        Err(error) => panic!("{error}"),
        Ok(_) => None,
    }
}

#[test]
fn each_limit_is_named() {
    let all = EngineLimits::default();
    let few = EngineLimits { max_points: 150, ..all };
    for query in ["a_total", "stddev(rate(a_total[10s]))", "a_total + 1", "time() + time()"] {
        assert_eq!(limit(all, query), None);
        assert_eq!(limit(few, query), Some("max_points"), "{query}");
    }
    // Of a sum nothing is held but itself.
    assert_eq!(limit(few, "sum(rate(a_total[10s]))"), None);
    let few = EngineLimits { max_samples_read: 500, ..all };
    for query in ["a_total", "rate(a_total[10s])", "max_over_time(a_total[10s:1s])"] {
        assert_eq!(limit(few, query), Some("max_samples_read"), "{query}");
    }
    assert_eq!(limit(EngineLimits { max_steps: 99, ..all }, "1"), Some("max_steps"));
    // A subquery may not have more steps than points are allowed, however short its own step is.
    let subquery = "max_over_time(time()[10000d:1ms])";
    let query = subquery.replace("time()[", "vector(1)[");
    assert_eq!(limit(all, &query), Some("max_points"));
}

/// The same, answering at once whatever it is asked.
struct AtOnce(MemoryStorage);

impl Storage for AtOnce {
    fn select(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        step: i64,
    ) -> Result<Vec<FoundSeries>, ReadError> {
        self.0.select(matchers, range, step)
    }

    fn select_for(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        hints: Hints,
    ) -> Result<Vec<FoundSeries>, ReadError> {
        assert!(hints.at_once.is_some_and(|left| left <= 10_000), "{hints:?}");
        self.0.select(matchers, range, hints.step)
    }
}

#[test]
fn what_costs_more_than_may_be_done_at_once_is_not_done() {
    let storage = AtOnce(storage());
    let engine = Engine::new(EngineLimits { at_once: Some(10_000), ..EngineLimits::default() });
    let ask = |query: &str| engine.range(&storage, query, (0, 99_000, 1_000), &Control::default());
    let not_at_once = QueryError::Storage(ReadError::NotAtOnce);
    for query in ["1", "a_total", "a_total{s='1'} + 1", "rate(a_total{s='1'}[5s])", "sum(a_total)"]
    {
        let usual = Engine::default();
        let usual = usual.range(&storage.0, query, (0, 99_000, 1_000), &Control::default());
        assert_eq!(ask(query).unwrap().value, usual.unwrap().value, "{query}");
    }
    for query in [
        // Text, a regular expression, points, samples, how often each is looked at, steps of a subquery, expressions of their own.
        format!("a_total{{s='{}'}}", "x".repeat(10_000)),
        "a_total{s=~'1'}".to_owned(),
        "a_total + a_total + a_total + a_total".to_owned(),
        "max_over_time(a_total[50s])".to_owned(),
        "max_over_time(vector(1)[400d:10ms])".to_owned(),
        ["time()"; 120].join("+"),
    ] {
        assert_eq!(ask(&query).err(), Some(not_at_once.clone()), "{query}");
    }
    // A storage that does not know what it can do at once does nothing so.
    let asked = engine.range(&storage.0, "a_total", (0, 0, 1), &Control::default());
    assert_eq!(asked.err(), Some(not_at_once));
}

#[test]
fn what_a_query_holds_is_counted() {
    let stats = |query| {
        let range = (0, 99_000, 1_000);
        Engine::default().range(&storage(), query, range, &Control::default()).unwrap().stats
    };
    for (query, points) in [("stddev(a_total)", 1000..=1200), ("sum(a_total)", 100..=200)] {
        let stats = stats(query);
        assert_eq!((stats.series, stats.samples_read), (10, 1000));
        assert!(points.contains(&stats.peak_points), "{query}: {stats:?}");
    }
}

#[test]
fn a_query_that_nobody_waits_for_ends() {
    for reason in [StopReason::Timeout, StopReason::Canceled] {
        let control = Control::default();
        control.stop(reason);
        for query in ["a_total", "1", "sum(rate(a_total[5m]))"] {
            let answer = Engine::default().instant(&storage(), query, 0, &control);
            assert_eq!(answer, Err(QueryError::Stopped(reason)), "{query}");
        }
    }
}

#[test]
fn wrong_parameters_are_refused() {
    let ask = |range| Engine::default().range(&storage(), "a_total", range, &Control::default());
    for range in [(0, 10, 0), (0, 10, -1), (10, 0, 1)] {
        assert!(matches!(ask(range), Err(QueryError::Invalid(_))), "{range:?}");
    }
    let instant =
        |query: &str| Engine::default().instant(&storage(), query, 0, &Control::default());
    assert!(matches!(instant("sum("), Err(QueryError::Invalid(_))));
    assert!(matches!(instant("\"a\"").unwrap().value, QueryValue::Text(0, _)));
    assert!(matches!(instant("a_total[5m]").unwrap().value, QueryValue::Matrix(_)));
}
