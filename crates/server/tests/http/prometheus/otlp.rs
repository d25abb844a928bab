//! What is pushed by OTLP.

use std::io::Write;

use http_body_util::BodyExt;
use prost::Message;
use serde_json::{Value, json};
use vigie_model::Labels;
use vigie_store::is_stale;

use super::messages::otlp::{
    Buckets, Data, Exemplar, ExponentialPoint, Exponentials, HistogramPoint, Histograms, KeyValue,
    Metric, Number, NumberPoint, Numbers, Quantile, Request, Resource, ResourceMetrics, Response,
    ScopeMetrics, Summaries, SummaryPoint, attribute,
};
use super::metered::Metered;
use crate::filled::text;

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const JSON: (&str, &str) = ("content-type", "application/json");
const SECOND: u64 = 1_000_000_000;
const CUMULATIVE: i32 = 2;

fn request(metrics: Vec<Metric>) -> Request {
    let attributes = vec![
        attribute("service.namespace", "shop"),
        attribute("service.name", "cart"),
        attribute("service.instance.id", "i-1"),
        attribute("host.name", "h1"),
    ];
    Request {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(Resource { attributes }),
            scope_metrics: vec![ScopeMetrics { metrics }],
        }],
    }
}

fn metric(name: &str, unit: &str, data: Data) -> Metric {
    Metric {
        name: name.to_owned(),
        unit: unit.to_owned(),
        description: format!("What {name} is."),
        data: Some(data),
    }
}

fn number(seconds: u64, value: Number) -> NumberPoint {
    NumberPoint {
        attributes: vec![attribute("http.method", "GET")],
        time_unix_nano: seconds * SECOND,
        value: Some(value),
        flags: 0,
        exemplars: Vec::new(),
    }
}

fn of_cart(name: &str, more: &[(&str, &str)]) -> Labels {
    let own = [("__name__", name), ("job", "shop/cart"), ("instance", "i-1")];
    Labels::from_pairs(own.iter().chain(more).copied())
}

async fn sent(metered: &Metered, request: &Request) -> (u16, Vec<u8>) {
    let response = metered.post("/v1/metrics", &[PROTOBUF], request.encode_to_vec()).await;
    let status = response.status().as_u16();
    (status, response.into_body().collect().await.unwrap().to_bytes().to_vec())
}

#[tokio::test]
async fn numbers_become_series_under_prometheus_names() {
    let metered = Metered::new();
    let mut gone = number(3, Number::Double(0.0));
    gone.flags = 1;
    let gauge = Numbers {
        data_points: vec![number(1, Number::Double(0.5)), number(2, Number::Int(-3)), gone],
        ..Numbers::default()
    };
    let sum = Numbers {
        data_points: vec![number(2, Number::Int(7))],
        aggregation_temporality: CUMULATIVE,
        is_monotonic: true,
    };
    let request = request(vec![
        metric("system.cpu.utilization", "1", Data::Gauge(gauge)),
        metric("http.server.requests", "{request}", Data::Sum(sum)),
    ]);
    assert_eq!(sent(&metered, &request).await, (200, vec![]));
    let get = [("http_method", "GET")];
    let kept = metered.kept.floats(&of_cart("system_cpu_utilization_ratio", &get));
    assert_eq!(kept[..2], [(1_000, 0.5), (2_000, -3.0)]);
    assert!(kept[2].0 == 3_000 && is_stale(kept[2].1));
    let total = of_cart("http_server_requests_total", &get);
    assert_eq!(metered.kept.floats(&total), [(2_000, 7.0)]);
    let info = of_cart("target_info", &[("host_name", "h1")]);
    assert_eq!(metered.kept.floats(&info), [(1_000, 1.0), (3_000, 1.0)]);
    let (_, answer) = metered.json("/api/v1/metadata?metric=http_server_requests_total").await;
    let expected =
        json!([{ "type": "counter", "help": "What http.server.requests is.", "unit": "" }]);
    assert_eq!(answer["data"]["http_server_requests_total"], expected);
}

