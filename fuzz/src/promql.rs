//! Any text is a query or has an error with a place; what is a query prints as one that is the same, and evaluates
//! within its limits.

use vigie_model::Labels;
use vigie_query::promql::parse;
use vigie_query::{Control, Engine, EngineLimits, QueryError};
use vigie_store::{FoundSeries, Matcher, ReadError, Storage, TimeRange};

/// Holds nothing.
struct Empty;

impl Storage for Empty {
    fn select(&self, _: &[Matcher], _: TimeRange, _: i64) -> Result<Vec<FoundSeries>, ReadError> {
        Ok(Vec::new())
    }

    fn series(&self, _: &[Matcher], _: TimeRange) -> Result<Vec<Labels>, ReadError> {
        Ok(Vec::new())
    }

    fn label_names(&self, _: &[Matcher], _: TimeRange) -> Result<Vec<String>, ReadError> {
        Ok(Vec::new())
    }

    fn label_values(&self, _: &str, _: &[Matcher], _: TimeRange) -> Result<Vec<String>, ReadError> {
        Ok(Vec::new())
    }
}

/// A query's text.
pub fn promql(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let parsed = match parse(text) {
        Ok(parsed) => parsed,
        Err(error) => {
            assert!(error.line >= 1 && error.column >= 1 && !error.message.is_empty());
            return;
        }
    };
    let printed = parsed.to_string();
    let again = parse(&printed).unwrap_or_else(|error| panic!("{text:?} -> {printed:?}: {error}"));
    // NaN is not equal to itself, so texts are compared.
    assert_eq!(again.to_string(), printed, "{text:?}");
    let limits = EngineLimits { max_points: 20_000, ..EngineLimits::default() };
    let engine = Engine::new(limits);
    let control = Control::default();
    for answer in [
        engine.instant(&Empty, text, 1_700_000_000_000, &control),
        engine.range(&Empty, text, (1_700_000_000_000, 1_700_000_060_000, 15_000), &control),
    ] {
        if let Err(QueryError::Storage(error)) = answer {
            panic!("an empty storage does not fail: {error}");
        }
    }
}
