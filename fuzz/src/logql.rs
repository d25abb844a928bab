//! Any text is a query or has an error with a place; what is a query prints as one that is the same, and evaluates over
//! any lines within its limits.

use vigie_model::{Labels, Level, LogEntry};
use vigie_query::Control;
use vigie_query::logql::{
    Direction, LogEngine, LogLimits, LogQueryError, LogRangeQuery, MemoryLog, parse,
};

const TIME: i64 = 1_700_000_000_000_000_000;

/// A query's text, and behind a NUL the lines that it reads.
pub fn logql(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (text, lines) = text.split_once('\0').unwrap_or((text, "{\"a\":1}\na=1 b=\"x\""));
    let parsed = match parse(text) {
        Ok(parsed) => parsed,
        Err(error) => {
            assert!(error.line >= 1 && error.column >= 1 && !error.message.is_empty());
            return;
        }
    };
    let printed = parsed.to_string();
    let again = parse(&printed).unwrap_or_else(|error| panic!("{text:?} -> {printed:?}: {error}"));
    assert_eq!(again.to_string(), printed, "{text:?}");
    let entries = lines.split('\n').zip(0..).map(|(line, place)| LogEntry {
        time_nanos: TIME + place * 1_000_000_000,
        level: Level::Info,
        level_text: "".into(),
        kind: "".into(),
        source: "fuzz".into(),
        instance: "".into(),
        queue: "".into(),
        job: "".into(),
        trace: "".into(),
        labels: Labels::from_pairs([("a", "b"), ("app", "api")]),
        message: line.to_owned(),
        fields: line.to_owned(),
    });
    let source = MemoryLog::new(entries.collect());
    let engine = LogEngine::new(LogLimits { max_samples: 20_000, ..LogLimits::default() });
    let control = Control::default();
    let range = LogRangeQuery {
        start: TIME,
        end: TIME + 60_000_000_000,
        step: 15_000_000_000,
        direction: Direction::Backward,
        limit: 100,
        interval: 0,
        now: TIME,
    };
    for answer in [
        engine.instant(&source, text, (TIME + 30_000_000_000, TIME), &control),
        engine.range(&source, text, &range, &control),
    ] {
        if let Err(LogQueryError::Source(error)) = answer {
            panic!("lines in memory do not fail: {error}");
        }
    }
}
