//! A real `victoria-metrics`, Debian's.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::free_port;
use crate::metrics_server::MetricsServer;
use crate::process::{Process, eventually, logged};
use crate::prometheus::ready;
use crate::remote_write::RemoteSeries;

/// A real `victoria-metrics` that keeps samples of up to 100 years; killed when dropped.
pub struct VictoriaMetrics {
    dir: TempDir,
    port: u16,
    process: Option<Process>,
}

impl VictoriaMetrics {
    /// Starts one and waits until it is ready.
    #[must_use]
    pub fn start() -> Self {
        let mut server = Self::prepare();
        server.boot();
        server
    }

    /// Chooses a port, but starts nothing: nobody answers yet.
    #[must_use]
    pub fn prepare() -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        Self { dir, port: free_port(), process: None }
    }

    /// Starts the process (again) on the same port and data, and waits until it is ready.
    pub fn boot(&mut self) {
        let mut command = Command::new("victoria-metrics");
        command
            .current_dir(self.dir.path())
            .arg("-storageDataPath=data")
            .arg("-retentionPeriod=100y")
            .arg(format!("-httpListenAddr=127.0.0.1:{}", self.port))
            // Answers are of now, not of 30 s ago, and not of a cache.
            .args(["-search.latencyOffset=0s", "-search.disableCache"]);
        self.process = Some(Process::start(logged(&mut command, &self.log_file())));
        eventually("victoria-metrics does not get ready", || {
            let ended = self.process.as_mut().is_some_and(Process::has_ended);
            assert!(!ended, "victoria-metrics ended at once:\n{}", self.log());
            ready(self.port, "/health")
        });
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its directory: data, log.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    /// Makes what was written searchable at once, instead of within a second or so.
    pub fn flush(&self) {
        let answer = self.get("/internal/force_flush");
        assert_eq!(answer.status, 200, "flushing: {answer:?}");
    }

    /// Asks it to end (SIGTERM) and waits.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.signal("TERM");
            process.wait();
        }
    }

    /// Kills it (SIGKILL).
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// The processor time that it has used so far, and its resident memory in bytes.
    #[must_use]
    pub fn used(&self) -> (std::time::Duration, u64) {
        self.process.as_ref().expect("the server was started").used()
    }
}

impl MetricsServer for VictoriaMetrics {
    fn port(&self) -> u16 {
        self.port
    }

    fn write(&self, series: &[RemoteSeries]) {
        crate::metrics_server::write_all(self.port, series);
        self.flush();
    }
}
