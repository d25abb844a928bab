//! Loki: its push as protobuf in snappy.

use std::collections::BTreeMap;

use hyper::StatusCode;
use prost::Message;
use serde::Deserialize;
use serde_json::{Map, Value};
use vigie_model::LogEntry;

use super::item::{Fate, Item, Judged};
use crate::http::line;

/// The path of the push, after the base URL.
pub(crate) const PATH: &str = "/loki/api/v1/push";

/// How entries are put into streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LokiShape {
    /// Labels of every stream, beside its own.
    pub labels: Vec<(String, String)>,
    /// Whether ids and the entry's own labels go beside the line; else they are in it.
    pub structured_metadata: bool,
}

#[derive(Clone, PartialEq, Message)]
struct Push {
    #[prost(message, repeated, tag = "1")]
    streams: Vec<Stream>,
}

#[derive(Clone, PartialEq, Message)]
struct Stream {
    #[prost(string, tag = "1")]
    labels: String,
    #[prost(message, repeated, tag = "2")]
    entries: Vec<Line>,
}

#[derive(Clone, PartialEq, Message)]
struct Line {
    #[prost(message, optional, tag = "1")]
    time: Option<Timestamp>,
    #[prost(string, tag = "2")]
    line: String,
    #[prost(message, repeated, tag = "3")]
    metadata: Vec<Pair>,
}

