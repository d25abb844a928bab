//! Who takes part: a Redis filled by the examples, Vigie, and its peers from their packages.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::ask;
use super::program::Program;
use crate::command::{self, poll};
use crate::examples::Examples;
use crate::interrupt;
use crate::project::Project;
use crate::servers::{Redis, free_port};
use crate::stamp::{Digest, Stamp};

const BULL_BOARD: &str = "bench/peers/bull-board";
const ASYNQMON: &str = "bench/peers/asynqmon";

/// Whose queues are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broker {
    BullMq,
    Asynq,
}

impl Broker {
    pub const ALL: [Self; 2] = [Self::BullMq, Self::Asynq];

    /// The tool that its users have today.
    pub fn peer(self) -> Who {
        match self {
            Self::BullMq => Who::BullBoard,
            Self::Asynq => Who::Asynqmon,
        }
    }
}

impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BullMq => "BullMQ",
            Self::Asynq => "asynq",
        })
    }
}

/// Who watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Vigie,
    BullBoard,
    Asynqmon,
}

impl Who {
    /// What its page asks for at each of its polls, and how often by default, in seconds.
    pub fn polled(self) -> (&'static str, f64) {
        match self {
            Self::Vigie => ("/api/v1/queue/status", 1.0),
            // What the overview sends; with no queue opened there is no `activeQueue`.
            Self::BullBoard => ("/api/queues?page=1&jobsPerPage=10", 5.0),
            Self::Asynqmon => ("/api/queues", 8.0),
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vigie => "Vigie",
            Self::BullBoard => "bull-board",
            Self::Asynqmon => "asynqmon",
        })
    }
}

/// A watcher that answers on a port of its own.
pub struct Watcher {
    pub program: Program,
    pub port: u16,
}

/// The profile of Vigie's build: `release`, as the peers are, unless `VIGIE_BENCH_PROFILE` says another, such as `quick`.
pub fn profile() -> String {
    std::env::var("VIGIE_BENCH_PROFILE").unwrap_or_else(|_| "release".to_owned())
}

/// The programs, built.
pub struct Cast<'a> {
    project: &'a Project,
    vigie: PathBuf,
    /// Where their files and output go.
    dir: PathBuf,
}

impl<'a> Cast<'a> {
    /// Vigie alone, built if it is out of date.
    pub fn alone(project: &'a Project, dir: PathBuf) -> Result<Self> {
        let vigie = project.vigie()?;
        let mut cargo = project.command("cargo");
        cargo.args(["build", "--quiet", "--profile", &profile(), "--package", &vigie.package]);
        command::show(&mut cargo)?;
        std::fs::create_dir_all(&dir).with_context(|| format!("creating {}", dir.display()))?;
        Ok(Self { project, vigie: project.target(&profile()).join(&vigie.name), dir })
    }

    /// Builds and installs what is out of date, of Vigie, the examples and the peers.
    pub fn assemble(project: &'a Project, dir: PathBuf) -> Result<Self> {
        let cast = Self::alone(project, dir)?;
        Examples::read(project)?.build(project, command::show)?;
        let mut npm = project.command("npm");
        npm.args(["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"]);
        install(project, BULL_BOARD, &mut npm)?;
        let mut go = project.command("go");
        install(project, ASYNQMON, go.args(["build", "-o", "bin/", "."]))?;
        Ok(cast)
    }

    /// A program of the machine or the project, started at the project's root.
    pub fn command(&self, program: &str) -> Command {
        self.project.command(program)
    }

