//! The ledger test: real brokers and workers write down what they did, and Vigie must say the same.
//!
//! There are three accounts of a run. The **ledger** is what the handlers wrote (`examples/README.md`); the **tape**
//! is what Redis did ([`tape`]); the **answer** is Vigie's `/api/v1/queue/status`. Counts of all three must be equal.
//! A handler's run lies inside of the broker's, which has the library's way there and back in it, so durations are
//! checked in two steps: each attempt of the ledger lies inside of one of the tape, and its overhead is printed;
//! and every figure of the answer is that of the tape within 1 ms or 1 %. BullMQ writes its times down, and those
//! count. Bull has two: when Redis published a message, and what the worker's clock said before it asked Redis to;
//! a figure must lie between the two, give or take 1 ms or 1 % and what listening costs: messages say nothing of
//! when they were sent, and how far the arrivals of a start and its end are from Redis's own times on this machine
//! now is measured by a listener of the test's own ([`truth::Truth::jitter`]).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly, its helpers too")]

mod checks;
mod scene;
mod since;
mod tape;
mod told;
mod truth;

use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use vigie_testkit::{Ledger, Proxy, ProxyMode, RedisServer};

use checks::{Listening, by_ledger, durations, equal, quality, rates};
use scene::{Vigie, Workload, eventually};
use since::{
    asynq_since, asynq_with_interrupted, bull_between, bull_since, heard_of_bull, in_streams,
};
use tape::{Tape, What, bullmq_streams, now_ms};
use truth::Truth;

/// One at a time: they measure.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

const ASYNQ: [&str; 3] = ["critical", "default", "low"];
const BULLMQ: [&str; 3] = ["emails", "media", "search"];
const BULL: [&str; 2] = ["mail", "pdf"];
/// The places of the tape from which on Vigie hears, when it was there before them.
const FROM_THE_START: (usize, usize) = (0, 0);

/// Redis, the proxy through which Vigie sees it, Vigie, and the tape.
struct Run {
    dir: TempDir,
    tape: Tape,
    vigie: Vigie,
    proxy: Proxy,
    server: RedisServer,
}

impl Run {
    async fn start() -> Self {
        let server = RedisServer::start();
        // asynq's totals begin with the first look at a queue: they are there before their first task.
        server.run(&[&["SADD", "asynq:queues"][..], &ASYNQ].concat());
        let proxy = Proxy::start(server.port()).await;
        let dir = tempfile::tempdir().unwrap();
        let tape = Tape::start(server.port());
        let vigie = Vigie::start(dir.path(), proxy.port());
        let run = Self { dir, tape, vigie, proxy, server };
        run.until_vigie_listens(0);
        // Rates leave out the second in which watching began, and what a poll counts happened up to a second before.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        run
    }

    fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Waits until Vigie hears of everything that happens from now on; `mark`: it did not before.
    fn until_vigie_listens(&self, mark: usize) {
        eventually("vigie listens and counts", 30, || {
            let entries = self.tape.entries();
            let since = &entries[mark..];
            let counts = |queue: &&str| {
                since.iter().any(|one| one.what == What::VigieCounts((*queue).to_owned()))
            };
            let listens = since.iter().any(|one| one.what == What::VigieListens);
            (listens && ASYNQ.iter().all(counts)).then_some(())
        });
    }

    fn ledger(&self, broker: &str) -> Ledger {
        Ledger::read(self.dir(), broker)
    }

    /// Waits until every producer has written so many lines.
    fn until_enqueued(&self, jobs: usize) {
        eventually("jobs are enqueued", 60, || {
            let enough = |broker| self.ledger(broker).enqueues.len() >= jobs;
            ["asynq", "bull", "bullmq"].into_iter().all(enough).then_some(())
        });
    }

