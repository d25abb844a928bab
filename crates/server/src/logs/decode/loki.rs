//! Loki's pushes, in JSON and in protobuf.

use serde::Deserialize;
use serde_json::{Map, Value};
use vigie_model::{Label, Labels, LogEntry, Time};

use super::without_mark;
use crate::prometheus::{Field, Fields, WriteError, limited};

const WHAT: &str = "Loki push";
/// The source of lines whose labels name none.
pub(crate) const SOURCE: &str = "loki";
const MOST_ENTRIES: usize = 200_000;
const MOST_LABELS: usize = 64;
/// Streams may be empty, and cost a few bytes each: more of those that cannot be read are no honest push.
const MOST_UNREADABLE: usize = 10_000;
/// Letters of what is said of one.
const LONGEST_WHY: usize = 200;

#[derive(Deserialize)]
struct Push {
    streams: Vec<Stream>,
}

#[derive(Deserialize)]
struct Stream {
    #[serde(default)]
    stream: Map<String, Value>,
    values: Vec<Vec<Value>>,
}

fn malformed(why: impl std::fmt::Display) -> WriteError {
    WriteError::malformed(WHAT, why)
}

/// Lines of a stream whose labels cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unreadable {
    /// The place of the first one in the request, from 0.
    pub first: usize,
    /// How many there are.
    pub lines: usize,
    /// What is wrong with the labels.
    pub why: String,
}

/// What a push has. As Loki: labels that cannot be read cost the lines of their own stream alone.
#[derive(Debug, Default)]
pub(crate) struct Pushed {
    /// The lines of all other streams, in the order of the request.
    pub entries: Vec<LogEntry>,
    /// In the order of the request.
    pub unreadable: Vec<Unreadable>,
    /// Lines in the request.
    pub given: usize,
}

impl Pushed {
    /// Takes the lines of one stream.
    fn take(
        &mut self,
        labels: Result<Labels, WriteError>,
        lines: usize,
        read: impl FnOnce(&mut Vec<LogEntry>, &Labels) -> Result<(), WriteError>,
    ) -> Result<(), WriteError> {
        let first = self.given;
        self.given += lines;
        limited(self.given, MOST_ENTRIES, "entries a request", "send fewer at once")?;
        match labels {
            Ok(labels) => read(&mut self.entries, &labels)?,
            Err(why) => {
                let streams = self.unreadable.len() + 1;
                limited(streams, MOST_UNREADABLE, "unreadable streams", "mend their labels")?;
                let why = why.to_string().chars().take(LONGEST_WHY).collect();
                self.unreadable.push(Unreadable { first, lines, why });
            }
        }
        Ok(())
    }
}

/// From places among the lines that could be read, ascending, to those in the request.
pub(crate) fn places(unreadable: &[Unreadable]) -> impl FnMut(usize) -> usize {
    let (mut before, mut shift) = (unreadable.iter().peekable(), 0);
    move |place| {
        while let Some(one) = before.next_if(|one| one.first <= place + shift) {
            shift += one.lines;
        }
        place + shift
    }
}

/// One line, with what came along.
fn line(
    labels: &Labels,
    time_nanos: i64,
    text: String,
    metadata: Map<String, Value>,
    now: Time,
) -> LogEntry {
    let of = |name: &str| metadata.get(name).and_then(Value::as_str).or_else(|| labels.get(name));
    let mut made = LogEntry { time_nanos, labels: labels.clone(), ..LogEntry::blank(SOURCE, now) };
    if let Some(word) = of("level").or_else(|| of("detected_level")).or_else(|| of("severity")) {
        made.set_level(word);
    } else if let Some(word) = level_within(&text) {
        made.set_level(&word);
    }
    let known: [(&[&str], _); 5] = [
        // The last two are all that Docker's driver tells.
        (&["service_name", "service", "compose_service", "container_name"], &mut made.source),
        (&["instance", "hostname", "host", "pod"], &mut made.instance),
        (&["queue"], &mut made.queue),
        (&["trace_id"], &mut made.trace),
        (&["job_id"], &mut made.job),
    ];
    for (names, to) in known {
        if let Some(value) =
            names.iter().find_map(|name| of(name)).filter(|value| !value.is_empty())
        {
            *to = value.into();
        }
    }
    made.message = text;
    if !metadata.is_empty() {
        made.fields = Value::Object(metadata).to_string();
    }
    made
}

