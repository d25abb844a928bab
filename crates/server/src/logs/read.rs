//! `GET /api/v1/logs`, its histogram and its facets.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use vigie_model::{Level, LogEntry, Time};
use vigie_store::logs::{
    Condition, Cursor, Facet, LogField, LogFilter, LogReadError, LogStore, Order, TextMatch,
};

use crate::access::Query;
use crate::problem::Problem;
use crate::state::AppState;
use crate::time_text::{parse_time, rfc3339};

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 5_000;
/// Text of one answer, about; it ends there with a cursor.
const MAX_ANSWER: usize = 8 << 20;
/// Values of each facet.
const TOP: usize = 50;
/// Steps of a histogram where none is asked for.
const STEPS: i64 = 60;
const DEFAULT_RANGE_NANOS: i64 = 3_600_000_000_000;
const LONGEST_TEXT: usize = 4_096;

/// Which entries are asked for.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LogQuery {
    /// At least this level: `trace`, `debug`, `info`, `warn`, `error` or `fatal`, in any case; `unknown` is all, those without one
    /// included.
    level: Option<String>,
    /// Only of this type.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Only of this source.
    source: Option<String>,
    /// Only of this instance.
    instance: Option<String>,
    /// Only about this queue.
    queue: Option<String>,
    /// Only about the job with this id.
    job: Option<String>,
    /// Only of this trace.
    trace: Option<String>,
    /// A text in message or fields, in any case; or between slashes a regular expression.
    q: Option<String>,
    /// From this time on: RFC 3339, a number since 1970, or like `now-15m`.
    from: Option<String>,
    /// Up to this time.
    to: Option<String>,
    /// Of the list: at most so many, up to 5000; 100 by default.
    limit: Option<usize>,
    /// Of the list: from `next` of an earlier answer, only what is older.
    cursor: Option<String>,
    /// Of the histogram: seconds a step; about 60 steps by default.
    step: Option<f64>,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LogLine {
    /// When, RFC 3339 with milliseconds.
    time: String,
    /// `unknown`, `trace`, `debug`, `info`, `warn`, `error` or `fatal`.
    level: &'static str,
    /// What sort of line it is; null when nobody said. So are all that follow.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// The source it came by.
    source: Option<String>,
    /// The process that wrote it.
    instance: Option<String>,
    /// The queue it is about.
    queue: Option<String>,
    /// The job it is about.
    job: Option<String>,
    /// The trace it belongs to.
    trace: Option<String>,
    /// What it says.
    message: String,
    /// Everything else, labels and the writer's own word for the level included.
    #[schema(value_type = Object)]
    fields: Value,
}

/// The answer of `/logs`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LogLines {
    /// The entries, newest first.
    entries: Vec<LogLine>,
    /// What to ask for next to get older ones; null when there are none.
    next: Option<String>,
    /// Parts of the store that are damaged and could not be read: entries may be missing.
    unreadable: usize,
}

/// A step of the histogram.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LogStep {
    /// Where it begins.
    time: String,
    /// Entries by level; levels without any are left out.
    #[schema(value_type = Object)]
    counts: serde_json::Map<String, Value>,
    /// All of them.
    total: u64,
}

/// The answer of `/logs/histogram`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LogHistogram {
    /// How long each step is.
    step_seconds: f64,
    /// The steps that have entries, ascending.
    steps: Vec<LogStep>,
}

/// A value of a field.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LogFacet {
    /// The value.
    value: String,
    /// Entries that have it.
    count: u64,
}

/// The answer of `/logs/facets`: the most frequent values of each field, the most frequent first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LogFacets {
    /// All entries.
    total: u64,
    /// The worst first.
    level: Vec<LogFacet>,
    /// Types.
    #[serde(rename = "type")]
    kind: Vec<LogFacet>,
    /// Sources.
    source: Vec<LogFacet>,
    /// Instances.
    instance: Vec<LogFacet>,
    /// Queues.
    queue: Vec<LogFacet>,
}

/// Refuses what ends before it begins: an empty list would say that nothing happened.
pub(crate) fn check_range(from_nanos: i64, to_nanos: i64) -> Result<(), Problem> {
    match to_nanos < from_nanos {
        true => Err(Problem::bad_parameter("to is before from.")),
        false => Ok(()),
    }
}

impl LogQuery {
    /// What a tail asks for, as `level=warn&queue=emails`: what narrows the entries down, but nothing about time or pages.
    pub(crate) fn of_tail(text: &str) -> Result<LogFilter, Problem> {
        let pairs = form_urlencoded::parse(text.as_bytes());
        let map: serde_json::Map<String, Value> =
            pairs.map(|(name, value)| (name.into_owned(), value.into_owned().into())).collect();
        let query: Self = serde_json::from_value(map.into())
            .map_err(|error| Problem::bad_parameter(format!("logs: {error}.")))?;
        let paged = query.limit.is_some() || query.cursor.is_some() || query.step.is_some();
        if paged || query.from.is_some() || query.to.is_some() {
            return Err(Problem::bad_parameter(
                "logs: lines as they come have level, type, source, instance, queue, job, trace and q only.",
            ));
        }
        // Without `from` and `to`, whatever the time is.
        query.filter(Time::default())
    }

