//! Failed jobs, asked for: what it costs a real Redis, and what becomes of hostile content.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

mod node_workload;
mod watching;

use node_workload::Node;
use redis::Commands as _;
use vigie_collect::source::{MOST_FAILED, NoFailedJobs};
use vigie_model::{Broker, FailedJob, FailedState};
use vigie_testkit::RedisServer;
use watching::{Watching, fill_asynq};

/// TaskMessage of asynq.
fn message(job_type: &[u8], error: &[u8], retried: u8, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut message = Vec::new();
    let mut bytes = |tag: u8, value: &[u8]| {
        message.push(tag << 3 | 2);
        let mut left = value.len();
        while left > 127 {
            message.push((left & 127) as u8 | 128);
            left >>= 7;
        }
        message.push(left as u8);
        message.extend(value);
    };
    bytes(1, job_type);
    bytes(7, error);
    for (name, value) in headers {
        let mut pair = vec![1 << 3 | 2, name.len() as u8];
        pair.extend(name.as_bytes());
        pair.extend([2 << 3 | 2, value.len() as u8]);
        pair.extend(value.as_bytes());
        bytes(15, &pair);
    }
    // retry = 3, retried, last_failed_at = 100
    message.extend([5 << 3, 3, 6 << 3, retried, 11 << 3, 100]);
    message
}

fn keep(admin: &mut redis::Connection, list: &str, id: &str, score: u32, message: &[u8]) {
    let _: () = admin.hset(format!("asynq:{{q}}:t:{id}"), "msg", message).unwrap();
    let _: () = admin.zadd(format!("asynq:{{q}}:{list}"), id, score).unwrap();
}

/// How often the server was asked something, by the command's name.
fn calls(server: &RedisServer, command: &str) -> usize {
    let stats: String = redis::cmd("INFO").arg("commandstats").query(&mut server.admin()).unwrap();
    let line =
        stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
    line.map_or(0, |rest| rest.split(',').next().unwrap().parse().unwrap())
}

