//! BullMQ for real: the library's own producers and workers, compared with what their handlers wrote down.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod node_workload;
mod watching;

use std::collections::HashMap;
use std::time::Duration;

use redis::Commands as _;
use vigie_model::{Broker, Observation, Quality, WorkersReading};
use vigie_testkit::{Proxy, RedisServer};

use node_workload::{
    ByType, Node, above_the_rate, batches, ended, failed_are_kept, five_hundred_queues, ledger,
    observed, pool, really, spread, sums, until_busy, until_ended,
};
use watching::Watching;

const EXAMPLE: &str = "bullmq";

/// The names of all queues.
fn queues(server: &RedisServer) -> Vec<String> {
    let keys: Vec<String> = server.admin().keys("bull:*:events").unwrap();
    keys.iter().filter_map(|key| Some(key.strip_suffix(":events")?.to_owned())).collect()
}

/// From each `active` entry to the one that ends it, in milliseconds, ascending; read apart from Vigie.
fn stream_runs(server: &RedisServer) -> Vec<f64> {
    let mut admin = server.admin();
    let mut runs = Vec::new();
    for queue in queues(server) {
        let entries: redis::streams::StreamRangeReply =
            admin.xrange_all(format!("{queue}:events")).unwrap();
        let mut started: HashMap<String, f64> = HashMap::new();
        for entry in entries.ids {
            let ms: f64 = entry.id.split_once('-').unwrap().0.parse().unwrap();
            let job: String = entry.get("jobId").unwrap_or_default();
            match entry.get::<String>("event").unwrap().as_str() {
                "active" => drop(started.insert(job, ms)),
                "completed" | "failed" | "delayed" | "waiting" => {
                    runs.extend(started.remove(&job).map(|start| ms - start));
                }
                _ => {}
            }
        }
    }
    runs.sort_by(f64::total_cmp);
    runs
}

/// What BullMQ itself has counted over all jobs: failed attempts, and attempts whose worker vanished.
fn counted(server: &RedisServer) -> (usize, usize) {
    let mut admin = server.admin();
    let keys: Vec<String> = admin.keys("bull:*:*").unwrap();
    let mut field =
        |key: &String, field: &str| -> Option<String> { admin.hget(key, field).ok().flatten() };
    let (mut failed, mut stalls) = (0, 0);
    for key in &keys {
        let mut number =
            |name: &str| field(key, name).and_then(|text| text.parse().ok()).unwrap_or(0_usize);
        failed += number("atm");
        stalls += number("stc");
        // Of the attempts made, one may have ended well, or be the broker's own that fails a stalled job for good.
        let ended_well = field(key, "returnvalue").is_some();
        let stalled =
            field(key, "failedReason").is_some_and(|reason| reason.starts_with("job stalled"));
        failed -= usize::from(ended_well || stalled);
    }
    (failed, stalls)
}

