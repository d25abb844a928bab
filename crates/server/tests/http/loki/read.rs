//! What is asked.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use vigie_server::LogQueryLimits;

use super::{NOW, SECOND, filled};
use crate::filled::{Filled, text};

fn encoded(query: &str) -> String {
    form_urlencoded::byte_serialize(query.as_bytes()).collect()
}

async fn ask(path: &str, query: &str, more: &str) -> (u16, Value) {
    let (filled, _) = filled(LogQueryLimits::default());
    filled.json(&format!("/loki/api/v1/{path}?query={}{more}", encoded(query))).await
}

async fn data(path: &str, query: &str, more: &str) -> Value {
    let (status, answer) = ask(path, query, more).await;
    assert_eq!((status, &answer["status"]), (200, &json!("success")), "{answer}");
    answer["data"].clone()
}

#[tokio::test]
async fn grafana_finds_the_data_source_healthy() {
    let found = data("query", "vector(1)+vector(1)", "").await;
    assert_eq!(found["resultType"], "vector");
    assert_eq!(found["result"], json!([{ "metric": {}, "value": [NOW / SECOND, "2"] }]));
    let (filled, _) = filled(LogQueryLimits::default());
    let info = filled.json("/loki/api/v1/status/buildinfo").await.1;
    assert!(info["version"].as_str().unwrap().starts_with('3'));
    let (_, drilldown) = filled.json("/loki/api/v1/drilldown-limits").await;
    assert_eq!(drilldown["pattern_ingester_enabled"], false, "{drilldown}");
    assert_eq!(drilldown["limits"]["max_entries_limit_per_query"], 5_000, "{drilldown}");
    // What is not there is told as Loki tells it: not by a page for people.
    for path in ["rules", "index/shards", "delete", "nothing"] {
        assert_eq!(refused(&filled, &format!("/loki/api/v1/{path}")).await.0, 404, "{path}");
    }
    let ready = filled.get_with("/ready", &[]).await;
    assert_eq!((ready.status().as_u16(), text(ready).await.as_str()), (200, "ready\n"));
}

