//! A source that runs, and what it has observed so far.
#![allow(dead_code, reason = "each test file uses some of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use redis::Commands as _;
use tokio_util::sync::CancellationToken;
use vigie_collect::source::redis::{RedisConfig, run};
use vigie_collect::source::{Failed, FailedJobs, RunContext, ToldJobs};
use vigie_collect::{SystemClock, observations};
use vigie_model::{
    Broker, Check, Observation, PollCost, PollReport, QueueId, QueueReading, SourceFault,
    SourceName,
};
use vigie_testkit::RedisServer;

/// A source that runs until dropped.
pub struct Watching {
    seen: Arc<Mutex<Vec<(Instant, Observation)>>>,
    failed: FailedJobs,
    stop: CancellationToken,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Watching {
    /// Watches the Redis at `url`, polling every 200 ms so that tests are quick.
    pub fn url(url: &str) -> Self {
        let mut config = RedisConfig::from_url("main", url).unwrap();
        config.poll = Duration::from_millis(200);
        Self::config(config)
    }

    /// Watches what a configuration in JSON describes.
    pub fn json(json: serde_json::Value) -> Self {
        let raw: vigie_collect::source::redis::RawRedisConfig =
            serde_json::from_value(json).unwrap();
        Self::config(RedisConfig::try_from(raw).unwrap())
    }

    pub fn config(config: RedisConfig) -> Self {
        let (sender, receiver) = observations(100_000);
        let stop = CancellationToken::new();
        let failed = FailedJobs::default();
        let context =
            RunContext { clock: Arc::new(SystemClock::start()), out: sender, stop: stop.clone() };
        let running = run(config, ToldJobs::default(), failed.clone(), context);
        let running = tokio::spawn(running);
        let seen: Arc<Mutex<Vec<(Instant, Observation)>>> = Arc::default();
        let log = Arc::clone(&seen);
        let listening = tokio::spawn(async move {
            loop {
                let now = receiver.receive().await;
                let at = Instant::now();
                log.lock().unwrap().extend(now.into_iter().map(|one| (at, one)));
            }
        });
        Self { seen, failed, stop, tasks: vec![running, listening] }
    }

    /// Asks for the failed jobs of a queue.
    pub async fn failed(&self, broker: Broker, queue: &str) -> Failed {
        let source = SourceName::new("main");
        self.failed.of(&QueueId { source, broker, name: queue.into() }).await
    }

    /// Everything observed so far.
    pub fn all(&self) -> Vec<Observation> {
        self.seen.lock().unwrap().iter().map(|(_, one)| one.clone()).collect()
    }

    /// Forgets what was observed so far.
    pub fn forget(&self) {
        self.seen.lock().unwrap().clear();
    }

    /// All reports so far.
    pub fn reports(&self) -> Vec<(Instant, PollReport)> {
        let seen = self.seen.lock().unwrap();
        let reports = seen.iter().filter_map(|(at, one)| match one {
            Observation::Polled(report) => Some((*at, report.clone())),
            _ => None,
        });
        reports.collect()
    }

    /// What each poll so far has cost.
    pub fn costs(&self) -> Vec<PollCost> {
        self.reports().into_iter().map(|(_, report)| report.outcome.unwrap()).collect()
    }

    /// Waits until something is so, at most `seconds`.
    pub async fn until<T>(
        &self,
        what: &str,
        seconds: f64,
        mut look: impl FnMut(&[Observation]) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + Duration::from_secs_f64(seconds);
        loop {
            let all = self.all();
            if let Some(found) = look(&all) {
                return found;
            }
            if Instant::now() > deadline {
                let last = all.iter().rev().find(|one| matches!(one, Observation::Polled(_)));
                panic!("not within {seconds} s: {what}; last report: {last:#?}");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits for a good poll after now.
    pub async fn good(&self) -> PollReport {
        self.forget();
        self.until("a good poll", 10.0, |all| {
            all.iter().find_map(|one| match one {
                Observation::Polled(report) if report.outcome.is_ok() => Some(report.clone()),
                _ => None,
            })
        })
        .await
    }

    /// Waits for two more good polls, and keeps what was observed.
    pub async fn good_keeping(&self) {
        let good = |all: &[Observation]| {
            all.iter()
                .filter(|one| matches!(one, Observation::Polled(report) if report.outcome.is_ok()))
                .count()
        };
        let before = good(&self.all());
        self.until("two more good polls", 10.0, |all| (good(all) >= before + 2).then_some(()))
            .await;
    }

    /// Waits for a fault, within `seconds`.
    pub async fn fault(&self, seconds: f64) -> SourceFault {
        self.until("a fault", seconds, |all| {
            all.iter().find_map(|one| match one {
                Observation::Polled(PollReport { outcome: Err(fault), .. }) => Some(fault.clone()),
                _ => None,
            })
        })
        .await
    }

    /// Waits for a reading of the queue, such that.
    pub async fn queue(
        &self,
        name: &str,
        mut fits: impl FnMut(&QueueReading) -> bool,
    ) -> QueueReading {
        // A queue that nobody listens to is found by the next scan.
        self.until(&format!("such a reading of {name}"), 40.0, |all| {
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
}

/// CPU milliseconds that a server has used so far.
pub fn cpu(server: &RedisServer) -> f64 {
    let info = server.text(&["INFO", "cpu"]);
    let field = |name: &str| -> f64 {
        info.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().parse().unwrap()
    };
    1e3 * (field("used_cpu_sys_main_thread:") + field("used_cpu_user_main_thread:"))
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.stop.cancel();
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// One line of a checklist.
pub fn check<'a>(report: &'a PollReport, id: &str) -> &'a Check {
    report.checks.iter().find(|check| check.id == id).unwrap_or_else(|| panic!("no check {id}"))
}

/// Makes a queue of asynq with `pending` tasks of type `mail`, as asynq writes it.
pub fn fill_asynq(admin: &mut redis::Connection, queue: &str, pending: usize) {
    let _: () = admin.sadd("asynq:queues", queue).unwrap();
    let mut pipe = redis::pipe();
    for id in 0..pending {
        let task = format!("asynq:{{{queue}}}:t:{id}");
        // TaskMessage { type: "mail", payload: "{}", id, queue }
        let mut message = Vec::new();
        for (tag, text) in [(1_u8, "mail"), (2, "{}"), (3, &*id.to_string()), (4, queue)] {
            message.extend([tag << 3 | 2, u8::try_from(text.len()).unwrap()]);
            message.extend(text.as_bytes());
        }
        pipe.hset(&task, "msg", message).hset(&task, "state", "pending").hset(
            &task,
            "pending_since",
            nanos(),
        );
        pipe.lpush(format!("asynq:{{{queue}}}:pending"), id.to_string());
    }
    let _: () = pipe.query(admin).unwrap();
}

/// Now, as asynq writes it.
pub fn nanos() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::try_from(now.as_nanos()).unwrap()
}
