//! Asks instances, and says how each answered.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use vigie_model::{Check, CheckState, Instance, InstanceStatus, Name, SourceFault, Time};

use super::certificate;
use super::config::{Ask, Expect, ProbeConfig};
use super::decode::{self, Verdict};
use super::routes;
use crate::http::{Access, HttpClient, HttpFault, HttpUrl};
use crate::source::poller::{self, Look, Poll, answering, check};
use crate::source::targets::{addresses, ask_all};
use crate::source::{Backends, RunContext};

/// A certificate is looked at again after so many seconds.
const CERTIFICATE_SECONDS: f64 = 60.0;
/// The role of those of whom none is said.
const ROLE: &str = "probe";

/// Probes instances, until told to stop; `backends` says who is behind a balancer.
pub async fn run(config: ProbeConfig, backends: Backends, context: RunContext) {
    let (name, interval) = (config.name.clone(), config.access.poll);
    poller::run(name, interval, Poller { config, backends, prober: None }, context).await;
}

struct Poller {
    config: ProbeConfig,
    backends: Backends,
    prober: Option<Prober>,
}

impl Poll for Poller {
    async fn look(&mut self, now: Time) -> Result<Look, SourceFault> {
        let (targets, mut checks) = self.targets().await?;
        let prober = match &mut self.prober {
            Some(prober) => prober,
            none => {
                let expect = self.config.expect.clone();
                none.insert(Prober::new(&self.config.access, expect)?)
            }
        };
        let requests = targets.len() as u32;
        let instances = prober.ask(targets, now).await;
        checks.insert(0, answers(&instances));
        // That nobody answers is what a probe is there to find out: its own work is done well.
        Ok(Look { instances: Some(instances), checks, requests, ..Look::default() })
    }
}

impl Poller {
    /// Who is asked now.
    async fn targets(&self) -> Result<(Vec<Target>, Vec<Check>), SourceFault> {
        let config = &self.config;
        let role = || config.role.clone().unwrap_or_else(|| Name::from(ROLE));
        let listed = |ask: &Ask| Target { ask: ask.clone(), role: role() };
        let mut targets: Vec<Target> = config.targets.iter().map(listed).collect();
        if let Some(ask) = &config.dns {
            let found = each_address(ask, config.access.timeout).await?;
            targets.extend(found.iter().map(listed));
        }
        let mut checks = Vec::new();
        if let Some(follow) = &config.follow {
            match self.backends.of(&follow.source) {
                None => {
                    let detail = format!("{} has not told its backends yet", follow.source);
                    let fix =
                        format!("is there a source {} that is a load balancer?", follow.source);
                    checks.push(check("backends", CheckState::Unknown, detail, Some(fix)));
                }
                Some(backends) if backends.is_empty() => {
                    let detail = format!("{} tells no address of a backend", follow.source);
                    let fix = "see the checks of that source in `vigie check`".to_owned();
                    checks.push(check("backends", CheckState::Missing, detail, Some(fix)));
                }
                Some(backends) => {
                    let asked = backends.into_iter().filter_map(|backend| {
                        let ask = follow.ask(backend.address.as_str())?;
                        Some(Target { ask, role: config.role.clone().unwrap_or(backend.role) })
                    });
                    targets.extend(asked);
                }
            }
        }
        Ok((targets, checks))
    }
}

/// How many answer, and what is wrong with the first that does not.
fn answers(instances: &[Instance]) -> Check {
    let down = |one: &&Instance| one.status == InstanceStatus::Down;
    let well = instances.len() - instances.iter().filter(down).count();
    let first = instances.iter().find(down).and_then(|one| one.error.clone());
    let state = if first.is_none() { CheckState::Ok } else { CheckState::Warning };
    check("instances", state, answering(well, instances.len(), "instance"), first)
}

/// The same question for each address of its host.
async fn each_address(ask: &Ask, timeout: Duration) -> Result<Vec<Ask>, SourceFault> {
    let (host, port) = match ask {
        Ask::Http(url) => (url.host(), url.port()),
        Ask::Tcp { host, port } | Ask::Tls { host, port } => (host.as_str(), *port),
    };
    let found = addresses(host, port, timeout).await?;
    let one = |address: &String| match ask {
        Ask::Http(url) => HttpUrl::of(url.is_https(), address, url.path_and_query()).map(Ask::Http),
        Ask::Tcp { .. } => Ask::parse("dns", &format!("tcp://{address}")).ok(),
        Ask::Tls { .. } => Ask::parse("dns", &format!("tls://{address}")).ok(),
    };
    Ok(found.iter().filter_map(one).collect())
}

/// One who is asked.
pub(crate) struct Target {
    pub ask: Ask,
    pub role: Name,
}

/// Asks, and remembers when certificates end.
pub(crate) struct Prober {
    client: HttpClient,
    tls: TlsConnector,
    timeout: Duration,
    expect: Expect,
    /// By address: when it was looked at, and when the certificate ends.
    certificates: HashMap<String, (Time, Time)>,
}

