//! The parts of the tests, one function each.

use std::process::Command;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use serde_json::Value;

use super::counts::{self, Tally};
use crate::command::{Finished, Log};
use crate::examples::Examples;
use crate::project::Project;

pub fn fmt(project: &Project, log: &mut Log) -> Result<Tally> {
    check(log, project.command("cargo").args(["fmt", "--all", "--check"]))
}

pub fn clippy(project: &Project, log: &mut Log) -> Result<Tally> {
    let mut cargo = workspace(project, &["clippy", "--workspace", "--all-targets"]);
    check(log, cargo.args(["--", "--deny", "warnings"]))
}

pub fn tidy(project: &Project, log: &mut Log) -> Result<Tally> {
    let findings = crate::tidy::check(project)?;
    for finding in &findings {
        log.say(&finding.to_string())?;
    }
    Ok(Tally::one(findings.is_empty()))
}

/// Bans, licences and sources need the dependency tree alone; advisories need a database that only the open
/// internet has (no registry carries it), so where it cannot be fetched that is said instead of passed over.
pub fn deny(project: &Project, log: &mut Log) -> Result<Tally> {
    let mut tally = Tally::default();
    for what in ["bans", "licenses", "sources"] {
        let mut cargo = project.command("cargo");
        tally.add(check(
            log,
            cargo.args(["deny", "--log-level", "error", "check", "--hide-inclusion-graph", what]),
        )?);
    }
    let fetched = log.run(
        project.command("cargo").args(["deny", "fetch", "db"]).env("GIT_TERMINAL_PROMPT", "0"),
    )?;
    if fetched.good {
        tally.add(check(
            log,
            project.command("cargo").args(["deny", "check", "--disable-fetch", "advisories"]),
        )?);
    } else {
        let why = "known vulnerabilities of crates (cargo deny check advisories): the RustSec database cannot be fetched from here";
        tally.add(Tally::unchecked(why.to_owned()));
    }
    Ok(tally)
}

/// Compiles what the tests run, so that a fault of the compiler is told once.
pub fn build(project: &Project, log: &mut Log) -> Result<Tally> {
    check(log, &mut workspace(project, &["nextest", "run", "--workspace", "--no-run"]))
}

pub fn rust(project: &Project, log: &mut Log) -> Result<Tally> {
    // Some of these tests watch real workloads.
    Examples::read(project)?.build_logged(project, log)?;
    let profile = if in_ci() { "ci" } else { "default" };
    let mut cargo = workspace(project, &["nextest", "run", "--workspace", "--profile", profile]);
    Ok(counts::nextest(&log.run(&mut cargo)?))
}

pub fn doc(project: &Project, log: &mut Log) -> Result<Tally> {
    // Looking for examples that are not there would compile every crate once more.
    let has_example = |file: &String| {
        let text = std::fs::read_to_string(project.path(file)).unwrap_or_default();
        text.lines().any(|line| {
            let comment = line.trim_start().strip_prefix("//").unwrap_or_default();
            comment.trim_start_matches(['/', '!']).trim_start().starts_with("```")
        })
    };
    if !project.files()?.iter().any(|file| file.ends_with(".rs") && has_example(file)) {
        return Ok(Tally::nothing("no documentation has an example"));
    }
    Ok(counts::cargo_test(&log.run(&mut workspace(project, &["test", "--doc", "--workspace"]))?))
}

pub fn go(project: &Project, log: &mut Log) -> Result<Tally> {
    let mut tally = Tally::default();
    let folders = project.folders_with("go.mod")?;
    for dir in folders.into_iter().filter(|dir| !dir.starts_with(crate::shippers::MODULES)) {
        let inside = |program: &str| {
            let mut command = project.command(program);
            command.current_dir(project.path(&dir));
            command
        };
        let unformatted = log.run(inside("gofmt").args(["-l", "."]))?;
        tally.add(Tally::one(unformatted.good && unformatted.text.trim().is_empty()));
        tally.add(check(log, inside("go").args(["vet", "./..."]))?);
        tally.add(counts::go(&log.run(inside("go").args(["test", "-json", "./..."]))?));
    }
    Ok(tally)
}

