//! Says to a receiver what metrics are: their types, units and help, as Prometheus does beside the samples. None of it waits on
//! disk: it is said again each minute.

use std::time::Duration;

use bytes::Bytes;
use hyper::Uri;
use tokio_util::sync::CancellationToken;
use vigie_store::Metadata;

use crate::config::origin;
use crate::http::Client;
use crate::message::encode_metadata;
use crate::sender::{Try, post};

/// A metric, by the name without `_bucket`, `_sum` and `_count`, and what it is.
pub type Described = (String, Metadata);

/// Metrics a request, as Prometheus sends them.
const MOST: usize = 500;

/// Who says so, to whom, and how often.
pub(crate) struct Describing<M> {
    pub client: Client,
    pub url: Uri,
    pub every: Duration,
    pub timeout: Duration,
    /// What there is to say now.
    pub metrics: M,
}

impl<M: Fn() -> Vec<Described> + Send> Describing<M> {
    /// Says it until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut refused = false;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                why = self.say() => {
                    let to = origin(&self.url);
                    if let (Some(why), false) = (&why, refused) {
                        tracing::info!(%why, %to, "the metrics backend takes samples, but not what metrics are");
                    }
                    refused |= why.is_some();
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.every) => {}
            }
        }
    }

    /// Says all of it once; why the receiver wants none of it. One that is away says so to the samples.
    async fn say(&self) -> Option<String> {
        let all = (self.metrics)();
        for part in all.chunks(MOST) {
            let message = Bytes::from(encode_metadata(part));
            let sent = tokio::time::timeout(self.timeout, post(&self.client, &self.url, message));
            match sent.await {
                Ok(Try::Taken) => {}
                Ok(Try::Refused(why)) => return Some(why),
                Ok(Try::Failed(..)) | Err(_) => return None,
            }
        }
        None
    }
}
