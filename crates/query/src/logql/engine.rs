//! The engine: a query's text in, its answer out.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use vigie_model::{Labels, LogEntry};
use vigie_store::{Matcher, ReadError};

use super::ast::{Expr, LogExpr};
use super::metric::{self, Grid};
use super::parse;
use super::pipeline::Pipeline;
use super::pipeline::labels::{LabelSet, Origin};
use super::source::{Direction, LinesOf, LogSource, Required, Selection, Streams, metadata};
use crate::answer::QueryValue;
use crate::control::{Control, StopReason};

/// What one query may use. Each limit is named by the error that it causes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLimits {
    /// Series of an answer.
    pub max_series: usize,
    /// Lines that a query may return.
    pub max_entries: usize,
    /// Lines that a query may read.
    pub max_lines_read: u64,
    /// Bytes that a query may read.
    pub max_bytes_read: u64,
    /// Samples and points that a query may hold at once.
    pub max_samples: u64,
    /// Bytes of lines that a query may return.
    pub max_answer_bytes: usize,
    /// Steps of a range query.
    pub max_steps: u64,
}

impl Default for LogLimits {
    fn default() -> Self {
        Self {
            max_series: 500,
            max_entries: 5_000,
            max_lines_read: 100_000_000,
            max_bytes_read: 32 << 30,
            max_samples: 10_000_000,
            max_answer_bytes: 64 << 20,
            max_steps: 11_000,
        }
    }
}

/// Why a query has no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LogQueryError {
    /// Its text, or one of its parameters, is wrong.
    #[error("{0}")]
    Invalid(String),
    /// A stage failed on a line of a query for numbers, or its series do not fit together.
    #[error("{0}")]
    Execution(String),
    /// It went over a limit.
    #[error("{detail} (limit: {limit})")]
    Limit {
        /// The name of the limit.
        limit: &'static str,
        /// How, and what to do.
        detail: String,
    },
    /// It was ended.
    #[error("query was stopped: {0:?}")]
    Stopped(StopReason),
    /// The source failed.
    #[error(transparent)]
    Source(#[from] ReadError),
}

/// A line of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When, in nanoseconds since the Unix epoch.
    pub time: i64,
    /// What it says.
    pub text: String,
}

/// Lines with the same labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// All labels.
    pub labels: Labels,
    /// Those of the stream that was stored.
    pub stream: Labels,
    /// Those of structured metadata.
    pub metadata: Labels,
    /// Those that stages made.
    pub parsed: Labels,
    /// The lines, in the direction of the query.
    pub lines: Vec<Line>,
}

/// What a query evaluates to.
#[derive(Debug, Clone, PartialEq)]
pub enum LogValue {
    /// Lines; the stream with the first line of all comes first.
    Streams(Vec<Stream>),
    /// Numbers, with times in milliseconds.
    Metric(QueryValue),
}

/// What a query touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogStats {
    /// Lines that were read.
    pub lines_read: u64,
    /// Bytes of messages and fields that were read.
    pub bytes_read: u64,
    /// Lines that passed the pipeline.
    pub lines_kept: u64,
}

/// A query's whole answer.
#[derive(Debug, Clone, PartialEq)]
pub struct LogAnswer {
    /// The value.
    pub value: LogValue,
    /// What it cost.
    pub stats: LogStats,
}

/// How many lines and bytes a stream has within a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamFigures {
    /// Its labels.
    pub labels: Labels,
    /// Its lines.
    pub lines: u64,
    /// The bytes of their messages and fields.
    pub bytes: u64,
}

/// A range of time and its steps, all in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogRangeQuery {
    /// The first nanosecond, or the time of the first point.
    pub start: i64,
    /// The nanosecond after the last line, or the time after which there are no points.
    pub end: i64,
    /// How far points are apart.
    pub step: i64,
    /// Which way lines are read.
    pub direction: Direction,
    /// How many lines are wanted at the most.
    pub limit: usize,
    /// How far lines are apart at least; 0: each is wanted.
    pub interval: i64,
    /// What `now` is in templates.
    pub now: i64,
}

