//! Takes what is in the queue to the receiver, each shard in order, until it is taken or refused for good.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE};
use hyper::{Request, StatusCode, Uri};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use vigie_model::Labels;
use vigie_store::Value;

use crate::config::{RemoteConfig, origin};
use crate::describe::{Described, Describing};
use crate::http::{Client, Cut, body, line};
use crate::message::encode;
use crate::outbox::{Outbox, OutboxError, Pushed, Shard, Source};
use crate::patience::{Pauses, retry_after};

/// What is read of an answer.
const ANSWER_BYTES: usize = 8 << 10;
/// How a receiver says that it has a sample, or a later one of its series, already.
const HAS_ALREADY: [&str; 5] =
    ["out of order", "out-of-order", "duplicate sample", "too old", "out of bounds"];

/// How it sends.
#[derive(Debug, Clone)]
pub struct SenderOptions {
    /// Samples a request, about.
    pub batch_samples: usize,
    /// A request takes no longer.
    pub timeout: Duration,
    /// The pause after the first failure; each further one is twice as long.
    pub first_pause: Duration,
    /// No pause is longer, but where the receiver asks for it.
    pub longest_pause: Duration,
    /// From one time that it is said what metrics are to the next.
    pub describe_every: Duration,
}

impl Default for SenderOptions {
    fn default() -> Self {
        Self {
            batch_samples: 2_000,
            timeout: Duration::from_secs(30),
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(30),
            describe_every: Duration::from_secs(60),
        }
    }
}

/// What sends: a task a shard.
pub struct Sender {
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl Sender {
    /// Begins to send. One sender for one queue.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub fn start(
        outbox: &Outbox,
        config: &RemoteConfig,
        options: &SenderOptions,
    ) -> Result<Self, OutboxError> {
        let client = Client::new(&config.headers, &config.tls);
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        for source in outbox.sources()? {
            let shard = Arc::clone(source.shard());
            let task = Task {
                shard,
                client: client.clone(),
                url: config.write_url.clone(),
                native_histograms: config.native_histograms,
                external_labels: config.external_labels.clone(),
                options: options.clone(),
                stop: stop.clone(),
            };
            tasks.spawn(task.run(source));
        }
        Ok(Self { tasks, stop })
    }

    /// Says to the receiver what metrics are, too, now and again.
    #[must_use]
    pub fn describing(
        mut self,
        config: &RemoteConfig,
        options: &SenderOptions,
        metrics: impl Fn() -> Vec<Described> + Send + Sync + 'static,
    ) -> Self {
        let describing = Describing {
            client: Client::new(&config.headers, &config.tls),
            url: config.write_url.clone(),
            every: options.describe_every,
            timeout: options.timeout,
            metrics,
        };
        self.tasks.spawn(describing.run(self.stop.clone()));
        self
    }

    /// Ends it. What is being sent is sent again with the next start.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }

    /// Runs until `stop`.
    pub async fn until(self, stop: CancellationToken) {
        stop.cancelled().await;
        self.stop().await;
    }
}

struct Task {
    shard: Arc<Shard>,
    client: Client,
    url: Uri,
    native_histograms: bool,
    external_labels: Labels,
    options: SenderOptions,
    stop: CancellationToken,
}

/// What became of a request, in the end.
enum Outcome {
    Taken,
    Refused(String),
    Stopped,
}

/// What became of one try.
pub(crate) enum Try {
    Taken,
    Refused(String),
    /// Why, how long the receiver asks for patience, and whether it may have arrived nevertheless.
    Failed(String, Option<Duration>, bool),
}

impl Task {
    async fn run(self, source: Source) {
        let mut source = Some(source);
        let mut pauses = self.pauses();
        while !self.stop.is_cancelled() {
            // The disk may be slow: nobody else waits for it.
            let (most, taken) = (self.options.batch_samples, source.take());
            let Some(mut reading) = taken else { return };
            let read = tokio::task::spawn_blocking(move || {
                let batch = reading.next(most);
                (reading, batch)
            });
            let Ok((mut reading, batch)) = read.await else {
                tracing::error!("reading the queue of metrics failed");
                return;
            };
            match batch {
                Ok(Some(batch)) => {
                    if !self.deliver(&batch.samples, batch.uncertain).await {
                        return;
                    }
                    reading.done();
                    pauses = self.pauses();
                }
                Ok(None) => {
                    tokio::select! {
                        () = self.stop.cancelled() => return,
                        () = self.shard.more.notified() => {}
                    }
                }
                Err(error) => {
                    let dir = self.shard.dir.display();
                    tracing::warn!(%error, %dir, "the queue of metrics cannot be read");
                    self.shard.lock().status.error = Some(format!("{dir}: {error}"));
                    self.pause(pauses.next()).await;
                }
            }
            source = Some(reading);
        }
    }

    /// Sends samples until each is taken or refused. What is refused with others is tried in halves, so that what is good
    /// in it arrives. Whether it came to an end.
    async fn deliver(&self, samples: &[Pushed], mut uncertain: bool) -> bool {
        let kept: Vec<Pushed>;
        let mut samples = samples;
        if !self.native_histograms {
            let floats = samples.iter().filter(|sample| matches!(sample.2, Value::Float(_)));
            kept = floats.cloned().collect();
            self.refused(samples.len() - kept.len(), "native_histograms is false");
            samples = &kept;
        }
        let mut parts: Vec<Range<usize>> = Vec::from([Range { start: 0, end: samples.len() }]);
        while let Some(part) = parts.pop().filter(|part| !part.is_empty()) {
            let count = part.len();
            match self.send(&samples[part.clone()], &mut uncertain).await {
                Outcome::Stopped => return false,
                Outcome::Taken => self.shard.lock().status.sent += count as u64,
                Outcome::Refused(_) if count > 1 => {
                    let middle = part.start + count / 2;
                    parts.push(middle..part.end);
                    parts.push(part.start..middle);
                }
                Outcome::Refused(why) => {
                    let lower = why.to_ascii_lowercase();
                    if uncertain && HAS_ALREADY.iter().any(|words| lower.contains(words)) {
                        self.shard.lock().status.repeated += 1;
                    } else {
                        self.refused(1, &why);
                    }
                }
            }
        }
        true
    }

