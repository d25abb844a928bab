//! How the queues of Bull and BullMQ are found: a scan that never ends and never costs much.

use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use redis::{Cmd, Value};

use crate::source::{Candidate, Plan, Replies, Reply, ReplyError};

/// Keys that one `SCAN` looks at: about 1 ms of a Redis' time when it holds a million keys. A poll has two.
const KEYS_A_SCAN: usize = 1_000;
/// The same once everything has been looked at: queues in use show themselves by their clients and events anyway.
const KEYS_A_LATER_SCAN: usize = 300;
/// Keys whose types are looked up in one poll.
const TYPES_A_POLL: usize = 200;
/// Keys that wait for that; what is over it is found again by the next sweep.
const MOST_PENDING: usize = 20_000;
/// Bases that are remembered, so that each sweep does not look them all up again.
const MOST_KNOWN: usize = 100_000;
/// Sweeps after which everything is looked up again.
const FORGET_AFTER: u32 = 6;
/// The least pause between two sweeps.
const PAUSE: Duration = Duration::from_secs(10);

/// The state of the scan.
pub(super) struct Discovery {
    pattern: Vec<u8>,
    nodes: Vec<Cursor>,
    /// Keys that look like a queue's, whose types are still to be looked up.
    pending: VecDeque<(Vec<u8>, Vec<u8>)>,
    asked: Vec<(Vec<u8>, Vec<u8>)>,
    known: HashSet<u64>,
    sweeps: u32,
    began: Instant,
    /// When the next sweep may begin; `None` while one is under way.
    next: Option<Instant>,
    forbidden: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cursor {
    At(u64),
    Done,
}

impl Discovery {
    /// Looks for queues under one key prefix, or under every one.
    pub(super) fn new(prefix: Option<&str>) -> Self {
        // One pattern for `:meta` and `:id`: two sweeps would cost twice as much.
        let pattern = match prefix {
            Some(prefix) => format!("{prefix}:*:[mi]*[ad]"),
            None => "*:[mi]*[ad]".to_owned(),
        };
        Self {
            pattern: pattern.into_bytes(),
            nodes: Vec::new(),
            pending: VecDeque::new(),
            asked: Vec::new(),
            known: HashSet::new(),
            sweeps: 0,
            began: Instant::now(),
            next: None,
            forbidden: false,
        }
    }

    /// Begins anew, with this many nodes.
    pub(super) fn restart(&mut self, nodes: usize) {
        self.nodes = vec![Cursor::At(0); nodes];
        self.pending.clear();
        self.asked.clear();
        self.known.clear();
        (self.next, self.forbidden) = (None, false);
        self.began = Instant::now();
    }

    /// Whether every key has been looked at at least once.
    pub(super) fn is_complete(&self) -> bool {
        self.sweeps > 0 && self.pending.is_empty()
    }

    /// Whether a sweep is under way, or types are to be looked up.
    pub(super) fn is_busy(&self) -> bool {
        !self.forbidden && (self.next.is_none() || !self.pending.is_empty())
    }

    /// Whether the server does not let us scan.
    pub(super) fn is_forbidden(&self) -> bool {
        self.forbidden
    }

    /// The next `SCAN` of each node, by node; `None` for those that have nothing to do.
    pub(super) fn scans(&mut self, nodes: usize) -> Vec<Option<Cmd>> {
        if self.nodes.len() != nodes {
            self.restart(nodes);
        }
        if self.next.is_some_and(|next| Instant::now() >= next) {
            self.nodes.fill(Cursor::At(0));
            self.next = None;
            self.began = Instant::now();
            if self.sweeps.is_multiple_of(FORGET_AFTER) {
                self.known.clear();
            }
        }
        let idle = self.next.is_some() || self.pending.len() > MOST_PENDING / 2;
        let keys = if self.sweeps == 0 { KEYS_A_SCAN } else { KEYS_A_LATER_SCAN };
        let scan = |cursor: &Cursor| match cursor {
            Cursor::At(position) if !idle => {
                let mut command = redis::cmd("SCAN");
                command.arg(*position).arg("MATCH").arg(&self.pattern).arg("COUNT").arg(keys);
                Some(command)
            }
            _ => None,
        };
        self.nodes.iter().map(scan).collect()
    }

    /// Takes the answer of one node to its `SCAN`.
    pub(super) fn scanned(&mut self, node: usize, answer: Reply) {
        let parsed = answer.and_then(|value| {
            redis::from_redis_value::<(u64, Vec<Vec<u8>>)>(value)
                .map_err(|_| ReplyError::Shape("SCAN"))
        });
        let Some(cursor) = self.nodes.get_mut(node) else { return };
        match parsed {
            Ok((next, keys)) => {
                self.forbidden = false;
                *cursor = if next == 0 { Cursor::Done } else { Cursor::At(next) };
                for key in keys {
                    self.consider(key);
                }
            }
            Err(error) => {
                // The next sweep tries again: somebody may have changed the ACL.
                self.forbidden |= matches!(error, ReplyError::Forbidden(_));
                *cursor = Cursor::Done;
            }
        }
        if self.next.is_none() && self.nodes.iter().all(|cursor| *cursor == Cursor::Done) {
            self.sweeps += 1;
            self.next = Some(Instant::now() + self.began.elapsed().max(PAUSE));
        }
    }

