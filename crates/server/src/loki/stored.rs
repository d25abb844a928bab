//! The embedded log store as a source of queries.

use std::ops::ControlFlow;

use vigie_model::LogEntry;
use vigie_query::logql::{Direction, EachLines, LinesOf, LogSource, Selection, Sought};
use vigie_store::ReadError;
use vigie_store::logs::{
    self, Condition, LogField, LogFilter, LogReadError, LogStore, Order, TextMatch, TextScope,
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

/// What the store is asked for, and whether that is all that is selected; `None`: nothing can be.
fn filter(selection: &Selection<'_>) -> Option<(LogFilter, bool)> {
    // The store includes the last nanosecond.
    let end_nanos = selection.end.checked_sub(1)?;
    let known = selection.matchers.iter().filter(|matcher| matcher.name() != SERVICE);
    let conditions: Vec<Condition> = known
        .map(|matcher| Condition { field: LogField::Label, matcher: matcher.clone() })
        .collect();
    // A text that cannot be looked for is no condition: the engine looks at each line again.
    let texts = selection.required.iter().filter_map(|required| {
        let text = match &required.what {
            Sought::Text(text) => TextMatch::contains(text, false),
            Sought::Regex(regex) => TextMatch::regex(regex.as_str()),
        };
        let text = text.ok()?.within(TextScope::Message);
        Some(if required.wanted { text } else { text.absent() })
    });
    let texts: Vec<TextMatch> = texts.collect();
    let exact =
        conditions.len() == selection.matchers.len() && texts.len() == selection.required.len();
    let start_nanos = selection.start;
    Some((LogFilter { start_nanos, end_nanos, conditions, texts, ..LogFilter::default() }, exact))
}

impl LogSource for StoredLogs {
    fn read(
        &self,
        selection: &Selection<'_>,
        visit: &mut dyn FnMut(&LogEntry) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        let Some((filter, _)) = filter(selection) else { return Ok(()) };
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

    fn lines(
        &self,
        selection: &Selection<'_>,
        of: LinesOf<'_>,
        each: EachLines<'_>,
    ) -> Result<bool, ReadError> {
        let Some((filter, exact)) = filter(selection) else { return Ok(true) };
        let exact = exact && !of.labels.iter().any(|name| name == SERVICE);
        let text = |(label, text)| {
            let text = TextMatch::contains(text, false).ok()?;
            Some((label, text.within(TextScope::Message)))
        };
        let text = of.without.and_then(text);
        let without = text.as_ref().map(|(label, text)| (*label, text));
        let of = logs::LinesOf { labels: of.labels, messages: of.texts, without };
        // Who stopped it knows why.
        Ok(exact && self.0.lines(filter, of, selection.stopped, each).unwrap_or(true))
    }
}
