//! What a client can listen to.

use percent_encoding::percent_decode_str;
use vigie_model::{Broker, Name, QueueId, SourceName};

use crate::problem::Problem;

/// Topics of one connection: all tabs of a browser share one. More is no dashboard.
const MAX_TOPICS: usize = 64;

/// Something to listen to: each is a JSON document that changes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Topic {
    /// The verdict, the overview and the latency bars.
    Now,
    /// A row for each queue.
    Queues,
    /// Every worker.
    Workers,
    /// Every source.
    Sources,
    /// Every instance.
    Instances,
    /// The last events.
    Events,
    /// Everything about one queue.
    Queue(QueueId),
}

/// What one connection listens to, each as it was spelled.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Documents.
    pub(crate) topics: Vec<(String, Topic)>,
    /// Log lines as they come: `logs`, or `logs:` and a query.
    pub(crate) tails: Vec<String>,
}

impl Topic {
    /// Reads `now,queues,queue:main/bullmq/emails,logs:level=warn`; the parts of a queue, and the values of what is asked of the
    /// logs, are percent-encoded.
    pub(crate) fn parse_list(list: &str) -> Result<Asked, Problem> {
        let (mut topics, mut tails) = (Vec::new(), Vec::new());
        for text in list.split(',').filter(|text| !text.is_empty()) {
            if text == "logs" || text.starts_with("logs:") {
                tails.push(text.to_owned());
                continue;
            }
            let topic = Self::parse(text).ok_or_else(|| {
                let shown: String = text.chars().take(200).collect();
                Problem::bad_parameter(format!(
                    "There is no topic {shown:?}: topics are now, queues, workers, sources, instances, events, \
                     queue:<source>/<kind>/<queue> and logs:<parameters>, with each part percent-encoded."
                ))
            })?;
            topics.push((text.to_owned(), topic));
        }
        let count = topics.len() + tails.len();
        if count == 0 || count > MAX_TOPICS {
            return Err(Problem::bad_parameter(format!(
                "topics names between 1 and {MAX_TOPICS} topics."
            )));
        }
        Ok(Asked { topics, tails })
    }

    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "now" => Self::Now,
            "queues" => Self::Queues,
            "workers" => Self::Workers,
            "sources" => Self::Sources,
            "instances" => Self::Instances,
            "events" => Self::Events,
            _ => {
                let mut parts = text.strip_prefix("queue:")?.splitn(3, '/');
                let mut part =
                    || Some(percent_decode_str(parts.next()?).decode_utf8_lossy().into_owned());
                let (source, broker, name) = (part()?, part()?, part()?);
                Self::Queue(QueueId {
                    source: SourceName::new(&source),
                    broker: Broker::parse(&broker)?,
                    name: Name::from(name.as_str()),
                })
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_with_any_name_can_be_listened_to() {
        let topics = Topic::parse_list("now,queue:main/bullmq/a%2Fb%2C%22c").unwrap();
        let Topic::Queue(id) = &topics.topics[1].1 else { unreachable!("{topics:?}") };
        assert_eq!((id.name.as_str(), id.broker), ("a/b,\"c", Broker::BullMq));
    }

    #[test]
    fn what_is_no_topic_is_named() {
        for list in ["", "nope", "queue:main", "queue:main/kafka/q"] {
            assert!(Topic::parse_list(list).is_err(), "{list}");
        }
        assert!(Topic::parse_list("nope").unwrap_err().detail.contains("nope"));
        assert!(Topic::parse_list(&"now,".repeat(65)).is_err());
    }
}
