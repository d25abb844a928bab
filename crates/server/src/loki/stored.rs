//! The embedded log store as a source of queries.

use std::ops::ControlFlow;

use vigie_model::LogEntry;
use vigie_query::logql::{Direction, LogSource, Required, Selection};
use vigie_store::Matcher;
use vigie_store::ReadError;
use vigie_store::logs::{
    Condition, LogField, LogFilter, LogReadError, LogStore, Order, TextMatch, TextScope,
};

/// The label that is made of others, which the store knows nothing of.
const SERVICE: &str = "service_name";

/// The embedded log store.
pub struct StoredLogs(LogStore);

impl StoredLogs {
    /// Reads from this store.
    #[must_use]
    pub fn new(store: LogStore) -> Self {
        Self(store)
    }
}

impl LogSource for StoredLogs {
    fn read(
        &self,
        selection: &Selection<'_>,
        visit: &mut dyn FnMut(&LogEntry) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        // The store includes the last nanosecond.
        let Some(end_nanos) = selection.end.checked_sub(1) else { return Ok(()) };
        let known = selection.matchers.iter().filter(|matcher| matcher.name() != SERVICE);
        let condition =
            |matcher: &Matcher| Condition { field: LogField::Label, matcher: matcher.clone() };
        // A text that cannot be looked for is no condition: the engine looks at each line again.
        let texts = selection.required.iter().filter_map(|required| match required {
            Required::Text(text) => TextMatch::contains(text, false).ok(),
            Required::Regex(regex) => TextMatch::regex(regex.as_str()).ok(),
        });
        let filter = LogFilter {
            start_nanos: selection.start,
            end_nanos,
            conditions: known.map(condition).collect(),
            texts: texts.map(|text| text.within(TextScope::Message)).collect(),
            ..LogFilter::default()
        };
        let order = match selection.direction {
            Direction::Forward => Order::OldestFirst,
            Direction::Backward => Order::NewestFirst,
        };
        let mut scan = self.0.scan(filter, order, None);
        loop {
            match scan.next(selection.stopped) {
                Ok(Some(found)) => {
                    if visit(&found.entry).is_break() {
                        return Ok(());
                    }
                }
                // Who stopped it knows why.
                Ok(None) | Err(LogReadError::Cancelled) => return Ok(()),
            }
        }
    }
}
