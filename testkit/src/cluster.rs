//! A Redis Cluster of three masters.

use std::process::{Command, Stdio};

use crate::process::eventually;
use crate::{RedisServer, free_port};

/// Three masters that share all slots.
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
}

impl RedisCluster {
    /// Starts three servers and makes them one cluster.
    #[must_use]
    pub fn start() -> Self {
        let node = |_| {
            let bus = format!("cluster-port {}", free_port());
            RedisServer::builder()
                .config("cluster-enabled yes")
                .config("cluster-node-timeout 2000")
                .config(&bus)
                .start()
        };
        let cluster = Self { nodes: (0..3).map(node).collect() };
        let mut create = Command::new("redis-cli");
        create.args(["--cluster", "create"]);
        create.args(cluster.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())));
        create.args(["--cluster-yes"]).stdin(Stdio::null());
        let output = create.output().expect("redis-cli is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        for node in &cluster.nodes {
            eventually("the cluster does not come up", || {
                let state = node.text(&["CLUSTER", "INFO"]);
                if state.contains("cluster_state:ok") { Ok(()) } else { Err(state) }
            });
        }
        cluster
    }

    /// Its nodes.
    #[must_use]
    pub fn nodes(&self) -> &[RedisServer] {
        &self.nodes
    }

    /// Its nodes, to stop some.
    pub fn nodes_mut(&mut self) -> &mut [RedisServer] {
        &mut self.nodes
    }

    /// The node that holds `key`.
    #[must_use]
    pub fn node_of(&self, key: &str) -> &RedisServer {
        let holds = |node: &&RedisServer| {
            redis::cmd("TYPE").arg(key).query::<String>(&mut node.admin()).is_ok()
        };
        self.nodes.iter().find(holds).expect("some node holds every key")
    }

    /// Runs a command, given as words, on the node that holds its first key.
    pub fn run(&self, words: &[&str]) -> redis::Value {
        self.node_of(words[1]).run(words)
    }
}