#[tokio::test]
async fn histograms_become_classic_ones_and_exponential_ones_native() {
    let metered = Metered::new();
    let classic = Histograms {
        data_points: vec![HistogramPoint {
            time_unix_nano: SECOND,
            count: 10,
            sum: Some(2.5),
            bucket_counts: vec![1, 2, 7],
            explicit_bounds: vec![0.1, 2.5],
            ..HistogramPoint::default()
        }],
        aggregation_temporality: CUMULATIVE,
    };
    let native = Exponentials {
        data_points: vec![ExponentialPoint {
            time_unix_nano: SECOND,
            count: 9,
            sum: Some(20.0),
            scale: 9,
            zero_count: 1,
            positive: Some(Buckets { offset: 0, bucket_counts: vec![1, 2, 0, 3] }),
            negative: Some(Buckets { offset: -2, bucket_counts: vec![2] }),
            ..ExponentialPoint::default()
        }],
        aggregation_temporality: CUMULATIVE,
    };
    let summary = Summaries {
        data_points: vec![SummaryPoint {
            time_unix_nano: SECOND,
            count: 4,
            sum: 8.0,
            quantile_values: vec![Quantile { quantile: 0.99, value: 3.5 }],
        }],
    };
    let request = request(vec![
        metric("wait", "s", Data::Histogram(classic)),
        metric("run", "ms", Data::Exponential(native)),
        metric("rpc", "", Data::Summary(summary)),
    ]);
    assert_eq!(sent(&metered, &request).await, (200, vec![]));
    for (name, more, value) in [
        ("wait_seconds_bucket", Some(("le", "0.1")), 1.0),
        ("wait_seconds_bucket", Some(("le", "2.5")), 3.0),
        ("wait_seconds_bucket", Some(("le", "+Inf")), 10.0),
        ("wait_seconds_count", None, 10.0),
        ("wait_seconds_sum", None, 2.5),
        ("rpc", Some(("quantile", "0.99")), 3.5),
        ("rpc_count", None, 4.0),
        ("rpc_sum", None, 8.0),
    ] {
        let more: Vec<_> = more.into_iter().collect();
        assert_eq!(metered.kept.floats(&of_cart(name, &more)), [(1_000, value)], "{name} {more:?}");
    }
    let (_, native) = &metered.kept.histograms(&of_cart("run_milliseconds", &[]))[0];
    assert_eq!((native.schema, native.count, native.sum, native.zero_count), (8, 9.0, 20.0, 1.0));
    // Scale 9's buckets 1 to 4 of Prometheus's counting, two to one.
    assert_eq!(
        (&*native.positive, &*native.negative),
        (&[(1, 3.0), (2, 3.0)][..], &[(0, 2.0)][..])
    );
}

#[tokio::test]
async fn what_is_not_taken_is_told_and_the_rest_kept() {
    let metered = Metered::new();
    let numbers = |aggregation_temporality| Numbers {
        data_points: vec![number(1, Number::Int(1)), number(2, Number::Int(2))],
        aggregation_temporality,
        is_monotonic: true,
    };
    let coarse = Exponentials {
        data_points: vec![ExponentialPoint {
            time_unix_nano: SECOND,
            scale: -5,
            ..Default::default()
        }],
        aggregation_temporality: CUMULATIVE,
    };
    let metrics = vec![
        metric("good", "", Data::Sum(numbers(CUMULATIVE))),
        metric("bad.delta", "", Data::Sum(numbers(1))),
        metric("...", "", Data::Gauge(numbers(0))),
        metric("coarse", "", Data::Exponential(coarse)),
    ];
    let (status, body) = sent(&metered, &request(metrics)).await;
    assert_eq!(status, 200);
    let partial = Response::decode(&*body).unwrap().partial_success.unwrap();
    for part in
        ["\"bad.delta\" has delta temporality", "name without letters", "scale -5 is below -4"]
    {
        assert!(partial.error_message.contains(part), "{part}: {partial:?}");
    }
    assert_eq!(partial.rejected_data_points, 5);
    assert_eq!(metered.kept.floats(&of_cart("good_total", &[("http_method", "GET")])).len(), 2);

    // As a service it may send copies of Vigie's series, as nobody it may not.
    let copy = || metric("vigie.queue.jobs", "", Data::Gauge(numbers(0)));
    let (_, body) = sent(&metered, &request(vec![copy()])).await;
    assert_eq!(body, [0u8; 0]);
    let mut nobody = request(vec![copy()]);
    nobody.resource_metrics[0].resource = None;
    let (_, body) = sent(&metered, &nobody).await;
    let partial = Response::decode(&*body).unwrap().partial_success.unwrap();
    assert_eq!(partial.rejected_data_points, 2);
    assert!(partial.error_message.contains("a metric of Vigie's own"), "{partial:?}");
}

