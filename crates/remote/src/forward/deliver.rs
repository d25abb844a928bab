//! Sends entries until each is taken or refused for good.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ACCEPT, CONTENT_TYPE};
use hyper::{Method, Request, StatusCode};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::config::Kind;
use super::elastic::{self, Flavour, Target};
use super::forwarder::Shared;
use super::item::{Fate, Item, Judged};
use super::loki;
use crate::http::{Cut, body, line};
use crate::patience::{Pauses, retry_after};

/// What is being sent when Vigie stops has so long to arrive.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// What is read of an answer, and more for each document that it tells of.
const ANSWER_BYTES: usize = 256 << 10;
const ANSWER_BYTES_EACH: usize = 2 << 10;
/// And for each line that another Vigie may name.
const LINE_BYTES_EACH: usize = 16;
const JSON: &str = "application/json";
/// Another Vigie then says which lines it refuses.
const WANTED: &str = "application/problem+json, */*;q=0.5";

/// Vigie stops.
pub(super) struct Stopped;

/// What takes entries to the destination.
pub(super) struct Delivery {
    pub shared: Arc<Shared>,
    pub stop: CancellationToken,
    pub pauses: Pauses,
}

/// An answer, its body within bounds.
struct Answer {
    status: StatusCode,
    body: Bytes,
    /// There was more of it.
    cut: bool,
    wait: Option<Duration>,
}

impl Delivery {
    /// Puts the index template there, where that is wanted; until it works.
    pub async fn setup(&mut self) -> Result<(), Stopped> {
        let shared = Arc::clone(&self.shared);
        let Kind::Elasticsearch { target, setup: true } = &shared.config.kind else {
            return Ok(());
        };
        while let Err((why, wait)) = self.put_template(target).await? {
            self.failed(format!("the index template could not be put there: {why}"), wait).await?;
        }
        self.works();
        Ok(())
    }

    /// One try.
    async fn put_template(
        &self,
        target: &Target,
    ) -> Result<Result<(), (String, Option<Duration>)>, Stopped> {
        let root = match self.ask(Method::GET, "/", None, Bytes::new(), ANSWER_BYTES).await? {
            Ok(answer) => answer,
            Err(why) => return Ok(Err((why, None))),
        };
        let says =
            |answer: &Answer| (format!("{}: {}", answer.status, line(&answer.body)), answer.wait);
        let parsed: Value = serde_json::from_slice(&root.body).unwrap_or_default();
        let Some(flavour) = Flavour::of(&parsed).filter(|_| root.status.is_success()) else {
            let (why, wait) = says(&root);
            return Ok(Err((format!("GET / is not answered as Elasticsearch does: {why}"), wait)));
        };
        let template = Bytes::from(elastic::template(target, flavour).to_string());
        let path = target.template_path();
        Ok(match self.ask(Method::PUT, &path, Some(JSON), template, ANSWER_BYTES).await? {
            Ok(answer) if answer.status.is_success() => Ok(()),
            Ok(answer) => Err(says(&answer)),
            Err(why) => Err((why, None)),
        })
    }

    /// Sends these. What is refused with others is tried in halves, so that what is good in it arrives.
    pub async fn deliver(&mut self, batch: Vec<Item>) -> Result<(), Stopped> {
        let mut parts = vec![batch];
        while let Some(mut part) = parts.pop().filter(|part| !part.is_empty()) {
            self.shared.mark();
            let (judged, wait) = self.send(&part).await?;
            match judged {
                Judged::Taken => {
                    self.works();
                    self.shared.state().status.sent += part.len() as u64;
                }
                Judged::Each(fates) => {
                    let again = self.each(part, fates, wait).await?;
                    if !again.is_empty() {
                        parts.push(again);
                    }
                }
                Judged::Refused(_) if part.len() > 1 => {
                    self.works();
                    parts.push(part.split_off(part.len() / 2));
                    parts.push(part);
                }
                Judged::Refused(why) => {
                    self.works();
                    self.bury(part.into_iter().map(|item| (item, why.clone())).collect()).await?;
                }
                Judged::Failed(why) => {
                    parts.push(part);
                    self.failed(why, wait).await?;
                }
            }
        }
        Ok(())
    }

    /// Counts what became of each; those that are to be sent again.
    async fn each(
        &mut self,
        part: Vec<Item>,
        fates: Vec<Fate>,
        wait: Option<Duration>,
    ) -> Result<Vec<Item>, Stopped> {
        let (mut sent, mut repeated, mut refused) = (0, 0, Vec::new());
        let (mut again, mut why_again) = (Vec::new(), None);
        for (item, fate) in part.into_iter().zip(fates) {
            match fate {
                Fate::Taken => sent += 1,
                Fate::Repeated => repeated += 1,
                Fate::Refused(why) => refused.push((item, why)),
                Fate::Again(why) => {
                    why_again.get_or_insert(why);
                    again.push(item);
                }
            }
        }
        let progress = sent + repeated > 0 || !refused.is_empty();
        {
            let mut state = self.shared.state();
            state.status.sent += sent;
            state.status.repeated += repeated;
        }
        if progress {
            self.works();
        }
        if !refused.is_empty() {
            self.bury(refused).await?;
        }
        if let Some(why) = why_again {
            self.failed(format!("{} entries not now: {why}", again.len()), wait).await?;
        }
        Ok(again)
    }

