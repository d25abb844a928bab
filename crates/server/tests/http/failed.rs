//! Failed jobs: the answer's shape, what lines add, and why there may be none.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use vigie_model::{Broker, FailedJob, FailedList, FailedState, Name, QueueId};
use vigie_server::{FailedJobReader, JobsRead, LogRules, Logs, NotRead};
use vigie_store::logs::{LogOptions, LogStore};

use crate::filled::{Filled, START, queue};

struct Told(JobsRead);

impl FailedJobReader for Told {
    fn read(&self, _: QueueId) -> BoxFuture<'_, JobsRead> {
        Box::pin(async { self.0.clone() })
    }
}

fn with(read: JobsRead) -> Filled {
    let mut filled = Filled::empty();
    for broker in [Broker::BullMq, Broker::Bull] {
        filled.read(queue(broker, "emails"), 1);
    }
    filled.read(queue(Broker::N8n, "executions"), 0);
    filled.state.failed = Some(Arc::new(Told(read)));
    filled
}

fn job(id: &str, seconds: f64) -> FailedJob {
    FailedJob { at: Some(START + seconds), ..FailedJob::new(Name::from(id), FailedState::Failed) }
}

#[tokio::test]
async fn jobs_have_the_shape_that_other_programs_read_and_lines_say_more() {
    let whole = FailedJob {
        job_type: Some("send".into()),
        attempt: Some(3),
        attempts: Some(3),
        error: Some("no <b>such</b> user".to_owned()),
        worker: Some("w1".into()),
        wait: Some(0.5),
        run: Some(0.25),
        ..job("17", 0.0)
    };
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = LogStore::open(LogOptions::new(dir.path()), START.millis()).unwrap();
    let jobs =
        vec![FailedJob { at: None, ..job("18", 0.0) }, whole, job("16", -5.0), job("15", -9.0)];
    let mut filled = with(Ok(Arc::new(FailedList { jobs, unseen: 1_700 })));
    filled.state = filled.state.with_logs(Logs::new(store, &LogRules::default()).unwrap());
    let line = |queue: &str, job: &str, more: Value| {
        let mut line =
            json!({"level": "error", "queue": queue, "job": job, "message": "it failed"});
        line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        line.to_string()
    };
    let lines = [
        line("emails", "17", json!({"instance": "api-2", "trace": "4bf9"})),
        line("other", "16", json!({"instance": "api-3"})),
        line("emails", "99", json!({})),
        line("executions", "8", json!({"type": "execution", "workflow": "Ship", "worker": "w-1"})),
    ];
    let request = Request::post("/api/v1/logs").header("host", "127.0.0.1:4780");
    let answer = filled.send(request.body(Body::from(lines.join("\n"))).unwrap()).await;
    assert!(answer.status().is_success());

    let path = "/api/v1/queue/failed?source=main&queue=emails&kind=bullmq&limit=3";
    let (status, answer) = filled.json(path).await;
    assert_eq!(status, 200);
    assert_eq!(
        (&answer["at"], &answer["unseen"]),
        (&json!("2026-11-23T14:03:39.000Z"), &json!(1_700))
    );
    let expected = json!({"id": "17", "type": "send", "state": "failed", "time": "2026-11-23T14:03:39.000Z",
        "attempt": 3, "attempts": 3, "error": "no <b>such</b> user", "too_long": false, "worker": "w1",
        "instance": "api-2", "wait_seconds": 0.5, "run_seconds": 0.25, "trace": "4bf9"});
    // When that failed nobody knows, but for whoever put it first.
    assert_eq!(
        (&answer["jobs"][0]["id"], &answer["jobs"][0]["time"]),
        (&json!("18"), &Value::Null)
    );
    assert_eq!(answer["jobs"][1], expected);
    assert_eq!(answer["jobs"].as_array().unwrap().len(), 3);
    assert_eq!(answer["jobs"][2]["instance"], Value::Null, "the line is of another queue");

    // n8n's own executions are in no Redis.
    filled.state.failed = None;
    let (_, answer) = filled.json("/api/v1/queue/failed?source=main&queue=executions").await;
    let jobs = answer["jobs"].as_array().unwrap();
    assert_eq!((jobs.len(), &jobs[0]["id"], &jobs[0]["type"]), (1, &json!("8"), &json!("Ship")));
    assert_eq!((&jobs[0]["worker"], &jobs[0]["error"]), (&json!("w-1"), &json!("it failed")));
}

#[tokio::test]
async fn what_is_wrong_is_told() {
    let filled = with(Err(NotRead::NotNow("127.0.0.1:6379: refused".to_owned())));
    for (path, status, says) in [
        ("emails&kind=bullmq", 503, "127.0.0.1:6379: refused"),
        ("emails", 409, "add ?kind="),
        ("emails&kind=asynq", 404, "no queue"),
        ("none", 404, "no queue"),
        ("emails&kind=bullmq&limit=51", 400, "between 1 and 50"),
        ("emails&kind=bullmq&limit=0", 400, "between 1 and 50"),
        ("emails&kind=sqs", 400, "kind is"),
    ] {
        let (got, answer) =
            filled.json(&format!("/api/v1/queue/failed?source=main&queue={path}")).await;
        assert_eq!(got, status, "{path}: {answer}");
        assert!(answer["detail"].as_str().unwrap().contains(says), "{path}: {answer}");
    }
    let (status, answer) = with(Err(NotRead::Unknown))
        .json("/api/v1/queue/failed?source=main&queue=emails&kind=bullmq")
        .await;
    assert_eq!((status, &answer["jobs"]), (200, &json!([])));
}
