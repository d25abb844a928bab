//! Log lines on the live stream, as they come.

use std::time::Instant;

use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use vigie_model::{LogEntry, Time};
use vigie_server::{LogRules, Logs};
use vigie_store::logs::{LogOptions, LogStore};

use crate::filled::{Filled, START};
use crate::stream::{Client, Live};

/// A server with a log store; its folder goes with it.
async fn live() -> (Live, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = LogStore::open(LogOptions::new(dir.path()), START.millis()).unwrap();
    let mut filled = Filled::empty();
    filled.state = filled.state.with_logs(Logs::new(store, &LogRules::default()).unwrap());
    (Live::of(filled).await, dir)
}

async fn post(live: &Live, path: &str, body: String) {
    let request = Request::post(path).header("host", "127.0.0.1:4780");
    let answer = live.filled.send(request.body(Body::from(body)).unwrap()).await;
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
}

/// The next message with lines.
async fn lines(client: &mut Client) -> (Vec<String>, u64) {
    let message = client.message().await;
    assert_eq!((message.event.as_str(), message.id.as_str()), ("lines", ""), "{message:?}");
    let lines = message.data["lines"].as_array().unwrap().iter();
    let said = lines.map(|line| line["message"].as_str().unwrap().to_owned()).collect();
    (said, message.data["skipped"].as_u64().unwrap())
}

#[tokio::test]
async fn what_comes_by_any_door_is_told_to_those_who_want_it_and_to_no_others() {
    let (live, _dir) = live().await;
    // The query is decoded once as a part of the address, and its values once more.
    let wanted = "topics=logs:level%3Dwarn%26queue%3Da%252Cb%26q%3D%2Ftime.*out%2F,sources";
    let mut client = live.listen(wanted, "").await;
    assert_eq!(client.message().await.data["topic"], "sources");
    let begun = client.message().await;
    let topic = "logs:level=warn&queue=a%2Cb&q=/time.*out/";
    assert_eq!((begun.event.as_str(), &begun.data["topic"]), ("lines", &json!(topic)));
    assert_eq!((&begun.data["lines"], &begun.data["skipped"]), (&json!([]), &json!(0)));
    let mut everything = live.listen("topics=logs", "").await;
    assert_eq!(lines(&mut everything).await.0.len(), 0);

    let line = |level: &str, queue: &str, message: &str| {
        json!({"level": level, "queue": queue, "message": message, "password": "hunter2"})
            .to_string()
    };
    let body = [
        line("info", "a,b", "time out"),
        line("error", "other", "time out"),
        line("error", "a,b", "refused"),
        line("error", "a,b", "time ran out"),
    ];
    post(&live, "/api/v1/logs", body.join("\n")).await;
    let message = client.message().await;
    let expected = json!([{"time": "2026-11-23T14:03:39.000Z", "level": "error", "type": null, "source": "api", "instance": null,
        "queue": "a,b", "job": null, "trace": null, "message": "time ran out", "fields": {"password": "[redacted]"}}]);
    assert_eq!(message.data["lines"], expected);
    assert_eq!(lines(&mut everything).await.0.len(), 4);
    post(&live, "/api/v1/events", "api 1.4.2 is out".to_owned()).await;
    assert_eq!(lines(&mut everything).await.0, ["api 1.4.2 is out"]);
}

#[tokio::test]
async fn who_follows_is_not_told_of_what_is_not_kept() {
    let (live, _dir) = live().await;
    let mut client = live.listen("topics=logs", "").await;
    lines(&mut client).await;
    let ancient = json!({"message": "ancient", "time": "1999-01-01T00:00:00Z"}).to_string();
    let long = json!({"message": "x".repeat(1 << 20)}).to_string();
    let kept = json!({"message": "kept"}).to_string();
    post(&live, "/api/v1/logs", [ancient, kept, long].join("\n")).await;
    assert_eq!(lines(&mut client).await, (vec!["kept".to_owned()], 0));
    // Of those that one may not keep up with, the refused ones were not skipped.
    let old = LogEntry::blank("flood", Time::from_seconds(915_148_800));
    let new = LogEntry { time_nanos: START.micros() * 1_000, ..old.clone() };
    let entries: Vec<LogEntry> = [vec![old.clone(); 1_500], vec![new; 3], vec![old; 998]].concat();
    live.filled.state.logs.as_ref().unwrap().take_in(entries, None).await.unwrap();
    let (said, skipped) = lines(&mut client).await;
    assert_eq!((said.len(), skipped), (2, 1), "the oldest of three is one too many");
}

#[tokio::test]
async fn a_flood_is_bounded_and_what_was_skipped_is_told() {
    let (live, _dir) = live().await;
    let mut client = live.listen("topics=logs:source%3Dflood", "").await;
    lines(&mut client).await;
    let blank = LogEntry::blank("flood", START);
    let entries: Vec<LogEntry> =
        (0..20_000).map(|n| LogEntry { message: format!("line {n}"), ..blank.clone() }).collect();
    live.filled.state.logs.as_ref().unwrap().take_in(entries, None).await.unwrap();
    let (mut came, mut skipped, mut last) = (0, 0, String::new());
    while last != "line 19999" {
        let (said, before) = lines(&mut client).await;
        assert!(said.len() <= 200, "{}", said.len());
        came += said.len() as u64;
        skipped += before;
        last = said.last().unwrap().clone();
    }
    assert_eq!((came, skipped), (1_000, 19_000));
}

#[tokio::test]
async fn what_is_wrong_with_a_tail_is_told_and_the_other_topics_go_on() {
    let (live, _dir) = live().await;
    for (asked, says) in [
        ("logs:level%3Dloud", "level"),
        ("logs:q%3D%2F(%2F", "q:"),
        ("logs:limit%3D5", "logs:"),
        ("logs:nope%3D5", "nope"),
        ("logs:from%3D5", "lines as they come"),
    ] {
        let mut client = live.listen(&format!("topics={asked},sources"), "").await;
        assert_eq!(client.message().await.event, "snapshot");
        let error = client.message().await;
        assert_eq!((error.event.as_str(), &error.data["lines"]), ("lines", &json!([])));
        assert!(error.data["error"].as_str().unwrap().contains(says), "{asked}: {error:?}");
    }
    // Without a store there are no lines, but all else.
    let none = Live::of(Filled::new()).await;
    let mut client = none.listen("topics=logs", "").await;
    assert!(client.message().await.data["error"].as_str().unwrap().contains("not open"));
}

/// Prints how long a line is on its way from the request that brings it to a client that follows.
#[tokio::test]
async fn a_line_is_with_who_follows_at_once() {
    let (live, _dir) = live().await;
    let mut client = live.listen("topics=logs", "").await;
    lines(&mut client).await;
    let mut took = Vec::new();
    for n in 0..30 {
        let begun = Instant::now();
        post(&live, "/api/v1/logs", json!({"message": format!("line {n}")}).to_string()).await;
        assert_eq!(lines(&mut client).await.0, [format!("line {n}")]);
        took.push(begun.elapsed().as_secs_f64() * 1e3);
        // Now and then more than the time between two messages.
        tokio::time::sleep(std::time::Duration::from_millis(n * 7)).await;
    }
    took.sort_by(f64::total_cmp);
    println!("tail latency: median {:.1} ms, worst {:.1} ms", took[15], took[29]);
}
