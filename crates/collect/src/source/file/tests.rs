//! What lines of each format become, and what becomes of those that are not what they should be.

use std::path::Path;

use proptest::prelude::*;
use serde_json::Value;
use vigie_model::{Level, LogEntry, Time};

use super::decode::{FAULT, TimeFormat, container, logfmt};
use super::poll::checks;
use super::{FileConfig, RawFileConfig};
use crate::tail::{Line, TailStatus};

const NOW: Time = Time::from_seconds(1_795_687_200); // 2026-11-26T10:00:00Z

fn config(keys: Value) -> Result<FileConfig, String> {
    let mut raw = serde_json::json!({ "name": "app", "paths": ["/l/*.log"] });
    raw.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    let raw: RawFileConfig = serde_json::from_value(raw).map_err(|error| error.to_string())?;
    FileConfig::try_from(raw).map_err(|error| error.to_string())
}

/// The entries of a whole file.
fn read(keys: Value, text: &str) -> Vec<LogEntry> {
    let mut parser = config(keys).unwrap().parsers()(Path::new("/l/pods/shop_api-1_u/web/0.log"));
    let mut out = Vec::new();
    let mut taken = 0;
    for text in text.lines() {
        parser.take(Line { text, cut: None, now: NOW }, &mut out);
        taken += 1;
        assert!(parser.held() <= taken);
    }
    parser.flush(NOW, &mut out);
    assert_eq!(parser.held(), 0);
    out
}

fn messages(entries: &[LogEntry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.message.as_str()).collect()
}

fn field(entry: &LogEntry, name: &str) -> Option<String> {
    let fields: Value = serde_json::from_str(&entry.fields).ok()?;
    fields.get(name)?.as_str().map(str::to_owned)
}

