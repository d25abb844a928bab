//! What each door of log entries says of those that it does not keep: so that a sender loses none without a word, and sends
//! none for ever.

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::filled::START;
use crate::logs::Server;

const JSON: (&str, &str) = ("content-type", "application/json");
const LOKI: &str = "/loki/api/v1/push";

/// A door, and the body that brings lines of these times (milliseconds before now) through it.
fn doors(ages: &[i64]) -> [(&'static str, String); 4] {
    let times: Vec<i64> = ages.iter().map(|age| START.millis() - age).collect();
    let nanos = |time: &i64| (time * 1_000_000).to_string();
    let lines = |each: &dyn Fn(&i64) -> String| times.iter().map(each).collect::<String>();
    let values: Vec<Value> = times.iter().map(|time| json!([nanos(time), "line"])).collect();
    let record = |time: &i64| json!({"timeUnixNano": nanos(time), "body": {"stringValue": "line"}});
    let records: Vec<Value> = times.iter().map(record).collect();
    [
        ("/api/v1/logs", lines(&|time| format!("{}\n", json!({"time": time, "message": "line"})))),
        (LOKI, json!({"streams": [{"stream": {"app": "shop"}, "values": values}]}).to_string()),
        (
            "/_bulk",
            lines(&|time| {
                format!("{{\"create\":{{}}}}\n{}\n", json!({"time": time, "message": "line"}))
            }),
        ),
        (
            "/v1/logs",
            json!({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).to_string(),
        ),
    ]
}

#[tokio::test]
async fn what_is_refused_for_good_is_said_and_the_rest_is_kept() {
    const OLD: i64 = 100 * 86_400_000;
    for (door, body) in doors(&[3, OLD, 1, -OLD]) {
        let server = Server::new();
        let (status, text) = server.send("POST", door, &[JSON], body).await;
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        match door {
            // Loki's clients count what is refused, and do not send it again.
            LOKI => {
                assert_eq!(status, 400, "{text}");
                assert!(text.contains("2 of 4 entries are refused for good, all others are kept"));
                assert!(text.contains("number 2") && text.contains("logs.retention"), "{text}");
            }
            "/_bulk" => {
                assert!(status == 200 && answer["errors"] == true, "{text}");
                let states: Vec<&Value> = answer["items"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|item| &item["create"]["status"])
                    .collect();
                assert_eq!(states, [201, 400, 201, 400]);
                let why = &answer["items"][3]["create"]["error"]["reason"];
                assert!(why.as_str().unwrap().contains("in the future"), "{text}");
            }
            "/v1/logs" => {
                let partial = &answer["partialSuccess"];
                assert!(status == 200 && partial["rejectedLogRecords"] == "2", "{text}");
                assert!(partial["errorMessage"].as_str().unwrap().contains("2 of 4"), "{text}");
            }
            _ => {
                assert_eq!(status, 200, "{text}");
                assert_eq!((&answer["accepted"], &answer["dropped"]), (&json!(2), &json!(2)));
                assert_eq!(
                    (&answer["errors"][0]["line"], &answer["errors"][1]["line"]),
                    (&json!(2), &json!(4))
                );
            }
        }
        assert_eq!(server.messages("").await, ["line", "line"], "{door}");
        let (_, metrics) = server.send("GET", "/metrics", &[], "").await;
        let entries = metrics.lines().filter(|line| line.starts_with("vigie_log_entries_total{"));
        let taken: f64 =
            entries.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum();
        assert_eq!(taken, 2.0, "{door}: what is refused was not taken in: {metrics}");
        let source = if door == LOKI { "loki" } else { "" };
        for reason in ["too_old", "too_new"] {
            let counted = metrics.lines().any(|line| {
                line.starts_with("vigie_log_entries_dropped_total{")
                    && line.contains(&format!("source=\"{source}"))
                    && line.ends_with(&format!("reason=\"{reason}\"}} 1"))
            });
            assert!(counted, "{door} {reason}: {metrics}");
        }
    }
}

#[tokio::test]
async fn a_sender_of_lokis_protocol_may_ask_which_are_refused() {
    const OLD: i64 = 100 * 86_400_000;
    let server = Server::new();
    let (_, body) =
        doors(&[3, OLD, 1, -OLD, OLD]).into_iter().find(|(door, _)| *door == LOKI).unwrap();
    let accept = ("accept", "application/problem+json, */*;q=0.5");
    let (status, headers, text) = server.answer("POST", LOKI, &[JSON, accept], body).await;
    assert_eq!(
        (status.as_u16(), &headers["content-type"]),
        (400, &"application/problem+json".parse().unwrap())
    );
    let problem: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(problem["type"], "/problems/partly-refused");
    let refused = problem["refused"].as_array().unwrap();
    assert_eq!(refused.len(), 2, "{text}");
    assert_eq!((&refused[0]["entries"], &refused[1]["entries"]), (&json!([1, 4]), &json!([3])));
    assert!(refused[0]["reason"].as_str().unwrap().contains("logs.retention_days"), "{text}");
    assert_eq!(server.messages("").await.len(), 2);
}

#[tokio::test]
async fn labels_that_cannot_be_read_cost_a_push_the_lines_of_their_stream_alone() {
    const OLD: i64 = 100 * 86_400_000;
    let server = Server::new();
    let value =
        |age: i64, text: &str| json!([((START.millis() - age) * 1_000_000).to_string(), text]);
    let body = json!({ "streams": [
        { "stream": { "app": "shop" }, "values": [value(9, "one")] },
        { "stream": { "app": 7 }, "values": [value(8, "no"), value(7, "no")] },
        { "stream": { "app": "shop" }, "values": [value(6, "two"), value(OLD, "no")] },
    ] });
    let accept = ("accept", "application/problem+json");
    let (status, text) = server.send("POST", LOKI, &[JSON, accept], body.to_string()).await;
    assert_eq!(status, 400, "{text}");
    let problem: Value = serde_json::from_str(&text).unwrap();
    let refused = problem["refused"].as_array().unwrap();
    let entries = |why: &str| {
        let one = refused.iter().find(|one| one["reason"].as_str().unwrap().contains(why));
        &one.unwrap_or_else(|| panic!("{why}: {text}"))["entries"]
    };
    assert_eq!(entries("the label \"app\" is no text"), &json!([1, 2]));
    assert_eq!(entries("logs.retention_days"), &json!([4]));
    assert_eq!(server.messages("").await, ["two", "one"]);
    let (_, metrics) = server.send("GET", "/metrics", &[], "").await;
    let counted = "vigie_log_entries_dropped_total{source=\"loki\",reason=\"labels\"} 2";
    assert!(metrics.lines().any(|line| line == counted), "{metrics}");
}

#[tokio::test]
async fn where_nothing_is_kept_no_door_says_that_it_went_well() {
    for (door, body) in doors(&[100 * 86_400_000]) {
        let server = Server::new();
        let (status, text) = server.send("POST", door, &[JSON], body).await;
        let said = match door {
            "/_bulk" => status == 200 && text.contains("\"errors\":true"),
            "/v1/logs" => status == 200 && text.contains("\"rejectedLogRecords\":\"1\""),
            _ => status == 400,
        };
        assert!(said, "{door}: {status} {text}");
    }
}

#[tokio::test]
async fn over_a_rate_nothing_is_kept_and_it_is_said_when_to_come_back() {
    for (door, body) in doors(&[15; 15]) {
        let server = Server::slow();
        let (status, text) = server.send("POST", door, &[JSON], body.clone()).await;
        assert!(status.is_success(), "a full allowance takes any request: {door} {text}");
        let (status, headers, text) = server.answer("POST", door, &[JSON], body).await;
        assert!(status == 429 && text.contains("logs.entries_per_second"), "{door}: {text}");
        let after: u64 = headers["retry-after"].to_str().unwrap().parse().unwrap();
        // Five are owed, and ten is the full allowance.
        assert_eq!(after, 15, "{door}");
        assert_eq!(server.messages("").await.len(), 15, "{door}");
        let (_, metrics) = server.send("GET", "/metrics", &[], "").await;
        let dropped = metrics.lines().find(|line| {
            line.starts_with("vigie_log_entries_dropped_total{") && line.contains("\"rate\"")
        });
        assert!(dropped.is_some_and(|line| line.ends_with(" 15")), "{door}: {metrics}");
    }
    let server = Server::slow();
    for expected in [[201; 10].as_slice(), &[429]].concat() {
        let (status, text) = server.send("POST", "/api/v1/events", &[], "deployed").await;
        assert_eq!(status, expected, "{text}");
    }
}

/// A problem document, and what it says.
fn problem(status: u16, (found, headers, text): (StatusCode, HeaderMap, String)) -> Value {
    assert_eq!(found, status, "{text}");
    assert_eq!(headers["content-type"], "application/problem+json", "{text}");
    let problem: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(problem["status"], status);
    assert!(problem["type"].as_str().unwrap().starts_with("/problems/"), "{problem}");
    assert!(!problem["title"].as_str().unwrap().is_empty(), "{problem}");
    problem
}

#[tokio::test(start_paused = true)]
async fn the_doors_of_vigies_own_refuse_with_problem_documents() {
    let (server, slow) = (Server::new(), Server::slow());
    for path in ["/api/v1/logs", "/api/v1/events"] {
        let gzip = [("content-encoding", "gzip")];
        let says = problem(400, server.answer("POST", path, &[], "{").await);
        assert!(says["detail"].as_str().unwrap().contains("JSON object"), "{says}");
        let br = [("content-encoding", "br")];
        let says = problem(415, server.answer("POST", path, &br, "x").await);
        let expected = "the content encoding \"br\" is not known here: use gzip or zstd";
        assert_eq!(says["detail"], expected);
        let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut bomb, &vec![b' '; 64 << 20]).unwrap();
        problem(413, server.answer("POST", path, &gzip, bomb.finish().unwrap()).await);
        let silent = Body::from_stream(futures_util::stream::pending::<std::io::Result<Vec<u8>>>());
        let says = problem(408, server.answer("POST", path, &[], silent).await);
        assert_eq!(says["detail"], "the body did not come within 30 s");
        for _ in 0..11 {
            slow.send("POST", path, &[], r#"{"message": "x"}"#).await;
        }
        let (status, headers, text) = slow.answer("POST", path, &[], r#"{"message": "x"}"#).await;
        assert!(headers.contains_key("retry-after"), "{text}");
        problem(429, (status, headers, text));
    }
    // Which line is wrong is said in the same document.
    let says = problem(400, server.answer("POST", "/api/v1/logs", &[], "{}\n1").await);
    assert_eq!((&says["accepted"], &says["failed"]), (&json!(0), &json!(2)), "{says}");
    assert_eq!(says["errors"].as_array().unwrap().len(), 2, "{says}");
    assert!(says["detail"].as_str().unwrap().starts_with("line 1: "), "{says}");
}

#[tokio::test]
async fn what_has_no_meaning_is_refused_and_levels_are_of_any_case() {
    let server = Server::new();
    for level in ["warn", "WARN", "unknown", "Unknown"] {
        server.get(&format!("/api/v1/logs?level={level}")).await;
    }
    for path in [
        "logs?from=2026-11-23T14:00:01Z&to=2026-11-23T14:00:00Z",
        "logs/histogram?from=2000000&to=1000000",
        "logs/facets?from=2000000&to=1000000",
        "events?from=2000000&to=1000000",
        "logs?step=60",
        "logs/facets?limit=0",
        "logs/facets?step=1",
        "logs/histogram?limit=5",
        "logs/histogram?cursor=x",
        "metrics?x=1",
        "verdict?x",
        "sources?source=main",
        "forwarding?x=1",
        "storage?x=1",
        "queue/status?sorce=main",
    ] {
        let answer = server.answer("GET", &format!("/api/v1/{path}"), &[], "").await;
        let says = problem(400, answer);
        assert_eq!(says["type"], "/problems/bad-parameter", "{path}: {says}");
    }
}

#[tokio::test]
async fn a_mark_of_the_byte_order_and_a_year_that_is_none_of_ours_are_one_thing_at_every_door() {
    for (door, body) in doors(&[3]) {
        let server = Server::new();
        let (status, text) = server.send("POST", door, &[JSON], format!("\u{feff}{body}")).await;
        assert!(status.is_success(), "{door}: {text}");
        assert_eq!(server.messages("").await, ["line"], "{door}");
    }
    let server = Server::new();
    for body in ["\u{feff}deployed", "\u{feff}{\"message\":\"deployed\"}"] {
        let (status, text) = server.send("POST", "/api/v1/events", &[], body).await;
        assert_eq!(status, 201, "{text}");
    }
    assert_eq!(server.messages("").await, ["deployed", "deployed"]);
    // RFC 3339 has years that nanoseconds have not.
    for (year, says) in [("2300", "in the future"), ("1600", "logs.retention_days")] {
        let line = json!({"message": "x", "time": format!("{year}-01-01T00:00:00Z")}).to_string();
        let (status, text) = server.send("POST", "/api/v1/events", &[JSON], line.clone()).await;
        assert!(status == 400 && text.contains(says) && !text.contains("RFC 3339"), "{text}");
        let (status, text) = server.send("POST", "/api/v1/logs", &[JSON], line).await;
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (status.as_u16(), &answer["dropped"], &answer["failed"]),
            (400, &json!(1), &json!(0))
        );
        assert_eq!(answer["errors"][0]["line"], 1);
        assert!(answer["errors"][0]["error"].as_str().unwrap().contains(says), "{text}");
    }
}

#[tokio::test]
async fn one_endpoint_of_otlp_serves_metrics_and_logs_and_other_paths_are_none() {
    let server = Server::new();
    let (_, body) = doors(&[3]).into_iter().find(|(door, _)| *door == "/v1/logs").unwrap();
    let (status, text) = server.send("POST", "/api/v1/otlp/v1/logs", &[JSON], body.clone()).await;
    assert_eq!(status, 200, "{text}");
    assert_eq!(server.messages("").await, ["line"]);
    for path in ["/otlp/v1/logs", "/api/v1/otlp/v1/traces", "/nope"] {
        let (status, text) = server.send("POST", path, &[JSON], body.clone()).await;
        assert!(status == 404 && text.contains("/problems/not-found"), "{path}: {status} {text}");
    }
}