/// The level that a line says itself, as JSON or logfmt.
fn level_within(text: &str) -> Option<String> {
    if text.starts_with('{') {
        #[derive(Deserialize)]
        struct Known {
            #[serde(alias = "severity", alias = "lvl")]
            level: Option<Value>,
        }
        let level = serde_json::from_str::<Known>(text).ok()?.level?;
        return Some(level.as_str().map_or_else(|| level.to_string(), str::to_owned));
    }
    let after = text
        .split_ascii_whitespace()
        .take(16)
        .find_map(|part| part.strip_prefix("level=").or_else(|| part.strip_prefix("lvl=")))?;
    Some(after.trim_matches('"').to_owned())
}

/// Lines of Loki's JSON.
pub(crate) fn decode_json(bytes: &[u8], now: Time) -> Result<Pushed, WriteError> {
    let push: Push = serde_json::from_slice(without_mark(bytes)).map_err(malformed)?;
    let mut pushed = Pushed::default();
    for Stream { stream, values } in push.streams {
        pushed.take(labels(stream), values.len(), |entries, labels| {
            for value in values {
                entries.push(decode_value(labels, value, now)?);
            }
            Ok(())
        })?;
    }
    Ok(pushed)
}

fn labels(stream: Map<String, Value>) -> Result<Labels, WriteError> {
    limited(stream.len(), MOST_LABELS, "labels a stream", "use fewer")?;
    let pairs = stream.into_iter().map(|(name, value)| match value {
        Value::String(value) => Ok(Label::new(name, value)),
        _ => Err(malformed(format!("the label {name:?} is no text"))),
    });
    Ok(Labels::new(pairs.collect::<Result<_, _>>()?))
}

fn decode_value(labels: &Labels, value: Vec<Value>, now: Time) -> Result<LogEntry, WriteError> {
    let mut parts = value.into_iter();
    let (Some(Value::String(time)), Some(Value::String(text))) = (parts.next(), parts.next())
    else {
        return Err(malformed("a value is a list of a time in nanoseconds and a line, both texts"));
    };
    let time =
        time.parse().map_err(|_| malformed(format!("{time:?} is no time in nanoseconds")))?;
    let metadata = match parts.next() {
        Some(Value::Object(metadata)) => metadata,
        _ => Map::new(),
    };
    Ok(line(labels, time, text, metadata, now))
}

/// Lines of a `logproto.PushRequest`, decompressed.
pub(crate) fn decode_protobuf(bytes: &[u8], now: Time) -> Result<Pushed, WriteError> {
    let mut pushed = Pushed::default();
    for field in Fields::of(WHAT, bytes) {
        let (1, stream) = field? else { continue };
        let stream = stream.bytes(WHAT)?;
        let (mut labels, mut lines) = (Ok(Labels::default()), 0);
        for field in Fields::of(WHAT, stream) {
            match field? {
                (1, text) => labels = text.text(WHAT).and_then(parse_labels),
                (2, _) => lines += 1,
                _ => {}
            }
        }
        pushed.take(labels, lines, |entries, labels| {
            for field in Fields::of(WHAT, stream) {
                if let (2, one) = field? {
                    entries.push(decode_entry(labels, one, now)?);
                }
            }
            Ok(())
        })?;
    }
    Ok(pushed)
}

