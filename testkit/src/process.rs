//! A child process that does not outlive its value.

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

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.try_wait().is_ok_and(|status| status.is_some())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Not waiting for it would leave a zombie.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Tries until it works, for at most 10 s.
pub(crate) fn eventually<T, E: std::fmt::Display>(
    what: &str,
    mut attempt: impl FnMut() -> Result<T, E>,
) -> T {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match attempt() {
            Ok(value) => return value,
            Err(error) if Instant::now() >= deadline => panic!("{what}: {error}"),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}
