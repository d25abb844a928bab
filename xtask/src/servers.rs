//! The servers that the browser tests run against: each on a free loopback port, each ended afterwards.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal};

use crate::command::{Group, poll};
use crate::interrupt;
use crate::project::Project;

/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_secs(60);

/// A port that was free a moment ago.
pub fn free_port() -> Result<u16> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a free port")?;
    Ok(listener.local_addr().context("looking for a free port")?.port())
}

/// A Redis that tests may stop and start again by shell commands, so that its process is not our child.
pub struct Redis {
    port: u16,
    start: String,
    stop: String,
    pid_file: PathBuf,
}

impl Redis {
    /// Starts one with its files in `dir`.
    pub fn start(project: &Project, dir: &Path) -> Result<Self> {
        let port = free_port()?;
        let pid_file = dir.join("redis.pid");
        let place = dir.display();
        let start = format!(
            "redis-server --bind 127.0.0.1 --port {port} --dir '{place}' --daemonize yes --save '' \
             --pidfile '{}' --logfile '{place}/redis.log'",
            pid_file.display()
        );
        let stop = format!("redis-cli -p {port} shutdown save");
        let redis = Self { port, start, stop, pid_file };
        let mut shell = project.command("sh");
        let status = shell
            .args(["-c", &redis.start])
            .stdout(Stdio::null())
            .status()
            .context("starting redis-server")?;
        let answers = poll(PATIENCE, || {
            interrupt::check()?;
            Ok(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok())
        })?;
        if !status.success() || answers.is_none() {
            bail!("redis-server does not start: see {place}/redis.log");
        }
        Ok(redis)
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Shell commands with which a test starts and stops it; its data outlives that.
    pub fn commands(&self) -> (&str, &str) {
        (&self.start, &self.stop)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let pid =
            std::fs::read_to_string(&self.pid_file).ok().and_then(|text| text.trim().parse().ok());
        let Some(pid) = pid.filter(|pid: &i32| ours(*pid, self.port)).and_then(Pid::from_raw)
        else {
            return;
        };
        let _gone = rustix::process::kill_process(pid, Signal::KILL);
    }
}

/// Whether this process is the Redis on this port: a number in a file may have passed to another.
fn ours(pid: i32, port: u16) -> bool {
    let title = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let title = String::from_utf8_lossy(&title);
    title.contains("redis-server") && title.contains(&format!(":{port}"))
}

/// A vigie of its own that watches one Redis.
pub struct Vigie {
    _group: Group,
    url: String,
}

impl Vigie {
    /// Starts this program with its configuration, data and output in `dir`, and waits until it is ready.
    pub fn start(project: &Project, program: &Path, dir: &Path, redis_url: &str) -> Result<Self> {
        let port = free_port()?;
        let config = dir.join("vigie.yaml");
        let text = format!(
            "listen: 127.0.0.1:{port}\ndata_dir: {}\nsources:\n  - {{name: main, kind: redis, url: \"{redis_url}\"}}\n",
            dir.join("data").display()
        );
        std::fs::write(&config, text).with_context(|| format!("writing {}", config.display()))?;
        let mut command = project.command(&program.to_string_lossy());
        command.arg("--config").arg(&config);
        let mut group = into_file(&mut command, "vigie", dir)?;
        let ready = poll(PATIENCE, || {
            interrupt::check()?;
            if let Some(status) = group.ended()? {
                bail!("vigie ended at once, {status}: see {}/vigie.log", dir.display());
            }
            Ok((get(port, "/readyz").unwrap_or(0) == 200).then_some(()))
        })?;
        if ready.is_none() {
            bail!(
                "vigie is not ready after {} s: see {}/vigie.log",
                PATIENCE.as_secs(),
                dir.display()
            );
        }
        Ok(Self { _group: group, url: format!("http://127.0.0.1:{port}") })
    }

    pub fn url(&self) -> &str {
        &self.url
    }
}

/// Starts a program whose output goes to `dir/NAME.log`.
pub fn into_file(command: &mut Command, name: &str, dir: &Path) -> Result<Group> {
    let path = dir.join(format!("{name}.log"));
    let file =
        std::fs::File::create(&path).with_context(|| format!("creating {}", path.display()))?;
    let errors = file.try_clone().with_context(|| format!("creating {}", path.display()))?;
    Group::start(command.stdout(file).stderr(errors), name)
}

/// The status with which a server on this machine answers a request.
fn get(port: u16, path: &str) -> Option<u16> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let limit = Duration::from_secs(5);
    let mut stream = TcpStream::connect_timeout(&address, limit).ok()?;
    stream.set_read_timeout(Some(limit)).ok()?;
    let host = format!("127.0.0.1:{port}");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.take(64 * 1024).read_to_end(&mut answer).ok()?;
    String::from_utf8_lossy(&answer).split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_an_answer_is_read() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 512];
            let count = stream.read(&mut request).unwrap();
            stream
                .write_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
                .unwrap();
            String::from_utf8_lossy(&request[..count]).into_owned()
        });
        assert_eq!(get(port, "/readyz"), Some(503));
        assert!(server.join().unwrap().starts_with("GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:"));
    }

    #[test]
    fn a_redis_is_stopped_and_started_by_its_commands_and_gone_in_the_end() {
        let project = Project::find().unwrap();
        let dir = std::env::temp_dir().join(format!("xtask-{}-redis", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let redis = Redis::start(&project, &dir).unwrap();
        let port = redis.port;
        let answers = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
        let shell = |line: &str| {
            project
                .command("sh")
                .args(["-c", line])
                .stdout(Stdio::null())
                .status()
                .unwrap()
                .success()
        };
        let until =
            |up: bool| poll(PATIENCE, || Ok((answers() == up).then_some(()))).unwrap().is_some();

        let (start, stop) = redis.commands();
        assert!(shell(&format!("redis-cli -p {port} set kept 1")));
        assert!(shell(stop) && until(false), "it stops");
        assert!(shell(start) && until(true), "it starts again");
        assert!(
            shell(&format!("redis-cli -p {port} get kept | grep -q 1")),
            "its data outlives that"
        );
        drop(redis);
        assert!(until(false), "it is gone");
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_process_that_is_not_this_redis_is_left_alone() {
        assert!(!ours(i32::try_from(std::process::id()).unwrap(), 6379));
    }
}
