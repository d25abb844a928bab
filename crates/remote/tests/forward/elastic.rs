//! What is sent, from where on, and what is left out.

use serde_json::{Value, json};
use vigie_model::{LogEntry, Time, event_from_object};
use vigie_store::logs::{LogOptions, LogStore};
use vigie_testkit::{BulkServer, Certificates, TlsFront, WebAnswer, WebServer};

use crate::support::*;

#[tokio::test]
async fn every_entry_arrives_once_and_so_do_those_that_come_later() {
    let (dir, server) = (tempfile::tempdir().unwrap(), BulkServer::start());
    let store = store(dir.path());
    fill(&store, 0..10);
    let more = json!({"api_key": "k3y", "headers": {"X-Team": "jobs"}});
    let running = Running::start(&store, config(&server.url(), more), options(dir.path()));
    assert_eq!((running.status().up, running.status().pending), (None, 0));
    fill(&store, 10..2_510);
    running.emptied().await;
    store.maintain(now()).unwrap();
    fill(&store, 2_510..2_520);
    running.emptied().await;
    let status = running.status();
    assert_eq!((status.sent, status.up, status.oldest_pending_seconds), (2_510, Some(true), None));
    running.stop().await;
    assert_eq!(server.wrong(), Vec::<String>::new());
    // What was there before the destination was configured is not its business.
    assert_eq!(numbers(server.documents().values()), (10..2_520).collect::<Vec<_>>());
    let head = &server.heads()[0].to_ascii_lowercase();
    assert!(head.starts_with("post /logs-vigie-default/_bulk?filter_path="), "{head}");
    assert!(head.contains("authorization: apikey k3y") && head.contains("x-team: jobs"), "{head}");
    assert!(server.templates().is_empty());
    let document =
        server.documents().into_values().find(|one| one["message"] == "line 10").unwrap();
    assert_eq!(document["service"]["name"], "api");
    assert_eq!(document["vigie"], json!({"queue": "emails", "fields": {"n": 10}}));
}

#[tokio::test]
async fn a_new_destination_gets_what_was_before_where_that_is_wanted() {
    let (dir, server) = (tempfile::tempdir().unwrap(), BulkServer::start());
    let store = store(dir.path());
    fill(&store, 0..50);
    let more = json!({"history": true, "setup": true, "index": "lines"});
    let running = Running::start(&store, config(&server.url(), more), options(dir.path()));
    running.emptied().await;
    assert_eq!((running.status().sent, running.status().lost), (50, 0));
    running.stop().await;
    let heads: Vec<String> =
        server.heads().iter().map(|head| head.split(" HTTP").next().unwrap().to_owned()).collect();
    assert_eq!(heads[..2], ["GET /", "PUT /_index_template/vigie-lines"]);
    assert!(heads[2].starts_with("POST /lines/_bulk"), "{heads:?}");
    let template = &server.templates()["vigie-lines"];
    assert_eq!(template["index_patterns"], json!(["lines"]));
    assert_eq!(template["template"]["mappings"]["properties"]["labels"]["type"], "flattened");
    assert!(template.get("data_stream").is_none());
}

#[tokio::test]
async fn it_goes_on_where_it_was_and_a_lost_position_costs_no_entry() {
    let (dir, server) = (tempfile::tempdir().unwrap(), BulkServer::start());
    let store = store(dir.path());
    let with = || config(&server.url(), json!({"batch_entries": 100}));
    let running = Running::start(&store, with(), options(dir.path()));
    fill(&store, 0..300);
    running.emptied().await;
    running.stop().await;
    // Nobody forwards meanwhile.
    fill(&store, 300..600);
    let running = Running::start(&store, with(), options(dir.path()));
    running.emptied().await;
    assert_eq!(running.status().sent, 300);
    running.stop().await;
    assert_eq!((server.documents().len(), server.repeats()), (600, 0));

    // The store's positions are gone, its entries are not: all are sent again, rather than some never.
    store.close();
    drop(store);
    let away = dir.path().join("logs");
    let old = LogStore::open(LogOptions::new(&away), now()).unwrap().0;
    let position = vigie_store::logs::Position { reader: "forward:there".into(), bytes: vec![9] };
    old.append_wait(Vec::new(), Some(position)).unwrap();
    let running = Running::start(&old, with(), options(dir.path()));
    running.emptied().await;
    assert_eq!((running.status().sent, running.status().lost), (600, 0));
    running.stop().await;
    assert_eq!(server.wrong(), Vec::<String>::new());
}

#[tokio::test]
async fn lines_below_the_level_stay_and_events_go() {
    let (dir, server) = (tempfile::tempdir().unwrap(), BulkServer::start());
    let store = store(dir.path());
    let running = Running::start(
        &store,
        config(&server.url(), json!({"min_level": "error"})),
        options(dir.path()),
    );
    fill(&store, 0..20);
    let Value::Object(map) = json!({"message": "api 2 is out", "subject": "api"}) else { panic!() };
    let event = event_from_object(map, "ci", Time::from_millis(now())).unwrap();
    let mut bad = LogEntry::blank("api", Time::from_millis(now()));
    bad.set_level("FATAL");
    store.append_wait(vec![event, bad], None).unwrap();
    running.emptied().await;
    let status = running.status();
    assert_eq!((status.sent, status.skipped), (2, 20));
    running.stop().await;
    let found: Vec<Value> = server.documents().into_values().collect();
    assert!(
        found
            .iter()
            .any(|one| one["event"]["action"] == "deploy"
                && one["event"]["dataset"] == "vigie.event")
    );
    assert!(
        found.iter().any(|one| one["log"]["level"] == "fatal" && one["vigie"]["level"] == "FATAL")
    );
}

