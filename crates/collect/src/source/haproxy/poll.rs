//! Asks a HAProxy for its statistics, and makes instances of the servers in them.

use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use vigie_model::{
    Check, CheckState, Instance, InstanceStatus, Name, ServerFacts, SourceFault, Time,
};

use super::config::{HaproxyConfig, HaproxyPlace};
use super::decode::{self, Server};
use super::{exposition, routes};
use crate::http::{Access, HttpClient, HttpFault};
use crate::source::poller::{self, Look, Poll, check, counted};
use crate::source::{Backend, Backends, RunContext};

/// Watches a HAProxy, until told to stop; `backends` is told who is behind it.
pub async fn run(config: HaproxyConfig, backends: Backends, context: RunContext) {
    let (name, interval) = (config.name.clone(), config.access.poll);
    poller::run(name, interval, Poller { config, backends, client: None, info: None }, context)
        .await;
}

struct Poller {
    config: HaproxyConfig,
    backends: Backends,
    client: Option<HttpClient>,
    info: Option<ServerFacts>,
}

impl Poll for Poller {
    async fn look(&mut self, now: Time) -> Result<Look, SourceFault> {
        let (servers, requests, bytes) = self.servers().await?;
        let wanted: Vec<Server> = servers
            .into_iter()
            .filter(|server| {
                self.config.backends.is_empty() || self.config.backends.contains(&server.backend)
            })
            .collect();
        self.backends.tell(&self.config.name, backends(&wanted));
        Ok(Look {
            checks: checks(&self.config, &wanted),
            instances: Some(wanted.iter().map(|server| instance(server, now)).collect()),
            server: self.info.clone(),
            requests,
            bytes,
            ..Look::default()
        })
    }
}

impl Poller {
    /// The servers as HAProxy tells them, and what that took: requests, and bytes.
    async fn servers(&mut self) -> Result<(Vec<Server>, u32, u64), SourceFault> {
        let place = self.config.display_url();
        let undecodable = |says: String| HttpFault::Undecodable(place.clone(), says);
        let (body, requests) = match &self.config.place {
            HaproxyPlace::Http(url) => {
                let wanted = "the statistics as CSV (text/plain)";
                let client = client(&mut self.client, &self.config.access)?;
                let accept = "text/plain, text/csv";
                (client.fetch(url, accept, &routes::CSV_TYPES, wanted).await?.body, 1)
            }
            HaproxyPlace::Metrics(url) => {
                let wanted = "Prometheus's text (text/plain)";
                let client = client(&mut self.client, &self.config.access)?;
                let answer =
                    client.fetch(url, "text/plain", &routes::METRICS_TYPES, wanted).await?;
                let (servers, info) = exposition::servers(&answer.body)
                    .map_err(|fault| undecodable(fault.to_string()))?;
                self.info = facts(info);
                return Ok((servers, 1, answer.body.len() as u64));
            }
            HaproxyPlace::Socket(path) => {
                let timeout = self.config.access.timeout;
                let body = ask(path, routes::SHOW_STAT, timeout).await?;
                // Who may ask for statistics may ask for this; a figure less is no fault.
                if let Ok(info) = ask(path, routes::SHOW_INFO, timeout).await {
                    self.info = facts(decode::info(&info));
                }
                (body, 2)
            }
        };
        let servers = decode::servers(&body).map_err(|fault| undecodable(fault.to_string()))?;
        Ok((servers, requests, body.len() as u64))
    }
}

fn facts(info: decode::Info) -> Option<ServerFacts> {
    info.version.map(|version| ServerFacts { product: "haproxy", version, mode: None })
}

fn client<'a>(
    client: &'a mut Option<HttpClient>,
    access: &Access,
) -> Result<&'a HttpClient, HttpFault> {
    match client {
        Some(client) => Ok(client),
        None => Ok(client.insert(HttpClient::new(access)?)),
    }
}

/// One command over the admin socket, which answers and closes.
async fn ask(path: &Path, command: &str, timeout: Duration) -> Result<Vec<u8>, SourceFault> {
    let place = format!("unix://{}", path.display());
    let exchange = async {
        let mut stream = UnixStream::connect(path).await?;
        stream.write_all(command.as_bytes()).await?;
        let mut body = Vec::new();
        let most = routes::SOCKET_BYTES as u64 + 1;
        stream.take(most).read_to_end(&mut body).await?;
        Ok::<_, std::io::Error>(body)
    };
    match tokio::time::timeout(timeout, exchange).await {
        Ok(Ok(body)) if body.len() > routes::SOCKET_BYTES => {
            Err(HttpFault::TooLarge { place, limit: routes::SOCKET_BYTES }.into())
        }
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) => Err(socket_fault(&error, &place, timeout)),
        Err(_) => Err(HttpFault::Timeout { place, after: timeout }.into()),
    }
}

