//! Destinations that are away, slow, full, hostile, or refuse a part: every entry arrives, or is in the dead letters.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use vigie_model::LogEntry;
use vigie_remote::ForwardOptions;
use vigie_store::disk::{Disk, Fault};
use vigie_store::logs::{LogOptions, LogStore};
use vigie_testkit::{BulkReply, BulkServer, free_port};

use crate::support::*;

fn told(status: u16, body: &str) -> BulkReply {
    BulkReply::Refuse(status, Vec::new(), body.to_owned())
}

#[tokio::test]
async fn whatever_is_answered_every_entry_arrives_once() {
    let (dir, server) = (tempfile::tempdir().unwrap(), BulkServer::start());
    let other = BulkServer::start();
    let elsewhere = format!("Location: {}/logs-vigie-default/_bulk", other.url());
    let deep = "[".repeat(100_000);
    server.behave(move |number, _| match number {
        0 => told(503, "starting"),
        1 => BulkReply::Refuse(429, vec!["Retry-After: 1".into()], "{}".into()),
        2 => BulkReply::TakeAndDie,
        3 => BulkReply::TakeAndHang,
        4 => BulkReply::Garbage,
        5 => BulkReply::Endless,
        6 => BulkReply::TakeAndSay("<html>all is well</html>".into()),
        7 => BulkReply::TakeAndSay("{\"errors\":false,\"items\":[]}".into()),
        8 => BulkReply::TakeAndSay(
            "{\"errors\":false,\"items\":[{\"create\":{\"status\":201}}]}".into(),
        ),
        9 => BulkReply::TakeAndSay(deep.clone()),
        10 => BulkReply::Refuse(302, vec![elsewhere.clone()], String::new()),
        11 => BulkReply::Refuse(307, vec![elsewhere.clone()], String::new()),
        12 => told(401, "{\"error\":\"who are you\"}"),
        13 => told(404, "nothing here"),
        14 => told(500, &"x".repeat(3 << 20)),
        15 => BulkReply::Items(
            (0..50).map(|place| (place, if place % 2 == 0 { 429 } else { 503 })).collect(),
        ),
        _ => BulkReply::Obey,
    });
    let store = store(dir.path());
    let own = ForwardOptions { timeout: Duration::from_millis(700), ..options(dir.path()) };
    let running = Running::start(&store, config(&server.url(), json!({})), own);
    let begun = Instant::now();
    fill(&store, 0..100);
    running.until("it waits for no answer", |status| status.error.is_some()).await;
    running.emptied().await;
    assert!(begun.elapsed() >= Duration::from_secs(1), "Retry-After is honoured");
    let status = running.status();
    running.stop().await;
    assert_eq!(numbers(server.documents().values()), (0..100).collect::<Vec<_>>());
    assert_eq!((status.refused, status.error, status.up), (0, None, Some(true)));
    assert!(status.retries >= 16 && status.repeated > 0, "{} {}", status.retries, status.repeated);
    assert_eq!((status.sent + status.repeated, server.wrong()), (100, Vec::new()));
    assert_eq!(other.requests(), 0, "redirects are not followed");
    assert!(letters(dir.path()).is_empty());
}

#[tokio::test]
async fn each_document_is_dealt_with_by_itself() {
    let (dir, server) = (tempfile::tempdir().unwrap(), BulkServer::start());
    server.behave(|_, documents| {
        let status = |message: &str| match message {
            "line 3" => Some(400),
            "line 5" => Some(409),
            _ => None,
        };
        let places = documents.iter().enumerate();
        let told = places
            .filter_map(|(place, one)| Some((place, status(one.source["message"].as_str()?)?)));
        BulkReply::Items(told.collect())
    });
    let store = store(dir.path());
    let running = Running::start(&store, config(&server.url(), json!({})), options(dir.path()));
    fill(&store, 0..10);
    running.emptied().await;
    let status = running.status();
    running.stop().await;
    assert_eq!((status.sent, status.repeated, status.refused, status.retries), (8, 1, 1, 0));
    assert_eq!(status.refused_reason.as_deref(), Some("400: told_exception: so it was told"));
    let letters = letters(dir.path());
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0]["entry"]["message"], "line 3");
    assert_eq!(letters[0]["entry"]["fields"], json!({"n": 3}));
    assert_eq!(
        (&letters[0]["reason"], &letters[0]["destination"]),
        (&json!("400: told_exception: so it was told"), &json!("there"))
    );
}

#[tokio::test]
async fn a_request_that_is_refused_as_a_whole_is_halved() {
    let (dir, server) = (tempfile::tempdir().unwrap(), BulkServer::start());
    server.behave(|_, documents| {
        if documents.iter().any(|one| one.source["message"] == "line 77") {
            told(413, "too large")
        } else {
            BulkReply::Obey
        }
    });
    let store = store(dir.path());
    let running = Running::start(&store, config(&server.url(), json!({})), options(dir.path()));
    fill(&store, 0..300);
    running.emptied().await;
    let status = running.status();
    running.stop().await;
    assert_eq!((status.sent, status.refused), (299, 1));
    assert_eq!(letters(dir.path())[0]["entry"]["message"], "line 77");
    assert!(server.requests() < 40, "{}", server.requests());
}

