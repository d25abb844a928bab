//! A way to Redis that counts what passes: commands by name, round trips and bytes.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::ops::{AddAssign, Sub};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};

use super::resp::{Frames, Seen};

/// Commands of connections that wait for news instead of asking.
const WAITING: [&str; 4] = ["XREAD", "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"];

/// What passed on some connections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    pub commands: BTreeMap<String, u64>,
    /// Times that a connection with no answer due sent something: it then waits for Redis.
    pub round_trips: u64,
    pub bytes_out: u64,
    pub bytes_in: u64,
}

impl Traffic {
    pub fn all_commands(&self) -> u64 {
        self.commands.values().sum()
    }
}

impl AddAssign<&Self> for Traffic {
    fn add_assign(&mut self, other: &Self) {
        for (name, count) in &other.commands {
            *self.commands.entry(name.clone()).or_default() += count;
        }
        self.round_trips += other.round_trips;
        self.bytes_out += other.bytes_out;
        self.bytes_in += other.bytes_in;
    }
}

impl Sub<&Self> for Traffic {
    type Output = Self;

    /// What passed since then.
    fn sub(mut self, before: &Self) -> Self {
        for (name, count) in &before.commands {
            if let Some(own) = self.commands.get_mut(name) {
                *own -= count;
            }
        }
        self.commands.retain(|_, count| *count > 0);
        self.round_trips -= before.round_trips;
        self.bytes_out -= before.bytes_out;
        self.bytes_in -= before.bytes_in;
        self
    }
}

/// What passed, apart by what a connection is for.
#[derive(Clone, Debug, Default)]
pub struct Counted {
    /// Connections that ask.
    pub polls: Traffic,
    /// Connections that wait for news: blocking reads and subscriptions.
    pub readers: Traffic,
}

/// One connection.
#[derive(Default)]
struct Connection {
    traffic: Traffic,
    requests: Frames,
    answers: Frames,
    /// Answers that are due.
    due: u64,
    reader: bool,
}

impl Connection {
    fn sent(&mut self, bytes: &[u8]) {
        self.traffic.bytes_out += bytes.len() as u64;
        for seen in self.requests.feed(bytes) {
            match seen {
                Seen::Began => {
                    self.traffic.round_trips += u64::from(self.due == 0);
                    self.due += 1;
                }
                Seen::Word(name) => {
                    self.reader |= WAITING.contains(&name.as_str());
                    *self.traffic.commands.entry(name).or_default() += 1;
                }
                Seen::Ended => {}
            }
        }
    }

    fn answered(&mut self, bytes: &[u8]) {
        self.traffic.bytes_in += bytes.len() as u64;
        let ended = self.answers.feed(bytes).into_iter().filter(|seen| *seen == Seen::Ended);
        // News of a subscription answers nothing.
        self.due = self.due.saturating_sub(ended.count() as u64);
    }
}

type Connections = Arc<Mutex<Vec<Arc<Mutex<Connection>>>>>;

/// The way itself; it stands until it is dropped, its connections until either side ends them.
pub struct Proxy {
    port: u16,
    connections: Connections,
    stopped: Arc<AtomicBool>,
}

impl Proxy {
    /// Listens on a free loopback port and leads to the Redis on this one.
    pub fn start(redis: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("a port to count on")?;
        let port = listener.local_addr().context("a port to count on")?.port();
        let connections = Connections::default();
        let stopped = Arc::new(AtomicBool::new(false));
        let (all, stop) = (Arc::clone(&connections), Arc::clone(&stopped));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                // A client whose way does not open sees it closed, and says so.
                let _refused = lead(client, redis, &all);
            }
        });
        Ok(Self { port, connections, stopped })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// What passed so far.
    pub fn counted(&self) -> Counted {
        let mut all = Counted::default();
        for connection in lock(&self.connections).iter() {
            let connection = lock(connection);
            let kind = if connection.reader { &mut all.readers } else { &mut all.polls };
            *kind += &connection.traffic;
        }
        all
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        let _woken = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens the way for one connection: a thread a direction, which ends with it.
fn lead(client: TcpStream, redis: u16, all: &Connections) -> std::io::Result<()> {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, redis))?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let connection = Arc::new(Mutex::new(Connection::default()));
    lock(all).push(Arc::clone(&connection));
    let (from_client, from_server) = (client.try_clone()?, server.try_clone()?);
    let other = Arc::clone(&connection);
    std::thread::spawn(move || {
        pass(from_client, server, |bytes| lock(&connection).sent(bytes));
    });
    std::thread::spawn(move || pass(from_server, client, |bytes| lock(&other).answered(bytes)));
    Ok(())
}

fn pass(mut from: TcpStream, mut to: TcpStream, mut note: impl FnMut(&[u8])) {
    let mut buffer = vec![0; 256 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        note(&buffer[..count]);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _closed = to.shutdown(Shutdown::Both);
    let _closed = from.shutdown(Shutdown::Both);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipeline_is_one_round_trip_and_two_questions_are_two() {
        let mut connection = Connection::default();
        connection.sent(b"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n");
        connection.answered(b"+PONG\r\n");
        connection.sent(b"*1\r\n$4\r\nTIME\r\n");
        connection.answered(b"+PONG\r\n*2\r\n$1\r\n1\r\n$1\r\n2\r\n");
        assert_eq!((connection.traffic.round_trips, connection.due), (1, 0));
        let before = connection.traffic.clone();
        connection.sent(b"*1\r\n$4\r\nTIME\r\n");
        let since = connection.traffic.clone() - &before;
        assert_eq!((since.round_trips, since.all_commands()), (1, 1));
        assert!(!connection.reader);
    }

    #[test]
    fn a_connection_that_subscribes_is_a_reader() {
        let mut connection = Connection::default();
        connection.sent(b"*2\r\n$10\r\npsubscribe\r\n$1\r\n*\r\n");
        assert!(connection.reader);
    }
}
