//! What a Redis may do to us, each with the message that people see: against real servers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

mod watching;

use std::time::{Duration, Instant};

use redis::Commands as _;
use vigie_testkit::{Proxy, ProxyMode, RedisServer};
use watching::{Watching, check, fill_asynq};

#[tokio::test(flavor = "multi_thread")]
async fn without_a_redis_it_waits_and_recovers_when_one_comes() {
    let mut server = RedisServer::builder().prepare();
    let watching = Watching::url(&server.url());
    let fault = watching.fault(2.0).await;
    assert_eq!(fault.error, format!("127.0.0.1:{}: connection refused", server.port()));
    assert_eq!(fault.hint.unwrap(), "is Redis running, and are host and port right?");
    // The fault is repeated at each interval, so that ages stay right.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let reports = watching.reports();
    assert!(reports.len() >= 4, "{} reports in 1.1 s at one each 0.2 s", reports.len());
    assert!(reports.iter().all(|(_, report)| report.found.is_empty()));
    assert_eq!(check(&reports[0].1, "connect").detail, fault.error);

    tokio::task::block_in_place(|| server.boot());
    fill_asynq(&mut server.admin(), "default", 3);
    let report = watching.good().await;
    assert_eq!(report.server.as_ref().unwrap().mode.as_deref(), Some("standalone"));
    watching.queue("default", |reading| reading.counts.waiting == Some(3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_good_poll_names_the_queues() {
    let server = RedisServer::start();
    fill_asynq(&mut server.admin(), "default", 1);
    let watching = Watching::url(&server.url());
    let report = watching.good().await;
    assert_eq!(report.found, [(vigie_model::Broker::Asynq, 1)]);
    let reading = watching.queue("default", |_| true).await;
    assert_eq!((reading.counts.waiting, reading.counts.blocked), (Some(1), Some(0)));
    assert_eq!(check(&report, "asynq").detail, "1 queue");
    assert_eq!(check(&report, "bull").state, vigie_model::CheckState::Missing);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_hangs_is_stale_within_two_seconds_and_recovers() {
    let server = RedisServer::start();
    let mut config =
        vigie_collect::source::redis::RedisConfig::from_url("main", &server.url()).unwrap();
    config.poll = Duration::from_secs(1);
    let watching = Watching::config(config);
    watching.good().await;
    let hung = Instant::now();
    server.pause();
    watching.forget();
    let fault = watching.fault(2.0).await;
    assert!(hung.elapsed() < Duration::from_secs(2), "{:?}", hung.elapsed());
    let place = format!("127.0.0.1:{}", server.port());
    assert_eq!(
        fault.error,
        format!("{place}: no answer within 0.8 s: the server hangs or the network drops packets")
    );
    // It goes on saying so while it cannot even log in.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let reports = watching.reports();
    assert!(reports.len() >= 3, "{}", reports.len());
    server.resume();
    watching.good().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_and_restarted_on_the_same_port() {
    let mut server = RedisServer::start();
    fill_asynq(&mut server.admin(), "default", 2);
    let watching = Watching::url(&server.url());
    watching.good().await;
    watching.forget();
    server.kill();
    let fault = watching.fault(2.0).await;
    let place = format!("127.0.0.1:{}", server.port());
    assert_eq!(fault.error, format!("{place}: the server closed the connection"));
    tokio::task::block_in_place(|| server.boot());
    watching.forget();
    let back = watching.good().await;
    assert!(back.found.is_empty(), "the new server is empty: {:?}", back.found);
    let gone = |all: &[vigie_model::Observation]| {
        all.iter()
            .any(|one| matches!(one, vigie_model::Observation::QueueGone { .. }))
            .then_some(())
    };
    watching.until("the queue is told gone", 5.0, gone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_redis_is_named_so() {
    for garbage in [
        &b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH_9.2\r\n",
        &[0x15, 3, 1, 0, 2, 2, 70],
    ] {
        let proxy = Proxy::answering(garbage).await;
        let watching = Watching::url(&format!("redis://127.0.0.1:{}", proxy.port()));
        let fault = watching.fault(3.0).await;
        let place = format!("127.0.0.1:{}", proxy.port());
        assert_eq!(
            fault.error,
            format!("{place}: this is not a Redis: it does not speak its protocol")
        );
        assert_eq!(fault.hint.unwrap(), "check host and port; a Redis with TLS needs rediss://");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_cut_is_made_again_at_once() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port()).await;
    let watching = Watching::url(&format!("redis://127.0.0.1:{}", proxy.port()));
    watching.good().await;
    watching.forget();
    proxy.cut();
    let fault = watching.fault(2.0).await;
    assert!(fault.error.ends_with("the server closed the connection"), "{fault}");
    let cut = Instant::now();
    watching.good().await;
    assert!(cut.elapsed() < Duration::from_secs(1), "{:?}", cut.elapsed());
    // A proxy that accepts and closes is nobody's Redis.
    watching.forget();
    proxy.set(ProxyMode::Refuse);
    let at_once = |all: &[vigie_model::Observation]| {
        all.iter().find_map(|one| match one {
            vigie_model::Observation::Polled(report) => {
                let fault = report.outcome.as_ref().err()?;
                fault
                    .error
                    .ends_with("the server closed the connection before its first answer")
                    .then_some(())
            }
            _ => None,
        })
    };
    watching.until("a server that hangs up at once", 3.0, at_once).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_hosts_sockets_and_databases() {
    let watching = Watching::url("redis://no-such-host.invalid:6379");
    let fault = watching.fault(5.0).await;
    assert_eq!(fault.error, "no-such-host.invalid:6379: unknown host");

    let watching = Watching::url("unix:///no/such/redis.sock");
    assert_eq!(watching.fault(2.0).await.error, "/no/such/redis.sock: there is no such socket");

    let server = RedisServer::start();
    let watching = Watching::url(&format!("{}/99", server.url()));
    let fault = watching.fault(2.0).await;
    let place = format!("127.0.0.1:{}", server.port());
    assert_eq!(
        fault.error,
        format!("{place}: database 99 cannot be selected: DB index is out of range")
    );
    assert!(fault.hint.unwrap().starts_with("use a number below databases"));
}

#[tokio::test(flavor = "multi_thread")]
async fn unix_sockets_and_database_numbers() {
    let server = RedisServer::start();
    let mut admin = server.admin();
    let _: () = redis::cmd("SELECT").arg(3).query(&mut admin).unwrap();
    fill_asynq(&mut admin, "third", 1);
    let watching = Watching::url(&format!("unix://{}?db=3", server.socket().display()));
    watching.queue("third", |_| true).await;
    let watching = Watching::url(&format!("{}/3", server.url()));
    watching.queue("third", |_| true).await;
    let watching = Watching::url(&server.url());
    let report = watching.good().await;
    assert_eq!(check(&report, "asynq").detail, "no asynq queue in database 0 (no asynq:queues)");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_full_or_busy_says_so() {
    let server = RedisServer::builder().config("maxclients 3").start();
    let hold: Vec<_> = (0..3).map(|_| server.admin()).collect();
    let watching = Watching::url(&server.url());
    let fault = watching.fault(2.0).await;
    let place = format!("127.0.0.1:{}", server.port());
    assert_eq!(
        fault.error,
        format!("{place}: the server has reached its maximum number of clients")
    );
    assert!(fault.hint.unwrap().contains("maxclients"));
    drop(hold);
    watching.good().await;

    let server = RedisServer::builder().config("busy-reply-threshold 100").start();
    let watching = Watching::url(&server.url());
    watching.good().await;
    watching.forget();
    let mut admin = server.admin();
    let script = std::thread::spawn(move || {
        let _: redis::RedisResult<()> =
            redis::cmd("EVAL").arg("while true do end").arg(0).query(&mut admin);
    });
    let busy = watching.until("a busy server", 5.0, |all| {
        all.iter().find_map(|one| match one {
            vigie_model::Observation::Polled(report) => report
                .outcome
                .as_ref()
                .err()
                .filter(|fault| fault.error.ends_with("busy with a script"))
                .cloned(),
            _ => None,
        })
    });
    busy.await;
    let mut admin = server.admin();
    let _: () = redis::cmd("SCRIPT").arg("KILL").query(&mut admin).unwrap();
    script.join().unwrap();
    watching.good().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_another_type_are_unknown_not_zero_and_are_named() {
    let server = RedisServer::start();
    let mut admin = server.admin();
    fill_asynq(&mut admin, "odd", 1);
    let _: () = redis::cmd("SET").arg("asynq:{odd}:active").arg("x").query(&mut admin).unwrap();
    let _: () =
        redis::cmd("SET").arg("asynq:{odd}:processed").arg("no number").query(&mut admin).unwrap();
    let watching = Watching::url(&server.url());
    let reading = watching.queue("odd", |_| true).await;
    assert_eq!((reading.counts.active, reading.counts.waiting), (None, Some(1)));
    let report = watching.good().await;
    assert_eq!(
        check(&report, "asynq").detail,
        "asynq queue odd: active: the key holds another type of value"
    );

    let server = RedisServer::start();
    let _: () = redis::cmd("SET").arg("asynq:queues").arg("x").query(&mut server.admin()).unwrap();
    let watching = Watching::url(&server.url());
    let report = watching.good().await;
    assert_eq!(check(&report, "asynq").detail, "asynq:queues: the key holds another type of value");
}

#[tokio::test]
async fn a_sum_of_which_a_part_is_unknown_is_unknown_in_bull_and_bullmq() {
    let server = RedisServer::start();
    let mut admin = server.admin();
    let _: () = admin.hset("bull:mq:meta", "opts.maxLenEvents", 10_000).unwrap();
    let _: () = admin.set("bull:mq:wait", "x").unwrap();
    let _: () = admin.zadd("bull:mq:prioritized", "7", 1).unwrap();
    let _: () = admin.set("bull:old:id", 3).unwrap();
    let _: () = admin.set("bull:old:wait", "x").unwrap();
    let _: () = admin.zadd("bull:old:completed", "1", 1).unwrap();
    let _: () = admin
        .hset_multiple("bull:old:1", &[("name", "x"), ("timestamp", "1"), ("opts", "{}")])
        .unwrap();
    let watching = Watching::url(&server.url());
    let reading = watching.queue("mq", |_| true).await;
    assert_eq!((reading.counts.waiting, reading.counts.active), (None, Some(0)));
    let reading = watching.queue("old", |_| true).await;
    assert_eq!((reading.counts.waiting, reading.counts.completed), (None, Some(1)));
    watching.forget();
    let report = watching.good().await;
    let says = |broker: &str, queue: &str| {
        let expected = format!("{broker} queue {queue}: wait: the key holds another type of value");
        assert_eq!(check(&report, broker).detail, expected);
    };
    says("bullmq", "mq");
    says("bull", "old");
}
