//! A real Go service with the SDK writes 5,000 lines a second while the binary that reads them is killed (-9) twice: every line is there
//! once. Ten seconds of it here; `VIGIE_LINES_SECONDS=60` for the whole minute.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly, its helpers too")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use vigie_testkit::{Vigie, free_port, http_get, until};

const RATE: u64 = 5_000;

/// A child; killed (-9), by its id, when dropped.
struct Process(Child);

impl Process {
    fn start(command: &mut Command, log: &Path) -> Self {
        let log = std::fs::File::options().create(true).append(true).open(log).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        Self(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The example service, built.
fn service(dir: &Path) -> PathBuf {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/go-api");
    let program = dir.join("go-api");
    let mut build = Command::new("go");
    let built = build.args(["build", "-o"]).arg(&program).arg(".").current_dir(example).status();
    let built = built.expect("go is installed by `cargo xtask setup`");
    assert!(built.success(), "go build: {built}");
    program
}

/// The numbers of the lines in the service's own log.
fn written(log: &Path) -> BTreeMap<u64, u64> {
    let mut counts = BTreeMap::new();
    for line in std::fs::read_to_string(log).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        *counts.entry(line["seq"].as_u64().unwrap()).or_default() += 1;
    }
    counts
}

/// The numbers of the lines that Vigie has.
fn kept(vigie: &Vigie) -> BTreeMap<u64, u64> {
    let mut counts = BTreeMap::new();
    for entry in vigie.entries("source=shop&type=numbered") {
        let number = entry["fields"]["seq"].as_u64().unwrap();
        assert_eq!(entry["message"], format!("line {number}"));
        assert_eq!((&entry["instance"], &entry["level"]), (&json!("api-1"), &json!("info")));
        *counts.entry(number).or_default() += 1;
    }
    counts
}

#[test]
fn every_line_of_a_soak_is_there_once_though_vigie_is_killed_twice() {
    let seconds = std::env::var("VIGIE_LINES_SECONDS").map_or(10, |text| text.parse().unwrap());
    let lines: u64 = RATE * seconds;
    let dir = tempfile::tempdir().unwrap();
    let own = free_port();
    let source =
        json!([{"name": "shop", "kind": "go_api", "url": format!("http://127.0.0.1:{own}")}]);
    let mut vigie =
        Vigie::prepare(env!("CARGO_BIN_EXE_vigie"), dir.path(), &format!("sources: {source}"));
    // The ring has to last for as long as nobody reads.
    let log = dir.path().join("service.jsonl");
    let mut command = Command::new(service(dir.path()));
    command.args(["--listen", &format!("127.0.0.1:{own}"), "--instance", "api-1"]);
    command.args(["--log-rate", &RATE.to_string(), "--log-lines", &lines.to_string()]);
    command.args(["--log-entries", &(lines + 1).to_string(), "--log-bytes", "500000000"]);
    command.arg("--log-to").arg(&log);
    vigie.launch();
    let _service = Process::start(&mut command, &dir.path().join("service.log"));
    let told = || -> Option<u64> {
        let page = http_get(own, "/api/v1/metrics").ok()?.body;
        serde_json::from_str::<Value>(&page).ok()?["logs"]["total"].as_u64()
    };
    let has = |vigie: &Vigie| {
        vigie.json("/api/v1/logs/facets?source=shop&type=numbered")?["total"].as_u64()
    };

    for kill in 1..=2 {
        let wanted = lines * kill / 3;
        let had = until("lines are written and read", || {
            has(&vigie).filter(|had| *had > 0 && told().is_some_and(|told| told >= wanted))
        });
        vigie.kill();
        let at = told().unwrap();
        assert!(at < lines, "it is killed while the service writes");
        // Some more are written while nobody reads.
        until("more lines are written", || told().filter(|told| *told >= at + RATE / 2));
        println!("killed after {at} lines were written and {had} were read");
        vigie.launch();
    }
    until("the service is done", || told().filter(|told| *told >= lines));
    until("vigie has them all", || has(&vigie).filter(|had| *had >= lines));
    // What would come twice would come with the next page.
    std::thread::sleep(Duration::from_millis(2_500));

    let (written, kept) = (written(&log), kept(&vigie));
    assert_eq!(written.len() as u64, lines, "the service's own log");
    let twice: Vec<_> = kept.iter().filter(|(_, count)| **count != 1).take(5).collect();
    let lost: Vec<_> = written.keys().filter(|number| !kept.contains_key(number)).take(5).collect();
    println!("{} lines written, {} kept", written.len(), kept.values().sum::<u64>());
    assert!(twice.is_empty() && lost.is_empty(), "twice: {twice:?}, lost: {lost:?}");
    assert_eq!(written, kept);
    assert!(vigie.entries("source=shop&type=gap").is_empty());
}
