//! A board with something on it, a clock that stands still unless it is moved, and requests to both.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use axum::body::Body;
use axum::http::{Request, Response};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;
use vigie_board::{Board, SourceSettings};
use vigie_model::{
    ActiveJob, Broker, Counts, EventId, JobBatch, JobEvent, JobFact, Limits, Name, Observation,
    Outcome, PollCost, PollReport, Quality, QueueId, QueueReading, ServerFacts, SourceFault,
    SourceName, Time, Worker, WorkerId, WorkersReading,
};
use vigie_server::{AllowedHosts, AppState, router};

pub const START: Time = Time::from_millis(1_795_442_619_000);
pub const ODD_NAME: &str = "a/b \"c\"\n<script>\\";

/// Vigie's server without a network.
pub struct Filled {
    pub state: AppState,
    clock: Arc<AtomicI64>,
    events: AtomicU64,
}

pub fn queue(broker: Broker, name: &str) -> QueueId {
    QueueId { source: SourceName::new("main"), broker, name: Name::from(name) }
}

impl Filled {
    /// One source, not polled yet.
    pub fn empty() -> Self {
        let clock = Arc::new(AtomicI64::new(START.micros()));
        let settings = SourceSettings {
            name: SourceName::new("main"),
            kind: "redis",
            url: "redis://127.0.0.1:6379".to_owned(),
            poll_interval_seconds: 1.0,
        };
        // It has run for a while when the jobs of this fixture end.
        let board = Board::new(vec![settings], Limits::default(), START - 60.0);
        let hand = Arc::clone(&clock);
        let state =
            AppState::new(board, Arc::new(move || Time::from_micros(hand.load(Ordering::Relaxed))));
        Self { state, clock, events: AtomicU64::new(1) }
    }

    /// Three queues: `emails` of BullMQ with a history, `emails` of asynq, and one with an odd name.
    pub fn new() -> Self {
        let filled = Self::empty();
        filled.read(queue(Broker::BullMq, "emails"), 3);
        filled.read(queue(Broker::Asynq, "emails"), 0);
        filled.read(queue(Broker::Bull, ODD_NAME), 1);
        filled.observe(Observation::Jobs(JobBatch {
            queue: queue(Broker::BullMq, "emails"),
            at: START,
            gap: false,
            types_sampled: false,
            events: job_events(),
        }));
        filled.observe(Observation::Workers(WorkersReading {
            source: SourceName::new("main"),
            broker: Broker::Asynq,
            at: START,
            workers: Some(vec![worker()]),
        }));
        filled.polled(Ok(()));
        filled
    }

    pub fn now(&self) -> Time {
        Time::from_micros(self.clock.load(Ordering::Relaxed))
    }

    pub fn later(&self, seconds: f64) {
        self.clock.fetch_add((seconds * 1e6) as i64, Ordering::Relaxed);
    }

    pub fn observe(&self, observation: Observation) {
        let mut board = self.state.board.write();
        board.observe(observation);
        // With a store, whoever keeps events does this.
        if self.state.logs.is_none() {
            let timeline = board.timeline_mut();
            for event in timeline.take_noted().0 {
                let number = self.events.fetch_add(1, Ordering::Relaxed);
                timeline.tell(EventId { time_nanos: event.time_nanos, number }, event);
            }
        }
    }

    pub fn read(&self, queue: QueueId, waiting: u64) {
        let counts = Counts {
            waiting: Some(waiting),
            active: Some(1),
            failed: Some(2),
            ..Counts::default()
        };
        let job = ActiveJob {
            id: Name::from("17"),
            job_type: Some(Name::from("send")),
            since: Some(START),
            worker: None,
        };
        self.observe(Observation::Queue(QueueReading {
            queue,
            at: self.now(),
            since: START,
            counts,
            raw: vec![("wait", waiting)],
            paused: false,
            oldest: (waiting > 0).then(|| START - 4.0),
            active_jobs: vec![job],
            quality: Quality::Exact,
        }));
    }

    pub fn polled(&self, outcome: Result<(), &str>) {
        let cost = PollCost {
            seconds: 0.003,
            round_trips: 2,
            commands: 40,
            bytes: 900,
            server_cpu_seconds: None,
        };
        let fault = |error: &str| SourceFault {
            error: error.to_owned(),
            hint: Some("start it".to_owned()),
        };
        self.observe(Observation::Polled(PollReport {
            source: SourceName::new("main"),
            at: self.now(),
            outcome: outcome.map(|()| cost).map_err(fault),
            server: Some(ServerFacts {
                product: "redis",
                version: "7.0.15".to_owned(),
                mode: Some("standalone".to_owned()),
            }),
            found: vec![(Broker::Asynq, 1), (Broker::Bull, 1), (Broker::BullMq, 1)],
            checks: vec![],
        }));
    }

    /// `GET path` with a header or more.
    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
        let mut request = Request::get(path).header("host", "127.0.0.1:4780");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub async fn send(&self, request: Request<Body>) -> Response<Body> {
        router(self.state.clone(), AllowedHosts::new(&[])).oneshot(request).await.unwrap()
    }

    /// `GET path`: the status and the JSON.
    pub async fn json(&self, path: &str) -> (u16, Value) {
        let response = self.get_with(path, &[]).await;
        let status = response.status().as_u16();
        (status, serde_json::from_str(&text(response).await).unwrap())
    }
}

pub async fn text(response: Response<Body>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

fn job_events() -> Vec<JobEvent> {
    let event = |seconds: f64, fact| JobEvent {
        at: START - seconds,
        job_type: Some(Name::from("send")),
        fact,
    };
    vec![
        event(3.0, JobFact::Enqueued),
        event(2.0, JobFact::Started { wait: Some(1.0) }),
        event(
            1.0,
            JobFact::Finished { outcome: Outcome::Succeeded, wait: Some(1.0), run: Some(0.25) },
        ),
        event(1.0, JobFact::Finished { outcome: Outcome::Failed, wait: Some(1.0), run: Some(0.5) }),
    ]
}

fn worker() -> Worker {
    let own = "host:12:abc";
    let id = WorkerId::new(&SourceName::new("main"), Broker::Asynq, own);
    let job = ActiveJob {
        id: Name::from("t1"),
        job_type: Some(Name::from("email:welcome")),
        since: Some(START - 2.0),
        worker: Some(id.clone()),
    };
    Worker {
        id,
        broker: Broker::Asynq,
        name: Name::from("host:12"),
        host: Some(Name::from("host")),
        pid: Some(12),
        address: None,
        queues: vec![Name::from("emails")],
        capacity: Some(10),
        busy: Some(1),
        status: Some(Name::from("active")),
        started: Some(START - 100.0),
        heartbeat: Some(START - 1.0),
        jobs: Some(vec![(Name::from("emails"), job)]),
    }
}
