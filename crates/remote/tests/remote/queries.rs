//! Queries that are passed through to a real Prometheus.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use serde_json::json;
use vigie_remote::{Outbox, Passed, QueryError, QueryOptions, RemoteQuery, Sender};
use vigie_testkit::{MetricsServer as _, Prometheus, form_encoded, http_post};

use crate::prometheus::scrape;
use crate::receiver::Receiver;
use crate::support::*;

/// A Prometheus with ten scrapes, and when the first was.
async fn filled() -> (Prometheus, i64) {
    let server = Prometheus::builder().argument("--enable-feature=native-histograms").start();
    let dir = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(&options(dir.path())).unwrap();
    let start = now() / 1_000 * 1_000 - 100_000;
    for n in 0..10 {
        push(&outbox, scrape(start + n * 1_000, n));
    }
    let sender = Sender::start(&outbox, &config(&server.url(), &json!({})), &quick()).unwrap();
    emptied(&outbox).await;
    sender.stop().await;
    (server, start)
}

async fn whole(passed: Passed) -> String {
    let bytes = passed.body.collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn answers_are_the_very_bytes_of_the_backend() {
    let (server, start) = filled().await;
    let query =
        RemoteQuery::new(&config(&server.url(), &json!({})), QueryOptions::default()).unwrap();
    let (from, to) = (start / 1_000, start / 1_000 + 9);
    for path in [
        format!("/api/v1/query?query=sum(vigie_test)&time={to}"),
        format!("/api/v1/query_range?query=vigie_test_seconds&start={from}&end={to}&step=3"),
        format!("/api/v1/series?match[]=vigie_test&start={from}&end={to}"),
        format!("/api/v1/labels?start={from}&end={to}"),
        format!("/api/v1/label/__name__/values?start={from}&end={to}"),
        "/api/v1/metadata".to_owned(),
        format!("/api/v1/query_exemplars?query=vigie_test&start={from}&end={to}"),
        // Errors as well are the backend's own.
        "/api/v1/query?query=sum(".to_owned(),
    ] {
        let direct = server.get(&path);
        let passed = query.forward(&path, None).await.unwrap();
        assert_eq!(passed.status, direct.status, "{path}");
        assert_eq!(whole(passed).await, direct.body, "{path}");
    }
    let form = format!("query={}&time={to}", form_encoded("topk(3, vigie_test)"));
    let kind = [("Content-Type", "application/x-www-form-urlencoded")];
    let direct = http_post(server.port(), "/api/v1/query", &kind, form.as_bytes()).unwrap();
    let passed = query.forward("/api/v1/query", Some(Bytes::from(form))).await.unwrap();
    assert_eq!((passed.status, whole(passed).await), (200, direct.body));
    for path in ["/api/v1/admin/tsdb/snapshot", "/api/v1/label/../admin/tsdb/snapshot", "/metrics"]
    {
        let refused = query.forward(path, Some(Bytes::new())).await;
        assert!(matches!(refused, Err(QueryError::Path(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn ranges_are_floats_and_histograms() {
    let (server, start) = filled().await;
    let query =
        RemoteQuery::new(&config(&server.url(), &json!({})), QueryOptions::default()).unwrap();
    let end = start + 9_000;
    let answer = query.range(r#"vigie_test{of="42"}"#, start, end, 1_000).await.unwrap();
    let [series] = &*answer.series else { panic!("{answer:?}") };
    assert_eq!(series.labels, labels("vigie_test", 42));
    let wanted: Vec<_> = (0..10).map(|n| (start + n * 1_000, (n * 100 + 42) as f64)).collect();
    assert_eq!(series.floats, wanted);

    let answer = query.range("vigie_test_seconds", start, end, 1_000).await.unwrap();
    let [series] = &*answer.series else { panic!("{answer:?}") };
    assert!(series.floats.is_empty() && series.histograms.len() == 10);
    for (n, (time, found)) in (0..).zip(&series.histograms) {
        assert_eq!(*time, start + i64::from(n) * 1_000);
        assert_eq!((found.count, found.sum), (f64::from(10 + n), 12.5 * f64::from(n)));
        // Schema 2 read into schema 1: buckets 5 and 6 go into 3, and an empty one is not told.
        let mut wanted = vec![(-1, 2.0), (0, f64::from(n)), (3, 4.0)];
        wanted.retain(|bucket| bucket.1 > 0.0);
        assert_eq!(found.positive, wanted);
        assert_eq!((&*found.negative, found.zero_count), (&[(1, 3.0)][..], 1.0));
    }

    let error = query.range("sum(", start, end, 1_000).await.unwrap_err();
    let QueryError::Refused { status: 400, says, .. } = &error else { panic!("{error}") };
    assert!(says.contains("parse error"), "{says}");
}

#[tokio::test]
async fn hostile_backends_are_named_and_cost_little() {
    let server = Receiver::start(|_, request| {
        let json = "200 OK\r\nContent-Type: application/json";
        match request.head.split(' ').nth(1).unwrap() {
            path if path.contains("slow") => {
                std::thread::sleep(Duration::from_millis(1_500));
                (json, String::new())
            }
            path if path.contains("login") => {
                ("200 OK\r\nContent-Type: text/html", "<html>Log in".to_owned())
            }
            path if path.contains("redirect") => {
                ("302 Found\r\nLocation: http://127.0.0.1:1/", String::new())
            }
            path if path.contains("forbidden") => (
                "403 Forbidden\r\nContent-Type: application/json",
                "{\"error\": \"not you\"}".to_owned(),
            ),
            path if path.contains("silence") => ("silence", String::new()),
            _ => (json, "x".repeat(5_000)),
        }
    });
    let options = QueryOptions { timeout: Duration::from_millis(500), answer_bytes: 4_999 };
    let own = config(&server.url(), &json!({"query_url": format!("{}/s3cret/", server.url())}));
    let query = RemoteQuery::new(&own, options).unwrap();
    for (path, says) in [
        ("/api/v1/query?query=slow", "no answer within 500ms"),
        ("/api/v1/query?query=login", "not as Prometheus does"),
        ("/api/v1/query?query=redirect", "redirects are not followed"),
        ("/api/v1/query?query=forbidden", "not you"),
        ("/api/v1/query?query=silence", "the metrics backend"),
    ] {
        let error = query.forward(path, None).await.unwrap_err().to_string();
        assert!(error.contains(says) && error.contains(&server.url()), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
    let error = query.range("large", 0, 1, 1).await.unwrap_err().to_string();
    assert!(error.contains("more than 4999 bytes"), "{error}");
    let large = QueryOptions { answer_bytes: 5_000, ..QueryOptions::default() };
    let query = RemoteQuery::new(&own, large).unwrap();
    let error = query.range("large", 0, 1, 1).await.unwrap_err().to_string();
    assert!(error.contains("something else than a matrix"), "{error}");
    let gone = config("http://127.0.0.1:1", &json!({}));
    let query = RemoteQuery::new(&gone, QueryOptions::default()).unwrap();
    let error = query.forward("/api/v1/labels", None).await.unwrap_err().to_string();
    assert!(error.starts_with("the metrics backend http://127.0.0.1:1: "), "{error}");
}

#[tokio::test]
async fn what_drips_is_cut() {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // A byte every so often, for ever; or as many as are taken, for ever.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || -> std::io::Result<()> {
                let mut head = [0; 4_096];
                let read = stream.read(&mut head)?;
                let endless = head[..read].windows(7).any(|part| part == b"endless");
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")?;
                loop {
                    stream.write_all(if endless { &[b' '; 65_536] } else { b" " })?;
                    if !endless {
                        std::thread::sleep(Duration::from_millis(20));
                    }
                }
            });
        }
    });
    let options = QueryOptions { timeout: Duration::from_millis(700), answer_bytes: 1 << 20 };
    let own = config(&format!("http://127.0.0.1:{port}"), &json!({}));
    let query = RemoteQuery::new(&own, options).unwrap();
    let error = query.range("drip", 0, 1, 1).await.unwrap_err().to_string();
    assert!(error.contains("no answer within"), "{error}");
    let options = QueryOptions { timeout: Duration::from_secs(60), ..options };
    let query = RemoteQuery::new(&own, options).unwrap();
    let error = query.range("endless", 0, 1, 1).await.unwrap_err().to_string();
    assert!(error.contains("more than 1048576 bytes"), "{error}");
}
