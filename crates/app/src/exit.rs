//! How the process ends.

use std::process::ExitCode;

use anstyle::{AnsiColor, Style};

/// Something failed, or a check found something wrong.
pub(crate) const FAILED: u8 = 1;
/// The command line or the configuration is wrong; nothing was started.
pub(crate) const WRONG_INPUT: u8 = 2;
/// No Vigie answers at the address.
pub(crate) const UNREACHABLE: u8 = 3;

/// What `vigie --help` says about exit codes.
pub(crate) const HELP: &str = "\
Exit codes:
  0  done
  1  something failed, or a check found something wrong
  2  the command line or the configuration is wrong; nothing was started
  3  no Vigie answers at the address (vigie queues, instances, logs, events)";

/// An end other than a good one.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    /// What went wrong and what to do; empty when that was said already.
    message: String,
}

impl Failure {
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { code: FAILED, message: message.into() }
    }

    pub(crate) fn wrong_input(message: impl Into<String>) -> Self {
        Self { code: WRONG_INPUT, message: message.into() }
    }

    pub(crate) fn unreachable(message: impl Into<String>) -> Self {
        Self { code: UNREACHABLE, message: message.into() }
    }

    pub(crate) fn report(self) -> ExitCode {
        if !self.message.is_empty() {
            let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
            anstream::eprintln!("{red}vigie:{red:#} {}", self.message);
        }
        self.code.into()
    }
}
