//! The processes of the demo: started bound to this one, and ended in order.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::scene::{Process, Scene};
use crate::exit::Failure;

const REDIS_READY_WITHIN: Duration = Duration::from_secs(10);
/// What serves is waited for so long; what does not answer then is shown as it is.
const SERVING_WITHIN: Duration = Duration::from_secs(2);
/// A child that was asked to end has this long.
const END_WITHIN: Duration = Duration::from_secs(4);

/// What the demo started, in the order of the start.
#[derive(Default)]
pub(super) struct Children(Vec<(String, Child)>);

impl Children {
    /// Starts a Redis that keeps nothing on a free port; returns its URL once it answers.
    pub(super) async fn start_redis(&mut self, folder: &Path) -> Result<String, Failure> {
        let address = super::free_address().await?;
        let port = address.port().to_string();
        let mut command = bound_to_this_process("redis-server".as_ref());
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

    /// Starts everybody of the scene, the load balancer too.
    pub(super) fn start_all(
        &mut self,
        scene: &Scene,
        examples: &Path,
        redis: &str,
        folder: &Path,
    ) -> Result<(), Failure> {
        for process in scene.processes() {
            let mut command = command(process, examples)?;
            command.env("REDIS_URL", redis).env_remove("VIGIE_LISTEN").env_remove("VIGIE_VISIT");
            if let Some(address) = scene.address(process) {
                command.env("VIGIE_LISTEN", address.to_string());
            }
            if let Some(urls) = scene.visits(process) {
                command.env("VIGIE_VISIT", urls);
            }
            self.spawn(&process.name, &mut command, folder)?;
        }
        let Some(balancer) = &scene.balancer else { return Ok(()) };
        let file = folder.join("haproxy.cfg");
        std::fs::write(&file, scene.haproxy_config(balancer))
            .map_err(|error| Failure::failed(format!("{}: {error}", file.display())))?;
        let mut command = bound_to_this_process(balancer.program.as_os_str());
        self.spawn("haproxy", command.args(["-db", "-f"]).arg(&file), folder)
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
    pub(super) async fn end(&mut self) {
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
fn bound_to_this_process(program: &OsStr) -> Command {
    let has_setpriv =
        ["/usr/bin/setpriv", "/bin/setpriv"].iter().any(|path| Path::new(path).exists());
    if !has_setpriv {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

fn command(process: &Process, examples: &Path) -> Result<Command, Failure> {
    let (program, arguments) = process
        .command
        .split_first()
        .ok_or_else(|| Failure::failed(format!("demo.json: {} has no command", process.name)))?;
    let mut command = bound_to_this_process(program.as_ref());
    command.args(arguments).current_dir(examples.join(&process.dir));
    Ok(command)
}

/// Waits until somebody listens at each of these, or for two seconds: what begins to serve a moment after Vigie looked
/// first would be on the timeline as an instance that was down.
pub(super) async fn answering(addresses: impl Iterator<Item = SocketAddr>) {
    let all = async {
        for address in addresses {
            while TcpStream::connect(address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    };
    let _ = tokio::time::timeout(SERVING_WITHIN, all).await;
}