fn compare(seen: &ByType, real: &ByType) {
    for (name, real) in real {
        assert_eq!(seen[name].counts(), real.counts(), "{name}: enqueued, succeeded, failed");
        assert_eq!((seen[name].unknown_runs, seen[name].unknown_waits), (0, 0), "{name}");
    }
    assert_eq!(seen.len(), real.len(), "every type is known");
    let runs = spread(&pool(seen, |own| &own.runs), &pool(real, |own| &own.runs));
    let waits = spread(&pool(seen, |own| &own.waits), &pool(real, |own| &own.waits));
    println!("runs above the handlers': {runs:.2?} ms; waits above: {waits:.2?} ms");
    // BullMQ's run holds the handler's and the library's way there and back, which takes long on a busy machine;
    // ids of entries are whole milliseconds.
    assert!(runs.least > -2.0 && runs.median < 50.0, "{runs:?}");
    assert!(waits.median.abs() < 50.0, "{waits:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_are_equal_and_durations_close_to_the_ledger_also_for_the_past() {
    let server = RedisServer::start();
    let dir = tempfile::tempdir().unwrap();
    let watching = Watching::url(&server.url());
    watching.good().await;
    let _workers = [
        Node::worker(EXAMPLE, &server, dir.path(), "w1"),
        Node::worker(EXAMPLE, &server, dir.path(), "w2"),
    ];
    Node::producer(EXAMPLE, &server, dir.path(), 300).done().await;
    until_ended(&server, 300).await;

    let real = really(&ledger(dir.path()));
    let all = watching.all();
    let seen = observed(&all);
    compare(&seen, &real);
    failed_are_kept(&watching, &server, Broker::BullMq, &["emails", "media", "search"]).await;
    let exact = spread(&pool(&seen, |own| &own.runs), &stream_runs(&server));
    assert!(exact.least > -1e-3 && exact.most < 1e-3, "{exact:?}");
    assert!(batches(&all).all(|batch| !batch.gap && !batch.types_sampled));
    let readings = all.iter().filter_map(|one| match one {
        Observation::Queue(reading) => Some(reading),
        _ => None,
    });
    assert!(readings.clone().count() > 0);
    assert!(readings.clone().all(|reading| reading.quality == Quality::Exact));

    // Another Vigie, started now, has the same past.
    drop(watching);
    let later = Watching::url(&server.url());
    let (enqueued, succeeded, failed) = sums(&real);
    later
        .until("the past", 30.0, |all| {
            (sums(&observed(all)) == (enqueued, succeeded, failed)).then_some(())
        })
        .await;
    compare(&observed(&later.all()), &real);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_is_told_and_a_cut_connection_loses_nothing() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port()).await;
    let dir = tempfile::tempdir().unwrap();
    let watching = Watching::url(&format!("redis://127.0.0.1:{}", proxy.port()));
    watching.good().await;
    let (first, _second) = (
        Node::worker(EXAMPLE, &server, dir.path(), "w1"),
        Node::worker(EXAMPLE, &server, dir.path(), "w2"),
    );
    let producing = Node::producer(EXAMPLE, &server, dir.path(), 300);
    watching
        .until("two named workers of a queue", 30.0, |all| {
            all.iter().rev().find_map(|one| match one {
                Observation::Workers(WorkersReading {
                    broker: Broker::BullMq,
                    workers: Some(some),
                    ..
                }) => {
                    let name = some.first()?.queues[0].clone();
                    let own: Vec<_> =
                        some.iter().filter(|worker| worker.queues[0] == name).collect();
                    (own.len() == 2 && own.iter().all(|worker| worker.busy.is_some())).then_some(())
                }
                _ => None,
            })
        })
        .await;
    proxy.cut();
    tokio::time::sleep(Duration::from_secs(1)).await;
    until_busy(&server).await;
    first.kill();
    producing.done().await;
    until_ended(&server, 300).await;

    let (enqueued, ..) = sums(&really(&ledger(dir.path())));
    let (completed, _) = ended(&server);
    // The ledger cannot tell whether a job that had written its end was killed before BullMQ heard of it.
    let (failed, stalls) = counted(&server);
    println!("stalls {stalls}, failed {failed}");
    assert!(stalls > 0, "the killed worker was busy");
    let expected = (enqueued, completed, failed + stalls);
    // The reader starts again with backoff; what it missed is in the stream.
    watching.until("every job", 40.0, |all| (sums(&observed(all)) == expected).then_some(())).await;
    assert!(
        batches(&watching.all()).all(|batch| !batch.gap),
        "nothing was trimmed, so nothing is missing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_trimmed_before_it_was_read_is_a_gap() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port()).await;
    let watching = Watching::url(&format!("redis://127.0.0.1:{}", proxy.port()));
    watching.good().await;
    let script = |count: usize| {
        format!(
            r"
            import {{ Queue }} from 'bullmq';
            const queue = new Queue('small', {{ connection: {{ url: process.env.REDIS_URL }}, streams: {{ events: {{ maxLen: 100 }} }} }});
            await queue.addBulk(Array.from({{ length: {count} }}, () => ({{ name: 'a', data: {{}} }})));
            await queue.close();
            process.exit(0);"
        )
    };
    Node::script(EXAMPLE, &server.url(), &script(20)).done().await;
    watching.until("20 jobs", 40.0, |all| (sums(&observed(all)).0 == 20).then_some(())).await;
    assert!(batches(&watching.all()).all(|batch| !batch.gap));
    proxy.set(vigie_testkit::ProxyMode::Refuse);
    Node::script(EXAMPLE, &server.url(), &script(2_000)).done().await;
    proxy.set(vigie_testkit::ProxyMode::Forward);
    watching.until("a gap", 40.0, |all| batches(all).any(|batch| batch.gap).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_come_pause_and_go() {
    let server = RedisServer::start();
    // A queue whose stream is something else must not stop the others from being read.
    server.run(&["HSET", "bull:odd:meta", "opts.maxLenEvents", "10"]);
    server.run(&["SET", "bull:odd:events", "hello"]);
    let watching = Watching::url(&server.url());
    watching.good().await;
    let script = r"
        import { Queue, FlowProducer } from 'bullmq';
        const connection = { url: process.env.REDIS_URL };
        const idle = new Queue('idle', { connection });
        await idle.waitUntilReady();
        const queue = new Queue('busy', { connection });
        await queue.add('a', {}, { priority: 3 });
        await queue.add('a', {}, { priority: 1 });
        await queue.add('a', {});
        await queue.add('a', {}, { delay: 60000 });
        await queue.pause();
        const flow = new FlowProducer({ connection });
        await flow.add({ name: 'parent', queueName: 'idle', children: [{ name: 'child', queueName: 'idle' }] });
        await Promise.all([idle.close(), queue.close(), flow.close()]);
        process.exit(0);
    ";
    Node::script(EXAMPLE, &server.url(), script).done().await;
    // Nobody waits on these queues and no reader knows them: the next sweep of the scan finds them.
    let reading = watching.queue("busy", |reading| reading.paused).await;
    let counts = reading.counts;
    assert_eq!((counts.waiting, counts.scheduled, counts.active), (Some(3), Some(1), Some(0)));
    let reading = watching.queue("busy", |reading| reading.oldest.is_some()).await;
    let age = reading.at.since(reading.oldest.unwrap());
    assert!((0.0..60.0).contains(&age), "{age}");
    watching.queue("odd", |reading| reading.counts.waiting == Some(0)).await;
    watching
        .until("the jobs of busy", 20.0, |all| {
            let seen = observed(all);
            seen.get("busy/a").is_some_and(|own| own.enqueued == 4).then_some(())
        })
        .await;
    let idle = watching.queue("idle", |reading| reading.counts.waiting == Some(1)).await;
    assert_eq!(idle.counts.blocked, Some(1));
    let script = r"
        import { Queue } from 'bullmq';
        const queue = new Queue('busy', { connection: { url: process.env.REDIS_URL } });
        await queue.obliterate({ force: true });
        await queue.close();
        process.exit(0);
    ";
    Node::script(EXAMPLE, &server.url(), script).done().await;
    let mut admin = server.admin();
    // What BullMQ writes when it opens a queue stays behind.
    let _: () = admin.del(&["bull:busy:meta", "bull:busy:events"]).unwrap();
    watching
        .until("the queue is gone", 30.0, |all| {
            let gone = |one: &Observation| matches!(one, Observation::QueueGone { queue, .. } if queue.name.as_str() == "busy");
            all.iter().any(gone).then_some(())
        })
        .await;
    let bull = watching.all().iter().any(
        |one| matches!(one, Observation::Queue(reading) if reading.queue.broker == Broker::Bull),
    );
    assert!(!bull, "a queue of BullMQ is never Bull's");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_to_read_streams_totals_are_sampled() {
    let server = RedisServer::start();
    server.run(&["ACL", "SETUSER", "vigie", "on", ">secret", "~*", "&*", "+@all", "-xread"]);
    let script = r"
        import { Queue } from 'bullmq';
        const queue = new Queue('q', { connection: { url: process.env.REDIS_URL } });
        for (let n = 0; n < 30; n += 1) { await queue.add('a', {}); await new Promise((go) => setTimeout(go, 50)); }
        await queue.close();
        process.exit(0);
    ";
    let adding = Node::script(EXAMPLE, &server.url(), script);
    loop {
        let keys: Vec<String> = server.admin().keys("bull:q:events").unwrap();
        if !keys.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let watching = Watching::url(&format!("redis://vigie:secret@127.0.0.1:{}", server.port()));
    let reading = watching.queue("q", |reading| reading.quality == Quality::Sampled).await;
    adding.done().await;
    let counted = watching
        .until("counted jobs", 30.0, |all| {
            let counted: u64 = batches(all)
                .flat_map(|batch| &batch.events)
                .map(|event| match event.fact {
                    vigie_model::JobFact::Counted { enqueued, .. } => enqueued,
                    _ => 0,
                })
                .sum();
            (counted > 0).then_some(counted)
        })
        .await;
    assert!(counted <= 30 && reading.counts.waiting.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_queues_cost_little() {
    five_hundred_queues(EXAMPLE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn above_the_rate_counts_are_still_exact() {
    let watching = above_the_rate(EXAMPLE).await;
    // The stream says the type of each job itself.
    assert!(batches(&watching.all()).all(|batch| !batch.types_sampled));
}
