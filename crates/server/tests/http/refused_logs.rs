//! What each door of log entries says of those that it does not keep: so that a sender loses none without a word, and sends
//! none for ever.

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
        assert!(status == 400 && text.contains(says) && !text.contains("malformed"), "{text}");
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
