//! What is pushed by remote write.

use prost::Message;
use serde_json::json;
use vigie_model::{CUSTOM_SCHEMA, Labels, ResetHint};
use vigie_server::SinkError;

use super::messages::v1::{self, BucketSpan, Count, Histogram, ZeroCount};
use super::messages::{label, one_sample, snappy, v2};
use super::metered::Metered;
use crate::filled::text;

const V1: [(&str, &str); 2] =
    [("content-type", "application/x-protobuf"), ("content-encoding", "snappy")];
const V2: [(&str, &str); 2] = [
    ("content-type", "application/x-protobuf;proto=io.prometheus.write.v2.Request"),
    ("content-encoding", "snappy"),
];

fn labels(name: &str) -> Labels {
    Labels::from_pairs([("__name__", name), ("job", "test")])
}

#[tokio::test]
async fn a_sample_of_version_1_is_kept() {
    let metered = Metered::new();
    let request = one_sample("up", 1_000, 1.5);
    assert_eq!(metered.write(&V1, snappy(&request)).await, (204, String::new()));
    let named = [("content-type", "application/x-protobuf; proto=prometheus.WriteRequest"), V1[1]];
    let unsorted = v1::WriteRequest {
        timeseries: vec![v1::TimeSeries {
            labels: vec![label("job", "test"), label("empty", ""), label("__name__", "up")],
            samples: vec![v1::Sample { value: f64::NAN, timestamp: 2_000 }],
            ..v1::TimeSeries::default()
        }],
        metadata: vec![],
    };
    assert_eq!(metered.write(&named, snappy(&unsorted)).await.0, 204);
    let kept = metered.kept.floats(&labels("up"));
    assert_eq!((kept[0], kept[1].0, kept[1].1.is_nan()), ((1_000, 1.5), 2_000, true));
}

