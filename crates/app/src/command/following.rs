//! Follows the live stream of a running Vigie: server-sent events, one after the other, over breaks of the connection.

use std::time::Duration;

use serde_json::Value;

use super::terminal::percent_encoded;
use crate::client::{self, ClientError, Lines};
use crate::exit::Failure;

/// Vigie says something at least every 5 s.
const SILENCE: Duration = Duration::from_secs(15);
const AGAIN: Duration = Duration::from_secs(1);

/// A message of the stream.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Message {
    /// `snapshot`, `patch` or `lines`.
    pub(super) event: String,
    /// Its data.
    pub(super) data: Value,
}

/// A topic of the stream.
pub(super) struct Following {
    url: String,
    path: String,
    lines: Option<Lines>,
    was_there: bool,
}

impl Following {
    /// Follows a topic of the Vigie at `url`.
    pub(super) fn new(url: &str, topic: &str) -> Self {
        let topic: String = topic.bytes().map(percent_encoded).collect();
        let path = format!("/api/v1/stream?topics={topic}");
        Self { url: url.to_owned(), path, lines: None, was_there: false }
    }

    /// The next message. `None` says that the connection broke and that what comes next begins anew; a Vigie that was there once
    /// is waited for.
    pub(super) async fn next(&mut self) -> Result<Option<Message>, Failure> {
        if self.lines.is_none() {
            match client::lines(&self.url, &self.path).await {
                Ok(lines) => {
                    self.lines = Some(lines);
                    self.was_there = true;
                }
                Err(ClientError::Unreachable { .. }) if self.was_there => {
                    tokio::time::sleep(AGAIN).await;
                    return Ok(None);
                }
                Err(error) => return Err(failure(error)),
            }
        }
        let Some(lines) = self.lines.as_mut() else { return Ok(None) };
        let mut event = String::new();
        loop {
            let line = tokio::time::timeout(SILENCE, lines.next()).await;
            let Ok(Ok(Some(line))) = line else {
                self.lines = None;
                anstream::eprintln!("the connection to {} broke; trying again", self.url);
                tokio::time::sleep(AGAIN).await;
                return Ok(None);
            };
            match line.split_once(": ") {
                Some(("event", name)) => name.clone_into(&mut event),
                Some(("data", data)) => {
                    let data = serde_json::from_str(data).map_err(|error| {
                        Failure::failed(format!("the stream is no JSON: {error}"))
                    })?;
                    return Ok(Some(Message { event, data }));
                }
                _ => {}
            }
        }
    }
}

/// How a command ends that got no answer.
pub(super) fn failure(error: ClientError) -> Failure {
    match error {
        // What was asked for is none.
        ClientError::Refused { status, .. } if status == 400 => {
            Failure::wrong_input(error.to_string())
        }
        ClientError::Refused { .. } => Failure::failed(error.to_string()),
        ClientError::Address(_) => Failure::wrong_input(error.to_string()),
        ClientError::Unreachable { .. } => Failure::unreachable(error.to_string()),
    }
}
