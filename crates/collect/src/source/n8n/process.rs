//! One process of n8n, asked: its health, its readiness and its figures, and the instance that comes of them.

use vigie_model::{Instance, InstanceStatus, Name};

use super::decode::{self, Figures};
use super::routes;
use crate::http::{Answer, HttpClient, HttpFault, HttpUrl};
use crate::source::probe::Verdict;

/// What a process is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Main,
    Worker,
    Webhook,
}

impl Role {
    /// n8n's own word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Worker => "worker",
            Self::Webhook => "webhook",
        }
    }
}

/// What a process answered.
pub(super) struct Asked {
    pub role: Role,
    pub url: HttpUrl,
    pub health: Result<Answer, HttpFault>,
    pub readiness: Result<Answer, HttpFault>,
    pub figures: Result<Figures, HttpFault>,
    /// Where the figures were found, or looked for last.
    pub figures_at: String,
    /// Why they were not where the configuration says, if it says so.
    pub configured: Option<HttpFault>,
    pub requests: u32,
    pub bytes: u64,
}

/// Asks a process. All that it has is asked at each look: it costs n8n less than a millisecond.
pub(super) async fn ask(
    client: &HttpClient,
    role: Role,
    url: &HttpUrl,
    metrics_path: Option<&str>,
) -> Asked {
    let ask = async |path: &str| {
        let url = url.with_path(path).ok_or_else(|| HttpFault::Closed(url.to_string()))?;
        client.ask(&url, routes::HEALTH_ACCEPT).await
    };
    let health = ask(routes::HEALTH).await;
    let mut asked = Asked {
        role,
        url: url.clone(),
        health,
        readiness: Err(HttpFault::Refused(url.to_string())),
        figures: Err(HttpFault::Refused(url.to_string())),
        figures_at: routes::METRICS.to_owned(),
        configured: None,
        requests: 1,
        bytes: 0,
    };
    // Who does not take a connection is not asked three times in a row.
    if let Err(fault) = &asked.health {
        asked.readiness = Err(fault.clone());
        asked.figures = Err(fault.clone());
        return asked;
    }
    asked.readiness = ask(routes::READINESS).await;
    asked.requests += 1;
    for path in metrics_path.into_iter().chain([routes::METRICS]) {
        asked.requests += 1;
        asked.figures_at = path.to_owned();
        let (figures, bytes) = read_figures(client, url, path).await;
        asked.bytes += bytes;
        asked.figures = figures;
        match &asked.figures {
            Ok(_) => break,
            Err(fault) if Some(path) == metrics_path => asked.configured = Some(fault.clone()),
            Err(_) => {}
        }
    }
    asked
}

async fn read_figures(
    client: &HttpClient,
    url: &HttpUrl,
    path: &str,
) -> (Result<Figures, HttpFault>, u64) {
    let Some(url) = url.with_path(path) else {
        return (Err(HttpFault::Closed(url.to_string())), 0);
    };
    let wanted = "Prometheus's text";
    match client.fetch(&url, routes::TEXT_ACCEPT, &routes::TEXT_TYPES, wanted).await {
        Err(fault) => (Err(fault), 0),
        Ok(answer) => {
            let read = decode::metrics(&answer.body);
            let read = read.map_err(|why| HttpFault::Undecodable(url.to_string(), why.to_string()));
            (read, answer.body.len() as u64)
        }
    }
}

impl Asked {
    /// Whether anything answered.
    pub fn answers(&self) -> bool {
        self.health.is_ok()
    }

    /// Its address, by which it is known.
    pub fn address(&self) -> Name {
        Name::from(self.url.address().as_str())
    }

    /// The process as an instance.
    pub fn instance(&self) -> Instance {
        let (role, address) = (Name::from(self.role.as_str()), self.address());
        let blank = Instance { address: Some(address.clone()), ..Instance::unknown(role, address) };
        let mut instance = self.verdict().onto(blank);
        if let Ok(figures) = &self.figures {
            instance.version = figures.version.as_deref().map(Name::from);
            instance.boot = figures.boot.as_deref().map(Name::from);
            instance.load = figures.in_flight;
            instance.leader = figures.leader;
        }
        instance
    }

    /// How it is: readiness says it; where there is none, health does.
    fn verdict(&self) -> Verdict {
        let health = match &self.health {
            Ok(answer) => answer,
            Err(fault) => return Verdict::fault(fault),
        };
        let place = self.url.to_string();
        if health.status != 200 {
            let status = health.status;
            return Verdict::fault(&HttpFault::Status { place, status, says: health.says() });
        }
        match &self.readiness {
            Ok(ready) if (200..300).contains(&ready.status) => Verdict::good(ready.seconds),
            // Version 1 before 1.52 had no readiness.
            Ok(ready) if ready.status == 404 => Verdict::good(health.seconds),
            Ok(ready) => {
                let needs = match self.role {
                    Role::Worker => "its database or Redis is away, or it starts",
                    Role::Main | Role::Webhook => "its database is away, or it starts",
                };
                let error = format!("{place}: not ready (HTTP {}): {needs}", ready.status);
                Verdict {
                    status: InstanceStatus::Degraded,
                    word: "not ready".to_owned(),
                    error: Some(error),
                    seconds: Some(ready.seconds),
                }
            }
            Err(fault) => Verdict { status: InstanceStatus::Degraded, ..Verdict::fault(fault) },
        }
    }
}
