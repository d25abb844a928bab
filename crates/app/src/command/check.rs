//! `vigie check`: is the configuration right, and what may Vigie read?

use std::sync::Arc;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use tokio_util::sync::CancellationToken;
use vigie_collect::source::redis::{RedisConfig, RedisSource};
use vigie_collect::{SystemClock, observations};
use vigie_model::{Check, CheckState, Observation, PollReport};

use crate::config::Config;
use crate::exit::Failure;

/// A source that has not answered or failed by then hangs.
const POLL_WITHIN: Duration = Duration::from_secs(15);

/// Checks every source; fails when one does not work.
pub(crate) async fn run(config: &Config) -> Result<(), Failure> {
    anstream::println!("configuration: {} is valid", config.origin);
    let mut bad = 0;
    for source in &config.sources {
        anstream::println!("\nsource {} ({})", source.name, source.display_url());
        match first_report(source).await {
            Some(report) => bad += usize::from(!show(&report)),
            None => {
                line(CheckState::Warning, "connect", "no answer within 15 s", None);
                bad += 1;
            }
        }
    }
    if bad == 0 {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "{bad} of {} sources do not work as they should",
        config.sources.len()
    )))
}

async fn first_report(source: &RedisConfig) -> Option<PollReport> {
    let (sender, receiver) = observations(crate::feed::PENDING);
    let stop = CancellationToken::new();
    let source = RedisSource::new(source.clone(), Arc::new(SystemClock::start()), sender);
    let polling = source.run(stop.clone());
    let reporting = async {
        loop {
            for observation in receiver.receive().await {
                if let Observation::Polled(report) = observation {
                    return report;
                }
            }
        }
    };
    tokio::select! {
        report = reporting => Some(report),
        () = polling => None,
        () = tokio::time::sleep(POLL_WITHIN) => None,
    }
}

/// Prints a report; returns whether all is as it should be.
fn show(report: &PollReport) -> bool {
    if let Some(facts) = &report.redis {
        line(CheckState::Ok, "redis", &format!("version {}, {}", facts.version, facts.mode), None);
    }
    if let Err(fault) = &report.outcome {
        line(CheckState::Warning, "poll", &fault.error, fault.hint.as_deref());
    }
    for Check { id, state, detail, fix } in &report.checks {
        line(*state, id, detail, fix.as_deref());
    }
    if let Ok(cost) = &report.outcome {
        let detail = format!(
            "{} commands in {} round trips, {:.1} ms",
            cost.commands,
            cost.round_trips,
            cost.seconds * 1e3
        );
        line(CheckState::Ok, "cost", &detail, None);
    }
    report.outcome.is_ok() && report.checks.iter().all(|check| check.state != CheckState::Warning)
}

fn line(state: CheckState, id: &str, detail: &str, fix: Option<&str>) {
    let (mark, colour) = match state {
        CheckState::Ok => ("ok     ", AnsiColor::Green),
        CheckState::Missing => ("none   ", AnsiColor::BrightBlack),
        CheckState::Warning => ("WRONG  ", AnsiColor::Red),
        CheckState::Unknown => ("unknown", AnsiColor::Yellow),
    };
    let style = Style::new().fg_color(Some(colour.into()));
    anstream::println!("  {style}{mark}{style:#} {id:<8} {detail}");
    if let Some(fix) = fix {
        anstream::println!("          -> {fix}");
    }
}
