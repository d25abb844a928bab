//! What a hostile request costs in memory. A process of its own, so that nothing else is counted.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(dead_code, reason = "the modules serve other tests as well")]

#[path = "http/filled.rs"]
mod filled;
#[path = "http/prometheus/stored.rs"]
mod stored;

use std::io::{Read, Write};
use std::process::Command;
use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use futures_util::future::BoxFuture;
use stored::Stored;
use vigie_query::EngineLimits;
use vigie_server::{
    Appended, Batch, MetricMetadata, MetricSink, Metrics, QueryLimits, SinkError, StoreFigures,
};
use vigie_store::Storage;

/// A line of `/proc/self/status`, in KiB.
fn kibibytes(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let found = status.lines().find_map(|one| one.strip_prefix(line)).unwrap();
    found.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
}

/// Two million times `field` of `outer`, empty each time: two bytes, and a hundred once they are a value.
fn empty_messages(outer: &[u8], field: u8) -> Vec<u8> {
    let mut message = [field, 0].repeat(2 << 20);
    for tag in outer.iter().rev() {
        let mut whole = vec![*tag];
        prost::encoding::encode_varint(message.len() as u64, &mut whole);
        whole.append(&mut message);
        message = whole;
    }
    snap::raw::Encoder::new().compress_vec(&message).unwrap()
}

fn gzip_of_spaces() -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..40 {
        gzip.write_all(&[b' '; 1 << 20]).unwrap();
    }
    gzip.finish().unwrap()
}

fn zeros(mebibytes: usize) -> Vec<u8> {
    vec![0; mebibytes << 20]
}

fn field(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    prost::encoding::encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// A series of version 1.0, whose name has this many bytes.
fn series(number: usize, name: usize, samples: usize) -> Vec<u8> {
    let mut label = Vec::new();
    field(&mut label, 0x0a, b"__name__");
    field(&mut label, 0x12, format!("{number:0name$}").as_bytes());
    let mut series = Vec::new();
    field(&mut series, 0x0a, &label);
    for n in 0..samples {
        let mut sample = vec![0x09];
        sample.extend_from_slice(&(number as f64 * 0.37 + n as f64).to_le_bytes());
        sample.push(0x10);
        prost::encoding::encode_varint((stored::now() - 500_000 + n as i64) as u64, &mut sample);
        field(&mut series, 0x12, &sample);
    }
    series
}

/// As much of version 1.0 as there may be, in bytes, of samples or of labels.
fn largest_request(series_count: usize, name: usize, samples: usize) -> Vec<u8> {
    let mut whole = Vec::new();
    for number in 0..series_count {
        field(&mut whole, 0x0a, &series(number, name, samples));
    }
    assert!(whole.len() <= 16 << 20, "{}", whole.len());
    snap::raw::Encoder::new().compress_vec(&whole).unwrap()
}

/// As much of OTLP's JSON as there may be.
fn largest_json(points: usize) -> Vec<u8> {
    json_of(points, LONG_POINT)
}

const LONG_POINT: &str = r#"{"timeUnixNano":"1795442619000000000","asDouble":1.5,"attributes":[{"key":"queue","value":{"stringValue":"emails"}}]}"#;

fn json_of(points: usize, point: &str) -> Vec<u8> {
    let points = vec![point; points].join(",");
    format!(r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"depth","gauge":{{"dataPoints":[{points}]}}}}]}}]}}]}}"#)
        .into_bytes()
}

/// Takes everything, and keeps nothing: what is measured is the way there.
struct Nothing;

impl MetricSink for Nothing {
    fn append(&self, batch: Batch) -> BoxFuture<'static, Result<Appended, SinkError>> {
        let floats = (batch.samples.len() + batch.known.len()) as u64;
        Box::pin(async move { Ok(Appended { floats, ..Appended::default() }) })
    }

    fn metadata(&self, _: Option<&str>) -> Vec<MetricMetadata> {
        Vec::new()
    }

    fn figures(&self) -> StoreFigures {
        StoreFigures::default()
    }
}

const V2: &str = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
const V1: &str = "application/x-protobuf";
const WRITE: &str = "/api/v1/write";
const OTLP: &str = "/v1/metrics";

/// What it is, where it goes, its type and encoding, the body, and the status of the answer.
type Case = (&'static str, &'static str, &'static str, &'static str, Box<dyn Fn() -> Vec<u8>>, u16);

