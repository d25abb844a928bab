//! `GET /api/v1/events`.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use vigie_board::EventFilter;
use vigie_model::{ALERT, EVENT_KIND, Event as ModelEvent, EventId, Severity, Time};
use vigie_store::logs::{Condition, Cursor, LogField, LogFilter, Order, TextMatch};

use super::keep::id;
use crate::access::Query;
use crate::api::parse_kind;
use crate::api::wire::Event;
use crate::logs::{check_range, search};
use crate::problem::Problem;
use crate::state::AppState;
use crate::time_text::parse_time;

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1_000;
/// Text of one answer, about; it ends there with a cursor.
const MAX_ANSWER: usize = 8 << 20;

/// Which events are asked for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventQuery {
    /// Only of this type, for example `queue_paused` or `deploy`; or of several, with commas between. `alert` is whatever somebody should
    /// be alerted to: all that is critical (`source_lost`, `instance_down`, …), `workflow_overdue`, and events that others call `alert`.
    #[serde(rename = "type")]
    event_type: Option<String>,
    /// Only of this source.
    source: Option<String>,
    /// Only of this severity: `ok`, `info`, `warning` or `critical`; or of several, with commas between.
    severity: Option<String>,
    /// Only about queues and workers of this broker: `asynq`, `bull` or `bullmq`.
    kind: Option<String>,
    /// Only about this queue.
    queue: Option<String>,
    /// With `queue`: also what is about no queue, such as a deploy, whatever its source.
    general: Option<bool>,
    /// From this time on: RFC 3339, a number since 1970, or like `now-15m`.
    from: Option<String>,
    /// Up to this time.
    to: Option<String>,
    /// At most so many, up to 1000; 100 by default.
    limit: Option<usize>,
    /// From `next` of an earlier answer: only what is older.
    cursor: Option<String>,
}

/// The answer of `/events`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Events {
    /// The events, newest first.
    events: Vec<Event>,
    /// What to ask for next to get older ones; null when there are none.
    next: Option<String>,
    /// Parts of the store that are damaged and could not be read: events may be missing.
    unreadable: usize,
}

impl EventQuery {
    fn filter(&self, now: Time) -> Result<EventFilter, Problem> {
        let words = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<String>>();
        let severities = self.severity.as_deref().map(words);
        if let Some(wrong) =
            severities.iter().flatten().find(|word| Severity::parse(word).is_none())
        {
            return Err(Problem::bad_parameter(format!(
                "severity is {wrong:?}; it is ok, info, warning or critical."
            )));
        }
        let time = |name, text: &Option<String>| {
            text.as_deref().map(|text| parse_time(name, text, now)).transpose()
        };
        let (from_nanos, to_nanos) = (time("from", &self.from)?, time("to", &self.to)?);
        check_range(from_nanos.unwrap_or(i64::MIN), to_nanos.unwrap_or(i64::MAX))?;
        Ok(EventFilter {
            kinds: self.event_type.as_deref().map(words),
            severities,
            source: self.source.as_deref().map(Into::into),
            broker: self.kind.as_deref().map(parse_kind).transpose()?,
            queue: self.queue.clone(),
            general: self.general.unwrap_or(false),
            from_nanos,
            to_nanos,
        })
    }
}

/// What the store can leave out by itself.
fn stored(filter: &EventFilter) -> LogFilter {
    let mut conditions = vec![Condition::equal(LogField::Kind, EVENT_KIND)];
    if !filter.general {
        let source = filter.source.as_deref().map(|source| (LogField::Source, source));
        let queue = filter.queue.as_deref().map(|queue| (LogField::Queue, queue));
        let both = source.into_iter().chain(queue);
        conditions.extend(both.map(|(field, value)| Condition::equal(field, value)));
    }
    // A type stands among the fields as it is, where it has nothing that JSON would write otherwise.
    let plain = |word: &&String| {
        word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
            && ![EVENT_KIND, ALERT].contains(&word.as_str())
    };
    let only = match filter.kinds.as_deref() {
        Some([one]) => Some(one).filter(plain),
        _ => None,
    };
    let texts = only.and_then(|word| TextMatch::contains(&format!("\"{word}\""), false).ok());
    LogFilter {
        start_nanos: filter.from_nanos.unwrap_or(i64::MIN),
        end_nanos: filter.to_nanos.unwrap_or(i64::MAX),
        conditions,
        texts: texts.into_iter().collect(),
        ..LogFilter::default()
    }
}

/// What happened: sources lost and found, queues that came, went, were paused and resumed, workers and instances that came, went,
/// went down, came back and began anew; that Vigie started, and with another configuration than before; and what others say happened, such as a deploy (`POST` here, or a log entry of type `event`). Newest
/// first, as far back as log entries are kept; without a log store the last 2,000 of this run.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", params(EventQuery),
    responses((status = 200, body = Events), (status = 400, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    Query(query): Query<EventQuery>,
) -> Result<Json<Events>, Problem> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if limit == 0 || limit > MAX_LIMIT {
        return Err(Problem::bad_parameter(format!(
            "limit is {limit}; it is between 1 and {MAX_LIMIT}."
        )));
    }
    let wrong = |error: &dyn std::fmt::Display| Problem::bad_parameter(format!("cursor: {error}."));
    let filter = query.filter(app.time())?;
    if app.logs.is_none() {
        let before = query.cursor.as_deref().map(str::parse::<EventId>).transpose();
        return Ok(Json(remembered(&app, &filter, before.map_err(|error| wrong(&error))?, limit)));
    }
    let after = query.cursor.as_deref().map(str::parse::<Cursor>).transpose();
    let after = after.map_err(|error| wrong(&error))?;
    let answer = search(&app, move |store, cancelled| {
        let mut scan = store.scan(stored(&filter), Order::NewestFirst, after);
        let (mut events, mut next, mut text) = (Vec::<Event>::new(), None, 0);
        while let Some(found) = scan.next(cancelled)? {
            let wanted = ModelEvent::of_entry(&found.entry).filter(|event| filter.wants(event));
            let Some(event) = wanted else { continue };
            if events.len() == limit || text > MAX_ANSWER {
                next = events.last().map(|last| last.id.clone());
                break;
            }
            text += found.entry.message.len() + found.entry.fields.len();
            events.push(Event::new(id(&found), &event));
        }
        Ok(Events { events, next, unreadable: scan.unreadable })
    });
    answer.await.map(Json)
}

/// From the timeline of this run.
fn remembered(
    app: &AppState,
    filter: &EventFilter,
    before: Option<EventId>,
    limit: usize,
) -> Events {
    let board = app.board.read();
    let newest = board.timeline().newest(filter);
    let mut wanted = newest.filter(|(id, _)| before.is_none_or(|before| *id < before));
    let events: Vec<Event> =
        wanted.by_ref().take(limit).map(|(id, event)| Event::new(*id, event)).collect();
    let next = wanted.next().and_then(|_| events.last().map(|event| event.id.clone()));
    Events { events, next, unreadable: 0 }
}

/// The same as at `/api/v1/events`.
#[utoipa::path(get, path = "/events", tag = "events", params(EventQuery),
    responses((status = 200, body = Events), (status = 400, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn list_at_root(
    state: State<AppState>,
    query: Query<EventQuery>,
) -> Result<Json<Events>, Problem> {
    list(state, query).await
}
