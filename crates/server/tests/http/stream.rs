//! The live stream, over a real socket.

use std::io::Read;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use vigie_model::Broker;
use vigie_server::{AllowedHosts, router, serve};

use crate::filled::{Filled, queue, text};
use crate::instances::told;

/// A server with its hub running.
pub struct Live {
    pub filled: Filled,
    address: SocketAddr,
    _stop: DropGuard,
}

impl Live {
    async fn start() -> Self {
        Self::of(Filled::new()).await
    }

    pub async fn of(filled: Filled) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(serve(
            listener,
            router(filled.state.clone(), AllowedHosts::new(&[])),
            stop.clone(),
        ));
        tokio::spawn(filled.state.hub.clone().run(stop.clone()));
        Self { filled, address, _stop: stop.drop_guard() }
    }

    pub async fn open(&self, query: &str, headers: &str) -> BufReader<TcpStream> {
        let socket = TcpSocket::new_v4().unwrap();
        // Little room in the kernel: a client that does not read is soon seen not to.
        socket.set_recv_buffer_size(16 * 1024).unwrap();
        let mut stream = socket.connect(self.address).await.unwrap();
        // HTTP/1.0 keeps the chunk sizes out of what is read here.
        let request =
            format!("GET /api/v1/stream?{query} HTTP/1.0\r\nhost: localhost\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        BufReader::new(stream)
    }

    pub async fn listen(&self, query: &str, headers: &str) -> Client {
        let mut reader = self.open(query, headers).await;
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(reader.read_line(&mut head).await.unwrap(), 0, "{head}");
        }
        assert!(head.starts_with("HTTP/1.0 200"), "{head}");
        Client { reader }
    }

    /// One queue is read anew, a moment later.
    fn emails_wait(&self, waiting: u64) {
        self.filled.later(0.25);
        self.filled.read(queue(Broker::BullMq, "emails"), waiting);
    }

    async fn counter(&self, name: &str) -> f64 {
        let metrics = text(self.filled.get_with("/metrics", &[]).await).await;
        let line = metrics.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }
}

pub struct Client {
    pub reader: BufReader<TcpStream>,
}

#[derive(Debug)]
pub struct Message {
    pub id: String,
    pub event: String,
    pub data: Value,
}

impl Client {
    pub async fn message(&mut self) -> Message {
        timeout(Duration::from_secs(30), self.next()).await.expect("a message comes in time")
    }

    async fn next(&mut self) -> Message {
        let mut message = Message { id: String::new(), event: String::new(), data: Value::Null };
        loop {
            let mut line = String::new();
            assert_ne!(self.reader.read_line(&mut line).await.unwrap(), 0, "the stream ended");
            match line.trim_end().split_once(": ") {
                Some(("id", id)) => message.id = id.to_owned(),
                Some(("event", event)) => message.event = event.to_owned(),
                Some(("data", data)) => message.data = serde_json::from_str(data).unwrap(),
                _ if line == "\n" && !message.data.is_null() => return message,
                _ => {}
            }
        }
    }
}

#[tokio::test]
async fn each_topic_begins_with_a_snapshot_and_goes_on_with_what_changed() {
    let live = Live::start().await;
    let mut client = live.listen("topics=queues,sources", "").await;
    let (queues, sources) = (client.message().await, client.message().await);
    assert_eq!((queues.event.as_str(), &queues.data["topic"]), ("snapshot", &"queues".into()));
    assert_eq!(queues.data["doc"]["rows"]["1"]["waiting"], 3);
    assert_eq!(queues.data["doc"]["rows"].as_object().unwrap().len(), 3);
    assert_eq!(sources.data["doc"]["rows"]["main"]["up"], true);
    live.emails_wait(5);
    let patch = client.message().await;
    assert_eq!(
        (patch.event.as_str(), &patch.data["patch"]),
        ("patch", &serde_json::json!({"rows": {"1": {"waiting": 5}}}))
    );
}