async fn asked(watching: &Watching) -> Vec<FailedJob> {
    watching.failed(Broker::Asynq, "q").await.unwrap().jobs.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_content_is_shortened_left_out_or_told_as_it_is() {
    let server = RedisServer::start();
    let mut admin = server.admin();
    fill_asynq(&mut admin, "q", 1);
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    let odd = "<img src=x onerror=alert(1)>\u{202e}\n\0\u{1b}[31m";
    keep(
        &mut admin,
        "archived",
        "odd",
        9,
        &message(b"a", odd.as_bytes(), 3, &[("traceparent", &parent)]),
    );
    keep(&mut admin, "archived", "bytes", 8, &message(&[0xff; 400], &[0xff; 9_000], 0, &[]));
    keep(&mut admin, "archived", "huge", 7, &message(b"a", &vec![b'x'; 2 << 20], 3, &[]));
    keep(&mut admin, "archived", "nonsense", 6, b"\xff\xff\xff");
    keep(&mut admin, "retry", "again", 4_000_000_000, &message(b"b", b"later", 2, &[]));
    let _: () = admin.zadd("asynq:{q}:archived", "gone", 5).unwrap();
    let watching = Watching::url(&server.url());
    watching.queue("q", |_| true).await;

    let jobs = asked(&watching).await;
    let job = |id: &str| jobs.iter().find(|job| job.id.as_str() == id).unwrap();
    assert_eq!(job("odd").error.as_deref(), Some(odd), "as it is: the screen makes it harmless");
    assert_eq!((job("odd").attempt, job("odd").attempts), (Some(4), Some(4)));
    assert_eq!(job("odd").trace.as_deref(), Some(trace));
    let bytes = job("bytes");
    assert!(bytes.error.as_ref().unwrap().len() <= FailedJob::ERROR_BYTES);
    assert!(bytes.job_type.as_ref().unwrap().as_str().len() <= 256);
    let huge = job("huge");
    assert!(huge.is_too_long && huge.error.is_none() && huge.at.is_some(), "{huge:?}");
    assert_eq!(job("nonsense").error, None);
    assert_eq!((job("again").state, job("again").attempt), (FailedState::Retry, Some(2)));
    assert!(jobs.iter().all(|job| job.id.as_str() != "gone"), "{jobs:?}");
    assert!(jobs.is_sorted_by(|one, two| one.at >= two.at), "{jobs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_failed_jobs_cost_three_round_trips_and_no_poll_asks_for_them() {
    let server = RedisServer::start();
    let mut admin = server.admin();
    fill_asynq(&mut admin, "q", 1);
    for id in 0..300 {
        keep(&mut admin, "archived", &id.to_string(), 1_000 + id, &message(b"a", b"no", 3, &[]));
    }
    let watching = Watching::url(&server.url());
    watching.queue("q", |_| true).await;
    watching.good_keeping().await;
    assert_eq!(calls(&server, "hstrlen"), 0, "polls do not ask");
    let (one, other) = tokio::join!(asked(&watching), asked(&watching));
    assert_eq!(one, other);
    let ids: Vec<&str> = one.iter().map(|job| job.id.as_str()).collect();
    // All failed in the same second, by their own account.
    assert_eq!((ids.len(), ids[0]), (MOST_FAILED, "299"));
    assert_eq!(calls(&server, "hstrlen"), MOST_FAILED, "the second hears what the first was told");
    assert!(matches!(watching.failed(Broker::Asynq, "none").await, Err(NoFailedJobs::Unknown)));
}

/// Real jobs of a queue `q`: one failed for good, three wait for another attempt in a while and one for one at once, among
/// hundreds that have had none.
async fn fail_for_real(library: &str, server: &RedisServer, worker: &str) {
    let script = r"
        import LIBRARY;
        const url = process.env.REDIS_URL;
        const queue = MAKE;
        const backoff = { type: 'exponential', delay: 60_000 };
        await queue.add('send', {}, { jobId: 'once' });
        await queue.add('send', {}, { jobId: 'again', attempts: 3, backoff });
        await queue.add('send', {}, { jobId: 'soon', attempts: 2, backoff: { type: 'fixed', delay: 50_000 } });
        await queue.add('send', {}, { jobId: 'late', attempts: 2, backoff: { type: 'fixed', delay: 9_000_000 } });
        await queue.add('send', {}, { jobId: 'at-once', attempts: 2 });
        const many = (name, count, options) =>
          queue.addBulk(Array.from({ length: count }, (_, n) => ({ name, data: {}, opts: { jobId: `${name}-${n}`, attempts: 3, ...options } })));
        await many('wait', 401);
        await many('early', 100, { delay: 40_000 });
        await many('later', 280, { delay: 1_000_000 });
        let failed = 0;
        const done = new Promise((go) => { globalThis.fails = () => { if (++failed === 5) go(); }; });
        const job = async (job) => {
          // The first of these never ends, and the others wait.
          if (job.name === 'wait') await new Promise(() => {});
          await new Promise((go) => setTimeout(go, 50));
          throw new Error('no luck with ' + job.id);
        };
        WORK;
        await done;
        await new Promise((go) => setTimeout(go, 300));
        process.exit(0);
    ";
    let (import, make) = match library {
        "bull" => ("Queue from 'bull'", "new Queue('q', url)"),
        _ => ("{ Queue, Worker } from 'bullmq'", "new Queue('q', { connection: { url } })"),
    };
    let script = script.replace("LIBRARY", import).replace("MAKE", make).replace("WORK", worker);
    Node::script(library, &server.url(), &script).done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_wait_for_another_attempt_are_told_from_those_that_are_for_later() {
    let workers = [
        ("bull", "queue.process('*', job); queue.on('failed', () => globalThis.fails())"),
        (
            "bullmq",
            "new Worker('q', job, { connection: { url, maxRetriesPerRequest: null } }).on('failed', () => globalThis.fails())",
        ),
    ];
    for (library, worker) in workers {
        let (server, broker) =
            (RedisServer::start(), if library == "bull" { Broker::Bull } else { Broker::BullMq });
        fail_for_real(library, &server, worker).await;
        let watching = Watching::url(&server.url());
        watching.queue("q", |_| true).await;
        let list = watching.failed(broker, "q").await.unwrap();
        let jobs = &list.jobs;
        // 300 of 383 for later are looked at, and 300 of 401 that wait.
        assert_eq!(list.unseen, 83 + 101, "{library}");
        let mut told: Vec<_> = jobs
            .iter()
            .map(|job| (job.id.as_str(), job.state, job.attempt, job.attempts))
            .collect();
        told.sort_unstable_by_key(|one| one.0);
        let expected = [
            ("again", FailedState::Retry, Some(1), Some(3)),
            ("at-once", FailedState::Retry, Some(1), Some(2)),
            ("late", FailedState::Retry, Some(1), Some(2)),
            ("once", FailedState::Failed, Some(1), Some(1)),
            ("soon", FailedState::Retry, Some(1), Some(2)),
        ];
        assert_eq!(told, expected, "{library}: {jobs:?}");
        let failed = jobs.iter().find(|job| job.id.as_str() == "once").unwrap().at.unwrap();
        for job in jobs.iter() {
            assert_eq!(job.error, Some(format!("no luck with {}", job.id)), "{library}");
            assert_eq!(job.job_type.as_ref().unwrap().as_str(), "send", "{library}");
            if job.id.as_str() == "at-once" {
                assert_eq!((job.at, job.run), (None, None), "{library}: nobody says when");
                continue;
            }
            // They failed one after the other, each after 50 ms.
            let (at, run) = (job.at.unwrap(), job.run.unwrap());
            assert!((at.since(failed)).abs() < 30.0, "{library}: {job:?}");
            assert!((0.04..10.0).contains(&run), "{library}: {job:?}");
        }
        // It began when the one before it failed.
        assert!(jobs[..2].iter().any(|job| job.id.as_str() == "at-once"), "{library}: {jobs:?}");
        let told: Vec<_> = jobs.iter().filter_map(|job| job.at).collect();
        assert!(told.is_sorted_by(|one, two| one >= two), "{jobs:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_jobs_for_later_are_looked_at_boundedly_and_hostile_ones_are_left_out() {
    let server = RedisServer::start();
    let mut admin = server.admin();
    // What BullMQ leaves of a queue.
    let _: () = admin.hset("bull:q:meta", "version", "bullmq:6.7.0").unwrap();
    let _: () = admin.rpush("bull:q:wait", "w").unwrap();
    let due = |n: u64| (4_000_000_000_000_u64 + n) * 4_096;
    for n in 0..1_000_u64 {
        let (id, key) = (format!("d{n}"), format!("bull:q:d{n}"));
        let _: () = admin.zadd("bull:q:delayed", &id, due(n)).unwrap();
        match n {
            1 => admin.set::<_, _, ()>(&key, "no hash").unwrap(),
            2 => {}
            3 => admin.hset_multiple(&key, &[("atm", "-1"), ("failedReason", "odd")]).unwrap(),
            4 => {
                let long = "x".repeat(2 << 20);
                admin.hset_multiple(&key, &[("atm", "1"), ("failedReason", &long)]).unwrap()
            }
            _ if n % 10 == 5 => {
                admin.hset_multiple(&key, &[("atm", "1"), ("failedReason", "no")]).unwrap()
            }
            _ => admin.hset(&key, "atm", "0").unwrap(),
        }
    }
    let watching = Watching::url(&server.url());
    watching.queue("q", |_| true).await;
    watching.good_keeping().await;
    let before = ["hmget", "hstrlen"].map(|command| calls(&server, command));
    let list = watching.failed(Broker::BullMq, "q").await.unwrap();
    let jobs = &list.jobs;
    let after = ["hmget", "hstrlen"].map(|command| calls(&server, command));
    let mut ids: Vec<&str> = jobs.iter().map(|job| job.id.as_str()).collect();
    ids.sort_unstable();
    // Of the first 150 and the last 150 of 1,000.
    let ends = (0..15).chain(85..100);
    let mut expected: Vec<String> = ends.map(|n| format!("d{}", n * 10 + 5)).collect();
    expected.extend(["d3", "d4"].map(str::to_owned));
    assert_eq!(list.unseen, 700);
    expected.sort_unstable();
    assert_eq!(ids, expected);
    assert!(jobs.iter().find(|job| job.id.as_str() == "d4").unwrap().is_too_long);
    let (looked, measured) = (after[0] - before[0], after[1] - before[1]);
    assert!(
        (301..=301 + 2 * MOST_FAILED).contains(&looked),
        "{looked}: 301, and those that failed"
    );
    assert_eq!(measured, ids.len() * 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_told_in_the_servers_words() {
    let server = RedisServer::start();
    let mut admin = server.admin();
    fill_asynq(&mut admin, "q", 1);
    fill_asynq(&mut admin, "wrong", 1);
    let _: () = admin.set("asynq:{wrong}:archived", "text").unwrap();
    keep(&mut admin, "archived", "1", 9, &message(b"a", b"no", 3, &[]));
    let _: () = redis::cmd("ACL")
        .arg(&["SETUSER", "few", "on", ">pw", "~*", "&*", "+@all", "-hstrlen"])
        .query(&mut admin)
        .unwrap();
    let watching = Watching::url(&format!("redis://few:pw@127.0.0.1:{}", server.port()));
    watching.queue("q", |_| true).await;
    let error = watching.failed(Broker::Asynq, "q").await.unwrap_err().to_string();
    assert!(error.contains("hstrlen") && error.contains("Settings"), "{error}");
    let error = watching.failed(Broker::Asynq, "wrong").await.unwrap_err().to_string();
    assert_eq!(error, "the key holds another type of value");
    watching.good().await;

    drop(server);
    watching.fault(10.0).await;
    let error = watching.failed(Broker::Asynq, "q").await.unwrap_err().to_string();
    assert!(error.contains("127.0.0.1"), "{error}");
}
