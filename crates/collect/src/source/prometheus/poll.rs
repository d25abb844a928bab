//! Asks each target, and hands on what it says.

use std::collections::{HashMap, HashSet};

use vigie_model::{
    CheckState, Instance, InstanceStatus, Labels, Name, ScrapeReading, ScrapedFamily, SourceFault,
    Time,
};

use super::config::PrometheusConfig;
use super::decode::{Format, decode};
use super::routes;
use super::scrape::{ScrapeCost, Scraping};
use super::target::Target;
use crate::SampleSender;
use crate::http::{HttpClient, HttpFault, HttpUrl};
use crate::source::RunContext;
use crate::source::poller::{self, Look, Poll, answering, check, nobody};
use crate::source::targets::ask_all;

/// Scrapes exporters until told to stop; what they say goes to `samples`.
pub async fn run(config: PrometheusConfig, samples: SampleSender, context: RunContext) {
    let found = vec![Vec::new(); config.lookups.len()];
    let (name, interval) = (config.name.clone(), config.access.poll);
    let poller = Poller { config, samples, client: None, known: HashMap::new(), found };
    poller::run(name, interval, poller, context).await;
}

struct Poller {
    config: PrometheusConfig,
    samples: SampleSender,
    client: Option<HttpClient>,
    /// By URL: what is remembered of each target.
    known: HashMap<String, (Target, Scraping)>,
    /// What the DNS said last, for each name: it counts until it says something else.
    found: Vec<Vec<Target>>,
}

impl Poll for Poller {
    async fn look(&mut self, now: Time) -> Result<Look, SourceFault> {
        let (targets, fault) = self.targets().await?;
        self.forget_others(&targets, now);
        let client = match &mut self.client {
            Some(client) => client,
            none => {
                let client = HttpClient::new(&self.config.access)?;
                none.insert(client.limited(self.config.body_limit))
            }
        };
        let mut asked = Vec::new();
        for target in targets {
            let known = self.known.remove(&target.url);
            let scraping = known.map(|(_, scraping)| scraping).unwrap_or_default();
            asked.push(scrape(client, &self.config, target, scraping, now));
        }
        let answers = ask_all(asked).await;
        let mut look = Look { requests: answers.len() as u32, ..Look::default() };
        look.nobody = nobody(answers.iter().map(|one| one.fault.clone()));
        let (mut instances, mut up) = (Vec::new(), 0);
        for Scraped { target, scraping, reading, instance, bytes, .. } in answers {
            up += usize::from(instance.status == InstanceStatus::Up);
            look.bytes += bytes;
            instances.push(instance);
            self.samples.send(reading);
            self.known.insert(target.url.clone(), (target, scraping));
        }
        let state = if up == instances.len() { CheckState::Ok } else { CheckState::Warning };
        let detail = answering(up, instances.len(), "target");
        let first = instances.iter().find_map(|instance| instance.error.clone());
        look.checks = vec![check("targets", state, detail, first)];
        let fault = fault.map(|fault| check("dns", CheckState::Warning, fault.error, fault.hint));
        look.checks.extend(fault);
        look.instances = Some(instances);
        Ok(look)
    }
}

impl Poller {
    /// All targets, and what the DNS does not say any more, if it is silent about a name.
    async fn targets(&mut self) -> Result<(Vec<Target>, Option<SourceFault>), SourceFault> {
        let (server, timeout) = (self.config.dns_server, self.config.access.timeout);
        let (mut asked, mut fault) = (Vec::new(), None);
        for lookup in &self.config.lookups {
            asked.push(lookup.ask(server, timeout));
        }
        for (place, answer) in ask_all(asked).await.into_iter().enumerate() {
            match answer.and_then(|found| self.made(found)) {
                Ok(targets) => self.found[place] = targets,
                Err(wrong) => fault = Some(wrong),
            }
        }
        let mut targets = self.config.targets.clone();
        targets.extend(self.found.iter().flatten().cloned());
        // Two names may lead to one server.
        let mut urls = HashSet::new();
        targets.retain(|target| urls.insert(target.url.clone()));
        let most = self.config.target_limit;
        match fault {
            Some(fault) if targets.is_empty() => Err(fault),
            _ if targets.len() > most => Err(SourceFault {
                error: format!("{} targets are more than target_limit: {most}", targets.len()),
                hint: Some("raise target_limit, or drop targets with relabel_configs".to_owned()),
            }),
            fault => Ok((targets, fault)),
        }
    }

