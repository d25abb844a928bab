//! A query over lines as they come.

use vigie_model::LogEntry;
use vigie_store::Matcher;

use super::ast::Expr;
use super::engine::{Line, LogQueryError, Stream};
use super::parse;
use super::pipeline::Pipeline;
use super::pipeline::labels::{LabelSet, Origin};
use super::source::{metadata, stream_labels};

/// A query for lines that is asked of one entry after the other.
#[derive(Debug)]
pub struct LogTail {
    matchers: Vec<Matcher>,
    pipeline: Pipeline,
    labels: LabelSet,
}

impl LogTail {
    /// A query; `now` is what its templates take for the time, in nanoseconds since the Unix epoch.
    ///
    /// # Errors
    /// Where it is none, or one for numbers.
    pub fn new(query: &str, now: i64) -> Result<Self, LogQueryError> {
        let expr = parse(query).map_err(|error| LogQueryError::Invalid(error.to_string()))?;
        let Expr::Log(log) = expr else {
            return Err(LogQueryError::Invalid("only a query for lines can be tailed".to_owned()));
        };
        let pipeline = Pipeline::new(&log.stages, now).map_err(LogQueryError::Invalid)?;
        Ok(Self { matchers: log.matchers, pipeline, labels: LabelSet::default() })
    }

    /// The entry as a stream of one line where the query wants it.
    pub fn line(&mut self, entry: &LogEntry) -> Option<Stream> {
        let stream = stream_labels(entry);
        let held = |one: &Matcher| one.matches(stream.get(one.name()).unwrap_or_default());
        if !self.matchers.iter().all(held) {
            return None;
        }
        self.labels.begin(&stream, &metadata(entry));
        let text = self.pipeline.run(entry.time_nanos, &entry.message, &mut self.labels)?;
        Some(Stream {
            labels: self.labels.all(),
            stream: self.labels.of(Origin::Stream),
            metadata: self.labels.of(Origin::Metadata),
            parsed: self.labels.of(Origin::Parsed),
            lines: vec![Line { time: entry.time_nanos, text: text.into_owned() }],
        })
    }
}
