//! Every key of asynq that Vigie reads, with its Redis type and why. The braces are asynq's own: they keep the keys
//! of one queue, or of one server, on one node of a cluster.

/// SET of the names of all queues: which queues there are.
pub(super) const QUEUES: &[u8] = b"asynq:queues";

/// ZSET of the keys of all servers (processes), scored by when each expires: which workers there are, and when each
/// was last heard of.
pub(super) const SERVERS: &[u8] = b"asynq:servers";

const SERVER_PREFIX: &[u8] = b"asynq:servers:";
const WORKERS_PREFIX: &[u8] = b"asynq:workers:";

/// Keys of one queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct QueueKeys {
    prefix: Vec<u8>,
}

impl QueueKeys {
    pub(super) fn new(queue: &[u8]) -> Self {
        Self { prefix: [b"asynq:{", queue, b"}:"].concat() }
    }

    /// The queue's name, as asynq knows it.
    pub(super) fn queue(&self) -> &[u8] {
        &self.prefix[b"asynq:{".len()..self.prefix.len() - b"}:".len()]
    }

    fn key(&self, part: &[u8]) -> Vec<u8> {
        [&self.prefix, part].concat()
    }

    /// LIST of task ids, the oldest last: how many wait, and which are next.
    pub(super) fn pending(&self) -> Vec<u8> {
        self.key(b"pending")
    }

    /// LIST of task ids: how many run.
    pub(super) fn active(&self) -> Vec<u8> {
        self.key(b"active")
    }

    /// ZSET of task ids by the time to run: how many are scheduled.
    pub(super) fn scheduled(&self) -> Vec<u8> {
        self.key(b"scheduled")
    }

    /// ZSET of task ids by the time to run again: how many are retried; when somebody asks, which failed last.
    pub(super) fn retry(&self) -> Vec<u8> {
        self.key(b"retry")
    }

    /// ZSET of task ids by when they failed for good: how many are kept; when somebody asks, which failed last.
    pub(super) fn archived(&self) -> Vec<u8> {
        self.key(b"archived")
    }

    /// ZSET of task ids by when they are forgotten: how many succeeded and are kept.
    pub(super) fn completed(&self) -> Vec<u8> {
        self.key(b"completed")
    }

    /// STRING, exists while the queue is paused.
    pub(super) fn paused(&self) -> Vec<u8> {
        self.key(b"paused")
    }

    /// STRING, counts attempts that ended: the totals.
    pub(super) fn processed(&self) -> Vec<u8> {
        self.key(b"processed")
    }

    /// STRING, counts attempts that failed: the totals.
    pub(super) fn failed(&self) -> Vec<u8> {
        self.key(b"failed")
    }

    /// SET of the names of groups: what waits to be aggregated.
    pub(super) fn groups(&self) -> Vec<u8> {
        self.key(b"groups")
    }

    /// ZSET of the task ids of one group: how many wait to be aggregated.
    pub(super) fn group(&self, name: &[u8]) -> Vec<u8> {
        [&self.prefix, &b"g:"[..], name].concat()
    }

    /// HASH of one task: `msg` (its type; of a failed one, when somebody asks, its error and attempts), `state`,
    /// `pending_since` (how long it waits).
    pub(super) fn task(&self, id: &[u8]) -> Vec<u8> {
        [&self.prefix, &b"t:"[..], id].concat()
    }
}

/// HASH of what a server runs: task id to a protobuf with its type, queue and start. From the key of the server
/// itself, a STRING with a protobuf; `None` when that is no such key.
pub(super) fn workers(server: &[u8]) -> Option<Vec<u8>> {
    Some([WORKERS_PREFIX, server.strip_prefix(SERVER_PREFIX)?].concat())
}

/// What a server calls itself, `host:pid:id`, from its key.
pub(super) fn server_identity(server: &[u8]) -> Option<&[u8]> {
    server.strip_prefix(SERVER_PREFIX)?.strip_prefix(b"{")?.strip_suffix(b"}")
}
