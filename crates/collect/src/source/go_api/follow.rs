//! Reads the feeds of one replica, page by page, from where it left off.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use vigie_model::{Level, LogEntry, Name, Time};

use super::feed::{Feed, FeedPage};
use super::feeds::Shared;
use super::routes;
use super::standing::State;
use crate::LinePosition;
use crate::http::{HttpFault, HttpUrl};
use crate::source::redis::{Backoff, Jitter, Offset};
use crate::source::{JobTeller, ToldJob};

/// A path that was not there is asked for again after so long.
const ASK_AGAIN: Duration = Duration::from_secs(30);
/// When there is more than one turn brings, the next begins after so long.
const BEHIND: Duration = Duration::from_millis(20);
/// A process that has not answered for so many seconds is not waited for.
const SILENT_SECONDS: f64 = 30.0;
/// The type of the entries that say that some are missing.
pub(super) const GAP_KIND: &str = "gap";

/// One process that was read, of those behind an address.
#[derive(Debug, Default)]
pub(super) struct Process {
    boot: String,
    /// Everything up to here was taken.
    next: String,
    /// Of its clock.
    offset: Offset,
    /// What ended before was read.
    whole: Option<Time>,
}

/// The processes behind an address, the one that answered last at the end. Usually one; several behind a load balancer.
pub(super) type Processes = VecDeque<Process>;

/// One feed of the replica.
pub(super) struct Followed {
    feed: Feed,
    /// With its path, without a query.
    url: HttpUrl,
    reader: String,
    processes: Processes,
    limit: usize,
    /// It was not there; asked again then.
    absent_until: Option<Instant>,
}

/// Why a turn ended early.
struct Trouble {
    fault: String,
    hint: Option<String>,
}

impl From<HttpFault> for Trouble {
    fn from(fault: HttpFault) -> Self {
        Self { fault: fault.to_string(), hint: fault.hint() }
    }
}

/// A replica whose feeds are read.
pub(super) struct Replica {
    shared: Arc<Shared>,
    address: String,
    feeds: Vec<Followed>,
    teller: Option<JobTeller>,
}

impl Replica {
    /// The replica that tells its figures at `metrics`.
    pub(super) fn new(shared: &Arc<Shared>, metrics: &HttpUrl) -> Self {
        let address = metrics.address();
        let followed = |feed: Feed| {
            let url = beside(metrics, feed.word())?;
            // A name has at most 256 bytes, and two that are longer stay two.
            let place = Name::from(url.to_string().as_str());
            let reader = format!("go_api/{}/{}", shared.source, place.as_str());
            let processes = match feed {
                Feed::Jobs => shared.jobs_read(&address),
                _ => shared.lines.position(&reader).map_or_else(Processes::new, |at| read(&at)),
            };
            let limit = routes::PAGE_ENTRIES;
            Some(Followed { feed, url, reader, processes, limit, absent_until: None })
        };
        let wanted = [Feed::Jobs, Feed::Logs, Feed::Events];
        let wanted = wanted.into_iter().filter(|feed| *feed != Feed::Jobs || shared.tells_jobs());
        let feeds: Vec<Followed> = wanted.filter_map(followed).collect();
        for one in &feeds {
            shared.standings.change(one.feed, &address, |_| {});
        }
        Self { shared: Arc::clone(shared), teller: shared.teller(), address, feeds }
    }

    /// Reads until told to stop, and then to the end of the page that is under way.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let (mut backoff, mut jitter) = (Backoff::new(), Jitter::new());
        let mut failed = false;
        while !stop.is_cancelled() {
            let begun = Instant::now();
            let turned = self.turn(&stop).await;
            let pause = match turned {
                Ok(true) => BEHIND,
                Ok(false) => self.shared.interval.saturating_sub(begun.elapsed()).max(BEHIND),
                Err(()) => backoff.wait(&mut jitter).max(self.shared.interval),
            };
            if std::mem::replace(&mut failed, turned.is_err()) && !failed {
                backoff.reset();
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep(pause) => {}
            }
        }
        self.shared.remember_jobs(&self.address, self.feeds);
    }

    /// Each feed has its turn; tells whether one has more. Where one cannot be reached the others cannot either.
    async fn turn(&mut self, stop: &CancellationToken) -> Result<bool, ()> {
        let mut more = false;
        for place in 0..self.feeds.len() {
            let Some(followed) = self.feeds.get_mut(place) else { break };
            if followed.absent_until.is_some_and(|until| until > Instant::now()) {
                continue;
            }
            let (feed, shared) = (followed.feed, Arc::clone(&self.shared));
            let turned = followed.pages(&shared, &self.address, self.teller.as_ref(), stop).await;
            match turned {
                Ok(Some(behind)) => more |= behind,
                Ok(None) => {
                    shared.standings.change(feed, &self.address, |one| one.state = State::Absent);
                    if feed == Feed::Jobs {
                        // Nobody need wait for what will not come.
                        self.teller = None;
                    }
                }
                Err(Trouble { fault, hint }) => {
                    let failing = State::Failing(fault, hint);
                    shared.standings.change(feed, &self.address, |one| one.state = failing);
                    return Err(());
                }
            }
        }
        if self.teller.is_none() {
            let jobs = self.feeds.iter().find(|one| one.feed == Feed::Jobs);
            let there = jobs.is_some_and(|one| one.absent_until.is_none());
            self.teller = self.shared.teller().filter(|_| there);
        }
        Ok(more)
    }
}

