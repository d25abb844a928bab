//! A real `rsyslogd`, Debian's, that sends what it is told to Elasticsearch.

use std::io::Write as _;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::free_port;
use crate::process::{Process, started};

/// Documents as docs/logs.md recommends them: names of the Elastic Common Schema.
const CONFIG: &str = r#"
global(workDirectory="@DIR@" maxMessageSize="64k" parser.escapeControlCharactersOnReceive="off")
module(load="imtcp")
module(load="omelasticsearch")
input(type="imtcp" address="127.0.0.1" port="@PORT@")
template(name="ecs" type="list" option.jsonf="on") {
  property(outname="@timestamp" name="timereported" dateFormat="rfc3339" format="jsonf")
  property(outname="log.level" name="syslogseverity-text" format="jsonf")
  property(outname="service.name" name="app-name" format="jsonf")
  property(outname="host.name" name="hostname" format="jsonf")
  property(outname="job" name="msgid" format="jsonf")
  property(outname="process.pid" name="procid" format="jsonf")
  property(outname="message" name="msg" format="jsonf")
}
action(type="omelasticsearch" server="127.0.0.1" serverport="@ELASTICSEARCH@" template="ecs" searchIndex="logs-syslog-default"
  searchType="" bulkmode="on" queue.type="linkedList" queue.dequeueBatchSize="40" action.resumeRetryCount="-1" action.resumeInterval="1")
"#;

/// A real `rsyslogd` with nothing of the machine's own: it listens for syslog over TCP, holds back what it cannot hand over, and sends it
/// again; killed when dropped.
pub struct Rsyslog {
    dir: TempDir,
    stream: TcpStream,
    _process: Process,
}

impl Rsyslog {
    /// Starts one that sends to an Elasticsearch at this port of 127.0.0.1.
    #[must_use]
    pub fn start(elasticsearch: u16) -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        let port = free_port();
        let config = CONFIG
            .replace("@DIR@", &dir.path().display().to_string())
            .replace("@PORT@", &port.to_string())
            .replace("@ELASTICSEARCH@", &elasticsearch.to_string());
        let file = dir.path().join("rsyslog.conf");
        std::fs::write(&file, config).expect("a file in a temporary directory");
        let mut command = Command::new("rsyslogd");
        command.arg("-n").arg("-f").arg(&file).arg("-i").arg(dir.path().join("pid"));
        let log = dir.path().join("log");
        let (process, stream) =
            started(&mut command, &log, || TcpStream::connect(("127.0.0.1", port)));
        Self { dir, stream, _process: process }
    }

    /// Sends a message of RFC 5424, framed by its length, so that it may have several lines.
    pub fn send(&mut self, message: &str) {
        let frame = format!("{} {message}", message.len());
        self.stream.write_all(frame.as_bytes()).expect("rsyslogd reads");
    }

    /// What it has said of itself so far.
    #[must_use]
    pub fn log(&self) -> String {
        let log: PathBuf = self.dir.path().join("log");
        std::fs::read_to_string(log).unwrap_or_default()
    }
}
