//! A client between two stretches of a Vigie that goes away and comes back.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use vigie_testkit::{Vigie, WebAnswer, WebServer, until};

use crate::lines::Line;

/// Lines of each of the three stretches: before Vigie goes away, while it is away, and after.
pub const STRETCH: usize = 120;

/// A Vigie that watches nothing.
pub fn vigie(dir: &TempDir) -> Vigie {
    let nowhere = "sources: [{name: files, kind: file, paths: [\"/nonexistent/*.log\"]}]";
    Vigie::start(env!("CARGO_BIN_EXE_vigie"), dir.path(), nowhere)
}

/// A client that is told what to log.
pub trait Client {
    fn log(&mut self, line: &Line);
    /// Hands over all that it still has, where it can be told to end.
    fn end(&mut self);
    /// What it has said.
    fn said(&self) -> String;
}

/// How a Vigie is away.
#[derive(Clone, Copy)]
pub enum Away {
    /// Connections end as soon as there is a request.
    Closed,
    /// What is in front of it answers this.
    Status(u16),
    /// It is not, for the client does not send again.
    Never,
}

/// Has a client log through it; what Vigie has in the end, oldest first.
pub fn through(
    vigie: &mut Vigie,
    mut client: impl Client,
    lines: &[Line],
    away: Away,
) -> Vec<Value> {
    let (first, rest) = lines.split_at(STRETCH);
    let (second, third) = rest.split_at(STRETCH);
    let has = |vigie: &Vigie| vigie.count("source=shop");
    first.iter().for_each(|line| client.log(line));
    until("the first lines are there", || has(vigie).filter(|count| *count >= first.len() as u64));
    let answer = match away {
        Away::Never => None,
        Away::Closed => Some(WebAnswer::Close),
        Away::Status(status) => Some(WebAnswer::status(status, "not now")),
    };
    if let Some(answer) = answer {
        // It answers what it has taken before it goes.
        vigie.stop();
        let other = WebServer::on(vigie.port());
        other.set("*", answer);
        second.iter().for_each(|line| client.log(line));
        until("the client has tried in vain", || (!other.heads().is_empty()).then_some(()));
        drop(other);
        vigie.boot();
    } else {
        second.iter().for_each(|line| client.log(line));
    }
    third.iter().for_each(|line| client.log(line));
    client.end();
    let all = || has(vigie).filter(|count| *count >= lines.len() as u64);
    until(format!("all lines are there; the client says: {}", client.said()), all);
    // What would come twice would come with the next batch.
    std::thread::sleep(Duration::from_millis(1_500));
    let mut entries = vigie.entries("source=shop");
    entries.reverse();
    entries
}

/// A program that reads what to log from its input.
pub struct Program {
    process: Child,
    input: Option<ChildStdin>,
    said: PathBuf,
}

impl Program {
    pub fn start(command: &mut Command, dir: &Path) -> Self {
        let said = dir.join("client.log");
        let log = std::fs::File::create(&said).unwrap();
        command.stdin(Stdio::piped()).stdout(log.try_clone().unwrap()).stderr(log);
        let mut process = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}; cargo xtask setup"));
        let input = process.stdin.take();
        Self { process, input, said }
    }
}

impl Client for Program {
    fn log(&mut self, line: &Line) {
        let input = self.input.as_mut().unwrap();
        writeln!(input, "{}", line.json()).unwrap_or_else(|error| {
            panic!("{error}: {}", std::fs::read_to_string(&self.said).unwrap())
        });
    }

    fn end(&mut self) {
        drop(self.input.take());
        let status = until("the client has ended", || self.process.try_wait().unwrap());
        assert!(status.success(), "{status}: {}", self.said());
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.said).unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Builds a program in Go: this package of this module of the test kit.
pub fn built(dir: &TempDir, module: &str, package: &str) -> PathBuf {
    built_with(dir, module, package, &[])
}

/// The same, with these variables in Go's environment.
pub fn built_with(dir: &TempDir, module: &str, package: &str, with: &[(&str, &str)]) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testkit").join(module);
    let name = package.rsplit('/').next().filter(|name| *name != ".").unwrap_or(module);
    let program = dir.path().join(name);
    let mut build = Command::new("go");
    build.args(["build", "-o"]).arg(&program).arg(package).current_dir(source);
    let status = build.envs(with.iter().copied()).status();
    assert!(status.expect("go is installed by `cargo xtask setup`").success(), "{build:?}");
    program
}