fn decode_entry(labels: &Labels, message: Field<'_>, now: Time) -> Result<LogEntry, WriteError> {
    let (mut seconds, mut nanos, mut text, mut metadata) = (0i64, 0i64, String::new(), Map::new());
    for field in Fields::of(WHAT, message.bytes(WHAT)?) {
        match field? {
            (1, time) => {
                for field in Fields::of(WHAT, time.bytes(WHAT)?) {
                    match field? {
                        (1, value) => seconds = value.signed(WHAT)?,
                        (2, value) => nanos = value.signed(WHAT)?,
                        _ => {}
                    }
                }
            }
            (2, line) => text = line.text(WHAT)?.to_owned(),
            (3, pair) => {
                limited(
                    metadata.len() + 1,
                    MOST_LABELS,
                    "structured metadata of a line",
                    "use less",
                )?;
                let (mut name, mut value) = (String::new(), String::new());
                for field in Fields::of(WHAT, pair.bytes(WHAT)?) {
                    match field? {
                        (1, text) => name = text.text(WHAT)?.to_owned(),
                        (2, text) => value = text.text(WHAT)?.to_owned(),
                        _ => {}
                    }
                }
                metadata.insert(name, value.into());
            }
            _ => {}
        }
    }
    let time = seconds.checked_mul(1_000_000_000).and_then(|time| time.checked_add(nanos));
    let time = time.ok_or_else(|| malformed("a time that no calendar has"))?;
    Ok(line(labels, time, text, metadata, now))
}

/// `{name="value", …}` with Go's quoting.
fn parse_labels(text: &str) -> Result<Labels, WriteError> {
    let wrong =
        || malformed(format!("{:?} are no labels", text.chars().take(80).collect::<String>()));
    let inner =
        text.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).ok_or_else(wrong)?;
    let (mut rest, mut labels) = (inner.trim(), Vec::new());
    while !rest.is_empty() {
        limited(labels.len() + 1, MOST_LABELS, "labels a stream", "use fewer")?;
        let (name, after) = rest.split_once('=').ok_or_else(wrong)?;
        let after = after.trim_start();
        // The end of the text: a quote that is not escaped.
        let (mut end, mut escaped) = (None, false);
        for (place, letter) in after.char_indices().skip(1) {
            match letter {
                '"' if !escaped => {
                    end = Some(place);
                    break;
                }
                '\\' => escaped = !escaped,
                _ => escaped = false,
            }
        }
        let end = end.filter(|_| after.starts_with('"')).ok_or_else(wrong)?;
        let quoted = after.get(1..end).ok_or_else(wrong)?;
        labels.push(Label::new(name.trim(), unquote(quoted).ok_or_else(wrong)?));
        rest = after
            .get(end + 1..)
            .unwrap_or_default()
            .trim_start()
            .trim_start_matches(',')
            .trim_start();
    }
    Ok(Labels::new(labels))
}

