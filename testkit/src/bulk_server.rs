//! A fake of Elasticsearch's `_bulk`: strict about what it is asked, faithful in what it answers, and it fails as it is told.
//!
//! It is a fake: what a real node does, the tests against [`crate::OpenSearch`] say.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use crate::accept;

/// No connection is silent for longer than this.
const LONGEST: Duration = Duration::from_secs(30);

/// One document of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct BulkDocument {
    /// Its `_id`.
    pub id: String,
    /// The document.
    pub source: Value,
}

/// How a request is answered.
#[derive(Debug, Clone, PartialEq)]
pub enum BulkReply {
    /// As Elasticsearch does when all is well: 201 for each that is new, 409 for each that is there.
    Obey,
    /// The same, but these documents (by their place) get this status, and are not taken.
    Items(Vec<(usize, u16)>),
    /// Nothing is taken: a status, headers as they are written, and a body.
    Refuse(u16, Vec<String>, String),
    /// All are taken, and this is answered with status 200.
    TakeAndSay(String),
    /// All are taken, and the connection is closed in the middle of the answer.
    TakeAndDie,
    /// All are taken, and there is no answer.
    TakeAndHang,
    /// Nothing is taken; a body without an end.
    Endless,
    /// Nothing is taken; bytes that are no HTTP.
    Garbage,
}

type Behaviour = dyn Fn(usize, &[BulkDocument]) -> BulkReply + Send + Sync;

#[derive(Default)]
struct Held {
    documents: BTreeMap<String, Value>,
    /// How often each was taken or found to be there.
    times: BTreeMap<String, usize>,
    templates: BTreeMap<String, Value>,
    wrong: Vec<String>,
    heads: Vec<String>,
    largest: usize,
}

struct Shared {
    behaviour: Mutex<Box<Behaviour>>,
    held: Mutex<Held>,
    requests: AtomicUsize,
    ended: AtomicBool,
}

