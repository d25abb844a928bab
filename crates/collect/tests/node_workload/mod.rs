//! Real producers and workers of the examples, and what they say has really happened.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::Commands as _;
use vigie_collect::source::redis::RedisConfig;
use vigie_model::{Broker, JobBatch, JobFact, Observation, Outcome};
use vigie_testkit::{LedgerLine, RedisServer};

use crate::watching::{Watching, cpu};

/// The folder of an example, with its packages installed.
pub fn example(name: &str) -> PathBuf {
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name);
    if !dir.join("node_modules").exists() {
        let npm = Command::new("npm").args(["ci", "--silent"]).current_dir(&dir).status();
        assert!(npm.expect("npm is installed").success(), "npm ci in {}", dir.display());
    }
    dir
}

/// A Node process; killed, by its id, when dropped.
pub struct Node(Child);

impl Node {
    /// Runs a program of an example.
    pub fn run(example_name: &str, redis: &str, program: &[&str]) -> Self {
        let mut command = Command::new("node");
        command.args(program).current_dir(example(example_name)).env("REDIS_URL", redis);
        Self(command.stdout(Stdio::null()).spawn().expect("node is installed"))
    }

    /// Runs a script of the test's own with the packages of an example.
    pub fn script(example_name: &str, redis: &str, script: &str) -> Self {
        Self::run(example_name, redis, &["--input-type=module", "-e", script])
    }

    /// A worker that writes its ledger into a folder; jobs whose worker is gone are taken up by others within seconds.
    pub fn worker(example: &str, server: &RedisServer, dir: &Path, name: &str) -> Self {
        let file = dir.join(name).display().to_string();
        let words = ["worker.js", "--ledger", &file, "--name", name, "--concurrency", "4"];
        let times = ["--lock-duration", "2s", "--stalled-interval", "1s"];
        Self::run(example, &server.url(), &[&words[..], &times].concat())
    }

    /// A producer of so many jobs, 60 a second, that writes its ledger into a folder.
    pub fn producer(example: &str, server: &RedisServer, dir: &Path, jobs: usize) -> Self {
        let (file, jobs) = (dir.join("producer").display().to_string(), jobs.to_string());
        let words = ["producer.js", "--ledger", &file, "--jobs", &jobs, "--rate", "60"];
        Self::run(example, &server.url(), &words)
    }

    /// Waits until it has ended well.
    pub async fn done(mut self) {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                assert!(status.success(), "{status}");
                return;
            }
            assert!(Instant::now() < deadline, "the process does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Every line of every ledger in a folder, by time.
pub fn ledger(dir: &Path) -> Vec<LedgerLine> {
    let mut lines: Vec<LedgerLine> = std::fs::read_dir(dir)
        .unwrap()
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
        .flat_map(|text| {
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>()
        })
        .collect();
    lines.sort_by(|one, two| one.t.total_cmp(&two.t));
    lines
}

/// How many, and how long; durations in milliseconds, ascending.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Figures {
    pub enqueued: usize,
    pub succeeded: usize,
    pub failed: usize,
    pub waits: Vec<f64>,
    pub runs: Vec<f64>,
    /// Those of `runs` that ended well.
    pub good_runs: Vec<f64>,
    /// Attempts whose run is not told.
    pub unknown_runs: usize,
    /// Attempts whose wait is not told.
    pub unknown_waits: usize,
}

impl Figures {
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.enqueued, self.succeeded, self.failed)
    }
}

/// By `queue/type`; the type is empty where it is not known.
pub type ByType = BTreeMap<String, Figures>;

/// How long a failed job of a ledger run is for later before it waits again, in milliseconds.
const BACKOFF_MS: f64 = 200.0;

