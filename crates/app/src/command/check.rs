//! `vigie check`: is the configuration right, and what may Vigie read?

use std::sync::Arc;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use tokio_util::sync::CancellationToken;
use vigie_collect::source::redis::{RedisConfig, acl_line};
use vigie_collect::source::{Backends, FailedJobs, RunContext, ToldJobs};
use vigie_collect::{SystemClock, observations};
use vigie_model::{Check, CheckState, Observation, PollReport, SourceFault};
use vigie_remote::RemoteConfig;

use crate::config::{Config, Shared, SourceConfig};
use crate::exit::Failure;
use crate::keeping;
use crate::read_lines::ReadLines;

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
    let disk = disk_works(config);
    let mut bad = 0;
    // Balancers first, so that probes that follow them know whom to ask.
    let backends = Backends::default();
    let balancers = || config.sources.iter().filter(|source| source.is_balancer());
    let others = config.sources.iter().filter(|source| !source.is_balancer());
    for source in balancers().chain(others) {
        anstream::println!("\nsource {} ({})", source.name(), source.display_url());
        match report(source, &backends).await {
            Some(report) => bad += usize::from(!show(&report, source)),
            None => {
                line(CheckState::Warning, "connect", "no answer within 15 s", None);
                bad += 1;
            }
        }
    }
    let backends = config.metrics.backend.iter().chain(&config.metrics.remote_write);
    let mut elsewhere = 0;
    for backend in backends {
        anstream::println!("\nmetrics backend {} ({})", backend.name, backend.display_url());
        elsewhere += 1;
        bad += usize::from(!backend_works(backend).await);
    }
    for destination in &config.logs.forward {
        let (kind, url) = (destination.kind(), destination.display_url());
        anstream::println!("\nlog destination {} ({kind} at {url})", destination.name);
        elsewhere += 1;
        bad += usize::from(!told("take", destination.check(POLL_WITHIN).await));
    }
    if bad == 0 && disk {
        return Ok(());
    }
    let also = if elsewhere > 0 { ", backends and destinations" } else { "" };
    let sources = config.sources.len();
    let count = sources + elsewhere;
    if disk {
        return Err(Failure::failed(format!(
            "{bad} of {count} sources{also} do not work as they should"
        )));
    }
    Err(Failure::failed(match bad {
        0 => "data_dir does not work as it should".to_owned(),
        bad => {
            format!("data_dir and {bad} of {count} sources{also} do not work as they should")
        }
    }))
}

/// Tries whether what is to be kept can be, and says so.
fn disk_works(config: &Config) -> bool {
    anstream::println!("\ndata_dir {}", config.data_dir.display());
    let fix = "set data_dir to a folder that Vigie's user may write to, on a disk with room";
    let tried = keeping::try_folder(&config.data_dir);
    match &tried {
        Ok(()) => {
            line(CheckState::Ok, "keep", "figures, log entries and events can be kept", None);
            if let Some((what, fix)) = keeping::open_to_others(&config.data_dir) {
                say("warning", AnsiColor::Yellow, "keep", &what, Some(&fix));
            }
        }
        Err(why) => {
            line(CheckState::Warning, "keep", &format!("nothing is kept: {why}"), Some(fix))
        }
    }
    tried.is_ok()
}

/// Asks a metrics backend whether it takes samples and answers, and says so.
async fn backend_works(backend: &RemoteConfig) -> bool {
    let writes = told("write", backend.check_write(POLL_WITHIN).await);
    let answers = backend.check_query(POLL_WITHIN).await;
    let answers = answers.is_none_or(|result| told("query", result));
    writes && answers
}

/// Says how a check came out, and whether it came out well.
fn told(id: &str, result: Result<String, String>) -> bool {
    let (state, detail) = match &result {
        Ok(detail) => (CheckState::Ok, detail),
        Err(why) => (CheckState::Warning, why),
    };
    line(state, id, detail, None);
    result.is_ok()
}

/// The last report of a source that was watched for a while, or the first that says that it does not work.
async fn report(source: &SourceConfig, backends: &Backends) -> Option<PollReport> {
    let (sender, receiver) = observations(crate::feed::PENDING);
    let stop = CancellationToken::new();
    // The second look at a Redis tells more; of others the first tells all.
    let (source, watch) = match source.clone() {
        SourceConfig::Redis(config) => {
            (SourceConfig::Redis(RedisConfig { poll: POLL, ..config }), WATCH)
        }
        other => (other, Duration::ZERO),
    };
    let clock = Arc::new(SystemClock::start());
    let (samples, _unread) = vigie_collect::samples(0);
    let lines = Arc::new(ReadLines::new(None));
    let shared = Shared {
        backends: backends.clone(),
        told: ToldJobs::default(),
        failed: FailedJobs::default(),
        samples,
        lines,
    };
    let context = RunContext { clock, out: sender, stop: stop.clone() };
    let polling = source.run(context, shared);
    let mut last = None;
    let reporting = async {
        let mut until = tokio::time::Instant::now() + POLL_WITHIN;
        while let Ok(observations) = tokio::time::timeout_at(until, receiver.receive()).await {
            for observation in observations {
                let Observation::Polled(report) = observation else { continue };
                if last.is_none() {
                    until = tokio::time::Instant::now() + watch;
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
fn show(report: &PollReport, source: &SourceConfig) -> bool {
    if let Some(facts) = &report.server {
        let mode = facts.mode.as_ref().map(|mode| format!(", {mode}")).unwrap_or_default();
        let detail = format!("version {}{mode}", facts.version);
        line(CheckState::Ok, facts.product, &detail, None);
    }
    let said =
        |fault: &SourceFault| report.checks.iter().any(|check| check.detail.contains(&fault.error));
    if let Err(fault) = &report.outcome
        && !said(fault)
    {
        line(CheckState::Warning, "poll", &fault.error, fault.hint.as_deref());
    }
    for Check { id, state, detail, fix } in &report.checks {
        line(*state, id, detail, fix.as_deref());
    }
    if let (Ok(cost), SourceConfig::Redis(_)) = (&report.outcome, source) {
        let detail = format!(
            "{} commands in {} round trips, {:.1} ms",
            cost.commands,
            cost.round_trips,
            cost.seconds * 1e3
        );
        line(CheckState::Ok, "cost", &detail, None);
    }
    if let (Ok(_), SourceConfig::Redis(redis)) = (&report.outcome, source)
        && redis.login.username.as_deref().is_none_or(|user| user == DEFAULT_USER)
    {
        let mode = report.server.as_ref().and_then(|facts| facts.mode.as_deref());
        let cluster = mode == Some("cluster");
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
    say(mark, colour, id, detail, fix);
}

fn say(mark: &str, colour: AnsiColor, id: &str, detail: &str, fix: Option<&str>) {
    let style = Style::new().fg_color(Some(colour.into()));
    anstream::println!("  {style}{mark}{style:#} {id:<8} {detail}");
    if let Some(fix) = fix {
        anstream::println!("          -> {fix}");
    }
}
