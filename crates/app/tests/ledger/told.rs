//! asynq workers that tell of their tasks by the SDK: exact, and a gap as soon as one does not.

use std::time::Duration;

use serde_json::Value;
use vigie_testkit::{Ledger, Proxy, ProxyMode, RedisServer, free_port};

use crate::checks::{self, equal, quality, rates, records, told};
use crate::scene::{self, Status, Vigie, Workload, eventually, listening};
use crate::since::looked;
use crate::tape::Tape;
use crate::{ALONE, ASYNQ};

/// Waits until the producers are done and no queue has anything left.
fn until_ended(server: &RedisServer, workload: &mut Workload) {
    eventually("the producers are done", 60, || {
        workload.producers.iter_mut().all(scene::Process::is_done).then_some(())
    });
    eventually("all tasks have ended", 60, || {
        let count = |command: &str, queue: &str, set: &str| {
            let key = format!("asynq:{{{queue}}}:{set}");
            redis::cmd(command).arg(key).query::<usize>(&mut server.admin()).unwrap()
        };
        let left = |queue: &&str| {
            ["pending", "active"].map(|set| count("LLEN", queue, set)).iter().sum::<usize>()
                + ["scheduled", "retry"].map(|set| count("ZCARD", queue, set)).iter().sum::<usize>()
        };
        (ASYNQ.iter().map(left).sum::<usize>() == 0).then_some(())
    });
}

/// The ledger once it says how everything ended that began.
fn whole(dir: &std::path::Path) -> Ledger {
    eventually("the ledger is whole", 60, || {
        Some(Ledger::read(dir, "asynq")).filter(|ledger| ledger.interrupted() == 0)
    })
}

/// The answer once it has every attempt of the ledger.
fn settled(vigie: &Vigie, ledger: &Ledger) -> Status {
    let ended = (ledger.finished(true) + ledger.finished(false)) as u64;
    eventually("vigie's totals have come to rest", 60, || {
        let before = vigie.status();
        std::thread::sleep(Duration::from_millis(2_500));
        let after = vigie.status();
        let all: u64 = after
            .of("asynq")
            .iter()
            .map(|queue| scene::totals(queue))
            .map(|sum| sum.1 + sum.2)
            .sum();
        (before.totals() == after.totals() && all >= ended).then_some(after)
    })
}

