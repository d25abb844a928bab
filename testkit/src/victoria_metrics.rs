//! A real `victoria-metrics`, Debian's.

use std::ops::{Deref, DerefMut};
use std::process::Command;

use crate::metrics_server::{MetricsProcess, MetricsServer};
use crate::remote_write::RemoteSeries;

/// A real `victoria-metrics` that keeps samples of up to 100 years; killed when dropped.
pub struct VictoriaMetrics {
    process: MetricsProcess,
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
        Self { process: MetricsProcess::prepare() }
    }

    /// Starts the process (again) on the same port and data, and waits until it is ready.
    pub fn boot(&mut self) {
        let mut command = Command::new("victoria-metrics");
        command
            .arg("-storageDataPath=data")
            .arg("-retentionPeriod=100y")
            .arg(format!("-httpListenAddr=127.0.0.1:{}", self.process.port()))
            // Answers are of now, not of 30 s ago, and not of a cache.
            .args(["-search.latencyOffset=0s", "-search.disableCache"]);
        self.process.boot(&mut command, "/health");
    }

    /// Makes what was written searchable at once, instead of within a second or so.
    pub fn flush(&self) {
        let answer = self.get("/internal/force_flush");
        assert_eq!(answer.status, 200, "flushing: {answer:?}");
    }
}

impl Deref for VictoriaMetrics {
    type Target = MetricsProcess;

    fn deref(&self) -> &MetricsProcess {
        &self.process
    }
}

impl DerefMut for VictoriaMetrics {
    fn deref_mut(&mut self) -> &mut MetricsProcess {
        &mut self.process
    }
}

impl MetricsServer for VictoriaMetrics {
    fn port(&self) -> u16 {
        self.process.port()
    }

    fn write(&self, series: &[RemoteSeries]) {
        crate::metrics_server::write_all(self.process.port(), series);
        self.flush();
    }
}