/// Evaluates LogQL.
#[derive(Debug, Clone, Default)]
pub struct LogEngine {
    limits: LogLimits,
}

impl LogEngine {
    /// An engine with these limits.
    #[must_use]
    pub fn new(limits: LogLimits) -> Self {
        Self { limits }
    }

    /// Its limits.
    #[must_use]
    pub fn limits(&self) -> LogLimits {
        self.limits
    }

    /// Evaluates a query for numbers at one time. `now` is what templates take for the time.
    ///
    /// # Errors
    /// See [`LogQueryError`]; a query for lines has no single time.
    pub fn instant(
        &self,
        source: &dyn LogSource,
        query: &str,
        (time, now): (i64, i64),
        control: &Control,
    ) -> Result<LogAnswer, LogQueryError> {
        let metric = match parse(query)
            .map_err(|error| LogQueryError::Invalid(error.to_string()))?
        {
            Expr::Metric(metric) => metric,
            Expr::Log(_) => {
                return Err(LogQueryError::Invalid(
                    "log queries are not supported as an instant query type, please change your query to a range query type"
                        .to_owned(),
                ));
            }
        };
        let mut reader = Reader::new(source, self.limits, control, now);
        let value = metric::instant(&mut reader, &metric, Grid { start: time, step: 0, count: 1 })?;
        Ok(LogAnswer { value: LogValue::Metric(value), stats: reader.stats })
    }

    /// Evaluates a query over a range: lines, or numbers at each step.
    ///
    /// # Errors
    /// See [`LogQueryError`].
    pub fn range(
        &self,
        source: &dyn LogSource,
        query: &str,
        asked: &LogRangeQuery,
        control: &Control,
    ) -> Result<LogAnswer, LogQueryError> {
        let expr = parse(query).map_err(|error| LogQueryError::Invalid(error.to_string()))?;
        let mut reader = Reader::new(source, self.limits, control, asked.now);
        let value = match expr {
            Expr::Log(log) => LogValue::Streams(reader.lines(&log, asked)?),
            Expr::Metric(metric) => {
                LogValue::Metric(metric::range(&mut reader, &metric, self.grid(asked)?)?)
            }
        };
        Ok(LogAnswer { value, stats: reader.stats })
    }

    fn grid(&self, asked: &LogRangeQuery) -> Result<Grid, LogQueryError> {
        let LogRangeQuery { start, end, step, .. } = *asked;
        if step <= 0 {
            return Err(LogQueryError::Invalid(
                "zero or negative query resolution step widths are not accepted. Try a positive integer".to_owned(),
            ));
        }
        if end < start {
            return Err(LogQueryError::Invalid(
                "end timestamp must not be before start time".to_owned(),
            ));
        }
        let steps = (i128::from(end) - i128::from(start)) / i128::from(step) + 1;
        let most = self.limits.max_steps;
        match usize::try_from(steps).ok().filter(|steps| *steps as u64 <= most + 1) {
            Some(count) => Ok(Grid { start, step, count }),
            None => Err(LogQueryError::Limit {
                limit: "max_steps",
                detail: format!(
                    "the query has {steps} steps, at most {most} are allowed: choose a longer step"
                ),
            }),
        }
    }