fn records_of(workers: [u16; 2]) -> checks::Records {
    workers.into_iter().flat_map(records).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_of_vigie_what_workers_tell_is_exact_from_its_first_look_on() {
    let _alone = ALONE.lock().await;
    const JOBS: usize = 240;
    let server = RedisServer::start();
    server.run(&[&["SADD", "asynq:queues"][..], &ASYNQ].concat());
    let dir = tempfile::tempdir().unwrap();
    let tape = Tape::start(server.port());
    let (api, workers) = (free_port(), [free_port(), free_port()]);
    let mut vigie = Vigie::with_services(dir.path(), server.port(), &workers);
    let listen = |name: &str| match name {
        "asynq-api" => Some(listening(api)),
        "asynq-worker-a" => Some(listening(workers[0])),
        "asynq-worker-b" => Some(listening(workers[1])),
        _ => None,
    };
    let mut workload = Workload::start_some(dir.path(), &server.url(), (JOBS, 40), listen);
    eventually("a third of the jobs are enqueued", 60, || {
        (Ledger::read(dir.path(), "asynq").enqueues.len() >= JOBS / 3).then_some(())
    });
    vigie.kill();
    // Redis may still have to do what the killed one has sent.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let restart = tape.mark(&server);
    vigie.boot();
    until_ended(&server, &mut workload);
    let ledger = whole(dir.path());
    assert_eq!(ledger.enqueues.len(), JOBS);
    let status = scene::settled(&vigie);

    let entries = tape.entries();
    quality(&status, "asynq", "exact", &["exact"]);
    let looked = |queue: &str| entries[looked(&entries, restart, queue)].at;
    told(&status, &records_of(workers), &ledger, looked);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_of_workers_with_the_sdk_is_exact_for_each_type_of_asynq() {
    let _alone = ALONE.lock().await;
    const JOBS: usize = 240;
    let server = RedisServer::start();
    // asynq's totals begin with the first look at a queue: they are there before their first task.
    server.run(&[&["SADD", "asynq:queues"][..], &ASYNQ].concat());
    let dir = tempfile::tempdir().unwrap();
    let (api, workers) = (free_port(), [free_port(), free_port()]);
    let vigie = Vigie::with_services(dir.path(), server.port(), &workers);
    // Rates leave out the second in which watching began, and what a poll counts happened up to a second before.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let listen = |name: &str| match name {
        "asynq-api" => Some(listening(api)),
        "asynq-worker-a" => Some(listening(workers[0])),
        "asynq-worker-b" => Some(listening(workers[1])),
        _ => None,
    };
    let url = server.url();
    let mut workload = Workload::start_some(dir.path(), &url, (JOBS, 40), listen);
    until_ended(&server, &mut workload);
    let ledger = whole(dir.path());
    let status = settled(&vigie, &ledger);

    assert_eq!(ledger.enqueues.len(), JOBS);
    equal(&status, "asynq", &ledger.counts());
    told(&status, &records_of(workers), &ledger, |_| 0.0);
    quality(&status, "asynq", "exact", &["exact"]);
    rates(&status, "asynq", checks::by_ledger(&ledger));

    // One of the workers is replaced by one without the SDK: the totals stay right, and the types are known to be not whole.
    drop(workload);
    let silent = |name: &str| match name {
        "asynq-api" => Some(Vec::new()),
        "asynq-worker-a" => Some(listening(workers[0])),
        "asynq-worker-b" => Some(Vec::new()),
        _ => None,
    };
    let more = tempfile::tempdir().unwrap();
    let mut workload = Workload::start_some(more.path(), &url, (JOBS / 2, 40), silent);
    until_ended(&server, &mut workload);
    let second = whole(more.path());
    let (before, after) = (ledger.counts(), second.counts());
    let sums = (checks::by_queue(&before), checks::by_queue(&after));
    eventually("vigie's totals are those of both runs", 60, || {
        let status = vigie.status();
        let right = ASYNQ.iter().all(|queue| {
            let (one, other) = (sums.0[queue], sums.1[queue]);
            let both = (one.0 + other.0, one.1 + other.1, one.2 + other.2);
            scene::totals(status.queue("asynq", queue)) == both
        });
        let gaps = status.of("asynq").iter().all(|queue| queue["totals"]["quality"] == "gap");
        (right && gaps).then_some(())
    });
    quality(&vigie.status(), "asynq", "gap", &["gap"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_worker_forgets_while_vigie_cannot_reach_it_is_counted_and_marked() {
    let _alone = ALONE.lock().await;
    const JOBS: usize = 400;
    // What is made in four seconds: more than Vigie, which asks each second, leaves there.
    const RING: usize = 120;
    let server = RedisServer::start();
    server.run(&[&["SADD", "asynq:queues"][..], &ASYNQ].concat());
    let dir = tempfile::tempdir().unwrap();
    let (api, worker) = (free_port(), free_port());
    let proxy = Proxy::start(worker).await;
    let vigie = Vigie::with_services(dir.path(), server.port(), &[proxy.port()]);
    let environment = |name: &str| match name {
        "asynq-api" => Some(listening(api)),
        "asynq-worker-a" => {
            Some([listening(worker), vec![("VIGIE_JOBS", RING.to_string())]].concat())
        }
        _ => None,
    };
    let mut workload = Workload::start_some(dir.path(), &server.url(), (JOBS, 30), environment);
    // A queue of which there is nothing to tell is exact as well.
    let is_told = |one: &Value| one["run"]["quality"] == "exact" && one["run"]["count"] != 0;
    eventually("each queue is told of", 60, || {
        let told = vigie.status().of("asynq").into_iter().filter(|one| is_told(one)).count();
        (told == ASYNQ.len()).then_some(())
    });
    proxy.set(ProxyMode::Refuse);
    until_ended(&server, &mut workload);
    proxy.set(ProxyMode::Forward);

    let ledger = whole(dir.path());
    assert_eq!(ledger.enqueues.len(), JOBS);
    let sums = ledger.counts();
    let sums = checks::by_queue(&sums);
    let status = eventually("totals are the ledger's and say gap", 90, || {
        let status = vigie.status();
        let right =
            ASYNQ.iter().all(|queue| scene::totals(status.queue("asynq", queue)) == sums[queue]);
        let gaps = status.of("asynq").iter().all(|queue| queue["totals"]["quality"] == "gap");
        (right && gaps).then_some(status)
    });
    quality(&status, "asynq", "gap", &["gap"]);
    // The types lack as many attempts as the source says were gone: it has told how many.
    let typed: u64 = status
        .of("asynq")
        .iter()
        .flat_map(|queue| queue["types"].as_array().unwrap())
        .map(|one| one["succeeded"].as_u64().unwrap() + one["failed"].as_u64().unwrap())
        .sum();
    let attempts = ledger.attempts.len() as u64;
    let lost = attempts - typed;
    println!("{attempts} attempts, {typed} told, {lost} gone");
    assert!(lost > 0 && typed >= RING as u64, "{attempts} attempts, {typed} told");
    let said = format!("; {lost} were gone before they could be read");
    // Its last word may still be of the time when it could not be reached.
    eventually(&said, 30, || {
        let sources = vigie.get("/api/v1/sources")?;
        let mut sources = sources["sources"].as_array()?.iter();
        let checks = &sources.find(|one| one["source"] == "workers")?["checks"];
        let jobs = checks.as_array()?.iter().find(|one| one["id"] == "jobs")?;
        (jobs["state"] == "warning" && jobs["detail"].as_str()?.contains(&said)).then_some(())
    });
}
