//! BullMQ for real: the library's own producers and workers, compared with what their handlers wrote down.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod node_workload;
mod watching;

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use redis::Commands as _;
use vigie_model::{Broker, Observation, Quality, QueueReading, WorkersReading};
use vigie_testkit::{Proxy, RedisServer};

use node_workload::{ByType, Node, batches, ledger, observed, pool, really, spread, sums};
use watching::Watching;

const BACKOFF_MS: f64 = 200.0;

fn worker(server: &RedisServer, ledger: &Path, name: &str) -> Node {
    let file = ledger.join(name).display().to_string();
    let words = ["worker.js", "--ledger", &file, "--name", name, "--concurrency", "4"];
    let times = ["--lock-duration", "2s", "--stalled-interval", "1s"];
    Node::run("bullmq", &server.url(), &[&words[..], &times].concat())
}

fn producer(server: &RedisServer, ledger: &Path, jobs: &str, rate: &str) -> Node {
    let file = ledger.join("producer").display().to_string();
    let words = ["producer.js", "--ledger", &file, "--jobs", jobs, "--rate", rate];
    Node::run("bullmq", &server.url(), &words)
}

/// The names of all queues.
fn queues(server: &RedisServer) -> Vec<String> {
    let keys: Vec<String> = server.admin().keys("bull:*:events").unwrap();
    keys.iter().filter_map(|key| Some(key.strip_suffix(":events")?.to_owned())).collect()
}

