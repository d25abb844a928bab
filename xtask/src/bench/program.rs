//! A program that is measured: started with its output in a file, and what the kernel says of it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::command::{Group, poll};
use crate::interrupt;
use crate::servers::into_file;

/// How long a program may take until it is ready.
const PATIENCE: Duration = Duration::from_secs(60);
/// `USER_HZ`, in which Linux tells the processor time of a process, everywhere.
const TICKS: f64 = 100.0;

/// A running program; it ends when this is dropped.
pub struct Program {
    group: Group,
    pid: u32,
    log: PathBuf,
    name: String,
}

impl Program {
    /// Starts it, and learns its number: the shell in between tells its own, then becomes the program.
    pub fn start(command: &Command, name: &str, dir: &Path) -> Result<Self> {
        let number = dir.join(format!("{name}.pid"));
        let _old = std::fs::remove_file(&number);
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo $$ > \"$0\"; exec \"$@\""]).arg(&number);
        shell.arg(command.get_program()).args(command.get_args());
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(key, value),
                None => shell.env_remove(key),
            };
        }
        if let Some(dir) = command.get_current_dir() {
            shell.current_dir(dir);
        }
        let group = into_file(&mut shell, name, dir)?;
        let told = poll(PATIENCE, || {
            interrupt::check()?;
            let text = std::fs::read_to_string(&number).unwrap_or_default();
            Ok(text.strip_suffix('\n').and_then(|text| text.parse().ok()))
        })?;
        let pid = told.with_context(|| format!("{name} did not start"))?;
        Ok(Self { group, pid, log: dir.join(format!("{name}.log")), name: name.to_owned() })
    }

    /// Waits until `ready` is true of what it has printed so far.
    pub fn wait(&mut self, ready: impl Fn(&str) -> bool) -> Result<()> {
        let answer = poll(PATIENCE, || {
            interrupt::check()?;
            let text = std::fs::read_to_string(&self.log).unwrap_or_default();
            if ready(&text) {
                return Ok(Some(()));
            }
            if let Some(status) = self.group.ended()? {
                bail!("{} ended at once, {status}: see {}", self.name, self.log.display());
            }
            Ok(None)
        })?;
        answer.with_context(|| {
            format!(
                "{} is not ready after {} s: see {}",
                self.name,
                PATIENCE.as_secs(),
                self.log.display()
            )
        })
    }

    /// Seconds of processor time so far.
    pub fn cpu_seconds(&self) -> Result<f64> {
        let path = format!("/proc/{}/stat", self.pid);
        let text = std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        cpu_of(&text).with_context(|| format!("{path} has another form"))
    }

    /// Memory that it holds now, in bytes.
    pub fn resident(&self) -> Result<f64> {
        self.memory("VmRSS:")
    }

    /// Of that what no file backs, in bytes: it is not given back when others need it.
    pub fn anonymous(&self) -> Result<f64> {
        self.memory("RssAnon:")
    }

    /// The most memory that it has held so far, in bytes.
    pub fn peak(&self) -> Result<f64> {
        self.memory("VmHWM:")
    }

    fn memory(&self, field: &str) -> Result<f64> {
        let path = format!("/proc/{}/status", self.pid);
        let text = std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        let line = text.lines().find_map(|line| line.strip_prefix(field));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        Ok(kilobytes.with_context(|| format!("{path} has another form"))? * 1024.0)
    }
}

/// User and system time of `/proc/PID/stat`; the name before them may hold anything.
fn cpu_of(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_past_any_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 1 0 5 1 2";
        assert_eq!(cpu_of(stat), Some(3.0));
    }

    #[test]
    fn a_program_is_known_by_its_number_and_its_words() {
        let dir = std::env::temp_dir().join(format!("xtask-{}-program", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo ready; sleep 600"]);
        let mut program = Program::start(&command, "sleeper", &dir).unwrap();
        program.wait(|text| text.contains("ready")).unwrap();
        let (resident, anonymous) = (program.resident().unwrap(), program.anonymous().unwrap());
        assert!(anonymous > 0.0 && anonymous < resident);
        assert!(program.cpu_seconds().unwrap() < 1.0);
        drop(program);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
