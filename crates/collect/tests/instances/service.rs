//! A service that serves its feeds as `docs/go-api.md` has it, from a ring of so many entries, and lives as often as a test wants.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

/// A service on a free port of 127.0.0.1; ends when dropped.
pub struct Service {
    pub port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    now: Mutex<Life>,
    ended: AtomicBool,
}

#[derive(Default)]
struct Life {
    boot: u64,
    ring: usize,
    feeds: BTreeMap<String, Ring>,
    /// Feeds whose answer takes so long.
    slow: BTreeMap<String, Duration>,
    /// The targets that were asked for.
    asked: Vec<String>,
}

#[derive(Default)]
struct Ring {
    next: u64,
    /// The texts of the entries kept.
    kept: Vec<(u64, String)>,
}

impl Service {
    /// With these feeds (`logs`, `events`, `jobs`) and room for so many entries in each.
    pub fn start(feeds: &[&str], ring: usize) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared::default());
        {
            let mut life = shared.now.lock().unwrap();
            (life.boot, life.ring) = (1, ring);
            life.feeds = feeds.iter().map(|feed| ((*feed).to_owned(), Ring::default())).collect();
        }
        let own = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if own.ended.load(Ordering::Relaxed) {
                    return;
                }
                let (own, Ok(stream)) = (Arc::clone(&own), stream) else { continue };
                std::thread::spawn(move || own.serve(stream));
            }
        });
        Self { port, shared, thread: Some(thread) }
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Adds an entry as this text stands in the page.
    pub fn write(&self, feed: &str, entry: &str) {
        let mut life = self.shared.now.lock().unwrap();
        let ring = life.ring;
        let feed = life.feeds.get_mut(feed).unwrap();
        feed.next += 1;
        feed.kept.push((feed.next, entry.to_owned()));
        if feed.kept.len() > ring {
            feed.kept.remove(0);
        }
    }

    /// A log line that says this.
    pub fn log(&self, message: &str) {
        let entry = json!({"time": "2026-11-25T20:00:00.000000000Z", "level": "info", "message": message, "queue": null, "fields": {"n": 1}});
        self.write("logs", &entry.to_string());
    }

    /// `kill -9` and a start: another boot, and empty rings.
    pub fn restart(&self) {
        let mut life = self.shared.now.lock().unwrap();
        life.boot += 1;
        life.feeds.values_mut().for_each(|ring| *ring = Ring::default());
    }

    /// Answers of this feed take so long from now on.
    pub fn slow(&self, feed: &str, pause: Duration) {
        self.shared.now.lock().unwrap().slow.insert(feed.to_owned(), pause);
    }

    /// The requests so far.
    pub fn asked(&self) -> Vec<String> {
        self.shared.now.lock().unwrap().asked.clone()
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        loop {
            let mut head = String::new();
            while reader.read_line(&mut head).is_ok_and(|bytes| bytes > 2) {}
            let Some(target) = head.split_whitespace().nth(1) else { return };
            let (status, body) = self.answer(target);
            let answer = format!(
                "HTTP/1.1 {status} Told\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            if (&stream).write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }

    fn answer(&self, target: &str) -> (u16, String) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let feed = path.strip_prefix("/api/v1/").unwrap_or_default();
        let pause = self.now.lock().unwrap().slow.get(feed).copied();
        std::thread::sleep(pause.unwrap_or_default());
        let mut life = self.now.lock().unwrap();
        life.asked.push(target.to_owned());
        let boot = format!("{:016x}", life.boot);
        if feed == "metrics" {
            return (200, json!({"boot": boot}).to_string());
        }
        let Some(ring) = life.feeds.get(feed) else { return (404, "{}".to_owned()) };
        let values = |name: &str| -> Vec<String> {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.filter(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).collect()
        };
        let cursors = values("after");
        let own = cursors.iter().find_map(|cursor| cursor.strip_prefix(&format!("{boot}-")));
        let after: u64 = own.map_or(0, |number| number.parse().unwrap());
        let limit: usize = values("limit")[0].parse().unwrap();
        let oldest = ring.kept.first().map_or(ring.next + 1, |(number, _)| *number);
        let missed = if own.is_some() { oldest.saturating_sub(after + 1) } else { 0 };
        let page: Vec<&(u64, String)> =
            ring.kept.iter().filter(|(number, _)| *number > after).take(limit).collect();
        let last = page.last().map_or(after.max(oldest - 1), |(number, _)| *number);
        let texts: Vec<&str> = page.iter().map(|(_, text)| text.as_str()).collect();
        let list = if feed == "logs" { "entries" } else { feed };
        let gap = missed > 0 || (!cursors.is_empty() && own.is_none());
        let head: Value = json!({
            "service": "test", "instance": "host:1", "boot": boot, "next": format!("{boot}-{last}"), "more": last < ring.next,
            "resumed": own.is_some(), "gap": gap, "missed": missed, "dropped_total": 0,
        });
        let head = head.to_string();
        (200, format!("{},\"{list}\":[{}]}}", head.trim_end_matches('}'), texts.join(",")))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        // It waits for a connection: this is the last.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
