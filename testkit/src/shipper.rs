//! Real shippers of logs: programs that follow a file and send its lines on.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Process, logged};

/// Lines of JSON with `time`, `level`, `message`, `queue`, `job` and `number`, as docs/shippers.md recommends to send them. It hands over each
/// batch before it reads on, and notes how far it came after every hundred lines.
const RSYSLOG: &str = r#"
global(workDirectory="@DIR@" maxMessageSize="64k")
module(load="imfile")
module(load="mmjsonparse")
module(load="omelasticsearch")
input(type="imfile" file="@FILE@" tag="shop" persistStateInterval="100")
template(name="ecs" type="list" option.jsonf="on") {
  property(outname="@timestamp" name="$!time" format="jsonf")
  property(outname="log.level" name="$!level" format="jsonf")
  constant(outname="service.name" value="shop" format="jsonf")
  constant(outname="host.name" value="web-1" format="jsonf")
  property(outname="message" name="$!message" format="jsonf")
  property(outname="queue" name="$!queue" format="jsonf")
  property(outname="job" name="$!job" format="jsonf")
  property(outname="number" name="$!number" dataType="number" format="jsonf")
}
action(type="mmjsonparse" cookie="")
action(type="omelasticsearch" server="127.0.0.1" serverport="@ELASTICSEARCH@" template="ecs" searchIndex="logs-shop"
  searchType="" bulkmode="on" action.resumeRetryCount="-1" action.resumeInterval="1"
  queue.type="linkedList" queue.dequeueBatchSize="100")
"#;

/// The same of syslog-ng, with its own `elasticsearch-http`; it reads on as documents are taken.
const SYSLOG_NG: &str = r#"@version: @VERSION@
@include "@SCL@/elasticsearch/elastic-http.conf"
options { stats-freq(0); log-msg-size(65536); time-reopen(1); };
source lines { file("@FILE@" flags(no-parse) follow-freq(0.1)); };
parser json { json-parser(prefix("line.")); };
destination vigie {
  elasticsearch-http(url("http://127.0.0.1:@ELASTICSEARCH@/_bulk") index("logs-shop") type("") workers(1) batch-lines(100)
    batch-timeout(200) retries(1000000)
    template("$(format-json --scope none @timestamp=${line.time} log.level=${line.level} service.name=shop host.name=web-1
      message=${line.message} queue=${line.queue} job=${line.job} number=int64(${line.number}))"));
};
log { source(lines); parser(json); destination(vigie); flags(flow-control); };
"#;

/// A shipper, started and killed as often as one likes; killed when dropped.
pub struct Shipper {
    command: Command,
    log: PathBuf,
    process: Option<Process>,
}

impl Shipper {
    /// One that this command starts; what it says of itself goes to a file in the folder. It does not run yet.
    #[must_use]
    pub fn new(mut command: Command, dir: &Path) -> Self {
        let log = dir.join("shipper.log");
        logged(&mut command, &log);
        Self { command, log, process: None }
    }

    /// Debian's `rsyslogd`, which sends this file to an Elasticsearch at this port of 127.0.0.1.
    #[must_use]
    pub fn rsyslog(dir: &Path, file: &Path, elasticsearch: u16) -> Self {
        let mut command = Command::new("rsyslogd");
        command.args(["-n", "-i", "NONE", "-f"]).arg(configured(RSYSLOG, dir, file, elasticsearch));
        Self::new(command, dir)
    }

    /// Debian's `syslog-ng`, the same. It is unpacked, not installed, for Debian has one logger of the system at a time.
    #[must_use]
    pub fn syslog_ng(dir: &Path, file: &Path, elasticsearch: u16) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/debian");
        let inside = |folder: &str| {
            let folders = std::fs::read_dir(root.join(folder));
            let folders = folders.expect("syslog-ng is unpacked by `cargo xtask setup`");
            folders.flatten().map(|folder| folder.path()).filter(|path| path.is_dir())
        };
        let libraries = std::env::join_paths(inside("usr/lib").chain(inside("lib")));
        // Its modules are in a folder that has its version for a name.
        let modules = inside("usr/lib/syslog-ng").next().expect("the modules of syslog-ng");
        let version = modules.file_name().unwrap_or_default().to_string_lossy();
        let text = SYSLOG_NG
            .replace("@VERSION@", &version)
            .replace("@SCL@", &root.join("usr/share/syslog-ng/include/scl").to_string_lossy());
        let mut command = Command::new(root.join("usr/sbin/syslog-ng"));
        command.env("LD_LIBRARY_PATH", libraries.expect("paths without a colon"));
        command.args(["--foreground", "--stderr", "--no-caps", "--module-path"]).arg(&modules);
        command.arg("--persist-file").arg(dir.join("persist"));
        command.arg("--control").arg(dir.join("control")).arg("--pidfile").arg(dir.join("pid"));
        command.arg("--cfgfile").arg(configured(&text, dir, file, elasticsearch));
        Self::new(command, dir)
    }

    /// Starts it (again).
    pub fn launch(&mut self) {
        self.process = Some(Process::start(&mut self.command));
    }

    /// Kills it (SIGKILL).
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Ends the test where it has ended by itself.
    pub fn assert_runs(&mut self) {
        assert!(!self.process.as_mut().is_some_and(Process::has_ended), "the shipper has ended");
    }
}

impl Drop for Shipper {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let said = std::fs::read_to_string(&self.log).unwrap_or_default();
            eprintln!("{:?} said:\n{said}", self.command);
        }
    }
}

/// The file with this configuration.
fn configured(text: &str, dir: &Path, file: &Path, elasticsearch: u16) -> PathBuf {
    let text = text
        .replace("@DIR@", &dir.to_string_lossy())
        .replace("@FILE@", &file.to_string_lossy())
        .replace("@ELASTICSEARCH@", &elasticsearch.to_string());
    let config = dir.join("shipper.conf");
    std::fs::write(&config, text).expect("a file in a temporary folder");
    config
}
