//! Asks an n8n: all its processes, and its public API.

use std::path::Path;
use std::sync::Arc;

use futures_util::FutureExt as _;
use vigie_model::{Check, Instance, Name, ServerFacts, SourceFault, Time};

use super::checks::{self, ApiState};
use super::config::N8nConfig;
use super::lines::{N8nLines, writer};
use super::process::{self, Asked, Role};
use super::registry::Registry;
use super::routes;
use super::work::Work;
use crate::LineKeeper;
use crate::http::HttpClient;
use crate::source::RunContext;
use crate::source::poller::{self, Look, Poll, nobody};
use crate::source::targets::ask_all;
use crate::tail::{self, LineParser, PathPatterns, TailOptions, TailWatch};

/// Watches an n8n until told to stop; lines about executions that fail are kept by `lines`.
pub async fn run(config: N8nConfig, lines: Arc<dyn LineKeeper>, context: RunContext) {
    let watch = TailWatch::default();
    let following = config
        .log_files
        .clone()
        .map(|paths| follow(&config, paths, &lines, &context, watch.clone()));
    let registry = config.registry.clone().map(|redis| Registry::new(*redis));
    let work = Work::new(&config, context.out.clone(), lines);
    let (name, interval) = (config.name.clone(), config.access.poll);
    let polling = poller::run(
        name,
        interval,
        Poller { config, processes: None, work, watch, registry },
        context,
    );
    match following {
        Some(following) => drop(tokio::join!(following, polling)),
        None => polling.await,
    }
}

/// Follows the files with log lines.
fn follow(
    config: &N8nConfig,
    paths: PathPatterns,
    lines: &Arc<dyn LineKeeper>,
    context: &RunContext,
    watch: TailWatch,
) -> impl Future<Output = ()> + use<> {
    let source = config.name.to_string();
    let parser = move |path: &Path| {
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let instance = writer(&name);
        Box::new(N8nLines { source: source.clone(), instance }) as Box<dyn LineParser>
    };
    let options = TailOptions::new(format!("{}/files", config.name), paths);
    let (clock, stop) = (Arc::clone(&context.clock), context.stop.clone());
    tail::follow(options, Box::new(parser), Arc::clone(lines), clock, watch, stop)
}

struct Poller {
    config: N8nConfig,
    processes: Option<HttpClient>,
    work: Work,
    watch: TailWatch,
    registry: Option<Registry>,
}

impl Poll for Poller {
    async fn look(&mut self, now: Time) -> Result<Look, SourceFault> {
        let asked = self.ask_processes().await?;
        let figures = asked.iter().flat_map(|one| &one.figures);
        let names = figures.clone().flat_map(|one| &one.names);
        self.work.name(names.map(|(id, name)| (id.clone(), Name::from(name.as_str()))));
        let queue = figures.clone().find_map(|one| one.queue);
        let version = figures.clone().find_map(|one| one.version.clone());
        let api = match self.work.look(&self.config, queue, now).await? {
            None => ApiState::NoKey,
            Some(Ok(())) => ApiState::Well { workflows: self.work.workflows() },
            Some(Err(fault)) => ApiState::Fault(fault),
        };
        let (mut requests, mut bytes) = self.work.take_cost();
        requests += asked.iter().map(|one| one.requests).sum::<u32>();
        bytes += asked.iter().map(|one| one.bytes).sum::<u64>();
        let mut checks = checks::checks(&self.config, &asked, &api);
        checks.extend(self.work.checks());
        checks.push(checks::files(&self.config, self.watch.status()));
        let mut instances: Vec<Instance> = asked.iter().map(Asked::instance).collect();
        checks.extend(self.registered(&mut instances, now).await);
        Ok(Look {
            instances: Some(instances),
            server: version.map(|version| ServerFacts { product: "n8n", version, mode: None }),
            checks,
            nobody: nobody(asked.iter().map(|one| one.health.as_ref().err())),
            requests,
            bytes,
        })
    }
}

impl Poller {
    /// Adds the processes that are registered in Redis and that are not asked themselves, and says how that went.
    async fn registered(&mut self, instances: &mut Vec<Instance>, now: Time) -> Option<Check> {
        let registry = self.registry.as_mut()?;
        let listed: Vec<Role> = [
            (Role::Main, &self.config.mains),
            (Role::Worker, &self.config.workers),
            (Role::Webhook, &self.config.webhooks),
        ]
        .into_iter()
        .filter(|(_, urls)| !urls.is_empty())
        .map(|(role, _)| role)
        .collect();
        let looking = registry.look(&listed, now);
        let found = match tokio::time::timeout(self.config.access.timeout, looking).await {
            Ok(Ok((found, count))) => {
                instances.extend(found);
                Ok(count)
            }
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("Redis does not answer in time".to_owned()),
        };
        Some(checks::registry(found))
    }

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
}