#[derive(Clone, PartialEq, Message)]
struct Timestamp {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Pair {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

/// The body of a request, each stream once, its lines by time: within a stream Loki likes them so. With it, which item each of its
/// lines is.
pub(super) fn body(items: &[Item], shape: &LokiShape) -> (Vec<u8>, Vec<usize>) {
    let mut streams: BTreeMap<String, Vec<(usize, &LogEntry)>> = BTreeMap::new();
    for (place, item) in items.iter().enumerate() {
        streams.entry(labels(&item.entry, shape)).or_default().push((place, &item.entry));
    }
    let mut order = Vec::with_capacity(items.len());
    let streams = streams.into_iter().map(|(labels, mut entries)| {
        entries.sort_by_key(|(_, entry)| entry.time_nanos);
        order.extend(entries.iter().map(|(place, _)| *place));
        let entries = entries.into_iter().map(|(_, entry)| one(entry, shape)).collect();
        Stream { labels, entries }
    });
    let plain = Push { streams: streams.collect() }.encode_to_vec();
    // It fails only for more than 4 GiB, which no batch has.
    (snap::raw::Encoder::new().compress_vec(&plain).unwrap_or_default(), order)
}

/// The labels as Loki's selectors are written. Few, of few values: each combination is a stream.
fn labels(entry: &LogEntry, shape: &LokiShape) -> String {
    let mut all: Vec<(&str, &str)> =
        shape.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    all.extend([
        ("level", entry.level.as_str()),
        ("source", &*entry.source),
        ("type", &*entry.kind),
    ]);
    all.retain(|(_, value)| !value.is_empty());
    all.sort_unstable();
    let pairs: Vec<String> =
        all.into_iter().map(|(name, value)| format!("{name}={}", quoted(value))).collect();
    format!("{{{}}}", pairs.join(", "))
}

/// As Go quotes a text.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            letter if letter.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(letter))),
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

fn one(entry: &LogEntry, shape: &LokiShape) -> Line {
    let beside = beside(entry);
    let mut inside: Map<String, Value> = match serde_json::from_str(&entry.fields) {
        Ok(Value::Object(fields)) => fields,
        _ if entry.fields.is_empty() => Map::new(),
        _ => Map::from_iter([("text".to_owned(), Value::from(entry.fields.as_str()))]),
    };
    let mut metadata = Vec::new();
    if shape.structured_metadata {
        metadata = beside.into_iter().map(|(name, value)| Pair { name, value }).collect();
    } else {
        for (name, value) in beside {
            inside.entry(name).or_insert(value.into());
        }
    }
    let line = if inside.is_empty() {
        entry.message.clone()
    } else {
        inside.insert("message".to_owned(), entry.message.as_str().into());
        Value::Object(inside).to_string()
    };
    let time = Timestamp {
        seconds: entry.time_nanos.div_euclid(1_000_000_000),
        nanos: entry.time_nanos.rem_euclid(1_000_000_000) as i32,
    };
    Line { time: Some(time), line, metadata }
}

/// What has too many values to be a label: ids, and labels that came with the entry.
fn beside(entry: &LogEntry) -> Vec<(String, String)> {
    let own: [(&str, &str); 5] = [
        ("instance", &entry.instance),
        ("queue", &entry.queue),
        ("job_id", &entry.job),
        ("trace_id", &entry.trace),
        ("level_text", &entry.level_text),
    ];
    let mut pairs: Vec<(String, String)> = own
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    for label in &entry.labels {
        let name = label_name(&label.name);
        if !pairs.iter().any(|(known, _)| *known == name) {
            pairs.push((name, label.value.to_string()));
        }
    }
    pairs
}

/// A name with letters that Loki takes.
fn label_name(name: &str) -> String {
    let mut out: String = name
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' })
        .collect();
    if out.is_empty() || out.starts_with(|letter: char| letter.is_ascii_digit()) {
        out.insert(0, '_');
    }
    out
}

/// What of a request another Vigie says that it refuses for good; it has taken all else.
#[derive(Deserialize)]
struct PartlyRefused {
    refused: Vec<RefusedLines>,
}

#[derive(Deserialize)]
struct RefusedLines {
    reason: String,
    /// Which lines, in the order in which they were sent, from 0.
    entries: Vec<usize>,
}

/// The fate of each item, where the answer tells it; `order` says which item each line was.
fn fates(body: &[u8], order: &[usize]) -> Option<Vec<Fate>> {
    let told: PartlyRefused = serde_json::from_slice(body).ok()?;
    let mut fates = vec![Fate::Taken; order.len()];
    for RefusedLines { reason, entries } in &told.refused {
        for line in entries {
            let why = format!("{}: {reason}", StatusCode::BAD_REQUEST);
            *fates.get_mut(*order.get(*line)?)? = Fate::Refused(why);
        }
    }
    fates.iter().any(|fate| *fate != Fate::Taken).then_some(fates)
}

/// What an answer means. Of a request of which it refuses a part (400), Loki takes the rest, and does not say which: it is
/// halved until single entries are refused, and Loki drops what it has. Another Vigie drops nothing, and says which.
pub(super) fn judge(status: StatusCode, body: &[u8], order: &[usize]) -> Judged {
    if let Some(fates) = fates(body, order).filter(|_| status == StatusCode::BAD_REQUEST) {
        return Judged::Each(fates);
    }
    let why = match line(body) {
        says if says.is_empty() => status.to_string(),
        says => format!("{status}: {says}"),
    };
    match status.as_u16() {
        200..=299 => Judged::Taken,
        413 => Judged::Refused(why),
        // A page of HTML is not Loki's, but a proxy's that is spoken to without TLS, or the like.
        400 | 422 if !body.trim_ascii_start().starts_with(b"<") => Judged::Refused(why),
        300..=399 => Judged::Failed(format!(
            "{status}: redirects are not followed; url is to be what it points to"
        )),
        _ => Judged::Failed(why),
    }
}

#[cfg(test)]
mod tests {
    use vigie_model::{Labels, Time};

    use super::*;

    fn decoded(entries: Vec<LogEntry>, shape: &LokiShape) -> Push {
        let items: Vec<Item> = (1..)
            .zip(entries)
            .map(|(number, entry)| Item { number, id: String::new(), entry })
            .collect();
        let plain = snap::raw::Decoder::new().decompress_vec(&body(&items, shape).0).unwrap();
        Push::decode(&*plain).unwrap()
    }

    fn entry(nanos: i64) -> LogEntry {
        let blank = LogEntry::blank("api \"1\"", Time::from_millis(0));
        LogEntry { time_nanos: nanos, message: "m".into(), ..blank }
    }

