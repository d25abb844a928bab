//! Events by every door are one thing: durable, on the timeline, and the same after a restart.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use vigie_board::EventFilter;
use vigie_model::event_from_object;
use vigie_server::{LogRules, Logs, follow_events, keep_events};
use vigie_store::disk::{Disk, Fault};
use vigie_store::logs::{LogOptions, LogStore, Position};

use crate::filled::{Filled, START};

/// Vigie's server with a log store, and what keeps and follows events.
struct Kept {
    filled: Filled,
    noted: Arc<Notify>,
    fed: CancellationToken,
    keeping: JoinHandle<()>,
    following: JoinHandle<()>,
}

impl Kept {
    fn open(dir: &Path) -> Self {
        Self::with(LogOptions::new(dir))
    }

    fn with(options: LogOptions) -> Self {
        let (store, _) = LogStore::open(options, START.millis()).unwrap();
        let mut filled = Filled::empty();
        filled.state = filled.state.with_logs(Logs::new(store, &LogRules::default()).unwrap());
        let (noted, fed) = (Arc::new(Notify::new()), CancellationToken::new());
        let keeping =
            tokio::spawn(keep_events(filled.state.clone(), Arc::clone(&noted), fed.clone()));
        let following = tokio::spawn(follow_events(filled.state.clone(), fed.clone()));
        Self { filled, noted, fed, keeping, following }
    }

    fn logs(&self) -> &Logs {
        self.filled.state.logs.as_ref().unwrap()
    }

    async fn post(&self, path: &str, body: &str) {
        let request = Request::post(path).header("host", "127.0.0.1:4780");
        let answer = self.filled.send(request.body(Body::from(body.to_owned())).unwrap()).await;
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
    }

