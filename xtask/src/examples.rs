//! The examples that the demo and the browser tests run, as `examples/demo.json` lists them.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::command::{Log, line};
use crate::project::{Project, list};
use crate::stamp::{Digest, Stamp};

/// The manifest that `vigie demo` reads too.
const MANIFEST: &str = "examples/demo.json";

/// What there is to build and to start.
pub struct Examples {
    builds: Vec<Build>,
    processes: Vec<Process>,
}

/// One step that must be done before the processes can start.
struct Build {
    dir: String,
    command: Vec<String>,
    /// Files and folders, relative to `dir`, whose change makes the step due again; all below a folder is meant by `x/**`.
    inputs: Vec<String>,
    /// What is there once the step is done.
    outputs: Vec<String>,
}

/// One process of a workload.
struct Process {
    name: String,
    dir: String,
    command: Vec<String>,
}

impl Examples {
    /// Reads the manifest; without one there are no examples.
    pub fn read(project: &Project) -> Result<Self> {
        if !project.has(MANIFEST) {
            return Ok(Self { builds: Vec::new(), processes: Vec::new() });
        }
        let text = std::fs::read_to_string(project.path(MANIFEST))
            .with_context(|| format!("reading {MANIFEST}"))?;
        Self::parse(&text).with_context(|| MANIFEST.to_owned())
    }

    fn parse(text: &str) -> Result<Self> {
        let all: Value = serde_json::from_str(text).context("it is not JSON")?;
        let builds = list(&all["install"])
            .map(|step| {
                let (dir, command) = (word(step, "dir")?, words(step, "command")?);
                Ok(Build {
                    dir,
                    command,
                    inputs: words(step, "inputs")?,
                    outputs: words(step, "outputs")?,
                })
            })
            .collect::<Result<_>>()?;
        let processes = list(&all["processes"])
            .map(|one| {
                let (name, dir) = (word(one, "name")?, word(one, "dir")?);
                Ok(Process { name, dir, command: words(one, "command")? })
            })
            .collect::<Result<_>>()?;
        Ok(Self { builds, processes })
    }

    /// The same with what the steps say in a log.
    pub fn build_logged(&self, project: &Project, log: &mut Log) -> Result<()> {
        self.build(project, |command| {
            let built = log.run(command)?;
            if built.good { Ok(()) } else { bail!("it failed: see {}", log.path().display()) }
        })
    }

    /// Does each build step whose inputs have changed, by handing its command to `act`; says how long it took.
    pub fn build(
        &self,
        project: &Project,
        mut act: impl FnMut(&mut Command) -> Result<()>,
    ) -> Result<()> {
        for build in &self.builds {
            let mut command = started(project, &build.dir, &build.command)?;
            let mut digest = Digest::default().word(&build.dir).word(&line(&command));
            let dir = folder(project, &build.dir);
            for input in &build.inputs {
                digest = digest.path(&dir.join(before_pattern(input)))?;
            }
            let name = format!("{} {}", build.dir, build.command.join(" "));
            let name: String =
                name.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
            let stamp = Stamp::new(project.target(&format!("stamps/{name}")), digest);
            if stamp.current() && build.outputs.iter().all(|output| dir.join(output).exists()) {
                continue;
            }
            let what = format!("{}: {}", build.dir, build.command.join(" "));
            println!("building {what} ...");
            let start = Instant::now();
            act(&mut command).with_context(|| format!("building {what}"))?;
            println!("building {what}: {:.1} s", start.elapsed().as_secs_f64());
            stamp.leave()?;
        }
        Ok(())
    }

    /// Each process with its name, ready to start against this Redis.
    pub fn processes(&self, project: &Project, redis_url: &str) -> Result<Vec<(String, Command)>> {
        let ready = |process: &Process| {
            let mut command = started(project, &process.dir, &process.command)?;
            command.env("REDIS_URL", redis_url);
            Ok((process.name.clone(), command))
        };
        self.processes.iter().map(ready).collect()
    }
}

/// The folder that a pattern as `cmd/**/*.go` looks into; a path without a star is itself.
fn before_pattern(input: &str) -> &str {
    match input.find('*') {
        Some(star) => input[..star].rsplit_once('/').map_or(".", |(dir, _)| dir),
        None => input,
    }
}

fn folder(project: &Project, dir: &str) -> PathBuf {
    let below = project.path("examples").join(dir);
    if below.is_dir() { below } else { project.path(dir) }
}

/// A command of the manifest, in its folder; `./bin/x` is meant relative to that folder.
fn started(project: &Project, dir: &str, words: &[String]) -> Result<Command> {
    let (program, arguments) = words.split_first().context("a command has a program")?;
    let dir = folder(project, dir);
    let mut command = if program.contains('/') {
        project.command(&dir.join(program).to_string_lossy())
    } else {
        project.command(program)
    };
    command.args(arguments).current_dir(dir);
    Ok(command)
}

fn word(value: &Value, key: &str) -> Result<String> {
    Ok(value[key].as_str().with_context(|| format!("`{key}` is missing in {value}"))?.to_owned())
}

/// A list of words, or one string with spaces between them.
fn words(value: &Value, key: &str) -> Result<Vec<String>> {
    if let Some(text) = value[key].as_str() {
        return Ok(text.split_whitespace().map(str::to_owned).collect());
    }
    let word = |word: &Value| {
        Ok(word.as_str().with_context(|| format!("`{key}` holds words"))?.to_owned())
    };
    value[key]
        .as_array()
        .with_context(|| format!("`{key}` is missing in {value}"))?
        .iter()
        .map(word)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_read_whichever_way_commands_are_written() {
        let text = r#"{
            "install": [{"dir": "go-asynq", "command": ["go", "build"], "inputs": ["go.mod", "cmd/**"], "outputs": ["bin/api"]}],
            "processes": [{"name": "api", "dir": "go-asynq", "command": "./bin/api --fast", "what": "enqueues"}]
        }"#;
        let examples = Examples::parse(text).unwrap();
        assert_eq!(examples.builds[0].inputs, ["go.mod", "cmd/**"]);
        assert_eq!(examples.processes[0].command, ["./bin/api", "--fast"]);
    }

    #[test]
    fn a_pattern_stands_for_the_folder_it_looks_into() {
        assert_eq!(
            ["cmd/**/*.go", "*.js", "go.mod", "a/b*"].map(before_pattern),
            ["cmd", ".", "go.mod", "a"]
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let problem =
            Examples::parse(r#"{"processes": [{"name": "api", "dir": "x"}]}"#).err().unwrap();
        assert!(format!("{problem:#}").contains("`command` is missing"), "{problem:#}");
    }
}