    /// Refuses what has no meaning where it was given: what is passed over looks as if it were heard.
    fn without(&self, meaningless: &[&str]) -> Result<(), Problem> {
        let given = [
            ("limit", self.limit.is_some()),
            ("cursor", self.cursor.is_some()),
            ("step", self.step.is_some()),
        ];
        match given.iter().find(|(name, given)| *given && meaningless.contains(name)) {
            Some((name, _)) => Err(Problem::bad_parameter(format!("{name} has no meaning here."))),
            None => Ok(()),
        }
    }

    fn filter(&self, now: Time) -> Result<LogFilter, Problem> {
        let mut filter = LogFilter::default();
        if let Some(level) = &self.level {
            filter.min_level =
                Level::ALL
                    .into_iter()
                    .find(|known| known.as_str().eq_ignore_ascii_case(level))
                    .ok_or_else(|| {
                        Problem::bad_parameter(format!(
                            "level is {level:?}; it is trace, debug, info, warn, error, fatal or unknown."
                        ))
                    })?;
        }
        if let Some(from) = &self.from {
            filter.start_nanos = parse_time("from", from, now)?;
        }
        if let Some(to) = &self.to {
            filter.end_nanos = parse_time("to", to, now)?;
        }
        check_range(filter.start_nanos, filter.end_nanos)?;
        let fields = [
            (LogField::Kind, &self.kind),
            (LogField::Source, &self.source),
            (LogField::Instance, &self.instance),
            (LogField::Queue, &self.queue),
            (LogField::Job, &self.job),
            (LogField::Trace, &self.trace),
        ];
        for (field, value) in fields {
            filter.conditions.extend(value.as_deref().map(|value| Condition::equal(field, value)));
        }
        if let Some(text) = self.q.as_deref().filter(|text| !text.is_empty()) {
            if text.len() > LONGEST_TEXT {
                return Err(Problem::bad_parameter(format!(
                    "q has {} bytes; it has at most {LONGEST_TEXT}.",
                    text.len()
                )));
            }
            let pattern = text
                .strip_prefix('/')
                .and_then(|rest| rest.strip_suffix('/'))
                .filter(|pattern| !pattern.is_empty());
            let made = pattern.map_or_else(|| TextMatch::contains(text, true), TextMatch::regex);
            filter.texts.push(made.map_err(|error| Problem::bad_parameter(format!("q: {error}")))?);
        }
        Ok(filter)
    }
}

