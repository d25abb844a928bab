//! Log lines on the stream: topics `logs:…`, which are no documents but lines as they come.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::logs::{LogQuery, Logs, Tail};
use crate::state::Now;
use crate::time_text::rfc3339;

/// Lines of a message, and the time between two: with both, at most 2,000 lines a second and client.
const LINES: usize = 200;
const APART: Duration = Duration::from_millis(100);

/// The tails of one connection.
pub(super) struct Tailing {
    /// Each with its topic as it was asked for.
    all: Vec<(String, Tail)>,
    wake: Arc<Notify>,
    now: Now,
    sent: Option<Instant>,
    /// Which is asked first, so that none starves the others.
    turn: usize,
}

impl Tailing {
    /// Begins to follow, and the first message of each topic: no lines, or why there will be none. What is wrong with one
    /// topic is no reason to refuse the others.
    pub(super) fn open(topics: Vec<String>, logs: Option<&Logs>, now: Now) -> (Self, Vec<String>) {
        let wake = Arc::new(Notify::new());
        let mut tailing = Self { all: Vec::new(), wake, now, sent: None, turn: 0 };
        let first = topics.into_iter().map(|topic| match tailing.follow(&topic, logs) {
            Ok(tail) => {
                let message = tailing.message(&topic, &[], 0);
                tailing.all.push((topic, tail));
                message
            }
            Err(why) => {
                let data = serde_json::json!({ "topic": topic, "at": rfc3339((tailing.now)()), "lines": [], "skipped": 0, "error": why });
                event(&data.to_string())
            }
        });
        let first = first.collect();
        (tailing, first)
    }

    fn follow(&self, topic: &str, logs: Option<&Logs>) -> Result<Tail, String> {
        let asked = topic.split_once(':').map_or("", |(_, asked)| asked);
        let filter = LogQuery::of_tail(asked).map_err(|problem| problem.detail)?;
        let logs = logs.ok_or("The log store is not open; why is in Vigie's log.")?;
        let tail = logs.tails().open(filter, Arc::clone(&self.wake));
        tail.ok_or_else(|| "Too many follow log lines already; close one.".to_owned())
    }

    /// The next lines of any topic; never, where there is none. May be dropped at any await.
    pub(super) async fn next(&mut self) -> String {
        loop {
            if self.all.iter().any(|(_, tail)| tail.has_lines()) {
                if let Some(sent) = self.sent {
                    tokio::time::sleep_until(sent + APART).await;
                }
                let count = self.all.len();
                for place in (0..count).map(|step| (self.turn + step) % count) {
                    let Some((topic, tail)) = self.all.get(place) else { continue };
                    let (lines, skipped) = tail.take(LINES);
                    if !lines.is_empty() {
                        let message = self.message(topic, &lines, skipped);
                        self.turn = place + 1;
                        self.sent = Some(Instant::now());
                        return message;
                    }
                }
            }
            self.wake.notified().await;
        }
    }

    fn message(&self, topic: &str, lines: &[Arc<str>], skipped: u64) -> String {
        let topic = serde_json::Value::from(topic);
        let at = rfc3339((self.now)());
        let lines = lines.join(",");
        event(&format!(r#"{{"topic":{topic},"at":"{at}","lines":[{lines}],"skipped":{skipped}}}"#))
    }
}

/// No id: who comes back asks for the lines in between as for any.
fn event(data: &str) -> String {
    format!("event: lines\ndata: {data}\n\n")
}
