//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use vigie_model::{Broker, Level};

use crate::command::printing::since;
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
  vigie logs -f --level warn                  the log lines as they come
  vigie events --since 24h                    what happened

Exit codes:
  0  done
  1  something failed, or a check found something wrong
  2  the command line or the configuration is wrong; nothing was started
  3  no Vigie answers at the address (vigie queues, instances, logs, events)

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
    #[command(after_help = "Examples:\n  vigie demo\n  vigie demo --listen 127.0.0.1:4999")]
    Demo(DemoArgs),
    /// Check the configuration and each source, and say what is missing
    ///
    /// Connects to each source once, reads what Vigie would read, and prints what was found. Where the Redis user
    /// may not do something, the exact ACL line that allows it is printed. Exits with 1 when a source, a destination or data_dir
    /// does not work.
    #[command(
        after_help = "Examples:\n  vigie check\n  vigie check --config /etc/vigie/vigie.yaml"
    )]
    Check,
    /// Configuration files
    #[command(after_help = "Example:\n  vigie config init > vigie.yaml")]
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
    /// The log lines of a running Vigie, and with -f those that come
    ///
    /// Oldest first. What would move the cursor or change colours is shown, not done.
    #[command(
        after_help = "Examples:\n  vigie logs --level error --since 1h\n  vigie logs -f --queue emails\n  vigie logs --job 17 --queue emails\n  vigie logs '/time(d )?out/' --limit 1000\n  vigie logs -f --json | jq -r .message"
    )]
    Logs(LogsArgs),
    /// What happened, as a running Vigie knows it, and with -f what happens
    ///
    /// Oldest first: queues paused, sources lost, workers gone, deploys and whatever else was told to Vigie.
    #[command(
        after_help = "Examples:\n  vigie events --since 24h\n  vigie events -f --severity warning,critical\n  vigie events --type deploy --json"
    )]
    Events(EventsArgs),
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
    #[command(after_help = "Example:\n  vigie version")]
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

/// Which Vigie is asked.
#[derive(Debug, Clone, Args)]
pub(crate) struct At {
    /// The address of the running Vigie [default: where it listens by the configuration, or http://127.0.0.1:4780]
    #[arg(long, env = "VIGIE_URL")]
    pub(crate) url: Option<String>,
}

/// What is shown as a table.
#[derive(Debug, Clone, Args)]
pub(crate) struct TableArgs {
    #[command(flatten)]
    pub(crate) at: At,
    /// Show again every second, until Ctrl-C
    #[arg(long, short)]
    pub(crate) watch: bool,
    /// Print the JSON of the API instead of the table
    #[arg(long)]
    pub(crate) json: bool,
    /// Only those of this source
    #[arg(long)]
    pub(crate) source: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct QueuesArgs {
    #[command(flatten)]
    pub(crate) table: TableArgs,
    /// Only queues of this broker
    #[arg(long, value_parser = PossibleValuesParser::new(Broker::ALL.map(Broker::as_str)))]
    pub(crate) kind: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct InstancesArgs {
    #[command(flatten)]
    pub(crate) table: TableArgs,
    /// Only with this status
    #[arg(long, value_parser = ["up", "down", "degraded", "unknown"])]
    pub(crate) status: Option<String>,
}

/// What is listed, oldest first: at most `MOST` of what is there already, and then what comes.
#[derive(Debug, Clone, Args)]
pub(crate) struct ListingArgs<const MOST: i64> {
    #[command(flatten)]
    pub(crate) at: At,
    /// Go on with what comes, until Ctrl-C
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Print one JSON object a line, as the API has them
    #[arg(long)]
    pub(crate) json: bool,
    /// Only of this source
    #[arg(long)]
    pub(crate) source: Option<String>,
    /// How far back, such as 15m, 2h or 7d, or from which time on
    #[arg(long, value_name = "AGO|TIME", value_parser = since)]
    pub(crate) since: Option<String>,
    /// At most so many that are there already: the newest
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=MOST))]
    pub(crate) limit: u16,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct LogsArgs {
    #[command(flatten)]
    pub(crate) listing: ListingArgs<5000>,
    /// At least this level
    #[arg(long, value_parser = PossibleValuesParser::new(Level::ALL.map(Level::as_str)))]
    pub(crate) level: Option<String>,
    /// Only of this type
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<String>,
    /// Only of this instance
    #[arg(long)]
    pub(crate) instance: Option<String>,
    /// Only about this queue
    #[arg(long)]
    pub(crate) queue: Option<String>,
    /// Only about the job with this id
    #[arg(long)]
    pub(crate) job: Option<String>,
    /// A text in message or fields, or between slashes a regular expression
    pub(crate) query: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct EventsArgs {
    #[command(flatten)]
    pub(crate) listing: ListingArgs<1000>,
    /// Only of this type, such as deploy; or of several, with commas between
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<String>,
    /// Only of this severity; or of several, with commas between
    #[arg(long, value_delimiter = ',', value_parser = ["ok", "info", "warning", "critical"])]
    pub(crate) severity: Vec<String>,
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

    #[test]
    fn the_help_of_each_command_has_an_example() {
        fn check(command: &mut clap::Command) {
            let help = command.render_long_help().to_string();
            assert!(help.contains("Example"), "{}:\n{help}", command.get_name());
            command.get_subcommands_mut().filter(|one| one.get_name() != "help").for_each(check);
        }
        check(&mut Cli::command());
    }
}