#[tokio::test]
async fn all_topics_have_their_document() {
    let live = Live::start().await;
    let mut client = live
        .listen(
            "topics=now,workers,events,queue:main%2Fbullmq%2Femails,queue:main%2Fbull%2Fgone",
            "",
        )
        .await;
    let mut documents = std::collections::BTreeMap::new();
    for _ in 0..5 {
        let message = client.message().await;
        documents.insert(
            message.data["topic"].as_str().unwrap().to_owned(),
            message.data["doc"].clone(),
        );
    }
    assert_eq!(documents["now"]["verdict"]["code"], "flowing");
    assert_eq!(documents["now"]["overview"]["waiting"], 4);
    assert_eq!(documents["now"]["latency"]["count"], 2);
    assert_eq!(documents["workers"]["rows"]["main/asynq/host:12:abc"]["capacity"], 10);
    let events = documents["events"]["rows"].as_object().unwrap();
    let (id, found) = events.iter().find(|(_, event)| event["type"] == "source_found").unwrap();
    assert_eq!((found["id"].as_str(), &found["subject"]), (Some(id.as_str()), &"main".into()));
    assert_eq!(documents["queue:main/bullmq/emails"]["queue"]["types"][0]["type"], "send");
    assert_eq!(documents["queue:main/bull/gone"], serde_json::json!({}), "absent");
}

#[tokio::test]
async fn instances_are_a_topic_and_a_change_of_one_is_a_patch_of_its_row() {
    let live = Live::start().await;
    told(&live.filled);
    let mut client = live.listen("topics=instances", "").await;
    let snapshot = client.message().await;
    let row = &snapshot.data["doc"]["rows"]["main/be_app/app1"];
    assert_eq!((&row["status"], &row["disagree"]), (&"up".into(), &false.into()), "{snapshot:?}");
    assert!(row.get("error").is_none(), "absent is left out");
    live.filled.later(1.5);
    live.filled.polled(Err("connection refused"));
    let patch = client.message().await;
    assert_eq!(patch.data["patch"]["rows"]["main/be_app/app1"]["status"], "unknown", "{patch:?}");
}

