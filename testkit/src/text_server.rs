//! A server that answers everything with one text.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Answers every request with the same text, on a free port of 127.0.0.1; ends when dropped.
pub struct TextServer {
    port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    kind: String,
    text: Mutex<String>,
    answered: AtomicUsize,
    ended: AtomicBool,
}

impl TextServer {
    /// Serves `text` with this content type.
    #[must_use]
    pub fn start(kind: &str, text: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        let shared = Arc::new(Shared {
            kind: kind.to_owned(),
            text: Mutex::new(text.to_owned()),
            answered: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
        });
        let own = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if own.ended.load(Ordering::Relaxed) {
                    return;
                }
                // A client that went away needs no answer.
                drop(stream.and_then(|stream| own.answer(stream)));
            }
        });
        Self { port, shared, thread: Some(thread) }
    }

    /// Serves another text from now on.
    pub fn set(&self, text: &str) {
        text.clone_into(&mut self.shared.text.lock().expect("no holder panics"));
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many requests it has answered.
    #[must_use]
    pub fn answered(&self) -> usize {
        self.shared.answered.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut line = String::new();
        while reader.read_line(&mut line)? > 2 {
            line.clear();
        }
        let text = self.text.lock().expect("no holder panics").clone();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            self.kind,
            text.len()
        );
        stream.write_all(&[head.as_bytes(), text.as_bytes()].concat())?;
        self.answered.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for TextServer {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        // It waits for a connection: this is the last.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
