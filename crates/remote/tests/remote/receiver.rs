//! A receiver of remote write that misbehaves as it is told.

use std::io::{self, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use prost::Message;
use vigie_testkit::accept;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Received {
    pub head: String,
    /// `name{…}` as text, Unix milliseconds, value.
    pub samples: Vec<(String, i64, f64)>,
    pub histograms: usize,
    /// What metrics are: name, the number of the type, help, unit.
    pub metrics: Vec<(String, i32, String, String)>,
    pub at: Instant,
}

/// What is answered: status line and headers, and body.
pub type Reply = (&'static str, String);

type Behaviour = dyn Fn(usize, &Received) -> Reply + Send + Sync;

/// Ends when dropped.
pub struct Receiver {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    behaviour: Box<Behaviour>,
    taken: Mutex<Vec<Received>>,
    asked: AtomicUsize,
    connections: AtomicUsize,
    ended: AtomicBool,
}

impl Receiver {
    /// `behaviour` gets the request's number, from 0.
    pub fn start(behaviour: impl Fn(usize, &Received) -> Reply + Send + Sync + 'static) -> Self {
        let shared = Arc::new(Shared {
            behaviour: Box::new(behaviour),
            taken: Mutex::default(),
            asked: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
        });
        let ended = |shared: &Shared| shared.ended.load(Ordering::Relaxed);
        let (port, _) = accept::each(0, &shared, ended, Shared::serve);
        Self { port, shared }
    }

    /// One that takes everything.
    pub fn obliging() -> Self {
        Self::start(|_, _| ("204 No Content", String::new()))
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The requests that were taken.
    pub fn taken(&self) -> Vec<Received> {
        self.shared.taken.lock().unwrap().clone()
    }

    /// Their samples.
    pub fn samples(&self) -> Vec<(String, i64, f64)> {
        self.taken().into_iter().flat_map(|request| request.samples).collect()
    }

    /// Requests that came.
    pub fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::Relaxed)
    }

    /// Connections that were made.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        self.connections.fetch_add(1, Ordering::Relaxed);
        let mut out = stream.try_clone()?;
        let mut reader = BufReader::new(stream);
        while let Some((head, body)) = accept::request(&mut reader)? {
            let received = read(head, &body);
            let number = self.asked.fetch_add(1, Ordering::Relaxed);
            let (status, body) = (self.behaviour)(number, &received);
            if status.starts_with('2') {
                self.taken.lock().unwrap().push(received);
            }
            if status == "silence" {
                return Ok(());
            }
            let length = body.len();
            write!(out, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}")?;
        }
        Ok(())
    }
}

fn read(head: String, body: &[u8]) -> Received {
    let mut received = Received {
        head,
        samples: Vec::new(),
        histograms: 0,
        metrics: Vec::new(),
        at: Instant::now(),
    };
    if !body.is_empty() && received.head.contains("/api/v1/write") {
        let message = snap::raw::Decoder::new().decompress_vec(body).unwrap();
        let request = WriteRequest::decode(&*message).unwrap();
        let metrics = request.metadata.into_iter();
        received.metrics.extend(metrics.map(|one| (one.metric, one.kind, one.help, one.unit)));
        for series in request.timeseries {
            let labels = series.labels.iter().map(|one| format!("{}={};", one.name, one.value));
            let labels: String = labels.collect();
            received.histograms += series.histograms.len();
            let samples = series.samples.iter();
            let sample = |one: &Sample| (labels.clone(), one.timestamp, one.value);
            received.samples.extend(samples.map(sample));
        }
    }
    received
}

#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
    #[prost(message, repeated, tag = "3")]
    metadata: Vec<Metadata>,
}

#[derive(Clone, PartialEq, Message)]
struct Metadata {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(string, tag = "2")]
    metric: String,
    #[prost(string, tag = "4")]
    help: String,
    #[prost(string, tag = "5")]
    unit: String,
}

#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
    #[prost(bytes = "vec", repeated, tag = "4")]
    histograms: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}