/// What the handlers wrote down.
pub fn really(lines: &[LedgerLine]) -> ByType {
    let mut figures = ByType::new();
    let mut eligible: HashMap<(String, String), f64> = HashMap::new();
    let mut started: HashMap<(String, String), f64> = HashMap::new();
    for line in lines {
        let own = figures.entry(format!("{}/{}", line.queue, line.job_type)).or_default();
        let job = (line.queue.clone(), line.job.clone());
        match (&*line.what, line.outcome.as_deref()) {
            ("enqueue", _) => {
                own.enqueued += 1;
                eligible.insert(job, line.t + line.delay_ms.unwrap_or(0.0));
            }
            ("start", _) => {
                if let Some(since) = eligible.get(&job) {
                    own.waits.push((line.t - since).max(0.0));
                }
                started.insert(job, line.t);
            }
            ("finish", outcome) => {
                own.runs.push(line.t - started[&job]);
                eligible.insert(job, line.t + BACKOFF_MS);
                match outcome {
                    Some("succeeded") => own.succeeded += 1,
                    _ => own.failed += 1,
                }
            }
            _ => panic!("{line:?}"),
        }
    }
    for own in figures.values_mut() {
        own.waits.sort_by(f64::total_cmp);
        own.runs.sort_by(f64::total_cmp);
    }
    figures
}

/// What Vigie says has happened.
pub fn observed(all: &[Observation]) -> ByType {
    let mut figures = ByType::new();
    for batch in batches(all) {
        for event in &batch.events {
            let job_type = event.job_type.as_ref().map_or("", |name| name.as_str());
            let own = figures.entry(format!("{}/{job_type}", batch.queue.name)).or_default();
            match event.fact {
                JobFact::Enqueued => own.enqueued += 1,
                JobFact::Started { wait } => {
                    own.waits.extend(wait.map(|wait| wait * 1e3));
                    own.unknown_waits += usize::from(wait.is_none());
                }
                JobFact::Finished { outcome, run, .. } => {
                    match outcome {
                        Outcome::Succeeded => own.succeeded += 1,
                        Outcome::Failed => own.failed += 1,
                    }
                    if outcome == Outcome::Succeeded {
                        own.good_runs.extend(run.map(|run| run * 1e3));
                    }
                    own.runs.extend(run.map(|run| run * 1e3));
                    own.unknown_runs += usize::from(run.is_none());
                }
                other => panic!("{other:?}"),
            }
        }
    }
    for own in figures.values_mut() {
        own.waits.sort_by(f64::total_cmp);
        own.runs.sort_by(f64::total_cmp);
        own.good_runs.sort_by(f64::total_cmp);
    }
    figures
}

pub fn batches(all: &[Observation]) -> impl Iterator<Item = &JobBatch> {
    all.iter().filter_map(|one| match one {
        Observation::Jobs(batch) => Some(batch),
        _ => None,
    })
}

/// Enqueued, succeeded and failed of everything.
pub fn sums(figures: &ByType) -> (usize, usize, usize) {
    figures.values().fold((0, 0, 0), |(enqueued, succeeded, failed), own| {
        (enqueued + own.enqueued, succeeded + own.succeeded, failed + own.failed)
    })
}

/// Differences of two ascending lists, in order of size: median, 95th percentile, least and most.
#[derive(Debug)]
pub struct Spread {
    pub least: f64,
    pub median: f64,
    pub p95: f64,
    pub most: f64,
}

/// How far `seen` lies above `real`. Paired by rank: if each seen duration is its real one and something between
/// a and b, then so are the differences by rank.
pub fn spread(seen: &[f64], real: &[f64]) -> Spread {
    assert_eq!(seen.len(), real.len(), "as many durations seen as real");
    let mut by: Vec<f64> = seen.iter().zip(real).map(|(seen, real)| seen - real).collect();
    by.sort_by(f64::total_cmp);
    let at = |share: f64| by[((by.len() - 1) as f64 * share) as usize];
    Spread { least: at(0.0), median: at(0.5), p95: at(0.95), most: at(1.0) }
}

