//! What Prometheus and VictoriaMetrics have in common: samples in by remote write, PromQL out over HTTP.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::free_port;
use crate::http::{HttpAnswer, form_encoded, http_get, http_post, ready};
use crate::process::{Process, started};
use crate::remote_write::{REMOTE_WRITE_HEADERS, RemoteSeries, remote_write_body};

/// Series of one request: both servers limit a request's bytes.
const SERIES_A_REQUEST: usize = 500;

/// A server that takes samples and answers PromQL, on a port of 127.0.0.1.
pub trait MetricsServer {
    /// Its port.
    fn port(&self) -> u16;

    /// Writes samples; what was written can be asked for afterwards.
    fn write(&self, series: &[RemoteSeries]) {
        write_all(self.port(), series);
    }

    /// The whole answer to an instant query, errors as well; `time` in Unix milliseconds.
    fn query(&self, query: &str, time: i64) -> Value {
        self.asked("query", &[("query", query), ("time", &seconds(time))])
    }

    /// The whole answer to a range query, errors as well; times in Unix milliseconds, `step` in milliseconds.
    fn query_range(&self, query: &str, start: i64, end: i64, step: i64) -> Value {
        let (start, end, step) = (seconds(start), seconds(end), seconds(step));
        let form = [("query", query), ("start", &*start), ("end", &*end), ("step", &*step)];
        self.asked("query_range", &form)
    }

    /// Any path's answer.
    fn get(&self, path: &str) -> HttpAnswer {
        http_get(self.port(), path).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Any path's answer, which is JSON.
    fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        serde_json::from_str(&answer.body)
            .unwrap_or_else(|error| panic!("{path}: {error} in {answer:?}"))
    }

    /// A call of the query API with these parameters, as a form.
    fn asked(&self, what: &str, form: &[(&str, &str)]) -> Value {
        let pairs = form.iter().map(|(name, value)| format!("{name}={}", form_encoded(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        let kind = [("Content-Type", "application/x-www-form-urlencoded")];
        let path = format!("/api/v1/{what}");
        let answer = http_post(self.port(), &path, &kind, body.as_bytes())
            .unwrap_or_else(|error| panic!("{path} {body}: {error}"));
        serde_json::from_str(&answer.body)
            .unwrap_or_else(|error| panic!("{path} {body}: {error} in {answer:?}"))
    }
}

/// Sends series in requests of a moderate size.
pub(crate) fn write_all(port: u16, series: &[RemoteSeries]) {
    for part in series.chunks(SERIES_A_REQUEST) {
        let body = remote_write_body(part);
        let answer = http_post(port, "/api/v1/write", &REMOTE_WRITE_HEADERS, &body)
            .expect("the server answers a remote write");
        assert!((200..300).contains(&answer.status), "remote write: {answer:?}");
    }
}

/// The process of such a server, on a port and with a directory that it keeps; killed when dropped.
pub struct MetricsProcess {
    dir: TempDir,
    port: u16,
    process: Option<Process>,
}

impl MetricsProcess {
    /// Chooses a port, but starts nothing: nobody answers yet.
    pub(crate) fn prepare() -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        Self { dir, port: free_port(), process: None }
    }

    /// Starts it (again) in its directory, and waits until it answers 200 at this path.
    pub(crate) fn boot(&mut self, command: &mut Command, path: &str) {
        command.current_dir(self.dir());
        let port = self.port;
        let (process, ()) = started(command, &self.log_file(), || ready(port, path));
        self.process = Some(process);
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
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
        self.dir().join("log")
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

/// Milliseconds as the API writes times: seconds with a fraction.
fn seconds(milliseconds: i64) -> String {
    let sign = if milliseconds < 0 { "-" } else { "" };
    let size = milliseconds.unsigned_abs();
    format!("{sign}{}.{:03}", size / 1_000, size % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_their_milliseconds_also_before_1970() {
        assert_eq!(
            [1_700_000_000_007, -1, -2_500, 0].map(seconds),
            ["1700000000.007", "-0.001", "-2.500", "0.000"]
        );
    }
}