/// The path of a feed: in the place of the metrics' last part. `None` for a service whose figures are at a path of another kind: it
/// does not follow the contract.
fn beside(metrics: &HttpUrl, word: &str) -> Option<HttpUrl> {
    let path = metrics.path_and_query().split('?').next()?;
    path.ends_with(routes::METRICS).then_some(())?;
    metrics.with_path(&format!("{}{word}", path.strip_suffix(routes::LAST)?))
}

impl Followed {
    /// Reads some pages. `Some`: whether there are more; `None`: there is no such path.
    async fn pages(
        &mut self,
        shared: &Shared,
        address: &str,
        teller: Option<&JobTeller>,
        stop: &CancellationToken,
    ) -> Result<Option<bool>, Trouble> {
        let mut pages = 0;
        while pages < routes::PAGES_A_TURN && !stop.is_cancelled() {
            pages += 1;
            // What bounds the memory of all pages together. It is never closed.
            let _permit = shared.permits.acquire().await;
            let asked = shared.clock.now();
            let question = self.question()?;
            let answer = shared.client.fetch(&question, "application/json", &JSON, "JSON").await;
            let answer = match answer {
                Ok(answer) => answer,
                Err(HttpFault::Status { status: 404, .. }) => {
                    self.absent_until = Some(Instant::now() + ASK_AGAIN);
                    return Ok(None);
                }
                Err(HttpFault::TooLarge { .. }) if self.limit > routes::FEWEST_ENTRIES => {
                    self.limit = (self.limit / 4).max(routes::FEWEST_ENTRIES);
                    continue;
                }
                Err(fault) => return Err(fault.into()),
            };
            let received = shared.clock.now();
            self.absent_until = None;
            let page = FeedPage::parse(self.feed, &answer.body).map_err(|fault| {
                Trouble::from(HttpFault::Undecodable(self.url.to_string(), fault.to_string()))
            })?;
            let more = page.more;
            self.take(page, (asked, received), shared, address, teller).await?;
            if !more {
                return Ok(Some(false));
            }
        }
        Ok(Some(true))
    }

    fn question(&self) -> Result<HttpUrl, Trouble> {
        let mut path = format!("{}?limit={}", self.url.path_and_query(), self.limit);
        for process in &self.processes {
            path.push_str("&after=");
            for byte in process.next.bytes() {
                match byte {
                    b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'.' | b'_' | b'~' => {
                        path.push(char::from(byte));
                    }
                    other => path.push_str(&format!("%{other:02X}")),
                }
            }
        }
        let wrong =
            || Trouble { fault: format!("{}: its cursor makes no URL", self.url), hint: None };
        self.url.with_path(&path).ok_or_else(wrong)
    }

    /// Takes a page: its entries and the place behind them go in one step.
    async fn take(
        &mut self,
        page: FeedPage,
        (asked, received): (Time, Time),
        shared: &Shared,
        address: &str,
        teller: Option<&JobTeller>,
    ) -> Result<(), Trouble> {
        let known = self.processes.iter().position(|one| one.boot == page.boot);
        let stands = known.is_some_and(|place| {
            self.processes.get(place).is_some_and(|one| one.next == page.next)
        });
        if stands && (page.more || page.count(self.feed) > 0) {
            let fault = format!("{}: its cursor stands still while there is more", self.url);
            return Err(Trouble {
                fault,
                hint: Some("docs/go-api.md says what next is".to_owned()),
            });
        }
        let renewed = !page.resumed && !self.processes.is_empty();
        let mut process = match known {
            Some(place) => self.processes.remove(place).unwrap_or_default(),
            None => Process { boot: page.boot.clone(), ..Process::default() },
        };
        if let Some(clock) = page.clock() {
            process.offset.measure(asked, clock, clock, received);
        }
        process.next.clone_from(&page.next);
        let offset = process.offset.seconds();
        process.whole = (!page.more).then_some(asked);
        self.processes.push_back(process);
        while self.processes.len() > routes::CURSORS {
            self.processes.pop_front();
        }
        // What a new process dropped before anybody read it is missing as well.
        let missed = page.missed.max(if renewed { page.dropped_total } else { 0 });
        let (good, bad, wrong) = if self.feed == Feed::Jobs {
            let jobs = page.jobs(offset);
            self.tell(jobs.good, missed > 0, asked, teller);
            (page.count(self.feed).saturating_sub(jobs.bad as usize), jobs.bad, jobs.wrong)
        } else {
            let now = received;
            let lines = page.lines(self.feed, shared.source.as_str(), address, now);
            let good = lines.good.len();
            if !stands {
                let gap = gap(self.feed, missed, renewed, shared, address, now);
                let entries = gap.into_iter().chain(lines.good).collect();
                self.keep(entries, shared).await?;
            }
            (good, lines.bad, lines.wrong)
        };
        shared.standings.change(self.feed, address, |one| {
            one.state = State::Reading;
            one.read += good as u64;
            one.bad += bad;
            one.missed += missed;
            one.renewed += u64::from(renewed);
            if bad > 0 || missed > 0 {
                one.lost_at = Some(received);
            }
            one.wrong = wrong.or_else(|| one.wrong.take());
        });
        Ok(())
    }