fn given(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn time(nanos: i64) -> String {
    rfc3339(Time::from_micros(nanos.div_euclid(1_000)))
}

impl From<LogEntry> for LogLine {
    fn from(entry: LogEntry) -> Self {
        let mut fields: serde_json::Map<String, Value> =
            serde_json::from_str(&entry.fields).unwrap_or_default();
        for label in &entry.labels {
            fields.entry(label.name.to_string()).or_insert_with(|| (*label.value).into());
        }
        if !entry.level_text.is_empty() {
            fields.entry("level_text").or_insert_with(|| (*entry.level_text).into());
        }
        Self {
            time: time(entry.time_nanos),
            level: entry.level.as_str(),
            kind: given(&entry.kind),
            source: given(&entry.source),
            instance: given(&entry.instance),
            queue: given(&entry.queue),
            job: given(&entry.job),
            trace: given(&entry.trace),
            message: entry.message,
            fields: Value::Object(fields),
        }
    }
}

/// Has a search done on a thread that may wait for the disk; whoever asked may go, and then it ends.
pub(crate) async fn search<T: Send + 'static>(
    app: &AppState,
    work: impl FnOnce(&LogStore, &dyn Fn() -> bool) -> Result<T, LogReadError> + Send + 'static,
) -> Result<T, Problem> {
    /// Says that nobody waits any more when it is dropped.
    struct Gone(std::sync::Arc<std::sync::atomic::AtomicBool>);
    impl Drop for Gone {
        fn drop(&mut self) {
            self.0.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    }
    let Some(logs) = &app.logs else {
        return Err(Problem::unavailable("The log store is not open; why is in Vigie's log."));
    };
    let store = logs.store.clone();
    let gone = Gone(std::sync::Arc::default());
    let flag = std::sync::Arc::clone(&gone.0);
    let done = tokio::task::spawn_blocking(move || {
        work(&store, &|| flag.load(std::sync::atomic::Ordering::Relaxed))
    })
    .await;
    drop(gone);
    match done {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(Problem::unavailable(error.to_string())),
        Err(error) => {
            tracing::error!(%error, "a search of logs failed");
            Err(Problem::internal())
        }
    }
}

/// Log entries, newest first.
#[utoipa::path(get, path = "/api/v1/logs", tag = "logs", params(LogQuery),
    responses((status = 200, body = LogLines), (status = 400, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    Query(query): Query<LogQuery>,
) -> Result<Json<LogLines>, Problem> {
    query.without(&["step"])?;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if limit == 0 || limit > MAX_LIMIT {
        return Err(Problem::bad_parameter(format!(
            "limit is {limit}; it is between 1 and {MAX_LIMIT}."
        )));
    }
    let after = query.cursor.as_deref().map(str::parse::<Cursor>).transpose();
    let after = after.map_err(|error| Problem::bad_parameter(format!("cursor: {error}.")))?;
    let filter = query.filter(app.time())?;
    let answer = search(&app, move |store, cancelled| {
        let mut scan = store.scan(filter, Order::NewestFirst, after);
        let (mut entries, mut next, mut last, mut text) = (Vec::new(), None, None, 0);
        while let Some(found) = scan.next(cancelled)? {
            if entries.len() == limit || text > MAX_ANSWER {
                next = last.map(|last: Cursor| last.to_string());
                break;
            }
            text += found.entry.message.len() + found.entry.fields.len();
            last = Some(found.cursor);
            entries.push(LogLine::from(found.entry));
        }
        Ok(LogLines { entries, next, unreadable: scan.unreadable })
    });
    answer.await.map(Json)
}

/// The same as at `/api/v1/logs`.
#[utoipa::path(get, path = "/logs", tag = "logs", params(LogQuery),
    responses((status = 200, body = LogLines), (status = 400, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn list_at_root(
    state: State<AppState>,
    query: Query<LogQuery>,
) -> Result<Json<LogLines>, Problem> {
    list(state, query).await
}

/// How many entries there are over time, by level. Without `from` and `to`: the last hour.
#[utoipa::path(get, path = "/api/v1/logs/histogram", tag = "logs", params(LogQuery),
    responses((status = 200, body = LogHistogram), (status = 400, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn histogram(
    State(app): State<AppState>,
    Query(query): Query<LogQuery>,
) -> Result<Json<LogHistogram>, Problem> {
    query.without(&["limit", "cursor"])?;
    let mut filter = query.filter(app.time())?;
    filter.end_nanos = filter
        .end_nanos
        .min(app.time().micros().saturating_mul(1_000).saturating_add(DEFAULT_RANGE_NANOS));
    if query.from.is_none() {
        filter.start_nanos = filter.end_nanos.saturating_sub(2 * DEFAULT_RANGE_NANOS);
    }
    let range = filter.end_nanos.saturating_sub(filter.start_nanos);
    let step = match query.step {
        None => nice(range / STEPS),
        Some(seconds) if (1e-3..=31_536_000.0).contains(&seconds) => (seconds * 1e9) as i64,
        Some(seconds) => {
            return Err(Problem::bad_parameter(format!(
                "step is {seconds}; it is between 0.001 and 31536000 seconds."
            )));
        }
    };
    if range / step.max(1) > 11_000 {
        return Err(Problem::bad_parameter(
            "step makes more than 11000 steps of this range; choose a longer one.",
        ));
    }
    let steps =
        search(&app, move |store, cancelled| store.histogram(filter, step, cancelled)).await?;
    let steps = steps.into_iter().map(|one| {
        let counts = Level::ALL.into_iter().zip(one.counts).filter(|(_, count)| *count > 0);
        LogStep {
            time: time(one.start_nanos),
            counts: counts
                .map(|(level, count)| (level.as_str().to_owned(), count.into()))
                .collect(),
            total: one.counts.iter().sum(),
        }
    });
    Ok(Json(LogHistogram { step_seconds: step as f64 / 1e9, steps: steps.collect() }))
}

/// The next step that people count in.
fn nice(nanos: i64) -> i64 {
    const SECONDS: [i64; 13] =
        [1, 5, 10, 30, 60, 300, 600, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400];
    let steps = SECONDS.into_iter().map(|seconds| seconds * 1_000_000_000);
    steps.into_iter().find(|step| *step >= nanos).unwrap_or(nanos)
}

/// The most frequent levels, types, sources, instances and queues of what is asked for.
#[utoipa::path(get, path = "/api/v1/logs/facets", tag = "logs", params(LogQuery),
    responses((status = 200, body = LogFacets), (status = 400, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn facets(
    State(app): State<AppState>,
    Query(query): Query<LogQuery>,
) -> Result<Json<LogFacets>, Problem> {
    query.without(&["limit", "cursor", "step"])?;
    let filter = query.filter(app.time())?;
    let found = search(&app, move |store, cancelled| store.facets(filter, TOP, cancelled)).await?;
    let list = |facets: Vec<Facet>| {
        facets
            .into_iter()
            .map(|one| LogFacet { value: one.value.to_string(), count: one.count })
            .collect()
    };
    let levels = found
        .levels
        .into_iter()
        .map(|(level, count)| LogFacet { value: level.as_str().to_owned(), count });
    Ok(Json(LogFacets {
        total: found.total,
        level: levels.collect(),
        kind: list(found.kinds),
        source: list(found.sources),
        instance: list(found.instances),
        queue: list(found.queues),
    }))
}
