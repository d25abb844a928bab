//! A real OpenSearch node, of its packages on Maven Central.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use serde_json::Value;
use tempfile::TempDir;

use crate::free_port;
use crate::http::{http_get, http_post, ready};
use crate::process::{Process, started};

const CLASS: &str = "OpenSearchNode";

/// A node of one, on a port of 127.0.0.1, with 512 MiB of memory; killed when dropped.
pub struct OpenSearch {
    dir: TempDir,
    port: u16,
    process: Option<Process>,
}

impl OpenSearch {
    /// Starts one and waits until it answers.
    #[must_use]
    pub fn start() -> Self {
        let mut node = Self {
            dir: TempDir::new().expect("a temporary directory"),
            port: free_port(),
            process: None,
        };
        node.boot();
        node
    }

    /// Starts it (again) on the same port and data, and waits until it answers.
    pub fn boot(&mut self) {
        let packages = packages();
        let mut command = Command::new("java");
        command
            .args(["-Xms512m", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp"])
            .arg(format!("{0}:{0}/lib/*", packages.display()))
            .arg(CLASS)
            .arg(self.dir.path().join("node"))
            .arg(self.port.to_string());
        let port = self.port;
        let (process, ()) = started(&mut command, &self.log_file(), || ready(port, "/"));
        self.process = Some(process);
    }

    /// Kills it (SIGKILL).
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The answer to a GET, which is JSON; null where there is none.
    #[must_use]
    pub fn json(&self, path: &str) -> Value {
        let answer = http_get(self.port, path).map(|answer| answer.body).unwrap_or_default();
        serde_json::from_str(&answer).unwrap_or_default()
    }

    /// Sends a body of JSON by POST. The answer, which is JSON.
    pub fn post(&self, path: &str, body: &Value) -> Value {
        let kind = [("Content-Type", "application/json")];
        let answer = http_post(self.port, path, &kind, body.to_string().as_bytes())
            .unwrap_or_else(|error| panic!("{path}: {error}"));
        serde_json::from_str(&answer.body)
            .unwrap_or_else(|error| panic!("{path}: {error}: {answer:?}"))
    }

    /// How many documents an index or data stream has; none where it is not there yet.
    #[must_use]
    pub fn count(&self, index: &str) -> Option<u64> {
        drop(http_post(self.port, &format!("/{index}/_refresh"), &[], b""));
        self.json(&format!("/{index}/_count"))["count"].as_u64()
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.dir.path().join("log")
    }
}

/// The folder with the node's class and, in `lib`, its packages; made once a build folder.
fn packages() -> PathBuf {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("opensearch");
    let pom = std::fs::read_to_string(source.join("pom.xml")).expect("the testkit's own file");
    let base = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    let version = version(&pom);
    let dir = base.join(format!("opensearch-{version}"));
    if dir.join(format!("{CLASS}.class")).exists() {
        return dir;
    }
    std::fs::create_dir_all(&base).expect("the build folder");
    let fresh = tempfile::tempdir_in(&base).expect("a folder beside the build");
    run(Command::new("mvn")
        .args(["-q", "-B", "-f"])
        .arg(source.join("pom.xml"))
        .arg("dependency:copy-dependencies")
        .arg(format!("-DoutputDirectory={}", fresh.path().join("lib").display())));
    run(Command::new("javac")
        .arg("-cp")
        .arg(fresh.path().join("lib/*"))
        .arg("-d")
        .arg(fresh.path())
        .arg(source.join(format!("{CLASS}.java"))));
    let made = fresh.keep();
    // Another test may have been quicker: theirs is as good.
    if std::fs::rename(&made, &dir).is_err() {
        drop(std::fs::remove_dir_all(&made));
    }
    dir
}

/// The text of `<opensearch>` among the pom's properties.
fn version(pom: &str) -> String {
    let after = pom.split("<opensearch>").nth(1).unwrap_or_default();
    after.split('<').next().unwrap_or_default().to_owned()
}

fn run(command: &mut Command) {
    let program = command.get_program().to_string_lossy().into_owned();
    let done = command
        .output()
        .unwrap_or_else(|error| panic!("{program} cannot be started: {error}; is it installed?"));
    let said =
        String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{program}: {said}");
}
