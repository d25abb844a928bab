//! Log entries and events of services, by cursor: each once, whoever is started anew, and what is lost is said.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use serde_json::json;
use vigie_collect::{LineKeeper, LinePosition, LinesNotKept};
use vigie_model::{Check, CheckState, InstanceStatus, Level, LogEntry, PollReport};

use crate::service::Service;
use crate::watch::{Watch, go_api_with};

/// What is kept, as on a disk: it outlives who reads.
#[derive(Default)]
pub struct Lines {
    entries: Mutex<Vec<LogEntry>>,
    positions: Mutex<HashMap<String, Vec<u8>>>,
    full: Mutex<bool>,
}

impl LineKeeper for Lines {
    fn position(&self, reader: &str) -> Option<Vec<u8>> {
        self.positions.lock().unwrap().get(reader).cloned()
    }

    fn keep(
        &self,
        entries: Vec<LogEntry>,
        position: LinePosition,
    ) -> BoxFuture<'_, Result<(), LinesNotKept>> {
        Box::pin(async move {
            if *self.full.lock().unwrap() {
                return Err(LinesNotKept("the disk is full".to_owned()));
            }
            assert!(position.reader.len() <= 512 && position.bytes.len() <= 64 << 10);
            self.entries.lock().unwrap().extend(entries);
            self.positions.lock().unwrap().insert(position.reader, position.bytes);
            Ok(())
        })
    }
}

impl Lines {
    fn messages(&self) -> Vec<String> {
        self.entries.lock().unwrap().iter().map(|entry| entry.message.clone()).collect()
    }

