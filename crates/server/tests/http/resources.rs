//! The REST API's shapes, which other programs read.

use serde_json::{Value, json};
use vigie_model::{Broker, Observation};

use crate::filled::{Filled, ODD_NAME, START, queue};

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn sorted<const N: usize>(mut names: [&str; N]) -> [&str; N] {
    names.sort_unstable();
    names
}

#[tokio::test]
async fn queue_status_has_the_shape_that_other_programs_read() {
    let (status, answer) = Filled::new().json("/api/v1/queue/status?kind=bullmq").await;
    assert_eq!(status, 200);
    assert_eq!(answer["at"], "2026-11-23T14:03:39.000Z");
    assert_eq!(
        answer["sources"][0],
        json!({"source": "main", "kind": "asynq", "up": true, "age_seconds": 0.0, "poll_seconds": 0.003, "error": null})
    );
    let queues = answer["queues"].as_array().unwrap();
    assert_eq!(queues.len(), 1);
    let queue = &queues[0];
    assert_eq!(
        keys(queue),
        sorted([
            "source",
            "kind",
            "queue",
            "paused",
            "stale",
            "age_seconds",
            "jobs",
            "totals",
            "rates",
            "oldest_seconds",
            "drain_seconds",
            "drains",
            "workers",
            "capacity",
            "busy",
            "wait",
            "run",
            "types",
        ])
    );
    assert_eq!(
        queue["jobs"],
        json!({"waiting": 3, "active": 1, "scheduled": null, "retry": null, "completed": null, "failed": 2, "blocked": null})
    );
    assert_eq!(
        queue["totals"],
        json!({"enqueued": 1, "succeeded": 1, "failed": 1, "processed": 2, "since": "2026-11-23T14:03:39.000Z", "quality": "exact"})
    );
    assert_eq!(queue["oldest_seconds"], 4.0);
    assert_eq!(queue["workers"], Value::Null, "BullMQ's workers were never seen: absent, not 0");
    assert_eq!(
        queue["wait"],
        json!({"count": 1, "avg": 1.0, "min": 1.0, "max": 1.0, "p50": 1.0, "p95": 1.0, "p99": 1.0, "window_seconds": 300, "quality": "exact"})
    );
    assert_eq!(
        queue["rates"],
        json!({"window_seconds": 60, "enqueued": null, "processed": null, "failed": null})
    );
    let job_type = &queue["types"][0];
    assert_eq!(keys(job_type), sorted(["type", "succeeded", "failed", "wait", "run"]));
    assert_eq!((&job_type["type"], &job_type["run"]["count"]), (&json!("send"), &json!(2)));
}

