//! `/loki/api/v1/tail`: lines by WebSocket as they come.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use futures_util::future::BoxFuture;
use futures_util::stream::SplitSink;
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use vigie_model::LogEntry;
use vigie_query::logql::{Direction, LogRangeQuery, LogTail, LogValue, Stream};

use super::error::LokiError;
use super::evaluate::evaluate;
use super::params::Params;
use super::query::now;
use super::tailed::Waiting;
use crate::access::is_own_origin;
use crate::state::AppState;

/// Lines from before that are sent first where nobody says how many.
const LINES: usize = 100;
/// The longest that lines are held back, in seconds.
const DELAY: usize = 5;
/// Lines that come within this time go together.
const TOGETHER: Duration = Duration::from_millis(100);
/// A client that says nothing is asked whether it lives.
const PING_EVERY: Duration = Duration::from_secs(30);

/// One query's tail.
struct Tail {
    query: LogTail,
    live: Receiver<std::sync::Arc<LogEntry>>,
    /// What was sent of the past, by hash: entries that were stored meanwhile come twice.
    known: HashSet<u64>,
    waiting: Waiting,
    categorize: bool,
    delay: Duration,
    _place: OwnedSemaphorePermit,
}

/// Lines of a query as they are stored, by WebSocket; those since `start` first.
#[utoipa::path(get, path = "/loki/api/v1/tail", tag = "loki", operation_id = "loki_tail",
    params(("query" = String, Query, description = "LogQL for lines."),
        ("start" = Option<String>, Query, description = "An hour ago by default."),
        ("limit" = Option<u64>, Query, description = "Lines from before: 100 by default."),
        ("delay_for" = Option<u64>, Query, description = "Seconds that lines are held back: at most 5.")),
    responses((status = 101, description = "Loki's messages follow"),
        (status = 400, description = "What is wrong, as text", body = String, content_type = "text/plain")))]
pub(crate) async fn tail(
    State(app): State<AppState>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, LokiError> {
    // A page of another site may open a WebSocket to here, as it may not read an answer.
    if !is_own_origin(&headers) {
        return Err(LokiError::new(
            StatusCode::FORBIDDEN,
            "a tail is not for pages of other sites",
        ));
    }
    let (mut parts, body) = request.into_parts();
    let upgrade = {
        use axum::extract::FromRequestParts;
        WebSocketUpgrade::from_request_parts(&mut parts, &()).await
    };
    let params = Params::from_request(Request::from_parts(parts, body), &()).await?;
    let logs = app.loki()?.clone();
    let now = now(&app);
    let query = LogTail::new(params.query()?, now)?;
    let (start, _) = params.range(now)?;
    let limit = params.limit("limit", LINES, logs.engine.limits().max_entries)?;
    let delay = match params.get("delay_for") {
        "" | "0" => 0,
        _ => params.limit("delay_for", 0, DELAY)?,
    };
    let upgrade = upgrade.map_err(|rejection| {
        LokiError::bad(format!("a tail is a WebSocket: {}", rejection.body_text()))
    })?;
    let place = std::sync::Arc::clone(&logs.tails).try_acquire_owned().map_err(|_| {
        LokiError::new(StatusCode::TOO_MANY_REQUESTS, "max concurrent tail requests limit exceeded")
    })?;
    // What is stored from here on is heard; what was stored before is read.
    let live = logs.live.subscribe();
    let text = params.query()?.to_owned();
    let asked = LogRangeQuery {
        start,
        end: i64::MAX,
        step: 1,
        direction: Direction::Backward,
        limit,
        interval: 0,
        now,
    };
    let past = evaluate(&logs, move |engine, source, control| {
        Ok(engine.range(source, &text, &asked, control)?)
    });
    let past = match past.await?.value.value {
        LogValue::Streams(streams) => streams,
        LogValue::Metric(_) => Vec::new(),
    };
    let mut tail = Tail {
        query,
        live,
        known: HashSet::new(),
        waiting: Waiting::default(),
        categorize: params.categorize,
        delay: Duration::from_secs(delay as u64),
        _place: place,
    };
    tail.begin(past);
    Ok(upgrade.max_message_size(64 * 1024).on_upgrade(move |socket| tail.run(socket)))
}

fn hash(time: i64, text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (time, text).hash(&mut hasher);
    hasher.finish()
}

type Sink = SplitSink<WebSocket, Message>;
/// A message on its way, and the sink back when it is gone.
type Sending = BoxFuture<'static, Option<Sink>>;

fn send(mut sink: Sink, message: Message) -> Sending {
    async move { sink.send(message).await.ok().map(|()| sink) }.boxed()
}

/// What is to be done next.
enum Next {
    Entry(Result<std::sync::Arc<LogEntry>, RecvError>),
    Sent(Option<Sink>),
    Heard(Option<Result<Message, axum::Error>>),
    Flush,
    Ping,
}

impl Tail {
    /// Puts the past in front, oldest first.
    fn begin(&mut self, past: Vec<Stream>) {
        let mut lines: Vec<Stream> = past
            .into_iter()
            .flat_map(|stream| {
                let Stream { labels, stream, metadata, parsed, lines } = stream;
                lines.into_iter().map(move |line| Stream {
                    labels: labels.clone(),
                    stream: stream.clone(),
                    metadata: metadata.clone(),
                    parsed: parsed.clone(),
                    lines: vec![line],
                })
            })
            .collect();
        lines.sort_by_key(|line| line.lines.first().map(|line| line.time));
        for line in lines {
            self.known.extend(line.lines.iter().map(|line| hash(line.time, &line.text)));
            self.waiting.push(line);
        }
    }

    /// Serves the client until one of both leaves.
    async fn run(mut self, socket: WebSocket) {
        let (sink, mut heard) = socket.split();
        let mut sink = Some(sink);
        let mut sending: Option<Sending> = None;
        let mut flush = tokio::time::interval(TOGETHER.max(self.delay));
        flush.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut ping = tokio::time::interval(PING_EVERY);
        loop {
            let next = tokio::select! {
                sent = async { match sending.as_mut() {
                    Some(sending) => sending.await,
                    None => std::future::pending().await,
                } } => Next::Sent(sent),
                entry = self.live.recv() => Next::Entry(entry),
                message = heard.next() => Next::Heard(message),
                _ = flush.tick() => Next::Flush,
                _ = ping.tick() => Next::Ping,
            };
            match next {
                Next::Sent(Some(back)) => {
                    sending = None;
                    sink = Some(back);
                }
                Next::Entry(Ok(entry)) => self.hear(&entry),
                Next::Entry(Err(RecvError::Lagged(count))) => self.waiting.missed(count),
                Next::Heard(Some(Ok(Message::Close(_)) | Err(_)) | None)
                | Next::Sent(None)
                | Next::Entry(Err(RecvError::Closed)) => return,
                Next::Heard(Some(Ok(_))) => {}
                Next::Flush if !self.waiting.is_empty() => {
                    if let Some(sink) = sink.take() {
                        let message = self.waiting.message(self.categorize);
                        sending = Some(send(sink, Message::Text(message.into())));
                    }
                }
                Next::Ping => {
                    if let Some(sink) = sink.take() {
                        sending = Some(send(sink, Message::Ping(Vec::new().into())));
                    }
                }
                Next::Flush => {}
            }
        }
    }

    fn hear(&mut self, entry: &LogEntry) {
        let Some(line) = self.query.line(entry) else { return };
        let twice = line.lines.iter().any(|line| self.known.remove(&hash(line.time, &line.text)));
        if !twice {
            self.waiting.push(line);
        }
    }
}
