//! Instances over HTTP: the shape that other programs read, the filter, the series, the live topic's document.

use serde_json::{Value, json};
use vigie_model::{Instance, InstanceStatus, InstancesReading, Name, Observation, SourceName};

use crate::filled::{Filled, text};

fn instance(name: &str, status: InstanceStatus) -> Instance {
    Instance { status, ..Instance::unknown(Name::from("be_app"), Name::from(name)) }
}

pub fn told(filled: &Filled) {
    let up = Instance {
        latency: Some(0.012),
        load: Some(3.0),
        version: Some(Name::from("1.4.2")),
        balancer: Some(Name::from("UP")),
        ..instance("app1", InstanceStatus::Up)
    };
    let down = Instance {
        balancer: Some(Name::from("DOWN")),
        error: Some("HAProxy says DOWN: L4CON: Connection refused".to_owned()),
        ..instance("app\"2\n", InstanceStatus::Down)
    };
    filled.observe(Observation::Instances(InstancesReading {
        source: SourceName::new("main"),
        at: filled.now(),
        instances: vec![up, down, instance("app3", InstanceStatus::Unknown)],
    }));
}

#[tokio::test]
async fn instances_have_exactly_the_shape_that_other_programs_read() {
    let filled = Filled::new();
    assert_eq!(filled.json("/api/v1/instances").await, (200, json!({"instances": []})));
    told(&filled);
    let (status, answer) = filled.json("/api/v1/instances").await;
    assert_eq!(status, 200);
    let rows = answer["instances"].as_array().unwrap();
    assert_eq!(
        rows[1],
        json!({"source": "main", "instance": "app1", "role": "be_app", "status": "up",
            "since": "2026-11-23T14:03:39.000Z", "latency": {"p50": rows[1]["latency"]["p50"], "p95": rows[1]["latency"]["p95"]},
            "load": 3.0, "version": "1.4.2", "balancer": "UP", "probe": null, "error": null, "name": null})
    );
    assert!((rows[1]["latency"]["p95"].as_f64().unwrap() - 0.012).abs() < 0.001);
    assert_eq!(rows[0]["latency"], json!({"p50": null, "p95": null}), "absent is null, not 0");
    assert_eq!(rows[0]["error"], "HAProxy says DOWN: L4CON: Connection refused");
    assert_eq!(rows[2]["status"], "unknown");
}

#[tokio::test]
async fn some_can_be_asked_for_and_nonsense_is_named() {
    let filled = Filled::new();
    told(&filled);
    let names = |answer: &Value| -> Vec<String> {
        let rows = answer["instances"].as_array().unwrap().iter();
        rows.map(|row| row["instance"].as_str().unwrap().to_owned()).collect()
    };
    let (_, down) = filled.json("/api/v1/instances?status=down&role=be_app&source=main").await;
    assert_eq!(names(&down), ["app\"2\n"]);
    for path in ["instances", "workers", "queue/status"] {
        let (status, none) = filled.json(&format!("/api/v1/{path}?source=other")).await;
        assert_eq!(
            (status, &none["detail"]),
            (400, &json!("source is \"other\"; it is one of main."))
        );
    }
    let (status, problem) = filled.json("/api/v1/instances?status=broken").await;
    assert_eq!(status, 400);
    assert!(
        problem["detail"].as_str().unwrap().contains("up, down, degraded, unknown"),
        "{problem}"
    );
    assert_eq!(filled.json("/api/v1/instances?what=1").await.0, 400);
}

#[tokio::test]
async fn their_series_are_there_and_end_with_their_source() {
    let filled = Filled::new();
    told(&filled);
    let page = async || text(filled.get_with("/metrics", &[]).await).await;
    let shown = page().await;
    for line in [
        "vigie_instance_up{source=\"main\",instance=\"app1\",role=\"be_app\"} 1\n",
        "vigie_instance_up{source=\"main\",instance=\"app\\\"2\\n\",role=\"be_app\"} 0\n",
        "vigie_instance_probe_seconds{source=\"main\",instance=\"app1\",role=\"be_app\"} 0.012\n",
        "vigie_instance_load{source=\"main\",instance=\"app1\",role=\"be_app\"} 3\n",
    ] {
        assert!(shown.contains(line), "{line}{shown}");
    }
    assert!(!shown.contains("instance=\"app3\""), "what nobody knows has no series");
    filled.later(1.0);
    filled.polled(Err("connection refused"));
    assert!(!page().await.contains("vigie_instance_up{"), "a stale source's instances have none");
    let (_, answer) = filled.json("/api/v1/instances?status=unknown").await;
    assert_eq!(answer["instances"].as_array().unwrap().len(), 3);
    assert_eq!(answer["instances"][1]["load"], Value::Null, "it is old, so it is not shown");
}