#[tokio::test]
async fn a_queue_is_found_by_name_and_by_kind_where_that_is_needed() {
    let filled = Filled::new();
    let (status, problem) = filled.json("/api/v1/queue/main/emails").await;
    assert_eq!(status, 409);
    assert!(problem["detail"].as_str().unwrap().contains("asynq, bullmq"), "{problem}");
    let (status, detail) = filled.json("/api/v1/queue/main/emails?kind=asynq").await;
    assert_eq!((status, &detail["workers"], &detail["capacity"]), (200, &json!(1), &json!(10)));
    assert_eq!(detail["active_jobs"][0]["type"], "send");
    assert_eq!(detail["raw"]["wait"], 0);
    let (status, problem) = filled.json("/api/v1/queue/main/nope").await;
    assert_eq!(status, 404);
    assert!(problem["detail"].as_str().unwrap().contains("nope"));
    let (status, _) = filled.json("/api/v1/queue/main/emails?kind=kafka").await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn a_queue_with_any_name_can_be_asked_for() {
    let path = "/api/v1/queue/main/a%2Fb%20%22c%22%0A%3Cscript%3E%5C";
    let (status, detail) = Filled::new().json(path).await;
    assert_eq!((status, &detail["queue"]), (200, &json!(ODD_NAME)));
}

#[tokio::test]
async fn a_source_that_is_down_says_so_and_its_queues_keep_their_last_figures() {
    let filled = Filled::new();
    filled.later(1.5);
    filled.polled(Err("connection refused"));
    let (_, answer) =
        filled.json("/api/v1/queue/status?queue=emails&kind=bullmq&source=main").await;
    assert_eq!(answer["sources"][0]["up"], false);
    assert_eq!(answer["sources"][0]["error"], "connection refused");
    let queue = &answer["queues"][0];
    assert_eq!(
        (&queue["stale"], &queue["age_seconds"], &queue["jobs"]["waiting"]),
        (&json!(true), &json!(1.5), &json!(3))
    );
    let (_, sources) = filled.json("/api/v1/sources").await;
    assert_eq!(sources["sources"][0]["hint"], "start it");
    assert_eq!(sources["sources"][0]["cost"]["round_trips"], 2);
}

#[tokio::test]
async fn a_source_without_queues_is_called_redis() {
    let (_, answer) = Filled::empty().json("/api/v1/queue/status").await;
    assert_eq!(answer["queues"], json!([]));
    assert_eq!(
        answer["sources"][0],
        json!({"source": "main", "kind": "redis", "up": false, "age_seconds": null, "poll_seconds": null, "error": null})
    );
}

#[tokio::test]
async fn workers_tell_what_they_run() {
    let (_, answer) = Filled::new().json("/api/v1/workers?source=main&queue=emails").await;
    let worker = &answer["workers"][0];
    assert_eq!(
        (&worker["id"], &worker["busy"], &worker["pid"]),
        (&json!("main/asynq/host:12:abc"), &json!(1), &json!(12))
    );
    assert_eq!(worker["jobs"][0]["queue"], "emails");
    assert_eq!(worker["jobs"][0]["since"], "2026-11-23T14:03:37.000Z");
    let (_, none) = Filled::new().json("/api/v1/workers?queue=other").await;
    assert_eq!(none["workers"], json!([]));
}

#[tokio::test]
async fn the_verdict_is_a_sentence_and_what_it_is_made_of() {
    let filled = Filled::new();
    let (_, verdict) = filled.json("/api/v1/verdict").await;
    assert_eq!((&verdict["severity"], &verdict["code"]), (&json!("ok"), &json!("flowing")));
    filled.polled(Err("connection refused"));
    let (_, verdict) = filled.json("/api/v1/verdict").await;
    assert_eq!(verdict["code"], "source_down");
    assert_eq!(verdict["text"], "main does not answer for 0 s: connection refused.");
    assert_eq!(verdict["values"], json!({"error": "connection refused"}));
}

#[tokio::test]
async fn the_key_figures_add_up() {
    let (status, kpis) = Filled::new().json("/api/v1/metrics").await;
    assert_eq!(status, 200);
    assert_eq!(
        (&kpis["totals"]["processed"], &kpis["jobs"]["waiting"], &kpis["workers"]),
        (&json!(2), &json!(4), &json!(1))
    );
    assert_eq!(kpis["queues"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn events_are_filtered_and_paged() {
    let filled = Filled::new();
    for second in 0..5 {
        filled.later(1.0);
        filled.polled(if second % 2 == 0 { Err("refused") } else { Ok(()) });
    }
    let (_, lost) = filled.json("/api/v1/events?type=source_lost").await;
    assert_eq!(lost["events"].as_array().unwrap().len(), 3);
    let newest = &lost["events"][0];
    assert_eq!(newest["message"], "source main does not answer: refused");
    assert_eq!((&newest["subject"], &newest["severity"]), (&json!("main"), &json!("critical")));
    assert_eq!(
        (&newest["fields"], &newest["time"]),
        (&json!({"detail": "refused"}), &json!("2026-11-23T14:03:44.000Z"))
    );
    let (_, loud) = filled.json("/api/v1/events?severity=critical,warning&source=main").await;
    assert_eq!(loud, lost);
    let (_, early) =
        filled.json("/api/v1/events?to=2026-11-23T14:03:40Z&from=2026-11-23T14:03:40Z").await;
    assert_eq!(early["events"].as_array().unwrap().len(), 1);
    let (_, alerts) = filled.json("/api/v1/events?type=alert").await;
    assert_eq!(alerts, lost, "until there are rules, what is critical is an alert");
    let (_, first) = filled.json("/api/v1/events?limit=4").await;
    assert_eq!(first["events"].as_array().unwrap().len(), 4);
    let cursor = first["next"].as_str().unwrap();
    let (_, rest) = filled.json(&format!("/api/v1/events?cursor={cursor}")).await;
    assert_eq!((rest["events"].as_array().unwrap().len(), &rest["next"]), (2, &Value::Null));
    for wrong in [
        "severity=loud",
        "from=yesterday",
        "limit=0",
        "limit=100000",
        "limit=x",
        "cursor=x",
        "nope=1",
        "kind=kafka",
    ] {
        let (status, problem) = filled.json(&format!("/api/v1/events?{wrong}")).await;
        assert_eq!(status, 400, "{wrong}");
        assert!(!problem["detail"].as_str().unwrap().is_empty());
    }
}

#[tokio::test]
async fn history_is_columns_of_one_length_with_nulls_for_gaps() {
    let filled = Filled::new();
    for _ in 0..3 {
        filled.state.board.write().tick(filled.now());
        filled.later(1.0);
    }
    let (status, history) =
        filled.json("/api/v1/history?range_seconds=10&source=main&kind=bullmq&queue=emails").await;
    assert_eq!((status, &history["step_seconds"]), (200, &json!(1)));
    let columns = history["columns"].as_object().unwrap();
    assert_eq!(columns.len(), 14);
    assert!(columns.values().all(|column| column.as_array().unwrap().len() == 10));
    let waiting = columns["waiting"].as_array().unwrap();
    assert_eq!((&waiting[0], &waiting[9]), (&Value::Null, &json!(3.0)));
    assert!(history.get("queries").is_none(), "nothing is kept here");
    let (status, _) = filled.json("/api/v1/history").await;
    assert_eq!(status, 200);
    for (path, expected) in [
        ("/api/v1/history?range_seconds=0", 400),
        ("/api/v1/history?range_seconds=99999", 400),
        ("/api/v1/history?queue=emails", 400),
        ("/api/v1/history?queue=nope&source=main", 404),
    ] {
        assert_eq!(filled.json(path).await.0, expected, "{path}");
    }
    let (_, sparks) = filled.json("/api/v1/sparks?points=30").await;
    let rows = sparks["rows"].as_object().unwrap();
    assert_eq!((rows.len(), rows["1"].as_array().unwrap().len()), (3, 30));
}

#[tokio::test]
async fn readiness_waits_for_the_first_poll_good_or_bad() {
    let filled = Filled::empty();
    let (status, problem) = filled.json("/readyz").await;
    assert_eq!(status, 503);
    assert!(problem["detail"].as_str().unwrap().contains("main"));
    assert_eq!(filled.json("/healthz").await.0, 200);
    filled.polled(Err("refused"));
    assert_eq!(filled.json("/readyz").await.0, 200);
}

#[tokio::test]
async fn every_operation_is_documented_and_answers() {
    let filled = Filled::new();
    let (_, document) = filled.json("/api/openapi.json").await;
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    let mut own = 0;
    for (path, item) in paths {
        let operations = item.as_object().unwrap();
        for (method, operation) in operations {
            let words = operation["summary"].is_string() || operation["description"].is_string();
            assert!(words, "{method} {path} has no words");
        }
        // Prometheus's and Loki's paths and those of logs have tests of their own: most want parameters, and all a store.
        let elsewhere = [json!(["prometheus"]), json!(["loki"]), json!(["logs"])];
        if operations.values().all(|operation| elsewhere.contains(&operation["tags"])) {
            continue;
        }
        own += 1;
        let asked = path.replace("{source}", "main").replace("{queue}", "emails");
        let asked = if path.contains("{queue}") { format!("{asked}?kind=bullmq") } else { asked };
        let asked = if path.ends_with("/failed") {
            format!("{path}?source=main&queue=emails&kind=bullmq")
        } else {
            asked
        };
        // The store has tests of its own, and is not here.
        let stored = path == "/api/v1/heatmap";
        let asked = if stored { format!("{asked}?figure=run&from=0&to=60") } else { asked };
        let response = filled.get_with(&asked, &[]).await;
        assert_eq!(response.status().as_u16(), if stored { 503 } else { 200 }, "{asked}");
    }
    assert_eq!((own, paths.len()), (19, 78));
}

#[tokio::test]
async fn a_queue_that_is_gone_is_gone() {
    let filled = Filled::new();
    filled.observe(Observation::QueueGone { queue: queue(Broker::Asynq, "emails"), at: START });
    assert_eq!(filled.json("/api/v1/queue/main/emails").await.1["kind"], "bullmq");
}
