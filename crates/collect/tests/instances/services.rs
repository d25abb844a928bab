//! Replicas that the DNS lists under a service's name (SRV), asked of a name server of the test's own.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};
use vigie_model::InstanceStatus::Up;
use vigie_testkit::{WebAnswer, WebServer};

use crate::watch::go_api;

/// Answers SRV with ports of `host.test`, A of `host.test` with 127.0.0.1, and everything else with nothing; ends when dropped.
struct NameServer {
    port: u16,
    ports: Arc<Mutex<Vec<u16>>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

const SRV: u16 = 33;
const A: u16 = 1;

impl NameServer {
    fn start(ports: &[u16]) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = socket.local_addr().unwrap().port();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let (ports, ended) =
            (Arc::new(Mutex::new(ports.to_vec())), Arc::new(AtomicBool::new(false)));
        let (own, end) = (Arc::clone(&ports), Arc::clone(&ended));
        let thread = std::thread::spawn(move || {
            let mut query = [0; 512];
            while !end.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut query) else { continue };
                if let Some(answer) = answer(&query[..length], &own.lock().unwrap()) {
                    socket.send_to(&answer, from).unwrap();
                }
            }
        });
        Self { port, ports, ended, thread: Some(thread) }
    }

    fn set(&self, ports: &[u16]) {
        *self.ports.lock().unwrap() = ports.to_vec();
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

#[tokio::test]
async fn the_servers_of_a_service_are_replicas_and_are_asked_for_anew() {
    let (one, two) = (WebServer::start(), WebServer::start());
    for server in [&one, &two] {
        server.set("*", WebAnswer::status(404, "no"));
        server.set("/api/v1/metrics", WebAnswer::ok("application/json", r#"{"version": "1"}"#));
    }
    let names = NameServer::start(&[one.port()]);
    let config = |dns: &str| -> Value {
        json!({"dns": dns, "dns_server": format!("127.0.0.1:{}", names.port), "poll_seconds": 2})
    };
    let watch = go_api(config("_http._tcp.shop.test"));
    watch.statuses(&[(&one.address(), Up)]).await;
    names.set(&[two.port(), one.port(), one.port()]);
    let mut both = [one.address(), two.address()];
    both.sort();
    watch.statuses(&[(&both[0], Up), (&both[1], Up)]).await;
    names.set(&[two.port()]);
    watch.statuses(&[(&two.address(), Up)]).await;

    let (error, hint) = go_api(config("_http._tcp.nobody.test")).fault().await;
    let says = "_http._tcp.nobody.test: the DNS knows no servers of that service (SRV)";
    assert_eq!(error, says);
    assert!(hint.unwrap().contains("check the name"));
    let mut silent = config("_http._tcp.shop.test");
    let nobody = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    silent["dns_server"] = json!(nobody.local_addr().unwrap().to_string());
    let (error, _) = go_api(silent).fault().await;
    assert!(error.contains("the DNS does not answer"), "{error}");
}
