//! The first-run checklist: what was looked for, what was found, and what it takes to get the rest.

use vigie_model::{Broker, Check, CheckState, SourceFault};

use crate::source::ReplyError;

use super::acl::{Forbidden, line_of};
use super::config::RedisConfig;
use super::discover::Discovery;
use super::session::Session;
use super::systems::Systems;

fn check(
    id: &'static str,
    state: CheckState,
    detail: impl Into<String>,
    fix: Option<String>,
) -> Check {
    Check { id, state, detail: detail.into(), fix }
}

/// The checklist of a Redis that answers.
pub(super) fn answering(
    config: &RedisConfig,
    session: &Session,
    systems: &Systems,
    discovery: &Discovery,
) -> Vec<Check> {
    let facts = session.facts();
    let mode = facts.mode.as_deref().unwrap_or_default();
    let server = format!("Redis {} ({mode}) at {}", facts.version, config.display_url());
    let forbidden: Vec<&Forbidden> = session.forbidden().collect();
    let mut checks = vec![check("connect", CheckState::Ok, server, None), acl(config, &forbidden)];
    for system in systems.all() {
        checks.push(broker(system.broker(), system.queues(), system.troubles(), config, discovery));
    }
    checks.push(events(config, systems));
    let unseen = forbidden.iter().find(|what| {
        matches!(what, Forbidden::Command(command) if command.starts_with("client")
        && !command.ends_with("setname"))
    });
    checks.push(match unseen {
        None => check("workers", CheckState::Ok, "CLIENT LIST may be read", None),
        Some(what) => {
            let lost = "the workers of Bull and BullMQ cannot be seen: CLIENT LIST is forbidden";
            check("workers", CheckState::Warning, lost, Some(line_of(user(config), &[what])))
        }
    });
    checks
}

/// The checklist of a Redis that does not answer: what was known before, with why it fails now.
pub(super) fn failing(before: &[Check], config: &RedisConfig, fault: &SourceFault) -> Vec<Check> {
    let connect = check("connect", CheckState::Warning, fault.error.clone(), fault.hint.clone());
    if before.is_empty() {
        let rest = ["acl", "asynq", "bull", "bullmq", "events", "workers"];
        let waiting = format!("waiting for {}", config.display_url());
        let unknown = |id| check(id, CheckState::Unknown, waiting.clone(), None);
        return std::iter::once(connect).chain(rest.into_iter().map(unknown)).collect();
    }
    let old = before.iter().filter(|check| check.id != "connect").cloned();
    std::iter::once(connect).chain(old).collect()
}

fn user(config: &RedisConfig) -> &str {
    config.login.username.as_deref().unwrap_or("default")
}

fn acl(config: &RedisConfig, forbidden: &[&Forbidden]) -> Check {
    if forbidden.is_empty() {
        return check("acl", CheckState::Ok, "everything that Vigie asked for is allowed", None);
    }
    let what: Vec<String> = forbidden.iter().map(ToString::to_string).collect();
    let mut losses: Vec<&str> = forbidden.iter().filter_map(|what| what.loss()).collect();
    losses.dedup();
    let user = user(config);
    let detail = format!("user {user} may not use {}: {}", what.join(", "), losses.join("; "));
    check("acl", CheckState::Warning, detail, Some(line_of(user, forbidden)))
}

fn broker(
    broker: Broker,
    queues: usize,
    troubles: &[String],
    config: &RedisConfig,
    discovery: &Discovery,
) -> Check {
    let id = broker.as_str();
    if let Some(trouble) = troubles.first() {
        let more = if troubles.len() > 1 {
            format!(" (and {} more)", troubles.len() - 1)
        } else {
            String::new()
        };
        let fix = trouble.contains(&ReplyError::WrongType.to_string()).then(|| {
            "another program uses a key of that name: redis-cli TYPE tells of what type it is"
                .into()
        });
        return check(id, CheckState::Warning, format!("{trouble}{more}"), fix);
    }
    match queues {
        0 => {}
        1 => return check(id, CheckState::Ok, "1 queue", None),
        many => return check(id, CheckState::Ok, format!("{many} queues"), None),
    }
    let database = config.database;
    match broker {
        Broker::Asynq => check(
            id,
            CheckState::Missing,
            format!("no asynq queue in database {database} (no asynq:queues)"),
            None,
        ),
        Broker::Bull | Broker::BullMq | Broker::N8n if discovery.is_forbidden() => {
            check(id, CheckState::Unknown, "queues cannot be looked for: SCAN is forbidden", None)
        }
        Broker::Bull | Broker::BullMq | Broker::N8n if !discovery.is_complete() => check(
            id,
            CheckState::Unknown,
            "no queue yet; the keys are still being looked through",
            None,
        ),
        Broker::Bull | Broker::BullMq | Broker::N8n => {
            let prefix = config
                .prefix
                .as_ref()
                .map(|prefix| format!(" under the prefix {prefix}"))
                .unwrap_or_default();
            check(id, CheckState::Missing, format!("no queue in database {database}{prefix}"), None)
        }
    }
}

fn events(config: &RedisConfig, systems: &Systems) -> Check {
    if let Some(words) = systems.events_refused() {
        let (user, forbidden) = (user(config), Forbidden::parse(&words));
        let detail = format!(
            "job events cannot be read, figures are sampled: user {user} may not use {forbidden}"
        );
        let fix = line_of(user, &[&forbidden]);
        return check("events", CheckState::Warning, detail, Some(fix));
    }
    let found = systems.found();
    if found.iter().any(|(broker, _)| *broker != Broker::Asynq) {
        check("events", CheckState::Ok, "job events are read: totals and durations are exact", None)
    } else if found.is_empty() {
        check("events", CheckState::Missing, "no queue yet whose jobs could be followed", None)
    } else {
        check(
            "events",
            CheckState::Missing,
            "asynq has no job events: types and durations are sampled",
            None,
        )
    }
}