/// How many jobs ended well, and how many for good at all, as BullMQ keeps them.
fn ended(server: &RedisServer) -> (usize, usize) {
    let mut admin = server.admin();
    let mut count = |set: &str| -> usize {
        queues(server)
            .iter()
            .map(|queue| admin.zcard::<_, usize>(format!("{queue}:{set}")).unwrap())
            .sum()
    };
    let (completed, failed) = (count("completed"), count("failed"));
    (completed, completed + failed)
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

/// Waits until so many jobs run that each of two workers has some.
async fn until_busy(server: &RedisServer) {
    let mut admin = server.admin();
    for _ in 0..2_000 {
        let queues = queues(server);
        let active =
            queues.iter().map(|queue| admin.llen::<_, usize>(format!("{queue}:active")).unwrap());
        if active.sum::<usize>() >= 4 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never busy");
}

/// What is told of failed jobs is what their hashes say.
async fn failed_are_kept(watching: &Watching, server: &RedisServer) {
    let (mut admin, mut told) = (server.admin(), 0);
    for queue in ["emails", "media", "search"] {
        let kept: Vec<String> = admin.zrevrange(format!("bull:{queue}:failed"), 0, 49).unwrap();
        let jobs = &watching.failed(Broker::BullMq, queue).await.unwrap().jobs;
        assert_eq!(jobs.len(), kept.len(), "{jobs:?}");
        for job in jobs.iter() {
            assert!(kept.contains(&job.id.to_string()), "{job:?}");
            let mut text = |field: &str| -> Option<String> {
                admin.hget(format!("bull:{queue}:{}", job.id), field).unwrap()
            };
            assert_eq!(job.error, text("failedReason"), "{job:?}");
            assert_eq!(job.worker.as_ref().map(ToString::to_string), text("pb"), "{job:?}");
            let (start, end) = (text("processedOn").unwrap(), text("finishedOn").unwrap());
            let run = (end.parse::<f64>().unwrap() - start.parse::<f64>().unwrap()) / 1e3;
            assert!((job.run.unwrap() - run).abs() < 1e-6, "{job:?}");
            assert!(job.attempts >= job.attempt && job.attempt > Some(0), "{job:?}");
        }
        told += jobs.len();
    }
    assert!(told > 0, "nothing failed");
}

async fn until_ended(server: &RedisServer, jobs: usize) {
    for _ in 0..600 {
        if ended(server).1 >= jobs {
            tokio::time::sleep(Duration::from_millis(500)).await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{:?} of {jobs} jobs have ended", ended(server));
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
    let _workers = [worker(&server, dir.path(), "w1"), worker(&server, dir.path(), "w2")];
    producer(&server, dir.path(), "300", "60").done().await;
    until_ended(&server, 300).await;

    let real = really(&ledger(dir.path()), BACKOFF_MS);
    let all = watching.all();
    let seen = observed(&all);
    compare(&seen, &real);
    failed_are_kept(&watching, &server).await;
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
    let (first, _second) = (worker(&server, dir.path(), "w1"), worker(&server, dir.path(), "w2"));
    let producing = producer(&server, dir.path(), "300", "60");
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

    let (enqueued, ..) = sums(&really(&ledger(dir.path()), BACKOFF_MS));
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
    Node::script("bullmq", &server.url(), &script(20)).done().await;
    watching.until("20 jobs", 40.0, |all| (sums(&observed(all)).0 == 20).then_some(())).await;
    assert!(batches(&watching.all()).all(|batch| !batch.gap));
    proxy.set(vigie_testkit::ProxyMode::Refuse);
    Node::script("bullmq", &server.url(), &script(2_000)).done().await;
    proxy.set(vigie_testkit::ProxyMode::Forward);
    watching.until("a gap", 40.0, |all| batches(all).any(|batch| batch.gap).then_some(())).await;
}

/// Waits for a reading of a queue that is found by the scan.
async fn reading_of(
    watching: &Watching,
    name: &str,
    fits: impl Fn(&QueueReading) -> bool,
) -> QueueReading {
    watching
        .until(name, 40.0, |all| {
            all.iter().rev().find_map(|one| match one {
                Observation::Queue(reading)
                    if reading.queue.name.as_str() == name && fits(reading) =>
                {
                    Some(reading.clone())
                }
                _ => None,
            })
        })
        .await
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
    Node::script("bullmq", &server.url(), script).done().await;
    // Nobody waits on these queues and no reader knows them: the next sweep of the scan finds them.
    let reading = reading_of(&watching, "busy", |reading| reading.paused).await;
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
    let idle = reading_of(&watching, "idle", |reading| reading.counts.waiting == Some(1)).await;
    assert_eq!(idle.counts.blocked, Some(1));
    let script = r"
        import { Queue } from 'bullmq';
        const queue = new Queue('busy', { connection: { url: process.env.REDIS_URL } });
        await queue.obliterate({ force: true });
        await queue.close();
        process.exit(0);
    ";
    Node::script("bullmq", &server.url(), script).done().await;
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
    let adding = Node::script("bullmq", &server.url(), script);
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

/// Mean CPU milliseconds of Redis and the worst figures of a poll, over some seconds.
async fn cost(server: &RedisServer, watching: &Watching, seconds: u64) -> (f64, u32, u32, u64) {
    let cpu = || {
        let info = server.text(&["INFO", "cpu"]);
        let field = |name: &str| -> f64 {
            info.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().parse().unwrap()
        };
        1e3 * (field("used_cpu_sys_main_thread:") + field("used_cpu_user_main_thread:"))
    };
    watching.forget();
    let before = cpu();
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let spent = cpu() - before;
    let costs: Vec<_> =
        watching.reports().into_iter().map(|(_, report)| report.outcome.unwrap()).collect();
    let commands = costs.iter().map(|cost| cost.commands).max().unwrap();
    let trips = costs.iter().map(|cost| cost.round_trips).max().unwrap();
    let bytes = costs.iter().map(|cost| cost.bytes).max().unwrap();
    (spent / costs.len() as f64, commands, trips, bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_queues_cost_little() {
    let server = RedisServer::start();
    let fill = ["fill.js", "--queues", "500", "--jobs", "100"];
    Node::run("bullmq", &server.url(), &fill).done().await;
    let config =
        vigie_collect::source::redis::RedisConfig::from_url("main", &server.url()).unwrap();
    let watching = Watching::config(config);
    watching
        .until("500 queues", 60.0, |all| {
            all.iter().rev().find_map(|one| match one {
                Observation::Polled(report) => {
                    let found = report.found.iter().map(|(_, queues)| queues).sum::<usize>();
                    (found == 500).then_some(())
                }
                _ => None,
            })
        })
        .await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    let (cpu, commands, trips, bytes) = cost(&server, &watching, 8).await;
    println!(
        "quiet: {commands} commands, {trips} round trips, {bytes} bytes, Redis {cpu:.1} ms a second"
    );
    assert!(trips <= 2 && commands < 6_500, "{trips} {commands}");
    // Bounded generously: other tests share the machine.
    assert!(cpu < 50.0, "{cpu}");
}

#[tokio::test(flavor = "multi_thread")]
async fn above_the_rate_counts_are_still_exact() {
    let server = RedisServer::start();
    let dir = tempfile::tempdir().unwrap();
    let mut config =
        vigie_collect::source::redis::RedisConfig::from_url("main", &server.url()).unwrap();
    config.exact_jobs_per_second = 2;
    let watching = Watching::config(config);
    watching.good().await;
    let _worker = worker(&server, dir.path(), "w1");
    producer(&server, dir.path(), "100", "60").done().await;
    until_ended(&server, 100).await;
    let real = really(&ledger(dir.path()), BACKOFF_MS);
    for _ in 0..100 {
        if sums(&observed(&watching.all())) == sums(&real) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(sums(&observed(&watching.all())), sums(&real));
    // The stream says the type of each job itself.
    assert!(batches(&watching.all()).all(|batch| !batch.types_sampled));
}