/// All durations of a kind, over all types.
pub fn pool(figures: &ByType, which: impl Fn(&Figures) -> &Vec<f64>) -> Vec<f64> {
    let mut all: Vec<f64> = figures.values().flat_map(|own| which(own).iter().copied()).collect();
    all.sort_by(f64::total_cmp);
    all
}

/// The keys of all queues that end so.
fn keys(admin: &mut redis::Connection, suffix: &str) -> Vec<String> {
    admin.keys(format!("bull:*:{suffix}")).unwrap()
}

/// How many jobs ended well, and how many for good at all, as their library keeps them.
pub fn ended(server: &RedisServer) -> (usize, usize) {
    let mut admin = server.admin();
    let mut count = |set: &str| -> usize {
        keys(&mut admin, set).iter().map(|key| admin.zcard::<_, usize>(key).unwrap()).sum()
    };
    let (completed, failed) = (count("completed"), count("failed"));
    (completed, completed + failed)
}

pub async fn until_ended(server: &RedisServer, jobs: usize) {
    for _ in 0..600 {
        if ended(server).1 >= jobs {
            tokio::time::sleep(Duration::from_millis(500)).await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{:?} of {jobs} jobs have ended", ended(server));
}

/// Waits until so many jobs run that each of two workers has some.
pub async fn until_busy(server: &RedisServer) {
    let mut admin = server.admin();
    for _ in 0..2_000 {
        let active = keys(&mut admin, "active");
        if active.iter().map(|key| admin.llen::<_, usize>(key).unwrap()).sum::<usize>() >= 4 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never busy");
}

/// What is told of failed jobs is what their hashes say.
pub async fn failed_are_kept(
    watching: &Watching,
    server: &RedisServer,
    broker: Broker,
    queues: &[&str],
) {
    let (mut admin, mut told) = (server.admin(), 0);
    for queue in queues {
        let kept: Vec<String> = admin.zrevrange(format!("bull:{queue}:failed"), 0, 49).unwrap();
        let jobs = &watching.failed(broker, queue).await.unwrap().jobs;
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

/// What five hundred queues with a hundred jobs each cost a poll and Redis, while nothing happens.
pub async fn five_hundred_queues(example: &str) {
    let server = RedisServer::start();
    let fill = ["fill.js", "--queues", "500", "--jobs", "100"];
    Node::run(example, &server.url(), &fill).done().await;
    let watching = Watching::config(RedisConfig::from_url("main", &server.url()).unwrap());
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
    watching.forget();
    let before = cpu(&server);
    tokio::time::sleep(Duration::from_secs(8)).await;
    let (spent, costs) = (cpu(&server) - before, watching.costs());
    let commands = costs.iter().map(|cost| cost.commands).max().unwrap();
    let trips = costs.iter().map(|cost| cost.round_trips).max().unwrap();
    let bytes = costs.iter().map(|cost| cost.bytes).max().unwrap();
    let each = spent / costs.len() as f64;
    println!(
        "quiet: {commands} commands, {trips} round trips, {bytes} bytes, Redis {each:.1} ms a poll"
    );
    assert!(trips <= 2 && commands < 6_500, "{trips} {commands}");
    // Bounded generously: other tests share the machine.
    assert!(each < 50.0, "{each}");
}

/// More jobs come than are looked up in a second; all are counted. What watched it.
pub async fn above_the_rate(example: &str) -> Watching {
    let server = RedisServer::start();
    let dir = tempfile::tempdir().unwrap();
    let mut config = RedisConfig::from_url("main", &server.url()).unwrap();
    config.exact_jobs_per_second = 2;
    let watching = Watching::config(config);
    watching.good().await;
    let _worker = Node::worker(example, &server, dir.path(), "w1");
    Node::producer(example, &server, dir.path(), 100).done().await;
    until_ended(&server, 100).await;
    let real = sums(&really(&ledger(dir.path())));
    for _ in 0..100 {
        if sums(&observed(&watching.all())) == real {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(sums(&observed(&watching.all())), real);
    watching
}
