//! What was looked for in an n8n, whether it is there, what it adds, and the environment variable that turns it on.

use vigie_model::{Check, CheckState};

use super::config::N8nConfig;
use super::process::{Asked, Role};
use super::routes;
use crate::http::HttpFault;
use crate::source::poller::{answering, check, counted};
use crate::tail::TailStatus;

/// What the public API answered.
pub(super) enum ApiState {
    /// There is no key.
    NoKey,
    /// It answers; how many workflows it told of.
    Well { workflows: usize },
    /// It does not.
    Fault(HttpFault),
}

/// Every line of the checklist.
pub(super) fn checks(config: &N8nConfig, asked: &[Asked], api: &ApiState) -> Vec<Check> {
    let mut checks = vec![connect(asked)];
    checks.extend(configured_metrics(config, asked));
    checks.push(metrics(asked));
    if asked.iter().any(|one| one.figures.is_ok()) {
        checks.push(event_metrics(asked));
    }
    checks.push(api_check(config, api));
    checks.push(queue(config, asked));
    checks.push(workers(config, asked));
    checks
}

fn connect(asked: &[Asked]) -> Check {
    let well = asked.iter().filter(|one| one.answers()).count();
    let detail = match asked.len() {
        1 => format!("{well} of 1 process answers"),
        many => format!("{well} of {many} processes answer"),
    };
    let fault = asked.iter().find_map(|one| one.health.as_ref().err());
    match fault {
        None => check("connect", CheckState::Ok, detail, None),
        Some(fault) => {
            let fix = fault.hint().unwrap_or_else(|| fault.to_string());
            check("connect", CheckState::Warning, format!("{detail}; {fault}"), Some(fix))
        }
    }
}

/// The place that the configuration names, which no n8n up to 2.41 has.
fn configured_metrics(config: &N8nConfig, asked: &[Asked]) -> Option<Check> {
    let path = config.metrics_path.as_deref()?;
    let found = asked.iter().find(|one| one.figures.is_ok() && one.figures_at == path);
    Some(match found {
        Some(_) => check("metrics_path", CheckState::Ok, format!("figures come from {path}"), None),
        None => {
            let why = asked.iter().find_map(|one| one.configured.as_ref());
            let why = why.map_or_else(|| "nobody answers".to_owned(), ToString::to_string);
            let detail =
                format!("no figures at {path} ({why}): {} is read instead", routes::METRICS);
            let fix = format!("leave metrics_path out: n8n has its figures at {}", routes::METRICS);
            check("metrics_path", CheckState::Missing, detail, Some(fix))
        }
    })
}

fn metrics(asked: &[Asked]) -> Check {
    let answering = asked.iter().filter(|one| one.answers());
    let without: Vec<&Asked> = answering.filter(|one| one.figures.is_err()).collect();
    let adds = "version, start, load, the leader";
    let Some(first) = without.first() else {
        let well = asked.iter().filter(|one| one.figures.is_ok()).count();
        let detail = format!("{} of {well} processes: {adds}", routes::METRICS);
        let state = if well > 0 { CheckState::Ok } else { CheckState::Unknown };
        return check("metrics", state, detail, None);
    };
    let starting =
        matches!(&first.figures, Err(HttpFault::ContentType { found, .. }) if found == "text/html");
    let why = match &first.figures {
        Err(_) if starting => format!("{} is starting: its figures are no figures yet", first.url),
        Err(fault) => fault.to_string(),
        Ok(_) => String::new(),
    };
    let detail = format!(
        "{} missing of {} processes ({why}); they add {adds}",
        routes::METRICS,
        without.len()
    );
    let fix =
        "set N8N_METRICS=true for each process, and QUEUE_HEALTH_CHECK_ACTIVE=true for workers";
    check("metrics", CheckState::Missing, detail, (!starting).then(|| fix.to_owned()))
}

/// The counters of executions. They do not exist before the first, so that absence proves nothing.
fn event_metrics(asked: &[Asked]) -> Check {
    let counting = asked.iter().flat_map(|one| &one.figures).any(|figures| figures.counts_events);
    if counting {
        let detail = "counters of executions and nodes: what each process has under way";
        return check("event_metrics", CheckState::Ok, detail, None);
    }
    let detail = "no counter of executions or nodes: none has run yet, or they are off; they add what each process has under way";
    let fix = "set N8N_METRICS_INCLUDE_MESSAGE_EVENT_BUS_METRICS=true, with N8N_METRICS_INCLUDE_WORKFLOW_ID_LABEL=true \
               and N8N_METRICS_INCLUDE_WORKFLOW_NAME_LABEL=true";
    check("event_metrics", CheckState::Unknown, detail, Some(fix.to_owned()))
}

fn api_check(config: &N8nConfig, api: &ApiState) -> Check {
    let adds = "workflow names, executions with their errors, and schedules that are overdue";
    match api {
        ApiState::NoKey => {
            let detail = format!("the public API is not asked: there is no key; it adds {adds}");
            let fix = "make a key in n8n under Settings, n8n API, and set api_key; where there is no such page, \
                       N8N_PUBLIC_API_DISABLED must not be true";
            check("api", CheckState::Missing, detail, Some(fix.to_owned()))
        }
        ApiState::Well { workflows } => check(
            "api",
            CheckState::Ok,
            format!("{}: {adds}", counted(*workflows as u64, "workflow")),
            None,
        ),
        ApiState::Fault(fault) => {
            let fix = match fault {
                HttpFault::Status { status: 401, .. } => {
                    "the key is not taken: make a new one in n8n under Settings, n8n API, and set api_key".to_owned()
                }
                HttpFault::Status { status: 403, .. } => {
                    "the key may not: give it the scopes workflow:list, execution:list and execution:read".to_owned()
                }
                HttpFault::Status { status: 404, .. } => {
                    "N8N_PUBLIC_API_DISABLED must not be true, and N8N_PUBLIC_API_ENDPOINT must be api".to_owned()
                }
                other => other.hint().unwrap_or_else(|| format!("is url right? {}", config.display_url())),
            };
            check("api", CheckState::Missing, format!("{fault}; it adds {adds}"), Some(fix))
        }
    }
}