#[tokio::test]
async fn who_comes_back_gets_what_was_missed_and_who_comes_late_a_snapshot() {
    let live = Live::start().await;
    let mut client = live.listen("topics=queues", "").await;
    let last = client.message().await.id;
    drop(client);
    for waiting in [6, 7] {
        live.emails_wait(waiting);
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let mut back = live.listen("topics=queues", &format!("last-event-id: {last}\r\n")).await;
    let missed = [back.message().await, back.message().await];
    assert!(missed.iter().all(|message| message.event == "patch"), "{missed:?}");
    assert_eq!(missed[1].data["patch"]["rows"]["1"]["waiting"], 7);
    let by_query = format!("topics=queues&last_event_id={last}");
    assert_eq!(live.listen(&by_query, "").await.message().await.event, "patch");
    for id in ["other-5", "", "nonsense", &format!("{}9", last)] {
        let mut other = live.listen("topics=queues", &format!("last-event-id: {id}\r\n")).await;
        assert_eq!(other.message().await.event, "snapshot", "{id:?}");
    }
    let mut new_topic =
        live.listen("topics=queues,events", &format!("last-event-id: {last}\r\n")).await;
    let events: Vec<String> =
        [new_topic.message().await, new_topic.message().await, new_topic.message().await]
            .iter()
            .map(|message| format!("{} {}", message.event, message.data["topic"].as_str().unwrap()))
            .collect();
    assert!(events.contains(&"snapshot events".to_owned()), "{events:?}");
}

#[tokio::test]
async fn a_compressed_stream_says_the_same() {
    let live = Live::start().await;
    let mut reader = live.open("topics=queues", "accept-encoding: gzip\r\n").await;
    let mut bytes = Vec::new();
    while !bytes.windows(4).any(|window| window == b"\r\n\r\n") {
        reader.read_buf(&mut bytes).await.unwrap();
    }
    live.emails_wait(8);
    let _ = timeout(Duration::from_millis(1_500), reader.read_to_end(&mut bytes)).await;
    let split = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let head = String::from_utf8_lossy(&bytes[..split]).to_lowercase();
    assert!(head.contains("content-encoding: gzip"), "{head}");
    let mut text = Vec::new();
    // The stream has no end, so neither has the gzip: what could be read is what counts.
    let _ = flate2::read::GzDecoder::new(&bytes[split..]).read_to_end(&mut text);
    let text = String::from_utf8(text).unwrap();
    assert!(
        text.contains("event: snapshot")
            && text.contains("\"patch\":{\"rows\":{\"1\":{\"waiting\":8}}}"),
        "{text}"
    );
}

#[tokio::test]
async fn a_quiet_stream_has_a_heartbeat() {
    let live = Live::start().await;
    let mut client = live.listen("topics=events", "").await;
    client.message().await;
    let mut line = String::new();
    timeout(Duration::from_secs(8), client.reader.read_line(&mut line)).await.unwrap().unwrap();
    assert_eq!(line, ": hb\n");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_and_counted_and_the_others_are_served() {
    let live = Live::start().await;
    let frozen = live.open("topics=queues", "").await;
    let mut reader = live.listen("topics=queues", "").await;
    assert_eq!(reader.message().await.event, "snapshot");
    assert_eq!(live.counter("vigie_stream_clients").await, 2.0);
    // Many queues that change at once fill the kernel's buffers of the one who does not read.
    let mut cut = false;
    for round in 0..200_u64 {
        live.filled.later(0.25);
        for number in 0..1_500 {
            live.filled.read(
                queue(
                    Broker::Bull,
                    &format!("queue-{number}-with-a-rather-long-name-that-takes-room"),
                ),
                round,
            );
        }
        reader.message().await;
        if live.counter("vigie_stream_dropped_total").await == 1.0 {
            cut = true;
            break;
        }
    }
    assert!(cut, "the frozen client was never cut");
    assert_eq!(live.counter("vigie_stream_clients").await, 1.0);
    drop(frozen);
}

/// Reads messages until one has `end` in it; each patch is the next after the one before. Says how many there were.
async fn every_patch_until(mut reader: BufReader<TcpStream>, end: &'static str) -> u64 {
    let (mut line, mut id, mut last, mut patches) = (String::new(), 0_u64, None, 0);
    loop {
        line.clear();
        assert_ne!(reader.read_line(&mut line).await.unwrap(), 0, "a client that reads was cut");
        if let Some(number) = line.strip_prefix("id: ") {
            id = number.trim_end().rsplit('-').next().unwrap().parse().unwrap();
        } else if line.starts_with("data: ") {
            assert!(last.is_none_or(|last| id == last + 1), "{id} came after {last:?}");
            patches += u64::from(last.replace(id).is_some());
            if line.contains(end) {
                return patches;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_clients_those_who_read_get_everything_and_the_frozen_are_cut() {
    const READERS: usize = 180;
    const FROZEN: usize = 20;
    let live = Live::start().await;
    let mut frozen = Vec::new();
    for _ in 0..FROZEN {
        frozen.push(live.open("topics=queues", "").await);
    }
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..READERS {
        readers.spawn(every_patch_until(live.open("topics=queues", "").await, "the-end"));
    }
    let clients = (READERS + FROZEN) as f64;
    while live.counter("vigie_stream_clients").await < clients {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let started = std::time::Instant::now();
    for round in 0_u64.. {
        live.filled.later(0.25);
        for number in 0..1_500 {
            let name = format!("queue-{number}-with-a-rather-long-name-that-takes-room");
            live.filled.read(queue(Broker::Bull, &name), round);
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
        if live.counter("vigie_stream_dropped_total").await == FROZEN as f64 {
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(120), "the frozen are never cut");
    }
    assert_eq!(live.counter("vigie_stream_clients").await, READERS as f64);
    live.filled.later(0.25);
    live.filled.read(queue(Broker::Bull, "the-end"), 1);
    let patches = timeout(Duration::from_secs(120), readers.join_all()).await;
    let patches = patches.expect("everyone who reads gets to the end");
    println!("{} patches in {:?}", patches[0], started.elapsed());
    assert!(patches[0] > 2 && patches.iter().all(|one| *one == patches[0]), "{patches:?}");
    drop(frozen);
}

#[tokio::test]
async fn wrong_topics_are_refused() {
    let filled = Filled::new();
    for query in ["topics=nope", "topics=", "topic=now", "topics=queue:main"] {
        let (status, problem) = filled.json(&format!("/api/v1/stream?{query}")).await;
        assert_eq!(status, 400, "{query}: {problem}");
    }
}
