//! Remote read, `POST /api/v1/read`: samples as they are, of series that match, for a Prometheus or Thanos beside Vigie. Answers are
//! of the type `SAMPLES`; chunks, streamed, are for answers larger than are given here.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use vigie_query::Control;
use vigie_store::{Hints, MatchOp, Matcher, Samples, Storage, TimeRange};

use super::error::{ApiError, ErrorKind, ErrorShape};
use super::evaluate::evaluate;
use super::write::{Encoding, Fields, WriteError, decompress};
use crate::state::AppState;

/// Samples of one answer; a histogram counts as many as it has buckets.
const MOST_SAMPLES: usize = 2_000_000;
/// Answers that are made at once: each is in memory as a whole.
const AT_ONCE: usize = 2;
/// Queries of one request, and matchers of one of them.
const MOST_QUERIES: usize = 100;
/// How a request calls answers of samples.
const SAMPLES: u64 = 0;

static TURNS: Semaphore = Semaphore::const_new(AT_ONCE);

/// What one query asks for.
struct Query {
    range: TimeRange,
    matchers: Vec<Matcher>,
}

/// Samples of series, by Prometheus's remote read.
#[utoipa::path(post, path = "/api/v1/read", tag = "prometheus",
    request_body(content = String, content_type = "application/x-protobuf", description = "prometheus.ReadRequest, by snappy"),
    responses((status = 200, description = "prometheus.ReadResponse, by snappy", content_type = "application/x-protobuf"),
        (status = 400, body = ErrorShape), (status = 422, body = ErrorShape)))]
pub(crate) async fn read(
    State(app): State<AppState>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let encoding = headers.get(header::CONTENT_ENCODING).and_then(|value| value.to_str().ok());
    let encoding = Encoding::named(encoding.unwrap_or("snappy"))
        .ok_or_else(|| ApiError::bad_data("remote read is compressed by snappy"))?;
    let mut plain = Vec::new();
    decompress(encoding, &body, &mut plain).map_err(wrong)?;
    let queries = request(&plain)?;
    let turn = TURNS.acquire().await;
    let answer = evaluate(app.metrics()?, None, move |storage, control| {
        let mut left = MOST_SAMPLES;
        let found: Result<Vec<_>, _> =
            queries.iter().map(|query| query.answer(storage, control, &mut left)).collect();
        Ok(vigie_remote::read_response(found?))
    });
    let answer = answer.await?;
    drop(turn);
    let headers =
        [(header::CONTENT_TYPE, "application/x-protobuf"), (header::CONTENT_ENCODING, "snappy")];
    Ok((headers, answer.value).into_response())
}

impl Query {
    fn answer(
        &self,
        storage: &dyn Storage,
        control: &Control,
        left: &mut usize,
    ) -> Result<Vec<(vigie_model::Labels, Samples)>, ApiError> {
        let found = storage.select_for(&self.matchers, self.range, Hints::default());
        let mut series = Vec::new();
        for one in found? {
            if let Some(reason) = control.stopped() {
                return Err(vigie_query::QueryError::Stopped(reason).into());
            }
            let samples = one.reader.read()?;
            if samples.is_empty() {
                continue;
            }
            let buckets =
                samples.histograms.iter().map(|one| one.positive.len() + one.negative.len());
            let weight = samples.floats.len() + buckets.map(|buckets| buckets + 1).sum::<usize>();
            *left = left.checked_sub(weight).ok_or_else(|| {
                let message = format!(
                    "the answer has more than {MOST_SAMPLES} samples, the limit of remote read: ask for fewer series or a shorter range"
                );
                ApiError::new(ErrorKind::Execution, message)
            })?;
            series.push((one.labels, samples));
        }
        Ok(series)
    }
}

/// The queries of a request.
fn request(message: &[u8]) -> Result<Vec<Query>, ApiError> {
    const WHAT: &str = "ReadRequest";
    let (mut queries, mut accepted) = (Vec::new(), Vec::new());
    for field in Fields::of(WHAT, message) {
        match field.map_err(wrong)? {
            (1, field) => queries.push(query(field.bytes(WHAT).map_err(wrong)?)?),
            (2, field) => field
                .each_varint(WHAT, |kind| {
                    accepted.push(kind);
                    Ok(())
                })
                .map_err(wrong)?,
            _ => {}
        }
        if queries.len() > MOST_QUERIES {
            return Err(ApiError::bad_data(format!("more than {MOST_QUERIES} queries at once")));
        }
    }
    if !accepted.is_empty() && !accepted.contains(&SAMPLES) {
        return Err(ApiError::bad_data(
            "streamed chunks alone are accepted: Vigie answers remote read with SAMPLES",
        ));
    }
    Ok(queries)
}

fn query(message: &[u8]) -> Result<Query, ApiError> {
    const WHAT: &str = "Query";
    let mut query = Query { range: TimeRange { start: 0, end: 0 }, matchers: Vec::new() };
    for field in Fields::of(WHAT, message) {
        match field.map_err(wrong)? {
            (1, field) => query.range.start = field.signed(WHAT).map_err(wrong)?,
            (2, field) => query.range.end = field.signed(WHAT).map_err(wrong)?,
            (3, field) => query.matchers.push(matcher(field.bytes(WHAT).map_err(wrong)?)?),
            // Hints: how the reader goes on with the samples. All of them are right for any.
            _ => {}
        }
        if query.matchers.len() > MOST_QUERIES {
            return Err(ApiError::bad_data(format!(
                "more than {MOST_QUERIES} matchers in a query"
            )));
        }
    }
    if query.matchers.is_empty() {
        return Err(ApiError::bad_data("a query without any matcher"));
    }
    Ok(query)
}

fn matcher(message: &[u8]) -> Result<Matcher, ApiError> {
    const WHAT: &str = "LabelMatcher";
    let (mut op, mut name, mut value) = (MatchOp::Equal, "", "");
    for field in Fields::of(WHAT, message) {
        match field.map_err(wrong)? {
            (1, field) => {
                op = match field.unsigned(WHAT).map_err(wrong)? {
                    0 => MatchOp::Equal,
                    1 => MatchOp::NotEqual,
                    2 => MatchOp::Regex,
                    3 => MatchOp::NotRegex,
                    other => {
                        let message = format!("a matcher of an unknown type: {other}");
                        return Err(ApiError::bad_data(message));
                    }
                }
            }
            (2, field) => name = field.text(WHAT).map_err(wrong)?,
            (3, field) => value = field.text(WHAT).map_err(wrong)?,
            _ => {}
        }
    }
    Matcher::new(name, op, value).map_err(|error| ApiError::bad_data(error.to_string()))
}

fn wrong(error: WriteError) -> ApiError {
    ApiError::bad_data(error.to_string())
}
