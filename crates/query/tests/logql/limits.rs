//! What one query may use, and lines as Vigie has them.

use std::ops::ControlFlow;

use vigie_model::{Labels, Level, LogEntry};
use vigie_query::logql::{
    Direction, LogAnswer, LogEngine, LogLimits, LogQueryError, LogRangeQuery, LogSource, LogValue,
    MemoryLog, Selection,
};
use vigie_query::{Control, QueryValue, StopReason};
use vigie_store::ReadError;

use crate::entry;

fn lines(count: i64) -> MemoryLog {
    let entries = (0..count).map(|place| {
        let labels =
            Labels::from_pairs([("app", "a"), ("shard", (place % 10).to_string().as_str())]);
        entry(labels, place, &format!("line {place}"))
    });
    MemoryLog::new(entries.collect())
}

fn asked(step: i64) -> LogRangeQuery {
    LogRangeQuery {
        start: 0,
        end: 1_000_000,
        step,
        direction: Direction::Forward,
        limit: 100,
        interval: 0,
        now: 0,
    }
}

fn limit_of(limits: LogLimits, query: &str, asked: &LogRangeQuery) -> &'static str {
    let answer = LogEngine::new(limits).range(&lines(1_000), query, asked, &Control::default());
    match answer {
        Err(LogQueryError::Limit { limit, detail }) => {
            assert!(!detail.is_empty());
            limit
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_limit_is_named() {
    let limits = LogLimits::default();
    // What is looked for before a change of the line is left to the source.
    let (logs, rate) =
        (r#"{app="a"} | decolorize |= "nothing like it""#, r#"rate({app="a"} [1m])"#);
    let steps = asked(100_000);
    assert_eq!(
        limit_of(LogLimits { max_lines_read: 10, ..limits }, logs, &steps),
        "max_lines_read"
    );
    assert_eq!(
        limit_of(LogLimits { max_bytes_read: 100, ..limits }, logs, &steps),
        "max_bytes_read"
    );
    assert_eq!(limit_of(LogLimits { max_series: 9, ..limits }, rate, &steps), "max_series");
    assert_eq!(limit_of(LogLimits { max_samples: 50, ..limits }, rate, &steps), "max_samples");
    assert_eq!(limit_of(LogLimits { max_steps: 9, ..limits }, rate, &steps), "max_steps");
    let raw = r#"quantile_over_time(0.5, {app="a"} | regexp "(?P<n>\\d+)" | unwrap n [1m])"#;
    assert_eq!(limit_of(LogLimits { max_samples: 500, ..limits }, raw, &steps), "max_samples");
    assert_eq!(limit_of(limits, rate, &asked(1)), "max_steps");
}

/// Stops its query while it is read.
struct Stopping(MemoryLog, Control);

impl LogSource for Stopping {
    fn read(
        &self,
        selection: &Selection<'_>,
        visit: &mut dyn FnMut(&LogEntry) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        self.1.stop(StopReason::Canceled);
        assert!((selection.stopped)());
        self.0.read(selection, visit)
    }
}

#[test]
fn a_query_that_nobody_waits_for_ends() {
    let control = Control::default();
    let source = Stopping(lines(1_000), control.clone());
    let answer = LogEngine::default().range(&source, r#"{app="a"}"#, &asked(1), &control);
    assert_eq!(answer, Err(LogQueryError::Stopped(StopReason::Canceled)));
}

struct Failing;

impl LogSource for Failing {
    fn read(
        &self,
        _: &Selection<'_>,
        _: &mut dyn FnMut(&LogEntry) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        Err(ReadError::Damaged("block 7".to_owned()))
    }
}

#[test]
fn a_source_that_fails_is_told() {
    let answer = LogEngine::default().instant(
        &Failing,
        r#"rate({app="a"} [1m])"#,
        (0, 0),
        &Control::default(),
    );
    assert!(answer.unwrap_err().to_string().contains("block 7"));
}

#[test]
fn wrong_ranges_are_refused() {
    let engine = LogEngine::default();
    let control = Control::default();
    let mut wrong = asked(0);
    let source = lines(1);
    assert!(engine.range(&source, "rate({a=\"b\"} [1m])", &wrong, &control).is_err());
    wrong.end = -1;
    assert!(engine.range(&source, "{a=\"b\"}", &wrong, &control).is_err());
    wrong.step = 1;
    assert!(engine.range(&source, "rate({a=\"b\"} [1m])", &wrong, &control).is_err());
    assert!(engine.instant(&source, "{a=\"b\"}", (0, 0), &control).is_err());
    // The ends of time.
    let all = LogRangeQuery { start: i64::MIN, end: i64::MAX, step: i64::MAX, ..asked(1) };
    assert!(engine.range(&source, "rate({app=\"a\"} [1m])", &all, &control).is_ok());
    assert!(engine.range(&source, "{app=\"a\"}", &all, &control).is_ok());
    for time in [i64::MIN, i64::MAX] {
        assert!(
            engine
                .instant(&source, "rate({app=\"a\"} [300y] offset 200y)", (time, 0), &control)
                .is_err()
        );
        assert!(engine.instant(&source, "rate({app=\"a\"} [290y])", (time, 0), &control).is_ok());
    }
}

fn own() -> LogEntry {
    LogEntry {
        level: Level::Error,
        level_text: "severe".into(),
        kind: "job".into(),
        source: "go".into(),
        instance: "api-1".into(),
        queue: "mail".into(),
        job: "17".into(),
        trace: "t1".into(),
        fields: r#"{"http":{"status":502},"tags":[1],"user":"ann","level":"x"}"#.to_owned(),
        ..entry(Labels::from_pairs([("queue", "theirs")]), 5, "boom")
    }
}

fn run(query: &str) -> LogAnswer {
    let source = MemoryLog::new(vec![own()]);
    LogEngine::default().range(&source, query, &asked(1_000_000), &Control::default()).unwrap()
}

#[test]
fn the_fields_of_an_entry_are_labels_and_metadata() {
    let LogValue::Streams(streams) =
        run(r#"{source="go", level="error"} | http_status > 500 | job_id="17""#).value
    else {
        panic!("no lines")
    };
    let [stream] = streams.as_slice() else { panic!("{streams:?}") };
    assert_eq!(
        stream.stream,
        Labels::from_pairs([
            ("instance", "api-1"),
            ("level", "error"),
            ("queue", "theirs"),
            ("service_name", "api-1"),
            ("source", "go"),
            ("type", "job"),
        ])
    );
    assert_eq!(
        stream.metadata,
        Labels::from_pairs([
            ("http_status", "502"),
            ("job_id", "17"),
            ("level_extracted", "x"),
            ("level_text", "severe"),
            ("trace_id", "t1"),
            ("user", "ann"),
        ])
    );
    assert!(stream.parsed.is_empty());
    assert_eq!(stream.lines[0].text, "boom");
}

#[test]
fn metadata_can_be_measured_and_grouped_by() {
    let LogValue::Metric(QueryValue::Matrix(series)) =
        run(r#"sum by (user) (sum_over_time({level="error"} | unwrap http_status [1h]))"#).value
    else {
        panic!("no numbers")
    };
    assert_eq!(series.len(), 1);
    assert_eq!(series[0].labels, Labels::from_pairs([("user", "ann")]));
    assert_eq!(series[0].floats.last().map(|(_, value)| *value), Some(502.0));
}

#[test]
fn streams_are_counted() {
    let source = lines(100);
    let matchers = vigie_query::logql::parse_selector(r#"{shard=~"1|2"}"#).unwrap();
    let engine = LogEngine::default();
    let found = engine.streams(&source, &[matchers], (0, 50), &Control::default()).unwrap();
    assert_eq!(found.iter().map(|stream| stream.lines).collect::<Vec<_>>(), [5, 5]);
    assert_eq!(engine.streams(&source, &[], (0, 100), &Control::default()).unwrap().len(), 10);
    assert_eq!(found[0].bytes, 6 + 4 * 7);
}

#[test]
fn of_lines_that_are_too_near_to_one_another_one_is_told() {
    let told = |direction, interval, limit| {
        let asked = LogRangeQuery { direction, interval, limit, ..asked(1) };
        let engine = LogEngine::new(LogLimits::default());
        let query = r#"{app="a"} != "line 30""#;
        match engine.range(&lines(50), query, &asked, &Control::default()).unwrap().value {
            LogValue::Streams(streams) => {
                let mut times: Vec<i64> = streams
                    .iter()
                    .flat_map(|stream| stream.lines.iter().map(|line| line.time))
                    .collect();
                times.sort_unstable();
                times
            }
            LogValue::Metric(_) => panic!("numbers"),
        }
    };
    assert_eq!(told(Direction::Forward, 15, 100), [0, 15, 31, 46]);
    assert_eq!(told(Direction::Backward, 15, 100), [4, 19, 34, 49]);
    assert_eq!(told(Direction::Backward, 15, 2), [34, 49], "the limit is of those that are told");
    assert_eq!(told(Direction::Forward, 0, 100).len(), 49);
}
