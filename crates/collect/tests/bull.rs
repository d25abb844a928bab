//! Bull v4 for real: the library's own producers and workers, compared with what their handlers wrote down.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod node_workload;
mod watching;

use std::time::Duration;

use redis::Commands as _;
use vigie_model::{Broker, Observation, Quality, WorkersReading};
use vigie_testkit::{Proxy, RedisServer};

use node_workload::{
    Node, above_the_rate, batches, ended, failed_are_kept, five_hundred_queues, ledger, observed,
    pool, really, spread, sums, until_busy, until_ended,
};
use watching::Watching;

const EXAMPLE: &str = "bull";

/// How long the jobs ran that ended well, in milliseconds, as Bull itself wrote it down.
fn kept_runs(server: &RedisServer) -> Vec<f64> {
    let mut admin = server.admin();
    let mut runs = Vec::new();
    for queue in ["mail", "pdf"] {
        let ids: Vec<String> = admin.zrange(format!("bull:{queue}:completed"), 0, -1).unwrap();
        for id in ids {
            let key = format!("bull:{queue}:{id}");
            let (start, end): (f64, f64) =
                admin.hmget(key, &["processedOn", "finishedOn"]).unwrap();
            runs.push(end - start);
        }
    }
    runs.sort_by(f64::total_cmp);
    runs
}

