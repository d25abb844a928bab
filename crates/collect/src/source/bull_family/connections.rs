//! A reader's own connections: one outside of a cluster, one a node in it.

use std::collections::HashMap;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, Pipeline, RedisError, RedisResult, Value};
use vigie_model::Time;

use crate::Clock;
use crate::source::redis::Link;

/// No answer takes longer on a server that is well, blocking reads aside.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connections that are made when they are needed.
pub(crate) struct Connections {
    link: Link,
    by_node: HashMap<usize, MultiplexedConnection>,
}

impl Connections {
    pub fn new(link: Link) -> Self {
        Self { link, by_node: HashMap::new() }
    }

    /// Sends commands, each to the node that holds its key, and waits for the answers, in their order. Errors of
    /// single commands are among the answers.
    pub async fn ask(&mut self, commands: Vec<(Vec<u8>, Cmd)>) -> RedisResult<Vec<Value>> {
        let mut answers = vec![Value::Nil; commands.len()];
        let mut by_node: HashMap<usize, (Vec<usize>, Pipeline)> = HashMap::new();
        for (place, (key, command)) in commands.into_iter().enumerate() {
            let (places, pipeline) = by_node.entry(self.link.node_of(&key)).or_default();
            if places.is_empty() && !self.by_node.contains_key(&self.link.node_of(&key)) {
                let connection = self.link.blocking(&key).await?;
                self.by_node.insert(self.link.node_of(&key), connection);
            }
            places.push(place);
            pipeline.add_command(command);
        }
        for (node, (places, pipeline)) in by_node {
            let Some(connection) = self.by_node.get_mut(&node) else { continue };
            let sent = connection.send_packed_commands(&pipeline, 0, places.len());
            let values = tokio::time::timeout(PATIENCE, sent).await.map_err(|_| too_slow())??;
            for (place, value) in places.into_iter().zip(values) {
                answers[place] = value;
            }
        }
        Ok(answers)
    }

    /// The server's time now, and the seconds to add to it to get Vigie's.
    pub async fn server_time(&mut self, clock: &dyn Clock) -> RedisResult<(Time, f64)> {
        let before = clock.now();
        let answer = self.ask(vec![(Vec::new(), redis::cmd("TIME"))]).await?.pop();
        let after = clock.now();
        let middle = before + after.since(before) / 2.0;
        let parsed = answer.and_then(|answer| redis::from_redis_value::<(i64, i64)>(answer).ok());
        // Who may not ask for the time has to take the clocks for equal.
        let server = parsed.map_or(middle, |(seconds, micros)| {
            Time::from_micros(seconds.saturating_mul(1_000_000).saturating_add(micros))
        });
        Ok((server, middle.since(server)))
    }
}

fn too_slow() -> RedisError {
    RedisError::from((ErrorKind::Io, "no answer", format!("within {} s", PATIENCE.as_secs())))
}
