//! The brokers' truth: what Redis itself did, command by command, and when.
//!
//! `MONITOR` tells of every command in the order in which Redis ran it, those inside of Lua scripts included. It is
//! much too expensive for Vigie, and just right for a test: it says exactly which transition came before Vigie's
//! subscription or its first look at a counter, and which after. BullMQ's own event streams say the same of BullMQ.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use vigie_testkit::RedisServer;

use crate::scene::eventually;

/// Unix milliseconds, now.
pub fn now_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64() * 1e3
}

/// Something that Redis did.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// When, by the clock of Redis, in Unix milliseconds.
    pub at: f64,
    /// How much later somebody who listens on this machine heard of it.
    pub lag: f64,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// A place that the test has marked.
    Mark(String),
    /// Vigie has subscribed to the first of the patterns of what Bull publishes.
    VigieBegins,
    /// Vigie has subscribed to all that Bull publishes: the last of its patterns.
    VigieListens,
    /// Vigie has read the counters of an asynq queue.
    VigieCounts(String),
    /// A task of an asynq queue was enqueued, an attempt ended, a failed attempt was counted.
    AsynqNew(String),
    AsynqProcessed(String),
    AsynqFailed(String),
    /// A job of Bull or BullMQ.
    Job {
        queue: String,
        job: String,
        step: Step,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Added, with this type; by the producer's clock at that time, if it says so.
    Added(String, Option<f64>),
    /// The library's own time of what happened last (its start) or what happens next (its end), in Unix
    /// milliseconds: taken by the worker before it asked Redis.
    Stamp(f64),
    /// To run at this time (Unix milliseconds); the end of an attempt if one is under way.
    Delayed(f64),
    Waiting,
    Active,
    Completed,
    Failed,
    Stalled,
}

/// Listens to `MONITOR`; ends when dropped.
pub struct Tape {
    entries: Arc<Mutex<Vec<Entry>>>,
    connection: TcpStream,
}

impl Tape {
    pub fn start(port: u16) -> Self {
        let mut connection = TcpStream::connect(("127.0.0.1", port)).unwrap();
        connection.write_all(b"MONITOR\r\n").unwrap();
        let mut reader = BufReader::with_capacity(1 << 20, connection.try_clone().unwrap());
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert_eq!(line, "+OK\r\n");
        let entries = Arc::new(Mutex::new(Vec::new()));
        let theirs = Arc::clone(&entries);
        std::thread::spawn(move || {
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
                let heard = now_ms();
                if let Some(entry) = read(&String::from_utf8_lossy(&line), heard) {
                    theirs.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
                }
                line.clear();
            }
        });
        Self { entries, connection }
    }

    pub fn entries(&self) -> Vec<Entry> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Marks this moment, and says which place on the tape that is.
    pub fn mark(&self, server: &RedisServer) -> usize {
        let word = format!("ledger-{}", now_ms());
        server.run(&["ECHO", &word]);
        let mark = What::Mark(word);
        eventually("the tape has come so far", 20, || {
            self.entries().iter().rposition(|one| one.what == mark)
        })
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        drop(self.connection.shutdown(Shutdown::Both));
    }
}

/// `+1795453073.197885 [0 lua] "PUBLISH" "bull:pdf:completed" "{…}"`
fn read(line: &str, heard: f64) -> Option<Entry> {
    let (time, rest) = line.strip_prefix('+')?.split_once(" [")?;
    let (origin, words) = rest.split_once("] ")?;
    let in_script = origin.ends_with(" lua");
    let interesting = if in_script {
        ["\"PUBLISH\"", "\"ZADD\"", "\"HMSET\"", "\"HSET\"", "\"INCR\""]
            .iter()
            .any(|word| words.starts_with(word))
    } else {
        ["\"PSUBSCRIBE\"", "\"MGET\"", "\"ECHO\""].iter().any(|word| words.starts_with(word))
    };
    if !interesting {
        return None;
    }
    let words = split(words);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let what = if in_script { in_a_script(&words)? } else { of_vigie(&words)? };
    let at = time.parse::<f64>().ok()? * 1e3;
    Some(Entry { at, lag: heard - at, what })
}

fn of_vigie(words: &[&str]) -> Option<What> {
    match words {
        ["ECHO", word] => Some(What::Mark((*word).to_owned())),
        ["PSUBSCRIBE", "bull:*:waiting@*"] => Some(What::VigieBegins),
        ["PSUBSCRIBE", "bull:*:drained"] => Some(What::VigieListens),
        ["MGET", key, ..] => Some(What::VigieCounts(
            key.strip_prefix("asynq:{")?.strip_suffix("}:paused")?.to_owned(),
        )),
        _ => None,
    }
}

