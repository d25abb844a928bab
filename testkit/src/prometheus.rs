//! A real `prometheus`, Debian's.

use std::ops::{Deref, DerefMut};
use std::process::Command;

use crate::metrics_server::{MetricsProcess, MetricsServer};

/// What a server is to be like.
#[derive(Default)]
pub struct PrometheusBuilder {
    config: Option<String>,
    arguments: Vec<String>,
}

impl PrometheusBuilder {
    /// Its configuration file's text; without, it scrapes nothing. Paths in it are relative to [`MetricsProcess::dir`].
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
        let process = MetricsProcess::prepare();
        let config = self.config.unwrap_or_else(|| "scrape_configs: []\n".to_owned());
        std::fs::write(process.dir().join("prometheus.yml"), config)
            .expect("a file in a temporary directory");
        Prometheus { process, arguments: self.arguments }
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
    process: MetricsProcess,
    arguments: Vec<String>,
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
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg("--storage.tsdb.retention.time=100y")
            .arg(format!("--web.listen-address=127.0.0.1:{}", self.process.port()))
            .args(["--web.enable-remote-write-receiver", "--web.enable-lifecycle"])
            .args(&self.arguments);
        self.process.boot(&mut command, "/-/ready");
    }
}

impl Deref for Prometheus {
    type Target = MetricsProcess;

    fn deref(&self) -> &MetricsProcess {
        &self.process
    }
}

impl DerefMut for Prometheus {
    fn deref_mut(&mut self) -> &mut MetricsProcess {
        &mut self.process
    }
}

impl MetricsServer for Prometheus {
    fn port(&self) -> u16 {
        self.process.port()
    }
}
