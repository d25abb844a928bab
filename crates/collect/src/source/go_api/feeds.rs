//! Who reads the feeds: one task a replica, beside the questions for figures, so that neither waits for the other.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use vigie_model::SourceName;

use super::config::GoApiConfig;
use super::follow::{Followed, Processes, Replica};
use super::routes;
use super::standing::Standings;
use crate::http::{HttpClient, HttpUrl};
use crate::source::{JobTeller, ToldJobs};
use crate::{Clock, LineKeeper};

/// Feeds are asked this often, or as often as the figures where that is oftener.
const INTERVAL: Duration = Duration::from_secs(1);

/// What all replicas of a source share.
pub(super) struct Shared {
    pub source: SourceName,
    pub client: HttpClient,
    pub lines: Arc<dyn LineKeeper>,
    pub clock: Arc<dyn Clock>,
    pub standings: Arc<Standings>,
    pub permits: Semaphore,
    pub interval: Duration,
    /// Whose jobs they are, and the way there.
    jobs: Option<(SourceName, ToldJobs)>,
    /// How far the jobs of a replica were read that is not read now, by address.
    jobs_read: Mutex<HashMap<String, Processes>>,
}

impl Shared {
    /// Whether job records are of use.
    pub(super) fn tells_jobs(&self) -> bool {
        self.jobs.is_some()
    }

    pub(super) fn teller(&self) -> Option<JobTeller> {
        self.jobs.as_ref().map(|(source, told)| told.teller(source))
    }

    pub(super) fn jobs_read(&self, address: &str) -> Processes {
        let mut read = self.jobs_read.lock().unwrap_or_else(PoisonError::into_inner);
        read.remove(address).unwrap_or_default()
    }

    pub(super) fn remember_jobs(&self, address: &str, feeds: Vec<Followed>) {
        let Some(processes) = feeds.into_iter().find_map(Followed::into_jobs) else { return };
        let mut read = self.jobs_read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.len() < super::config::MAX_REPLICAS {
            read.insert(address.to_owned(), processes);
        }
    }
}

/// Reads the feeds of all replicas, as the list of them changes; ends when dropped.
pub(super) async fn run(
    config: &GoApiConfig,
    (lines, told): (Arc<dyn LineKeeper>, ToldJobs),
    clock: Arc<dyn Clock>,
    standings: Arc<Standings>,
    mut replicas: watch::Receiver<Vec<HttpUrl>>,
) {
    let client = loop {
        match HttpClient::new(&config.access) {
            Ok(client) => break client,
            // The questions for figures say what is wrong.
            Err(_) => tokio::time::sleep(config.access.poll).await,
        }
    };
    let shared = Arc::new(Shared {
        source: config.name.clone(),
        client,
        lines,
        clock,
        standings,
        permits: Semaphore::new(routes::PAGES_AT_ONCE),
        interval: config.access.poll.min(INTERVAL),
        jobs: config.asynq.clone().map(|source| (source, told)),
        jobs_read: Mutex::default(),
    });
    let mut running: HashMap<String, CancellationToken> = HashMap::new();
    let mut tasks = JoinSet::new();
    loop {
        let wanted = replicas.borrow_and_update().clone();
        let names: HashSet<String> = wanted.iter().map(HttpUrl::to_string).collect();
        for (name, stop) in &running {
            if !names.contains(name) {
                stop.cancel();
            }
        }
        for url in &wanted {
            // One that is about to end is started again when it has: never two at once, or lines would be there twice.
            let Entry::Vacant(place) = running.entry(url.to_string()) else { continue };
            let stop = place.insert(CancellationToken::new()).clone();
            let (replica, url) = (Replica::new(&shared, url), url.clone());
            tasks.spawn(async move {
                replica.run(stop).await;
                url
            });
        }
        tokio::select! {
            changed = replicas.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            Some(ended) = tasks.join_next() => match ended {
                Ok(url) => {
                    running.remove(&url.to_string());
                    shared.standings.forget(&url.address());
                }
                Err(failure) => {
                    tracing::error!(%failure, "a reader of a service broke down; all of this source start again");
                    tasks.shutdown().await;
                    running.clear();
                }
            },
        }
    }
}
