//! `vigie demo`: a Redis and real workers of its own, and Vigie to watch them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;
use vigie_collect::source::redis::RedisConfig;

use super::serve::{Running, log_to_stderr};
use crate::cli::DemoArgs;
use crate::config::{
    Config, DEFAULT_LISTEN, LogsConfig, MetricsConfig, SourceConfig, only_loopback,
};
use crate::exit::Failure;
use crate::interrupt::on_signal_or_hangup;

const REDIS_READY_WITHIN: Duration = Duration::from_secs(10);
/// A child that was asked to end has this long.
const END_WITHIN: Duration = Duration::from_secs(4);

/// What `examples/demo.json` says of the processes to start.
#[derive(Debug, Deserialize)]
struct Manifest {
    processes: Vec<Process>,
}

#[derive(Debug, Deserialize)]
struct Process {
    name: String,
    dir: PathBuf,
    command: Vec<String>,
    what: String,
}

/// Runs the demo until a signal; then nothing is left of it.
pub(crate) async fn run(arguments: DemoArgs) -> Result<(), Failure> {
    log_to_stderr();
    let stop = CancellationToken::new();
    tokio::select! {
        // First, so that signals are caught before there is anything to leave behind.
        biased;
        () = on_signal_or_hangup(stop.clone()) => Ok(()),
        outcome = until(stop.clone(), arguments) => outcome,
    }
}

async fn until(stop: CancellationToken, arguments: DemoArgs) -> Result<(), Failure> {
    let examples = examples(arguments.examples)?;
    let manifest = manifest(&examples)?;
    let listen = listen(arguments.listen).await?;
    let folder = tempfile::Builder::new()
        .prefix("vigie-demo-")
        .tempdir()
        .map_err(|error| Failure::failed(format!("cannot make a temporary folder: {error}")))?;
    let mut children = Children::default();
    let outcome = serve(&manifest, &examples, folder.path(), listen, &mut children, stop).await;
    anstream::println!("\nEnding the demo …");
    children.end().await;
    folder
        .close()
        .map_err(|error| Failure::failed(format!("cannot remove the demo's folder: {error}")))?;
    outcome
}

async fn serve(
    manifest: &Manifest,
    examples: &Path,
    folder: &Path,
    listen: SocketAddr,
    children: &mut Children,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let url = tokio::select! {
        () = stop.cancelled() => return Ok(()),
        url = children.start_redis(folder) => url?,
    };
    for process in &manifest.processes {
        children.start(process, examples, &url, folder)?;
    }
    let source =
        RedisConfig::from_url("demo", &url).map_err(|error| Failure::failed(error.to_string()))?;
    let config = Config {
        listen,
        hosts: Vec::new(),
        data_dir: folder.join("vigie-data"),
        metrics: MetricsConfig::default(),
        logs: LogsConfig::default(),
        sources: vec![SourceConfig::Redis(source)],
        origin: "the demo's own".to_owned(),
        unused: None,
    };
    let running = Running::start(&config, &stop).await?;
    say_what_to_look_at(manifest, running.address, &url);
    running.ended(stop).await
}

fn say_what_to_look_at(manifest: &Manifest, address: SocketAddr, redis: &str) {
    anstream::println!("\n  Vigie is at http://{address}  (its demo Redis: {redis})\n");
    anstream::println!("What to look at:");
    for process in &manifest.processes {
        anstream::println!("  {:<16} {}", process.name, process.what);
    }
    anstream::println!("\nCtrl-C ends everything.");
}

/// The folder of the examples: as given, or found from the binary or from here upwards.
fn examples(given: Option<PathBuf>) -> Result<PathBuf, Failure> {
    if let Some(folder) = given {
        return Ok(folder);
    }
    let starts = [std::env::current_exe(), std::env::current_dir()];
    starts
        .into_iter()
        .flatten()
        .flat_map(|start| start.ancestors().map(|folder| folder.join("examples")).collect::<Vec<_>>())
        .find(|folder| folder.join("demo.json").is_file())
        .ok_or_else(|| {
            Failure::failed(
                "the demo needs the example workloads of Vigie's repository: run `make run` in a clone, or name \
                 the folder with --examples",
            )
        })
}