    /// The targets at addresses that the DNS knows.
    fn made(&self, found: Vec<(String, Labels)>) -> Result<Vec<Target>, SourceFault> {
        let (own, making) = &self.config.making;
        let mut targets = Vec::new();
        for (address, meta) in found {
            let labels = Labels::new(own.iter().chain(meta.iter()).cloned().collect());
            let made = making.target(&address, &labels);
            let fault = |error: super::TargetError| SourceFault {
                error: format!("dns: {error}"),
                hint: None,
            };
            targets.extend(made.map_err(fault)?);
        }
        Ok(targets)
    }

    /// Who is no target any more ends, with all its series.
    fn forget_others(&mut self, targets: &[Target], now: Time) {
        let gone: Vec<String> = self
            .known
            .keys()
            .filter(|url| !targets.iter().any(|target| target.url == **url))
            .cloned()
            .collect();
        for url in gone {
            if let Some((target, scraping)) = self.known.remove(&url) {
                let cost = ScrapeCost { seconds: 0.0, at_millis: now.millis() };
                let samples = scraping.forgotten(&target.labels, cost);
                self.samples.send(ScrapeReading { samples, families: Vec::new() });
            }
        }
    }
}

struct Scraped {
    target: Target,
    scraping: Scraping,
    reading: ScrapeReading,
    instance: Instance,
    fault: Option<SourceFault>,
    bytes: u64,
}

async fn scrape(
    client: &HttpClient,
    config: &PrometheusConfig,
    target: Target,
    mut scraping: Scraping,
    now: Time,
) -> Scraped {
    let begun = tokio::time::Instant::now();
    let answer = exposition(client, &target).await;
    let cost = ScrapeCost { seconds: begun.elapsed().as_secs_f64(), at_millis: now.millis() };
    let mut bytes = 0;
    let read = answer.and_then(|(format, body)| {
        bytes = body.len() as u64;
        let wrong = |fault: super::DecodeError| {
            HttpFault::Undecodable(target.shown().to_owned(), fault.to_string())
        };
        let mut decoded = decode(format, &body, &config.samples.limits).map_err(wrong)?;
        let families: Vec<ScrapedFamily> = std::mem::take(&mut decoded.families);
        let samples = scraping.scraped(decoded, &target.labels, &config.samples, cost);
        Ok(ScrapeReading { samples: samples.map_err(wrong)?, families })
    });
    let role = Name::from(target.labels.get("job").unwrap_or("prometheus"));
    let name = Name::from(target.labels.get("instance").unwrap_or(target.shown()));
    let address = HttpUrl::parse(&target.url).ok().map(|url| Name::from(url.address().as_str()));
    let mut instance = Instance { address, ..Instance::unknown(role, name) };
    let mut failed = None;
    let reading = match read {
        Ok(reading) => {
            instance.status = InstanceStatus::Up;
            instance.latency = Some(cost.seconds);
            instance.probe = Some(Name::from("ok"));
            reading
        }
        Err(fault) => {
            instance.status = InstanceStatus::Down;
            instance.probe = Some(Name::from("failed"));
            let fault = SourceFault::from(fault);
            instance.error = Some(fault.error.clone());
            failed = Some(fault);
            let samples = scraping.failed(&target.labels, cost);
            ScrapeReading { samples, families: Vec::new() }
        }
    };
    Scraped { target, scraping, reading, instance, fault: failed, bytes }
}

async fn exposition(client: &HttpClient, target: &Target) -> Result<(Format, Vec<u8>), HttpFault> {
    let wrong = |what: String| HttpFault::Undecodable(target.shown().to_owned(), what);
    let url = HttpUrl::parse(&target.url).map_err(|fault| wrong(fault.to_string()))?;
    let answer = client.fetch(&url, Format::ACCEPT, &routes::TYPES, routes::WANTED).await?;
    let kind = Some(answer.content_type.as_str()).filter(|kind| !kind.is_empty());
    let format = Format::of(kind).map_err(|fault| wrong(fault.to_string()))?;
    Ok((format, answer.body))
}
