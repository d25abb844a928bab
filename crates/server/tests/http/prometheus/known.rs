//! Series that were written before are known by the bytes of their labels, and large requests are taken in pieces.
//! Nobody can tell by what is stored or answered.

use axum::http::Request;
use prost::Message;
use vigie_model::Labels;

use super::messages::v1::{self, Histogram};
use super::messages::{label, snappy, v2};
use super::stored::{Stored, all, now};
use crate::filled::text;

const V1: &str = "application/x-protobuf";
const V2: &str = "application/x-protobuf;proto=io.prometheus.write.v2.Request";

/// The status, the counts of floats and histograms in the answer, and its text.
async fn write(stored: &Stored, kind: &str, body: Vec<u8>) -> (u16, [Option<u64>; 2], String) {
    let request = Request::post("/api/v1/write")
        .header("host", "localhost")
        .header("content-type", kind)
        .body(body.into())
        .unwrap();
    let response = stored.filled.send(request).await;
    let counts = ["samples", "histograms"].map(|what| {
        let name = format!("x-prometheus-remote-write-{what}-written");
        response.headers().get(name)?.to_str().ok()?.parse().ok()
    });
    (response.status().as_u16(), counts, text(response).await)
}

fn of(labels: &[(&str, &str)], samples: &[(i64, f64)]) -> v1::TimeSeries {
    v1::TimeSeries {
        labels: labels.iter().map(|(name, value)| label(name, value)).collect(),
        samples: samples
            .iter()
            .map(|(timestamp, value)| v1::Sample { timestamp: *timestamp, value: *value })
            .collect(),
        ..v1::TimeSeries::default()
    }
}

fn request(timeseries: Vec<v1::TimeSeries>) -> Vec<u8> {
    snappy(&v1::WriteRequest { timeseries, metadata: vec![] })
}

fn histogram(timestamp: i64) -> Histogram {
    Histogram { timestamp, ..super::write::integers() }
}

#[tokio::test]
async fn however_a_series_is_written_it_is_the_same() {
    let stored = Stored::new();
    let start = now() - 60_000;
    let up = [("__name__", "up"), ("job", "api")];
    for n in 0..3 {
        let body =
            request(vec![of(&up, &[(start + n, n as f64)]), of(&up, &[(start + 100 + n, 0.5)])]);
        assert_eq!(write(&stored, V1, body).await.0, 204);
    }
    // The other way round, and with what it has no need of.
    let unsorted = [("job", "api"), ("__name__", "up"), ("", "")];
    assert_eq!(
        write(&stored, V1, request(vec![of(&unsorted[..2], &[(start + 200, 1.0)])])).await.0,
        204
    );
    assert_eq!(
        write(&stored, V1, request(vec![of(&unsorted[..2], &[(start + 201, 1.0)])])).await.0,
        204
    );
    // Labels after the samples: no sender does so, and protobuf allows it.
    let (late, early) =
        (of(&[("job", "api")], &[]).encode_to_vec(), of(&up[..1], &[(start + 202, 2.0)]));
    let mut message = early.encode_to_vec();
    message.extend(late);
    let mut whole = vec![0x0a];
    prost::encoding::encode_varint(message.len() as u64, &mut whole);
    whole.extend(message);
    let body = snap::raw::Encoder::new().compress_vec(&whole).unwrap();
    for _ in 0..2 {
        assert_eq!(write(&stored, V1, body.clone()).await.0, 204);
    }
    let second = v2::Request {
        symbols: ["", "__name__", "up", "job", "api"].map(str::to_owned).to_vec(),
        timeseries: vec![v2::TimeSeries {
            labels_refs: vec![1, 2, 3, 4],
            samples: vec![v1::Sample { timestamp: start + 300, value: 3.0 }],
            histograms: vec![histogram(start + 301)],
            ..v2::TimeSeries::default()
        }],
    };
    assert_eq!(write(&stored, V2, snappy(&second)).await, (204, [Some(1), Some(1)], String::new()));
    let found = all(&stored.store, "__name__", "up");
    assert_eq!(found.len(), 1, "{:?}", found.iter().map(|one| one.0.clone()).collect::<Vec<_>>());
    assert_eq!(found[0].0, Labels::from_pairs(up));
    let times: Vec<i64> = found[0].1.float_times.iter().map(|time| time - start).collect();
    assert_eq!(times, [0, 1, 2, 100, 101, 102, 200, 201, 202, 300]);
    assert_eq!(found[0].1.histogram_times, [start + 301]);
    // The log has them all.
    assert_eq!(stored.read_again()[0].1.len(), 11);
}