fn manifest(examples: &Path) -> Result<Manifest, Failure> {
    let path = examples.join("demo.json");
    let wrong = |error: String| Failure::failed(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))
}

/// As given, or the usual address, or a free port if another program has that.
async fn listen(given: Option<SocketAddr>) -> Result<SocketAddr, Failure> {
    if let Some(address) = given {
        return only_loopback(address, "--listen")
            .map_err(|error| Failure::wrong_input(error.to_string()));
    }
    match TcpListener::bind(DEFAULT_LISTEN).await {
        Ok(_) => Ok(DEFAULT_LISTEN),
        Err(_) => free_address().await,
    }
}

async fn free_address() -> Result<SocketAddr, Failure> {
    let found =
        async { TcpListener::bind(SocketAddr::new(DEFAULT_LISTEN.ip(), 0)).await?.local_addr() };
    found.await.map_err(|error| Failure::failed(format!("no free port on 127.0.0.1: {error}")))
}

/// What the demo started, in the order of the start.
#[derive(Default)]
struct Children(Vec<(String, Child)>);

impl Children {
    /// Starts a Redis that keeps nothing on a free port; returns its URL once it answers.
    async fn start_redis(&mut self, folder: &Path) -> Result<String, Failure> {
        let address = free_address().await?;
        let port = address.port().to_string();
        let mut command = bound_to_this_process("redis-server");
        command.args([
            "--port",
            &port,
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
        ]);
        self.spawn("redis", command.arg(folder), folder)?;
        let answering = async {
            while TcpStream::connect(address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(REDIS_READY_WITHIN, answering)
            .await
            .map_err(|_| Failure::failed("the demo's redis-server did not answer within 10 s"))?;
        Ok(format!("redis://{address}"))
    }

    fn start(
        &mut self,
        process: &Process,
        examples: &Path,
        redis: &str,
        folder: &Path,
    ) -> Result<(), Failure> {
        let Some((program, arguments)) = process.command.split_first() else {
            return Err(Failure::failed(format!("demo.json: {} has no command", process.name)));
        };
        let mut command = bound_to_this_process(program);
        command.args(arguments).current_dir(examples.join(&process.dir)).env("REDIS_URL", redis);
        self.spawn(&process.name, &mut command, folder)
    }

    fn spawn(&mut self, name: &str, command: &mut Command, folder: &Path) -> Result<(), Failure> {
        let failed = |error: std::io::Error| {
            Failure::failed(format!(
                "cannot start {name}: {error}; `make run` installs and builds what it needs"
            ))
        };
        let log = std::fs::File::create(folder.join(format!("{name}.log"))).map_err(failed)?;
        // A group of its own: Ctrl-C reaches Vigie alone, which then ends all in order.
        command.stdin(Stdio::null()).stdout(log.try_clone().map_err(failed)?).stderr(log);
        let child = command.process_group(0).kill_on_drop(true).spawn().map_err(failed)?;
        self.0.push((name.to_owned(), child));
        Ok(())
    }

    /// Ends all: the workers at once, then, when they are gone, the Redis that they speak to.
    async fn end(&mut self) {
        let redis = self.0.drain(..self.0.len().min(1)).collect();
        for group in [std::mem::take(&mut self.0), redis] {
            for (_, child) in &group {
                terminate(child).await;
            }
            for (name, mut child) in group {
                if tokio::time::timeout(END_WITHIN, child.wait()).await.is_err() {
                    tracing::warn!(name, "did not end in time and is killed");
                    let _ = child.kill().await;
                }
            }
        }
    }
}

/// Asks a child to end. The standard library can only kill; the `kill` command is everywhere where signals are.
async fn terminate(child: &Child) {
    if let Some(pid) = child.id() {
        let _ = Command::new("kill").arg(pid.to_string()).stderr(Stdio::null()).status().await;
    }
}

/// A command whose process the kernel ends when this one is killed, where util-linux's setpriv is there to ask for
/// that. (The examples also look after their parent themselves; redis-server does not.)
fn bound_to_this_process(program: &str) -> Command {
    let has_setpriv =
        ["/usr/bin/setpriv", "/bin/setpriv"].iter().any(|path| Path::new(path).exists());
    if !has_setpriv {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", program]);
    command
}
