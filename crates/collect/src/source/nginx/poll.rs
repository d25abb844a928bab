//! Asks an nginx for its connections, and its upstreams how they are.

use vigie_model::{Check, CheckState, Instance, InstanceStatus, Name, SourceFault, Time};

use super::config::NginxConfig;
use super::decode::{self, Connections};
use super::routes;
use crate::http::{HttpClient, HttpFault};
use crate::source::poller::{self, Look, Poll, check};
use crate::source::probe::{Ask, Expect, Prober, Target};
use crate::source::{Backend, Backends, RunContext};

/// Watches an nginx, until told to stop; `backends` is told who is behind it.
pub async fn run(config: NginxConfig, backends: Backends, context: RunContext) {
    let (name, interval) = (config.name.clone(), config.access.poll);
    poller::run(name, interval, Poller { config, backends, tools: None }, context).await;
}

struct Poller {
    config: NginxConfig,
    backends: Backends,
    tools: Option<(HttpClient, Prober)>,
}

impl Poll for Poller {
    async fn look(&mut self, now: Time) -> Result<Look, SourceFault> {
        let config = &self.config;
        if self.tools.is_none() {
            let client = HttpClient::new(&config.access)?;
            self.tools = Some((client, Prober::new(&config.access, Expect::default())?));
        }
        let Some((client, prober)) = &mut self.tools else {
            return Err(HttpFault::Closed(config.url.to_string()).into());
        };
        let backends = config.upstreams.iter().map(|ask| Backend {
            address: Name::from(ask.address().as_str()),
            role: config.role.clone(),
        });
        self.backends.tell(&config.name, backends.collect());
        let target = |ask: &Ask| Target { ask: ask.clone(), role: config.role.clone() };
        let targets = config.upstreams.iter().map(target).collect();
        let wanted = "the page of stub_status (text/plain)";
        let (page, mut instances) = tokio::join!(
            client.fetch(&config.url, "text/plain", &routes::TYPES, wanted),
            prober.ask(targets, now)
        );
        let page = page?;
        let connections = decode::connections(&page.body)
            .map_err(|fault| HttpFault::Undecodable(config.url.to_string(), fault.to_string()))?;
        instances.insert(0, itself(config, connections, page.seconds));
        Ok(Look {
            instances: Some(instances),
            checks: checks(config),
            requests: 1 + config.upstreams.len() as u32,
            bytes: page.body.len() as u64,
            ..Look::default()
        })
    }
}

/// nginx itself, as an instance.
fn itself(config: &NginxConfig, connections: Connections, seconds: f64) -> Instance {
    let address = Name::from(config.url.address().as_str());
    Instance {
        address: Some(address.clone()),
        status: InstanceStatus::Up,
        latency: Some(seconds),
        load: Some(connections.busy() as f64),
        probe: Some(Name::from("ok")),
        ..Instance::unknown(Name::from(routes::ROLE), address)
    }
}

fn checks(config: &NginxConfig) -> Vec<Check> {
    let connected = format!("nginx's stub_status at {}", config.url);
    let upstreams = match config.upstreams.len() {
        0 => {
            let fix = "list them: upstreams: [host:port, …]; Vigie asks them itself".to_owned();
            check("upstreams", CheckState::Missing, "nginx does not tell its upstreams", Some(fix))
        }
        1 => check("upstreams", CheckState::Ok, "1 upstream is asked", None),
        count => check("upstreams", CheckState::Ok, format!("{count} upstreams are asked"), None),
    };
    vec![check("connect", CheckState::Ok, connected, None), upstreams]
}