pub fn web(project: &Project, log: &mut Log) -> Result<Tally> {
    if !project.has("web/package.json") {
        return Ok(Tally::nothing("there is no web/"));
    }
    let mut tally = check(log, &mut npm(project, "web", &["run", "typecheck"]))?;
    tally.add(check(log, &mut npm(project, "web", &["run", "lint"]))?);
    tally.add(vitest(project, log, "unit", |log, reporters| {
        log.run(npm(project, "web", &["run", "test", "--"]).args(reporters))
    })?);
    Ok(tally)
}

/// The examples' own tests, in each folder that has some.
pub fn node(project: &Project, log: &mut Log) -> Result<Tally> {
    let files = project.files()?;
    let tests: Vec<&String> = files
        .iter()
        .filter(|file| file.starts_with("examples/") && file.ends_with(".test.js"))
        .collect();
    if tests.is_empty() {
        return Ok(Tally::nothing("the examples have no tests in JavaScript"));
    }
    let mut node = project.command("node");
    Ok(counts::tap(&log.run(node.args(["--test", "--test-reporter=tap"]).args(tests))?))
}

/// Asks the registry for known vulnerabilities. A registry that does not answer that question is not a good answer.
pub fn audit(project: &Project, log: &mut Log) -> Result<Tally> {
    let mut tally = Tally::default();
    for dir in project.folders_with("package-lock.json")? {
        let audited =
            log.run(&mut npm(project, &dir, &["audit", "--audit-level=low", "--json"]))?;
        tally.add(audit_answer(&dir, &audited));
    }
    Ok(tally)
}

fn audit_answer(dir: &str, audited: &Finished) -> Tally {
    // npm's own words come before the report and after it.
    let report = audited.text.find("\n{").map_or(0, |at| at + 1);
    let mut values =
        serde_json::Deserializer::from_str(&audited.text[report..]).into_iter::<Value>();
    let report = values.next().and_then(Result::ok).unwrap_or_default();
    match &report["metadata"]["vulnerabilities"] {
        Value::Object(_) => Tally::one(audited.good),
        _ => {
            let said = report["message"]
                .as_str()
                .or(report["error"]["summary"].as_str())
                .unwrap_or("no report");
            let said = said.split(" - ").next().unwrap_or_default();
            Tally::unchecked(format!(
                "known vulnerabilities of the npm packages of {dir}/: the registry answers {said}"
            ))
        }
    }
}

pub fn e2e(project: &Project, log: &mut Log) -> Result<Tally> {
    if !project.has("web/e2e") {
        return Ok(Tally::nothing("there is no web/e2e/"));
    }
    vitest(project, log, "e2e", |log, reporters| {
        let reporters: Vec<_> = reporters.iter().map(Into::into).collect();
        crate::e2e::run(project, log, &reporters)
    })
}

