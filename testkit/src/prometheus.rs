//! A real `prometheus`, Debian's.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::free_port;
use crate::metrics_server::MetricsServer;
use crate::process::{Process, eventually, logged};

/// What a server is to be like.
#[derive(Default)]
pub struct PrometheusBuilder {
    config: Option<String>,
    arguments: Vec<String>,
}

impl PrometheusBuilder {
    /// Its configuration file's text; without, it scrapes nothing. Paths in it are relative to [`Prometheus::dir`].
    #[must_use]
    pub fn config(mut self, text: &str) -> Self {
        self.config = Some(text.to_owned());
        self
    }

    /// Adds an argument of its command line.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Chooses a port and writes the configuration, but starts nothing.
    #[must_use]
    pub fn prepare(self) -> Prometheus {
        let dir = TempDir::new().expect("a temporary directory");
        let config = self.config.unwrap_or_else(|| "scrape_configs: []\n".to_owned());
        std::fs::write(dir.path().join("prometheus.yml"), config)
            .expect("a file in a temporary directory");
        Prometheus { dir, port: free_port(), arguments: self.arguments, process: None }
    }

    /// Starts it and waits until it is ready.
    #[must_use]
    pub fn start(self) -> Prometheus {
        let mut server = self.prepare();
        server.boot();
        server
    }
}

/// A real `prometheus` that takes remote write and keeps samples of any age; killed when dropped.
pub struct Prometheus {
    dir: TempDir,
    port: u16,
    arguments: Vec<String>,
    process: Option<Process>,
}

impl Prometheus {
    /// A plain one.
    #[must_use]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// One with options.
    #[must_use]
    pub fn builder() -> PrometheusBuilder {
        PrometheusBuilder::default()
    }

    /// Starts the process (again) on the same port and data, and waits until it is ready.
    pub fn boot(&mut self) {
        let mut command = Command::new("prometheus");
        command
            .current_dir(self.dir.path())
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg("--storage.tsdb.retention.time=100y")
            .arg(format!("--web.listen-address=127.0.0.1:{}", self.port))
            .args(["--web.enable-remote-write-receiver", "--web.enable-lifecycle"])
            .args(&self.arguments);
        self.process = Some(Process::start(logged(&mut command, &self.log_file())));
        eventually("prometheus does not get ready", || {
            let ended = self.process.as_mut().is_some_and(Process::has_ended);
            assert!(!ended, "prometheus ended at once:\n{}", self.log());
            ready(self.port, "/-/ready")
        });
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its directory: configuration, data, log.
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

impl MetricsServer for Prometheus {
    fn port(&self) -> u16 {
        self.port
    }
}

/// Whether a server answers 200 there.
pub(crate) fn ready(port: u16, path: &str) -> Result<(), String> {
    match crate::http_get(port, path) {
        Ok(answer) if answer.status == 200 => Ok(()),
        Ok(answer) => Err(format!("{path} answers {answer:?}")),
        Err(error) => Err(error.to_string()),
    }
}