    fn consider(&mut self, key: Vec<u8>) {
        let Some(colon) = key.iter().rposition(|byte| *byte == b':') else { return };
        let (base, suffix) = (&key[..colon], &key[colon + 1..]);
        if !base.contains(&b':') || !matches!(suffix, b"meta" | b"id") {
            return;
        }
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        if self.pending.len() >= MOST_PENDING
            || self.known.len() >= MOST_KNOWN
            || !self.known.insert(hasher.finish())
        {
            return;
        }
        let entry = (base.to_vec(), suffix.to_vec());
        // A database may be full of keys like user:1:id: what is likely a queue goes first.
        if suffix == b"meta" || base.starts_with(b"bull:") || base.starts_with(b"{bull}:") {
            self.pending.push_front(entry);
        } else {
            self.pending.push_back(entry);
        }
    }

    /// Adds the commands that tell what the keys found are.
    pub(super) fn ask_types(&mut self, plan: &mut Plan) {
        let count = self.pending.len().min(TYPES_A_POLL);
        self.asked = self.pending.drain(..count).collect();
        for (base, suffix) in &self.asked {
            plan.ask("TYPE", &[base, &b":"[..], suffix].concat());
            plan.ask("TYPE", &[base, &b":events"[..]].concat());
        }
    }

    /// Reads the answers to [`Self::ask_types`].
    pub(super) fn candidates(&mut self, replies: &mut Replies) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        for (base, suffix) in std::mem::take(&mut self.asked) {
            let (own, events) = (type_name(replies), type_name(replies));
            let Some(key_type) = own else { continue };
            let fits = matches!((&*suffix, &*key_type), (b"meta", "hash") | (b"id", "string"));
            if fits {
                let has_event_stream = events.as_deref() == Some("stream");
                candidates.push(Candidate { base, suffix, has_event_stream, key_type });
            }
        }
        candidates
    }
}

fn type_name(replies: &mut Replies) -> Option<String> {
    match replies.next_value() {
        Ok(Value::SimpleString(name)) => Some(name),
        Ok(Value::BulkString(name)) => String::from_utf8(name).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(next: u64, keys: &[&str]) -> Reply {
        let keys = keys.iter().map(|key| Value::BulkString(key.as_bytes().to_vec())).collect();
        Ok(Value::Array(vec![Value::BulkString(next.to_string().into_bytes()), Value::Array(keys)]))
    }

    fn types(names: &[&str]) -> Replies {
        Replies::new(names.iter().map(|name| Ok(Value::SimpleString((*name).into()))).collect())
    }

    #[test]
    fn a_sweep_ends_when_every_node_is_through_and_rests() {
        let mut discovery = Discovery::new(None);
        assert_eq!(discovery.scans(2).iter().flatten().count(), 2);
        discovery.scanned(0, page(0, &[]));
        discovery.scanned(1, page(77, &[]));
        let scans = discovery.scans(2);
        assert!(scans[0].is_none());
        let packed = scans[1].as_ref().unwrap().get_packed_command();
        let packed = String::from_utf8_lossy(&packed).into_owned();
        assert!(packed.contains("77") && packed.contains("*:[mi]*[ad]"), "{packed}");
        assert!(!discovery.is_complete());
        discovery.scanned(1, page(0, &[]));
        assert!(discovery.is_complete());
        assert_eq!(discovery.scans(2).iter().flatten().count(), 0, "it rests");
    }

    #[test]
    fn only_what_looks_like_a_queue_becomes_a_candidate() {
        let mut discovery = Discovery::new(None);
        discovery.scans(1);
        discovery.scanned(
            0,
            page(
                0,
                &[
                    "bull:mail:meta",
                    "user:7:id",
                    "x:meta",
                    "a:b:metadata",
                    "q:t:id",
                    "bull:mail:meta",
                ],
            ),
        );
        let mut plan = Plan::default();
        discovery.ask_types(&mut plan);
        assert_eq!(plan.len(), 6, "three keys, two types each");
        let found =
            discovery.candidates(&mut types(&["hash", "stream", "string", "none", "hash", "none"]));
        assert_eq!(found.len(), 2);
        assert_eq!((&*found[0].base, found[0].has_event_stream), (&b"bull:mail"[..], true));
        assert_eq!((&*found[1].base, found[1].has_event_stream), (&b"user:7"[..], false));
    }

    #[test]
    fn a_million_keys_that_look_like_queues_are_bounded() {
        let mut discovery = Discovery::new(None);
        discovery.scans(1);
        for page_number in 0..300_u64 {
            let keys: Vec<String> =
                (0..1_000).map(|key| format!("user:{}:id", page_number * 1_000 + key)).collect();
            discovery.scanned(
                0,
                page(page_number + 1, &keys.iter().map(String::as_str).collect::<Vec<_>>()),
            );
        }
        assert!(discovery.pending.len() <= MOST_PENDING && discovery.known.len() <= MOST_KNOWN);
        let mut plan = Plan::default();
        discovery.ask_types(&mut plan);
        assert_eq!(plan.len(), 2 * TYPES_A_POLL);
        assert!(discovery.scans(1)[0].is_none(), "no new keys while so many wait");
    }

    #[test]
    fn a_forbidden_scan_ends_the_search() {
        let mut discovery = Discovery::new(Some("shop"));
        discovery.scans(1);
        discovery.scanned(0, Err(ReplyError::Forbidden("NOPERM".into())));
        assert!(discovery.is_forbidden() && !discovery.is_busy());
    }
}