    /// Waits until all jobs have ended but for asynq's of a killed worker, which come back after a minute or two.
    fn until_ended(&self, workload: &mut Workload, jobs: usize) {
        eventually("the producers are done", 60, || {
            workload.producers.iter_mut().all(scene::Process::is_done).then_some(())
        });
        let sum = |command: &str, keys: Vec<String>| -> usize {
            keys.iter()
                .map(|key| {
                    redis::cmd(command).arg(key).query::<usize>(&mut self.server.admin()).unwrap()
                })
                .sum()
        };
        let ended = |queues: &[&str]| {
            let keys = queues
                .iter()
                .flat_map(|queue| ["completed", "failed"].map(|set| format!("bull:{queue}:{set}")));
            sum("ZCARD", keys.collect())
        };
        let asynq = |set: &str| ASYNQ.map(|queue| format!("asynq:{{{queue}}}:{set}")).to_vec();
        eventually("all jobs have ended", 60, || {
            let left = sum("LLEN", asynq("pending"))
                + sum("ZCARD", asynq("scheduled"))
                + sum("ZCARD", asynq("retry"));
            (ended(&BULL) == jobs && ended(&BULLMQ) == jobs && left == 0).then_some(())
        });
        eventually("asynq's last tasks have ended", 20, || {
            let active = || sum("LLEN", asynq("active"));
            let before = active();
            // Longer than the longest task.
            std::thread::sleep(Duration::from_millis(1_500));
            (before == 0 || before == active()).then_some(())
        });
    }

    fn bull(&self) -> Truth {
        Truth::of(&self.tape.entries())
    }

