//! A name server that knows one service, whose servers a test lists.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Answers SRV with ports of `host.test`, A of `host.test` with 127.0.0.1, and everything else with nothing; ends when dropped.
pub struct NameServer {
    port: u16,
    ports: Arc<Mutex<Vec<u16>>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

const SRV: u16 = 33;
const A: u16 = 1;

impl NameServer {
    /// One whose `_http._tcp.shop.test` has these ports.
    ///
    /// # Panics
    /// Where no port is free.
    #[must_use]
    pub fn start(ports: &[u16]) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = socket.local_addr().expect("it is bound").port();
        let pause = Some(Duration::from_millis(50));
        socket.set_read_timeout(pause).expect("a pause is allowed");
        let (ports, ended) =
            (Arc::new(Mutex::new(ports.to_vec())), Arc::new(AtomicBool::new(false)));
        let (own, end) = (Arc::clone(&ports), Arc::clone(&ended));
        let thread = std::thread::spawn(move || {
            let mut query = [0; 512];
            while !end.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut query) else { continue };
                if let Some(answer) =
                    answer(&query[..length], &own.lock().expect("no holder panics"))
                {
                    drop(socket.send_to(&answer, from));
                }
            }
        });
        Self { port, ports, ended, thread: Some(thread) }
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Lists these from now on.
    pub fn set(&self, ports: &[u16]) {
        *self.ports.lock().expect("no holder panics") = ports.to_vec();
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// A name as the DNS writes it: each word after its length.
fn name(text: &str) -> Vec<u8> {
    let word = |word: &str| [&[word.len() as u8], word.as_bytes()].concat();
    let words = text.split('.').map(word).collect::<Vec<_>>().concat();
    [words, vec![0]].concat()
}

fn answer(query: &[u8], ports: &[u16]) -> Option<Vec<u8>> {
    // The question begins behind the header of 12 bytes and ends 4 bytes behind its name.
    let end = 12 + query.get(12..)?.iter().position(|byte| *byte == 0)? + 1;
    let question = query.get(12..end + 4)?;
    let kind = u16::from_be_bytes([query[end], query[end + 1]]);
    let asked = query[12..end].to_ascii_lowercase();
    let record = |data: Vec<u8>| {
        let head = [&[0xc0, 12][..], &kind.to_be_bytes(), &[0, 1, 0, 0, 0, 0]].concat();
        [head, (data.len() as u16).to_be_bytes().to_vec(), data].concat()
    };
    let records: Vec<Vec<u8>> = match kind {
        SRV if asked == name("_http._tcp.shop.test") => {
            let srv = |port: &u16| {
                record([&[0, 1, 0, 1][..], &port.to_be_bytes(), &name("host.test")].concat())
            };
            ports.iter().map(srv).collect()
        }
        A if asked == name("host.test") => vec![record(vec![127, 0, 0, 1])],
        _ => Vec::new(),
    };
    let counts = [0, 1, 0, records.len() as u8, 0, 0, 0, 0];
    let head = [&query[..2], &[0x85, 0x80], &counts].concat();
    Some([head, question.to_vec(), records.concat()].concat())
}
