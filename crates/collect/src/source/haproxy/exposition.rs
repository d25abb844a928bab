//! HAProxy's statistics as its Prometheus exporter tells them: the same servers as in the CSV, as far as it says them. Pure.

use std::collections::BTreeMap;

use vigie_model::{Labels, ScrapedValue};

use super::decode::{Info, Server};
use crate::source::prometheus::{DecodeError, Format, Limits, decode};

/// Samples of one page: about seventy a server.
const MOST_SAMPLES: usize = 300_000;

/// Why a page cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpositionFault {
    /// It is no exposition.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// It is another program's.
    #[error("there is no series whose name begins with haproxy_: this is not HAProxy's exporter")]
    Another,
}

/// What the series of one server say.
#[derive(Debug, Default)]
struct Said {
    server: Server,
    state: Option<String>,
    check: Option<String>,
    /// Whether it is checked: the exporter calls one that is not up.
    checked: bool,
    answered: bool,
    http: bool,
}

/// The servers of a page, by backend and name, and the process's version.
///
/// # Errors
/// [`ExpositionFault`] when it is something else or damaged.
pub fn servers(body: &[u8]) -> Result<(Vec<Server>, Info), ExpositionFault> {
    let limits = Limits { samples: MOST_SAMPLES, ..Limits::default() };
    let decoded = decode(Format::Text, body, &limits)?;
    let (mut all, mut info, mut ours) = (BTreeMap::new(), Info::default(), false);
    for sample in &decoded.samples {
        let ScrapedValue::Float(value) = sample.value else { continue };
        let labels = &sample.labels;
        let Some(name) = labels.metric_name().strip_prefix("haproxy_") else { continue };
        ours = true;
        match name {
            "process_build_info" => info.version = labels.get("version").map(str::to_owned),
            "process_uptime_seconds" if value >= 0.0 => info.uptime_seconds = Some(value as u64),
            _ => {}
        }
        let Some(name) = name.strip_prefix("server_") else { continue };
        let (Some(backend), Some(server)) = (labels.get("proxy"), labels.get("server")) else {
            continue;
        };
        let said = all.entry((backend.to_owned(), server.to_owned())).or_default();
        take(said, name, labels, value);
    }
    if !ours {
        return Err(ExpositionFault::Another);
    }
    Ok((all.into_iter().map(|(key, said)| server(key, said)).collect(), info))
}

fn take(said: &mut Said, name: &str, labels: &Labels, value: f64) {
    // Not a number stands for "never" here.
    let number = (value.is_finite() && value >= 0.0).then_some(value);
    let holds = number == Some(1.0);
    let state = || labels.get("state").map(str::to_owned);
    let server = &mut said.server;
    match name {
        "status" if holds => said.state = state(),
        "check_status" if holds => said.check = state(),
        "check_failures_total" => said.checked = number.is_some(),
        "check_code" => server.check_code = number.map(|code| code as u16),
        "check_duration_seconds" => server.check_seconds = number,
        "check_last_change_seconds" => server.changed_seconds = number,
        "current_sessions" => server.sessions = number,
        "current_queue" => server.queued = number,
        "response_time_average_seconds" => server.response_seconds = number,
        "sessions_total" => said.answered = number.is_some_and(|total| total > 0.0),
        // Only where the backend speaks HTTP.
        "http_responses_total" => said.http = true,
        _ => {}
    }
}

fn server((backend, name): (String, String), said: Said) -> Server {
    let Said { server, state, check, checked, answered, http } = said;
    let status = match state {
        Some(up) if up == "UP" && !checked => "no check".to_owned(),
        Some(state) => state,
        None => "unknown".to_owned(),
    };
    let check = check.filter(|_| checked);
    let measured = |seconds: &f64| answered && (http || *seconds > 0.0);
    Server {
        backend,
        name,
        status,
        check_says: check.as_deref().and_then(meaning).map(str::to_owned),
        check_code: server.check_code.filter(|_| check.is_some()),
        check_seconds: server.check_seconds.filter(|_| check.is_some()),
        check,
        response_seconds: server.response_seconds.filter(measured),
        ..server
    }
}

/// What HAProxy's words for the result of a check stand for; the exporter does not say more.
fn meaning(word: &str) -> Option<&'static str> {
    Some(match word {
        "SOCKERR" => "socket error",
        "L4TOUT" => "no connection in time",
        "L4CON" => "no connection",
        "L6TOUT" => "no TLS in time",
        "L6RSP" => "TLS failed",
        "L7TOUT" => "no answer in time",
        "L7RSP" => "no valid answer",
        "L7STS" => "wrong status",
        "PROCERR" => "the check's program failed",
        "PROCTOUT" => "the check's program did not end in time",
        "HANA" => "too many errors seen",
        _ => return None,
    })
}
