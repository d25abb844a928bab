//! Receivers that fail, refuse and ask for patience.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use vigie_remote::{Outbox, Pushed, RemoteStatus, Sender, SenderOptions};
use vigie_store::Value;

use crate::receiver::Receiver;
use crate::support::*;

fn samples(range: std::ops::Range<i64>) -> Vec<Pushed> {
    range.map(|n| (labels("n", n % 50), n, Value::Float(n as f64))).collect()
}

/// Everything arrived once, in order within each series.
fn check(receiver: &Receiver, wanted: std::ops::Range<i64>) {
    let found = receiver.samples();
    let mut times: Vec<i64> = found.iter().map(|sample| sample.1).collect();
    times.sort_unstable();
    assert_eq!(times, wanted.collect::<Vec<_>>());
    for (labels, time, value) in &found {
        assert_eq!(*labels, format!("__name__=n;of={};", time % 50));
        assert!((*value - *time as f64).abs() < f64::EPSILON);
    }
    for of in 0..50 {
        let own: Vec<i64> = found.iter().map(|one| one.1).filter(|time| time % 50 == of).collect();
        assert!(own.is_sorted(), "{own:?}");
    }
}

fn totals(status: &RemoteStatus) -> [u64; 4] {
    [
        status.total(|shard| shard.sent),
        status.total(|shard| shard.refused),
        status.total(|shard| shard.dropped),
        status.total(|shard| shard.pending),
    ]
}

#[tokio::test]
async fn errors_of_the_server_are_tried_again_until_it_works() {
    let works = Arc::new(AtomicBool::new(false));
    let own = Arc::clone(&works);
    let receiver =
        Receiver::start(move |number, _| match (own.load(Ordering::Relaxed), number % 3) {
            (true, _) => ("200 OK", String::new()),
            (false, 0) => ("503 Service Unavailable", "compacting".to_owned()),
            (false, 1) => ("500 Internal Server Error", "compacting".to_owned()),
            (false, _) => ("silence", String::new()),
        });
    let dir = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(&options(dir.path())).unwrap();
    let sender = Sender::start(&outbox, &config(&receiver.url(), &json!({})), &quick()).unwrap();
    for n in 0..20 {
        push(&outbox, samples(n * 100..n * 100 + 100));
    }
    until("it does not try again", &outbox, || receiver.asked() > 20).await;
    let status = outbox.status();
    assert_eq!(totals(&status), [0, 0, 0, 2_000]);
    assert!(status.last_error().unwrap().starts_with(&receiver.url()), "{status:?}");
    assert!(status.oldest_pending_age(now() + 1_000).unwrap() >= 1_000);
    assert!(status.total(|shard| shard.retries) > 0);
    works.store(true, Ordering::Relaxed);
    emptied(&outbox).await;
    sender.stop().await;
    let status = outbox.status();
    assert_eq!((totals(&status), status.last_error()), ([2_000, 0, 0, 0], None));
    check(&receiver, 0..2_000);
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let reply = "429 Too Many Requests\r\nRetry-After: 1";
    let receiver = Receiver::start(move |number, _| match number {
        0 => (reply, "slow down".to_owned()),
        _ => ("200 OK", String::new()),
    });
    let dir = tempfile::tempdir().unwrap();
    let own = vigie_remote::OutboxOptions { shards: 1, ..options(dir.path()) };
    let outbox = Outbox::open(&own).unwrap();
    let sender = Sender::start(&outbox, &config(&receiver.url(), &json!({})), &quick()).unwrap();
    let before = std::time::Instant::now();
    push(&outbox, samples(0..50));
    emptied(&outbox).await;
    sender.stop().await;
    check(&receiver, 0..50);
    assert_eq!(receiver.asked(), 2, "it asked again too early");
    assert!(receiver.taken()[0].at.duration_since(before) >= Duration::from_secs(1));
}

#[tokio::test]
async fn bad_samples_are_refused_alone_and_counted_with_the_reason() {
    // Two samples in 2,000 that the receiver cannot stand, in whatever company.
    let bad = |time: i64| time == 700 || time == 1_501;
    let receiver = Receiver::start(move |_, request| {
        if request.samples.iter().any(|sample| bad(sample.1)) {
            ("400 Bad Request", "out of order sample".to_owned())
        } else {
            ("200 OK", String::new())
        }
    });
    let dir = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(&options(dir.path())).unwrap();
    push(&outbox, samples(0..2_000));
    let sender = Sender::start(&outbox, &config(&receiver.url(), &json!({})), &quick()).unwrap();
    emptied(&outbox).await;
    sender.stop().await;
    let status = outbox.status();
    assert_eq!(totals(&status), [1_998, 2, 0, 0]);
    let reason = status.shards.iter().find_map(|shard| shard.refused_reason.clone()).unwrap();
    assert_eq!(reason, "400 Bad Request: out of order sample");
    assert_eq!(receiver.samples().len(), 1_998);
    assert!(!receiver.samples().iter().any(|sample| bad(sample.1)));
}

