//! The peers themselves: a Prometheus that runs, and promtool.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// A Prometheus in a folder of its own; ended when dropped.
pub struct Prometheus {
    process: Child,
    pub address: SocketAddr,
    _dir: TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Prometheus {
    /// One that scrapes itself each second and writes what it scraped to `write_url`.
    pub fn start(write_url: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = format!(
            "global: {{scrape_interval: 1s}}\n\
             scrape_configs: [{{job_name: prometheus, static_configs: [{{targets: [\"{port}\"]}}]}}]\n\
             remote_write:\n- url: {write_url}\n  queue_config: {{batch_send_deadline: 200ms}}\n  metadata_config: {{send_interval: 1s}}\n"
        );
        let file = dir.path().join("prometheus.yml");
        std::fs::write(&file, config).unwrap();
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
            .arg(format!("--web.listen-address={port}"))
            .arg("--log.level=error")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus is installed by `cargo xtask setup test`");
        Self { process, address: port, _dir: dir }
    }

    /// `GET path`; nothing while it does not answer.
    pub fn get(&self, path: &str) -> Option<Value> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
        // HTTP/1.0 has no chunks.
        write!(stream, "GET {path} HTTP/1.0\r\nhost: {}\r\n\r\n", self.address).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
    }
}

/// What promtool says: whether it succeeded, and both its outputs.
pub async fn promtool(arguments: &[&str]) -> (bool, String) {
    let output = tokio::process::Command::new("promtool")
        .args(arguments)
        .output()
        .await
        .expect("promtool is installed by `cargo xtask setup test`");
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said)
}
