//! Whether a backend does what it is for, asked without leaving anything behind.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE};
use hyper::{Request, Response, StatusCode};
use vigie_model::Labels;

use crate::config::{RemoteConfig, origin};
use crate::forward::{ForwardConfig, Kind, LOKI_PUSH};
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
                .body(Full::new(Bytes::from(encode(&[], &Labels::default()))))
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

impl ForwardConfig {
    /// Whether it is there and knows who Vigie is: a question about itself to Elasticsearch, a push without lines to Loki.
    ///
    /// # Errors
    /// What is wrong, in a line without secrets.
    pub async fn check(&self, within: Duration) -> Result<String, String> {
        let url = self.display_url();
        let (request, empty) = match &self.kind {
            Kind::Elasticsearch { .. } => {
                let question = Request::get(format!("{}/", self.base));
                (question.header(ACCEPT, "application/json"), "")
            }
            Kind::Loki(_) => {
                let push = Request::post(format!("{}{LOKI_PUSH}", self.base));
                (push.header(CONTENT_TYPE, "application/json"), r#"{"streams":[]}"#)
            }
        };
        let said = async {
            let request = request.body(Full::new(Bytes::from_static(empty.as_bytes())));
            let answer = Client::new(&self.headers, &self.tls)
                .send(request.map_err(|error| error.to_string())?)
                .await?;
            let status = answer.status();
            // Some versions of Loki refuse a push of nothing, and only that.
            let refuses_nothing = matches!(self.kind, Kind::Loki(_))
                && [StatusCode::BAD_REQUEST, StatusCode::UNPROCESSABLE_ENTITY].contains(&status);
            if refuses_nothing || (status.is_success() && matches!(self.kind, Kind::Loki(_))) {
                return Ok("Loki".to_owned());
            }
            if !status.is_success() {
                return Err(said(answer).await);
            }
            let text = match body(answer.into_body(), ANSWER_BYTES).await {
                Ok(bytes) | Err(Cut::TooLong(bytes)) => bytes,
                Err(Cut::Broken(why)) => return Err(why),
            };
            let told: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
            let version = told["version"]["number"].as_str();
            let version = version.map(|version| format!("Elasticsearch {version}"));
            version
                .ok_or_else(|| format!("it does not answer as Elasticsearch does: {}", line(&text)))
        };
        match tokio::time::timeout(within, said).await {
            Ok(Ok(what)) => Ok(format!("{url} answers as {what} does")),
            Ok(Err(why)) => Err(format!("{url}: {why}")),
            Err(_) => Err(format!("{url}: no answer within {within:?}")),
        }
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