    /// The streams that match all of one of several lists of `matchers` (every stream, where there is no list) and
    /// have lines within a range of nanoseconds, by ascending labels.
    ///
    /// # Errors
    /// See [`LogQueryError`].
    pub fn streams(
        &self,
        source: &dyn LogSource,
        matchers: &[Vec<Matcher>],
        (start, end): (i64, i64),
        control: &Control,
    ) -> Result<Vec<StreamFigures>, LogQueryError> {
        let mut reader = Reader::new(source, self.limits, control, 0);
        let mut found: HashMap<Labels, (u64, u64)> = HashMap::new();
        // One list can be left to the source; of several each entry is looked at.
        let narrow = match matchers {
            [one] => one.as_slice(),
            _ => &[],
        };
        let held = |labels: &Labels, list: &Vec<Matcher>| {
            list.iter().all(|one| one.matches(labels.get(one.name()).unwrap_or_default()))
        };
        reader.entries(narrow, &[], (start, end, Direction::Backward), |labels, entry, _| {
            if matchers.is_empty() || matchers.iter().any(|list| held(labels, list)) {
                let figures = match found.get_mut(labels) {
                    Some(figures) => figures,
                    None => found.entry(labels.clone()).or_default(),
                };
                figures.0 += 1;
                figures.1 += size(entry);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        let mut found: Vec<StreamFigures> = found
            .into_iter()
            .map(|(labels, (lines, bytes))| StreamFigures { labels, lines, bytes })
            .collect();
        found.sort_by(|one, two| one.labels.cmp(&two.labels));
        Ok(found)
    }
}

/// The bytes of an entry that a query reads.
fn size(entry: &LogEntry) -> u64 {
    (entry.message.len() + entry.fields.len()) as u64
}

/// Reads for one query, and keeps its limits.
pub(super) struct Reader<'a> {
    source: &'a dyn LogSource,
    pub(super) limits: LogLimits,
    control: &'a Control,
    pub(super) stats: LogStats,
    pub(super) now: i64,
}

impl<'a> Reader<'a> {
    fn new(source: &'a dyn LogSource, limits: LogLimits, control: &'a Control, now: i64) -> Self {
        Self { source, limits, control, stats: LogStats::default(), now }
    }

    /// That nobody ended the query.
    pub(super) fn goes_on(&self) -> Result<(), LogQueryError> {
        self.control.stopped().map_or(Ok(()), |reason| Err(LogQueryError::Stopped(reason)))
    }

    /// Visits the entries of streams that match, from `start` until before `end`.
    pub(super) fn entries(
        &mut self,
        matchers: &[Matcher],
        required: &[Required],
        (start, end, direction): (i64, i64, Direction),
        mut visit: impl FnMut(
            &Labels,
            &LogEntry,
            &mut LogStats,
        ) -> Result<ControlFlow<()>, LogQueryError>,
    ) -> Result<(), LogQueryError> {
        /// Streams whose labels are remembered.
        const REMEMBERED: usize = 100_000;
        self.goes_on()?;
        let control = self.control;
        let stopped = || control.stopped().is_some();
        let selection = Selection { start, end, direction, matchers, required, stopped: &stopped };
        let mut streams = Streams::new(matchers, REMEMBERED);
        let mut failed = None;
        let (limits, stats) = (self.limits, &mut self.stats);
        self.source.read(&selection, &mut |entry| {
            stats.lines_read += 1;
            stats.bytes_read += size(entry);
            let visited =
                within(limits, stats, control).and_then(|()| match streams.wanted(entry) {
                    Some(labels) => visit(&labels, entry, stats),
                    None => Ok(ControlFlow::Continue(())),
                });
            visited.unwrap_or_else(|error| {
                failed = Some(error);
                ControlFlow::Break(())
            })
        })?;
        self.goes_on()?;
        failed.map_or(Ok(()), Err)
    }

    /// Visits lines that match and hold what is required, by labels; what breaks says whether what was visited counts. False: they
    /// must be read.
    pub(super) fn handed(
        &mut self,
        matchers: &[Matcher],
        required: &[Required],
        (start, end, direction): (i64, i64, Direction),
        of: LinesOf<'_>,
        mut visit: impl FnMut(&[Arc<str>], &[(i64, &str)], &mut LogStats) -> ControlFlow<bool>,
    ) -> Result<bool, LogQueryError> {
        self.goes_on()?;
        let control = self.control;
        let stopped = || control.stopped().is_some();
        let selection = Selection { start, end, direction, matchers, required, stopped: &stopped };
        let (limits, before) = (self.limits, self.stats);
        let (mut stats, mut failed, mut counts) = (before, None, true);
        let handed = self.source.lines(&selection, of, &mut |values, lines| {
            stats.lines_read += lines.len() as u64;
            stats.bytes_read += lines.iter().map(|(_, line)| line.len() as u64).sum::<u64>();
            if let Err(error) = within(limits, &stats, control) {
                failed = Some(error);
                return ControlFlow::Break(());
            }
            visit(values, lines, &mut stats).map_break(|all| counts = all)
        })?;
        self.goes_on()?;
        counts &= handed;
        self.stats = if counts { stats } else { before };
        failed.map_or(Ok(counts), Err)
    }

    /// The lines of a query.
    fn lines(
        &mut self,
        log: &LogExpr,
        asked: &LogRangeQuery,
    ) -> Result<Vec<Stream>, LogQueryError> {
        if asked.end < asked.start {
            return Err(LogQueryError::Invalid(
                "end timestamp must not be before start time".to_owned(),
            ));
        }
        let limit = asked.limit.min(self.limits.max_entries);
        let pipeline = Pipeline::new(&log.stages, asked.now).map_err(LogQueryError::Invalid)?;
        let (required, _) = pipeline.required();
        let mut found: Vec<Stream> = Vec::new();
        let mut places: HashMap<Labels, usize> = HashMap::new();
        let mut labels = LabelSet::default();
        let (mut count, mut bytes) = (0, 0);
        let mut last: Option<i64> = None;
        let most = self.limits.max_answer_bytes;
        if limit == 0 {
            return Ok(found);
        }
        let range = (asked.start, asked.end, asked.direction);
        self.entries(&log.matchers, &required, range, |stream, entry, stats| {
            labels.begin(stream, &metadata(entry));
            let Some(text) = pipeline.run(entry.time_nanos, &entry.message, &mut labels) else {
                return Ok(ControlFlow::Continue(()));
            };
            stats.lines_kept += 1;
            let time = entry.time_nanos;
            if last.is_some_and(|last| time.abs_diff(last) < asked.interval.unsigned_abs()) {
                return Ok(ControlFlow::Continue(()));
            }
            last = Some(time);
            bytes += text.len();
            if bytes > most {
                let detail =
                    format!("the lines would be more than {most} bytes: ask for fewer of them");
                return Err(LogQueryError::Limit { limit: "max_answer_bytes", detail });
            }
            let line = Line { time, text: text.into_owned() };
            let place = *places.entry(labels.all()).or_insert_with_key(|all| {
                found.push(Stream {
                    labels: all.clone(),
                    stream: labels.of(Origin::Stream),
                    metadata: labels.of(Origin::Metadata),
                    parsed: labels.of(Origin::Parsed),
                    lines: Vec::new(),
                });
                found.len() - 1
            });
            if let Some(stream) = found.get_mut(place) {
                stream.lines.push(line);
            }
            count += 1;
            Ok(if count < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        Ok(found)
    }
}

/// That a query is within its limits and still wanted.
fn within(limits: LogLimits, stats: &LogStats, control: &Control) -> Result<(), LogQueryError> {
    if stats.lines_read.is_multiple_of(256)
        && let Some(reason) = control.stopped()
    {
        return Err(LogQueryError::Stopped(reason));
    }
    let too_much = |limit, what: &str, most: u64| {
        let detail = format!(
            "the query would read more than {most} {what}: shorten its range or narrow its selector"
        );
        Err(LogQueryError::Limit { limit, detail })
    };
    if stats.lines_read > limits.max_lines_read {
        return too_much("max_lines_read", "lines", limits.max_lines_read);
    }
    if stats.bytes_read > limits.max_bytes_read {
        return too_much("max_bytes_read", "bytes", limits.max_bytes_read);
    }
    Ok(())
}
