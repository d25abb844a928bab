//! Metrics in a backend elsewhere: Prometheus's paths are passed on to it, and Vigie's own charts are asked of it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;
use vigie_query::{Annotations, Answer, QueryValue, RangeSeries, Stats};
use vigie_remote::{QueryError, RemoteMatrix, RemoteQuery};

use super::FORM_BYTES;
use super::error::{ApiError, ErrorKind};
use super::metrics::{Metrics, Reading};

/// Queries of one chart that are asked at once.
const AT_ONCE: usize = 4;
/// A client has this long to take an answer that is passed on.
const SEND_WITHIN: Duration = Duration::from_secs(60);

/// Passes what a backend elsewhere is to answer on to it; all else goes its way.
pub(crate) async fn pass_on(
    State(metrics): State<Metrics>,
    request: Request,
    next: Next,
) -> Response {
    let Reading::Elsewhere { query, .. } = &metrics.reading else {
        return next.run(request).await;
    };
    if !is_passed_on(request.method(), request.uri().path()) {
        return next.run(request).await;
    }
    match pass(&metrics, query, request).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

fn is_passed_on(method: &Method, path: &str) -> bool {
    let read = matches!(*method, Method::GET | Method::HEAD);
    match path {
        "/api/v1/query"
        | "/api/v1/query_range"
        | "/api/v1/query_exemplars"
        | "/api/v1/series"
        | "/api/v1/labels" => read || *method == Method::POST,
        "/api/v1/status/tsdb" | "/federate" => read,
        other => {
            let name = other.strip_prefix("/api/v1/label/");
            let name = name.and_then(|name| name.strip_suffix("/values"));
            read && name.is_some_and(|name| !name.is_empty() && !name.contains('/'))
        }
    }
}

async fn pass(
    metrics: &Metrics,
    query: &RemoteQuery,
    request: Request,
) -> Result<Response, ApiError> {
    let permit = turn(metrics).await?;
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str()).to_owned();
    let form =
        if parts.method == Method::POST {
            let bytes = axum::body::to_bytes(body, FORM_BYTES).await;
            Some(bytes.map_err(|error| {
                ApiError::bad_data(format!("error parsing form values: {error}"))
            })?)
        } else {
            None
        };
    let passed = query.forward(&path, form).await?;
    let status = StatusCode::from_u16(passed.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let deadline = Box::pin(tokio::time::sleep(SEND_WITHIN));
    let body = Body::new(Held { body: passed.body, deadline, _permit: permit });
    Ok((status, [(header::CONTENT_TYPE, passed.content_type)], body).into_response())
}

/// A place among the queries that run at once.
async fn turn(metrics: &Metrics) -> Result<OwnedSemaphorePermit, ApiError> {
    let full = || {
        ApiError::new(
            ErrorKind::Unavailable,
            format!(
                "too many queries: {} wait for the metrics backend, the limit query concurrency",
                metrics.limits.concurrency
            ),
        )
    };
    let _waits = metrics.waiting.try_acquire().map_err(|_| full())?;
    let turn = Arc::clone(&metrics.running).acquire_owned();
    match tokio::time::timeout(metrics.limits.timeout, turn).await {
        Ok(Ok(permit)) => Ok(permit),
        _ => Err(full()),
    }
}

/// An answer on its way through: it holds a place until its end, and has an end.
struct Held {
    body: Incoming,
    deadline: Pin<Box<Sleep>>,
    _permit: OwnedSemaphorePermit,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.deadline.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err("the answer took too long to be passed on".into())));
        }
        let frame = Pin::new(&mut self.body).poll_frame(context);
        frame.map(|frame| frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        let kind = match error {
            QueryError::Path(_) => ErrorKind::BadData,
            _ => ErrorKind::Backend,
        };
        Self::new(kind, error.to_string())
    }
}

/// Asks several queries over one range of (start, end, step) milliseconds.
pub(super) async fn ranges(
    query: &RemoteQuery,
    queries: Vec<String>,
    (start, end, step): (i64, i64, i64),
    within: Duration,
) -> Result<Vec<Answer>, ApiError> {
    let ask = |text: String| async move { query.range(&text, start, end, step).await };
    let all = stream::iter(queries).map(ask).buffered(AT_ONCE).map_ok(answer).try_collect();
    match tokio::time::timeout(within, all).await {
        Ok(answers) => Ok(answers?),
        Err(_) => Err(ApiError::new(
            ErrorKind::Backend,
            format!("the metrics backend {}: no answer within {within:?}", query.display_url()),
        )),
    }
}

fn answer(matrix: RemoteMatrix) -> Answer {
    let series = matrix.series.into_iter().map(|series| RangeSeries {
        labels: series.labels,
        floats: series.floats,
        histograms: series
            .histograms
            .into_iter()
            .map(|(time, histogram)| (time, Arc::new(histogram)))
            .collect(),
    });
    Answer {
        value: QueryValue::Matrix(series.collect()),
        annotations: Annotations { warnings: matrix.warnings, infos: Vec::new() },
        stats: Stats::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_reads_metrics_is_passed_on() {
        for (method, path, passed) in [
            (Method::GET, "/api/v1/query", true),
            (Method::POST, "/api/v1/query_range", true),
            (Method::DELETE, "/api/v1/query", false),
            (Method::GET, "/api/v1/label/job/values", true),
            (Method::GET, "/federate", true),
            (Method::POST, "/api/v1/label/job/values", false),
            (Method::GET, "/api/v1/label//values", false),
            (Method::GET, "/api/v1/label/../admin/values", false),
            (Method::POST, "/api/v1/write", false),
            (Method::GET, "/api/v1/history", false),
            (Method::GET, "/api/v1/metadata", false),
        ] {
            assert_eq!(is_passed_on(&method, path), passed, "{method} {path}");
        }
    }
}