#[tokio::test]
async fn lines_come_as_streams() {
    let found = data("query_range", r#"{app="web"} | json"#, "&limit=3").await;
    assert_eq!(found["resultType"], "streams");
    let result = found["result"].as_array().unwrap();
    // The newest first; what is no JSON says so.
    assert_eq!(
        result[0],
        json!({
            "stream": {
                "__error__": "JSONParserErr", "__error_details__": "the line is no JSON object", "app": "web",
                "instance": "api-1", "job_id": "17", "level": "error", "service_name": "api-1", "source": "go",
            },
            "values": [[(NOW - 10 * SECOND).to_string(), "<b>\"plain\"\u{7}"]],
        })
    );
    let times: Vec<_> = result.iter().map(|one| one["values"][0][0].as_str().unwrap()).collect();
    let expected = [10, 20, 40].map(|ago| (NOW - ago * SECOND).to_string());
    assert_eq!(times, expected);
    assert_eq!(found["stats"]["summary"]["totalEntriesReturned"], 3);

    let forward =
        data("query_range", r#"{app=~".+"} |= "status""#, "&limit=1&direction=FORWARD").await;
    assert_eq!(forward["result"][0]["values"][0][0], (NOW - 50 * SECOND).to_string());
    let since = data("query_range", r#"{app="web"} |= "long""#, "&since=3h").await;
    assert_eq!(since["result"].as_array().unwrap().len(), 1);
    let seconds = format!("&start={}&end={}.5", (NOW / SECOND) - 25, (NOW / SECOND) - 15);
    let few = data("query_range", r#"{app="web"}"#, &seconds).await;
    assert_eq!(few["result"].as_array().unwrap().len(), 1);
    let apart = data("query_range", r#"{app=~".+"} |= "status""#, "&interval=25s").await;
    let lines: usize = apart["result"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["values"].as_array().unwrap().len())
        .sum();
    assert_eq!(lines, 2, "of those 20, 40 and 50 s ago: {apart}");
}

#[tokio::test]
async fn labels_are_told_apart_where_the_client_asks() {
    let (filled, _) = filled(LogQueryLimits::default());
    let query = encoded(r#"{app="web"} | json | status=500"#);
    let path = format!("/loki/api/v1/query_range?query={query}");
    let flag = [("x-loki-response-encoding-flags", "categorize-labels")];
    let answer = text(filled.get_with(&path, &flag).await).await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["data"]["encodingFlags"], json!(["categorize-labels"]));
    let stream = &answer["data"]["result"][0];
    assert_eq!(stream["stream"]["app"], "web");
    assert_eq!(stream["stream"]["status"], Value::Null);
    let origins = json!({ "structuredMetadata": { "job_id": "17" }, "parsed": { "status": "500", "took": "2s" } });
    assert_eq!(stream["values"][0][2], origins);
}

#[tokio::test]
async fn numbers_come_as_vectors_and_matrices() {
    let sums = r#"sum by (level) (count_over_time({app="web"}[1m]))"#;
    let found = data("query", sums, "").await;
    assert_eq!(
        found["result"],
        json!([
            { "metric": { "level": "error" }, "value": [NOW / SECOND, "2"] },
            { "metric": { "level": "info" }, "value": [NOW / SECOND, "2"] },
        ])
    );
    let range = format!("&start={}&end={NOW}&step=30", NOW - 60 * SECOND);
    let found = data(
        "query_range",
        r#"max(max_over_time({app="web"} | json | unwrap duration(took) | __error__="" [1m]))"#,
        &range,
    )
    .await;
    assert_eq!(found["resultType"], "matrix");
    let times = [NOW / SECOND - 30, NOW / SECOND];
    assert_eq!(
        found["result"],
        json!([{ "metric": {}, "values": [[times[0], "2"], [times[1], "2"]] }])
    );
    let scalar = data("query", "1 + 1", "").await;
    assert_eq!(
        (scalar["resultType"].clone(), scalar["result"][1].clone()),
        (json!("scalar"), json!("2"))
    );
    let formatted = data("format_query", "sum( rate({a=\"b\"}[5m]) )by(c)", "").await;
    assert_eq!(formatted, r#"sum by (c) (rate({a="b"} [5m]))"#);
}

#[tokio::test]
async fn queries_come_as_forms_too() {
    let (filled, _) = filled(LogQueryLimits::default());
    for path in ["query_range", "series", "labels", "index/stats"] {
        let request = Request::post(format!("/loki/api/v1/{path}"))
            .header("host", "127.0.0.1")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(format!("query={}", encoded(r#"{app="web"}"#))))
            .unwrap();
        assert_eq!(filled.send(request).await.status().as_u16(), 200, "{path}");
    }
}

#[tokio::test]
async fn streams_are_listed() {
    let names = json!(["app", "instance", "level", "service_name", "source"]);
    assert_eq!(data("labels", "", "").await, names);
    assert_eq!(data("label/app/values", "", "").await, json!(["db", "web"]));
    assert_eq!(data("label/app/values", r#"{level="error"}"#, "").await, json!(["web"]));
    assert_eq!(data("label/nope/values", "", "").await, json!([]));
    let (filled, _) = filled(LogQueryLimits::default());
    let matchers = encoded(r#"{app="web",level="error"}"#);
    let found = filled
        .json(&format!("/loki/api/v1/series?match[]={matchers}&match[]=%7Bapp%3D%22db%22%7D"))
        .await
        .1;
    assert_eq!(found["data"].as_array().unwrap().len(), 2);
    assert_eq!(filled.json("/loki/api/v1/series").await.1["data"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn volumes_are_counted() {
    let (status, stats) = ask("index/stats", r#"{app="web"}"#, "").await;
    assert_eq!(status, 200);
    assert_eq!((&stats["streams"], &stats["entries"]), (&json!(2), &json!(4)));
    let found = data("index/volume", r#"{app=~".+"}"#, "&targetLabels=app").await;
    let apps: Vec<_> = found["result"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["metric"]["app"].clone())
        .collect();
    assert_eq!(apps, ["web", "db"]);
    assert_eq!(found["result"][1]["value"][1], "12");
    let names = data("index/volume", r#"{app=~".+"}"#, "&aggregateBy=labels").await;
    assert!(
        names["result"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["metric"] == json!({ "level": "level" }))
    );
    let range = format!("&start={}&end={NOW}&step=30s", NOW - 60 * SECOND);
    let steps = data("index/volume_range", r#"{app="db"}"#, &range).await;
    assert_eq!(
        steps["result"],
        json!([{ "metric": { "app": "db" }, "values": [[NOW / SECOND, "12"]] }])
    );
    let (filled, _) = filled(LogQueryLimits::default());
    let query = encoded(r#"{app="db"}"#);
    let path =
        format!("/loki/api/v1/index/volume_range?query={query}{}", range.replace("30s", "1ms"));
    assert_eq!(refused(&filled, &path).await.0, 400);
}

async fn refused(filled: &Filled, path: &str) -> (u16, String) {
    let response = filled.get_with(path, &[]).await;
    let status = response.status().as_u16();
    if status >= 400 {
        assert!(
            response.headers()["content-type"].to_str().unwrap().starts_with("text/plain"),
            "{path}"
        );
    }
    (status, text(response).await)
}

#[tokio::test]
async fn fields_are_detected() {
    let (_, found) = ask("detected_fields", r#"{app=~".+"}"#, "").await;
    let fields = found["fields"].as_array().unwrap();
    let field =
        |name: &str| fields.iter().find(|one| one["label"] == name).cloned().unwrap_or_default();
    assert_eq!(
        field("status"),
        json!({ "label": "status", "type": "int", "cardinality": 2, "parsers": ["json"] })
    );
    assert_eq!(field("took")["type"], "duration");
    assert_eq!(
        (&field("size")["type"], &field("size")["parsers"]),
        (&json!("bytes"), &json!(["logfmt"]))
    );
    assert_eq!(field("job_id")["parsers"], Value::Null);
    let (_, values) = ask("detected_field/status/values", r#"{app="web"}"#, "").await;
    assert_eq!(values["values"], json!(["200", "500"]));
    let (_, labels) = ask("detected_labels", "", "").await;
    assert!(
        labels["detectedLabels"]
            .as_array()
            .unwrap()
            .contains(&json!({ "label": "app", "cardinality": 2 }))
    );
    assert_eq!(data("patterns", r#"{app="web"}"#, "").await, json!([]));
}

#[tokio::test]
async fn what_is_wrong_is_a_text() {
    let (filled, _) = filled(LogQueryLimits::default());
    let logs = encoded(r#"{app="web"}"#);
    for (path, said) in [
        ("query_range", "parameter `query` is missing"),
        ("query?query=%7B", "parse error at line 1, col 2"),
        ("query?query=%7B%7D", "at least one regexp or equality matcher"),
        (&format!("query?query={logs}"), "log queries are not supported as an instant query type"),
        (&format!("query_range?query={logs}&start=x"), "could not parse 'start' parameter"),
        (&format!("query_range?query={logs}&start=20&end=10"), "end timestamp must not be before"),
        (&format!("query_range?query={logs}&limit=0"), "limit must be a positive value"),
        (&format!("query_range?query={logs}&limit=x"), "no number"),
        (&format!("query_range?query={logs}&limit=5001"), "max entries limit per query exceeded"),
        (&format!("query_range?query={logs}&direction=up"), "invalid direction 'up'"),
        (&format!("query_range?query={logs}&step=0"), "zero or negative query resolution step"),
        (&format!("query_range?query={logs}&step=1e300"), "valid duration"),
        (&format!("query_range?query={logs}&since=x"), "could not parse 'since' parameter"),
        (
            &format!("query_range?query={}&step=1ms", encoded(r#"rate({app="web"}[1m])"#)),
            "max_steps",
        ),
        (
            &format!(
                "query?query={}",
                encoded(r#"sum by (status) (count_over_time({app="web"} | json [1m]))"#)
            ),
            "JSONParserErr",
        ),
        (&format!("series?match[]={}", encoded("{a=")), "parse error"),
        (
            &format!("labels?query={}", encoded(r#"{app="web"} |= "x""#)),
            "only label matchers are supported",
        ),
        ("index/stats", "parameter `query` is missing"),
        (&format!("index/volume?query={logs}&aggregateBy=x"), "aggregateBy"),
        (&format!("detected_fields?query={}", encoded("1 + 1")), "only"),
        (&format!("format_query?query={}", encoded("sum(")), "parse error"),
        (&format!("tail?query={logs}"), "WebSocket"),
        (&format!("tail?query={}", encoded("vector(1)")), "only a query for lines can be tailed"),
    ] {
        let (status, message) = refused(&filled, &format!("/loki/api/v1/{path}")).await;
        assert_eq!(status, 400, "{path}: {message}");
        assert!(message.contains(said), "{path}: {message}");
    }
    let without = Filled::empty();
    for path in ["/ready", "/loki/api/v1/labels"] {
        assert_eq!(refused(&without, path).await.0, 503, "{path}");
    }
}

#[tokio::test]
async fn too_many_queries_are_turned_away() {
    let none = LogQueryLimits { concurrency: 0, queue: 0, ..LogQueryLimits::default() };
    let (filled, _) = filled(none);
    assert_eq!(refused(&filled, "/loki/api/v1/labels").await.0, 429);
    let (slow, _) = self::filled(LogQueryLimits {
        concurrency: 0,
        queue: 1,
        timeout: std::time::Duration::from_millis(20),
        ..LogQueryLimits::default()
    });
    assert_eq!(refused(&slow, "/loki/api/v1/labels").await.0, 504);
}