/// Text as Go quotes it; invalid UTF-8 in it is replaced, for it would cost all the lines of the request.
fn unquote(quoted: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(quoted.len());
    let mut letters = quoted.chars();
    while let Some(letter) = letters.next() {
        let plain = if letter == '\\' { letters.next()? } else { letter };
        let number = |letters: &mut std::str::Chars<'_>, digits: usize| {
            let text: String = letters.take(digits).collect();
            (text.len() == digits).then(|| u32::from_str_radix(&text, 16).ok()).flatten()
        };
        let made = match (letter, plain) {
            ('\\', 'x') => {
                bytes.push(u8::try_from(number(&mut letters, 2)?).ok()?);
                continue;
            }
            ('\\', 'u') => char::from_u32(number(&mut letters, 4)?)?,
            ('\\', 'U') => char::from_u32(number(&mut letters, 8)?)?,
            ('\\', 'n') => '\n',
            ('\\', 't') => '\t',
            ('\\', 'r') => '\r',
            ('\\', 'a') => '\x07',
            ('\\', 'b') => '\x08',
            ('\\', 'f') => '\x0c',
            ('\\', 'v') => '\x0b',
            ('\\', '\\' | '"' | '\'') => plain,
            ('\\', _) => return None,
            _ => letter,
        };
        bytes.extend_from_slice(made.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_as_go_writes_them() {
        let labels =
            parse_labels(r#"{app="shop", path="C:\\a\"b", city="\u00e9\x41", n="x\ny"}"#).unwrap();
        let found = ["app", "path", "city", "n"].map(|name| labels.get(name).unwrap_or_default());
        assert_eq!(found, ["shop", r#"C:\a"b"#, "éA", "x\ny"]);
        let labels = parse_labels(r#"{a="\a\b\f\v\t\r", b="\xff!"}"#).unwrap();
        let found = ["a", "b"].map(|name| labels.get(name).unwrap_or_default());
        assert_eq!(found, ["\x07\x08\x0c\x0b\t\r", "\u{fffd}!"]);
        assert!(parse_labels("{}").unwrap().is_empty());
        for wrong in ["", "{a}", "{a=b}", r#"{a="b}"#, r#"{a="\q"}"#, r#"a="b""#] {
            assert!(parse_labels(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn labels_that_cannot_be_read_cost_their_own_lines_alone() {
        let push = serde_json::json!({ "streams": [
            { "stream": { "a": 1 }, "values": [["1", "no"], ["2", "no"]] },
            { "stream": { "a": "b" }, "values": [["3", "yes"], ["4", "yes"]] },
            { "stream": { "a": null }, "values": [] },
            { "stream": { "a": [] }, "values": [["5", "no"]] },
            { "stream": {}, "values": [["6", "yes"]] },
        ] });
        let pushed = decode_json(push.to_string().as_bytes(), Time::default()).unwrap();
        assert_eq!(pushed.given, 6);
        let unreadable = &pushed.unreadable;
        let told: Vec<_> = unreadable.iter().map(|one| (one.first, one.lines)).collect();
        assert_eq!(told, [(0, 2), (4, 0), (4, 1)]);
        assert!(unreadable[0].why.ends_with("the label \"a\" is no text"), "{unreadable:?}");
        // The time of each says what place it had.
        let mut place = places(unreadable);
        for (among, entry) in pushed.entries.iter().enumerate() {
            assert_eq!(place(among) as i64 + 1, entry.time_nanos);
        }
    }

    #[test]
    fn streams_that_cannot_be_read_are_not_remembered_without_end() {
        let streams = |count: usize| {
            let mut message = Vec::new();
            for _ in 0..count {
                // A stream with the labels "{".
                message.extend([0x0a, 3, 0x0a, 1, b'{']);
            }
            decode_protobuf(&message, Time::default()).map(|pushed| pushed.unreadable.len())
        };
        assert_eq!(streams(MOST_UNREADABLE).unwrap(), MOST_UNREADABLE);
        assert!(matches!(streams(MOST_UNREADABLE + 1), Err(WriteError::Limit { .. })));
    }

    #[test]
    fn dockers_lines_are_from_their_container() {
        let docker = [("container_name", "shop-api-1"), ("host", "web-1"), ("source", "stdout")];
        let source = |more: &[(&str, &str)]| {
            let labels = docker.iter().chain(more).map(|(name, value)| Label::new(*name, *value));
            let labels = Labels::new(labels.collect());
            line(&labels, 1, "x".into(), Map::new(), Time::from_millis(0)).source.to_string()
        };
        assert_eq!(source(&[]), "shop-api-1");
        assert_eq!(source(&[("compose_service", "api")]), "api");
        assert_eq!(source(&[("compose_service", "api"), ("service", "shop")]), "shop");
    }

    #[test]
    fn levels_are_found_in_lines() {
        assert_eq!(level_within(r#"{"level":"warn","m":1}"#).as_deref(), Some("warn"));
        assert_eq!(level_within(r#"ts=1 level="error" msg=x"#).as_deref(), Some("error"));
        assert_eq!(level_within("nothing here"), None);
    }
}
