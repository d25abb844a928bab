//! The commands: one module each.

mod backup;
mod check;
mod demo;
mod events;
mod following;
mod instances;
mod logs;
pub(crate) mod printing;
mod queues;
mod serve;
mod terminal;
mod watching;

use std::path::Path;

use clap::CommandFactory;

use crate::cli::{At, Cli, Command, ConfigCommand};
use crate::config::{Config, ConfigError, DEFAULT_YAML};
use crate::exit::Failure;

/// Runs what the command line says.
pub(crate) async fn run(cli: Cli) -> Result<(), Failure> {
    let serve = cli.serve;
    let config = serve.config.as_deref();
    match cli.command {
        None => {
            let config = Config::load(config).and_then(|config| config.listening(serve.listen));
            serve::run(config.map_err(wrong_input)?).await
        }
        Some(Command::Check) => check::run(&Config::load(config).map_err(wrong_input)?).await,
        Some(Command::Demo(arguments)) => demo::run(arguments).await,
        Some(Command::Config { command: ConfigCommand::Init }) => {
            anstream::print!("{DEFAULT_YAML}");
            Ok(())
        }
        Some(Command::Queues(arguments)) => {
            queues::run(&arguments, &url(&arguments.table.at, config)?).await
        }
        Some(Command::Instances(arguments)) => {
            instances::run(&arguments, &url(&arguments.table.at, config)?).await
        }
        Some(Command::Logs(arguments)) => {
            logs::run(&arguments, &url(&arguments.listing.at, config)?).await
        }
        Some(Command::Events(arguments)) => {
            events::run(&arguments, &url(&arguments.listing.at, config)?).await
        }
        Some(Command::Backup { dir }) => {
            let config = Config::load(config).map_err(wrong_input)?;
            backup::backup(&config, &dir).await
        }
        Some(Command::Restore { dir }) => {
            let config = Config::load(config).map_err(wrong_input)?;
            backup::restore(&config, &dir)
        }
        Some(Command::Version) => {
            anstream::println!("vigie {}", env!("CARGO_PKG_VERSION"));
            Ok(())
        }
        Some(Command::Completions { shell }) => {
            clap_complete::generate(shell, &mut Cli::command(), "vigie", &mut std::io::stdout());
            Ok(())
        }
    }
}

/// The Vigie that is asked: the one of the command line, or the one that the configuration starts.
fn url(at: &At, config: Option<&Path>) -> Result<String, Failure> {
    match &at.url {
        Some(url) => Ok(url.clone()),
        None => Ok(format!("http://{}", Config::listen(config).map_err(wrong_input)?)),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn wrong_input(error: ConfigError) -> Failure {
    Failure::wrong_input(error.to_string())
}