#[tokio::test]
async fn json_is_read_by_the_rules_of_protobuf() {
    let metered = Metered::new();
    let body = json!({ "resourceMetrics": [{
        "resource": { "attributes": [
            { "key": "service.name", "value": { "stringValue": "cart" } },
            { "key": "process.tags", "value": { "arrayValue": { "values": [{ "stringValue": "a" }, { "intValue": "2" }] } } },
        ] },
        "scopeMetrics": [{ "scope": { "name": "ignored" }, "metrics": [
            { "name": "temp", "unit": "Cel", "gauge": { "dataPoints": [
                { "timeUnixNano": "1000000000", "asDouble": "NaN" },
                { "timeUnixNano": 2_000_000_000_u64, "asInt": "-12", "attributes": [
                    { "key": "core", "value": { "intValue": 3 } },
                    { "key": "load", "value": { "doubleValue": 1.5 } },
                    { "key": "on", "value": { "boolValue": true } },
                ] },
            ] } },
            { "name": "wait", "unit": "s", "histogram": { "aggregationTemporality": 2, "dataPoints": [
                { "timeUnixNano": "1000000000", "count": "3", "sum": 4, "bucketCounts": ["1", 2], "explicitBounds": [0.5] },
            ] } },
            { "name": "run", "exponentialHistogram": { "aggregationTemporality": "AGGREGATION_TEMPORALITY_CUMULATIVE", "dataPoints": [
                { "timeUnixNano": "1000000000", "count": "1", "scale": 0, "positive": { "offset": -1, "bucketCounts": ["1"] } },
            ] } },
        ] }],
    }] });
    for path in ["/v1/metrics", "/api/v1/otlp/v1/metrics"] {
        let response = metered.post(path, &[JSON], body.to_string().into_bytes()).await;
        assert_eq!(response.status().as_u16(), 200, "{path}");
        assert_eq!(text(response).await, "{}");
    }
    let cart = |name, more: &[(&'static str, &'static str)]| {
        Labels::from_pairs([("__name__", name), ("job", "cart")].iter().chain(more).copied())
    };
    assert!(metered.kept.floats(&cart("temp_celsius", &[]))[0].1.is_nan());
    let more = [("core", "3"), ("load", "1.5"), ("on", "true")];
    assert_eq!(metered.kept.floats(&cart("temp_celsius", &more))[0], (2_000, -12.0));
    assert_eq!(
        metered.kept.floats(&cart("wait_seconds_bucket", &[("le", "0.5")]))[0],
        (1_000, 1.0)
    );
    let tags = [("process_tags", r#"["a",2]"#)];
    assert_eq!(metered.kept.floats(&cart("target_info", &tags))[0], (1_000, 1.0));
    assert_eq!(metered.kept.histograms(&cart("run", &[]))[0].1.positive, [(0, 1.0)]);
}

#[tokio::test]
async fn exemplars_are_kept_at_the_series_that_they_belong_to() {
    let metered = Metered::new();
    let mut point = number(5, Number::Double(7.0));
    let exemplar = |trace: u8, attributes: Vec<KeyValue>| Exemplar {
        time_unix_nano: 4 * SECOND,
        as_double: 0.25,
        trace_id: vec![trace; 16],
        filtered_attributes: attributes,
    };
    // Attributes go along where there is room for them.
    let long = attribute("user", &"x".repeat(200));
    point.exemplars = vec![exemplar(1, vec![attribute("user", "ann")]), exemplar(0xab, vec![long])];
    point.exemplars[1].as_double = 0.5;
    let data = Data::Gauge(Numbers { data_points: vec![point], ..Numbers::default() });
    assert_eq!(sent(&metered, &request(vec![metric("load", "", data)])).await.0, 200);
    let of = async |query: &str| {
        let (_, answer) = metered.json(&format!("/api/v1/query_exemplars?query={query}")).await;
        answer["data"].clone()
    };
    let found = of("load").await;
    assert_eq!(found[0]["seriesLabels"]["http_method"], "GET");
    let (first, second) = (&found[0]["exemplars"][0], &found[0]["exemplars"][1]);
    let labels = json!({ "trace_id": "01".repeat(16), "user": "ann" });
    assert_eq!((&first["labels"], &first["value"]), (&labels, &json!("0.25")));
    assert_eq!(first["timestamp"], 4);
    assert_eq!(second["labels"], json!({ "trace_id": "ab".repeat(16) }));
    // A histogram's are at the bucket of their value; JSON has ids in hexadecimal.
    let one = |value: f64, trace: &str| json!({ "timeUnixNano": "1000000000", "asDouble": value, "traceId": trace });
    let body = json!({ "resourceMetrics": [{ "scopeMetrics": [{ "metrics": [
        { "name": "wait", "histogram": { "aggregationTemporality": 2, "dataPoints": [
            { "timeUnixNano": "1000000000", "count": "3", "sum": 4, "bucketCounts": ["1", "2"], "explicitBounds": [0.5],
                "exemplars": [one(0.5, "aa"), one(9.0, "bb")] },
        ] } },
        { "name": "run", "exponentialHistogram": { "aggregationTemporality": 2, "dataPoints": [
            { "timeUnixNano": "1000000000", "count": "1", "scale": 0, "exemplars": [one(3.0, "cc")] },
        ] } },
    ] }] }] });
    let response = metered.post("/v1/metrics", &[JSON], body.to_string().into_bytes()).await;
    assert_eq!(response.status().as_u16(), 200);
    let found = of("wait_bucket").await;
    let bucket = |place: usize| {
        let one = &found[place];
        (one["seriesLabels"]["le"].clone(), one["exemplars"][0]["labels"]["trace_id"].clone())
    };
    assert_eq!(bucket(0), (json!("+Inf"), json!("bb")));
    assert_eq!(bucket(1), (json!("0.5"), json!("aa")));
    assert_eq!(of("run").await[0]["exemplars"][0]["labels"]["trace_id"], "cc");
}

#[tokio::test]
async fn bad_requests_are_told_in_the_language_of_the_request() {
    let metered = Metered::new();
    let deep = "[".repeat(100_000);
    let many = format!("{{\"resourceMetrics\":[{}{{}}]}}", "{},".repeat(600_000));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&vec![b' '; 40 << 20]).unwrap();
    let bomb = gzip.finish().unwrap();
    let zipped = ("content-encoding", "gzip");
    for (headers, body, status, word) in [
        (vec![JSON], b"{".to_vec(), 400, "malformed OTLP JSON"),
        (vec![JSON], deep.into_bytes(), 400, "malformed OTLP JSON"),
        (vec![JSON], many.into_bytes(), 413, "the limit JSON objects a request"),
        (vec![JSON], b"{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{\"gauge\":{\"dataPoints\":[{\"asInt\":\"9223372036854775808\"}]}}]}]}]}".to_vec(), 400, "no whole number in range"),
        (vec![JSON, zipped], bomb, 413, "the limit decompressed bytes"),
        (vec![JSON, ("content-encoding", "snappy")], vec![], 415, "use gzip or zstd"),
        (vec![("content-type", "text/plain")], vec![], 415, "send application/x-protobuf"),
        (vec![], vec![], 415, "send application/x-protobuf"),
    ] {
        let response = metered.post("/v1/metrics", &headers, body).await;
        assert_eq!(response.status().as_u16(), status, "{word}");
        let answer: Value = serde_json::from_str(&text(response).await).unwrap();
        assert!(answer["message"].as_str().unwrap().contains(word), "{word}: {answer}");
    }
    let response = metered.post("/v1/metrics", &[PROTOBUF], b"hello".to_vec()).await;
    assert_eq!(response.status().as_u16(), 400);
    assert_eq!(response.headers()["content-type"], "application/x-protobuf");
    assert!(text(response).await.contains("malformed OTLP metrics"));
    assert!(metered.kept.series().is_empty());
}

#[tokio::test]
async fn gzip_is_read_and_attributes_that_collide_are_joined() {
    let metered = Metered::new();
    let mut point = number(1, Number::Int(1));
    let nameless = KeyValue { key: "__name__".to_owned(), ..attribute("", "x") };
    point.attributes = vec![attribute("a.b", "2"), attribute("a-b", "1"), nameless];
    let gauge = Numbers { data_points: vec![point], ..Numbers::default() };
    let request = Request {
        resource_metrics: vec![ResourceMetrics {
            resource: None,
            scope_metrics: vec![ScopeMetrics {
                metrics: vec![metric("m", "", Data::Gauge(gauge))],
            }],
        }],
    };
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&request.encode_to_vec()).unwrap();
    let zipped = ("content-encoding", "gzip");
    let response = metered.post("/v1/metrics", &[PROTOBUF, zipped], gzip.finish().unwrap()).await;
    assert_eq!(response.status().as_u16(), 200);
    assert_eq!(metered.kept.series(), [r#"m{a_b="1;2"}"#]);
}