#[tokio::test]
async fn dead_letters_that_cannot_be_written_hold_everything_up() {
    let (dir, server) = (tempfile::tempdir().unwrap(), BulkServer::start());
    server.behave(|_, documents| {
        let bad = documents.iter().position(|one| one.source["message"] == "line 0");
        BulkReply::Items(bad.map(|place| (place, 400)).into_iter().collect())
    });
    let in_the_way = dir.path().join("forward/dead-letters.ndjson");
    std::fs::create_dir_all(&in_the_way).unwrap();
    let store = store(dir.path());
    let running = Running::start(&store, config(&server.url(), json!({})), options(dir.path()));
    fill(&store, 0..20);
    running
        .until("it does not say so", |status| {
            status.error.as_ref().is_some_and(|why| why.contains("dead letters"))
        })
        .await;
    assert!(running.status().pending > 0);
    std::fs::remove_dir(&in_the_way).unwrap();
    running.emptied().await;
    running.stop().await;
    assert_eq!((letters(dir.path()).len(), server.documents().len()), (1, 19));
}

#[tokio::test]
async fn a_destination_that_is_away_holds_nothing_up_and_costs_no_memory() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let port = free_port();
    let with = config(&format!("http://127.0.0.1:{port}"), json!({"batch_bytes": 65_536}));
    let own = ForwardOptions { read_entries: 500, read_bytes: 100_000, ..options(dir.path()) };
    let running = Running::start(&store, with, own);
    for n in 0..60 {
        // Each append is answered, whatever the destination does.
        let line = |m: usize| LogEntry {
            message: format!("line {}", n * 200 + m),
            fields: format!("{{\"x\":\"{}\"}}", "y".repeat(200)),
            ..entry(0)
        };
        store.append_wait((0..200).map(line).collect(), None).unwrap();
        while store.maintain(now()).unwrap().more {}
    }
    running.until("it does not see that nobody is there", |status| status.up == Some(false)).await;
    assert_eq!((running.status().pending, running.status().sent), (12_000, 0));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(running.status().oldest_pending_seconds.unwrap() > 0.0);

    let server = BulkServer::on(port);
    running.emptied().await;
    running.stop().await;
    assert_eq!(numbers(server.documents().values()), (0..12_000).collect::<Vec<_>>());
    assert!(server.largest() < 200_000, "requests are bounded: {}", server.largest());
    assert_eq!((server.repeats(), server.wrong()), (0, Vec::new()));
}

#[tokio::test]
async fn killed_in_the_middle_again_and_again_it_loses_nothing_and_doubles_nothing() {
    let (dir, server) = (tempfile::tempdir().unwrap(), BulkServer::start());
    let slow = Arc::new(AtomicBool::new(true));
    let own = Arc::clone(&slow);
    server.behave(move |number, _| match number % 4 {
        1 if own.load(Ordering::Relaxed) => BulkReply::TakeAndHang,
        3 if own.load(Ordering::Relaxed) => BulkReply::TakeAndDie,
        _ => BulkReply::Obey,
    });
    let store = store(dir.path());
    let with = || config(&server.url(), json!({"batch_entries": 100}));
    for round in 0..5 {
        let quick = ForwardOptions { timeout: Duration::from_millis(500), ..options(dir.path()) };
        let running = Running::start(&store, with(), quick);
        fill(&store, round * 300..(round + 1) * 300);
        let before = server.requests();
        running.until("nothing is asked", |_| server.requests() > before + 1).await;
        running.kill().await;
    }
    slow.store(false, Ordering::Relaxed);
    let running = Running::start(&store, with(), options(dir.path()));
    running.emptied().await;
    running.stop().await;
    assert_eq!(numbers(server.documents().values()), (0..1_500).collect::<Vec<_>>());
    assert!(server.repeats() > 0, "this test has not seen what it is for");
    assert_eq!(server.wrong(), Vec::<String>::new());
}

#[tokio::test]
async fn what_the_disk_took_late_is_forwarded_too_but_not_before() {
    let (dir, server) = (tempfile::tempdir().unwrap(), BulkServer::start());
    let disk = Disk::default();
    let with_disk = LogOptions { disk: disk.clone(), ..LogOptions::new(dir.path().join("logs")) };
    let (store, _) = LogStore::open(with_disk, now()).unwrap();
    let running = Running::start(&store, config(&server.url(), json!({})), options(dir.path()));
    fill(&store, 0..10);
    running.emptied().await;
    disk.set(Fault::Full);
    store.append_wait(vec![entry(10)], None).unwrap_err();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(server.documents().len(), 10, "it is not on the disk yet");
    disk.set(Fault::None);
    // Nobody appends any more.
    running.until("the last one stays behind", |status| status.sent == 11).await;
    running.stop().await;
    assert_eq!(numbers(server.documents().values()), (0..11).collect::<Vec<_>>());
}