    /// Ids and types of the timeline, newest first, once there are so many.
    async fn timeline(&self, count: usize) -> Vec<(String, String)> {
        let begun = Instant::now();
        loop {
            let shown: Vec<(String, String)> = {
                let board = self.filled.state.board.read();
                let filter = EventFilter::default();
                let newest = board.timeline().newest(&filter);
                newest.map(|(id, event)| (id.to_string(), event.kind.to_string())).collect()
            };
            if shown.len() >= count {
                return shown;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "{count} events: {shown:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The same as the API lists them.
    async fn listed(&self) -> Vec<(String, String)> {
        let (status, answer) = self.filled.json("/api/v1/events").await;
        assert_eq!(status, 200, "{answer}");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let events = answer["events"].as_array().unwrap().iter();
        events.map(|event| (text(&event["id"]), text(&event["type"]))).collect()
    }

    async fn stop(self) {
        let store = self.logs().store().clone();
        self.fed.cancel();
        self.keeping.await.unwrap();
        self.following.await.unwrap();
        store.close();
    }
}

#[tokio::test]
async fn events_of_all_doors_are_one_list_and_are_the_same_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path());
    kept.filled.polled(Ok(()));
    kept.noted.notify_one();
    kept.post("/api/v1/events", "api 1.4.2 is out").await;
    kept.post(
        "/api/v1/logs",
        r#"{"type":"event","event":"scaled","message":"3 to 5","severity":"warning"}"#,
    )
    .await;
    let read = json!({"type": "workflow_missed", "message": "nightly did not run"});
    let read = event_from_object(read.as_object().unwrap().clone(), "n8n", START).unwrap();
    let position = Position { reader: "n8n/log".to_owned(), bytes: vec![1] };
    kept.logs().take_in(vec![read], Some(position)).await.unwrap();

    let shown = kept.timeline(4).await;
    let mut types: Vec<&str> = shown.iter().map(|(_, kind)| kind.as_str()).collect();
    types.sort_unstable();
    assert_eq!(types, ["deploy", "scaled", "source_found", "workflow_missed"]);
    assert_eq!(kept.listed().await, shown);

    // What is noted right before the end is kept as well.
    kept.filled.later(1.0);
    kept.filled.polled(Err("refused"));
    kept.stop().await;
    let kept = Kept::open(dir.path());
    let after = kept.timeline(5).await;
    assert_eq!((after[0].1.as_str(), &after[1..]), ("source_lost", &shown[..]));
    assert_eq!(kept.listed().await, after);
    kept.stop().await;
}

#[tokio::test]
async fn alerts_are_what_is_critical_and_what_others_call_so() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path());
    let told = [
        r#"{"type":"alert","severity":"info","message":"told"}"#,
        r#"{"type":"workflow_overdue","severity":"warning","message":"late"}"#,
        r#"{"type":"backup_failed","severity":"critical","message":"no backup"}"#,
        r#"{"type":"deploy","message":"the word alert is in it"}"#,
        r#"{"type":"scaled","severity":"warning","message":"5 of \"alert\""}"#,
    ];
    for one in told {
        kept.post("/api/v1/events", one).await;
    }
    kept.filled.polled(Ok(()));
    kept.filled.later(1.0);
    kept.filled.polled(Err("refused"));
    kept.noted.notify_one();
    kept.timeline(told.len() + 2).await;
    let of = async |kept: &Kept, path: &str| {
        let (_, answer) = kept.filled.json(path).await;
        let events = answer["events"].as_array().unwrap().iter();
        let mut types: Vec<String> =
            events.map(|event| event["type"].as_str().unwrap().to_owned()).collect();
        types.sort_unstable();
        types
    };
    let alerts = ["alert", "backup_failed", "source_lost", "workflow_overdue"];
    for path in ["/api/v1/events?type=alert", "/events?type=alert"] {
        assert_eq!(of(&kept, path).await, alerts, "{path}");
    }
    assert_eq!(of(&kept, "/api/v1/events?type=alert&source=main").await, ["source_lost"]);
    assert_eq!(of(&kept, "/api/v1/events?type=deploy,alert").await.len(), 5);
    let least = of(&kept, "/api/v1/events?type=alert&severity=warning").await;
    assert_eq!(least, ["workflow_overdue"]);
    kept.stop().await;
    // And without a store.
    let filled = Filled::empty();
    filled.polled(Ok(()));
    filled.later(1.0);
    filled.polled(Err("refused"));
    let (noted, fed) = (Arc::new(Notify::new()), CancellationToken::new());
    fed.cancel();
    keep_events(filled.state.clone(), noted, fed).await;
    let (_, answer) = filled.json("/api/v1/events?type=alert").await;
    let events = answer["events"].as_array().unwrap();
    assert_eq!((events.len(), &events[0]["type"]), (1, &json!("source_lost")), "{answer}");
}

#[tokio::test]
async fn while_the_disk_is_full_the_timeline_goes_on_and_later_all_is_kept_once() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::default();
    // What waits for the disk fills the backlog at once.
    let kept = Kept::with(LogOptions {
        backlog_bytes: 1,
        disk: disk.clone(),
        ..LogOptions::new(dir.path())
    });
    disk.set(Fault::Full);
    kept.filled.polled(Ok(()));
    kept.noted.notify_one();
    assert_eq!(kept.timeline(1).await[0].1, "source_found");
    kept.filled.later(1.0);
    kept.filled.polled(Err("refused"));
    kept.noted.notify_one();
    let before = kept.timeline(2).await;
    assert_eq!(before[0].1, "source_lost");
    assert_eq!(kept.listed().await, before[1..], "the second was refused");
    disk.set(Fault::None);
    let begun = Instant::now();
    while kept.listed().await.len() < 2 {
        assert!(begun.elapsed() < Duration::from_secs(30), "it was never kept");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let begun = Instant::now();
    while kept.timeline(1).await != kept.listed().await {
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", kept.timeline(1).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(kept.timeline(2).await.len(), 2);
    kept.stop().await;
    let kept = Kept::open(dir.path());
    assert_eq!(kept.timeline(2).await.len(), 2);
    kept.stop().await;
}
