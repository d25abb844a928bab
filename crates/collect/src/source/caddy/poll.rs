//! Asks Caddy's admin API who its upstreams are, and its metrics how they are.

use std::collections::BTreeMap;

use vigie_model::{Check, CheckState, Name, SourceFault, Time};

use super::config::CaddyConfig;
use super::decode;
use super::routes;
use crate::http::{HttpClient, HttpFault, HttpUrl};
use crate::source::poller::{self, Look, Poll, check, counted};
use crate::source::{Backend, Backends, RunContext};

/// Watches a Caddy, until told to stop; `backends` is told who is behind it.
pub async fn run(config: CaddyConfig, backends: Backends, context: RunContext) {
    let (name, interval) = (config.name.clone(), config.access.poll);
    poller::run(name, interval, Poller { config, backends, client: None }, context).await;
}

struct Poller {
    config: CaddyConfig,
    backends: Backends,
    client: Option<HttpClient>,
}

impl Poll for Poller {
    async fn look(&mut self, _now: Time) -> Result<Look, SourceFault> {
        let client = match &self.client {
            Some(client) => client,
            None => self.client.insert(HttpClient::new(&self.config.access)?),
        };
        let (list, metrics) = tokio::join!(
            get(client, &self.config.url, routes::UPSTREAMS, &routes::JSON, "JSON"),
            get(client, &self.config.url, routes::METRICS, &routes::TEXT, "Prometheus's text"),
        );
        let (list, place) = list?;
        let upstreams = decode::upstreams(&list)
            .map_err(|fault| HttpFault::Undecodable(place, fault.to_string()))?;
        let bytes = list.len() + metrics.as_ref().map_or(0, |(body, _)| body.len());
        let healthy = metrics.and_then(|(body, place)| {
            decode::healthy(&body).map_err(|fault| HttpFault::Undecodable(place, fault.to_string()))
        });
        let backends = upstreams.iter().map(|upstream| Backend {
            address: Name::from(upstream.address.to_ascii_lowercase().as_str()),
            role: self.config.role.clone(),
        });
        self.backends.tell(&self.config.name, backends.collect());
        let checks = self.checks(upstreams.len(), &healthy);
        let healthy = healthy.unwrap_or_default();
        let instances = upstreams.iter().map(|upstream| {
            let healthy = healthy.get(&upstream.address).copied();
            decode::instance(upstream, healthy, &self.config.role)
        });
        Ok(Look {
            instances: Some(instances.collect()),
            checks,
            requests: 2,
            bytes: bytes as u64,
            ..Look::default()
        })
    }
}

impl Poller {
    fn checks(
        &self,
        upstreams: usize,
        healthy: &Result<BTreeMap<String, bool>, HttpFault>,
    ) -> Vec<Check> {
        let connected = format!("Caddy's admin API at {}", self.config.url);
        let state = if upstreams > 0 { CheckState::Ok } else { CheckState::Missing };
        let health = match healthy {
            Ok(known) if known.is_empty() && upstreams > 0 => {
                let detail = "Caddy does not say which upstreams are healthy";
                let fix = "set health_uri in the reverse_proxy, or probe them: kind: probe, backends_of: …";
                check("health", CheckState::Missing, detail, Some(fix.to_owned()))
            }
            Ok(_) => check("health", CheckState::Ok, "from Caddy's metrics", None),
            Err(fault) => check("health", CheckState::Warning, fault.to_string(), fault.hint()),
        };
        vec![
            check("connect", CheckState::Ok, connected, None),
            check("instances", state, counted(upstreams as u64, "upstream"), None),
            health,
        ]
    }
}

async fn get(
    client: &HttpClient,
    base: &HttpUrl,
    path: &str,
    types: &[&str],
    wanted: &'static str,
) -> Result<(Vec<u8>, String), HttpFault> {
    let wrong = || HttpFault::Undecodable(base.to_string(), "it has no such path".to_owned());
    let url = base.with_path(path).ok_or_else(wrong)?;
    let answer = client.fetch(&url, types[0], types, wanted).await?;
    Ok((answer.body, url.to_string()))
}