fn cases() -> Vec<Case> {
    let gigabyte = || vec![0xff, 0xff, 0xff, 0xff, 0x03, 0, 0, 0];
    let points = || {
        let mut message = vec![0x0a, 0x0c, 0x12, 0x0a];
        message.extend([0x0a, 0].repeat(1 << 20));
        message
    };
    let snappy = |bytes: &[u8]| snap::raw::Encoder::new().compress_vec(bytes).unwrap();
    vec![
        ("series", WRITE, V1, "snappy", Box::new(|| empty_messages(&[], 0x0a)), 204),
        ("samples", WRITE, V1, "snappy", Box::new(|| empty_messages(&[0x0a], 0x12)), 400),
        ("labels", WRITE, V1, "snappy", Box::new(|| empty_messages(&[0x0a], 0x0a)), 204),
        ("metadata", WRITE, V1, "snappy", Box::new(|| empty_messages(&[], 0x1a)), 204),
        ("symbols", WRITE, V2, "snappy", Box::new(|| empty_messages(&[], 0x22)), 413),
        ("spans", WRITE, V1, "snappy", Box::new(|| empty_messages(&[0x0a, 0x22], 0x5a)), 400),
        ("a gigabyte said", WRITE, V1, "snappy", Box::new(gigabyte), 413),
        ("points", OTLP, V1, "identity", Box::new(points), 200),
        ("gzip bomb", OTLP, "application/json", "gzip", Box::new(gzip_of_spaces), 413),
        ("snappy bomb", WRITE, V1, "snappy", Box::new(move || snappy(&zeros(40))), 413),
        ("snappy of the limit", WRITE, V1, "snappy", Box::new(move || snappy(&zeros(16))), 400),
        (
            "zstd bomb",
            WRITE,
            V1,
            "zstd",
            Box::new(|| zstd::bulk::compress(&zeros(200), 19).unwrap()),
            413,
        ),
        (
            "a long body",
            OTLP,
            "application/json",
            "identity",
            Box::new(|| vec![b' '; 8 << 20]),
            400,
        ),
        ("most samples", WRITE, V1, "snappy", Box::new(|| largest_request(300, 8, 1_600)), 204),
        ("most series", WRITE, V1, "snappy", Box::new(|| largest_request(300_000, 8, 1)), 204),
        ("longest labels", WRITE, V1, "snappy", Box::new(|| largest_request(3_900, 4_200, 1)), 204),
        ("most JSON", OTLP, "application/json", "identity", Box::new(|| largest_json(45_000)), 200),
        (
            "objects of JSON",
            OTLP,
            "application/json",
            "identity",
            Box::new(|| json_of(199_990, "{}")),
            200,
        ),
        (
            "too many objects",
            OTLP,
            "application/json",
            "identity",
            Box::new(|| json_of(500_001, "{}")),
            413,
        ),
    ]
}

const CASE: &str = "VIGIE_MEMORY_CASE";

/// The body as it comes from a network: piece by piece.
fn body(path: &str) -> Body {
    let mut file = std::fs::File::open(path).unwrap();
    Body::from_stream(futures_util::stream::iter(std::iter::from_fn(move || {
        let mut piece = vec![0; 16 << 10];
        let read = file.read(&mut piece).unwrap();
        piece.truncate(read);
        (read > 0).then_some(Ok::<_, std::io::Error>(piece))
    })))
}

/// The other process: it has made nothing before, so that its memory is what the request takes. Not a test of its
/// own, it does nothing unless the test below has started it.
#[tokio::test]
async fn request_that_is_measured() {
    let Ok(told) = std::env::var(CASE) else { return };
    let [path, kind, encoding, file] = told.split('|').collect::<Vec<_>>().try_into().unwrap();
    let mut stored = Stored::new();
    // A store keeps new series, and must: only what is thrown away shows what a request takes on its way.
    let storage: Arc<dyn Storage> = stored.store.clone();
    let limits = (EngineLimits::default(), QueryLimits::default());
    let metrics = Metrics::new(storage, Arc::new(Nothing), limits.0, limits.1);
    stored.filled.state = stored.filled.state.with_metrics(metrics);
    let request = |body| {
        let request = Request::post(path).header("host", "localhost");
        let request = request.header("content-type", kind).header("content-encoding", encoding);
        request.body(body).unwrap()
    };
    // The program's own pages are read when they are first used.
    stored.filled.send(request(Body::from("hello"))).await;
    let before = kibibytes("VmRSS:");
    let status = stored.filled.send(request(body(file))).await.status().as_u16();
    println!("measured {status} {}", (kibibytes("VmHWM:") - before) * 1_024);
}

#[test]
fn no_request_takes_more_than_32_megabytes() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("body");
    for (what, path, kind, encoding, make, expected) in cases() {
        std::fs::write(&file, make()).unwrap();
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["request_that_is_measured", "--exact", "--nocapture"])
            .env(CASE, [path, kind, encoding, file.to_str().unwrap()].join("|"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let measured = said.split_once("measured ").and_then(|(_, rest)| rest.lines().next());
        let (status, more) = measured.and_then(|line| line.split_once(' ')).unwrap();
        let (status, more): (u16, u64) = (status.parse().unwrap(), more.parse().unwrap());
        println!("{what}: {status}, {:.1} MB more", more as f64 / 1e6);
        assert_eq!(status, expected, "{what}");
        assert!(more <= 32_000_000, "{what}: {more} bytes more");
    }
}