    async fn keep(&mut self, entries: Vec<LogEntry>, shared: &Shared) -> Result<(), Trouble> {
        let position = LinePosition { reader: self.reader.clone(), bytes: write(&self.processes) };
        let kept = shared.lines.keep(entries, position).await;
        kept.map_err(|error| {
            // Not on the disk: the next turn asks for the same.
            let at = shared.lines.position(&self.reader);
            self.processes = at.map_or_else(Processes::new, |at| read(&at));
            let hint = "see the disk of data_dir, and logs in the configuration".to_owned();
            Trouble { fault: error.to_string(), hint: Some(hint) }
        })
    }

    fn tell(&self, jobs: Vec<ToldJob>, torn: bool, asked: Time, teller: Option<&JobTeller>) {
        let Some(teller) = teller else { return };
        let lately = |one: &&Process| one.whole.is_some_and(|at| asked.since(at) <= SILENT_SECONDS);
        // Behind a load balancer each has its own; who has more to say now has none.
        let last = self.processes.back().and_then(|one| one.whole);
        let whole = self.processes.iter().filter(lately).filter_map(|one| one.whole).min();
        teller.tell(jobs, last.and(whole), torn);
    }

    /// The feed's processes, for who goes on with it.
    pub(super) fn into_jobs(self) -> Option<Processes> {
        (self.feed == Feed::Jobs).then_some(self.processes)
    }
}

const JSON: [&str; 1] = ["application/json"];

/// The entry that says that some are missing before the others of its page.
fn gap(
    feed: Feed,
    missed: u64,
    renewed: bool,
    shared: &Shared,
    address: &str,
    now: Time,
) -> Option<LogEntry> {
    let several = if missed == 1 { feed.one() } else { feed.several() };
    let message = match (missed, renewed) {
        (0, false) => return None,
        // Of the others there may be none for days.
        (0, true) if feed != Feed::Logs => return None,
        (0, true) => format!(
            "another process answers at {address}: the {} that the former wrote after it was last read are not known",
            feed.several()
        ),
        (missed, _) => {
            format!("{missed} {several} of {address} were gone before they could be read")
        }
    };
    let mut entry = LogEntry::blank(shared.source.as_str(), now);
    entry.level = if missed > 0 { Level::Warn } else { Level::Info };
    entry.kind = GAP_KIND.into();
    entry.instance = address.into();
    entry.message = message;
    entry.fields = format!("{{\"feed\":\"{}\",\"missed\":{missed}}}", feed.word());
    Some(entry)
}

/// The places as they are kept: a list of `[boot, cursor]`.
fn write(processes: &Processes) -> Vec<u8> {
    let pairs: Vec<Value> =
        processes.iter().map(|one| Value::from(vec![one.boot.clone(), one.next.clone()])).collect();
    Value::from(pairs).to_string().into_bytes()
}

fn read(bytes: &[u8]) -> Processes {
    let pairs: Vec<(String, String)> = serde_json::from_slice(bytes).unwrap_or_default();
    let process = |(boot, next)| Process { boot, next, ..Process::default() };
    pairs.into_iter().map(process).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feeds_are_beside_the_figures_or_nowhere() {
        let at =
            |text: &str| beside(&HttpUrl::parse(text).unwrap(), "logs").map(|url| url.to_string());
        assert_eq!(at("http://a:1/api/v1/metrics").unwrap(), "http://a:1/api/v1/logs");
        assert_eq!(at("http://a:1/x/api/v1/metrics?y=1").unwrap(), "http://a:1/x/api/v1/logs");
        assert_eq!(at("http://a:1/metrics"), None);
    }

    #[test]
    fn places_survive_being_kept() {
        let processes: Processes = ["a", "b"]
            .map(|boot| Process {
                boot: boot.to_owned(),
                next: format!("{boot}-1"),
                ..Process::default()
            })
            .into();
        let bytes = write(&processes);
        assert_eq!(bytes, br#"[["a","a-1"],["b","b-1"]]"#);
        let again: Vec<String> = read(&bytes).into_iter().map(|one| one.next).collect();
        assert_eq!(again, ["a-1", "b-1"]);
        assert!(read(b"what another version wrote").is_empty());
    }
}