    async fn until(&self, what: &str, last: &str) {
        let begun = Instant::now();
        while !self.messages().iter().any(|message| message == last) {
            assert!(begun.elapsed() < Duration::from_secs(30), "{what}: {:?}", self.messages());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn watch(service: &Service, lines: &Arc<Lines>) -> Watch {
    go_api_with(
        json!({"url": service.url(), "name": "shop"}),
        Arc::clone(lines) as Arc<dyn LineKeeper>,
    )
}

fn check(report: &PollReport, id: &str) -> Option<Check> {
    report.checks.iter().find(|check| check.id == id).cloned()
}

/// Waits until the check says this.
async fn said(watch: &Watch, id: &str, words: &str) -> Check {
    let what = format!("{id}: {words}");
    watch.until(&what, |_, report| check(report, id).filter(|one| one.detail.contains(words))).await
}

fn numbers(from: usize, to: usize) -> Vec<String> {
    (from..=to).map(|number| number.to_string()).collect()
}

#[tokio::test]
async fn every_line_is_read_once_over_restarts_of_either_side() {
    let (service, lines) = (Service::start(&["logs", "events"], 100_000), Arc::<Lines>::default());
    numbers(1, 4_500).iter().for_each(|number| service.log(number));
    let first = watch(&service, &lines);
    lines.until("pages", "4500").await;
    drop(first);
    numbers(4_501, 4_600).iter().for_each(|number| service.log(number));
    let second = watch(&service, &lines);
    lines.until("from where it left off", "4600").await;
    assert_eq!(lines.messages(), numbers(1, 4_600));
    let entry = lines.entries.lock().unwrap()[0].clone();
    assert_eq!((&*entry.source, &*entry.instance, entry.level), ("shop", "host:1", Level::Info));
    assert_eq!((entry.fields.as_str(), &*entry.queue), (r#"{"n":1}"#, ""));

    service.restart();
    numbers(1, 3).iter().for_each(|number| service.log(number));
    said(&second, "logs", "; 1 times another process answered").await;
    let fine = said(&second, "logs", "103 log entries of 1 of 1 replicas").await;
    assert_eq!((fine.state, fine.fix), (CheckState::Ok, None));
    let messages = lines.messages();
    assert!(messages[4_600].starts_with("another process answers at 127.0.0.1:"), "{messages:?}");
    assert_eq!(messages[4_601..], numbers(1, 3));
    drop(second);
    // What was kept of the former process is not taken for one of this.
    service.log("after");
    let _third = watch(&service, &lines);
    lines.until("the same process", "after").await;
    assert_eq!(lines.messages().len(), 4_605);
}

#[tokio::test]
async fn what_the_ring_lost_is_counted_and_stands_among_the_lines() {
    let (service, lines) = (Service::start(&["logs"], 5), Arc::<Lines>::default());
    service.log("1");
    let first = watch(&service, &lines);
    lines.until("the first", "1").await;
    drop(first);
    numbers(2, 20).iter().for_each(|number| service.log(number));
    let second = watch(&service, &lines);
    let lost = said(&second, "logs", "; 14 were gone before they could be read").await;
    assert_eq!(lost.state, CheckState::Warning);
    assert!(lost.fix.unwrap().contains("larger ring"));
    let absent = said(&second, "events", "no replica has /api/v1/events").await;
    assert_eq!(absent.state, CheckState::Missing);
    lines.until("the last", "20").await;
    let all = lines.entries.lock().unwrap().clone();
    let gap = &all[1];
    assert_eq!((&*gap.kind, gap.level, &*gap.instance), ("gap", Level::Warn, &*service.address()));
    assert!(gap.message.starts_with("14 log entries of 127.0.0.1:"), "{}", gap.message);
    assert_eq!(lines.messages()[2..], numbers(16, 20));
    assert!(service.asked().iter().all(|target| !target.contains("/jobs")), "nobody wants them");
}

#[tokio::test]
async fn one_bad_line_among_good_costs_itself_alone() {
    let (service, lines) = (Service::start(&["logs", "events"], 100), Arc::<Lines>::default());
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    service.log("good");
    for bad in [
        "7",
        "null",
        "{}",
        r#"{"message":"x","time":"yesterday"}"#,
        &format!(r#"{{"message":"x","fields":{deep}}}"#),
    ] {
        service.write("logs", bad);
    }
    service.write("logs", r#"{"message":"","level":"warn","level_text":"WARN+1","cursor":"a-1","fields":{},"truncated":true}"#);
    service.log("last");
    service.write("events", r#"{"id":"a-1","time":"2026-11-25T20:00:00Z","type":"deploy","severity":"warn","subject":"shop","message":"shop 1.4","fields":{"commit":"9f"}}"#);
    service.write("events", r#"{"type":7}"#);
    let watch = watch(&service, &lines);
    let bad = said(&watch, "logs", "; 5 could not be read").await;
    assert_eq!(bad.state, CheckState::Warning);
    lines.until("the event", "shop 1.4").await;
    let all = lines.entries.lock().unwrap().clone();
    let logs: Vec<&LogEntry> = all.iter().filter(|entry| &*entry.kind != "event").collect();
    let messages: Vec<&str> = logs.iter().map(|entry| entry.message.as_str()).collect();
    assert_eq!(messages, ["good", "", "last"]);
    assert_eq!(
        (&*logs[1].level_text, logs[1].fields.as_str()),
        ("WARN+1", r#"{"truncated":true}"#)
    );
    let event = all.iter().find(|entry| &*entry.kind == "event").unwrap();
    let fields: serde_json::Value = serde_json::from_str(&event.fields).unwrap();
    assert_eq!(
        fields,
        json!({"commit": "9f", "event": "deploy", "severity": "warning", "subject": "shop"})
    );
    said(&watch, "events", "; 1 could not be read").await;
}

#[tokio::test]
async fn slow_feeds_delay_no_figures_and_a_full_disk_loses_nothing() {
    let (service, lines) = (Service::start(&["logs"], 100), Arc::<Lines>::default());
    service.slow("logs", Duration::from_secs(60));
    let watch = watch(&service, &lines);
    let up = &[(&*service.address(), InstanceStatus::Up)];
    watch.statuses(up).await;
    let slow = said(&watch, "logs", "no answer within").await;
    assert_eq!(slow.state, CheckState::Warning);
    watch.statuses(up).await;
    service.slow("logs", Duration::ZERO);
    *lines.full.lock().unwrap() = true;
    service.log("kept later");
    said(&watch, "logs", "lines are not kept: the disk is full").await;
    assert!(lines.messages().is_empty());
    *lines.full.lock().unwrap() = false;
    lines.until("the disk has room", "kept later").await;
    assert_eq!(lines.messages().len(), 1);
}

#[tokio::test]
async fn pages_that_are_none_are_named() {
    use vigie_testkit::{WebAnswer, WebServer};
    let server = WebServer::start();
    server.set("/api/v1/metrics", WebAnswer::ok("application/json", r#"{"boot": "a"}"#));
    let stuck = r#"{"boot":"b","next":"b-1","more":true,"entries":[{"message":"x"}]}"#;
    for (answer, says) in [
        (WebAnswer::ok("text/html", "<html>"), "the answer is text/html, not JSON"),
        (WebAnswer::ok("application/json", "[1"), "the page is not what docs/go-api.md says"),
        (
            WebAnswer::ok("application/json", r#"{"boot":"b","next":"b-1"}"#),
            "has no list \"entries\"",
        ),
        (
            WebAnswer::ok("application/json", r#"{"next":"b-1","entries":[]}"#),
            "\"boot\" of the page is no cursor",
        ),
        (WebAnswer::ok("application/json", stuck), "its cursor stands still while there is more"),
    ] {
        server.set("/api/v1/logs", answer);
        server.set("*", WebAnswer::status(404, "no"));
        let lines = Arc::<Lines>::default();
        let config = json!({"url": server.url(""), "name": "shop"});
        let watch = go_api_with(config, Arc::clone(&lines) as Arc<dyn LineKeeper>);
        let check = said(&watch, "logs", says).await;
        assert_eq!(check.state, CheckState::Warning, "{check:?}");
        assert!(lines.messages().len() <= 1, "{says}");
    }
}