    fn refused(&self, count: usize, why: &str) {
        if count == 0 {
            return;
        }
        let mut state = self.shard.lock();
        state.status.refused += count as u64;
        let new = state.status.refused_reason.as_deref() != Some(why);
        state.status.refused_reason = Some(why.to_owned());
        drop(state);
        if new {
            let to = origin(&self.url);
            tracing::warn!(count, %why, %to, "the metrics backend refuses samples");
        }
    }

    /// Tries until there is an answer that is final.
    async fn send(&self, samples: &[Pushed], uncertain: &mut bool) -> Outcome {
        let body = Bytes::from(encode(samples, &self.external_labels));
        let mut pauses = self.pauses();
        loop {
            let within = tokio::time::timeout(
                self.options.timeout,
                post(&self.client, &self.url, body.clone()),
            );
            let tried = tokio::select! {
                () = self.stop.cancelled() => return Outcome::Stopped,
                tried = within => tried.unwrap_or_else(|_| {
                    let limit = self.options.timeout;
                    Try::Failed(format!("no answer within {limit:?}"), None, true)
                }),
            };
            let wait = match self.told(tried, uncertain) {
                Ok(outcome) => return outcome,
                Err(wait) => wait,
            };
            let pause = pauses.next();
            self.pause(wait.map_or(pause, |wait| wait.max(pause))).await;
            if self.stop.is_cancelled() {
                return Outcome::Stopped;
            }
        }
    }

    /// Keeps what became of a try: the outcome, or for how long the receiver asks to wait.
    fn told(&self, tried: Try, uncertain: &mut bool) -> Result<Outcome, Option<Duration>> {
        let mut state = self.shard.lock();
        let status = &mut state.status;
        let (why, wait) = match tried {
            Try::Taken => {
                (status.error, status.up) = (None, Some(true));
                return Ok(Outcome::Taken);
            }
            Try::Refused(why) => {
                (status.error, status.up) = (None, Some(true));
                return Ok(Outcome::Refused(why));
            }
            Try::Failed(why, wait, may_have_arrived) => {
                *uncertain |= may_have_arrived;
                (format!("{}: {why}", origin(&self.url)), wait)
            }
        };
        if status.error.is_none() {
            tracing::warn!(%why, "the metrics backend does not take samples: they wait on disk");
        }
        (status.error, status.up) = (Some(why), Some(false));
        status.retries += 1;
        Err(wait)
    }

    fn pauses(&self) -> Pauses {
        Pauses::new(self.options.first_pause, self.options.longest_pause)
    }

    async fn pause(&self, time: Duration) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = tokio::time::sleep(time) => {}
        }
    }
}

/// Sends a message once.
pub(crate) async fn post(client: &Client, url: &Uri, message: Bytes) -> Try {
    let request = Request::post(url.clone())
        .header(CONTENT_TYPE, "application/x-protobuf")
        .header(CONTENT_ENCODING, "snappy")
        .header("X-Prometheus-Remote-Write-Version", "0.1.0")
        .body(Full::new(message));
    let request = match request {
        Ok(request) => request,
        Err(error) => return Try::Failed(error.to_string(), None, false),
    };
    let answer = match client.send(request).await {
        Ok(answer) => answer,
        Err(why) => return Try::Failed(why, None, true),
    };
    let (status, wait) = (answer.status(), retry_after(answer.headers()));
    // The body of a success is of no interest, but the connection is used again only once it is read.
    let says = match body(answer.into_body(), ANSWER_BYTES).await {
        Ok(says) | Err(Cut::TooLong(says)) => line(&says),
        Err(Cut::Broken(_)) => String::new(),
    };
    judged(status, &says, wait)
}

/// What an answer means.
fn judged(status: StatusCode, says: &str, wait: Option<Duration>) -> Try {
    let why = if says.is_empty() { status.to_string() } else { format!("{status}: {says}") };
    match status.as_u16() {
        200..=299 => Try::Taken,
        400 | 413 | 422 => Try::Refused(why),
        300..=399 => {
            let why = format!(
                "{status}: redirects are not followed; write_url is to be what it points to"
            );
            Try::Failed(why, wait, false)
        }
        code => Try::Failed(why, wait, code >= 500),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_answer_means() {
        for (status, final_, may_have_arrived) in [
            (200, true, false),
            (204, true, false),
            (302, false, false),
            (400, true, false),
            (401, false, false),
            (403, false, false),
            (404, false, false),
            (413, true, false),
            (422, true, false),
            (429, false, false),
            (500, false, true),
            (503, false, true),
        ] {
            let judged = judged(StatusCode::from_u16(status).unwrap(), "", None);
            match judged {
                Try::Taken | Try::Refused(_) => assert!(final_, "{status}"),
                Try::Failed(_, _, maybe) => assert_eq!((final_, maybe), (false, may_have_arrived)),
            }
        }
    }
}
