//! Vigie: every queue, job and worker of a team's Redis on one live screen.

mod asked_sources;
mod cli;
mod client;
mod command;
mod config;
mod control;
mod copies;
mod descriptors;
mod destinations;
mod exit;
mod feed;
mod forwarding;
mod interrupt;
mod keeping;
mod last_start;
mod memory;
mod read_lines;
mod recorder;
mod scraped;
mod sending;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    memory::share_arenas();
    let cli = cli::Cli::parse();
    descriptors::raise();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            anstream::eprintln!("vigie: cannot start: {error}");
            return exit::FAILED.into();
        }
    };
    match runtime.block_on(command::run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