/// What Bull itself has counted over all jobs: failed attempts, and attempts whose worker vanished.
fn counted(server: &RedisServer) -> (usize, usize) {
    let mut admin = server.admin();
    let keys: Vec<String> = admin.keys("bull:*:*").unwrap();
    let mut sum = |field: &str| -> usize {
        keys.iter()
            .filter_map(|key| admin.hget::<_, _, Option<usize>>(key, field).ok().flatten())
            .sum()
    };
    (sum("attemptsMade"), sum("stalledCounter"))
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_are_equal_and_durations_close_to_the_ledger() {
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

    let lines = ledger(dir.path());
    let (real, seen) = (really(&lines), observed(&watching.all()));
    for (name, real) in &real {
        assert_eq!(seen[name].counts(), real.counts(), "{name}: enqueued, succeeded, failed");
        assert_eq!((seen[name].unknown_runs, seen[name].unknown_waits), (0, 0), "{name}");
    }
    assert_eq!(seen.len(), real.len(), "every type is known");
    let runs = spread(&pool(&seen, |own| &own.runs), &pool(&real, |own| &own.runs));
    let waits = spread(&pool(&seen, |own| &own.waits), &pool(&real, |own| &own.waits));
    println!("runs above the handlers': {runs:.2?} ms; waits above: {waits:.2?} ms");
    // Bull's run holds the handler's and the library's way there and back, which takes long on a busy machine; an
    // attempt to be retried is timed by arrival or by whole milliseconds.
    assert!(runs.least > -5.0 && runs.median < 50.0, "{runs:?}");
    // The handler starts after Bull's `active`, so waits are a little shorter than the ledger's.
    assert!(waits.median.abs() < 50.0, "{waits:?}");
    // What Bull wrote down of jobs that ended well is told as it is.
    let exact = spread(&pool(&seen, |own| &own.good_runs), &kept_runs(&server));
    assert!(exact.least > -1e-3 && exact.most < 1e-3, "{exact:?}");
    failed_are_kept(&watching, &server, Broker::Bull, &["mail", "pdf"]).await;
    let all = watching.all();
    assert!(batches(&all).all(|batch| !batch.gap && !batch.types_sampled));
    let reading = watching.queue("mail", |reading| reading.counts.active == Some(0)).await;
    assert_eq!(reading.quality, Quality::Exact);
    assert_eq!(reading.counts.retry, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_and_a_cut_connection_are_told() {
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
    let workers = watching
        .until("two workers of mail", 30.0, |all| {
            all.iter().rev().find_map(|one| match one {
                Observation::Workers(WorkersReading {
                    broker: Broker::Bull,
                    workers: Some(some),
                    ..
                }) => {
                    let mail = some.iter().filter(|worker| worker.queues[0].as_str() == "mail");
                    (mail.count() == 2).then(|| some.clone())
                }
                _ => None,
            })
        })
        .await;
    assert!(workers.iter().all(|worker| worker.capacity.is_none() && worker.busy.is_none()));
    until_busy(&server).await;
    first.kill();
    producing.done().await;
    until_ended(&server, 300).await;

    let (enqueued, ..) = sums(&really(&ledger(dir.path())));
    let seen = observed(&watching.all());
    // The ledger cannot tell whether a job that had written its end was killed before Bull heard of it; Bull can.
    let ((completed, _), (failed, stalls)) = (ended(&server), counted(&server));
    // A worker may also be killed after it took a job and before it said that it starts: a stall, and no attempt.
    let lines = ledger(dir.path());
    let starts = lines.iter().filter(|line| line.what == "start").count();
    let interrupted = starts - lines.iter().filter(|line| line.outcome.is_some()).count();
    println!("stalls {stalls}, interrupted {interrupted}, seen {:?}", sums(&seen));
    assert!(stalls > 0, "the killed worker was busy");
    let (seen_enqueued, seen_completed, seen_failed) = sums(&seen);
    assert_eq!((seen_enqueued, seen_completed), (enqueued, completed));
    assert!((failed + interrupted..=failed + stalls).contains(&seen_failed), "{seen_failed}");
    assert!(batches(&watching.all()).all(|batch| !batch.gap));

    watching.forget();
    proxy.cut();
    watching
        .until("a gap in both queues", 30.0, |all| {
            let torn =
                |name: &str| batches(all).any(|one| one.gap && one.queue.name.as_str() == name);
            (torn("mail") && torn("pdf")).then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_retries_and_short_lived_jobs_are_counted() {
    let server = RedisServer::start();
    let watching = Watching::url(&server.url());
    watching.good().await;
    let script = r"
        import Queue from 'bull';
        const queue = new Queue('odd:name', process.env.REDIS_URL);
        let failures = 0, ended = 0;
        queue.process('*', 5, async (job) => {
            await new Promise((go) => setTimeout(go, job.data.ms));
            if (job.attemptsMade < job.data.fail) { failures += 1; throw new Error('again'); }
        });
        const jobs = Array.from({ length: 200 }, (_, n) => ({
            name: n % 2 ? 'odd' : 'even',
            data: { ms: 5 + n % 40, fail: n % 4 === 0 ? 1 + n % 3 : 0 },
            opts: { attempts: 4, removeOnComplete: n % 2 === 1 },
        }));
        queue.on('completed', async () => {
            ended += 1;
            if (ended === jobs.length) { await queue.close(); process.exit(0); }
        });
        await queue.isReady();
        for (const job of jobs) {
            await queue.add(job.name, job.data, job.opts);
            await new Promise((go) => setTimeout(go, 3));
        }
    ";
    Node::script(EXAMPLE, &server.url(), script).done().await;
    let failures: usize = (0..200).filter(|n| n % 4 == 0).map(|n| 1 + n % 3).sum();
    let mut seen = observed(&watching.all());
    // The last jobs are told of a moment later, or many on a busy machine.
    for _ in 0..300 {
        if sums(&seen) == (200, 200, failures) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        seen = observed(&watching.all());
    }
    println!(
        "{:?}",
        seen.iter().map(|(name, own)| (name, own.counts(), own.unknown_runs)).collect::<Vec<_>>()
    );
    assert_eq!(sums(&seen), (200, 200, failures));
    assert_eq!(seen["odd:name/even"].counts(), (100, 100, failures));
    assert_eq!(
        seen["odd:name/odd"].counts(),
        (100, 100, 0),
        "removed at once, their type is known all the same"
    );
    // Some failures cannot be said to have ended at one certain time, the more the busier the machine is.
    assert!(
        seen["odd:name/even"].unknown_runs * 4 <= failures,
        "{}",
        seen["odd:name/even"].unknown_runs
    );
}

/// Patterns that Vigie listens to of a prefix.
const PATTERNS: usize = 9;

/// Waits until Vigie listens to the patterns of two prefixes; that of `bull` is one of them from the start.
async fn listens_to_another_prefix(server: &RedisServer) {
    for _ in 0..600 {
        let patterns: usize = server.text(&["PUBSUB", "NUMPAT"]).trim().parse().unwrap();
        if patterns >= 2 * PATTERNS {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it never listens to the other prefix");
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_come_pause_and_go() {
    let server = RedisServer::start();
    let watching = Watching::url(&server.url());
    watching.good().await;
    let script = r"
        import Queue from 'bull';
        const queue = new Queue('later', process.env.REDIS_URL, { prefix: 'shop' });
        await queue.add('a', {}, { priority: 3 });
        await queue.add('a', {});
        await queue.add('a', {}, { delay: 60000 });
        await queue.pause();
        await queue.add('b', {});
        await queue.close();
        process.exit(0);
    ";
    Node::script(EXAMPLE, &server.url(), script).done().await;
    // Found by the scan alone: nobody listened to this prefix.
    let reading = watching.queue("shop:later", |reading| reading.paused).await;
    let counts = reading.counts;
    assert_eq!((counts.waiting, counts.scheduled, counts.active), (Some(3), Some(1), Some(0)));
    let reading = watching.queue("shop:later", |reading| reading.oldest.is_some()).await;
    let age = reading.at.since(reading.oldest.unwrap());
    assert!((0.0..60.0).contains(&age), "{age}");
    listens_to_another_prefix(&server).await;
    let script = r"
        import Queue from 'bull';
        const queue = new Queue('later', process.env.REDIS_URL, { prefix: 'shop' });
        await queue.add('c', {});
        await queue.close();
        process.exit(0);
    ";
    Node::script(EXAMPLE, &server.url(), script).done().await;
    let added = watching
        .until("the job that was added is told of", 30.0, |all| {
            let seen = observed(all);
            seen.get("shop:later/c").map(|own| own.enqueued)
        })
        .await;
    assert_eq!(added, 1);
    let script = r"
        import Queue from 'bull';
        const queue = new Queue('later', process.env.REDIS_URL, { prefix: 'shop' });
        await queue.obliterate({ force: true });
        await queue.close();
        process.exit(0);
    ";
    Node::script(EXAMPLE, &server.url(), script).done().await;
    watching
        .until("the queue is gone", 30.0, |all| {
            let gone = |one: &Observation| matches!(one, Observation::QueueGone { queue, .. } if queue.name.as_str() == "shop:later");
            all.iter().any(gone).then_some(())
        })
        .await;
    let seen = observed(&watching.all());
    assert_eq!(seen["shop:later/c"].enqueued, 1, "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_queues_cost_little() {
    five_hundred_queues(EXAMPLE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn above_the_rate_types_are_sampled_and_counts_are_not() {
    let watching = above_the_rate(EXAMPLE).await;
    assert!(batches(&watching.all()).any(|batch| batch.types_sampled));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_to_listen_totals_are_sampled() {
    let server = RedisServer::start();
    server.run(&["ACL", "SETUSER", "vigie", "on", ">secret", "~*", "&*", "+@all", "-psubscribe"]);
    let script = r"
        import Queue from 'bull';
        const queue = new Queue('q', process.env.REDIS_URL);
        for (let n = 0; n < 40; n += 1) { await queue.add('a', {}); await new Promise((go) => setTimeout(go, 50)); }
        await queue.close();
        process.exit(0);
    ";
    let adding = Node::script(EXAMPLE, &server.url(), script);
    let mut admin = server.admin();
    while admin.exists::<_, usize>("bull:q:id").unwrap() == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let watching = Watching::url(&format!("redis://vigie:secret@127.0.0.1:{}", server.port()));
    watching.queue("q", |reading| reading.quality == Quality::Sampled).await;
    adding.done().await;
    watching.queue("q", |reading| reading.counts.waiting == Some(40)).await;
    let counted: u64 = batches(&watching.all())
        .flat_map(|batch| &batch.events)
        .map(|event| match event.fact {
            vigie_model::JobFact::Counted { enqueued, .. } => enqueued,
            _ => 0,
        })
        .sum();
    assert!((1..=40).contains(&counted), "{counted}");
}