#[test]
fn each_line_is_what_it_looks_like() {
    let text = r#"{"time":"2026-11-26T09:59:59.5Z","level":"warn","msg":"slow","queue":"emails","n":1}
ts=2026-11-26T09:00:00Z level=error msg="it is \"gone\"\n" job_id=17
2026-11-26 08:00:00,250 ERROR [main] c.e.App - a=b failed
[2026-11-26T08:00:01+01:00] <warn> disk is nearly full
an error of no level, with x=1
{"half":
"#;
    let entries = read(serde_json::json!({}), text);
    let seen: Vec<(i64, Level, &str)> = entries
        .iter()
        .map(|entry| (entry.time_nanos / 1_000_000, entry.level, entry.message.as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            (1_795_687_199_500, Level::Warn, "slow"),
            (1_795_683_600_000, Level::Error, "it is \"gone\"\n"),
            (
                1_795_680_000_250,
                Level::Error,
                "2026-11-26 08:00:00,250 ERROR [main] c.e.App - a=b failed"
            ),
            (
                1_795_676_401_000,
                Level::Warn,
                "[2026-11-26T08:00:01+01:00] <warn> disk is nearly full"
            ),
            (1_795_687_200_000, Level::Unknown, "an error of no level, with x=1"),
            (1_795_687_200_000, Level::Unknown, "{\"half\":"),
        ]
    );
    assert_eq!((&*entries[0].queue, &*entries[0].source), ("emails", "app"));
    assert_eq!(entries[0].labels.get("filename"), Some("/l/pods/shop_api-1_u/web/0.log"));
    assert_eq!(&*entries[1].job, "17");
    assert!(field(&entries[5], FAULT).unwrap().starts_with("it is no JSON: "));
}

#[test]
fn no_line_is_lost_for_being_wrong() {
    for (format, line, why) in [
        ("json", "plain", "it is no JSON"),
        ("json", "[1]", "but no object"),
        ("json", r#"{"time":"yesterday","msg":"x"}"#, "time is"),
        ("json", "{}", "says nothing"),
        ("logfmt", "two words", "it is no logfmt: \"two\""),
        ("logfmt", "a=\"open", "the quote of a does not end"),
        ("logfmt", "a=\"b\"c", "behind the quote of a"),
        ("cri", "plain", "no line of a container"),
        ("cri", "yesterday stdout F x", "\"yesterday\" is no time"),
        ("cri", "2026-11-26T10:00:00Z stdin F x", "neither stdout nor stderr"),
        ("cri", r#"{"log":1}"#, "no line of Docker"),
    ] {
        let entries = read(serde_json::json!({ "format": format }), line);
        assert_eq!(messages(&entries), [line], "{format}");
        let said = field(&entries[0], FAULT).unwrap();
        assert!(said.contains(why), "{format}: {said}");
    }
    let deep = "[".repeat(100_000);
    let entries = read(serde_json::json!({ "format": "json" }), &deep);
    assert!(field(&entries[0], FAULT).unwrap().contains("recursion"), "{}", entries[0].fields);
}

#[test]
fn a_regular_expression_names_the_fields() {
    let keys = serde_json::json!({
        "format": "regex", "join": false, "type": "access",
        "pattern": r#"^(?P<client>\S+) \[(?P<time>[^]]+)\] (?P<level>\w+) "(?P<message>[^"]*)" (?P<status>\d+)( (?P<job>\d+))?"#,
        "time_format": "%d/%b/%Y:%H:%M:%S %z",
    });
    let text = "10.0.0.1 [26/Nov/2026:10:59:00 +0100] WARN \"GET /\" 200 17\n10.0.0.1 [26/Nov] INFO \"GET /\" 200\nnone";
    let entries = read(keys, text);
    assert_eq!(messages(&entries), ["GET /", "GET /", "none"]);
    let first = &entries[0];
    assert_eq!((first.time_nanos, first.level), (1_795_687_140_000_000_000, Level::Warn));
    assert_eq!((&*first.job, &*first.kind), ("17", "access"));
    assert_eq!(field(first, "status").as_deref(), Some("200"));
    assert_eq!(entries[1].time_nanos, NOW.micros() * 1_000);
    assert_eq!(field(&entries[1], "raw_time").as_deref(), Some("26/Nov"));
    assert!(field(&entries[1], FAULT).unwrap().contains("is no time as"));
    assert!(field(&entries[2], FAULT).unwrap().contains("does not match"));
}

#[test]
fn stack_traces_are_one_entry() {
    let java = "10:00 ERROR boom\njava.lang.X: y\n\tat a.b(C.java:1)\nCaused by: z\n\t... 3 more";
    let go =
        "panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/x/main.go:5 +0x1\nexit status 2";
    let python = "Traceback (most recent call last):\n  File \"x.py\", line 1\nValueError: bad";
    let text = format!(
        "{java}\nnext\n{go}\nserved in (3 ms)\n{python}\nValueErrors are fine\n  {{\"msg\":\"own\"}}\n\n\nlast\n"
    );
    let entries = read(serde_json::json!({}), &text);
    assert_eq!(
        messages(&entries),
        [
            "10:00 ERROR boom",
            "java.lang.X: y\n\tat a.b(C.java:1)\nCaused by: z\n\t... 3 more",
            "next",
            go,
            "served in (3 ms)",
            python,
            "ValueErrors are fine",
            "own",
            "last"
        ]
    );
    let begins = serde_json::json!({ "begins": r"^\d" });
    assert_eq!(messages(&read(begins, java)), [java]);
    let continues = serde_json::json!({ "continues": r"^java" });
    assert_eq!(messages(&read(continues, java)), [java]);
    assert_eq!(read(serde_json::json!({ "join": false }), java).len(), 5);
    let endless = "x\n".to_owned() + &" y\n".repeat(1200);
    assert_eq!(read(serde_json::json!({}), &endless).len(), 3);
}

#[test]
fn containers_lines_are_joined_by_stream_and_read_as_what_they_are() {
    let text = r#"2026-11-26T10:00:00.000000001Z stdout P {"level":"error",
2026-11-26T10:00:00.000000002Z stderr F oh: one
2026-11-26T10:00:00.000000003Z stderr P oh: t
2026-11-26T10:00:00.000000004Z stdout F "msg":"joined"}
2026-11-26T10:00:00.000000005Z stderr F wo
{"log":"docker \u003c\n","stream":"stderr","time":"2026-11-26T10:00:00.000000006Z"}
{"log":"docker ","stream":"stdout","time":"2026-11-26T10:00:00.000000007Z"}
{"log":"in two\r\n","stream":"stdout","time":"2026-11-26T10:00:00.000000008Z"}
2026-11-26T10:00:00.000000009Z stdout P no end"#;
    let keys = serde_json::json!({
        "format": "cri",
        "path_pattern": r"/pods/(?P<namespace>[^_]+)_(?P<instance>[^_]+)_[^/]+/(?P<container>[^/]+)/",
    });
    let entries = read(keys, text);
    let seen: Vec<(i64, &str)> = entries
        .iter()
        .map(|entry| (entry.time_nanos - NOW.micros() * 1_000, entry.message.as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            (1, "joined"),
            (2, "oh: one"),
            (3, "oh: t"),
            (5, "wo"),
            (6, "docker <"),
            (7, "docker in two"),
            (9, "no end")
        ]
    );
    let first = &entries[0];
    assert_eq!((first.level, &*first.instance), (Level::Error, "api-1"));
    assert_eq!(
        (first.labels.get("namespace"), first.labels.get("container")),
        (Some("shop"), Some("web"))
    );
}

#[test]
fn what_streams_hold_meanwhile_is_bounded() {
    let mut text = "2026-11-26T10:00:00Z stdout P begun\n".to_owned();
    text.push_str(&"2026-11-26T10:00:00Z stderr F other\n".repeat(1_000));
    let entries = read(serde_json::json!({ "format": "cri" }), &text);
    assert_eq!((entries.len(), entries[0].message.as_str()), (1_001, "begun"));
    let part = format!("2026-11-26T10:00:00Z stdout P {}\n", "x".repeat(100_000));
    let entries = read(serde_json::json!({ "format": "cri" }), &part.repeat(7));
    assert_eq!(entries.len(), 3);
    assert!(entries.iter().all(|entry| entry.message.len() <= 300_000));
}

#[test]
fn entries_stay_within_what_the_store_takes() {
    let escapes = format!("a=\"{}\" msg=x", "\u{1}".repeat(250_000));
    let entries = read(serde_json::json!({ "format": "logfmt" }), &escapes);
    assert!(field(&entries[0], FAULT).unwrap().contains("more than 1000000"));
    assert_eq!(entries[0].message, escapes);
    let mut parser = config(serde_json::json!({})).unwrap().parsers()(Path::new("/l/a.log"));
    let mut out = Vec::new();
    parser.take(Line { text: "begun", cut: Some(999), now: NOW }, &mut out);
    assert_eq!(field(&out[0], FAULT).unwrap(), "the line had 999 bytes, and was cut");
}

#[test]
fn times_are_read_as_configured() {
    let read = |format: &str, offset: Option<&str>, text: &str| {
        TimeFormat::new(format, offset).unwrap().parse(text, NOW).map(|nanos| nanos / 1_000_000)
    };
    assert_eq!(read("%b %d %H:%M:%S", None, "Nov 26 09:00:00"), Ok(1_795_683_600_000));
    assert_eq!(read("%b %d %H:%M:%S", Some("+02:00"), "Dec 31 23:59:59"), Ok(1_767_218_399_000));
    assert_eq!(
        read("%Y-%m-%d %H:%M:%S%.f", Some("-0:30"), "2026-11-26 09:30:00.5"),
        Ok(1_795_687_200_500)
    );
    assert_eq!(read("%s", None, "1795687200"), Ok(1_795_687_200_000));
    assert!(read("%b %d %H:%M:%S", None, "Feb 30 00:00:00").is_err());
    for (format, offset, says) in [
        ("%Q", None, "is no format of a time"),
        ("%H:%M", None, "is no format of a time"),
        ("%Y-%m-%d %H:%M:%S", Some("Paris"), "no offset from UTC"),
        ("%Y-%m-%d %H:%M:%S", Some("+99"), "no offset from UTC"),
    ] {
        let error = TimeFormat::new(format, offset).unwrap_err().to_string();
        assert!(error.contains(says), "{format}: {error}");
    }
}

#[test]
fn wrong_configurations_are_refused() {
    for (keys, says) in [
        (serde_json::json!({ "paths": [] }), "no path is named"),
        (serde_json::json!({ "paths": ["/l/***"] }), "is no pattern"),
        (serde_json::json!({ "name": "a b" }), "source name"),
        (serde_json::json!({ "format": "xml" }), "\"xml\" is none of auto, json"),
        (serde_json::json!({ "format": "cri", "inner": "cri" }), "\"cri\" is none of"),
        (serde_json::json!({ "inner": "json" }), "inner has a meaning with format: cri only"),
        (serde_json::json!({ "format": "regex" }), "pattern is missing"),
        (serde_json::json!({ "format": "regex", "pattern": "(" }), "pattern: "),
        (serde_json::json!({ "format": "regex", "pattern": "a" }), "no named group"),
        (
            serde_json::json!({ "format": "regex", "pattern": "(?P<a>.)", "time_format": "%s" }),
            "no group (?P<time>",
        ),
        (
            serde_json::json!({ "format": "regex", "pattern": "(?P<a>(x{1000}){1000})" }),
            "size limit",
        ),
        (
            serde_json::json!({ "pattern": "(?P<a>.)" }),
            "pattern has a meaning with format: regex only",
        ),
        (serde_json::json!({ "time_offset": "+1" }), "time_format is missing"),
        (serde_json::json!({ "begin": "middle" }), "\"middle\" is none of start, end"),
        (
            serde_json::json!({ "begins": "a", "continues": "b" }),
            "continues and begins exclude each other",
        ),
        (serde_json::json!({ "begins": "a", "join": false }), "join: false and begins exclude"),
        (serde_json::json!({ "longest_line_bytes": 1 }), "out of range; use 80 to 262144"),
        (serde_json::json!({ "path_pattern": "(" }), "path_pattern: "),
        (serde_json::json!({ "tail": true }), "unknown field"),
    ] {
        let error = config(keys).unwrap_err();
        assert!(error.contains(says), "{says}: {error}");
    }
}

#[test]
fn how_it_stands_is_told() {
    let none = checks(&TailStatus::default(), "/l/*.log");
    assert_eq!(none[0].detail, "no file matches /l/*.log");
    let status = TailStatus {
        files: 2,
        lines: 10,
        behind_bytes: 7,
        cut: 1,
        over_limit: 3,
        troubles: ["a", "b", "c", "d"].map(|name| (name.to_owned(), "denied".to_owned())).into(),
        not_kept: Some("the disk is full".to_owned()),
        ..TailStatus::default()
    };
    let all: Vec<String> = checks(&status, "").into_iter().map(|check| check.detail).collect();
    assert_eq!(
        all,
        [
            "2 files, 10 lines read, 7 bytes to go",
            "a: denied; b: denied; c: denied; 1 more",
            "3 files more than can be followed, the oldest",
            "1 line was longer than longest_line_bytes, and was cut",
            "what is read is not kept yet: the disk is full",
        ]
    );
}

proptest! {
    #[test]
    fn every_line_comes_out(
        format in prop_oneof![Just("auto"), Just("json"), Just("logfmt"), Just("cri"), Just("plain")],
        lines in proptest::collection::vec(
            prop_oneof![
                "\\PC{0,40}",
                "[ \t]?[a-z]{1,5}=[a-z\"\\\\]{0,5}( [a-z]{1,3}=[0-9]{1,3}){0,2}",
                "2026-11-26T10:00:00Z std(out|err) [PF] [a-z{}\": ]{0,10}",
                "\\{\"(msg|time|level)\": ?\"?[a-z0-9]{0,4}\"?\\}",
            ],
            0..30,
        ),
    ) {
        let mut parser =
            config(serde_json::json!({ "format": format })).unwrap().parsers()(Path::new("/l/a.log"));
        let mut out = Vec::new();
        let mut held = 0;
        for text in &lines {
            let before = out.len();
            parser.take(Line { text, cut: None, now: NOW }, &mut out);
            // What was held is still held, or came out.
            prop_assert!(parser.held() <= held + 1);
            prop_assert!(parser.held() == held + 1 || out.len() > before || text.trim().is_empty() || format == "cri");
            held = parser.held();
        }
        parser.flush(NOW, &mut out);
        prop_assert_eq!(parser.held(), 0);
        let all: String = out.iter().map(|entry| format!("{} {} ", entry.message, entry.fields)).collect();
        // Each word of each line that is kept as text is in some entry.
        if format == "plain" {
            for word in lines.iter().flat_map(|line| line.split_whitespace()) {
                prop_assert!(all.contains(word), "{word:?} is lost");
            }
        }
    }

    #[test]
    fn any_text_is_decoded_or_refused(text in "\\PC{0,200}") {
        let _ = (logfmt(&text), container(&text));
        prop_assert!(super::decode::line(&super::decode::Format::Auto, &text, "s", NOW).entry.message.len() <= text.len().max(1));
    }
}