#[tokio::test]
async fn exemplars_are_kept_and_found_by_any_query_over_their_series() {
    let metered = Metered::new();
    let mut request = one_sample("requests_total", 1_000, 1.0);
    let exemplar = |trace: &str, timestamp| v1::Exemplar {
        labels: vec![label("trace_id", trace)],
        value: 0.5,
        timestamp,
    };
    let long = exemplar(&"x".repeat(200), 3_000);
    request.timeseries[0].exemplars = vec![exemplar("a", 1_000), exemplar("b", 2_000), long];
    // One of a series that is none, and one of a series without samples.
    let mut nameless = request.timeseries[0].clone();
    nameless.labels = vec![label("job", "test")];
    let alone = v1::TimeSeries {
        labels: vec![label("__name__", "alone")],
        exemplars: vec![exemplar("c", 1_000)],
        ..v1::TimeSeries::default()
    };
    request.timeseries.extend([nameless, alone]);
    assert_eq!(metered.write(&V1, snappy(&request)).await.0, 400, "the nameless one");
    let traces = async |path: &str| {
        let path = path.replace('{', "%7B").replace('}', "%7D").replace('"', "%22");
        let (status, answer) = metered.json(&format!("/api/v1/query_exemplars?query={path}")).await;
        assert_eq!(status, 200, "{path}");
        let of_series = answer["data"].as_array().unwrap().clone();
        let all = of_series.iter().flat_map(|one| one["exemplars"].as_array().unwrap().clone());
        all.map(|one| one["labels"]["trace_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(traces("requests_total").await, ["a", "b"]);
    assert_eq!(traces("sum(rate(requests_total{job=\"test\"}[5m]))/2").await, ["a", "b"]);
    assert_eq!(traces("requests_total&start=1.5&end=2.5").await, ["b"]);
    assert_eq!(traces("requests_total{job=\"other\"}").await, [""; 0]);
    assert_eq!(traces("requests_total%2Balone").await, ["c", "a", "b"]);
    assert_eq!(traces("1").await, [""; 0]);
    let page = text(metered.filled.get_with("/metrics", &[]).await).await;
    assert!(page.contains("vigie_exemplars 3\n"), "{page}");
    assert!(page.contains("vigie_exemplars_dropped_total{reason=\"refused\"} 4\n"), "{page}");
}

#[tokio::test]
async fn zstd_is_taken_as_well_and_other_types_are_not() {
    let metered = Metered::new();
    let plain = one_sample("up", 1_000, 1.0).encode_to_vec();
    let packed = zstd::bulk::compress(&plain, 3).unwrap();
    assert_eq!(metered.write(&[V1[0], ("content-encoding", "zstd")], packed).await.0, 204);
    // Nothing said is snappy, as in Prometheus.
    let body = snappy(&one_sample("up", 2_000, 1.0));
    assert_eq!(metered.write(&[V1[0]], body.clone()).await.0, 204);
    for headers in [
        vec![],
        vec![V1[1]],
        vec![("content-type", "text/plain"), V1[1]],
        vec![("content-type", "application/x-protobuf;proto=some.Other"), V1[1]],
        vec![V1[0], ("content-encoding", "br")],
        vec![V1[0], ("content-encoding", "gzip")],
    ] {
        let (status, why) = metered.write(&headers, body.clone()).await;
        assert_eq!(status, 415, "{headers:?}");
        assert!(why.contains("is not known here"), "{why}");
    }
    assert_eq!(metered.kept.floats(&labels("up")).len(), 2);
}

#[tokio::test]
async fn what_is_wrong_with_one_series_is_refused_alone() {
    let metered = Metered::new();
    let mut request = one_sample("up", 1_000, 1.0);
    let sample = v1::Sample { value: 1.0, timestamp: 1_000 };
    for labels in [
        vec![label("job", "nameless")],
        vec![label("__name__", "up"), label("a", "1"), label("a", "2")],
        vec![label("__name__", "up"), label("long", &"x".repeat(9_000))],
        vec![label("__name__", "vigie_queue_jobs"), label("queue", "emails")],
    ] {
        let samples = vec![sample.clone(); 2];
        request.timeseries.push(v1::TimeSeries { labels, samples, ..Default::default() });
    }
    let (status, why) = metered.write(&V1, snappy(&request)).await;
    assert_eq!(status, 400);
    assert!(why.starts_with("8 samples were refused, the rest is stored: "), "{why}");
    for part in ["has no __name__", "\"a\" twice", "label value bytes"] {
        assert!(why.contains(part), "{part}: {why}");
    }
    assert_eq!(metered.kept.series(), ["up{job=\"test\"}"]);
    // Of all reasons the first three are told.
    let claim = v1::WriteRequest { timeseries: request.timeseries.split_off(4), metadata: vec![] };
    let (_, why) = metered.write(&V1, snappy(&claim)).await;
    assert!(why.contains("vigie_queue_jobs is a metric of Vigie's own"), "{why}");
    // A label that is no UTF-8: prost cannot say that, so that it is put into the bytes.
    let mut bytes = one_sample("down", 1_000, 1.0).encode_to_vec();
    let place = bytes.windows(4).position(|four| four == b"test").unwrap();
    bytes[place] = 0xff;
    let body = snap::raw::Encoder::new().compress_vec(&bytes).unwrap();
    let (status, why) = metered.write(&V1, body).await;
    assert!(status == 400 && why.contains("a label is not UTF-8"), "{why}");
    let counted = text(metered.filled.get_with("/metrics", &[]).await).await;
    assert!(counted.contains("\nvigie_store_refused_total 11\n"), "{counted}");
}

pub(super) fn integers() -> Histogram {
    Histogram {
        count: Some(Count::Int(12)),
        sum: 18.4,
        schema: 1,
        zero_threshold: 0.001,
        zero_count: Some(ZeroCount::Int(2)),
        negative_spans: vec![BucketSpan { offset: 0, length: 2 }],
        negative_deltas: vec![1, 1],
        positive_spans: vec![
            BucketSpan { offset: -1, length: 2 },
            BucketSpan { offset: 2, length: 2 },
        ],
        positive_deltas: vec![1, 2, -3, 3],
        reset_hint: 2,
        timestamp: 1_000,
        ..Histogram::default()
    }
}

fn floats() -> Histogram {
    Histogram {
        count: Some(Count::Float(4.5)),
        sum: 3.0,
        schema: i32::from(CUSTOM_SCHEMA),
        positive_spans: vec![BucketSpan { offset: 1, length: 2 }],
        positive_counts: vec![1.5, 3.0],
        custom_values: vec![1.0, 2.5],
        reset_hint: 3,
        timestamp: 2_000,
        ..Histogram::default()
    }
}

#[tokio::test]
async fn native_histograms_of_integers_floats_and_custom_buckets_are_kept() {
    let metered = Metered::new();
    let finest = Histogram {
        schema: 9,
        positive_spans: vec![BucketSpan { offset: 1, length: 3 }],
        positive_deltas: vec![1, 0, 0],
        negative_spans: vec![],
        negative_deltas: vec![],
        zero_count: None,
        count: Some(Count::Int(3)),
        timestamp: 3_000,
        ..integers()
    };
    let mut request = one_sample("latency", 0, 0.0);
    request.timeseries[0].samples.clear();
    request.timeseries[0].histograms = vec![integers(), floats(), finest];
    assert_eq!(metered.write(&V1, snappy(&request)).await, (204, String::new()));
    let kept = metered.kept.histograms(&labels("latency"));
    let (time, first) = &kept[0];
    assert_eq!((*time, first.schema, first.count, first.sum), (1_000, 1, 12.0, 18.4));
    assert_eq!(first.positive, [(-1, 1.0), (0, 3.0), (4, 3.0)]);
    assert_eq!(first.negative, [(0, 1.0), (1, 2.0)]);
    assert_eq!((first.zero_count, first.reset_hint), (2.0, ResetHint::NoReset));
    let second = &kept[1].1;
    assert_eq!((second.schema, &*second.custom_bounds), (CUSTOM_SCHEMA, &[1.0, 2.5][..]));
    assert_eq!((second.count, second.reset_hint), (4.5, ResetHint::Gauge));
    assert_eq!(second.positive, [(1, 1.5), (2, 3.0)]);
    let third = &kept[2].1;
    assert_eq!((third.schema, &*third.positive), (8, &[(1, 2.0), (2, 1.0)][..]), "merged into 8");
}

/// What makes a histogram none.
type Change = fn(&mut Histogram);

#[tokio::test]
async fn histograms_that_are_none_are_refused_with_a_reason() {
    let wrong: [(&str, Change); 9] = [
        ("spans have 3 buckets", |one| one.positive_spans[0].length = 1),
        ("do not ascend", |one| one.positive_spans[1].offset = -1),
        ("has the count -1", |one| one.positive_deltas = vec![1, -2, 1, 1]),
        ("its count is 11", |one| one.count = Some(Count::Int(11))),
        ("schema -5 is not", |one| one.schema = -5),
        ("custom bounds with schema", |one| one.custom_values = vec![1.0]),
        ("threshold is negative", |one| one.zero_threshold = f64::NAN),
        ("beyond 32 bits", |one| one.positive_spans[1].offset = i32::MAX),
        ("neither negative nor zero", |one| one.schema = -53),
    ];
    for (reason, change) in wrong {
        let metered = Metered::new();
        let mut request = one_sample("latency", 5, 1.0);
        let mut histogram = integers();
        change(&mut histogram);
        request.timeseries[0].histograms = vec![histogram];
        let (status, why) = metered.write(&V1, snappy(&request)).await;
        assert_eq!(status, 400, "{reason}");
        assert!(
            why.starts_with("1 samples were refused") && why.contains(reason),
            "{reason}: {why}"
        );
        assert_eq!(metered.kept.floats(&labels("latency")), [(5, 1.0)], "the rest is kept");
    }
    let wrong: [(&str, Change); 3] = [
        ("do not ascend", |one| one.custom_values = vec![2.0, 1.0]),
        ("not finite", |one| one.custom_values = vec![2.0, f64::INFINITY]),
        ("beyond its 2 custom bounds", |one| one.positive_spans[0].offset = 2),
    ];
    for (reason, change) in wrong {
        let metered = Metered::new();
        let mut request = one_sample("latency", 5, 1.0);
        let mut histogram = floats();
        change(&mut histogram);
        request.timeseries[0].histograms = vec![histogram];
        let (status, why) = metered.write(&V1, snappy(&request)).await;
        assert!(status == 400 && why.contains(reason), "{reason}: {why}");
    }
}

fn version_2() -> v2::Request {
    let symbols =
        ["", "__name__", "latency_seconds", "job", "test", "How long.", "seconds", "trace_id", "x"];
    v2::Request {
        symbols: symbols.map(str::to_owned).to_vec(),
        timeseries: vec![v2::TimeSeries {
            labels_refs: vec![1, 2, 3, 4],
            samples: vec![v1::Sample { value: 2.0, timestamp: 500 }],
            histograms: vec![integers()],
            exemplars: vec![v2::Exemplar { labels_refs: vec![7, 8], value: 1.0, timestamp: 450 }],
            metadata: Some(v2::Metadata { kind: 3, help_ref: 5, unit_ref: 6 }),
        }],
    }
}

#[tokio::test]
async fn version_2_is_kept_and_what_was_written_is_told() {
    let metered = Metered::new();
    let response = metered.post("/api/v1/write", &V2, snappy(&version_2())).await;
    assert_eq!(response.status().as_u16(), 204);
    for (name, count) in [("samples", "1"), ("histograms", "1"), ("exemplars", "1")] {
        let header = format!("x-prometheus-remote-write-{name}-written");
        assert_eq!(response.headers()[&header], count, "{name}");
    }
    assert_eq!(metered.kept.floats(&labels("latency_seconds")), [(500, 2.0)]);
    assert_eq!(metered.kept.histograms(&labels("latency_seconds")).len(), 1);
    let (_, answer) = metered.json("/api/v1/metadata?metric=latency_seconds").await;
    let path = "/api/v1/query_exemplars?query=latency_seconds&start=0&end=1";
    let (_, exemplars) = metered.json(path).await;
    let expected = json!([{
        "seriesLabels": { "__name__": "latency_seconds", "job": "test" },
        "exemplars": [{ "labels": { "trace_id": "x" }, "value": "1", "timestamp": 0.45 }],
    }]);
    assert_eq!(exemplars["data"], expected);
    let expected = json!([{ "type": "histogram", "help": "How long.", "unit": "seconds" }]);
    assert_eq!(answer["data"]["latency_seconds"], expected);
}

#[tokio::test]
async fn version_2_may_not_write_what_would_be_taken_for_vigies_own() {
    let metered = Metered::new();
    let mut request = version_2();
    let first = request.symbols.len() as u32;
    let more =
        ["vigie_queue_jobs", "queue", "emails", "vigie_job_run_seconds_bucket", "le", "+Inf"];
    request.symbols.extend(more.map(str::to_owned));
    let [name, queue, emails, bucket, le, inf] = [0, 1, 2, 3, 4, 5].map(|place| first + place);
    let series = |labels_refs: Vec<u32>| v2::TimeSeries {
        labels_refs,
        samples: vec![v1::Sample { value: 1.0, timestamp: 500 }],
        ..v2::TimeSeries::default()
    };
    // The label job tells the second from Vigie's own; the third is a part of a histogram of Vigie's.
    request.timeseries.push(series(vec![1, name, queue, emails]));
    request.timeseries.push(series(vec![1, name, 3, 4, queue, emails]));
    request.timeseries.push(series(vec![1, bucket, le, inf]));
    let response = metered.post("/api/v1/write", &V2, snappy(&request)).await;
    assert_eq!(response.status().as_u16(), 400);
    assert_eq!(response.headers()["x-prometheus-remote-write-samples-written"], "2");
    let why = text(response).await;
    assert!(why.starts_with("2 samples were refused"), "{why}");
    assert!(why.contains("vigie_queue_jobs is a metric of Vigie's own"), "{why}");
    let kept = metered.kept.series();
    assert!(
        kept.contains(&r#"vigie_queue_jobs{job="test", queue="emails"}"#.to_owned()),
        "{kept:?}"
    );
    assert_eq!(kept.len(), 2, "{kept:?}");
}

#[tokio::test]
async fn version_2_with_references_to_nothing_is_refused_by_series() {
    let metered = Metered::new();
    let mut request = version_2();
    let good = request.timeseries[0].clone();
    for refs in [vec![1, 2, 3], vec![1, 99], vec![3, 4]] {
        request.timeseries.push(v2::TimeSeries { labels_refs: refs, ..good.clone() });
    }
    request.timeseries.push(v2::TimeSeries { labels_refs: vec![1, 2], ..Default::default() });
    let response = metered.post("/api/v1/write", &V2, snappy(&request)).await;
    assert_eq!(response.status().as_u16(), 400);
    assert_eq!(response.headers()["x-prometheus-remote-write-samples-written"], "1");
    let why = text(response).await;
    assert!(why.starts_with("6 samples were refused"), "{why}");
    assert!(why.contains("3 label references") && why.contains("text 99 of a table of 9"), "{why}");
}

#[tokio::test]
async fn metadata_of_version_1_is_kept() {
    let metered = Metered::new();
    let request = v1::WriteRequest {
        timeseries: vec![],
        metadata: vec![v1::MetricMetadata {
            kind: 1,
            metric_family_name: "http_requests_total".to_owned(),
            help: "Requests \"so far\".".to_owned(),
            unit: String::new(),
        }],
    };
    assert_eq!(metered.write(&V1, snappy(&request)).await.0, 204);
    let (_, answer) = metered.json("/api/v1/metadata?metric=http_requests_total").await;
    let expected = json!([{ "type": "counter", "help": "Requests \"so far\".", "unit": "" }]);
    assert_eq!(answer["data"]["http_requests_total"], expected);
}

#[tokio::test]
async fn bombs_and_lies_are_refused_by_the_name_of_the_limit() {
    let metered = Metered::new();
    let zeros = vec![0_u8; 40 << 20];
    let bomb = snap::raw::Encoder::new().compress_vec(&zeros).unwrap();
    let packed = zstd::bulk::compress(&zeros, 3).unwrap();
    // A prefix of 1 GiB, of 4 GiB less one, and of 8 MiB, with nothing behind.
    let lies = [
        &[0x80, 0x80, 0x80, 0x80, 4][..],
        &[0xff, 0xff, 0xff, 0xff, 15],
        &[0x80, 0x80, 0x80, 4, 0, 0],
    ];
    let zstd = [V1[0], ("content-encoding", "zstd")];
    // Two bytes make a message: a million of each.
    let of_messages = |tags: &[u8]| {
        let mut message = Vec::new();
        for tag in tags.iter().rev() {
            if message.is_empty() {
                message = [*tag, 0].repeat(1_100_000);
            } else {
                let mut whole = vec![*tag];
                prost::encoding::encode_varint(message.len() as u64, &mut whole);
                whole.append(&mut message);
                message = whole;
            }
        }
        snap::raw::Encoder::new().compress_vec(&message).unwrap()
    };
    for (what, headers, body, status, word) in [
        ("snappy bomb", &V1, bomb, 413, "the limit decompressed bytes of 16777216"),
        ("zstd bomb", &zstd, packed, 413, "the limit decompressed bytes of 16777216"),
        ("1 GiB said", &V1, lies[0].to_vec(), 413, "the limit decompressed bytes"),
        ("4 GiB said", &V1, lies[1].to_vec(), 413, "the limit decompressed bytes"),
        ("8 MiB said", &V1, lies[2].to_vec(), 400, "its prefix says 8388608 bytes"),
        ("a large body", &V1, vec![0; 9 << 20], 413, "the limit body bytes of 8388608"),
        ("no snappy", &V1, b"hello".to_vec(), 400, "malformed snappy body"),
        ("no zstd", &zstd, b"hello".to_vec(), 400, "malformed zstd body"),
        (
            "no protobuf",
            &V1,
            snap::raw::Encoder::new().compress_vec(b"hello").unwrap(),
            400,
            "malformed WriteRequest",
        ),
        ("empty series", &V1, of_messages(&[0x0a]), 204, ""),
        ("empty samples", &V1, of_messages(&[0x0a, 0x12]), 400, "has no __name__"),
        ("empty labels", &V1, of_messages(&[0x0a, 0x0a]), 204, ""),
        ("empty symbols", &V2, of_messages(&[0x22]), 413, "the limit symbols a request of 500000"),
    ] {
        let (got, why) = metered.write(headers, body).await;
        assert!(got == status && why.contains(word), "{what}: {got} {why}");
    }
    let mut many = one_sample("up", 1, 1.0);
    many.timeseries[0].samples = vec![v1::Sample { value: 0.0, timestamp: 1 }; 500_001];
    let (status, why) = metered.write(&V1, snappy(&many)).await;
    assert!(status == 413 && why.contains("the limit samples a request of 500000"), "{why}");
    let mut wide = one_sample("up", 1, 1.0);
    wide.timeseries[0].histograms =
        vec![Histogram { positive_deltas: vec![0; 70_000], ..integers() }];
    let (status, why) = metered.write(&V1, snappy(&wide)).await;
    assert!(status == 413 && why.contains("the limit buckets a histogram"), "{why}");
    assert!(metered.kept.series().is_empty());
}

#[tokio::test]
async fn a_sender_learns_whether_to_try_again() {
    let metered = Metered::new();
    let body = snappy(&one_sample("up", 1_000, 1.0));
    *metered.kept.broken.lock().unwrap() = Some(SinkError::NotNow("the disk is full".to_owned()));
    let response = metered.post("/api/v1/write", &V1, body.clone()).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (503, &"5".parse().unwrap())
    );
    assert_eq!(text(response).await, "the disk is full\n");
    *metered.kept.broken.lock().unwrap() = None;
    assert_eq!(metered.write(&V1, body.clone()).await.0, 204);
    *metered.kept.too_old.lock().unwrap() = 5_000;
    let (status, why) = metered.write(&V1, body).await;
    assert_eq!(status, 400, "{why}");
    assert!(why.contains("1 samples were refused") && why.contains("is too old"), "{why}");
}