#[tokio::test]
async fn what_is_forbidden_waits_until_it_is_not() {
    let allowed = Arc::new(AtomicBool::new(false));
    let own = Arc::clone(&allowed);
    let receiver =
        Receiver::start(move |number, _| match (own.load(Ordering::Relaxed), number % 3) {
            (true, _) => ("200 OK", String::new()),
            (false, 0) => ("403 Forbidden", "not you".to_owned()),
            (false, 1) => ("401 Unauthorized", "not you".to_owned()),
            (false, _) => ("404 Not Found", "not here".to_owned()),
        });
    let dir = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(&options(dir.path())).unwrap();
    let sender = Sender::start(&outbox, &config(&receiver.url(), &json!({})), &quick()).unwrap();
    push(&outbox, samples(0..1_000));
    until("it does not try again", &outbox, || receiver.asked() > 12).await;
    let status = outbox.status();
    assert_eq!((totals(&status), status.up()), ([0, 0, 0, 1_000], Some(false)));
    allowed.store(true, Ordering::Relaxed);
    push(&outbox, samples(1_000..2_000));
    emptied(&outbox).await;
    sender.stop().await;
    assert_eq!((totals(&outbox.status()), outbox.status().up()), ([2_000, 0, 0, 0], Some(true)));
    check(&receiver, 0..2_000);
    assert_eq!(receiver.connections(), 4, "connections are kept");
}

#[tokio::test]
async fn requests_say_who_they_are_and_have_bounded_sizes() {
    let receiver = Receiver::obliging();
    let more = json!({
        "username": "vigie", "password": "secret", "headers": {"X-Scope-OrgID": "team-a"},
        "native_histograms": false,
    });
    let dir = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(&options(dir.path())).unwrap();
    let mut all = samples(0..20_000);
    all.push((labels("h", 1), 1, histogram(1)));
    push(&outbox, all);
    let own = SenderOptions { batch_samples: 7_000, ..quick() };
    let sender = Sender::start(&outbox, &config(&receiver.url(), &more), &own).unwrap();
    emptied(&outbox).await;
    sender.stop().await;
    check(&receiver, 0..20_000);
    let status = outbox.status();
    assert_eq!(totals(&status), [20_000, 1, 0, 0]);
    for request in receiver.taken() {
        assert!(request.samples.len() < 7_000 + 256 && request.histograms == 0);
        let head = request.head.to_ascii_lowercase();
        for wanted in [
            "post /api/v1/write http/1.1",
            "authorization: basic dmlnawu6c2vjcmv0",
            "x-scope-orgid: team-a",
            "content-encoding: snappy",
            "x-prometheus-remote-write-version: 0.1.0",
        ] {
            assert!(head.contains(wanted), "{wanted} in {head}");
        }
    }
    assert!(!format!("{status:?}").contains("secret"));
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_loses_nothing() {
    let elsewhere = Receiver::obliging();
    let location = format!("307 Temporary Redirect\r\nLocation: {}/api/v1/write", elsewhere.url());
    let location: &'static str = location.leak();
    let receiver = Receiver::start(move |_, _| (location, String::new()));
    let dir = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(&options(dir.path())).unwrap();
    push(&outbox, samples(0..100));
    let sender = Sender::start(&outbox, &config(&receiver.url(), &json!({})), &quick()).unwrap();
    until("it does not try", &outbox, || outbox.status().last_error().is_some()).await;
    sender.stop().await;
    let status = outbox.status();
    assert!(status.last_error().unwrap().contains("write_url is to be"), "{status:?}");
    assert_eq!(totals(&status), [0, 0, 0, 100]);
    assert_eq!(elsewhere.asked(), 0);
}

#[tokio::test]
async fn tls_is_spoken_to_https() {
    // Nobody here has a certificate that the web trusts: that TLS is begun, and its failure told, is what can be seen.
    let receiver = Receiver::obliging();
    let url = receiver.url().replace("http://", "https://");
    let dir = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(&options(dir.path())).unwrap();
    push(&outbox, samples(0..10));
    let own = SenderOptions { timeout: Duration::from_secs(1), ..quick() };
    let sender = Sender::start(&outbox, &config(&url, &json!({})), &own).unwrap();
    until("it does not fail", &outbox, || outbox.status().last_error().is_some()).await;
    sender.stop().await;
    assert_eq!(totals(&outbox.status()), [0, 0, 0, 10]);
    assert!(receiver.taken().is_empty());
}

#[tokio::test]
async fn answers_that_never_end_cost_neither_memory_nor_samples() {
    use std::io::{Read as _, Write as _};
    // Says 200 with a body that has no end; garbage that is no HTTP; a head that drips.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let turns = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let own = Arc::clone(&turns);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, turn) = (stream.unwrap(), own.fetch_add(1, Ordering::Relaxed));
            std::thread::spawn(move || -> std::io::Result<()> {
                let _ = stream.read(&mut [0; 65_536])?;
                match turn {
                    0 => stream.write_all(b"\x00\xff garbage \r\n\r\n"),
                    1 => loop {
                        stream.write_all(b"H")?;
                        std::thread::sleep(Duration::from_millis(20));
                    },
                    _ => {
                        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
                        loop {
                            stream.write_all(&[b'x'; 65_536])?;
                        }
                    }
                }
            });
        }
    });
    let dir = tempfile::tempdir().unwrap();
    let own = vigie_remote::OutboxOptions { shards: 1, ..options(dir.path()) };
    let outbox = Outbox::open(&own).unwrap();
    push(&outbox, samples(0..100));
    let quick = SenderOptions { timeout: Duration::from_secs(2), ..quick() };
    let sender = Sender::start(&outbox, &config(&url, &json!({})), &quick).unwrap();
    emptied(&outbox).await;
    sender.stop().await;
    let status = outbox.status();
    assert_eq!((totals(&status), status.total(|shard| shard.retries)), ([100, 0, 0, 0], 2));
    assert_eq!(turns.load(Ordering::Relaxed), 3);
}
