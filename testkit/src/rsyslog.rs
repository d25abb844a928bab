//! A real `rsyslogd`, Debian's, that sends what it is told to Elasticsearch.

use std::io::Write as _;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::process::{Process, started};
use crate::{documented, free_port};

/// Where it listens; the rest is what docs/shippers.md recommends.
const INPUT: &str = r#"
global(workDirectory="@DIR@" maxMessageSize="64k" parser.escapeControlCharactersOnReceive="off")
module(load="imtcp")
input(type="imtcp" address="127.0.0.1" port="@PORT@")
"#;
/// What the lines of tests have beside, and how often it tries.
const MORE: [(&str, &str); 2] = [
    (
        "option.jsonf=\"on\") {",
        r#"option.jsonf="on") {
  property(outname="job" name="msgid" format="jsonf")
  property(outname="process.pid" name="procid" format="jsonf")"#,
    ),
    (
        "queue.type=\"linkedList\"",
        r#"queue.type="linkedList" queue.dequeueBatchSize="40" action.resumeInterval="1""#,
    ),
];

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
        let input = INPUT
            .replace("@DIR@", &dir.path().display().to_string())
            .replace("@PORT@", &port.to_string());
        let elasticsearch = elasticsearch.to_string();
        let replaced = [MORE[0], MORE[1], ("4780", &*elasticsearch)];
        let sends = documented("shippers.md", "module(load=\"omelasticsearch\")", &replaced);
        let config = input + &sends;
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
