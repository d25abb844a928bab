//! The door in: reads a body within its limits, decodes it, has it stored, and answers once it is durable.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use vigie_store::SeriesHandle;

use super::batch::{Batch, REASONS, Received, Taker, WriteError};
use super::decompress::{Encoding, SMALL, decompress};
use super::{v1, v2};
use crate::problem::Problem;
use crate::prometheus::exemplars::{self, OfSeries};
use crate::prometheus::metrics::{Appended, MetricSink, Metrics, SeriesNames, SinkError};
use crate::state::AppState;

/// The most bytes of a body as it is sent.
const MAX_BODY: usize = 8 << 20;
/// Bodies that are held while they come in, together, in KiB.
const BODIES_KIB: usize = 32 << 10;
/// Bodies that are decoded at once.
const DECODERS: usize = 2;
/// A larger request of protobuf is taken in pieces.
pub(in crate::prometheus) const PIECES_ABOVE: usize = 1 << 20;
/// A sender has this long to send a body.
const BODY_WITHIN: Duration = Duration::from_secs(30);
/// A sender waits this long for its turn.
const TURN_WITHIN: Duration = Duration::from_secs(10);
/// What a sender that must wait is told, in seconds.
const RETRY_AFTER: &str = "5";
const OVERLOADED: &str =
    "Vigie has more to take in than it can at present: the limit bodies in memory";

/// How much may come in at once. Clones share the places.
#[derive(Clone)]
pub struct Doors {
    bodies: Arc<Semaphore>,
    decoders: Arc<Semaphore>,
    /// For bodies once they are decompressed.
    buffers: Arc<Mutex<Vec<Vec<u8>>>>,
    /// Samples that were refused for their series before a store heard of them.
    refused: Arc<AtomicU64>,
}

impl Default for Doors {
    fn default() -> Self {
        Self {
            bodies: Arc::new(Semaphore::new(BODIES_KIB)),
            decoders: Arc::new(Semaphore::new(DECODERS)),
            buffers: Arc::default(),
            refused: Arc::default(),
        }
    }
}

/// Why a request brought nothing.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// 415
    Unsupported(String),
    /// 413
    TooLarge(String),
    /// 400
    Bad(String),
    /// 408
    Slow,
    /// 429, with Retry-After: nothing of it is kept
    TooFast {
        /// Why.
        why: String,
        /// When it may be sent again.
        seconds: u64,
    },
    /// 503, with Retry-After
    NotNow(String),
    /// 500
    Internal,
}

impl Refusal {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Unsupported(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Bad(_) => StatusCode::BAD_REQUEST,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::TooFast { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::NotNow(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub(crate) fn message(&self) -> String {
        match self {
            Self::Unsupported(why)
            | Self::TooLarge(why)
            | Self::Bad(why)
            | Self::NotNow(why)
            | Self::TooFast { why, .. } => why.clone(),
            Self::Slow => format!("the body did not come within {} s", BODY_WITHIN.as_secs()),
            Self::Internal => "Vigie failed to take this in; the cause is in its log".to_owned(),
        }
    }

    /// As a problem document, which Vigie's own doors answer with; the others answer as their protocols do.
    pub(crate) fn problem(&self) -> Response {
        self.headed(Problem::refused(self.status(), self.message()).into_response())
    }

    /// Adds what tells a sender when to come back.
    pub(crate) fn headed(&self, mut response: Response) -> Response {
        let after = match self {
            Self::NotNow(_) => header::HeaderValue::from_static(RETRY_AFTER),
            Self::TooFast { seconds, .. } => (*seconds).into(),
            _ => return response,
        };
        response.headers_mut().insert(header::RETRY_AFTER, after);
        response
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let text = self.message() + "\n";
        self.headed((self.status(), text).into_response())
    }
}

impl From<WriteError> for Refusal {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Malformed { .. } => Self::Bad(error.to_string()),
            WriteError::Limit { .. } => Self::TooLarge(error.to_string()),
        }
    }
}

impl From<SinkError> for Refusal {
    fn from(error: SinkError) -> Self {
        Self::NotNow(error.to_string())
    }
}

type Decode = for<'t> fn(&[u8], Received<'t>) -> Result<Received<'t>, WriteError>;
type Exemplars = fn(&[u8]) -> Result<Vec<OfSeries>, WriteError>;

/// How requests of one kind are read.
#[derive(Clone, Copy)]
pub(in crate::prometheus) struct Language {
    /// Reads a request into what was received.
    pub(in crate::prometheus) decode: Decode,
    /// A longer one is taken in pieces, in bytes, so that what is made of it is never in memory as a whole.
    pub(in crate::prometheus) pieces_above: usize,
    /// Reads the exemplars in a pass of their own; without it they are among what was received.
    pub(in crate::prometheus) exemplars: Option<Exemplars>,
}

/// What became of a request.
pub(in crate::prometheus) struct TakenIn {
    /// What is durable, and what was refused.
    pub(in crate::prometheus) appended: Appended,
    exemplars: u64,
}

