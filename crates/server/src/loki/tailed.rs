//! What waits for one tail.

use std::collections::VecDeque;

use vigie_query::logql::Stream;

use super::answer::write_stream;
use crate::prometheus::success::{labels, list};

/// Lines that wait for a client that is slow; older ones are dropped.
const WAITING: usize = 1_000;
/// Dropped lines that are told one by one.
const TOLD: usize = 100;

/// Lines that were not sent yet, and those that never will be.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    lines: VecDeque<Stream>,
    dropped: VecDeque<Stream>,
    /// All that were dropped since the last message.
    pub(super) lost: u64,
}

impl Waiting {
    pub(super) fn push(&mut self, line: Stream) {
        self.lines.push_back(line);
        if self.lines.len() > WAITING
            && let Some(mut oldest) = self.lines.pop_front()
        {
            // Its time and labels are told, not what it says.
            oldest.lines.iter_mut().for_each(|line| line.text.clear());
            self.lost += 1;
            self.dropped.push_back(oldest);
            if self.dropped.len() > TOLD {
                self.dropped.pop_front();
            }
        }
    }

    /// That entries were missed before anybody looked at them.
    pub(super) fn missed(&mut self, count: u64) {
        self.lost += count;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.lost == 0
    }

    /// All of it as one message.
    pub(super) fn message(&mut self, categorize: bool) -> String {
        let mut out = b"{\"streams\":".to_vec();
        list(&mut out, &self.lines, |out, line| write_stream(out, line, categorize));
        if categorize {
            out.extend_from_slice(b",\"encodingFlags\":[\"categorize-labels\"]");
        }
        if self.lost > 0 {
            out.extend_from_slice(b",\"dropped_entries\":");
            let told = self
                .dropped
                .iter()
                .flat_map(|stream| stream.lines.iter().map(move |line| (stream, line)));
            list(&mut out, told, |out, (stream, line)| {
                out.extend_from_slice(b"{\"labels\":");
                labels(out, &stream.labels);
                out.extend_from_slice(format!(",\"timestamp\":\"{}\"}}", line.time).as_bytes());
            });
            out.extend_from_slice(format!(",\"dropped\":{}", self.lost).as_bytes());
        }
        out.push(b'}');
        *self = Self::default();
        String::from_utf8_lossy(&out).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use vigie_model::Labels;
    use vigie_query::logql::Line;

    use super::*;

    fn line(time: i64) -> Stream {
        let labels = Labels::from_pairs([("app", "a")]);
        Stream {
            labels: labels.clone(),
            stream: labels,
            metadata: Labels::default(),
            parsed: Labels::default(),
            lines: vec![Line { time, text: format!("line {time}") }],
        }
    }

    #[test]
    fn the_oldest_are_dropped_and_counted() {
        let mut waiting = Waiting::default();
        assert!(waiting.is_empty());
        for time in 0..1_250 {
            waiting.push(line(time));
        }
        waiting.missed(7);
        let message: Value = serde_json::from_str(&waiting.message(false)).unwrap();
        let streams = message["streams"].as_array().unwrap();
        assert_eq!((streams.len(), &streams[0]["values"][0][0]), (1_000, &Value::from("250")));
        assert_eq!(message["dropped"], 257);
        let dropped = message["dropped_entries"].as_array().unwrap();
        assert_eq!((dropped.len(), &dropped[99]["timestamp"]), (100, &Value::from("249")));
        assert!(waiting.is_empty());
        waiting.push(line(5));
        let message: Value = serde_json::from_str(&waiting.message(true)).unwrap();
        assert_eq!(message["dropped_entries"], Value::Null);
    }
}
