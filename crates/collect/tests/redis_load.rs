//! What Vigie costs a Redis, and that it only reads; against real servers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

mod watching;

use std::collections::BTreeSet;
use std::time::Duration;

use vigie_collect::source::redis::RedisConfig;
use vigie_testkit::RedisServer;
use watching::{Watching, check, cpu, fill_asynq};

fn every_second(server: &RedisServer) -> Watching {
    Watching::config(RedisConfig::from_url("main", &server.url()).unwrap())
}

/// CPU milliseconds that a server uses by itself, in a second.
async fn idle(server: &RedisServer) -> f64 {
    let before = cpu(server);
    tokio::time::sleep(Duration::from_secs(2)).await;
    (cpu(server) - before) / 2.0
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_queues_of_asynq() {
    let server = RedisServer::start();
    let mut admin = server.admin();
    for queue in 0..500 {
        fill_asynq(&mut admin, &format!("queue-{queue}"), 5);
    }
    let idle = idle(&server).await;
    let watching = every_second(&server);
    watching.good().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = cpu(&server);
    watching.forget();
    tokio::time::sleep(Duration::from_secs(6)).await;
    let costs = watching.costs();
    let spent = (cpu(&server) - before) / costs.len() as f64 - idle;
    let worst = costs.iter().map(|cost| cost.round_trips).max().unwrap();
    let (commands, bytes) = (costs[0].commands, costs[0].bytes);
    let seconds = costs.iter().map(|cost| cost.seconds).sum::<f64>() / costs.len() as f64;
    println!(
        "500 queues: {commands} commands, {worst} round trips, {bytes} bytes, {:.1} ms, Redis {spent:.1} ms a poll",
        seconds * 1e3
    );
    assert!(worst <= 2);
    assert!(commands < 4_000, "{commands}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_million_other_keys_do_not_matter() {
    let server = RedisServer::start();
    server.run(&["DEBUG", "POPULATE", "1000000", "key", "10"]);
    let mut pipe = redis::pipe();
    for user in 0..50_000 {
        // These look like queues of Bull, at first.
        pipe.set(format!("user:{user}:id"), user).ignore();
    }
    let _: () = pipe.query(&mut server.admin()).unwrap();
    fill_asynq(&mut server.admin(), "default", 1);
    let idle = idle(&server).await;
    let watching = every_second(&server);
    let first = watching.good().await;
    assert_eq!(check(&first, "asynq").detail, "1 queue");
    assert_eq!(
        check(&first, "bull").detail,
        "no queue yet; the keys are still being looked through"
    );
    watching.forget();
    let before = cpu(&server);
    tokio::time::sleep(Duration::from_secs(6)).await;
    let reports = watching.reports();
    assert!((5..=8).contains(&reports.len()), "{} polls in 6 s", reports.len());
    let spent = (cpu(&server) - before) / reports.len() as f64 - idle;
    let costs = watching.costs();
    println!("1 M keys: Redis {spent:.2} ms a poll, {:?}", costs[0]);
    assert!(costs.iter().all(|cost| cost.round_trips <= 2), "{costs:?}");
    assert!(costs.iter().all(|cost| cost.commands < 1_000), "{costs:?}");
    let usec = server.text(&["INFO", "commandstats"]);
    let scan = usec.lines().find(|line| line.starts_with("cmdstat_scan:")).unwrap();
    println!("{scan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_among_many_keys_is_found_and_a_new_one_too() {
    let server = RedisServer::start();
    server.run(&["DEBUG", "POPULATE", "15000", "key", "10"]);
    let make = |name: &str| {
        server.run(&["HSET", &format!("bull:{name}:meta"), "opts.maxLenEvents", "10000"]);
        server.run(&["XADD", &format!("bull:{name}:events"), "*", "event", "added", "jobId", "1"]);
    };
    make("mail");
    let watching = Watching::url(&server.url());
    let first = watching.good().await;
    assert_eq!(
        check(&first, "bullmq").detail,
        "1 queue",
        "15,000 keys are looked through before the first report"
    );
    make("later");
    watching
        .until("the new queue", 25.0, |all| {
            all.iter()
                .any(|one| {
                    matches!(one, vigie_model::Observation::Queue(reading)
                if reading.queue.name.as_str() == "later")
                })
                .then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_only_reads() {
    let server = RedisServer::start();
    fill_asynq(&mut server.admin(), "default", 3);
    server.run(&["HSET", "bull:mail:meta", "opts.maxLenEvents", "10000"]);
    server.run(&["XADD", "bull:mail:events", "*", "event", "added", "jobId", "1"]);
    server.run(&["SET", "bull:old:id", "1"]);
    server.run(&["HSET", "bull:old:1", "name", "n", "timestamp", "1", "data", "{}"]);
    server.run(&["LPUSH", "bull:old:wait", "1"]);
    server.run(&["CONFIG", "RESETSTAT"]);
    let watching = Watching::url(&server.url());
    watching.queue("default", |_| true).await;
    watching.queue("mail", |_| true).await;
    watching.queue("old", |_| true).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(watching.costs().iter().skip(1).all(|cost| cost.round_trips <= 2));
    let stats = server.text(&["INFO", "commandstats"]);
    let writes: Vec<String> =
        redis::from_redis_value(server.run(&["ACL", "CAT", "write"])).unwrap();
    let scripts: Vec<String> =
        redis::from_redis_value(server.run(&["ACL", "CAT", "scripting"])).unwrap();
    let forbidden: BTreeSet<String> = writes
        .into_iter()
        .chain(scripts)
        .chain(["keys", "monitor", "flushall", "config|set", "publish", "multi"].map(str::to_owned))
        .collect();
    for line in stats.lines().filter_map(|line| line.strip_prefix("cmdstat_")) {
        let command = line.split(':').next().unwrap();
        assert!(!forbidden.contains(command), "Vigie sent {command}");
    }
    assert!(stats.contains("cmdstat_lrange") && stats.contains("cmdstat_scan"), "{stats}");
}
