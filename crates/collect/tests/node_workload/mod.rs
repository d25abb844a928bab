//! Real producers and workers of the examples, and what they say has really happened.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use vigie_model::{JobBatch, JobFact, Observation, Outcome};

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

/// One line of a ledger.
#[derive(Debug, Clone, serde::Deserialize)]
pub struct Line {
    pub t: f64,
    pub what: String,
    pub queue: String,
    #[serde(rename = "type")]
    pub job_type: String,
    pub job: String,
    pub attempt: u32,
    pub outcome: Option<String>,
    pub delay_ms: Option<f64>,
    pub took_ms: Option<f64>,
}

/// Every line of every ledger in a folder, by time.
pub fn ledger(dir: &Path) -> Vec<Line> {
    let mut lines: Vec<Line> = std::fs::read_dir(dir)
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

/// What the handlers wrote down. A failed job waits again after `backoff_ms`.
pub fn really(lines: &[Line], backoff_ms: f64) -> ByType {
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
                eligible.insert(job, line.t + backoff_ms);
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
