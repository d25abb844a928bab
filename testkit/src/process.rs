//! A child process that does not outlive its value.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// A child; killed, by its id, when dropped.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        let program = command.get_program().to_string_lossy().into_owned();
        match command.spawn() {
            Ok(child) => Self(child),
            Err(error) => panic!("{program} cannot be started: {error}; is it installed?"),
        }
    }

    /// Sends a signal, by its name without `SIG`.
    pub(crate) fn signal(&self, name: &str) {
        let sent =
            Command::new("kill").arg(format!("-{name}")).arg(self.0.id().to_string()).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill -{name} {} failed", self.0.id());
    }

    /// Waits until it has ended.
    pub(crate) fn wait(&mut self) {
        drop(self.0.wait());
    }

    /// The processor time that it has used so far, and its resident memory in bytes.
    pub(crate) fn used(&self) -> (Duration, u64) {
        let id = self.0.id();
        let read = |what: &str| {
            std::fs::read_to_string(format!("/proc/{id}/{what}")).expect("the process runs")
        };
        let (stat, pages) = (read("stat"), read("statm"));
        // After the name in parentheses, which may hold anything: user and system time are words 12 and 13.
        let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
        let ticks: u64 = after
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|word| word.parse::<u64>().ok())
            .sum();
        let resident: u64 =
            pages.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
        // Linux counts in hundredths of a second and, on the machines that tests run on, in pages of 4 KiB.
        (Duration::from_millis(ticks * 10), resident * 4_096)
    }

    /// Waits until it is ready; the test ends where it does not get so far, with what is in the file `says`.
    pub(crate) fn get_ready<T, E: std::fmt::Display>(
        &mut self,
        program: &str,
        says: &Path,
        mut ready: impl FnMut() -> Result<T, E>,
    ) -> T {
        let said = || std::fs::read_to_string(says).unwrap_or_default();
        eventually(&format!("{program} does not get ready"), || {
            assert!(!self.has_ended(), "{program} ended at once:\n{}", said());
            ready().map_err(|error| format!("{error}\n{}", said()))
        })
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.try_wait().is_ok_and(|status| status.is_some())
    }
}

/// Starts a process whose words go to the end of a file, and waits until it is `ready`, as [`Process::get_ready`] does.
pub(crate) fn started<T, E: std::fmt::Display>(
    command: &mut Command,
    log: &Path,
    ready: impl FnMut() -> Result<T, E>,
) -> (Process, T) {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut process = Process::start(logged(command, log));
    let value = process.get_ready(&program, log, ready);
    (process, value)
}

impl Drop for Process {
    fn drop(&mut self) {
        // Not waiting for it would leave a zombie.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The command with all that it says going to the end of a file.
pub(crate) fn logged<'a>(command: &'a mut Command, file: &Path) -> &'a mut Command {
    let log = File::options()
        .create(true)
        .append(true)
        .open(file)
        .expect("a file in a temporary directory");
    let other = log.try_clone().expect("an open file");
    command.stdout(log).stderr(other)
}

/// How long a busy machine may take for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Tries until it works, or for too long.
pub(crate) fn eventually<T, E: std::fmt::Display>(
    what: &str,
    mut attempt: impl FnMut() -> Result<T, E>,
) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt() {
            Ok(value) => return value,
            Err(error) if Instant::now() >= deadline => panic!("{what}: {error}"),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}
