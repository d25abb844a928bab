//! What is asked.

use serde_json::{Value, json};
use vigie_model::Labels;

use super::metered::Metered;
use crate::filled::{Filled, START, text};

/// Two services with two instances each, and a metric with a dot in its name; one minute before now.
fn some() -> Metered {
    let metered = Metered::new();
    metered.kept.change(|memory| {
        for (job, instance, value) in [("api", "a", 1.0), ("api", "b", 0.0), ("db", "a", 1.0)] {
            let labels =
                Labels::from_pairs([("__name__", "up"), ("job", job), ("instance", instance)]);
            for step in 0..5 {
                memory.float(&labels, START.millis() - 60_000 + step * 15_000, value);
            }
        }
        let dotted = Labels::from_pairs([("__name__", "http.requests"), ("http.method", "GET")]);
        memory.float(&dotted, START.millis() - 1_000, 7.0);
    });
    metered
}

/// What is asked, and what Prometheus says to it.
const WRONG: &[(&str, &str)] = &[
    (
        "query?query=up&time=x",
        r#"invalid parameter "time": invalid time value for 'time': cannot parse "x" to a valid timestamp"#,
    ),
    (
        "query?query=up&timeout=x",
        r#"invalid parameter "timeout": cannot parse "x" to a valid duration"#,
    ),
    (
        "query?query=up&timeout=-1",
        r#"invalid parameter "timeout": timeout must be positive, got -1"#,
    ),
    ("query?query=up&limit=-1", r#"invalid parameter "limit": limit must be non-negative"#),
    ("query?query=up&limit=x", r#"invalid parameter "limit": "x" is not a number"#),
    (
        "query?query=up&lookback_delta=x",
        r#"error parsing lookback delta duration: cannot parse "x" to a valid duration"#,
    ),
    ("query_range?query=up", r#"invalid parameter "start": cannot parse "" to a valid timestamp"#),
    (
        "query_range?query=up&start=1",
        r#"invalid parameter "end": cannot parse "" to a valid timestamp"#,
    ),
    (
        "query_range?query=up&start=2&end=1&step=1",
        r#"invalid parameter "end": end timestamp must not be before start time"#,
    ),
    (
        "query_range?query=up&start=1&end=2&step=",
        r#"invalid parameter "step": cannot parse "" to a valid duration"#,
    ),
    (
        "query_range?query=up&start=1&end=2&step=0",
        r#"invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer"#,
    ),
    (
        "query_range?query=up&start=0&end=11001&step=1",
        "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
    ),
    (
        "query_range?query=up&start=0&end=3153600000&step=0.001",
        "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
    ),
    ("series", "no match[] parameter provided"),
    (
        "series?match[]={}",
        r#"invalid parameter "match[]": match[] must contain at least one non-empty matcher"#,
    ),
    ("labels?match[]={}", "match[] must contain at least one non-empty matcher"),
    (
        "labels?start=x",
        r#"invalid parameter "start": invalid time value for 'start': cannot parse "x" to a valid timestamp"#,
    ),
    ("label/U__/values", r#"invalid label name: """#),
    ("label/job/values?limit=1e3", r#"invalid parameter "limit": "1e3" is not a number"#),
    ("metadata?limit=x", "limit must be a number"),
    ("metadata?limit_per_metric=x", "limit_per_metric must be a number"),
    ("query_exemplars?query=up&start=2&end=1", "end timestamp must not be before start timestamp"),
    ("rules?type=x", r#"invalid parameter "type": not supported value "x""#),
    ("status/tsdb?limit=0", "limit must be a positive number"),
    ("status/tsdb?limit=10001", "limit must not exceed 10000"),
];

#[tokio::test]
async fn parameters_that_are_wrong_are_named_as_prometheus_names_them() {
    let metered = some();
    for (path, message) in WRONG {
        let (status, answer) = metered.json(&format!("/api/v1/{path}")).await;
        let expected = json!({ "status": "error", "errorType": "bad_data", "error": message });
        assert_eq!((status, answer), (400, expected), "{path}");
    }
}

#[tokio::test]
async fn series_labels_and_values_are_those_of_the_storage() {
    let metered = some();
    for (path, data) in [
        (
            "series?match[]=up{job=\"db\"}",
            json!([{ "__name__": "up", "instance": "a", "job": "db" }]),
        ),
        ("series?match[]=nope", json!([])),
        ("labels", json!(["__name__", "http.method", "instance", "job"])),
        ("labels?match[]={__name__=\"http.requests\"}", json!(["__name__", "http.method"])),
        (
            "labels?match[]=up&match[]={__name__=\"http.requests\"}",
            json!(["__name__", "http.method", "instance", "job"]),
        ),
        ("label/job/values", json!(["api", "db"])),
        ("label/job/values?match[]=up{instance=\"b\"}", json!(["api"])),
        ("label/U__http_2e_method/values", json!(["GET"])),
        ("label/http.method/values", json!(["GET"])),
        ("label/nope/values", json!([])),
        ("label/job/values?end=1", json!([])),
        ("query_exemplars?query=up", json!([])),
        ("rules", json!({ "groups": [] })),
        ("alerts", json!({ "alerts": [] })),
        ("alertmanagers", json!({ "activeAlertmanagers": [], "droppedAlertmanagers": [] })),
        ("scrape_pools", json!({ "scrapePools": ["main"] })),
        ("status/walreplay", json!({ "min": 0, "max": 0, "current": 0 })),
    ] {
        let path = path.replace('{', "%7B").replace('}', "%7D").replace('"', "%22");
        let (status, answer) = metered.json(&format!("/api/v1/{path}")).await;
        assert_eq!((status, answer), (200, json!({ "status": "success", "data": data })), "{path}");
    }
    let (_, cut) = metered.json("/api/v1/label/__name__/values?limit=1").await;
    assert_eq!(
        cut,
        json!({ "status": "success", "data": ["http.requests"], "warnings": ["results truncated due to limit"] })
    );
}

#[tokio::test]
async fn a_form_is_as_good_as_a_query_string_and_comes_first() {
    let metered = some();
    let (status, answer) =
        metered.form("/api/v1/series?match[]=nope", "match[]=up%7Bjob%3D%22db%22%7D").await;
    assert_eq!((status, answer["data"].as_array().unwrap().len()), (200, 1));
    let (status, answer) = metered.form("/api/v1/query?time=x", "query=up&time=1").await;
    assert_ne!(status, 400, "{answer}");
    let (status, _) = metered.form("/api/v1/series", &"x".repeat(2 << 20)).await;
    assert_eq!(status, 400, "a form of 2 MiB");
}

#[tokio::test]
async fn the_state_of_the_server_is_told_in_prometheus_shapes() {
    let metered = some();
    let (_, build) = metered.json("/api/v1/status/buildinfo").await;
    assert_eq!(build["data"]["application"], "vigie");
    assert!(build["data"]["version"].as_str().unwrap().starts_with("3."));
    let (_, flags) = metered.json("/api/v1/status/flags").await;
    assert_eq!(flags["data"]["query.max-concurrency"], "20");
    assert_eq!(flags["data"]["query.lookback-delta"], "300s");
    let (_, runtime) = metered.json("/api/v1/status/runtimeinfo").await;
    assert_eq!(runtime["data"]["startTime"], "2026-11-23T14:02:39.000Z");
    let (_, config) = metered.json("/api/v1/status/config").await;
    assert!(config["data"]["yaml"].is_string());
    let (_, tsdb) = metered.json("/api/v1/status/tsdb?limit=2").await;
    let data = &tsdb["data"];
    assert_eq!(data["headStats"]["numSeries"], 4);
    assert_eq!(data["headStats"]["numLabelPairs"], 7);
    assert_eq!(
        data["seriesCountByMetricName"],
        json!([{ "name": "up", "value": 3 }, { "name": "http.requests", "value": 1 }])
    );
    assert_eq!(data["labelValueCountByLabelName"][0], json!({ "name": "__name__", "value": 2 }));
    assert_eq!(
        data["seriesCountByLabelValuePair"][0],
        json!({ "name": "__name__=up", "value": 3 })
    );
    for path in ["/-/healthy", "/-/ready"] {
        assert_eq!(metered.filled.get_with(path, &[]).await.status().as_u16(), 200, "{path}");
    }
}

#[tokio::test]
async fn sources_are_targets() {
    let metered = some();
    let (_, answer) = metered.json("/api/v1/targets").await;
    let target = &answer["data"]["activeTargets"][0];
    assert_eq!((&target["health"], &target["scrapePool"]), (&json!("up"), &json!("main")));
    assert_eq!(target["lastScrape"], "2026-11-23T14:03:39.000Z");
    assert_eq!(target["scrapeInterval"], "1s");
    assert_eq!(answer["data"]["droppedTargets"], json!([]));
    metered.filled.later(1.0);
    metered.filled.polled(Err("refused"));
    let (_, answer) = metered.json("/api/v1/targets?state=active&scrapePool=main").await;
    let target = &answer["data"]["activeTargets"][0];
    assert_eq!(
        (&target["health"], &target["lastError"]),
        (&json!("down"), &json!("refused (start it)"))
    );
    for none in ["?state=dropped", "?scrapePool=other"] {
        let (_, answer) = metered.json(&format!("/api/v1/targets{none}")).await;
        assert_eq!(answer["data"]["activeTargets"], json!([]), "{none}");
    }
}

#[tokio::test]
async fn vigies_own_metrics_have_metadata() {
    let metered = some();
    let (_, answer) = metered.json("/api/v1/metadata?metric=vigie_queue_oldest_seconds").await;
    let expected = json!([{
        "type": "gauge", "unit": "seconds", "help": "Age of the oldest waiting job; absent when nothing waits.",
    }]);
    assert_eq!(answer["data"], json!({ "vigie_queue_oldest_seconds": expected }));
    let (_, answer) = metered.json("/api/v1/metadata?limit=2").await;
    assert_eq!(answer["data"].as_object().unwrap().len(), 2);
    let (_, answer) = metered.json("/api/v1/metadata?metric=nope").await;
    assert_eq!(answer["data"], json!({}));
}

#[tokio::test]
async fn without_a_store_the_rest_goes_on() {
    let filled = Filled::new();
    for path in ["query?query=up", "series?match[]=up", "labels", "metadata", "status/tsdb"] {
        let (status, answer) = filled.json(&format!("/api/v1/{path}")).await;
        assert_eq!(
            (status, &answer["errorType"]),
            (503, &json!("unavailable")),
            "{path}: {answer}"
        );
    }
    assert_eq!(filled.get_with("/-/ready", &[]).await.status().as_u16(), 503);
    assert_eq!(filled.json("/api/v1/targets").await.0, 200);
    assert_eq!(filled.json("/api/v1/queue/status").await.0, 200);
}

#[tokio::test]
async fn other_hosts_and_other_methods_get_nothing() {
    let metered = some();
    let request = axum::http::Request::get("/api/v1/query?query=up")
        .header("host", "evil.example")
        .body(axum::body::Body::empty())
        .unwrap();
    assert_eq!(metered.filled.send(request).await.status().as_u16(), 421);
    let response = metered.post("/api/v1/label/job/values", &[], vec![]).await;
    assert_eq!(response.status().as_u16(), 405);
    let problem: Value = serde_json::from_str(&text(response).await).unwrap();
    assert_eq!(problem["type"], "/problems/method-not-allowed");
}