fn queue(config: &N8nConfig, asked: &[Asked]) -> Check {
    let counted = asked.iter().flat_map(|one| &one.figures).find_map(|figures| figures.queue);
    match (&config.queue, counted) {
        (Some(queue), _) => {
            let detail = format!(
                "executions are the jobs of {} in source {}: exact waits and runs, the error, who runs them",
                queue.base, queue.redis
            );
            check("queue", CheckState::Ok, detail, None)
        }
        (None, Some(_)) => {
            let detail = "n8n is in queue mode, and Vigie does not know where its Redis is: executions are seen by asking the \
                          API now and then, without their waits";
            let fix = "set redis to the name of the source of kind redis in which n8n's queue is (QUEUE_BULL_REDIS_HOST)";
            check("queue", CheckState::Missing, detail, Some(fix.to_owned()))
        }
        (None, None) => {
            let detail = "no queue is known: n8n runs its executions in the main process, or does not tell; they are seen by \
                          asking the API now and then";
            let fix = "in queue mode (EXECUTIONS_MODE=queue) set redis to the source of its Redis; N8N_METRICS_INCLUDE_QUEUE_METRICS=true \
                       makes n8n count its queue, too";
            check("queue", CheckState::Unknown, detail, Some(fix.to_owned()))
        }
    }
}

fn workers(config: &N8nConfig, asked: &[Asked]) -> Check {
    let of = |role: Role| asked.iter().filter(move |one| one.role == role);
    let well = of(Role::Worker).filter(|one| one.answers()).count();
    if !config.workers.is_empty() {
        let detail = answering(well, config.workers.len(), "worker");
        let (state, fix) = match well == config.workers.len() {
            true => (CheckState::Ok, None),
            false => (
                CheckState::Warning,
                Some(
                    "set QUEUE_HEALTH_CHECK_ACTIVE=true for each worker; QUEUE_HEALTH_CHECK_PORT and \
                     N8N_WORKER_SERVER_ADDRESS say where it listens"
                        .to_owned(),
                ),
            ),
        };
        return check("workers", state, detail, fix);
    }
    let detail = "no worker's health endpoint is configured; each adds readiness (with its Redis), version and load";
    let fix =
        "set QUEUE_HEALTH_CHECK_ACTIVE=true for each worker and list their addresses under workers";
    check("workers", CheckState::Unknown, detail, Some(fix.to_owned()))
}

/// The processes that register in Redis.
pub(super) fn registry(found: Result<usize, String>) -> Check {
    match found {
        Ok(0) => {
            let detail = "no process registers in Redis: only n8n 2 does; it adds workers that are not listed here";
            check("registry", CheckState::Unknown, detail, None)
        }
        Ok(count) => {
            let detail = match count {
                1 => "1 process is registered in Redis".to_owned(),
                many => format!("{many} processes are registered in Redis"),
            };
            check("registry", CheckState::Ok, detail, None)
        }
        Err(error) => {
            let fix = "is the source of its Redis well? Its user needs SMEMBERS and GET".to_owned();
            check("registry", CheckState::Warning, error, Some(fix))
        }
    }
}

/// The files with log lines.
pub(super) fn files(config: &N8nConfig, status: Option<TailStatus>) -> Check {
    let adds = "each line of its log, and an event for each execution and node";
    let turn_on = "set N8N_LOG_OUTPUT=console,file and N8N_LOG_FORMAT=json; n8n keeps n8nEventLog*.log beside them by itself";
    let Some(paths) = &config.log_files else {
        let detail = format!("no log file is followed; they add {adds}");
        let fix = format!(
            "set log_files to the logs in N8N_USER_FOLDER/.n8n where Vigie can read them; {turn_on}"
        );
        return check("log_files", CheckState::Unknown, detail, Some(fix));
    };
    let Some(status) = status else {
        let detail = format!("{}: not looked at yet", paths.display());
        return check("log_files", CheckState::Unknown, detail, None);
    };
    if let Some((path, why)) = status.troubles.iter().next() {
        let more = match status.troubles.len() {
            1 => String::new(),
            many => format!(", and {} more", many - 1),
        };
        let fix = "let Vigie's user read it".to_owned();
        return check("log_files", CheckState::Warning, format!("{path}: {why}{more}"), Some(fix));
    }
    if let Some(why) = status.not_kept {
        let detail = format!("what is read is not kept yet: {why}");
        return check("log_files", CheckState::Warning, detail, None);
    }
    if status.files == 0 {
        let detail = format!("no file matches {}; they add {adds}", paths.display());
        return check("log_files", CheckState::Missing, detail, Some(turn_on.to_owned()));
    }
    let (files, lines) = (counted(status.files as u64, "file"), counted(status.lines, "line"));
    let detail = format!("{files}, {lines} read: {adds}");
    check("log_files", CheckState::Ok, detail, None)
}