#[tokio::test]
async fn what_is_wrong_with_samples_of_a_known_series_is_told_as_before() {
    let stored = Stored::new();
    let start = now() - 60_000;
    let up = [("__name__", "up")];
    assert_eq!(write(&stored, V1, request(vec![of(&up, &[(start, 1.0)])])).await.0, 204);
    let old = start - 3 * 3_600_000;
    let mut broken = of(&up, &[(start, 2.0), (start, 1.0), (old, 1.0), (start + 1, 7.0)]);
    broken.histograms = vec![Histogram { zero_threshold: -1.0, ..histogram(start + 2) }];
    let (status, _, why) = write(&stored, V1, request(vec![broken])).await;
    assert_eq!(status, 400);
    for word in
        ["3 samples were refused", "a histogram of up:", "1 have another value", "1 are older"]
    {
        assert!(why.contains(word), "{word}: {why}");
    }
    assert_eq!(all(&stored.store, "__name__", "up")[0].1.floats, [1.0, 7.0]);
    // A limit is no less one when all series are known.
    let six = [("__name__", "up"), ("a", "1"), ("b", "1"), ("c", "1"), ("d", "1"), ("e", "1")];
    assert_eq!(write(&stored, V1, request(vec![of(&six, &[(start, 1.0)])])).await.0, 204);
    let many = vec![of(&six, &[(start, 1.0)]); 84_000];
    let (status, _, why) = write(&stored, V1, request(many)).await;
    assert!(
        status == 413 && why.contains("the limit labels a request of 500000"),
        "{status} {why}"
    );
}

#[tokio::test]
async fn a_large_request_is_stored_as_a_whole_or_not_at_all() {
    let stored = Stored::new();
    let start = now() - 200_000;
    let name = |n: i64| format!("series_{n:03}");
    let samples = |n: i64| (0..500).map(|k| (start + k, (n * k) as f64)).collect::<Vec<_>>();
    let series = (0..300).map(|n| of(&[("__name__", &name(n))], &samples(n))).collect();
    let mut plain = v1::WriteRequest { timeseries: series, metadata: vec![] }.encode_to_vec();
    assert!(plain.len() > 2 << 20);
    let packed = |plain: &[u8]| snap::raw::Encoder::new().compress_vec(plain).unwrap();
    let whole = packed(&plain);
    plain.extend([0x0a, 0x7f, 1]);
    let (status, _, why) = write(&stored, V1, packed(&plain)).await;
    assert!(status == 400 && why.contains("malformed WriteRequest"), "{status} {why}");
    assert!(all(&stored.store, "__name__", ".+").is_empty());
    // The second time all of it is known.
    for _ in 0..2 {
        assert_eq!(write(&stored, V1, whole.clone()).await, (204, [None, None], String::new()));
    }
    let found = all(&stored.store, "__name__", ".+");
    assert_eq!(found.len(), 300);
    for (labels, found) in found {
        let n: i64 = labels.metric_name()[7..].parse().unwrap();
        let floats = found.float_times.into_iter().zip(found.floats).collect::<Vec<_>>();
        assert_eq!(floats, samples(n), "{labels}");
    }
}

#[tokio::test]
async fn a_series_that_was_forgotten_is_a_new_one() {
    let stored = Stored::of(|options| vigie_store::StoreOptions {
        retention_ms: 1_000,
        head_span_ms: 1_000,
        out_of_order_ms: 0,
        ..options
    });
    let (up, other) = ([("__name__", "up")], [("__name__", "other")]);
    let mut time = now();
    assert_eq!(write(&stored, V1, request(vec![of(&up, &[(time, 1.0)])])).await.0, 204);
    let mut forgotten = 0;
    // Heads become blocks, which are too old two days on; a series that has none left goes the next time.
    for _ in 0..3 {
        assert_eq!(write(&stored, V1, request(vec![of(&other, &[(time, 1.0)])])).await.0, 204);
        for later in [5_000, 10_000, 172_800_000] {
            let maintained = || stored.store.maintain(time + later).unwrap();
            while {
                let done = maintained();
                forgotten += done.forgotten;
                done.more
            } {}
        }
        time += 172_800_000;
    }
    assert!(forgotten > 0);
    assert!(all(&stored.store, "__name__", "up").is_empty());
    for n in 0..2 {
        assert_eq!(write(&stored, V1, request(vec![of(&up, &[(time + n, 2.0)])])).await.0, 204);
    }
    assert_eq!(all(&stored.store, "__name__", "up")[0].1.floats, [2.0, 2.0]);
}
