//! The processes of a run: the example workloads by their manifest, and the built `vigie`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A child; killed (-9), by its id, when dropped.
pub struct Process(Child);

impl Process {
    fn start(command: &mut Command, log: &Path) -> Self {
        let log = File::create(log).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let started = command.spawn();
        Self(started.unwrap_or_else(|error| {
            panic!("{command:?}: {error}; `cargo xtask setup` installs what is missing")
        }))
    }

    /// Whether it has ended well; panics if it has ended otherwise.
    pub fn is_done(&mut self) -> bool {
        let status = self.0.try_wait().unwrap();
        assert!(status.is_none_or(|status| status.success()), "{status:?}");
        status.is_some()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Tries for so long until there is something.
pub fn eventually<T>(what: &str, seconds: u64, mut attempt: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        if let Some(value) = attempt() {
            return value;
        }
        assert!(Instant::now() < deadline, "not within {seconds} s: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The folder of the examples, which are built.
fn examples() -> PathBuf {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    for step in json(&dir.join("demo.json"))["install"].as_array().unwrap() {
        for output in texts(&step["outputs"]) {
            let output = dir.join(step["dir"].as_str().unwrap()).join(output);
            assert!(
                output.exists(),
                "{} is not there: `cargo xtask test rust` builds it",
                output.display()
            );
        }
    }
    dir
}

fn json(path: &Path) -> Value {
    let text =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

/// Of the environment of a process.
pub type Variables = Vec<(&'static str, String)>;

/// By which a process tells Vigie of its jobs at this port.
pub fn listening(port: u16) -> Variables {
    vec![("VIGIE_LISTEN", format!("127.0.0.1:{port}"))]
}

/// The processes of `examples/ledger.json`.
pub struct Workload {
    pub producers: Vec<Process>,
    /// Broker, name, process.
    pub workers: Vec<(String, String, Process)>,
}

impl Workload {
    /// Starts all of them; their ledgers and their own words go to `dir`.
    pub fn start(dir: &Path, redis: &str, jobs: usize, rate: usize) -> Self {
        Self::start_some(dir, redis, (jobs, rate), |_| Some(Vec::new()))
    }

    /// Starts those that `environment` says something of: the variables by which they tell Vigie of their jobs, if they do.
    pub fn start_some(
        dir: &Path,
        redis: &str,
        (jobs, rate): (usize, usize),
        environment: impl Fn(&str) -> Option<Variables>,
    ) -> Self {
        let examples = examples();
        let manifest = json(&examples.join("ledger.json"));
        let mut workload = Self { producers: Vec::new(), workers: Vec::new() };
        for process in manifest["processes"].as_array().unwrap() {
            let name = process["name"].as_str().unwrap();
            let Some(variables) = environment(name) else { continue };
            let words: Vec<String> = texts(&process["command"])
                .into_iter()
                .map(|word| {
                    word.replace("${LEDGER}", dir.to_str().unwrap())
                        .replace("${JOBS}", &jobs.to_string())
                        .replace("${RATE}", &rate.to_string())
                })
                .collect();
            let place = examples.join(process["dir"].as_str().unwrap());
            let program = if words[0].starts_with("./") {
                place.join(&words[0])
            } else {
                PathBuf::from(&words[0])
            };
            let mut command = Command::new(program);
            command.args(&words[1..]).current_dir(&place).env("REDIS_URL", redis);
            command.env_remove("VIGIE_LISTEN").env_remove("VIGIE_JOBS").envs(variables);
            let process_started = Process::start(&mut command, &dir.join(format!("{name}.log")));
            match process["role"].as_str().unwrap() {
                "producer" => workload.producers.push(process_started),
                _ => {
                    let broker = process["broker"].as_str().unwrap().to_owned();
                    workload.workers.push((broker, name.to_owned(), process_started));
                }
            }
        }
        workload
    }

    /// `kill -9` for the first worker of each broker, while it is busy.
    pub fn kill_one_of_each(&mut self, dir: &Path) {
        for kind in ["asynq", "bullmq", "bull"] {
            let place = self.workers.iter().position(|(broker, _, _)| broker == kind).unwrap();
            let (_, name, worker) = self.workers.remove(place);
            let ledger = dir.join(format!("{name}.jsonl"));
            let busy = |what: &str| {
                let text = std::fs::read_to_string(&ledger).unwrap_or_default();
                text.matches(what).count()
            };
            let deadline = Instant::now() + Duration::from_secs(30);
            while busy("\"what\":\"start\"") < busy("\"what\":\"finish\"") + 2 {
                assert!(Instant::now() < deadline, "{name} is never busy");
                std::thread::sleep(Duration::from_millis(2));
            }
            drop(worker);
        }
    }
}

/// The built binary at work.
pub struct Vigie(vigie_testkit::Vigie);

impl Vigie {
    /// Watches the Redis at this port as `main`.
    pub fn start(dir: &Path, redis_port: u16) -> Self {
        Self::with_services(dir, redis_port, &[])
    }

    /// The same, with the services at these ports that tell of its asynq tasks.
    pub fn with_services(dir: &Path, redis_port: u16, services: &[u16]) -> Self {
        let redis = format!("redis://127.0.0.1:{redis_port}");
        let mut sources = vec![serde_json::json!({"name": "main", "kind": "redis", "url": redis})];
        if !services.is_empty() {
            let urls: Vec<String> =
                services.iter().map(|port| format!("http://127.0.0.1:{port}")).collect();
            let workers = serde_json::json!({"name": "workers", "kind": "go_api", "urls": urls, "asynq": "main"});
            sources.push(workers);
        }
        // JSON is YAML.
        let config = format!("sources: {}", Value::from(sources));
        let program = env!("CARGO_BIN_EXE_vigie");
        let mut vigie = Self(vigie_testkit::Vigie::prepare(program, dir, &config));
        vigie.boot();
        vigie
    }

    /// Starts it (again) and waits until it has looked at its source.
    pub fn boot(&mut self) {
        self.0.boot();
        self.0.until("/api/v1/sources", "vigie has looked at its source", |answer| {
            answer.to_string().contains("\"up\":true").then_some(())
        });
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.0.kill();
    }

    /// `GET`; `None` when nobody answers or it is not there.
    pub fn get(&self, path: &str) -> Option<Value> {
        self.0.json(path)
    }

    /// `GET /api/v1/queue/status`.
    pub fn status(&self) -> Status {
        Status(self.get("/api/v1/queue/status").expect("vigie answers"))
    }
}

/// An answer of `/api/v1/queue/status`.
#[derive(Debug, Clone, PartialEq)]
pub struct Status(Value);

impl Status {
    /// The moment that it describes, in Unix seconds.
    pub fn at(&self) -> f64 {
        seconds(&self.0["at"])
    }

    pub fn queues(&self) -> &[Value] {
        self.0["queues"].as_array().unwrap()
    }

    pub fn of(&self, kind: &str) -> Vec<&Value> {
        self.queues().iter().filter(|queue| queue["kind"] == kind).collect()
    }

    pub fn queue(&self, kind: &str, name: &str) -> &Value {
        let found =
            self.queues().iter().find(|queue| queue["kind"] == kind && queue["queue"] == name);
        found.unwrap_or_else(|| panic!("{kind} {name} is not in {}", self.0))
    }

    /// Every total of every queue, to see whether something still moves.
    pub fn totals(&self) -> Vec<Value> {
        self.queues().iter().map(|queue| queue["totals"].clone()).collect()
    }

    pub fn sources(&self) -> &[Value] {
        self.0["sources"].as_array().unwrap()
    }
}

/// The answer, once nothing has moved for longer than a poll takes to come round.
pub fn settled(vigie: &Vigie) -> Status {
    eventually("vigie's totals have come to rest", 20, || {
        let before = vigie.status();
        std::thread::sleep(Duration::from_millis(2_500));
        let after = vigie.status();
        (before.totals() == after.totals()).then_some(after)
    })
}

/// Unix seconds of an RFC 3339 text.
pub fn seconds(text: &Value) -> f64 {
    let time: jiff::Timestamp = text.as_str().unwrap().parse().unwrap();
    time.as_microsecond() as f64 / 1e6
}

/// `(enqueued, succeeded, failed)` of a queue's totals.
pub fn totals(queue: &Value) -> (u64, u64, u64) {
    let total = |name: &str| queue["totals"][name].as_u64().unwrap();
    assert_eq!(total("processed"), total("succeeded") + total("failed"));
    (total("enqueued"), total("succeeded"), total("failed"))
}
