//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::exit;

/// Every queue, job and worker of your Redis on one live screen.
///
/// Without a command, Vigie serves: it watches the sources of ./vigie.yaml (or of --config), or, without a
/// configuration, the Redis at REDIS_URL or 127.0.0.1:6379, and shows them at http://127.0.0.1:4780. It only reads.
#[derive(Debug, Parser)]
#[command(name = "vigie", version, after_help = exit::HELP, after_long_help = LONG_HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

const LONG_HELP: &str = "\
Examples:
  vigie                                       watch the Redis at 127.0.0.1:6379
  REDIS_URL=rediss://redis.internal vigie     watch another
  vigie demo                                  see it with a Redis and workers of its own
  vigie config init > vigie.yaml              begin a configuration; every key is explained in it
  vigie check                                 is the configuration right, and what may Vigie read?
  vigie queues --watch                        the queues in the terminal
  vigie instances                             who is up behind the load balancers

Exit codes:
  0  done
  1  something failed, or a check found something wrong
  2  the command line or the configuration is wrong; nothing was started
  3  no Vigie answers at the address (vigie queues, vigie instances)

Colours are for terminals only; NO_COLOR=1 turns them off. VIGIE_LOG=debug says more on standard error.";

/// What serving needs to know.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ServeArgs {
    /// The configuration file [default: ./vigie.yaml if it exists]
    #[arg(long, short, value_name = "FILE", env = "VIGIE_CONFIG", global = true)]
    pub(crate) config: Option<PathBuf>,
    /// Where to listen, instead of what the configuration says
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<SocketAddr>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a Redis and real workers of its own, and show them
    ///
    /// Everything runs on free ports of 127.0.0.1 and in a temporary folder; Ctrl-C ends and removes all of it.
    Demo(DemoArgs),
    /// Check the configuration and each source, and say what is missing
    ///
    /// Connects to each source once, reads what Vigie would read, and prints what was found. Where the Redis user
    /// may not do something, the exact ACL line that allows it is printed. Exits with 1 when a source does not work.
    #[command(
        after_help = "Examples:\n  vigie check\n  vigie check --config /etc/vigie/vigie.yaml"
    )]
    Check,
    /// Configuration files
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// The queues of a running Vigie, as a table or as JSON
    #[command(
        after_help = "Examples:\n  vigie queues\n  vigie queues --watch\n  vigie queues --json | jq '.queues[].queue'"
    )]
    Queues(QueuesArgs),
    /// The instances of a running Vigie, worst first, as a table or as JSON
    #[command(
        after_help = "Examples:\n  vigie instances\n  vigie instances --watch --status down\n  vigie instances --json | jq '.instances[].error'"
    )]
    Instances(InstancesArgs),
    /// Copy what is kept into a new folder, also while Vigie runs
    ///
    /// The copy is consistent: it is a data folder that `vigie restore` puts back.
    #[command(
        after_help = "Examples:\n  vigie backup /backups/vigie-monday\n  vigie backup --config /etc/vigie/vigie.yaml /backups/vigie-monday"
    )]
    Backup {
        /// The folder to make; empty if it exists
        dir: PathBuf,
    },
    /// Put a copy back into the data folder, where nothing may be yet
    #[command(after_help = "Example:\n  vigie restore /backups/vigie-monday")]
    Restore {
        /// The folder that `vigie backup` made
        dir: PathBuf,
    },
    /// The version
    Version,
    /// A completion script for a shell
    #[command(after_help = "Example:\n  vigie completions bash > /etc/bash_completion.d/vigie")]
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the commented default configuration
    #[command(after_help = "Example:\n  vigie config init > vigie.yaml")]
    Init,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct DemoArgs {
    /// Where to listen [default: 127.0.0.1:4780, or a free port if that is taken]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// The folder of the example workloads [default: found beside the binary or here]
    #[arg(long, value_name = "DIR")]
    pub(crate) examples: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct QueuesArgs {
    /// The address of the running Vigie
    #[arg(long, default_value = "http://127.0.0.1:4780", env = "VIGIE_URL")]
    pub(crate) url: String,
    /// Show again every second, until Ctrl-C
    #[arg(long, short)]
    pub(crate) watch: bool,
    /// Print the JSON of GET /api/v1/queue/status
    #[arg(long)]
    pub(crate) json: bool,
    /// Only queues of this source
    #[arg(long)]
    pub(crate) source: Option<String>,
    /// Only queues of this broker: asynq, bull or bullmq
    #[arg(long)]
    pub(crate) kind: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct InstancesArgs {
    /// The address of the running Vigie
    #[arg(long, default_value = "http://127.0.0.1:4780", env = "VIGIE_URL")]
    pub(crate) url: String,
    /// Show again every second, until Ctrl-C
    #[arg(long, short)]
    pub(crate) watch: bool,
    /// Print the JSON of GET /api/v1/instances
    #[arg(long)]
    pub(crate) json: bool,
    /// Only instances of this source
    #[arg(long)]
    pub(crate) source: Option<String>,
    /// Only with this status: up, down, degraded or unknown
    #[arg(long)]
    pub(crate) status: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_teaches_by_example_and_says_the_exit_codes() {
        let help = Cli::command().render_long_help().to_string();
        for word in
            ["vigie demo", "vigie check", "config init", "Exit codes", "NO_COLOR", "REDIS_URL"]
        {
            assert!(help.contains(word), "{word} is missing in:\n{help}");
        }
    }
}
