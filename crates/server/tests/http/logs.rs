//! Log entries in by each door, and out again.

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use prost::encoding;
use serde_json::{Value, json};
use tower::ServiceExt;
use vigie_server::{AllowedHosts, AppState, LogRules, Logs, router};
use vigie_store::logs::{LogOptions, LogStore};

use crate::filled::{Filled, START};

/// A server with a log store of its own.
pub struct Server {
    app: axum::Router,
    dir: tempfile::TempDir,
}

impl Server {
    fn with(rules: &LogRules) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = LogStore::open(LogOptions::new(dir.path()), START.millis()).unwrap();
        Self::of(Filled::empty().state.with_logs(Logs::new(store, rules).unwrap()), dir)
    }

    /// One of this state, whose stores are in that folder.
    pub fn of(state: AppState, dir: tempfile::TempDir) -> Self {
        Self { app: router(state, AllowedHosts::new(&[])), dir }
    }

    /// One whose sources may bring one entry a second.
    pub fn slow() -> Self {
        Self::with(&LogRules { entries_per_second: 1, ..LogRules::default() })
    }

    pub fn new() -> Self {
        Self::with(&LogRules::default())
    }

    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> (StatusCode, String) {
        let (status, _, text) = self.answer(method, path, headers, body).await;
        (status, text)
    }

    pub async fn answer(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> (StatusCode, HeaderMap, String) {
        let mut request =
            Request::builder().method(method).uri(path).header("host", "127.0.0.1:4780");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.app.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (parts, body) = answer.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, String::from_utf8_lossy(&bytes).into_owned())
    }

    pub async fn get(&self, path: &str) -> Value {
        let (status, text) = self.send("GET", path, &[], "").await;
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    pub async fn messages(&self, query: &str) -> Vec<String> {
        let answer = self.get(&format!("/api/v1/logs?{query}")).await;
        let entries = answer["entries"].as_array().unwrap();
        entries.iter().map(|entry| entry["message"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn of_a_thousand_lines_one_bad_one_costs_itself_alone() {
    let server = Server::new();
    let deep = "[".repeat(100_000);
    let lines: Vec<String> = (0..1000)
        .map(|n| match n {
            500 => deep.clone(),
            _ => format!(
                r#"{{"time":{},"level":"INFO","msg":"line {n}","queue":"emails","n":{n}}}"#,
                START.millis() - n
            ),
        })
        .collect();
    let (status, text) = server.send("POST", "/api/v1/logs", &[], lines.join("\n")).await;
    assert_eq!(status, 200, "{text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&answer["accepted"], &answer["failed"]), (&json!(999), &json!(1)));
    assert_eq!(answer["errors"][0]["line"], 501);
    let page = server.get("/api/v1/logs?limit=2&queue=emails").await;
    let first = &page["entries"][0];
    let expected = json!({
        "time": "2026-11-23T14:03:39.000Z", "level": "info", "type": null, "source": "api", "instance": null,
        "queue": "emails", "job": null, "trace": null, "message": "line 0", "fields": {"n": 0, "level_text": "INFO"}
    });
    assert_eq!(*first, expected);
    let next = page["next"].as_str().unwrap();
    assert_eq!(server.messages(&format!("limit=2&cursor={next}")).await, ["line 2", "line 3"]);
    assert_eq!(server.messages("q=LINE+77&limit=3").await.len(), 3);
    assert_eq!(server.messages("q=/line+77%24/").await, ["line 77"]);
    assert!(server.messages("level=warn").await.is_empty());
    let histogram = server.get("/api/v1/logs/histogram?step=60").await;
    let total: u64 = histogram["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["total"].as_u64().unwrap())
        .sum();
    assert_eq!(total, 999);
    let facets = server.get("/api/v1/logs/facets").await;
    assert_eq!(facets["queue"][0], json!({"value": "emails", "count": 999}));
    assert_eq!(server.get("/logs?limit=1").await["entries"][0], expected);
    let (_, metrics) = server.send("GET", "/metrics", &[], "").await;
    assert!(
        metrics.contains(r#"vigie_log_entries_total{source="api",level="info",type=""} 999"#),
        "{metrics}"
    );
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let server = Server::new();
    let (status, text) = server.send("POST", "/api/v1/logs", &[], "not json").await;
    assert!(status == 400 && text.contains("no JSON object"), "{text}");
    let (status, _) = server.send("POST", "/api/v1/logs", &[("content-encoding", "br")], "x").await;
    assert_eq!(status, 415);
    for query in
        ["level=loud", "limit=0", "limit=9999", "q=/(/", "from=yesterday", "cursor=x", "nothing=1"]
    {
        let (status, text) = server.send("GET", &format!("/api/v1/logs?{query}"), &[], "").await;
        assert!(status == 400 && text.contains("problems/bad-parameter"), "{query}: {text}");
    }
    // A bomb: little that becomes much.
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut bomb, &vec![b' '; 64 << 20]).unwrap();
    let (status, text) = server
        .send("POST", "/api/v1/logs", &[("content-encoding", "gzip")], bomb.finish().unwrap())
        .await;
    assert!(status == 413 && text.contains("decompressed bytes"), "{text}");
    let plain = router(Filled::empty().state, AllowedHosts::new(&[]));
    let without = Server { app: plain, dir: tempfile::tempdir().unwrap() };
    assert_eq!(without.send("GET", "/api/v1/logs", &[], "").await.0, 503);
    assert_eq!(without.send("POST", "/api/v1/logs", &[], "{}").await.0, 503);
}

#[tokio::test]
async fn secrets_are_not_kept() {
    let server = Server::new();
    let line = r#"{"message":"login password=hunter2","api_key":"hunter3","labels":{"x_token":"hunter4"}}"#;
    assert_eq!(server.send("POST", "/api/v1/logs", &[], line).await.0, 200);
    let (_, text) = server.send("GET", "/api/v1/logs", &[], "").await;
    assert!(!text.contains("hunter") && text.contains("[redacted]"), "{text}");
    assert!(server.messages("q=hunter").await.is_empty());
    // The log holds texts as they are: there was never a secret in it.
    let mut logs = std::fs::read_dir(server.dir.path().join("wal")).unwrap();
    let log = std::fs::read(logs.next().unwrap().unwrap().path()).unwrap();
    let has = |text: &[u8]| log.windows(text.len()).any(|window| window == text);
    assert!(has(b"[redacted]") && !has(b"hunter"));
}

/// `logproto.PushRequest` as promtail sends it, in snappy.
fn loki_protobuf(labels: &str, line: &str) -> Vec<u8> {
    let mut time = Vec::new();
    encoding::int64::encode(1, &(START.millis() / 1000), &mut time);
    encoding::int32::encode(2, &7, &mut time);
    let mut pair = Vec::new();
    encoding::string::encode(1, &"trace_id".to_owned(), &mut pair);
    encoding::string::encode(2, &"abc".to_owned(), &mut pair);
    let mut entry = Vec::new();
    encoding::bytes::encode(1, &time, &mut entry);
    encoding::string::encode(2, &line.to_owned(), &mut entry);
    encoding::bytes::encode(3, &pair, &mut entry);
    let mut stream = Vec::new();
    encoding::string::encode(1, &labels.to_owned(), &mut stream);
    encoding::bytes::encode(2, &entry, &mut stream);
    let mut push = Vec::new();
    encoding::bytes::encode(1, &stream, &mut push);
    snap::raw::Encoder::new().compress_vec(&push).unwrap()
}

#[tokio::test]
async fn loki_pushes_arrive_in_both_languages() {
    let server = Server::new();
    let path = "/loki/api/v1/push";
    let body = loki_protobuf(r#"{app="shop", instance="one"}"#, "level=error msg=\"it broke\"");
    let (status, text) = server
        .send("POST", path, &[("content-type", "application/x-protobuf")], body.clone())
        .await;
    assert_eq!(status, 204, "{text}");
    let line = json!({"streams": [{"stream": {"app": "web", "job": "varlogs"}, "values": [
        [(START.millis() * 1_000_000).to_string(), "hello"],
        [(START.millis() * 1_000_000 + 1).to_string(), "again", {"detected_level": "warn"}],
    ]}]});
    let (status, text) =
        server.send("POST", path, &[("content-type", "application/json")], line.to_string()).await;
    assert_eq!(status, 204, "{text}");
    assert_eq!(server.messages("").await, ["level=error msg=\"it broke\"", "again", "hello"]);
    let found = server.get("/api/v1/logs?trace=abc&level=error&instance=one").await;
    let entry = &found["entries"][0];
    assert_eq!((&entry["source"], &entry["fields"]["app"]), (&json!("loki"), &json!("shop")));
    assert_eq!(server.messages("level=warn&source=loki").await.len(), 2);
    for (kind, body) in [
        ("application/x-protobuf", b"\xff\xff\xff\xff\x7f".to_vec()),
        ("application/x-protobuf", body[..body.len() / 2].to_vec()),
        ("application/json", b"{\"streams\":[{\"stream\":{},\"values\":[[1,2]]}]}".to_vec()),
        ("application/json", b"{".to_vec()),
    ] {
        let (status, text) = server.send("POST", path, &[("content-type", kind)], body).await;
        assert!(status == 400 || status == 413, "{kind}: {status} {text}");
    }
    assert_eq!(server.send("POST", path, &[("content-type", "text/plain")], "x").await.0, 415);
}

#[tokio::test]
async fn filebeat_finds_what_it_asks_for_and_its_documents_arrive() {
    let server = Server::new();
    let agent =
        [("user-agent", "Elastic-filebeat/8.19.0 (linux; amd64)"), ("accept", "application/json")];
    let (status, text) = server.send("GET", "/", &agent, "").await;
    let what: Value = serde_json::from_str(&text).unwrap();
    assert!(
        status == 200 && what["version"]["number"].as_str().unwrap().starts_with("8."),
        "{text}"
    );
    let (_, page) = server.send("GET", "/", &[("accept", "text/html,*/*")], "").await;
    assert!(!page.contains("lucene"), "a browser gets the dashboard");
    for path in [
        "/_license",
        "/_xpack",
        "/_ilm/policy/filebeat",
        "/_alias/filebeat-7.17.0",
        "/_index_template/filebeat-8.19.0",
        "/_nodes/http",
    ] {
        assert_eq!(server.send("GET", path, &agent, "").await.0, 200, "{path}");
    }
    assert_eq!(server.send("PUT", "/_index_template/filebeat-8.19.0", &agent, "{}").await.0, 200);
    let body = [
        r#"{"create":{"_index":"filebeat-8.19.0"}}"#,
        r#"{"@timestamp":"2026-11-23T14:03:00.000Z","message":"one","log":{"level":"error","file":{"path":"/x"}},"host":{"name":"h"}}"#,
        r#"{"index":{}}"#,
        r#"{"@timestamp":"never","message":"bad"}"#,
        r#"{"delete":{"_id":"1"}}"#,
        r#"{"create":{}}"#,
        r#"{"message":"two","host":"web-1"}"#,
        "",
    ];
    let (status, text) = server.send("POST", "/mine/_bulk", &agent, body.join("\n")).await;
    let answer: Value = serde_json::from_str(&text).unwrap();
    let items = answer["items"].as_array().unwrap();
    assert_eq!(
        (status, &answer["errors"], items.len()),
        (StatusCode::OK, &json!(true), 4),
        "{text}"
    );
    let states: Vec<_> = items
        .iter()
        .map(|item| item.as_object().unwrap().values().next().unwrap()["status"].as_u64().unwrap())
        .collect();
    assert_eq!(states, [201, 400, 400, 201]);
    assert_eq!(server.messages("").await, ["two", "one"]);
    let one = server.get("/api/v1/logs?level=error").await;
    assert_eq!(one["entries"][0]["fields"]["index"], "filebeat-8.19.0");
    assert_eq!(one["entries"][0]["instance"], "h");
    let two = server.get("/api/v1/logs?q=two").await;
    assert_eq!(two["entries"][0]["instance"], "web-1");
    let (status, text) = server.send("POST", "/_bulk", &[], "{\"what\":{}}\n{}\n").await;
    assert!(status == 400 && text.contains("Malformed action"), "{text}");
}

#[tokio::test]
async fn documents_arrive_one_by_one_as_at_elasticsearch() {
    let server = Server::new();
    let one = r#"{"@timestamp":"2026-11-23T14:03:00.000Z","message":"one password=hunter2","log.level":"warn","host":"web-1"}"#;
    let mut ids = Vec::new();
    for (method, path, id) in [
        ("POST", "/shop/_doc", None),
        ("POST", "/shop/_doc?refresh=wait_for", None),
        ("PUT", "/shop/_doc/17", Some("17")),
        ("POST", "/shop/_doc/a%20b", Some("a b")),
        ("PUT", "/shop/_create/18", Some("18")),
    ] {
        let kind = [("content-type", "application/vnd.elasticsearch+json;compatible-with=8")];
        let (status, text) = server.send(method, path, &kind, one).await;
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(status, 201, "{path}: {text}");
        assert_eq!((&answer["result"], &answer["_index"]), (&json!("created"), &json!("shop")));
        assert_eq!(answer["_shards"], json!({"total": 1, "successful": 1, "failed": 0}));
        let given = answer["_id"].as_str().unwrap().to_owned();
        assert!(id.is_none_or(|id| id == given) && !ids.contains(&given), "{text}");
        ids.push(given);
    }
    let found = server.get("/api/v1/logs?level=warn").await;
    let entries = found["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 5, "{found}");
    assert_eq!(
        (&entries[0]["instance"], &entries[0]["fields"]["index"]),
        (&json!("web-1"), &json!("shop"))
    );
    assert!(!found.to_string().contains("hunter2"));
    for (body, why) in [
        ("{", "failed to parse"),
        ("", "failed to parse"),
        ("[1]", "failed to parse"),
        (r#"{"@timestamp":"never","message":"x"}"#, "never"),
        (r#"{"@timestamp":"1999-01-01T00:00:00Z","message":"x"}"#, "retention"),
    ] {
        let (status, text) = server.send("POST", "/shop/_doc", &[], body).await;
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((status.as_u16(), &answer["status"]), (400, &json!(400)), "{body}: {text}");
        assert_eq!(answer["error"]["type"], "document_parsing_exception");
        assert!(text.contains(why), "{body}: {text}");
    }
    let encoded = [("content-encoding", "br")];
    assert_eq!(server.send("POST", "/shop/_doc", &encoded, one).await.0, 415);
    let large = format!("{{\"message\":\"{}\"}}", "x".repeat(9 << 20));
    assert_eq!(server.send("POST", "/shop/_doc", &[], large).await.0, 413);
    assert_eq!(server.messages("").await.len(), 5);
    // What else clients ask before they write.
    let agent = [("user-agent", "elasticsearch-py/8.19.0 (Python/3.13)")];
    for (method, path) in [
        ("HEAD", "/"),
        ("HEAD", "/shop"),
        ("PUT", "/shop"),
        ("PUT", "/shop-2026.11.23"),
        ("PUT", "/%3Cfilebeat-7.17.0-%7Bnow%2Fd%7D-000001%3E"),
    ] {
        assert_eq!(server.send(method, path, &agent, "").await.0, 200, "{method} {path}");
    }
    assert_eq!(server.send("PUT", "/shop", &[], "").await.0, 404);
}

#[tokio::test]
async fn otlp_records_arrive_in_both_languages() {
    let server = Server::new();
    let nanos = START.millis() as u64 * 1_000_000;
    let attribute = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let body = json!({"resourceLogs": [{"resource": {"attributes": [attribute("service.name", "shop")]}, "scopeLogs": [{"logRecords": [{
        "timeUnixNano": nanos.to_string(), "severityNumber": 17, "severityText": "ERROR", "body": {"stringValue": "as JSON"},
        "attributes": [attribute("job.id", "17"), attribute("k", "v")], "traceId": "0af7651916cd43dd8448eb211c80319c"
    }]}]}]});
    let (status, text) = server
        .send("POST", "/v1/logs", &[("content-type", "application/json")], body.to_string())
        .await;
    assert!(status == 200 && text == "{}", "{text}");
    let found = server
        .get("/api/v1/logs?source=shop&job=17&level=error&trace=0af7651916cd43dd8448eb211c80319c")
        .await;
    assert_eq!(
        (&found["entries"][0]["message"], &found["entries"][0]["fields"]["k"]),
        (&json!("as JSON"), &json!("v"))
    );
    let mut value = Vec::new();
    encoding::string::encode(1, &"as protobuf".to_owned(), &mut value);
    let mut record = Vec::new();
    encoding::fixed64::encode(1, &nanos, &mut record);
    encoding::int32::encode(2, &13, &mut record);
    encoding::bytes::encode(5, &value, &mut record);
    encoding::bytes::encode(9, &vec![0xab; 16], &mut record);
    let wrapped = [2u32, 2, 1].into_iter().fold(record, |inner, number| {
        let mut outer = Vec::new();
        encoding::bytes::encode(number, &inner, &mut outer);
        outer
    });
    let (status, text) = server
        .send("POST", "/v1/logs", &[("content-type", "application/x-protobuf")], wrapped)
        .await;
    assert_eq!(status, 200, "{text}");
    let found = server.get("/api/v1/logs?level=warn&source=otlp").await;
    assert_eq!(found["entries"][0]["message"], "as protobuf");
    assert_eq!(found["entries"][0]["trace"], "ab".repeat(16));
    for (kind, body) in [("application/json", "{"), ("application/x-protobuf", "\u{0a}\u{7f}")] {
        assert_eq!(
            server.send("POST", "/v1/logs", &[("content-type", kind)], body).await.0,
            400,
            "{kind}"
        );
    }
}

#[tokio::test]
async fn a_deploy_is_one_line_of_curl() {
    let server = Server::new();
    let (status, text) = server
        .send(
            "POST",
            "/api/v1/events",
            &[("content-type", "application/x-www-form-urlencoded")],
            "api 1.4.2 is out",
        )
        .await;
    assert_eq!(status, 201, "{text}");
    let event = json!({"type": "restart", "message": "again", "severity": "warning", "source": "ci", "subject": "api", "fields": {"by": "me"}});
    let (status, text) = server
        .send("POST", "/api/v1/events", &[("content-type", "application/json")], event.to_string())
        .await;
    assert_eq!(status, 201, "{text}");
    assert_eq!(server.messages("type=event").await, ["again", "api 1.4.2 is out"]);
    let found = server.get("/api/v1/logs?type=event&level=warn").await;
    assert_eq!(
        found["entries"][0]["fields"],
        json!({"event": "restart", "severity": "warning", "subject": "api", "by": "me"})
    );
    for body in ["", "{", r#"{"message":"x","severity":"loud"}"#, r#"{"message":"x","fields":1}"#] {
        assert_eq!(server.send("POST", "/api/v1/events", &[], body).await.0, 400, "{body}");
    }
    let all = server.get("/api/v1/events").await;
    assert_eq!(all, server.get("/events").await);
    assert_eq!((all["events"].as_array().unwrap().len(), &all["next"]), (2, &Value::Null));
    let mut restart = all["events"][0].clone();
    assert!(restart["id"].take().is_string());
    let expected = json!({"id": null, "time": "2026-11-23T14:03:39.000Z", "type": "restart", "severity": "warning", "source": "ci",
        "subject": "api", "message": "again", "fields": {"by": "me"}});
    assert_eq!(restart, expected);
    let deploy = &server.get("/api/v1/events?type=deploy").await["events"];
    assert_eq!((&deploy[0]["message"], &deploy[1]), (&json!("api 1.4.2 is out"), &Value::Null));
    let newest = server.get("/api/v1/events?limit=1").await;
    let path = format!("/api/v1/events?cursor={}", newest["next"].as_str().unwrap());
    assert_eq!(server.get(&path).await["events"], *deploy);
}
