//! A tiny HTTP server that behaves as a test tells it to: well, badly, slowly, or hostile.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::accept;

/// No connection is served for longer than this.
const LONGEST: Duration = Duration::from_secs(20);

/// How a path is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebAnswer {
    /// A status, headers as they are written, and a body.
    Plain {
        /// The status.
        status: u16,
        /// Lines such as `Content-Type: text/plain`.
        headers: Vec<String>,
        /// The body.
        body: Vec<u8>,
    },
    /// The answer after a pause.
    After(Duration, Box<Self>),
    /// A body that never ends, as fast as it is read.
    Endless,
    /// A body of one byte each so often.
    Drip(Duration),
    /// Bytes that are no HTTP.
    Garbage,
    /// No answer: the connection is closed.
    Close,
    /// No answer: the connection stays open.
    Silence,
}

impl WebAnswer {
    /// Status 200 with this content type.
    #[must_use]
    pub fn ok(kind: &str, body: &str) -> Self {
        let headers = vec![format!("Content-Type: {kind}")];
        Self::Plain { status: 200, headers, body: body.as_bytes().to_vec() }
    }

    /// Another status, with a text that says why.
    #[must_use]
    pub fn status(status: u16, says: &str) -> Self {
        let headers = vec!["Content-Type: text/plain".to_owned()];
        Self::Plain { status, headers, body: says.as_bytes().to_vec() }
    }

    /// A redirect.
    #[must_use]
    pub fn redirect(to: &str) -> Self {
        Self::Plain { status: 302, headers: vec![format!("Location: {to}")], body: Vec::new() }
    }

    /// The same after a pause.
    #[must_use]
    pub fn after(self, pause: Duration) -> Self {
        Self::After(pause, Box::new(self))
    }
}

/// A server on a port of 127.0.0.1; what it serves can be changed; ends when dropped.
pub struct WebServer {
    port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    answers: Mutex<BTreeMap<String, WebAnswer>>,
    /// The heads of the requests so far.
    heads: Mutex<Vec<String>>,
    answered: AtomicUsize,
    ended: AtomicBool,
}

impl WebServer {
    /// Answers every path with `ok`, on a free port.
    #[must_use]
    pub fn start() -> Self {
        Self::on(0)
    }

    /// The same on this port, for one that comes back.
    #[must_use]
    pub fn on(port: u16) -> Self {
        let shared = Arc::new(Shared::default());
        let ended = |shared: &Shared| shared.ended.load(Ordering::Relaxed);
        let (port, thread) = accept::each(port, &shared, ended, Shared::serve);
        Self { port, shared, thread: Some(thread) }
    }

    /// Answers this path so from now on, whatever its query, unless that has an answer of its own; `*` is every other path.
    pub fn set(&self, path: &str, answer: WebAnswer) {
        self.shared.answers.lock().expect("no holder panics").insert(path.to_owned(), answer);
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `127.0.0.1:port`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `http://127.0.0.1:port` and a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// The request lines and headers of every request so far.
    #[must_use]
    pub fn heads(&self) -> Vec<String> {
        self.shared.heads.lock().expect("no holder panics").clone()
    }

    /// How many requests it has begun to answer.
    #[must_use]
    pub fn answered(&self) -> usize {
        self.shared.answered.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(LONGEST))?;
        stream.set_write_timeout(Some(LONGEST))?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut head = String::new();
        while reader.read_line(&mut head)? > 2 {}
        let target = head.split_whitespace().nth(1).unwrap_or_default().to_owned();
        let path = target.split('?').next().unwrap_or_default().to_owned();
        self.heads.lock().expect("no holder panics").push(head);
        let answers = self.answers.lock().expect("no holder panics");
        let known = [&*target, &*path, "*"].iter().find_map(|place| answers.get(*place)).cloned();
        drop(answers);
        self.answered.fetch_add(1, Ordering::Relaxed);
        self.answer(&stream, known.unwrap_or_else(|| WebAnswer::ok("text/plain", "ok\n")))
    }

    fn answer(&self, mut stream: &TcpStream, answer: WebAnswer) -> std::io::Result<()> {
        const ENDLESS: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n";
        match answer {
            WebAnswer::Plain { status, headers, body } => {
                let mut head = format!("HTTP/1.1 {status} Told\r\nConnection: close\r\n");
                head.push_str(&format!("Content-Length: {}\r\n", body.len()));
                headers.iter().for_each(|line| head.push_str(&format!("{line}\r\n")));
                stream.write_all(&[head.as_bytes(), b"\r\n", &body].concat())
            }
            WebAnswer::After(pause, then) => {
                self.wait(pause);
                self.answer(stream, *then)
            }
            WebAnswer::Endless => {
                stream.write_all(ENDLESS)?;
                while !self.ended.load(Ordering::Relaxed) {
                    stream.write_all(&[b'x'; 64 * 1024])?;
                }
                Ok(())
            }
            WebAnswer::Drip(pause) => {
                stream.write_all(ENDLESS)?;
                while !self.ended.load(Ordering::Relaxed) {
                    stream.write_all(b"x")?;
                    self.wait(pause);
                }
                Ok(())
            }
            WebAnswer::Garbage => stream.write_all(b"\x16\x03\x01 no HTTP at all\r\n\r\n"),
            WebAnswer::Close => Ok(()),
            WebAnswer::Silence => {
                self.wait(LONGEST);
                Ok(())
            }
        }
    }

    /// Waits, but not beyond the end of the server.
    fn wait(&self, pause: Duration) {
        let begun = std::time::Instant::now();
        while begun.elapsed() < pause && !self.ended.load(Ordering::Relaxed) {
            std::thread::sleep((pause - begun.elapsed().min(pause)).min(Duration::from_millis(20)));
        }
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        // It waits for a connection: this is the last.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
