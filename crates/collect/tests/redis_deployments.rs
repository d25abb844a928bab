//! Sentinel and cluster, against real servers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

mod watching;

use std::time::{Duration, Instant};

use serde_json::json;
use vigie_testkit::{RedisCluster, RedisServer, Sentinels};
use watching::{Watching, check, fill_asynq};

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_is_followed() {
    let mut sentinels = tokio::task::block_in_place(Sentinels::start);
    fill_asynq(&mut sentinels.master().admin(), "default", 4);
    let watching = Watching::json(json!({
        "name": "main", "poll_seconds": 0.2,
        "sentinel": {"master": Sentinels::MASTER, "nodes": sentinels.addresses()},
    }));
    let report = watching.good().await;
    assert_eq!(report.server.unwrap().mode.as_deref(), Some("sentinel"));
    watching.queue("default", |reading| reading.counts.waiting == Some(4)).await;
    let old = sentinels.master().port();
    // Wait until the replica has the queue too.
    tokio::time::sleep(Duration::from_millis(500)).await;

    watching.forget();
    let killed = Instant::now();
    let failing = watching.fault(3.0);
    let (fault, ()) =
        tokio::join!(failing, async { tokio::task::block_in_place(|| sentinels.fail_over()) });
    assert!(fault.error.starts_with(&format!("127.0.0.1:{old}: ")), "{fault}");
    watching.good().await;
    watching.queue("default", |reading| reading.counts.waiting == Some(4)).await;
    println!("from kill to the first good poll: {:?}", killed.elapsed());

    // The same by URL.
    let url = format!("redis+sentinel://{}/{}", sentinels.addresses().join(","), Sentinels::MASTER);
    Watching::url(&url).good().await;
    let fault = Watching::url(&format!("redis+sentinel://{}/nobody", sentinels.addresses()[0]))
        .fault(2.0)
        .await;
    assert_eq!(fault.error, "the sentinels know no master called nobody");
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_that_are_away_or_are_none() {
    let fault = Watching::url("redis+sentinel://127.0.0.1:1,127.0.0.1:2/mymaster").fault(3.0).await;
    assert!(fault.error.starts_with("no sentinel answers; one of them: 127.0.0.1:"), "{fault}");
    assert!(fault.error.ends_with(": connection refused"), "{fault}");
    let server = RedisServer::start();
    let fault = Watching::url(&format!("redis+sentinel://127.0.0.1:{}/mymaster", server.port()))
        .fault(3.0)
        .await;
    assert!(fault.error.contains("unknown command 'SENTINEL'"), "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_one_source() {
    let mut cluster = tokio::task::block_in_place(RedisCluster::start);
    let names: Vec<String> = (0..30).map(|number| format!("queue-{number}")).collect();
    for name in &names {
        cluster.run(&["SADD", "asynq:queues", name]);
        cluster.run(&["LPUSH", &format!("asynq:{{{name}}}:pending"), "1", "2"]);
        cluster.run(&[
            "HSET",
            &format!("asynq:{{{name}}}:t:1"),
            "state",
            "pending",
            "pending_since",
            "1700000000000000000",
        ]);
    }
    cluster.run(&["HSET", "{bull}:mail:meta", "opts.maxLenEvents", "10000"]);
    cluster.run(&["XADD", "{bull}:mail:events", "*", "event", "added", "jobId", "1"]);
    // One address is enough: the server says that it is a cluster.
    let watching = Watching::url(&cluster.nodes()[0].url());
    let report = watching.good().await;
    assert_eq!(report.server.as_ref().unwrap().mode.as_deref(), Some("cluster"));
    assert_eq!(check(&report, "asynq").detail, "30 queues");
    assert_eq!(check(&report, "bullmq").detail, "1 queue");
    for name in &names {
        let reading = watching.queue(name, |reading| reading.oldest.is_some()).await;
        assert_eq!(reading.counts.waiting, Some(2));
    }
    let cost = watching.good().await.outcome.unwrap();
    assert!(cost.round_trips <= 2, "{cost:?}");

    // A slot moves to another node: the map is read again.
    let key = "asynq:{queue-0}:pending";
    move_slot(&cluster, key);
    watching.forget();
    watching.queue("queue-0", |reading| reading.counts.waiting == Some(2)).await;
    let late = watching.good().await;
    assert!(late.outcome.is_ok());

    // A node dies: the source says which.
    let port = cluster.nodes()[2].port();
    watching.forget();
    cluster.nodes_mut()[2].kill();
    let fault = watching.fault(3.0).await;
    assert!(fault.error.contains(&port.to_string()), "{fault}");
}

/// Gives the slot of `key`, with its keys, to another node.
fn move_slot(cluster: &RedisCluster, key: &str) {
    let slot: u16 =
        redis::from_redis_value(cluster.nodes()[0].run(&["CLUSTER", "KEYSLOT", key])).unwrap();
    let slot = slot.to_string();
    let from = cluster.node_of(key);
    let to = cluster.nodes().iter().find(|node| node.port() != from.port()).unwrap();
    let (from_id, to_id) = (from.text(&["CLUSTER", "MYID"]), to.text(&["CLUSTER", "MYID"]));
    to.run(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]);
    from.run(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]);
    let keys: Vec<String> =
        redis::from_redis_value(from.run(&["CLUSTER", "GETKEYSINSLOT", &slot, "100"])).unwrap();
    for key in keys {
        from.run(&["MIGRATE", "127.0.0.1", &to.port().to_string(), &key, "0", "1000"]);
    }
    for node in cluster.nodes() {
        node.run(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]);
    }
}