/// Each target for a minute, one a core at a time and behind all else that runs: enough to see that it builds, takes its
/// seeds, and finds nothing at once.
pub fn fuzz(project: &Project, log: &mut Log) -> Result<Tally> {
    if !project.has("fuzz/Cargo.toml") {
        return Ok(Tally::nothing("there is no fuzz/"));
    }
    let seconds = match std::env::var("VIGIE_FUZZ_SECONDS") {
        Ok(given) => given.parse().context("VIGIE_FUZZ_SECONDS is a number of seconds")?,
        Err(_) if in_ci() => 60,
        Err(_) => 10,
    };
    let targets = log.run(cargo_fuzz(project).arg("list"))?;
    let built = log.run(cargo_fuzz(project).args(["build", "--dev"]))?;
    if !(targets.good && built.good) {
        return Ok(Tally::one(false));
    }
    let waiting = Mutex::new(targets.text.lines());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (sender, finished) = std::sync::mpsc::channel();
    let mut tally = Tally::default();
    std::thread::scope(|scope| {
        for worker in 0..cores {
            let sender = sender.clone();
            let mut log =
                Log::create(&log.path().with_file_name(format!("fuzz-{worker}.log")), false)?;
            scope.spawn(move || {
                while let Some(target) = next() {
                    if sender.send(fuzz_one(project, &mut log, target, seconds)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for one in finished {
            let one = one?;
            log.say(&one.text)?;
            tally.add(Tally::one(one.good));
        }
        Ok::<(), anyhow::Error>(())
    })?;
    Ok(tally)
}

fn fuzz_one(project: &Project, log: &mut Log, target: &str, seconds: u64) -> Result<Finished> {
    let corpus = format!("fuzz/corpus/{target}");
    std::fs::create_dir_all(project.path(&corpus)).with_context(|| format!("creating {corpus}"))?;
    let mut run = cargo_fuzz(project);
    run.args(["run", "--dev", target, &corpus]);
    let seeds = format!("fuzz/seeds/{target}");
    if project.has(&seeds) {
        run.arg(&seeds);
    }
    // A clock's seconds, of which the target may get a tenth.
    run.args(["--", &format!("-max_total_time={seconds}"), "-timeout=60", "-rss_limit_mb=2048"]);
    // To name each new function a symbolizer would run.
    run.arg("-print_funcs=0");
    log.run(&mut run)
}

/// It gives way to the parts that it runs beside, some of which measure.
fn cargo_fuzz(project: &Project) -> Command {
    let mut cargo = project.command("nice");
    cargo.args(["-n", "10", "cargo", "fuzz"]).envs(UNSTABLE);
    cargo
}

/// The sanitizer is unstable, but it comes with the pinned compiler: no nightly is needed.
const UNSTABLE: [(&str, &str); 1] = [("RUSTC_BOOTSTRAP", "1")];

/// One command that passes or fails as a whole.
fn check(log: &mut Log, command: &mut Command) -> Result<Tally> {
    Ok(Tally::one(log.run(command)?.good))
}

/// Runs Vitest with its report in a file, besides what it prints.
fn vitest(
    project: &Project,
    log: &mut Log,
    name: &str,
    run: impl FnOnce(&mut Log, &[String]) -> Result<Finished>,
) -> Result<Tally> {
    let report = project.target(&format!("test-logs/vitest-{name}.json"));
    if report.exists() {
        std::fs::remove_file(&report).with_context(|| format!("removing {}", report.display()))?;
    }
    let file = format!("--outputFile.json={}", report.display());
    let finished =
        run(log, &["--reporter=default".to_owned(), "--reporter=json".to_owned(), file])?;
    Ok(counts::vitest(std::fs::read_to_string(&report).ok().as_deref(), &finished))
}

/// A cargo command over the workspace; CI takes the lock file as it is.
fn workspace(project: &Project, words: &[&str]) -> Command {
    let mut cargo = project.command("cargo");
    cargo.args(words);
    if in_ci() {
        cargo.arg("--locked");
    }
    cargo
}

fn npm(project: &Project, dir: &str, words: &[&str]) -> Command {
    let mut npm = project.command("npm");
    npm.args(words).current_dir(project.path(dir));
    npm
}

fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| value != "false" && !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(good: bool, text: &str) -> Tally {
        audit_answer("web", &Finished { good, text: text.to_owned() })
    }

    #[test]
    fn an_audit_passes_or_fails_by_its_report() {
        let report = r#"{"metadata": {"vulnerabilities": {"low": 0, "total": 0}}}"#;
        assert_eq!(answered(true, report), Tally::one(true));
        assert_eq!(answered(false, report), Tally::one(false));
    }

    #[test]
    fn a_registry_that_refuses_the_question_is_not_a_pass() {
        let refused = "npm warn audit 405\n{\n  \"message\": \"405 Method Not Allowed - POST https://registry/bulk\"}\nnpm error x\n";
        let tally = answered(false, refused);
        assert_eq!((tally.passed, tally.failed), (0, 0));
        assert!(
            tally.unchecked[0].ends_with("the registry answers 405 Method Not Allowed"),
            "{tally:?}"
        );
        assert_eq!(answered(true, "").unchecked.len(), 1);
    }
}