    /// A file of the project.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.project.path(relative)
    }

    /// A file among those of this run.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Vigie's binary.
    pub fn vigie(&self) -> &Path {
        &self.vigie
    }

    /// Waits until a program answers on its port.
    pub fn answering(&self, port: u16, path: &str) -> Result<()> {
        answering(port, path)
    }

    /// An empty Redis in a folder of its own, and its port.
    pub fn redis(&self, name: &str) -> Result<(Redis, u16)> {
        let dir = self.dir.join(name);
        if dir.exists() {
            std::fs::remove_dir_all(&dir).with_context(|| format!("emptying {}", dir.display()))?;
        }
        std::fs::create_dir_all(&dir).with_context(|| format!("creating {}", dir.display()))?;
        let redis = Redis::start(self.project, &dir)?;
        let port = redis.url().rsplit(':').next().and_then(|port| port.parse().ok());
        Ok((redis, port.context("a Redis has a port")?))
    }

    /// Fills a Redis, and goes on changing it until the answer is dropped.
    /// The size is queues and jobs in each; `rate`, jobs a second that come and go.
    pub fn fill(
        &self,
        broker: Broker,
        (queues, jobs): (usize, usize),
        redis: u16,
        rate: u32,
    ) -> Result<Program> {
        let (dir, mut command) = match broker {
            Broker::BullMq => ("examples/bullmq", self.project.command("node")),
            Broker::Asynq => {
                let fill = self.project.path("examples/go-asynq/bin/fill");
                ("examples/go-asynq", self.project.command(&fill.to_string_lossy()))
            }
        };
        if broker == Broker::BullMq {
            command.arg("fill.js");
        }
        command.args(["--queues", &queues.to_string(), "--jobs", &jobs.to_string()]);
        command.args(["--seconds", "3600"]);
        command.args(["--change", &rate.to_string()]);
        command.env("REDIS_URL", url(redis)).current_dir(self.project.path(dir));
        let mut fill = self.start(&command, &format!("fill-{broker}"))?;
        fill.wait(|text| text.contains("\"ready\":true"))?;
        Ok(fill)
    }

    /// Starts a watcher of `queues` queues in the Redis behind a port, and waits until it answers.
    pub fn watch(&self, who: Who, queues: usize, redis: u16) -> Result<Watcher> {
        let port = free_port()?;
        let mut command = match who {
            Who::Vigie => return self.watch_by_vigie(redis, port),
            Who::BullBoard => {
                let mut node = self.project.command("node");
                node.args(["server.mjs", &queues.to_string()]);
                node.current_dir(self.project.path(BULL_BOARD));
                node
            }
            Who::Asynqmon => {
                let program = self.project.path(ASYNQMON).join("bin/bench-asynqmon");
                self.project.command(&program.to_string_lossy())
            }
        };
        command.env("REDIS_URL", url(redis)).env("PORT", port.to_string());
        let program = self.start(&command, &who.to_string())?;
        answering(port, "/")?;
        Ok(Watcher { program, port })
    }

    fn watch_by_vigie(&self, redis: u16, port: u16) -> Result<Watcher> {
        self.vigie_over(&self.dir.join("data"), redis, port)
    }

    /// Starts Vigie with this data folder.
    pub fn watch_over(&self, data: &Path, redis: u16) -> Result<Watcher> {
        self.vigie_over(data, redis, free_port()?)
    }

    fn vigie_over(&self, data: &Path, redis: u16, port: u16) -> Result<Watcher> {
        let config = self.dir.join("vigie.yaml");
        let text = format!(
            "listen: 127.0.0.1:{port}\ndata_dir: {}\nsources:\n  - {{name: main, kind: redis, url: \"{}\"}}\n",
            data.display(),
            url(redis)
        );
        std::fs::write(&config, text).with_context(|| format!("writing {}", config.display()))?;
        let mut command = self.project.command(&self.vigie.to_string_lossy());
        command.arg("--config").arg(&config);
        let program = self.start(&command, "Vigie")?;
        answering(port, "/readyz")?;
        Ok(Watcher { program, port })
    }

    /// Starts any other program.
    pub fn start(&self, command: &Command, name: &str) -> Result<Program> {
        Program::start(command, name, &self.dir)
    }
}

pub fn url(redis: u16) -> String {
    format!("redis://127.0.0.1:{redis}")
}

fn answering(port: u16, path: &str) -> Result<()> {
    let answer = poll(Duration::from_secs(60), || {
        interrupt::check()?;
        Ok(ask::page(port, path).ok())
    })?;
    answer.map(|_| ()).with_context(|| format!("nothing answers {path} on port {port}"))
}

/// Does a peer's step when its folder has changed since.
fn install(project: &Project, folder: &str, command: &mut Command) -> Result<()> {
    let dir: &Path = &project.path(folder);
    let digest = Digest::default().path(dir)?;
    let name: String = folder.chars().map(|c| if c == '/' { '-' } else { c }).collect();
    let stamp = Stamp::new(project.target(&format!("stamps/{name}")), digest);
    let built = dir.join("node_modules").exists() || dir.join("bin").exists();
    if stamp.current() && built {
        return Ok(());
    }
    println!("installing {folder} ...");
    command::show(command.current_dir(dir)).with_context(|| format!("installing {folder}"))?;
    stamp.leave()
}
