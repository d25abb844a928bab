//! `GET /api/v1/stream`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt};
use serde::Deserialize;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use utoipa::IntoParams;

use super::frame::{Frame, GZIP_HEAD, deflate};
use super::hub::{Hub, Subscription};
use super::tailing::Tailing;
use super::topic::{Asked, Topic};
use crate::access::Query;
use crate::problem::Problem;
use crate::state::AppState;

/// A line that says "still here" when nothing else does.
const HEARTBEAT: &[u8] = b": hb\n\n";
const HEARTBEAT_EVERY: Duration = Duration::from_secs(5);
/// A client that took nothing for this long while there was something did not leave: the listener cut it.
const TOO_SLOW: Duration = Duration::from_secs(5);

/// What to listen to.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StreamQuery {
    /// Topics with commas between: `now`, `queues`, `workers`, `sources`, `instances`, `events`,
    /// `queue:<source>/<kind>/<queue>` with each part percent-encoded, and `logs:<parameters>` for log lines as they come, where the
    /// parameters are those of `/api/v1/logs` that narrow down, as in `logs:level=warn&queue=emails`. `now,queues,sources` when left
    /// out.
    topics: Option<String>,
    /// The id of the last message that the client has of these same topics, for clients that cannot set the header
    /// `Last-Event-ID`.
    last_event_id: Option<String>,
}

/// Server-sent events: for each topic first (of `logs` there is `event: lines` only; see `Lines`) `event: snapshot`, then `event: patch` (RFC 7396). With the id of an
/// earlier message the client gets what it missed, or snapshots when that is too long ago. A comment comes at
/// least every 5 s; a client that reads too slowly is cut.
#[utoipa::path(get, path = "/api/v1/stream", tag = "live", params(StreamQuery),
    responses((status = 200, body = String, content_type = "text/event-stream"), (status = 400, body = Problem)))]
pub(crate) async fn stream(
    State(app): State<AppState>,
    Query(query): Query<StreamQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Asked { topics, tails } =
        Topic::parse_list(query.topics.as_deref().unwrap_or("now,queues,sources"))?;
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let last_id =
        text(header::HeaderName::from_static("last-event-id")).or(query.last_event_id.as_deref());
    let gzip = text(header::ACCEPT_ENCODING).is_some_and(|accepted| accepted.contains("gzip"));
    let closed = || Problem::not_ready("Vigie is stopping.");
    let subscription = app.hub.subscribe(topics, last_id).ok_or_else(closed)?;
    let (tailing, begun) = Tailing::open(tails, app.logs.as_ref(), Arc::clone(&app.now));
    let body = Body::from_stream(messages(app.hub.clone(), subscription, (tailing, begun), gzip));
    let mut response = body.into_response();
    let head = response.headers_mut();
    head.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/event-stream"));
    head.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store, no-transform"));
    head.insert("x-accel-buffering", header::HeaderValue::from_static("no"));
    if gzip {
        head.insert(header::CONTENT_ENCODING, header::HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

fn messages(
    hub: Hub,
    subscription: Subscription,
    (tailing, begun): (Tailing, Vec<String>),
    gzip: bool,
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static {
    let Subscription { first, receiver, topics } = subscription;
    let newest = first.iter().map(|frame| frame.number).max().unwrap_or(0);
    let begin = gzip.then(|| Bytes::from_static(&GZIP_HEAD)).into_iter();
    let begun = begun.into_iter().map(|text| bytes_of_text(text, gzip));
    let first = first.iter().map(|frame| bytes_of(frame, gzip));
    let first: Vec<Bytes> = begin.chain(first).chain(begun).collect();
    let took = Instant::now();
    let listener = Listener { hub, receiver, tailing, topics, newest, gzip, lagged: false, took };
    let later = stream::unfold(listener, |mut listener| async {
        let bytes = listener.next().await?;
        listener.took = Instant::now();
        Some((bytes, listener))
    });
    stream::iter(first).chain(later).map(Ok)
}

fn bytes_of(frame: &Frame, gzip: bool) -> Bytes {
    if gzip { frame.deflated() } else { frame.plain() }
}

fn bytes_of_text(text: String, gzip: bool) -> Bytes {
    if gzip { deflate(text.as_bytes()) } else { Bytes::from(text) }
}

/// One client; ends its subscription when it goes.
struct Listener {
    hub: Hub,
    receiver: Receiver<Arc<Frame>>,
    tailing: Tailing,
    topics: Vec<Topic>,
    /// The client has everything up to this message.
    newest: u64,
    gzip: bool,
    lagged: bool,
    /// When the connection last took something.
    took: Instant,
}

impl Listener {
    /// The next bytes to send; `None` ends the stream.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let heard = tokio::time::timeout(HEARTBEAT_EVERY, self.receiver.recv());
            let heard = tokio::select! {
                heard = heard => heard,
                lines = self.tailing.next() => return Some(bytes_of_text(lines, self.gzip)),
            };
            match heard {
                Err(_) if self.gzip => return Some(deflate(HEARTBEAT)),
                Err(_) => return Some(Bytes::from_static(HEARTBEAT)),
                Ok(Ok(frame))
                    if frame.number <= self.newest || !self.topics.contains(&frame.topic) => {}
                Ok(Ok(frame)) => return Some(bytes_of(&frame, self.gzip)),
                // Who follows log lines alone misses none of those: what was skipped of them is told.
                Ok(Err(RecvError::Lagged(_))) if self.topics.is_empty() => {}
                Ok(Err(RecvError::Lagged(_))) => {
                    self.lagged = true;
                    return None;
                }
                Ok(Err(RecvError::Closed)) => return None,
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let stuck = !self.receiver.is_empty() && self.took.elapsed() > TOO_SLOW;
        let cut = self.lagged || stuck;
        self.hub.unsubscribe(&self.topics, cut);
    }
}
