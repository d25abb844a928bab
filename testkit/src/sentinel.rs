//! A master, a replica and three sentinels that watch them.

use crate::RedisServer;
use crate::process::eventually;

/// A Redis that survives the loss of its master.
pub struct Sentinels {
    servers: Vec<RedisServer>,
    sentinels: Vec<RedisServer>,
}

impl Sentinels {
    /// The name under which the sentinels know the master.
    pub const MASTER: &'static str = "mymaster";

    /// Starts all five and waits until the sentinels know each other and the replica.
    #[must_use]
    pub fn start() -> Self {
        let master = RedisServer::builder().config("repl-diskless-sync-delay 0").start();
        let replica = RedisServer::builder()
            .config(&format!("replicaof 127.0.0.1 {}", master.port()))
            .start();
        eventually("the replica does not find its master", || {
            let state = replica.text(&["INFO", "replication"]);
            if state.contains("master_link_status:up") { Ok(()) } else { Err(state) }
        });
        let name = Self::MASTER;
        let sentinel = |_| {
            RedisServer::builder()
                .sentinel()
                .config(&format!("sentinel monitor {name} 127.0.0.1 {} 2", master.port()))
                .config(&format!("sentinel down-after-milliseconds {name} 500"))
                .config(&format!("sentinel failover-timeout {name} 2000"))
                .start()
        };
        let sentinels: Vec<RedisServer> = (0..3).map(sentinel).collect();
        for one in &sentinels {
            eventually("the sentinels do not find each other", || {
                let state = one.text(&["INFO", "sentinel"]);
                if state.contains("slaves=1,sentinels=3") { Ok(()) } else { Err(state) }
            });
        }
        Self { servers: vec![master, replica], sentinels }
    }

    /// `host:port` of each sentinel.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        self.sentinels.iter().map(|one| format!("127.0.0.1:{}", one.port())).collect()
    }

    /// The server that is the master now, as the sentinels see it.
    #[must_use]
    pub fn master(&self) -> &RedisServer {
        &self.servers[self.master_index()]
    }

    fn master_index(&self) -> usize {
        let question =
            redis::cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(Self::MASTER).clone();
        let (_, port): (String, u16) =
            question.query(&mut self.sentinels[0].admin()).expect("the sentinels know");
        self.servers
            .iter()
            .position(|server| server.port() == port)
            .expect("the master is one of ours")
    }

    /// Kills the master and waits until the other one has taken over.
    pub fn fail_over(&mut self) {
        let old = self.master_index();
        self.servers[old].kill();
        eventually("the sentinels do not fail over", || {
            let now = self.master_index();
            let roles = if now == old {
                String::new()
            } else {
                self.servers[now].text(&["INFO", "replication"])
            };
            if roles.contains("role:master") {
                Ok(())
            } else {
                Err("the old master is still named")
            }
        });
    }
}