fn in_a_script(words: &[&str]) -> Option<What> {
    if let ["INCR", key] = words {
        let (queue, counter) = key.strip_prefix("asynq:{")?.split_once("}:")?;
        return match counter {
            "processed" => Some(What::AsynqProcessed(queue.to_owned())),
            "failed" => Some(What::AsynqFailed(queue.to_owned())),
            _ => None,
        };
    }
    if let ["HSET", key, "msg", _, "state", "pending" | "scheduled", ..] = words {
        let (queue, _) = key.strip_prefix("asynq:{")?.split_once("}:t:")?;
        return Some(What::AsynqNew(queue.to_owned()));
    }
    let (queue, rest) = words.get(1)?.strip_prefix("bull:")?.split_once(':')?;
    let (job, step) = match (words, rest.split('@').next()?) {
        (["HMSET", _, "name", name, .., "timestamp", at, "delay", _, "priority", _], job) => {
            (job, Step::Added((*name).to_owned(), at.parse().ok()))
        }
        (["HSET", _, "processedOn", at], job) => (job, Step::Stamp(at.parse().ok()?)),
        (["ZADD", _, at, job], "completed" | "failed") => (*job, Step::Stamp(at.parse().ok()?)),
        // The low 12 bits of the score belong to the id.
        (["ZADD", _, score, job], "delayed") => {
            (*job, Step::Delayed((score.parse::<f64>().ok()? / 4_096.0).floor()))
        }
        (["PUBLISH", _, job], "waiting") => (*job, Step::Waiting),
        (["PUBLISH", _, job], "active") => (*job, Step::Active),
        (["PUBLISH", _, job], "stalled") => (*job, Step::Stalled),
        (["PUBLISH", _, message], "completed") => return ended(queue, message, Step::Completed),
        (["PUBLISH", _, message], "failed") => return ended(queue, message, Step::Failed),
        _ => return None,
    };
    Some(What::Job { queue: queue.to_owned(), job: job.to_owned(), step })
}

fn ended(queue: &str, message: &str, step: Step) -> Option<What> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    Some(What::Job { queue: queue.to_owned(), job: message["jobId"].as_str()?.to_owned(), step })
}

/// `"PUBLISH" "a\"b"`, as `MONITOR` quotes its words.
fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = text.chars();
    while let Some(one) = characters.next() {
        match (&mut word, one) {
            (None, '"') => word = Some(String::new()),
            (None, _) => {}
            (Some(_), '"') => words.extend(word.take()),
            (Some(open), '\\') => match characters.next() {
                Some('n') => open.push('\n'),
                Some('x') => {
                    open.push('?');
                    let _ = (characters.next(), characters.next());
                }
                Some(other) => open.push(other),
                None => {}
            },
            (Some(open), other) => open.push(other),
        }
    }
    words
}

/// Everything in the event streams of BullMQ's queues, by time.
pub fn bullmq_streams(server: &RedisServer, queues: &[&str]) -> Vec<Entry> {
    let mut admin = server.admin();
    let mut entries = Vec::new();
    for queue in queues {
        let key = format!("bull:{queue}:events");
        let stream: Vec<(String, Vec<String>)> =
            redis::cmd("XRANGE").arg(&key).arg("-").arg("+").query(&mut admin).unwrap();
        for (id, fields) in stream {
            let at: f64 = id.split('-').next().unwrap().parse().unwrap();
            let field = |name: &str| {
                fields.chunks_exact(2).find(|pair| pair[0] == name).map(|pair| pair[1].clone())
            };
            let step = match field("event").as_deref() {
                Some("added") => Step::Added(field("name").unwrap(), None),
                Some("delayed") => Step::Delayed(field("delay").unwrap().parse().unwrap()),
                Some("waiting") => Step::Waiting,
                Some("active") => Step::Active,
                Some("completed") => Step::Completed,
                Some("failed") => Step::Failed,
                Some("stalled") => Step::Stalled,
                _ => continue,
            };
            let what = What::Job { queue: (*queue).to_owned(), job: field("jobId").unwrap(), step };
            entries.push(Entry { at, lag: 0.0, what });
        }
    }
    // Stable: entries of one millisecond stay in the order of their stream.
    entries.sort_by(|one, two| one.at.total_cmp(&two.at));
    entries
}
