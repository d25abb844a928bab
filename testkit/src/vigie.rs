//! The program itself, as its users run it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::http::ready;
use crate::process::{PATIENCE, Process, logged};
use crate::{HttpAnswer, free_port, http_get, http_post};

/// Looks again and again until there is something, and ends the test where that does not come.
pub fn until<T>(what: impl std::fmt::Display, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "not within {} s: {what}", PATIENCE.as_secs());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A Vigie with a folder and a port of its own; killed (SIGKILL) when dropped, for what is kept must survive that.
pub struct Vigie {
    program: PathBuf,
    arguments: Vec<String>,
    dir: PathBuf,
    port: u16,
    process: Option<Process>,
}

impl Vigie {
    /// Writes its configuration, but starts nothing. `program` is `env!("CARGO_BIN_EXE_vigie")`; `config` is all of the YAML but
    /// for `listen` and `data_dir`, in which JSON may stand.
    #[must_use]
    pub fn prepare(program: &str, dir: &Path, config: &str) -> Self {
        std::fs::create_dir_all(dir).expect("a folder in a temporary one");
        let mut made = Self::new(program, dir);
        made.arguments = vec!["--config".to_owned(), made.config().display().to_string()];
        made.configure(config);
        made
    }

    fn new(program: &str, dir: &Path) -> Self {
        let (program, dir) = (program.into(), dir.into());
        Self { program, arguments: Vec::new(), dir, port: free_port(), process: None }
    }

    /// Starts one, and waits until it is ready.
    #[must_use]
    pub fn start(program: &str, dir: &Path, config: &str) -> Self {
        let mut made = Self::prepare(program, dir, config);
        made.boot();
        made
    }

    /// Writes another configuration, for the next start.
    pub fn configure(&self, config: &str) {
        let data = self.dir.join("data");
        let text =
            format!("listen: 127.0.0.1:{}\ndata_dir: {}\n{config}\n", self.port, data.display());
        std::fs::write(self.config(), text).expect("a file in a temporary folder");
    }

    /// Starts the process (again), without waiting for anything.
    pub fn launch(&mut self) {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env("TMPDIR", &self.dir).stdin(Stdio::null());
        self.process = Some(Process::start(logged(&mut command, &self.dir.join("vigie.log"))));
    }

    /// Starts the process (again), and waits until it is ready.
    pub fn boot(&mut self) {
        self.launch();
        let (port, log) = (self.port, self.dir.join("vigie.log"));
        if let Some(process) = &mut self.process {
            process.get_ready("vigie", &log, || ready(port, "/readyz"));
        }
    }

    /// Kills it (SIGKILL).
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Asks it to end (SIGTERM), and waits.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.signal("TERM");
            process.wait();
        }
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

    /// The file of its configuration.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.dir.join("vigie.yaml")
    }

    /// What it has said so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("vigie.log")).unwrap_or_default()
    }

    /// The whole answer to a path, whatever it is.
    #[must_use]
    pub fn get(&self, path: &str) -> HttpAnswer {
        http_get(self.port, path).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Sends a body, which is taken.
    pub fn post(&self, path: &str, body: &str) {
        let answer = http_post(self.port, path, &[], body.as_bytes())
            .unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
    }

    /// The JSON at a path; none while nobody answers with 200.
    #[must_use]
    pub fn json(&self, path: &str) -> Option<Value> {
        let answer = http_get(self.port, path).ok().filter(|answer| answer.status == 200)?;
        serde_json::from_str(&answer.body).ok()
    }

    /// Asks for a path until its answer is as wanted.
    pub fn until<T>(&self, path: &str, what: &str, look: impl Fn(&Value) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            let answer = self.json(path);
            if let Some(found) = answer.as_ref().and_then(&look) {
                return found;
            }
            assert!(begun.elapsed() < PATIENCE, "{what}: {answer:#?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// All log entries of a question such as `source=app&level=warn`, newest first, page by page.
    #[must_use]
    pub fn entries(&self, question: &str) -> Vec<Value> {
        let (mut entries, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/v1/logs?{question}&limit=5000{cursor}");
            let mut page = self.json(&path).unwrap_or_else(|| panic!("{path} is not answered"));
            entries.append(page["entries"].as_array_mut().expect("a page of entries"));
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return entries,
            }
        }
    }

    /// How many log entries such a question has; none while nobody answers.
    #[must_use]
    pub fn count(&self, question: &str) -> Option<u64> {
        self.json(&format!("/api/v1/logs/facets?{question}"))?["total"].as_u64()
    }
}

/// `vigie demo`: a Redis of its own, real workers of each broker, services behind HAProxy where that is installed, and their
/// log lines. Ended in order when dropped, for only so its processes end, too.
pub struct Demo(Vigie);

impl Demo {
    /// Starts one whose files go to `dir`, and waits until it is ready. `program` is `env!("CARGO_BIN_EXE_vigie")`.
    #[must_use]
    pub fn start(program: &str, dir: &Path) -> Self {
        let mut made = Vigie::new(program, dir);
        let listen = format!("127.0.0.1:{}", made.port);
        let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
        made.arguments =
            ["demo", "--listen", &listen, "--examples", examples].map(str::to_owned).to_vec();
        let mut demo = Self(made);
        demo.0.boot();
        demo
    }
}

impl std::ops::Deref for Demo {
    type Target = Vigie;

    fn deref(&self) -> &Vigie {
        &self.0
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.0.stop();
    }
}
