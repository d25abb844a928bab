//! The project's own chores, behind `cargo xtask`: what a fresh machine lacks is installed, the demo is built and
//! started, every check and test is run, and the house rules that a program can check are checked.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program speaks by printing"
)]

mod bench;
mod cli;
mod command;
mod dev;
mod e2e;
mod examples;
mod grafana;
mod interrupt;
mod n8n;
mod project;
mod run;
mod servers;
mod setup;
mod shippers;
mod stamp;
mod test;
mod tidy;

use std::process::ExitCode;

use cli::Chore;
use project::Project;

fn main() -> ExitCode {
    let chore = match cli::parse(std::env::args_os()) {
        Ok(chore) => chore,
        Err(problem) => {
            eprintln!("xtask: {problem}\n\n{}", cli::HELP);
            return ExitCode::from(2);
        }
    };
    match start(chore) {
        Ok(code) => code,
        Err(problem) => {
            eprintln!("xtask: {problem:#}");
            ExitCode::FAILURE
        }
    }
}

/// Carries out one chore; the code is the program's own.
fn start(chore: Chore) -> anyhow::Result<ExitCode> {
    let project = Project::find()?;
    interrupt::watch()?;
    match chore {
        Chore::Help(text) => println!("{text}"),
        Chore::Setup(needs) => setup::announce(&project, &needs)?,
        Chore::Run => run::start(&project)?,
        Chore::Dev => dev::start(&project)?,
        Chore::Fmt => test::format(&project)?,
        Chore::Tidy => return Ok(code(tidy::report(&project)?)),
        Chore::Test(options) => return Ok(code(test::start(&project, &options)?)),
        Chore::Bench(parts) => bench::start(&project, &parts)?,
        Chore::N8n => n8n::start(&project)?,
        Chore::Shippers => shippers::start(&project)?,
        Chore::Grafana => grafana::write(&project)?,
        Chore::E2e(arguments) => return Ok(code(e2e::start(&project, &arguments)?)),
    }
    Ok(ExitCode::SUCCESS)
}

fn code(good: bool) -> ExitCode {
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