    /// Sends once.
    async fn send(&self, part: &[Item]) -> Result<(Judged, Option<Duration>), Stopped> {
        let mut order = Vec::new();
        let (path, kind, body, limit) = match &self.shared.config.kind {
            Kind::Elasticsearch { target, .. } => (
                target.bulk_path(),
                "application/x-ndjson",
                elastic::body(part.iter(), target),
                ANSWER_BYTES + part.len() * ANSWER_BYTES_EACH,
            ),
            Kind::Loki(shape) => {
                let body;
                (body, order) = loki::body(part, shape);
                let limit = ANSWER_BYTES + part.len() * LINE_BYTES_EACH;
                (loki::PATH.to_owned(), "application/x-protobuf", body, limit)
            }
        };
        let answer =
            match self.ask(Method::POST, &path, Some(kind), Bytes::from(body), limit).await? {
                Ok(answer) => answer,
                Err(why) => return Ok((Judged::Failed(why), None)),
            };
        let judged = match &self.shared.config.kind {
            Kind::Elasticsearch { .. } if answer.cut && answer.status.is_success() => {
                Judged::Failed(format!("the answer is longer than {limit} bytes"))
            }
            Kind::Elasticsearch { .. } => elastic::judge(answer.status, &answer.body, part.len()),
            Kind::Loki(_) => loki::judge(answer.status, &answer.body, &order),
        };
        Ok((judged, answer.wait))
    }

    /// Asks, within the time that a request has; Vigie's stop leaves it a moment.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        kind: Option<&'static str>,
        content: Bytes,
        limit: usize,
    ) -> Result<Result<Answer, String>, Stopped> {
        let mut request =
            Request::builder().method(method).uri(format!("{}{path}", self.shared.config.base));
        if let Some(kind) = kind {
            request = request.header(CONTENT_TYPE, kind);
        }
        if matches!(self.shared.config.kind, Kind::Loki(_)) {
            request = request.header(ACCEPT, WANTED);
        }
        let request = match request.body(Full::new(content)) {
            Ok(request) => request,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let exchange = async {
            let answer = self.shared.client.send(request).await?;
            let (status, wait) = (answer.status(), retry_after(answer.headers()));
            let (body, cut) = match body(answer.into_body(), limit).await {
                Ok(body) => (body, false),
                Err(Cut::TooLong(body)) => (body, true),
                Err(Cut::Broken(why)) => return Err(format!("{status}, then: {why}")),
            };
            Ok(Answer { status, body, cut, wait })
        };
        let timeout = self.shared.options.timeout;
        let stopped = async {
            self.stop.cancelled().await;
            tokio::time::sleep(LAST_WORDS).await;
        };
        tokio::select! {
            () = stopped => Err(Stopped),
            done = tokio::time::timeout(timeout, exchange) => {
                Ok(done.unwrap_or_else(|_| Err(format!("no whole answer within {timeout:?}"))))
            }
        }
    }

    /// The destination does its work.
    fn works(&mut self) {
        self.pauses =
            Pauses::new(self.shared.options.first_pause, self.shared.options.longest_pause);
        let mut state = self.shared.state();
        (state.status.up, state.status.error) = (Some(true), None);
    }

    /// Keeps why it does not, and waits.
    async fn failed(&mut self, why: String, wait: Option<Duration>) -> Result<(), Stopped> {
        let why = format!("{}: {why}", self.shared.config.origin);
        {
            let mut state = self.shared.state();
            if state.status.error.is_none() {
                let destination = &self.shared.config.name;
                tracing::warn!(destination, %why, "log entries are not forwarded: they wait in the log store");
            }
            (state.status.up, state.status.error) = (Some(false), Some(why));
            state.status.retries += 1;
        }
        let pause = self.pauses.next();
        self.pause(wait.map_or(pause, |wait| wait.max(pause))).await
    }

    /// Waits, and marks meanwhile what comes.
    async fn pause(&self, time: Duration) -> Result<(), Stopped> {
        self.shared.mark();
        tokio::select! {
            () = self.stop.cancelled() => Err(Stopped),
            () = tokio::time::sleep(time) => Ok(()),
        }
    }

    /// Puts what is refused for good into the dead letters. Where they cannot be written, nothing goes on: it would be lost.
    async fn bury(&mut self, mut letters: Vec<(Item, String)>) -> Result<(), Stopped> {
        let (count, reason) = (letters.len() as u64, letters.last().map(|letter| letter.1.clone()));
        loop {
            let (shared, now) = (Arc::clone(&self.shared), (self.shared.now)());
            let written = tokio::task::spawn_blocking(move || {
                let mut file = shared.letters.lock().unwrap_or_else(PoisonError::into_inner);
                let written = file.write(&shared.config.name, &letters, now);
                (letters, written)
            });
            // Without the letters nothing is left to be written.
            let Ok((back, written)) = written.await else { return Ok(()) };
            letters = back;
            match written {
                Ok(()) => break,
                Err(error) => {
                    let dir = self.shared.options.dir.display();
                    self.failed(
                        format!("the dead letters in {dir} cannot be written: {error}"),
                        None,
                    )
                    .await?;
                }
            }
        }
        let mut state = self.shared.state();
        if state.status.refused_reason != reason {
            let destination = &self.shared.config.name;
            tracing::warn!(
                destination,
                count,
                why = reason.as_deref(),
                "log entries are refused: they are in the dead letters"
            );
        }
        state.status.refused += count;
        state.status.refused_reason = reason;
        Ok(())
    }
}
