//! asynq for real: its own client and server, compared with what their handlers wrote down.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

mod watching;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use vigie_model::{Broker, JobFact, Observation, Worker};
use vigie_testkit::{Proxy, RedisServer};
use watching::Watching;

/// The programs of the example, built once.
fn programs() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/go-asynq");
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("go-asynq");
        std::fs::create_dir_all(&out).unwrap();
        let mut build = Command::new("go");
        build.args(["build", "-o"]).arg(&out).arg("./cmd/...").current_dir(root);
        assert!(build.status().expect("go is installed").success(), "go build failed");
        out
    })
}

/// A process of the example; killed, by its id, when dropped.
struct Go(Child);

impl Go {
    fn run(program: &str, redis: &str, words: &[&str]) -> Self {
        let mut command = Command::new(programs().join(program));
        command.args(words).env("REDIS_URL", redis).stdout(Stdio::null());
        Self(command.spawn().unwrap())
    }

    fn id(&self) -> u32 {
        self.0.id()
    }

    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    async fn done(mut self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.0.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "the process does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Go {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[derive(serde::Deserialize)]
struct Line {
    what: String,
    queue: String,
    #[serde(rename = "type")]
    job_type: String,
    outcome: Option<String>,
    job: String,
}

type Totals = BTreeMap<String, (u64, u64, u64)>;

/// By queue: how many were enqueued, succeeded and failed.
fn really(files: &[&Path]) -> (Totals, BTreeSet<String>) {
    let (mut totals, mut types) = (Totals::new(), BTreeSet::new());
    for file in files {
        for line in std::fs::read_to_string(file).unwrap_or_default().lines() {
            let line: Line = serde_json::from_str(line).unwrap();
            let own = totals.entry(line.queue).or_default();
            types.insert(line.job_type);
            match (&*line.what, line.outcome.as_deref()) {
                ("enqueue", _) => own.0 += 1,
                ("finish", Some("succeeded")) => own.1 += 1,
                ("finish", _) => own.2 += 1,
                _ => {}
            }
        }
    }
    (totals, types)
}

fn counted(all: &[Observation]) -> Totals {
    let mut totals = Totals::new();
    for one in all {
        let Observation::Jobs(batch) = one else { continue };
        let own = totals.entry(batch.queue.name.as_str().to_owned()).or_default();
        for event in &batch.events {
            if let JobFact::Counted { enqueued, succeeded, failed } = event.fact {
                (own.0, own.1, own.2) = (own.0 + enqueued, own.1 + succeeded, own.2 + failed);
            }
        }
    }
    totals
}

struct Ledgers {
    dir: tempfile::TempDir,
}

impl Ledgers {
    fn new() -> Self {
        Self { dir: tempfile::TempDir::new().unwrap() }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

async fn drained(server: &RedisServer, jobs: u64, ledgers: &[&Path]) {
    let deadline = Instant::now() + Duration::from_secs(40);
    loop {
        let (totals, _) = really(ledgers);
        let mut left = 0;
        for queue in totals.keys() {
            for (command, part) in [
                ("LLEN", "pending"),
                ("LLEN", "active"),
                ("ZCARD", "scheduled"),
                ("ZCARD", "retry"),
            ] {
                let size = server.run(&[command, &format!("asynq:{{{queue}}}:{part}")]);
                left += redis::from_redis_value::<u64>(size).unwrap();
            }
        }
        if left == 0 && totals.values().map(|own| own.0).sum::<u64>() == jobs {
            return;
        }
        assert!(Instant::now() < deadline, "{left} jobs are left: {totals:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What was sampled of single tasks can have been.
fn samples_are_sound(all: &[Observation], types: &BTreeSet<String>) {
    let mut sampled = BTreeSet::new();
    let mut durations = Vec::new();
    let batches = all.iter().filter_map(|one| match one {
        Observation::Jobs(batch) => Some(&batch.events),
        _ => None,
    });
    for event in batches.flatten() {
        if let JobFact::Seen { wait, run, .. } = event.fact {
            sampled.extend(event.job_type.as_ref().map(|name| name.as_str().to_owned()));
            durations.extend(wait);
            durations.extend(run);
        }
    }
    println!("{} types of {}, {} durations", sampled.len(), types.len(), durations.len());
    assert!(sampled.is_subset(types) && !sampled.is_empty(), "{sampled:?} of {types:?}");
    assert!(durations.iter().all(|seconds| (0.0..30.0).contains(seconds)), "{durations:?}");
}

/// What is told of failed tasks is what asynq keeps and what their handlers wrote down.
async fn failed_are_the_ledgers(watching: &Watching, server: &RedisServer, files: &[&Path]) {
    let mut failures: BTreeMap<String, u32> = BTreeMap::new();
    for file in files {
        for line in std::fs::read_to_string(file).unwrap().lines() {
            let line: Line = serde_json::from_str(line).unwrap();
            if line.outcome.as_deref() == Some("failed") {
                *failures.entry(line.job).or_default() += 1;
            }
        }
    }
    let mut told = 0;
    for queue in ["critical", "default", "low"] {
        let key = format!("asynq:{{{queue}}}:archived");
        let kept: BTreeSet<String> =
            redis::from_redis_value(server.run(&["ZRANGE", &key, "0", "-1"])).unwrap();
        let jobs = &watching.failed(Broker::Asynq, queue).await.unwrap().jobs;
        assert_eq!(jobs.iter().map(|job| job.id.to_string()).collect::<BTreeSet<_>>(), kept);
        for job in jobs.iter() {
            assert!(job.error.is_some() && job.job_type.is_some() && job.at.is_some(), "{job:?}");
            assert_eq!(job.attempt, failures.get(job.id.as_str()).copied(), "{job:?}");
        }
        told += jobs.len();
    }
    assert!(told > 0, "nothing failed");
}

/// The workers of the last reading, such that.
async fn workers(watching: &Watching, seconds: f64, fits: fn(&[Worker]) -> bool) -> Vec<Worker> {
    watching
        .until("such workers", seconds, |all| {
            all.iter().rev().find_map(|one| match one {
                Observation::Workers(reading) if reading.broker == Broker::Asynq => {
                    reading.workers.clone().filter(|workers| fits(workers))
                }
                _ => None,
            })
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn totals_are_whole_and_types_are_sampled() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port()).await;
    let watching = Watching::url(&format!("redis://127.0.0.1:{}", proxy.port()));
    watching.good().await;
    let ledgers = Ledgers::new();
    let (a, b, api) = (ledgers.file("a"), ledgers.file("b"), ledgers.file("api"));
    let worker = |file: &Path| {
        Go::run(
            "worker",
            &server.url(),
            &["--ledger", file.to_str().unwrap(), "--concurrency", "6"],
        )
    };
    let processes = [worker(&a), worker(&b)];
    let jobs = "400";
    let producer = Go::run(
        "api",
        &server.url(),
        &["--ledger", api.to_str().unwrap(), "--jobs", jobs, "--rate", "60"],
    );

    // The workers, while they are there.
    let seen = workers(&watching, 10.0, |workers| workers.len() == 2).await;
    let pids: BTreeSet<Option<u32>> = seen.iter().map(|worker| worker.pid).collect();
    assert_eq!(pids, processes.iter().map(|worker| Some(worker.id())).collect());
    assert!(
        seen.iter().all(|worker| worker.capacity == Some(6) && !worker.queues.is_empty()),
        "{seen:?}"
    );

    // Its connection is cut in the middle.
    tokio::time::sleep(Duration::from_secs(2)).await;
    proxy.cut();
    producer.done().await;
    drained(&server, 400, &[&a, &b, &api]).await;
    watching.good_keeping().await;
    let (real, types) = really(&[&a, &b, &api]);
    let all = watching.all();
    assert_eq!(counted(&all), real);

    samples_are_sound(&all, &types);
    failed_are_the_ledgers(&watching, &server, &[&a, &b]).await;

    // A server that ends well goes at once, a killed one within its 10 s.
    let [first, second] = processes;
    first.kill();
    drop(second);
    watching.forget();
    workers(&watching, 14.0, <[Worker]>::is_empty).await;
}
