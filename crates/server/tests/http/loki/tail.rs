//! Lines as they come, over a real connection.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use tokio_util::sync::CancellationToken;
use vigie_model::Level;
use vigie_server::{AllowedHosts, LogQueries, LogQueryLimits, LogRules, Logs, router, serve};
use vigie_store::logs::{LogOptions, LogStore};

use super::{NOW, entry, filled};
use crate::filled::Filled;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Nothing here takes this long.
const WITHIN: Duration = Duration::from_secs(30);

struct Served {
    address: String,
    logs: LogQueries,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Served {
    async fn new(limits: LogQueryLimits) -> Self {
        let (filled, logs) = filled(limits);
        Self::of(filled, logs).await
    }

    async fn of(filled: Filled, logs: LogQueries) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let stop = CancellationToken::new();
        let router = router(filled.state.clone(), AllowedHosts::new(&[]));
        let task = tokio::spawn(serve(listener, router, stop.clone()));
        Self { address, logs, stop, task }
    }

    async fn open(&self, query: &str, origin: Option<&str>) -> Result<Socket, Error> {
        let query: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let url = format!("ws://{}/loki/api/v1/tail?query={query}&limit=2", self.address);
        let mut request = url.into_client_request().unwrap();
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().unwrap());
        }
        tokio::time::timeout(WITHIN, connect_async(request))
            .await
            .unwrap()
            .map(|(socket, _)| socket)
    }

    async fn end(self) {
        self.stop.cancel();
        tokio::time::timeout(WITHIN, self.task).await.unwrap().unwrap().unwrap();
    }
}

/// The next message with lines.
async fn message(socket: &mut Socket) -> Value {
    loop {
        let next = tokio::time::timeout(WITHIN, socket.next()).await.unwrap().unwrap().unwrap();
        if let Message::Text(text) = next {
            return serde_json::from_str(&text).unwrap();
        }
    }
}

fn texts(message: &Value) -> Vec<&str> {
    let streams = message["streams"].as_array().unwrap().iter();
    streams
        .flat_map(|one| one["values"].as_array().unwrap())
        .map(|value| value[1].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_past_comes_first_and_then_what_is_stored() {
    let served = Served::new(LogQueryLimits::default()).await;
    let mut socket = served.open(r#"{app="web"} | json | status=200"#, None).await.unwrap();
    let past = message(&mut socket).await;
    assert_eq!(texts(&past), [r#"{"status":200,"took":"20ms"}"#, r#"{"status":200,"took":"1s"}"#]);
    let web = [("app", "web")];
    for line in [r#"{"status":404}"#, r#"{"status":200,"n":1}"#] {
        served.logs.publish(Arc::new(entry(0, Level::Info, &web, line)));
    }
    // What was sent of the past is not sent again.
    let known = entry(20, Level::Info, &web, r#"{"status":200,"took":"1s"}"#);
    served.logs.publish(Arc::new(known));
    served.logs.publish(Arc::new(entry(0, Level::Info, &web, r#"{"status":200,"n":2}"#)));
    let mut live = Vec::new();
    while live.len() < 2 {
        let message = message(&mut socket).await;
        assert_eq!(message["dropped_entries"], Value::Null);
        live.extend(texts(&message).into_iter().map(str::to_owned));
    }
    assert_eq!(live, [r#"{"status":200,"n":1}"#, r#"{"status":200,"n":2}"#]);
    socket.send(Message::Close(None)).await.unwrap();
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_store_does_not_take_is_not_told() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = LogStore::open(LogOptions::new(dir.path()), NOW / 1_000_000).unwrap();
    let (_, queries) = filled(LogQueryLimits::default());
    let logs = Logs::new(store, &LogRules::default()).unwrap();
    logs.tell(queries.clone());
    let mut state = Filled::empty();
    state.state = state.state.clone().with_logs(logs.clone()).with_loki(queries.clone());
    let served = Served::of(state, queries).await;
    let mut socket = served.open(r#"{app="web"} |= "told""#, None).await.unwrap();
    let deadline = tokio::time::Instant::now() + WITHIN;
    while !served.logs.tailed() {
        assert!(tokio::time::Instant::now() < deadline, "nobody tails");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let web = [("app", "web")];
    let ancient = entry(100 * 86_400, Level::Info, &web, "told of long ago");
    let entries = vec![ancient, entry(0, Level::Info, &web, "told")];
    assert_eq!(logs.take_in(entries, None).await.unwrap().refused.len(), 1);
    assert_eq!(texts(&message(&mut socket).await), ["told"]);
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_is_told_what_it_missed() {
    let served = Served::new(LogQueryLimits::default()).await;
    let mut socket = served.open(r#"{app="web"} |= "line""#, None).await.unwrap();
    let long = "x".repeat(2_000);
    let total = 30_000;
    for number in 0..total {
        let line = format!("line {number} {long}");
        served.logs.publish(Arc::new(entry(0, Level::Info, &[("app", "web")], &line)));
    }
    served.logs.publish(Arc::new(entry(0, Level::Info, &[("app", "web")], "line last")));
    let (mut seen, mut dropped) = (0_u64, 0);
    loop {
        let message = message(&mut socket).await;
        seen += texts(&message).len() as u64;
        dropped += message["dropped"].as_u64().unwrap_or_default();
        if texts(&message).contains(&"line last") {
            break;
        }
    }
    assert_eq!(seen + dropped, total + 1);
    assert!(dropped > 0, "{seen} seen");
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_sites_and_too_many_tails_are_refused() {
    let served = Served::new(LogQueryLimits { tails: 1, ..LogQueryLimits::default() }).await;
    let status = |opened: Result<Socket, Error>| match opened {
        Ok(_) => 101,
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(other) => panic!("{other}"),
    };
    let query = r#"{app="web"}"#;
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1"] {
        assert_eq!(status(served.open(query, Some(origin)).await), 403, "{origin}");
    }
    assert_eq!(status(served.open("{}", None).await), 400);
    let own = format!("http://{}", served.address);
    let mut first = served.open(query, Some(&own)).await.unwrap();
    assert_eq!(status(served.open(query, None).await), 429);
    assert!(served.logs.tailed());
    first.close(None).await.unwrap();
    // Its place is free again.
    let deadline = tokio::time::Instant::now() + WITHIN;
    while served.logs.tailed() && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let _second = served.open(query, None).await.unwrap();
    let deadline = tokio::time::Instant::now() + WITHIN;
    while !served.logs.tailed() {
        assert!(tokio::time::Instant::now() < deadline, "nobody tails");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    served.end().await;
}
