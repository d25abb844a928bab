//! Asks each replica of a service for what it says of itself.

use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio::sync::watch;
use vigie_model::{CheckState, Instance, InstanceStatus, Name, SourceFault, Time};

use super::config::GoApiConfig;
use super::decode::{self, Process};
use super::feed::Feed;
use super::feeds;
use super::routes;
use super::standing::Standings;
use crate::LineKeeper;
use crate::http::{HttpClient, HttpFault, HttpUrl};
use crate::source::poller::{self, Look, Poll, answering, check, nobody};
use crate::source::probe::Verdict;
use crate::source::targets::{ask_all, by_dns};
use crate::source::{RunContext, ToldJobs};

/// Watches a service until told to stop: its lines and events are kept by `lines`, and what it tells of jobs goes to `told`.
pub async fn run(
    config: GoApiConfig,
    lines: Arc<dyn LineKeeper>,
    told: ToldJobs,
    context: RunContext,
) {
    let (replicas, follow) = watch::channel(Vec::new());
    let standings = Arc::<Standings>::default();
    let (name, interval) = (config.name.clone(), config.access.poll);
    let poller = Poller {
        config: config.clone(),
        client: None,
        replicas,
        standings: Arc::clone(&standings),
    };
    let clock = Arc::clone(&context.clock);
    let feeds = feeds::run(&config, (lines, told), clock, standings, follow);
    tokio::select! {
        () = poller::run(name, interval, poller, context) => {}
        // It goes on for as long as the poller tells it of replicas.
        () = feeds => {}
    }
}

struct Poller {
    config: GoApiConfig,
    client: Option<HttpClient>,
    /// Who is there, for those who read the feeds.
    replicas: watch::Sender<Vec<HttpUrl>>,
    standings: Arc<Standings>,
}

/// What a replica answered.
struct Page {
    process: Process,
    seconds: f64,
    bytes: u64,
}

impl Poll for Poller {
    async fn look(&mut self, now: Time) -> Result<Look, SourceFault> {
        let config = &self.config;
        let mut urls = config.urls.clone();
        if let Some(url) = &config.dns {
            urls.extend(by_dns(url, config.dns_server, config.access.timeout).await?);
        }
        urls.sort_by_key(HttpUrl::to_string);
        urls.dedup();
        self.replicas.send_if_modified(|known| {
            let changed = *known != urls;
            if changed {
                known.clone_from(&urls);
            }
            changed
        });
        let client = match &self.client {
            Some(client) => client,
            None => {
                let client = HttpClient::new(&config.access)?;
                self.client.insert(client.limited(routes::PAGE_BYTES))
            }
        };
        let questions: Vec<_> = urls.iter().map(|url| ask(client, url).boxed()).collect();
        let pages = ask_all(questions).await;
        let bytes = pages.iter().flatten().map(|page| page.bytes).sum();
        let well = pages.iter().flatten().count();
        let connected = answering(well, urls.len(), "replica");
        let state = if well == urls.len() { CheckState::Ok } else { CheckState::Warning };
        let first = pages.iter().find_map(|page| page.as_ref().err());
        let fix = first.map(|fault| fault.hint().unwrap_or_else(|| fault.to_string()));
        let detail = first.map_or(connected.clone(), |fault| format!("{connected}; {fault}"));
        let odd = urls.iter().zip(&pages).find_map(|(url, page)| {
            let odd = page.as_ref().ok()?.process.odd.as_ref()?;
            Some(format!("{connected}; {url}: {odd}"))
        });
        let said = "docs/go-api.md says what each member holds".to_owned();
        let mut checks = vec![match odd {
            Some(odd) if first.is_none() => check("connect", CheckState::Warning, odd, Some(said)),
            _ => check("connect", state, detail, fix),
        }];
        let jobs = config.asynq.as_ref().map(|_| Feed::Jobs);
        let feeds = [Feed::Logs, Feed::Events].into_iter().chain(jobs);
        checks.extend(feeds.map(|feed| self.standings.check(feed, now)));
        let nobody = nobody(pages.iter().map(|page| page.as_ref().err()));
        let requests = urls.len() as u32;
        let instances = urls.iter().zip(pages).map(|(url, page)| instance(config, url, page));
        Ok(Look {
            instances: Some(instances.collect()),
            checks,
            nobody,
            requests,
            bytes,
            ..Look::default()
        })
    }
}

async fn ask(client: &HttpClient, url: &HttpUrl) -> Result<Page, HttpFault> {
    let wanted = "JSON or Prometheus's text";
    let answer = client.fetch(url, routes::ACCEPT, &routes::TYPES, wanted).await?;
    let process = decode::page(&answer.content_type, &answer.body)
        .map_err(|fault| HttpFault::Undecodable(url.to_string(), fault.to_string()))?;
    Ok(Page { process, seconds: answer.seconds, bytes: answer.body.len() as u64 })
}

fn instance(config: &GoApiConfig, url: &HttpUrl, page: Result<Page, HttpFault>) -> Instance {
    let address = Name::from(url.address().as_str());
    let instance = Instance {
        address: Some(address.clone()),
        ..Instance::unknown(config.role.clone(), address)
    };
    let page = match page {
        Ok(page) => page,
        Err(fault) => return Verdict::fault(&fault).onto(instance),
    };
    let text = |text: Option<String>| text.map(|text| Name::from(text.as_str()));
    Instance {
        status: InstanceStatus::Up,
        latency: Some(page.seconds),
        load: page.process.in_flight,
        version: text(page.process.version),
        boot: text(page.process.boot),
        name: text(page.process.instance),
        process: text(page.process.process),
        probe: Some(Name::from("ok")),
        ..instance
    }
}