type Answer = BoxFuture<'static, Result<Appended, SinkError>>;

/// A sink that takes what is read, piece by piece.
struct ToSink<'a> {
    sink: &'a dyn MetricSink,
    names: Option<Box<dyn SeriesNames + 'a>>,
    answers: Vec<Answer>,
}

impl Taker for ToSink<'_> {
    fn find(&mut self, name: &[u8]) -> Option<SeriesHandle> {
        self.names.get_or_insert_with(|| self.sink.names()).find(name)
    }

    fn take(&mut self, batch: Batch) {
        // The sink changes them.
        self.names = None;
        self.answers.push(self.sink.append(batch));
    }
}

/// What a request brought beside what the sink has taken.
struct Read {
    answers: Vec<Answer>,
    exemplars: u64,
    refused: u64,
    reasons: Vec<String>,
}

/// Decompresses and decodes a body, and gives what is in it to the sink.
fn read(
    body: Bytes,
    encoding: Encoding,
    language: Language,
    metrics: &Metrics,
) -> Result<Read, WriteError> {
    let mut plain = metrics.doors.buffer();
    decompress(encoding, &body, &mut plain)?;
    drop(body);
    let Language { decode, pieces_above, exemplars } = language;
    let pieces = plain.len() > pieces_above;
    if pieces {
        // What is no request is refused before any of it is stored.
        decode(&plain, Received::checked())?;
    }
    let mut to = ToSink { sink: &*metrics.sink, names: None, answers: Vec::new() };
    let mut received = decode(&plain, Received::handed_to(&mut to, pieces))?.finish();
    let found = match exemplars {
        Some(exemplars) if received.exemplars > 0 => exemplars(&plain)?,
        _ => std::mem::take(&mut received.of_series),
    };
    let exemplars = metrics.exemplars.take(found, received.exemplars);
    let (refused, reasons) = (received.refused, received.reasons);
    metrics.doors.keep(plain);
    Ok(Read { answers: to.answers, exemplars, refused, reasons })
}

/// Reads a body, decompresses and decodes it, and has it stored. Several at once share limited places. What had been
/// refused before is counted with what the sink refuses.
pub(in crate::prometheus) async fn take_in(
    metrics: &Metrics,
    headers: &HeaderMap,
    body: Body,
    encoding: Encoding,
    language: Language,
) -> Result<TakenIn, Refusal> {
    let (bytes, place) = metrics.doors.body(headers, body).await?;
    let decoder = turn(&metrics.doors.decoders, 1).await?;
    let of_task = metrics.clone();
    // Reading thousands of series is work, and not for the server's own threads.
    let task = tokio::task::spawn_blocking(move || {
        let _places = (place, decoder);
        read(bytes, encoding, language, &of_task)
    });
    let Read { answers, exemplars, refused, mut reasons } = match task.await {
        Ok(read) => read?,
        Err(error) => {
            tracing::error!(%error, "a request could not be read or stored");
            return Err(Refusal::Internal);
        }
    };
    metrics.doors.refused.fetch_add(refused, Ordering::Relaxed);
    let mut appended = Appended { refused, ..Appended::default() };
    for answer in answers {
        let part = answer.await?;
        appended.floats += part.floats;
        appended.histograms += part.histograms;
        appended.refused += part.refused;
        reasons.extend(part.reason.filter(|_| reasons.len() < REASONS));
    }
    appended.reason = (!reasons.is_empty()).then(|| reasons.join("; "));
    Ok(TakenIn { appended, exemplars })
}

impl Doors {
    /// How many samples were refused here since the start: their series have no name, a label twice, or too much of it.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// A buffer that was used before, or a new one.
    fn buffer(&self) -> Vec<u8> {
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Keeps a buffer for the next request; a large one is not worth its memory.
    fn keep(&self, buffer: Vec<u8>) {
        let mut buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        if buffer.capacity() <= SMALL && buffers.len() < DECODERS {
            buffers.push(buffer);
        }
    }

    /// Reads a body, decompresses and decodes it. Several at once share limited places.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        headers: &HeaderMap,
        body: Body,
        encoding: Encoding,
        decode: impl FnOnce(&[u8]) -> Result<T, WriteError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let (bytes, place) = self.body(headers, body).await?;
        let decoder = turn(&self.decoders, 1).await?;
        let task = tokio::task::spawn_blocking(move || {
            let _places = (place, decoder);
            let mut plain = Vec::new();
            decompress(encoding, &bytes, &mut plain)?;
            drop(bytes);
            decode(&plain)
        });
        match task.await {
            Ok(decoded) => Ok(decoded?),
            Err(error) => {
                tracing::error!(%error, "a request could not be decoded");
                Err(Refusal::Internal)
            }
        }
    }