impl Prober {
    /// A prober.
    ///
    /// # Errors
    /// When the certificates of the configuration cannot be used.
    pub(crate) fn new(access: &Access, expect: Expect) -> Result<Self, HttpFault> {
        Ok(Self {
            client: HttpClient::connecting(access)?.limited(routes::BODY_BYTES),
            tls: TlsConnector::from(Arc::new(access.tls.client()?)),
            timeout: access.timeout,
            expect,
            certificates: HashMap::new(),
        })
    }

    /// Asks all of them. Two that are one (the same role and address) are asked once.
    pub(crate) async fn ask(&mut self, mut targets: Vec<Target>, now: Time) -> Vec<Instance> {
        let mut seen = std::collections::HashSet::new();
        targets.retain(|target| seen.insert((target.role.clone(), target.ask.to_string())));
        let this = &*self;
        let questions: Vec<_> =
            targets.iter().map(|target| this.one(&target.ask, now).boxed()).collect();
        let found = ask_all(questions).await;
        let asked: Vec<String> = targets.iter().map(|target| target.ask.address()).collect();
        self.certificates.retain(|address, _| asked.contains(address));
        let mut instances = Vec::with_capacity(targets.len());
        for ((target, (verdict, certificate)), address) in targets.iter().zip(found).zip(asked) {
            let mut verdict = verdict;
            if let Some(ends) = certificate {
                self.certificates.insert(address.clone(), (now, ends));
            }
            if let Some((_, ends)) = self.certificates.get(&address) {
                let place = target.ask.to_string();
                verdict = verdict.with_certificate(&place, *ends, &self.expect, now);
            }
            let shown = Name::from(name(&target.ask, &targets).as_str());
            let mut instance = Instance::unknown(target.role.clone(), shown);
            instance.address = Some(Name::from(address.as_str()));
            instances.push(verdict.onto(instance));
        }
        instances
    }

    /// How one answers, and when its certificate ends, if that was looked at.
    async fn one(&self, ask: &Ask, now: Time) -> (Verdict, Option<Time>) {
        let place = ask.to_string();
        let due = self
            .certificates
            .get(&ask.address())
            .is_none_or(|(looked, _)| now.since(*looked) >= CERTIFICATE_SECONDS);
        let outcome = match ask {
            Ask::Http(url) => {
                let asked = self.client.ask(url, routes::ACCEPT).await;
                let verdict = asked.map(|answer| decode::answer(&place, &answer, &self.expect));
                let good = verdict.as_ref().is_ok_and(|verdict| verdict.error.is_none());
                let ends = match url.is_https() && due && good {
                    true => self.handshake(url.host(), url.port(), &place).await.ok().flatten(),
                    false => None,
                };
                verdict.map(|verdict| (verdict, ends))
            }
            Ask::Tcp { host, port } => {
                let begun = Instant::now();
                let connected =
                    self.within(&place, TcpStream::connect((host.as_str(), *port))).await;
                connected.map(|_| (self.timed(&place, begun), None))
            }
            Ask::Tls { host, port } => {
                let begun = Instant::now();
                let shaken = self.handshake(host, *port, &place).await;
                shaken.map(|ends| (self.timed(&place, begun), ends))
            }
        };
        outcome.unwrap_or_else(|fault| (Verdict::fault(&fault), None))
    }

    fn timed(&self, place: &str, begun: Instant) -> Verdict {
        decode::timed(place, begun.elapsed().as_secs_f64(), &self.expect)
    }

    /// Connects with TLS; when the certificate ends.
    async fn handshake(
        &self,
        host: &str,
        port: u16,
        place: &str,
    ) -> Result<Option<Time>, HttpFault> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| HttpFault::UnknownHost(place.to_owned()))?;
        let stream = self
            .within(place, async {
                let tcp = TcpStream::connect((host, port)).await?;
                self.tls.connect(name, tcp).await
            })
            .await?;
        let certificates = stream.get_ref().1.peer_certificates();
        Ok(certificates.and_then(|all| certificate::ends(all.first()?)))
    }

    async fn within<T>(
        &self,
        place: &str,
        doing: impl Future<Output = std::io::Result<T>>,
    ) -> Result<T, HttpFault> {
        match tokio::time::timeout(self.timeout, doing).await {
            Ok(done) => done.map_err(|error| HttpFault::of_io(&error, place, self.timeout)),
            Err(_) => Err(HttpFault::NoConnection { place: place.to_owned(), after: self.timeout }),
        }
    }
}

/// What an instance is called: its address, with the rest of the question where that is asked for more than one thing.
fn name(ask: &Ask, all: &[Target]) -> String {
    let address = ask.address();
    let same = all.iter().filter(|other| other.ask.address() == address);
    let different: std::collections::HashSet<String> =
        same.map(|other| other.ask.to_string()).collect();
    if different.len() > 1 { ask.to_string() } else { address }
}
