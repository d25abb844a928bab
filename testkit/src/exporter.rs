//! Real exporters, Debian's.

use std::process::Command;

use tempfile::TempDir;

use crate::free_port;
use crate::http::ready;
use crate::process::{Process, started};

/// A real exporter on a port of 127.0.0.1; killed when dropped.
pub struct Exporter {
    port: u16,
    _process: Process,
    _dir: TempDir,
}

impl Exporter {
    /// `prometheus-node-exporter`: this machine.
    #[must_use]
    pub fn node() -> Self {
        Self::start("prometheus-node-exporter", |command, address| {
            command.arg(format!("--web.listen-address={address}"));
        })
    }

    /// `prometheus-redis-exporter`: the Redis on this port.
    #[must_use]
    pub fn redis(redis: u16) -> Self {
        Self::start("prometheus-redis-exporter", |command, address| {
            command.args(["-web.listen-address", address]);
            command.args(["-redis.addr", &format!("redis://127.0.0.1:{redis}")]);
        })
    }

    /// `prometheus-postgres-exporter`: the PostgreSQL at this URL.
    #[must_use]
    pub fn postgres(url: &str) -> Self {
        Self::start("prometheus-postgres-exporter", |command, address| {
            command.arg(format!("--web.listen-address={address}"));
            command.env("DATA_SOURCE_NAME", url);
        })
    }

    fn start(program: &str, arguments: impl FnOnce(&mut Command, &str)) -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        let port = free_port();
        let mut command = Command::new(program);
        command.current_dir(dir.path());
        arguments(&mut command, &format!("127.0.0.1:{port}"));
        let log = dir.path().join("log");
        let (process, ()) = started(&mut command, &log, || ready(port, "/metrics"));
        Self { port, _process: process, _dir: dir }
    }

    /// Where it listens, `host:port`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}