    async fn body(
        &self,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<(Bytes, OwnedSemaphorePermit), Refusal> {
        let too_large = || {
            Refusal::TooLarge(format!("over the limit body bytes of {MAX_BODY}: send less at once"))
        };
        let said =
            headers.get(header::CONTENT_LENGTH).and_then(|said| said.to_str().ok()?.parse().ok());
        let length: usize = said.unwrap_or(MAX_BODY);
        if length > MAX_BODY {
            return Err(too_large());
        }
        let place = turn(&self.bodies, length.div_ceil(1_024).max(1)).await?;
        let whole = Limited::new(body, MAX_BODY).collect();
        match tokio::time::timeout(BODY_WITHIN, whole).await {
            Err(_) => Err(Refusal::Slow),
            Ok(Ok(whole)) => Ok((whole.to_bytes(), place)),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
            Ok(Err(error)) => Err(Refusal::Bad(format!("the body could not be read: {error}"))),
        }
    }
}

async fn turn(places: &Arc<Semaphore>, count: usize) -> Result<OwnedSemaphorePermit, Refusal> {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    match tokio::time::timeout(TURN_WITHIN, Arc::clone(places).acquire_many_owned(count)).await {
        Ok(Ok(place)) => Ok(place),
        _ => Err(Refusal::NotNow(OVERLOADED.to_owned())),
    }
}

/// The version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

impl Version {
    fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let given = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let given = given.unwrap_or_default();
        let mut parts = given.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        if kind.eq_ignore_ascii_case("application/x-protobuf") {
            match parts.find_map(|part| part.strip_prefix("proto=")) {
                None | Some("prometheus.WriteRequest") => return Ok(Self::One),
                Some("io.prometheus.write.v2.Request") => return Ok(Self::Two),
                Some(_) => {}
            }
        }
        Err(Refusal::Unsupported(format!(
            "the content type {given:?} is not known here: send application/x-protobuf with \
             proto=prometheus.WriteRequest or proto=io.prometheus.write.v2.Request"
        )))
    }
}

/// How the body is compressed; snappy where nothing is said, as in Prometheus.
fn encoding(headers: &HeaderMap) -> Result<Encoding, Refusal> {
    let Some(given) = headers.get(header::CONTENT_ENCODING) else { return Ok(Encoding::Snappy) };
    let known = given.to_str().ok().and_then(Encoding::named);
    known.filter(|known| matches!(known, Encoding::Snappy | Encoding::Zstd)).ok_or_else(|| {
        Refusal::Unsupported(format!(
            "the content encoding {given:?} is not known here: use snappy or zstd"
        ))
    })
}

/// Takes in samples by remote write, version 1.0 or 2.0; answers once they are durable.
#[utoipa::path(post, path = "/api/v1/write", tag = "prometheus",
    request_body(content_type = "application/x-protobuf",
        description = "prometheus.WriteRequest or io.prometheus.write.v2.Request, in snappy or zstd."),
    responses((status = 204, description = "Durable"),
        (status = 400, description = "Malformed, or part of it refused for good; the rest is durable"),
        (status = 413, description = "Over a limit, which is named"), (status = 415, description = "Another type"),
        (status = 503, description = "Not now: try again after Retry-After seconds")))]
pub(crate) async fn write(State(app): State<AppState>, request: Request) -> Response {
    let metrics = match app.metrics() {
        Ok(metrics) => metrics,
        Err(_) => {
            return Refusal::NotNow("the metric store is not open".to_owned()).into_response();
        }
    };
    let (parts, body) = request.into_parts();
    match written(metrics, &parts.headers, body).await {
        Ok((version, taken)) => respond(version, taken.exemplars, &taken.appended),
        Err(refusal) => refusal.into_response(),
    }
}

async fn written(
    metrics: &Metrics,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Version, TakenIn), Refusal> {
    let version = Version::of(headers)?;
    let encoding = encoding(headers)?;
    let (decode, exemplars) = match version {
        Version::One => (v1::decode as Decode, exemplars::of_version_1 as Exemplars),
        Version::Two => (v2::decode as Decode, exemplars::of_version_2 as Exemplars),
    };
    let language = Language { decode, pieces_above: PIECES_ABOVE, exemplars: Some(exemplars) };
    Ok((version, take_in(metrics, headers, body, encoding, language).await?))
}

fn respond(version: Version, exemplars: u64, appended: &Appended) -> Response {
    let mut response = match &appended.reason {
        None => StatusCode::NO_CONTENT.into_response(),
        Some(reason) => {
            let text = format!(
                "{} samples were refused, the rest is stored: {reason}\n",
                appended.refused
            );
            (StatusCode::BAD_REQUEST, text).into_response()
        }
    };
    if version == Version::Two {
        for (name, count) in [
            ("x-prometheus-remote-write-samples-written", appended.floats),
            ("x-prometheus-remote-write-histograms-written", appended.histograms),
            ("x-prometheus-remote-write-exemplars-written", exemplars),
        ] {
            response.headers_mut().insert(name, header::HeaderValue::from(count));
        }
    }
    response
}