#[tokio::test]
async fn what_retention_took_first_is_counted() {
    let (dir, server) = (tempfile::tempdir().unwrap(), BulkServer::start());
    const DAY: i64 = 86_400_000;
    let options_of_store =
        LogOptions { head_rows: 10, retention_ms: DAY, ..LogOptions::new(dir.path().join("logs")) };
    let (store, _) = LogStore::open(options_of_store, now()).unwrap();
    let with = || config(&server.url(), json!({}));
    Running::start(&store, with(), options(dir.path())).stop().await;
    let old = |n: usize| LogEntry { time_nanos: (now() - DAY + 60_000) * 1_000_000, ..entry(n) };
    store.append_wait((0..30).map(old).collect(), None).unwrap();
    while store.maintain(now()).unwrap().more {}
    fill(&store, 30..40);
    while store.maintain(now()).unwrap().more {}
    // A little later the old ones are too old.
    store.maintain(now() + 600_000).unwrap();
    let running = Running::start(&store, with(), options(dir.path()));
    running.emptied().await;
    let status = running.status();
    assert_eq!((status.sent, status.lost), (10, 30));
    running.stop().await;
    assert_eq!(numbers(server.documents().values()), (30..40).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_authority_of_ones_own_is_trusted_where_it_is_named() {
    let (dir, server) = (tempfile::tempdir().unwrap(), BulkServer::start());
    let certificates = Certificates::new();
    let front = TlsFront::start(&certificates, server.port());
    let store = store(dir.path());
    let with = |more: Value| config(&front.url(), more);
    let running = Running::start(&store, with(json!({})), options(dir.path()));
    fill(&store, 0..10);
    running.until("a stranger is trusted", |status| status.up == Some(false)).await;
    let error = running.status().error.unwrap();
    assert!(error.to_lowercase().contains("certificate"), "{error}");
    running.stop().await;
    assert_eq!(server.requests(), 0);
    let trusted =
        with(json!({"tls": {"ca_file": certificates.ca()}, "username": "ada", "password": "x"}));
    let running = Running::start(&store, trusted, options(dir.path()));
    running.emptied().await;
    running.stop().await;
    assert_eq!(server.documents().len(), 10);
    assert!(server.heads()[0].to_ascii_lowercase().contains("authorization: basic ywrhong="));
}

#[tokio::test]
async fn while_many_append_and_blocks_are_made_none_is_left_out() {
    let (dir, server) = (tempfile::tempdir().unwrap(), BulkServer::start());
    let small = LogOptions { head_rows: 300, ..LogOptions::new(dir.path().join("logs")) };
    let (store, _) = LogStore::open(small, now()).unwrap();
    let with = config(&server.url(), json!({"batch_entries": 70}));
    let running = Running::start(&store, with, options(dir.path()));
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let store = store.clone();
            tokio::task::spawn_blocking(move || {
                for n in 0..75 {
                    let first = writer * 1_500 + n * 20;
                    // Some are late, so that blocks overlap.
                    let late = |m: usize| LogEntry {
                        time_nanos: (now() - (m as i64 % 7) * 3_600_000) * 1_000_000,
                        ..entry(m)
                    };
                    store.append_wait((first..first + 20).map(late).collect(), None).unwrap();
                    if writer == 0 {
                        store.maintain(now()).unwrap();
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    running.emptied().await;
    assert_eq!((running.status().sent, running.status().lost), (6_000, 0));
    running.stop().await;
    assert_eq!(numbers(server.documents().values()), (0..6_000).collect::<Vec<_>>());
    assert_eq!((server.repeats(), server.wrong()), (0, Vec::new()));
}

#[tokio::test]
async fn nothing_is_sent_before_the_template_is_there() {
    let (dir, server) = (tempfile::tempdir().unwrap(), WebServer::start());
    let store = store(dir.path());
    let with = config(&server.url(""), json!({"index": "x", "setup": true}));
    server.set("*", WebAnswer::status(401, "who are you"));
    let running = Running::start(&store, with, options(dir.path()));
    fill(&store, 0..5);
    let says = |words: &'static str| {
        let running = &running;
        async move {
            let holds = |why: &String| why.contains(words);
            running.until(words, |status| status.error.as_ref().is_some_and(holds)).await;
        }
    };
    says("401").await;
    server.set("/", WebAnswer::ok("text/html", "<h1>it works</h1>"));
    says("is not answered as Elasticsearch does").await;
    server.set("/", WebAnswer::Endless);
    says("is not answered as Elasticsearch does").await;
    server.set("/", WebAnswer::ok("application/json", r#"{"version":{"number":"8.1.0"}}"#));
    says("401").await;
    server.set("/_index_template/vigie-x", WebAnswer::status(400, "no such field type"));
    says("no such field type").await;
    assert!(!server.heads().iter().any(|head| head.contains("_bulk")), "{:?}", server.heads());
    server.set("/_index_template/vigie-x", WebAnswer::ok("application/json", "{}"));
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !server.heads().iter().any(|head| head.starts_with("POST /x/_bulk")) {
        assert!(std::time::Instant::now() < end, "{:?}", running.status());
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    running.stop().await;
}
