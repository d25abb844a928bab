//! Answers as Loki writes them.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use vigie_model::Labels;
use vigie_query::logql::{LogStats, LogValue, Stream};
use vigie_query::{InstantSample, QueryValue, RangeSeries, SampleValue};

use crate::prometheus::number::{float, seconds, string};
use crate::prometheus::success::{labels, list};

/// What a query cost, beside what the engine counts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cost {
    pub stats: LogStats,
    /// Seconds that it waited.
    pub queued: f64,
    /// Seconds that it ran.
    pub ran: f64,
}

/// JSON as it is.
pub(super) fn json_text(text: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/json; charset=UTF-8")], text).into_response()
}

/// JSON that serde writes.
pub(super) fn json_of(value: &serde_json::Value) -> Response {
    json_text(value.to_string().into_bytes())
}

/// `{"status":"success","data":…}`.
pub(super) fn success(data: &serde_json::Value) -> Response {
    json_of(&json!({ "status": "success", "data": data }))
}

/// The answer of a query. With `categorize` the labels of a line are told by where they come from.
pub(super) fn answer(value: &LogValue, cost: Cost, categorize: bool) -> Response {
    let mut out = b"{\"status\":\"success\",\"data\":{\"resultType\":".to_vec();
    let kind = match value {
        LogValue::Streams(_) => "streams",
        LogValue::Metric(QueryValue::Scalar(..)) => "scalar",
        LogValue::Metric(QueryValue::Vector(_)) => "vector",
        LogValue::Metric(_) => "matrix",
    };
    string(&mut out, kind);
    if categorize {
        out.extend_from_slice(b",\"encodingFlags\":[\"categorize-labels\"]");
    }
    out.extend_from_slice(b",\"result\":");
    let mut entries = 0;
    match value {
        LogValue::Streams(streams) => {
            entries = streams.iter().map(|stream| stream.lines.len()).sum();
            list(&mut out, streams, |out, stream| write_stream(out, stream, categorize));
        }
        LogValue::Metric(QueryValue::Scalar(time, value)) => pair(&mut out, *time, *value),
        LogValue::Metric(QueryValue::Vector(samples)) => list(&mut out, samples, write_sample),
        LogValue::Metric(QueryValue::Matrix(series)) => list(&mut out, series, write_series),
        LogValue::Metric(QueryValue::Text(..)) => out.extend_from_slice(b"[]"),
    }
    out.extend_from_slice(b",\"stats\":");
    out.extend_from_slice(stats(cost, entries).to_string().as_bytes());
    out.extend_from_slice(b"}}");
    json_text(out)
}

/// A stream: its labels, and its lines with their times as texts of nanoseconds.
pub(super) fn write_stream(out: &mut Vec<u8>, stream: &Stream, categorize: bool) {
    out.extend_from_slice(b"{\"stream\":");
    labels(out, if categorize { &stream.stream } else { &stream.labels });
    out.extend_from_slice(b",\"values\":");
    let mut origins = Vec::new();
    if categorize {
        origins.extend_from_slice(b",{");
        for (name, found) in [("structuredMetadata", &stream.metadata), ("parsed", &stream.parsed)]
        {
            if !found.is_empty() {
                origins.extend_from_slice(if origins.len() > 2 { b"," } else { b"" });
                string(&mut origins, name);
                origins.push(b':');
                labels(&mut origins, found);
            }
        }
        origins.push(b'}');
    }
    list(out, &stream.lines, |out, line| {
        out.extend_from_slice(format!("[\"{}\",", line.time).as_bytes());
        string(out, &line.text);
        out.extend_from_slice(&origins);
        out.push(b']');
    });
    out.push(b'}');
}

/// A time of milliseconds and a value, as a pair of seconds and a text.
fn pair(out: &mut Vec<u8>, time: i64, value: f64) {
    out.push(b'[');
    seconds(out, time);
    out.push(b',');
    float(out, value);
    out.push(b']');
}

fn metric(out: &mut Vec<u8>, of: &Labels) {
    out.extend_from_slice(b"{\"metric\":");
    labels(out, of);
}

fn write_sample(out: &mut Vec<u8>, sample: &InstantSample) {
    metric(out, &sample.labels);
    out.extend_from_slice(b",\"value\":");
    match sample.value {
        SampleValue::Float(value) => pair(out, sample.time, value),
        SampleValue::Histogram(_) => pair(out, sample.time, f64::NAN),
    }
    out.push(b'}');
}

fn write_series(out: &mut Vec<u8>, series: &RangeSeries) {
    metric(out, &series.labels);
    out.extend_from_slice(b",\"values\":");
    list(out, &series.floats, |out, (time, value)| pair(out, *time, *value));
    out.push(b'}');
}

/// What a query cost, by Loki's names.
fn stats(cost: Cost, entries: usize) -> serde_json::Value {
    let LogStats { lines_read, bytes_read, lines_kept } = cost.stats;
    let a_second = |count: u64| if cost.ran > 0.0 { (count as f64 / cost.ran) as u64 } else { 0 };
    json!({
        "summary": {
            "bytesProcessedPerSecond": a_second(bytes_read),
            "linesProcessedPerSecond": a_second(lines_read),
            "totalBytesProcessed": bytes_read,
            "totalLinesProcessed": lines_read,
            "execTime": cost.ran,
            "queueTime": cost.queued,
            "subqueries": 0,
            "totalEntriesReturned": entries,
            "splits": 0,
            "shards": 0,
            "totalPostFilterLines": lines_kept,
            "totalStructuredMetadataBytesProcessed": 0,
        }
    })
}
