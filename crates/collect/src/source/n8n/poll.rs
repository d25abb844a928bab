//! Asks an n8n: all its processes, and its public API.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;
use vigie_model::{ServerFacts, SourceFault, SourceName, Time};

use super::api::Api;
use super::checks::{self, ApiState};
use super::config::N8nConfig;
use super::decode::Workflow;
use super::process::{self, Asked, Role};
use super::routes;
use crate::http::{HttpClient, HttpFault};
use crate::source::poller::{self, Look, Poll};
use crate::source::targets::ask_all;
use crate::{Clock, ObservationSender};

/// Workflows are read again after so many seconds.
const WORKFLOWS_SECONDS: f64 = 60.0;

/// An n8n as a source.
pub struct N8nSource {
    config: N8nConfig,
    clock: Arc<dyn Clock>,
    out: ObservationSender,
}

impl N8nSource {
    /// A source that sends what it observes to `out`; it does nothing before [`Self::run`].
    #[must_use]
    pub fn new(config: N8nConfig, clock: Arc<dyn Clock>, out: ObservationSender) -> Self {
        Self { config, clock, out }
    }

    /// Looks until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let Self { config, clock, out } = self;
        let poller = Poller { config, processes: None, api: None, workflows: Workflows::default() };
        poller::run(poller, clock, out, stop).await;
    }
}

/// What is known of the workflows, and when it was read.
#[derive(Default)]
struct Workflows {
    known: Vec<Workflow>,
    read: Option<Time>,
}

struct Poller {
    config: N8nConfig,
    processes: Option<HttpClient>,
    api: Option<Api>,
    workflows: Workflows,
}

impl Poll for Poller {
    fn source(&self) -> &SourceName {
        &self.config.name
    }

    fn interval(&self) -> Duration {
        self.config.access.poll
    }

    async fn look(&mut self, now: Time) -> Result<Look, SourceFault> {
        let asked = self.ask_processes().await?;
        let api = self.ask_api(now).await?;
        let (mut requests, mut bytes) = self.api.as_mut().map(Api::take_cost).unwrap_or_default();
        requests += asked.iter().map(|one| one.requests).sum::<u32>();
        bytes += asked.iter().map(|one| one.bytes).sum::<u64>();
        let version = asked.iter().flat_map(|one| &one.figures).find_map(|one| one.version.clone());
        Ok(Look {
            instances: Some(asked.iter().map(Asked::instance).collect()),
            server: version.map(|version| ServerFacts { product: "n8n", version, mode: None }),
            checks: checks::checks(&self.config, &asked, &api),
            requests,
            bytes,
        })
    }
}

impl Poller {
    async fn ask_processes(&mut self) -> Result<Vec<Asked>, SourceFault> {
        let client = match &self.processes {
            Some(client) => client,
            None => {
                let client = HttpClient::new(&self.config.access)?;
                self.processes.insert(client.limited(routes::PAGE_BYTES))
            }
        };
        let config = &self.config;
        let path = config.metrics_path.as_deref();
        let roles = [
            (Role::Main, &config.mains),
            (Role::Worker, &config.workers),
            (Role::Webhook, &config.webhooks),
        ];
        let questions: Vec<_> = roles
            .into_iter()
            .flat_map(|(role, urls)| urls.iter().map(move |url| (role, url)))
            .map(|(role, url)| process::ask(client, role, url, path).boxed())
            .collect();
        Ok(ask_all(questions).await)
    }

    /// Asks the public API, where there is a key.
    async fn ask_api(&mut self, now: Time) -> Result<ApiState, SourceFault> {
        let Some(access) = &self.config.api else { return Ok(ApiState::NoKey) };
        let Some(main) = self.config.mains.first() else { return Ok(ApiState::NoKey) };
        if self.api.is_none() {
            let client = HttpClient::new(access)?.limited(routes::PAGE_BYTES);
            self.api = Some(Api::new(client, main.clone()));
        }
        Ok(match self.read_api(now).await {
            Ok(()) => ApiState::Well { workflows: self.workflows.known.len() },
            Err(fault) => ApiState::Fault(fault),
        })
    }

    async fn read_api(&mut self, now: Time) -> Result<(), HttpFault> {
        let Some(api) = &mut self.api else { return Ok(()) };
        let workflows = &mut self.workflows;
        if workflows.read.is_none_or(|read| now.since(read) >= WORKFLOWS_SECONDS) {
            workflows.known = api.workflows().await?;
            workflows.read = Some(now);
        }
        Ok(())
    }
}