    fn bullmq(&self) -> Truth {
        Truth::of(&bullmq_streams(&self.server, &BULLMQ))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_of_an_undisturbed_run_is_what_vigie_says() {
    let _alone = ALONE.lock().await;
    const JOBS: usize = 240;
    let run = Run::start().await;
    let mut workload = Workload::start(run.dir(), &run.server.url(), JOBS, 30);
    run.until_ended(&mut workload, JOBS);
    let status = scene::settled(&run.vigie);

    for (kind, truth) in [("bullmq", run.bullmq()), ("bull", run.bull_only())] {
        let ledger = run.ledger(kind);
        assert_eq!(ledger.enqueues.len(), JOBS);
        let overhead = truth.overheads(&ledger);
        println!(
            "{kind}: the broker's runs are longer than the handlers' by, in ms: {:.3?}",
            overhead.figures()
        );
        assert!(
            overhead.quantile(0.0) > -1.0,
            "a handler's run lies inside of the broker's: {overhead:?}"
        );
        assert_eq!(truth.counts(|_| true, false), ledger.counts(), "{kind}: tape and ledger");
        equal(&status, kind, &ledger.counts());
        let listening = if kind == "bull" { Listening::measured(&truth) } else { Listening::EXACT };
        durations(&status, kind, &truth, listening, FROM_THE_START);
        quality(&status, kind, "exact", &["exact"]);
        rates(&status, kind, by_ledger(&ledger));
    }
    let ledger = run.ledger("asynq");
    let counts = ledger.counts();
    let by_queue = checks::by_queue(&counts);
    for queue in ASYNQ {
        assert_eq!(scene::totals(status.queue("asynq", queue)), by_queue[queue], "asynq {queue}");
    }
    quality(&status, "asynq", "sampled", &["sampled"]);
    rates(&status, "asynq", by_ledger(&ledger));
    checks::samples(&status, &ledger);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_of_a_disturbed_run_is_what_vigie_says_or_marks() {
    let _alone = ALONE.lock().await;
    const JOBS: usize = 420;
    let mut run = Run::start().await;
    let mut workload = Workload::start(run.dir(), &run.server.url(), JOBS, 25);
    run.until_enqueued(50);
    workload.kill_one_of_each(run.dir());
    run.until_enqueued(90);

    let cut = (now_ms(), run.tape.mark(&run.server));
    run.proxy.set(ProxyMode::Refuse);
    tokio::time::sleep(Duration::from_millis(2_900)).await;
    let blind = run.vigie.status();
    assert!(
        blind.sources().iter().all(|source| source["up"] == false && source["error"].is_string()),
        "{blind:?}"
    );
    assert!(blind.queues().iter().all(|queue| queue["stale"] == true), "{blind:?}");
    run.proxy.set(ProxyMode::Forward);
    run.until_vigie_listens(cut.1);
    let listens = run.listens_since(cut.1);
    eventually("both queues of Bull say that a stretch is missing", 10, || {
        let status = run.vigie.status();
        let up = status.sources().iter().all(|source| source["up"] == true);
        (up && status.of("bull").iter().all(|queue| queue["totals"]["quality"] == "gap"))
            .then_some(())
    });
    run.until_enqueued(200);
    let before = run.vigie.status();
    bull_between(&before, &run.tape.entries(), &run.bull_only(), cut.0, listens.1);
    // A job whose hash could not be read in time leaves its type untold, which is worse than a gap.
    quality(&before, "bull", "gap", &["gap", "sampled"]);
    quality(&before, "bullmq", "exact", &["exact"]);
    quality(&before, "asynq", "sampled", &["sampled"]);

    run.vigie.kill();
    // Redis may still have to do what the killed one has sent.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let restart = run.tape.mark(&run.server);
    run.vigie.boot();
    run.until_vigie_listens(restart);
    run.until_ended(&mut workload, JOBS);
    let status = scene::settled(&run.vigie);

    let ledger = run.ledger("bullmq");
    assert_eq!(ledger.enqueues.len(), JOBS);
    let truth = run.bullmq();
    println!(
        "bullmq: overhead {:.3?}, interrupted {}",
        truth.overheads(&ledger).figures(),
        ledger.interrupted()
    );
    checks::with_interrupted(&truth, &ledger);
    equal(&status, "bullmq", &truth.counts(|_| true, false));
    durations(&status, "bullmq", &truth, Listening::EXACT, FROM_THE_START);
    quality(&status, "bullmq", "exact", &["exact"]);
    let streams = bullmq_streams(&run.server, &BULLMQ);
    rates(&status, "bullmq", in_streams(&truth, &streams));

    let (ledger, truth) = (run.ledger("bull"), run.bull_only());
    println!(
        "bull: overhead {:.3?}, interrupted {}",
        truth.overheads(&ledger).figures(),
        ledger.interrupted()
    );
    checks::with_interrupted(&truth, &ledger);
    let (listens, entries) = (run.listens_since(restart), run.tape.entries());
    bull_since(&status, &truth, listens);
    durations(&status, "bull", &truth, Listening::measured(&truth), listens);
    rates(&status, "bull", heard_of_bull(&truth, &entries, listens));
    quality(&status, "bull", "exact", &["exact"]);

    asynq_since(&status, &entries, restart);
    asynq_with_interrupted(&entries, &run.ledger("asynq"));
    quality(&status, "asynq", "sampled", &["sampled"]);
}

impl Run {
    /// The tape has BullMQ's scripts, too; its queues have other names.
    fn bull_only(&self) -> Truth {
        let mut truth = self.bull();
        truth.added.retain(|(queue, _, _)| BULL.contains(&&**queue));
        truth.attempts.retain(|attempt| BULL.contains(&&*attempt.queue));
        truth.unstarted.retain(|one| BULL.contains(&&*one.queue));
        truth
    }

    /// The places on the tape behind which Vigie hears some of what Bull publishes, and everything.
    fn listens_since(&self, mark: usize) -> (usize, usize) {
        let entries = self.tape.entries();
        let place = |what| entries.iter().skip(mark).position(|one| one.what == what);
        let places = place(What::VigieBegins).zip(place(What::VigieListens));
        let (begins, listens) = places.expect("vigie listens again");
        (mark + begins + 1, mark + listens + 1)
    }
}