fn socket_fault(error: &std::io::Error, place: &str, timeout: Duration) -> SourceFault {
    let (error, hint) = match error.kind() {
        std::io::ErrorKind::NotFound => (
            "there is no such socket",
            "is HAProxy running, and is its `stats socket` at this path?",
        ),
        std::io::ErrorKind::PermissionDenied => {
            ("permission denied", "give Vigie's user access: `stats socket PATH mode 660 group …`")
        }
        std::io::ErrorKind::ConnectionRefused => {
            ("nobody listens at the socket", "is HAProxy running?")
        }
        _ => return HttpFault::of_io(error, place, timeout).into(),
    };
    SourceFault { error: format!("{place}: {error}"), hint: Some(hint.to_owned()) }
}

fn backends(servers: &[Server]) -> Vec<Backend> {
    let backend = |server: &Server| {
        let address = Name::from(server.address.as_deref()?.to_ascii_lowercase().as_str());
        Some(Backend { address, role: Name::from(server.backend.as_str()) })
    };
    servers.iter().filter_map(backend).collect()
}

fn checks(config: &HaproxyConfig, servers: &[Server]) -> Vec<Check> {
    let detail = format!("HAProxy's statistics at {}", config.display_url());
    let mut checks = vec![check("connect", CheckState::Ok, detail, None)];
    if servers.is_empty() {
        let detail = match config.backends.is_empty() {
            true => "there is no server in any backend".to_owned(),
            false => format!("there is no server in the backends {}", config.backends.join(", ")),
        };
        checks.push(check("instances", CheckState::Missing, detail, None));
        return checks;
    }
    checks.push(check("instances", CheckState::Ok, counted(servers.len() as u64, "server"), None));
    if servers.iter().all(|server| server.address.is_none()) {
        let detail = "HAProxy does not tell its servers' addresses, so no probe can follow them";
        let fix = match config.place {
            HaproxyPlace::Metrics(_) => "the exporter never does: use url or socket instead",
            _ => "add `stats show-legends` beside `stats enable`, or use the admin socket",
        };
        checks.push(check("addresses", CheckState::Missing, detail, Some(fix.to_owned())));
    }
    checks
}

/// What HAProxy says of a server, as an instance.
pub(super) fn instance(server: &Server, now: Time) -> Instance {
    let word = server.status.as_str();
    let status = status(word);
    Instance {
        address: server
            .address
            .as_deref()
            .map(|text| Name::from(text.to_ascii_lowercase().as_str())),
        status,
        latency: server.check_seconds.filter(|_| status == InstanceStatus::Up),
        load: server.sessions,
        balancer: Some(Name::from(word)),
        since: server.changed_seconds.map(|seconds| now - seconds),
        error: trouble(server, status),
        ..Instance::unknown(Name::from(server.backend.as_str()), Name::from(server.name.as_str()))
    }
}

/// HAProxy's words: `UP 1/3` is on its way down, `DOWN 1/2` on its way up, and neither is there yet.
fn status(word: &str) -> InstanceStatus {
    let first = word.split_whitespace().next().unwrap_or_default();
    match first {
        "UP" | "OPEN" if word == first => InstanceStatus::Up,
        "UP" | "NOLB" | "DRAIN" => InstanceStatus::Degraded,
        "DOWN" | "MAINT" => InstanceStatus::Down,
        _ => InstanceStatus::Unknown,
    }
}

/// Why it is not up: the health check's own words.
fn trouble(server: &Server, status: InstanceStatus) -> Option<String> {
    let word = server.status.as_str();
    let check = || {
        let mut parts: Vec<String> = server.check.iter().cloned().collect();
        parts.extend(server.check_code.filter(|code| *code > 0).map(|code| code.to_string()));
        let says = server.check_says.as_deref().map(|says| format!(": {says}")).unwrap_or_default();
        format!("{}{says}", parts.join("/"))
    };
    match status {
        InstanceStatus::Up => None,
        InstanceStatus::Unknown => Some(format!("HAProxy says {word}: it has no health check")),
        _ if word.starts_with("MAINT") => Some(format!("HAProxy says {word}: taken out by hand")),
        _ if word.starts_with("DRAIN") => {
            Some(format!("HAProxy says {word}: it gets no new requests"))
        }
        _ if server.check.is_none() => Some(format!("HAProxy says {word}")),
        _ => Some(format!("HAProxy says {word}: {}", check())),
    }
}
