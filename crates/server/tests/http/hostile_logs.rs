//! What nobody means well, at each door of log entries: a clear error, and nothing of it kept; one bad thing among good ones
//! costs itself alone.

use axum::http::StatusCode;
use prost::encoding;
use serde_json::{Value, json};

use crate::filled::START;
use crate::logs::Server;

const JSON: (&str, &str) = ("content-type", "application/json");
const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
/// Every door that takes JSON.
const DOORS: [&str; 5] =
    ["/api/v1/logs", "/api/v1/events", "/loki/api/v1/push", "/_bulk", "/v1/logs"];

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, bytes).unwrap();
    packed.finish().unwrap()
}

/// A message within messages: `number` of each, the innermost first.
fn wrapped(message: Vec<u8>, numbers: impl IntoIterator<Item = u32>) -> Vec<u8> {
    numbers.into_iter().fold(message, |inner, number| {
        let mut outer = Vec::new();
        encoding::bytes::encode(number, &inner, &mut outer);
        outer
    })
}

impl Server {
    async fn post(&self, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> (u16, String) {
        let (status, text) = self.send("POST", path, headers, body).await;
        assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{path}: {text}");
        (status.as_u16(), text)
    }

    async fn is_empty(&self) {
        assert!(self.messages("").await.is_empty(), "nothing of it is kept");
    }
}

#[tokio::test]
async fn bombs_lies_and_streams_that_are_cut_short_are_refused_at_every_door() {
    let server = Server::new();
    let spaces = vec![b' '; 40 << 20];
    let line = json!({"message": "x".repeat(10_000)}).to_string().into_bytes();
    let half = |packed: Vec<u8>| packed[..packed.len() / 2].to_vec();
    for door in DOORS {
        let encoded = |name| [JSON, ("content-encoding", name)];
        let packings = [
            ("gzip", gzip(&spaces), gzip(&line)),
            (
                "zstd",
                zstd::bulk::compress(&spaces, 3).unwrap(),
                zstd::bulk::compress(&line, 3).unwrap(),
            ),
        ];
        for (name, bomb, packed) in packings {
            let (status, text) = server.post(door, &encoded(name), bomb).await;
            assert!(status == 413 && text.contains("decompressed bytes"), "{door} {name}: {text}");
            let (status, text) = server.post(door, &encoded(name), half(packed)).await;
            assert!(status == 400 && text.contains(name), "{door} {name}: {status} {text}");
            let (status, text) = server.post(door, &encoded(name), b"hello".to_vec()).await;
            assert!(status == 400 && text.contains(name), "{door} {name}: {status} {text}");
        }
        let (status, text) = server.post(door, &[JSON], vec![b' '; 9 << 20]).await;
        assert!(status == 413 && text.contains("body bytes"), "{door}: {status} {text}");
    }
    let snappy = |bytes: &[u8]| snap::raw::Encoder::new().compress_vec(bytes).unwrap();
    for (body, status, word) in [
        (snappy(&spaces), 413, "decompressed bytes"),
        // A length of 1 GiB, and one of 8 MiB with nothing behind.
        (vec![0x80, 0x80, 0x80, 0x80, 4], 413, "decompressed bytes"),
        (vec![0x80, 0x80, 0x80, 4, 0, 0], 400, "its prefix says 8388608 bytes"),
        (half(snappy(&line)), 400, "snappy"),
    ] {
        let (got, text) = server.post("/loki/api/v1/push", &[PROTOBUF], body).await;
        assert!(got == status && text.contains(word), "{got} {text}");
    }
    server.is_empty().await;
}

#[tokio::test]
async fn json_that_no_parser_may_trust() {
    let server = Server::new();
    let deep = format!("{{\"message\":{}", "[".repeat(100_000));
    let objects = format!("{{\"message\":{}", "{\"a\":".repeat(100_000));
    for door in DOORS {
        for text in [&deep, &objects] {
            let body = match door {
                "/_bulk" => format!("{{\"index\":{{}}}}\n{text}\n"),
                "/loki/api/v1/push" => text.replacen("message", "streams", 1),
                "/v1/logs" => text.replacen("message", "resourceLogs", 1),
                _ => text.clone(),
            };
            let (status, text) = server.post(door, &[JSON], body.into_bytes()).await;
            let refused =
                if door == "/_bulk" { text.contains("\"errors\":true") } else { status == 400 };
            assert!(refused && text.len() < 10_000, "{door}: {status} {text}");
        }
    }
    server.is_empty().await;
    let lines = [
        "\u{feff}{\"message\":\"after a BOM\"}",
        r#"{"message":"first","message":"the last of two keys"}"#,
        r#"{"message":"NaN","n":NaN}"#,
        r#"{"message":"too large","n":1e400}"#,
        r#"{"message":"minus nothing","n":-0}"#,
        r#"{"message":"half a letter \ud800"}"#,
        r#"{"message":"beyond a float","n":9007199254740993}"#,
        r#"{"message":"garbage"} behind"#,
        "{\"message\":\"no \u{0} text\"}",
        r#"["no object"]"#,
        r#"{"message":"fine"}"#,
    ];
    let (status, text) = server.post("/api/v1/logs", &[], lines.join("\n").into_bytes()).await;
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (status, &answer["accepted"], &answer["failed"]),
        (200, &json!(5), &json!(6)),
        "{text}"
    );
    let failed: Vec<u64> = answer["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["line"].as_u64().unwrap())
        .collect();
    assert_eq!(failed, [3, 4, 6, 8, 9, 10]);
    let mut messages = server.messages("").await;
    messages.sort();
    let kept = ["after a BOM", "beyond a float", "fine", "minus nothing", "the last of two keys"];
    assert_eq!(messages, kept);
    let found = server.get("/api/v1/logs?q=beyond").await;
    assert_eq!(found["entries"][0]["fields"]["n"].to_string(), "9007199254740993");
}

#[tokio::test]
async fn protobuf_that_lies_nests_and_has_other_types() {
    let server = Server::new();
    let mut unknown = Vec::new();
    encoding::string::encode(99, &"of a later version".to_owned(), &mut unknown);
    let mut wrong = Vec::new();
    encoding::uint64::encode(1, &7, &mut wrong);
    // A value in a list in a value, and so on; each message says what it holds.
    let nested = |depth: usize| {
        let mut value = Vec::new();
        encoding::string::encode(1, &"deep".to_owned(), &mut value);
        wrapped(wrapped(value, [1, 5].repeat(depth)), [5, 2, 2, 1])
    };
    let lying = |numbers: &[u32]| {
        let mut message = wrapped(vec![0; 20], numbers.iter().copied());
        message.truncate(message.len() - 10);
        message
    };
    let snappy = |bytes: Vec<u8>| snap::raw::Encoder::new().compress_vec(&bytes).unwrap();
    for (what, body, status) in [
        ("a field of a later version", unknown.clone(), 200),
        ("a number where a message belongs", wrong.clone(), 400),
        ("a length past the end", lying(&[5, 2, 2, 1]), 400),
        ("a group that does not end", vec![0x0b], 400),
        ("a field number of nothing", vec![0x02, 0], 400),
        ("a varint without end", vec![0xff; 11], 400),
        ("a value within 20,000 others", nested(20_000), 413),
    ] {
        let (got, text) = server.post("/v1/logs", &[PROTOBUF], body).await;
        assert_eq!(got, status, "{what}: {text}");
    }
    for (what, body, status) in [
        ("a field of a later version", unknown, 204),
        ("a number where a message belongs", wrong, 400),
        ("a length past the end", lying(&[2, 2, 1]), 400),
        ("labels without end", wrapped(b"{a=\"".to_vec(), [1, 1]), 400),
        ("a varint without end", vec![0xff; 11], 400),
    ] {
        let (got, text) = server.post("/loki/api/v1/push", &[PROTOBUF], snappy(body)).await;
        assert_eq!(got, status, "{what}: {text}");
    }
    server.is_empty().await;
}

#[tokio::test]
async fn times_that_cannot_be_are_counted_and_all_others_are_in_order() {
    let server = Server::new();
    let line = |ms: i64, text: &str| format!("{{\"time\":{ms},\"message\":\"{text}\"}}");
    let now = START.millis();
    let lines = [
        line(now - 10, "second"),
        line(now + 400 * 86_400_000, "from the future"),
        line(now - 400 * 86_400_000, "before retention"),
        line(now - 20, "first"),
        line(now - 10, "at once with the second"),
        r#"{"time":"+292277-01-01T00:00:00Z","message":"of no calendar"}"#.to_owned(),
        r#"{"time":-9223372036854775808,"message":"of no number"}"#.to_owned(),
    ];
    let (status, text) = server.post("/api/v1/logs", &[], lines.join("\n").into_bytes()).await;
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(status, 200, "{text}");
    let counts = ["accepted", "dropped", "failed"].map(|name| answer[name].as_u64().unwrap());
    assert!(counts[0] == 3 && counts[1] + counts[2] == 4, "{text}");
    assert_eq!(server.messages("").await, ["at once with the second", "second", "first"]);
    let (_, metrics) = server.send("GET", "/metrics", &[], "").await;
    for reason in ["too_old", "too_new"] {
        let series =
            format!("vigie_log_entries_dropped_total{{source=\"api\",reason=\"{reason}\"}}");
        assert!(metrics.contains(&series), "{metrics}");
    }
}

#[tokio::test]
async fn names_of_any_letters_come_back_as_they_were() {
    let server = Server::new();
    let long = "x".repeat(64 << 10);
    let names = [
        "a \"quoted\" 'name'",
        "two\nlines\r\n",
        "<script>alert(1)</script>",
        "\u{202e}backwards",
        "🦊",
        "..",
        "../../etc/hosts",
        "{{.Template}}${ENV}",
        &long,
    ];
    for (number, name) in names.iter().enumerate() {
        let line = json!({
            "message": number.to_string(), "source": name, "queue": name, "job": name, "instance": name, "type": name,
            "trace": name, "labels": {"label": name}, (*name): name,
        });
        let (status, text) = server.post("/api/v1/logs", &[], line.to_string().into_bytes()).await;
        assert!(status == 200 && text.contains("\"accepted\":1"), "{name:.40}: {text}");
    }
    let found = server.get("/api/v1/logs").await;
    let entries = found["entries"].as_array().unwrap();
    assert_eq!(entries.len(), names.len());
    for entry in entries {
        let name = names[entry["message"].as_str().unwrap().parse::<usize>().unwrap()];
        for key in ["source", "queue", "job", "instance", "type", "trace"] {
            assert_eq!(entry[key], *name);
        }
        assert_eq!(entry["fields"][name], *name);
        assert_eq!(entry["fields"]["label"], *name);
    }
    let facets = server.get("/api/v1/logs/facets").await;
    assert_eq!(facets["queue"].as_array().unwrap().len(), names.len());
    // A name is a value everywhere: in what scrapers read, too.
    let (_, metrics) = server.send("GET", "/metrics", &[], "").await;
    let ours = metrics.lines().filter(|line| line.starts_with("vigie_log_entries_total{"));
    assert!(ours.clone().count() >= names.len() && ours.clone().all(|line| line.ends_with(" 1")));
    let (status, text) =
        server.post("/api/v1/logs", &[], br#"{"message":"","":""}"#.to_vec()).await;
    assert!(status == 200 || status == 400, "{text}");
}

#[tokio::test]
async fn a_search_that_is_made_to_explode_stops_at_its_limit() {
    let server = Server::new();
    let line = json!({"message": "a".repeat(100_000)}).to_string().into_bytes();
    assert_eq!(server.post("/api/v1/logs", &[], line).await.0, 200);
    for (text, said) in [
        ("/(a{1000}){1000}/".to_owned(), "size limit"),
        (format!("/{}a{}/", "(".repeat(2_000), ")".repeat(2_000)), "q: "),
        ("a".repeat(20_000), "it has at most"),
    ] {
        let path = format!("/api/v1/logs?q={}", encoded(&text));
        let (status, answer) = server.send("GET", &path, &[], "").await;
        assert!(status == 400 && answer.contains(said), "{text:.40}: {status} {answer:.300}");
    }
    // What takes others for ever takes this one time for each byte.
    let found = server.get(&format!("/api/v1/logs?q={}", encoded("/(a*)*(a|aa)+b$/"))).await;
    assert_eq!(found["entries"], json!([]));
}
