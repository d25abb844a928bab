//! `vigie check`: is the configuration right, and what may Vigie read?

use std::sync::Arc;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use tokio_util::sync::CancellationToken;
use vigie_collect::source::redis::{RedisConfig, RedisSource, acl_line};
use vigie_collect::{SystemClock, observations};
use vigie_model::{Check, CheckState, Observation, PollReport, SourceFault};

use crate::config::Config;
use crate::exit::Failure;

/// A source that has not answered or failed by then hangs.
const POLL_WITHIN: Duration = Duration::from_secs(15);
/// What is refused shows at the second poll or when event readers have connected: a source is watched for so long.
const WATCH: Duration = Duration::from_secs(2);
/// Redis's name of the user of those who name none.
const DEFAULT_USER: &str = "default";
/// Between two polls meanwhile.
const POLL: Duration = Duration::from_millis(250);

/// Checks every source; fails when one does not work.
pub(crate) async fn run(config: &Config) -> Result<(), Failure> {
    anstream::println!("configuration: {} is valid", config.origin);
    let mut bad = 0;
    for source in &config.sources {
        anstream::println!("\nsource {} ({})", source.name, source.display_url());
        match report(source).await {
            Some(report) => bad += usize::from(!show(&report, source)),
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

/// The last report of a source that was watched for a while, or the first that says that it does not work.
async fn report(source: &RedisConfig) -> Option<PollReport> {
    let (sender, receiver) = observations(crate::feed::PENDING);
    let stop = CancellationToken::new();
    let config = RedisConfig { poll: POLL, ..source.clone() };
    let source = RedisSource::new(config, Arc::new(SystemClock::start()), sender);
    let polling = source.run(stop.clone());
    let mut last = None;
    let reporting = async {
        let mut until = tokio::time::Instant::now() + POLL_WITHIN;
        while let Ok(observations) = tokio::time::timeout_at(until, receiver.receive()).await {
            for observation in observations {
                let Observation::Polled(report) = observation else { continue };
                if last.is_none() {
                    until = tokio::time::Instant::now() + WATCH;
                }
                let failed = report.outcome.is_err();
                last = Some(report);
                if failed {
                    return;
                }
            }
        }
    };
    tokio::select! {
        () = reporting => {}
        () = polling => {}
    }
    last
}

/// Prints a report; returns whether all is as it should be.
fn show(report: &PollReport, source: &RedisConfig) -> bool {
    if let Some(facts) = &report.redis {
        line(CheckState::Ok, "redis", &format!("version {}, {}", facts.version, facts.mode), None);
    }
    let said = |fault: &SourceFault| report.checks.iter().any(|check| check.detail == fault.error);
    if let Err(fault) = &report.outcome
        && !said(fault)
    {
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
    let user = source.login.username.as_deref().unwrap_or(DEFAULT_USER);
    if report.outcome.is_ok() && user == DEFAULT_USER {
        let cluster = report.redis.as_ref().is_some_and(|facts| facts.mode == "cluster");
        let fix = acl_line("vigie", cluster);
        let detail = "this user may do more than Vigie needs; one who may do just that:";
        line(CheckState::Ok, "user", detail, Some(&fix));
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
