//! `POST /api/v1/logs`: one JSON object a line, or one array of them.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use vigie_model::{LogEntry, Time, log_entry_from_object};

use super::taking;
use crate::prometheus::{Encoding, Refusal, WriteError, limited};
use crate::state::AppState;

/// Lines of one request.
const MOST_LINES: usize = 200_000;
/// Lines whose errors are told one by one.
const MOST_ERRORS: usize = 100;

/// A line that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct BadLine {
    /// Which, from 1.
    line: usize,
    /// What is wrong with it.
    error: String,
}

/// What became of the lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LinesTaken {
    /// Lines that are kept, on the disk.
    accepted: usize,
    /// Lines that are no entry; `errors` says which.
    failed: usize,
    /// Entries that were not kept: over the source's rate, outside of the retention, or too long.
    dropped: usize,
    /// The first 100 lines that failed.
    errors: Vec<BadLine>,
}

#[derive(Default)]
struct Lines {
    entries: Vec<LogEntry>,
    failed: usize,
    errors: Vec<BadLine>,
}

impl Lines {
    fn add(&mut self, line: usize, read: Result<LogEntry, String>) {
        match read {
            Ok(entry) => self.entries.push(entry),
            Err(error) => {
                self.failed += 1;
                if self.errors.len() < MOST_ERRORS {
                    self.errors.push(BadLine { line, error });
                }
            }
        }
    }
}

/// The encoding of a body; snappy is for protobuf.
pub(super) fn encoding(headers: &HeaderMap) -> Result<Encoding, Refusal> {
    let given = headers.get(header::CONTENT_ENCODING);
    let known = given
        .map_or(Some(Encoding::Identity), |given| given.to_str().ok().and_then(Encoding::named));
    known.ok_or_else(|| {
        Refusal::Unsupported(format!(
            "the content encoding {given:?} is not known here: use gzip or zstd"
        ))
    })
}

/// What is over the limit on lines is refused as a whole, before any of it is taken.
fn room(lines: usize) -> Result<(), WriteError> {
    limited(lines, MOST_LINES, "lines a request", "send fewer at once")
}

fn read(bytes: &[u8], now: Time) -> Result<Lines, WriteError> {
    let mut lines = Lines::default();
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let one = |value: Result<Map<String, Value>, serde_json::Error>| {
        value
            .map_err(|error| format!("it is no JSON object: {error}"))
            .and_then(|map| log_entry_from_object(map, "api", now))
    };
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        match serde_json::from_slice::<Vec<Value>>(bytes) {
            Ok(all) => {
                room(all.len())?;
                for (number, value) in (1..).zip(all) {
                    lines.add(number, one(serde_json::from_value(value)));
                }
            }
            Err(error) => lines.add(1, Err(format!("it is no JSON array of objects: {error}"))),
        }
        return Ok(lines);
    }
    room(bytes.iter().filter(|byte| **byte == b'\n').count())?;
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        if !line.iter().all(u8::is_ascii_whitespace) {
            lines.add(number, one(serde_json::from_slice(line)));
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_of_too_many_lines_is_refused_whole() {
        let now = Time::from_seconds(1_000);
        let bad = "{}\n".repeat(MOST_LINES + 1);
        let error = read(bad.as_bytes(), now).err().unwrap().to_string();
        assert!(error.contains("lines a request"), "{error}");
        let array = format!("[{}1]", "1,".repeat(MOST_LINES));
        assert!(read(array.as_bytes(), now).is_err());
        assert!(read("{}\n".repeat(MOST_LINES).as_bytes(), now).is_ok());
    }
}

/// Takes in log entries, one JSON object a line (or one array): `time`, `level`, `message`, `type`, `source`, `instance`, `queue`,
/// `job`, `trace`, or what slog, zap, pino, winston and ECS call these; all else is kept as fields. A line that is no entry
/// costs itself alone.
#[utoipa::path(post, path = "/api/v1/logs", tag = "logs",
    request_body(content_type = "application/x-ndjson", description = "Plain, or in gzip or zstd."),
    responses((status = 200, body = LinesTaken, description = "Durable, but for what it names"),
        (status = 400, body = LinesTaken, description = "No line was an entry"),
        (status = 413, description = "Over a limit, which is named"),
        (status = 503, description = "Not now: try again after Retry-After seconds")))]
pub(crate) async fn push(State(app): State<AppState>, request: Request) -> Response {
    let Some(logs) = app.logs.clone() else {
        return Refusal::NotNow("the log store is not open".to_owned()).into_response();
    };
    let (parts, body) = request.into_parts();
    let now = app.time();
    let taken = async {
        let lines = logs
            .doors
            .read(&parts.headers, body, encoding(&parts.headers)?, move |bytes| read(bytes, now))
            .await?;
        let taken = taking::push(&logs, lines.entries, now).await?;
        Ok::<_, Refusal>(LinesTaken {
            accepted: taken.accepted,
            failed: lines.failed,
            dropped: taken.dropped(),
            errors: lines.errors,
        })
    };
    match taken.await {
        Ok(taken) if taken.failed > 0 && taken.accepted + taken.dropped == 0 => {
            (StatusCode::BAD_REQUEST, Json(taken)).into_response()
        }
        Ok(taken) => Json(taken).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}