/// The fake, on a port of 127.0.0.1; ends when dropped.
pub struct BulkServer {
    port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl BulkServer {
    /// One that obeys.
    #[must_use]
    pub fn start() -> Self {
        Self::on(0)
    }

    /// The same on this port, for one that comes back.
    #[must_use]
    pub fn on(port: u16) -> Self {
        let shared = Arc::new(Shared {
            behaviour: Mutex::new(Box::new(|_, _| BulkReply::Obey)),
            held: Mutex::default(),
            requests: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
        });
        let ended = |shared: &Shared| shared.ended.load(Ordering::Relaxed);
        let (port, thread) = accept::each(port, &shared, ended, Shared::serve);
        Self { port, shared, thread: Some(thread) }
    }

    /// Behaves so from now on; it is told the number of the `_bulk` request, from 0, and its documents.
    pub fn behave(
        &self,
        behaviour: impl Fn(usize, &[BulkDocument]) -> BulkReply + Send + Sync + 'static,
    ) {
        *self.shared.behaviour.lock().expect("no holder panics") = Box::new(behaviour);
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `http://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn held<T>(&self, read: impl FnOnce(&Held) -> T) -> T {
        read(&self.shared.held.lock().expect("no holder panics"))
    }

    /// The documents by `_id`.
    #[must_use]
    pub fn documents(&self) -> BTreeMap<String, Value> {
        self.held(|held| held.documents.clone())
    }

    /// How often documents came that were there already.
    #[must_use]
    pub fn repeats(&self) -> usize {
        self.held(|held| held.times.values().map(|times| times - 1).sum())
    }

    /// The index templates that were put there, by name.
    #[must_use]
    pub fn templates(&self) -> BTreeMap<String, Value> {
        self.held(|held| held.templates.clone())
    }

    /// What was wrong with requests, as the published API has them; to be empty.
    #[must_use]
    pub fn wrong(&self) -> Vec<String> {
        self.held(|held| held.wrong.clone())
    }

    /// The heads of all requests.
    #[must_use]
    pub fn heads(&self) -> Vec<String> {
        self.held(|held| held.heads.clone())
    }

    /// Bytes of the largest `_bulk` body.
    #[must_use]
    pub fn largest(&self) -> usize {
        self.held(|held| held.largest)
    }

    /// `_bulk` requests so far.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::Relaxed)
    }
}

impl Drop for BulkServer {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        // It waits for a connection: this is the last.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(LONGEST))?;
        stream.set_write_timeout(Some(LONGEST))?;
        let mut out = stream.try_clone()?;
        let mut reader = BufReader::new(stream);
        while let Some((head, body)) = accept::request(&mut reader)? {
            let last = head.lines().next().is_some_and(|line| line.ends_with("HTTP/1.0"));
            if self.ended.load(Ordering::Relaxed) || !self.answer(&mut out, &head, &body)? || last {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Answers; whether the connection goes on.
    fn answer(&self, out: &mut TcpStream, head: &str, body: &[u8]) -> io::Result<bool> {
        let mut words = head.split_whitespace();
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let path = target.split('?').next().unwrap_or_default();
        let mut held = self.held.lock().expect("no holder panics");
        held.heads.push(head.to_owned());
        match (method, path) {
            ("GET", "/") => {
                drop(held);
                let root =
                    json!({"name": "fake", "version": {"number": "8.0.0"}, "tagline": "a fake"});
                return plain(out, 200, &[], &root.to_string());
            }
            ("PUT", path) if path.starts_with("/_index_template/") => {
                let name = path.trim_start_matches("/_index_template/").to_owned();
                let template = serde_json::from_slice(body).unwrap_or_default();
                held.templates.insert(name, template);
                drop(held);
                return plain(out, 200, &[], "{\"acknowledged\":true}");
            }
            ("POST" | "PUT", path) if path.ends_with("/_bulk") => {}
            _ => {
                held.wrong.push(format!("there is no {method} {path}"));
                drop(held);
                return plain(out, 405, &[], "{\"error\":\"no such thing\",\"status\":405}");
            }
        }
        held.largest = held.largest.max(body.len());
        let documents = match documents(head, body) {
            Ok(documents) => documents,
            Err(why) => {
                held.wrong.push(why.clone());
                drop(held);
                return plain(out, 400, &[], &json!({"error": why, "status": 400}).to_string());
            }
        };
        drop(held);
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let reply = self.behaviour.lock().expect("no holder panics")(number, &documents);
        self.reply(out, reply, documents)
    }

    fn reply(
        &self,
        out: &mut TcpStream,
        reply: BulkReply,
        documents: Vec<BulkDocument>,
    ) -> io::Result<bool> {
        match reply {
            BulkReply::Obey => plain(out, 200, &[], &self.take(documents, &[]).to_string()),
            BulkReply::Items(told) => {
                plain(out, 200, &[], &self.take(documents, &told).to_string())
            }
            BulkReply::Refuse(status, headers, body) => plain(out, status, &headers, &body),
            BulkReply::TakeAndSay(body) => {
                self.take(documents, &[]);
                plain(out, 200, &[], &body)
            }
            BulkReply::TakeAndDie => {
                let answer = self.take(documents, &[]).to_string();
                let half = &answer[..answer.len() / 2];
                write!(out, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{half}", answer.len())?;
                Ok(false)
            }
            BulkReply::TakeAndHang => {
                self.take(documents, &[]);
                let begun = std::time::Instant::now();
                while begun.elapsed() < LONGEST && !self.ended.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Ok(false)
            }
            BulkReply::Endless => {
                out.write_all(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"items\":[",
                )?;
                while !self.ended.load(Ordering::Relaxed) {
                    out.write_all(&[b' '; 64 * 1024])?;
                }
                Ok(false)
            }
            BulkReply::Garbage => {
                out.write_all(b"\x16\x03\x01 no HTTP at all\r\n\r\n")?;
                Ok(false)
            }
        }
    }

    /// Takes documents, and says so as Elasticsearch does.
    fn take(&self, documents: Vec<BulkDocument>, told: &[(usize, u16)]) -> Value {
        let mut held = self.held.lock().expect("no holder panics");
        let mut errors = false;
        let mut items = Vec::new();
        for (place, document) in documents.into_iter().enumerate() {
            let given = told.iter().find(|(which, _)| *which == place).map(|(_, status)| *status);
            let there = held.documents.contains_key(&document.id);
            let status = given.unwrap_or(if there { 409 } else { 201 });
            if given.is_none() {
                *held.times.entry(document.id.clone()).or_default() += 1;
                held.documents.entry(document.id).or_insert(document.source);
            }
            errors |= status >= 300;
            items.push(match status {
                201 => json!({"create": {"status": 201}}),
                409 => json!({"create": {"status": 409, "error": {"type": "version_conflict_engine_exception"}}}),
                status => json!({"create": {"status": status, "error": {"type": "told_exception", "reason": "so it was told"}}}),
            });
        }
        json!({"errors": errors, "items": items})
    }
}

/// An answer; the connection goes on.
fn plain(out: &mut TcpStream, status: u16, headers: &[String], body: &str) -> io::Result<bool> {
    let mut head = format!("HTTP/1.1 {status} Told\r\nContent-Type: application/json\r\n");
    headers.iter().for_each(|line| head.push_str(&format!("{line}\r\n")));
    write!(out, "{head}Content-Length: {}\r\n\r\n{body}", body.len())?;
    Ok(true)
}

/// The documents of a body, as the API wants it: NDJSON of pairs, `create` with an `_id` of its own, a time in each.
fn documents(head: &str, body: &[u8]) -> Result<Vec<BulkDocument>, String> {
    let lower = head.to_ascii_lowercase();
    let kind = lower.lines().find_map(|line| line.strip_prefix("content-type:").map(str::trim));
    if !matches!(kind, Some("application/x-ndjson" | "application/json")) {
        return Err(format!("the content type is {kind:?}"));
    }
    let text = std::str::from_utf8(body).map_err(|error| format!("the body: {error}"))?;
    let Some(text) = text.strip_suffix('\n') else {
        return Err("the body does not end with a newline".to_owned());
    };
    let lines: Vec<&str> = text.split('\n').collect();
    if !lines.len().is_multiple_of(2) {
        return Err(format!("{} lines are no pairs", lines.len()));
    }
    let mut documents = Vec::new();
    for pair in lines.chunks(2) {
        let parse = |line: &str| -> Result<Value, String> {
            serde_json::from_str(line).map_err(|error| format!("{line:?}: {error}"))
        };
        let (action, source) = (parse(pair[0])?, parse(pair[1])?);
        let only = action.as_object().filter(|action| action.len() == 1);
        let create = only.and_then(|action| action.get("create")).and_then(Value::as_object);
        let Some(id) =
            create.filter(|create| create.len() == 1).and_then(|create| create.get("_id"))
        else {
            return Err(format!("a data stream takes create with an _id, not {action}"));
        };
        let Some(id) = id.as_str().filter(|id| !id.is_empty() && id.len() <= 512) else {
            return Err(format!("{id} is no _id"));
        };
        let time = source["@timestamp"].as_str().unwrap_or_default();
        if !(time.len() >= 20 && time.ends_with('Z') && time.as_bytes()[10] == b'T') {
            return Err(format!("{:?} is no @timestamp", source["@timestamp"]));
        }
        if documents.iter().any(|other: &BulkDocument| other.id == id) {
            return Err(format!("the _id {id} is twice in one request"));
        }
        documents.push(BulkDocument { id: id.to_owned(), source });
    }
    Ok(documents)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http_post;

    #[test]
    fn it_is_strict_and_answers_as_the_api_does() {
        let server = BulkServer::start();
        let post = |kind: &str, body: &str| {
            http_post(server.port(), "/logs-a-b/_bulk", &[("Content-Type", kind)], body.as_bytes())
                .unwrap()
        };
        const JSON: &str = "application/x-ndjson";
        let document = "{\"create\":{\"_id\":\"a\"}}\n{\"@timestamp\":\"2026-11-23T14:03:39Z\"}\n";
        assert_eq!(
            post(JSON, document).body,
            r#"{"errors":false,"items":[{"create":{"status":201}}]}"#
        );
        assert!(post(JSON, document).body.contains("409"));
        assert_eq!((server.documents().len(), server.repeats(), server.wrong().len()), (1, 1, 0));
        for (kind, body) in [
            ("text/plain", document.to_owned()),
            (JSON, document.trim_end().to_owned()),
            (JSON, document.replace("create", "index")),
            (JSON, document.replace("@timestamp", "time")),
            (JSON, "{\"create\":{\"_id\":\"a\"}}\n".to_owned()),
            (JSON, format!("{document}{document}")),
            (JSON, document.replace(":{\"_id\":\"a\"}", ":{}")),
        ] {
            assert_eq!(post(kind, &body).status, 400, "{body}");
        }
        assert_eq!((server.documents().len(), server.wrong().len()), (1, 7));
    }
}