    #[test]
    fn streams_have_few_labels_and_lines_are_by_time() {
        let shape =
            LokiShape { labels: vec![("cluster".into(), "a".into())], structured_metadata: true };
        let mut with = entry(-1);
        (with.queue, with.job, with.instance) = ("emails".into(), "17".into(), "i:1".into());
        with.labels = Labels::from_pairs([("k8s.pod", "p"), ("queue", "other")]);
        with.fields = r#"{"n":1}"#.into();
        let push = decoded(vec![entry(1_500_000_000), with], &shape);
        assert_eq!(push.streams.len(), 1);
        let stream = &push.streams[0];
        assert_eq!(stream.labels, r#"{cluster="a", level="unknown", source="api \"1\""}"#);
        let first = &stream.entries[0];
        assert_eq!(first.time, Some(Timestamp { seconds: -1, nanos: 999_999_999 }));
        assert_eq!(first.line, r#"{"message":"m","n":1}"#);
        let pairs: Vec<(&str, &str)> =
            first.metadata.iter().map(|pair| (pair.name.as_str(), pair.value.as_str())).collect();
        assert_eq!(
            pairs,
            [("instance", "i:1"), ("queue", "emails"), ("job_id", "17"), ("k8s_pod", "p")]
        );
        assert_eq!((stream.entries[1].line.as_str(), stream.entries[1].metadata.len()), ("m", 0));
    }

    #[test]
    fn a_loki_without_structured_metadata_has_all_in_the_line() {
        let shape = LokiShape { labels: Vec::new(), structured_metadata: false };
        let with = LogEntry { job: "17".into(), ..entry(1) };
        let push = decoded(vec![with], &shape);
        let line = &push.streams[0].entries[0];
        assert_eq!(line.line, r#"{"job_id":"17","message":"m"}"#);
        assert!(line.metadata.is_empty());
    }

    #[test]
    fn what_an_answer_means() {
        let told = |status: u16, body: &str| {
            judge(StatusCode::from_u16(status).unwrap(), body.as_bytes(), &[2, 0, 1])
        };
        assert_eq!(told(204, ""), Judged::Taken);
        for status in [400, 413, 422] {
            assert!(matches!(told(status, "entry too far behind"), Judged::Refused(_)), "{status}");
        }
        for status in [301, 401, 404, 429, 500, 503] {
            assert!(matches!(told(status, "x"), Judged::Failed(_)), "{status}");
        }
        assert!(matches!(told(400, " <html>"), Judged::Failed(_)));
    }

    #[test]
    fn of_a_request_that_is_partly_refused_only_what_is_named_is_refused() {
        let shape = LokiShape { labels: Vec::new(), structured_metadata: true };
        let entry = |nanos, source: &str| LogEntry { source: source.into(), ..entry(nanos) };
        let items: Vec<Item> = (0..)
            .zip([entry(9, "b"), entry(7, "b"), entry(8, "a")])
            .map(|(number, entry)| Item { number, id: String::new(), entry })
            .collect();
        let (_, order) = body(&items, &shape);
        assert_eq!(order, [2, 1, 0], "by stream, and there by time");
        let told = |body: &str| judge(StatusCode::BAD_REQUEST, body.as_bytes(), &order);
        let refused = |why: &str| Fate::Refused(format!("400 Bad Request: {why}"));
        assert_eq!(
            told(
                r#"{"detail":"x","refused":[{"reason":"old","entries":[0]},{"reason":"long","entries":[2]}]}"#
            ),
            Judged::Each(vec![refused("long"), Fate::Taken, refused("old")])
        );
        // What makes no sense is as if it was not said.
        for odd in [
            r#"{"refused":[{"reason":"old","entries":[3]}]}"#,
            r#"{"refused":[{"reason":"old","entries":[-1]}]}"#,
            r#"{"refused":[{"reason":"old","entries":[]}]}"#,
            r#"{"refused":[]}"#,
            r#"{"refused":7}"#,
        ] {
            assert!(matches!(told(odd), Judged::Refused(_)), "{odd}");
        }
        let busy = r#"{"refused":[{"reason":"old","entries":[0]}]}"#.as_bytes();
        let judged = judge(StatusCode::SERVICE_UNAVAILABLE, busy, &order);
        assert!(matches!(judged, Judged::Failed(_)));
    }

    #[test]
    fn texts_are_quoted_as_go_does() {
        assert_eq!(quoted("a\"\\\n\u{7}é"), r#""a\"\\\n\u0007é""#);
        assert_eq!(
            (label_name("a.b-c"), label_name("1x"), label_name("")),
            ("a_b_c".into(), "_1x".into(), "_".into())
        );
    }
}
