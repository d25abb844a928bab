//! Whether a backend does what it is for, asked without leaving anything behind.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE};
use hyper::{Request, Response};

use crate::config::{RemoteConfig, origin};
use crate::http::{Client, Cut, body, line};
use crate::message::encode;
use crate::query::{QueryOptions, RemoteQuery};

/// What is read of an answer.
const ANSWER_BYTES: usize = 8 << 10;
/// A question that every Prometheus answers, whatever it holds.
const QUESTION: &str = "/api/v1/query?query=vector(1)";

impl RemoteConfig {
    /// Whether it takes samples: a remote write with no sample in it, which changes nothing.
    ///
    /// # Errors
    /// What is wrong, in a line without secrets.
    pub async fn check_write(&self, within: Duration) -> Result<String, String> {
        let url = origin(&self.write_url);
        let said = async {
            let client = Client::new(&self.headers, &self.tls);
            let request = Request::post(self.write_url.clone())
                .header(CONTENT_TYPE, "application/x-protobuf")
                .header(CONTENT_ENCODING, "snappy")
                .header("X-Prometheus-Remote-Write-Version", "0.1.0")
                .body(Full::new(Bytes::from(encode(&[]))))
                .map_err(|error| error.to_string())?;
            let answer = client.send(request).await?;
            if answer.status().is_success() {
                return Ok(());
            }
            Err(said(answer).await)
        };
        match tokio::time::timeout(within, said).await {
            Ok(Ok(())) => Ok(format!("{url} takes remote write")),
            Ok(Err(why)) => Err(format!("{url}: {why}")),
            Err(_) => Err(format!("{url}: no answer within {within:?}")),
        }
    }

    /// Whether it answers PromQL; `None` where it has no `query_url`.
    ///
    /// # Errors
    /// What is wrong, in a line without secrets.
    pub async fn check_query(&self, within: Duration) -> Option<Result<String, String>> {
        let options = QueryOptions { timeout: within, ..QueryOptions::default() };
        let query = RemoteQuery::new(self, options)?;
        let url = query.display_url();
        let answered = async {
            let passed = query.forward(QUESTION, None).await.map_err(|error| error.to_string())?;
            let text = match body(passed.body, ANSWER_BYTES).await {
                Ok(bytes) | Err(Cut::TooLong(bytes)) => bytes,
                Err(Cut::Broken(why)) => return Err(format!("{url}: {why}")),
            };
            let answer: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
            if answer["status"] == "success" && answer["data"]["resultType"] == "vector" {
                return Ok(format!("{url} answers PromQL"));
            }
            Err(format!("{url} does not answer as Prometheus does: {}", line(&text)))
        };
        let answered = tokio::time::timeout(within, answered).await;
        Some(answered.unwrap_or_else(|_| Err(format!("{url}: no answer within {within:?}"))))
    }
}

/// A refusal, as its sender words it.
async fn said(answer: Response<Incoming>) -> String {
    let status = answer.status();
    let text = match body(answer.into_body(), ANSWER_BYTES).await {
        Ok(bytes) | Err(Cut::TooLong(bytes)) => line(&bytes),
        Err(Cut::Broken(_)) => String::new(),
    };
    if text.is_empty() { status.to_string() } else { format!("{status}: {text}") }
}
