//! What n8n logs, line by line: its JSON log, and its log of events. Both are read wherever they are found; what is neither is a
//! line of text. Who owns a project, and the addresses of users, are left out.

use serde_json::{Map, Value};
use vigie_model::{Level, LogEntry, Time, log_entry_from_object, log_time};

use crate::tail::{Line, LineParser};

/// n8n's queue in Redis: job ids are of it.
const JOBS: &str = "jobs";
/// What says who somebody is. Names that begin with an underscore do, too.
const PRIVATE: [&str; 4] = ["projectName", "email", "firstName", "lastName"];
/// What says where in n8n's own source a line comes from.
const CLUTTER: [&str; 3] = ["file", "function", "msg"];

/// Makes entries of the lines of one file.
pub(super) struct N8nLines {
    pub source: String,
    /// Who writes the file, as far as its name tells.
    pub instance: &'static str,
}

impl LineParser for N8nLines {
    fn take(&mut self, line: Line<'_>, out: &mut Vec<LogEntry>) {
        out.extend(entry(line.text, &self.source, self.instance, line.now));
    }
}

/// Who writes a file of this name.
pub(super) fn writer(name: &str) -> &'static str {
    match name {
        name if name.starts_with("n8nEventLog-worker") => "worker",
        name if name.starts_with("n8nEventLog-webhook") => "webhook",
        name if name.starts_with("n8nEventLog") => "main",
        _ => "",
    }
}

/// The entry of a line; `None` for those that say nothing: empty ones, and that an event was taken note of.
pub(super) fn entry(text: &str, source: &str, instance: &str, now: Time) -> Option<LogEntry> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(map)) => object(map, source, instance, now),
        _ => Some(plain(text, source, instance, now)),
    }
}

/// The entries of a page of log lines: one object a line, or all in a list, by itself or under `data`, `logs` or `entries`.
pub(super) fn page(body: &[u8], source: &str, now: Time) -> Vec<LogEntry> {
    let list = match serde_json::from_slice::<Value>(body) {
        Ok(Value::Array(list)) => Some(list),
        Ok(Value::Object(mut map)) => {
            let lists =
                ["data", "logs", "entries"].into_iter().filter_map(|key| match map.remove(key) {
                    Some(Value::Array(list)) => Some(list),
                    _ => None,
                });
            lists.into_iter().next()
        }
        _ => None,
    };
    let mut lines: Vec<LogEntry> = match list {
        Some(list) => {
            let texts = list.into_iter().map(|one| match one {
                Value::String(text) => text,
                other => other.to_string(),
            });
            texts.filter_map(|text| entry(&text, source, "", now)).collect()
        }
        None => {
            let text = String::from_utf8_lossy(body);
            text.lines().filter_map(|line| entry(line, source, "", now)).collect()
        }
    };
    // A line without a time of its own cannot be told from the same one at the next look.
    lines.retain(|one| one.time_nanos != now.micros().saturating_mul(1_000));
    lines
}

/// Those of a page that are newer than the last one that was kept, in the order of their times; `last` is told of them. It is a
/// time, and how many lines of that time were kept.
pub(super) fn newer(mut lines: Vec<LogEntry>, last: &mut (i64, usize)) -> Vec<LogEntry> {
    lines.sort_by_key(|one| one.time_nanos);
    let (time, kept) = *last;
    let mut same = 0;
    lines.retain(|one| {
        same += usize::from(one.time_nanos == time);
        one.time_nanos > time || (one.time_nanos == time && same > kept)
    });
    if let Some(newest) = lines.last().map(|one| one.time_nanos) {
        let of_it = lines.iter().filter(|one| one.time_nanos == newest).count();
        *last = (newest, if newest == time { kept + of_it } else { of_it });
    }
    lines
}

/// The entry of an object of either log.
pub(super) fn object(
    mut map: Map<String, Value>,
    source: &str,
    instance: &str,
    now: Time,
) -> Option<LogEntry> {
    if let Some(Value::String(kind)) = map.get("__type") {
        return match kind.as_str() {
            "$$EventMessageConfirm" => None,
            _ => event(map, source, instance, now),
        };
    }
    let mut fields = match map.remove("metadata") {
        Some(Value::Object(metadata)) => metadata,
        _ => Map::new(),
    };
    for (key, value) in map {
        // The message goes where the parser of objects looks for it.
        fields.insert(key, value);
    }
    CLUTTER.iter().for_each(|key| drop(fields.remove(*key)));
    fields.entry("type").or_insert_with(|| "log".into());
    Some(made(fields, source, instance, now))
}

/// An event: its name, what it is about, and how it went.
fn event(mut map: Map<String, Value>, source: &str, instance: &str, now: Time) -> Option<LogEntry> {
    let name = map.get("eventName").and_then(Value::as_str)?.to_owned();
    let time = map.remove("ts");
    let mut fields = match map.remove("payload") {
        Some(Value::Object(payload)) => payload,
        _ => Map::new(),
    };
    let text =
        |key: &str| fields.get(key).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    let parts = [text("workflowName"), text("nodeName"), text("errorMessage")];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let message = match parts.is_empty() {
        true => name.clone(),
        false => format!("{name}: {}", parts.join(": ")),
    };
    let level = match name.rsplit('.').next() {
        Some("failed" | "crashed") => "error",
        Some("stalled") => "warn",
        _ if name.starts_with("n8n.node.") => "debug",
        _ => "info",
    };
    // `n8n.workflow.failed` is of the sort `workflow`.
    let kind = name.split('.').nth(1).filter(|kind| !kind.is_empty()).unwrap_or("log").to_owned();
    for (key, value) in
        [("message", message), ("level", level.to_owned()), ("type", kind), ("event", name)]
    {
        fields.insert(key.to_owned(), value.into());
    }
    fields.extend(time.map(|time| ("time".to_owned(), time)));
    Some(made(fields, source, instance, now))
}

/// The entry of an object whose names are n8n's.
fn made(mut fields: Map<String, Value>, source: &str, instance: &str, now: Time) -> LogEntry {
    fields.retain(|key, _| !key.starts_with('_') && !PRIVATE.contains(&key.as_str()));
    if fields.contains_key("jobId") {
        fields.insert("queue".to_owned(), JOBS.into());
    }
    if let Some(host) = fields.remove("hostId") {
        fields.insert("instance".to_owned(), host);
    }
    // A time that is none is no reason to lose the line.
    for key in ["time", "timestamp"] {
        if fields.get(key).is_some_and(|time| log_time(time).is_none()) {
            fields.remove(key);
        }
    }
    let text = Value::Object(fields.clone()).to_string();
    let mut entry = log_entry_from_object(fields, source, now)
        .unwrap_or_else(|_| plain(&text, source, instance, now));
    entry.source = source.into();
    entry.message = entry.message.trim().to_owned();
    if entry.instance.is_empty() {
        entry.instance = instance.into();
    }
    entry
}

fn plain(text: &str, source: &str, instance: &str, now: Time) -> LogEntry {
    let mut entry = LogEntry::blank(source, now);
    entry.level = Level::Unknown;
    entry.kind = "log".into();
    entry.instance = instance.into();
    entry.message = text.to_owned();
    entry
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EVENTS: &str = include_str!("fixtures/event_log_main.jsonl");
    const WORKER: &str = include_str!("fixtures/event_log_worker.jsonl");
    const LOG: &str = include_str!("fixtures/log_main.jsonl");
    const NOW: Time = Time::from_seconds(1_800_000_000);

    fn read(text: &str) -> Vec<LogEntry> {
        text.lines().filter_map(|line| entry(line, "n8n", "main", NOW)).collect()
    }

    #[test]
    fn an_event_is_one_line_and_says_how_it_went() {
        let all = read(EVENTS);
        assert!(all.len() < EVENTS.lines().count(), "confirmations are none");
        let failed = all.iter().find(|one| one.message.starts_with("n8n.workflow.failed")).unwrap();
        assert_eq!(failed.message, "n8n.workflow.failed: Failing webhook: deliberate failure");
        assert_eq!((failed.level, &*failed.kind), (Level::Error, "workflow"));
        assert_eq!(failed.time_nanos, 1_795_442_871_781_000_000);
        assert!(failed.fields.contains("\"executionId\":\"5\""), "{}", failed.fields);
        let job = all.iter().find(|one| one.message == "n8n.queue.job.failed").unwrap();
        assert_eq!((&*job.queue, &*job.job, &*job.instance), ("jobs", "5", "main-vm"));
    }

    #[test]
    fn whoever_wrote_it_is_left_out() {
        assert!(EVENTS.contains("a@example.com") && EVENTS.contains("projectName"));
        for one in read(EVENTS).iter().chain(&read(LOG)) {
            for name in ["example.com", "projectName", "_firstName"] {
                assert!(!format!("{one:?}").contains(name), "{one:?}");
            }
        }
    }

    #[test]
    fn the_offset_may_change_in_the_middle_of_a_file() {
        assert!(WORKER.contains("-05:00") && WORKER.contains("+00:00"));
        let times: Vec<i64> =
            read(WORKER).iter().map(|one| one.time_nanos / 1_000_000_000).collect();
        assert!(times.windows(2).all(|pair| (0..60).contains(&(pair[1] - pair[0]))), "{times:?}");
    }

    #[test]
    fn the_json_log_has_its_time_within() {
        let all = read(LOG);
        assert_eq!(all.len(), LOG.lines().count(), "what is no JSON is a line, too");
        let queued =
            all.iter().find(|one| one.message == "Execution 55 (job 55) finished").unwrap();
        assert_eq!((&*queued.queue, &*queued.job, queued.level), ("jobs", "55", Level::Info));
        assert!(queued.time_nanos < NOW.micros() * 1_000, "its own time");
        assert!(all.iter().all(|one| one.message == one.message.trim()));
        let text = all.iter().find(|one| one.message.contains("DeprecationWarning")).unwrap();
        assert_eq!((text.level, text.time_nanos), (Level::Unknown, NOW.micros() * 1_000));
    }

    #[test]
    fn a_page_of_lines_is_told_once_and_what_is_new_of_it_later() {
        let line = |text: &str, second: u32| {
            format!(
                r#"{{"level":"info","message":"{text}","metadata":{{"timestamp":"2026-11-23T14:00:0{second}.000Z"}}}}"#
            )
        };
        let mut last = (0, 0);
        let mut told = |body: &str| -> Vec<String> {
            let all = newer(page(body.as_bytes(), "n8n", NOW), &mut last);
            all.into_iter().map(|one| one.message).collect()
        };
        let (a, b, c, d) = (line("a", 1), line("b", 2), line("c", 2), line("d", 3));
        assert_eq!(told(&format!("{a}\n{b}\n")), ["a", "b"]);
        assert_eq!(told(&format!("[{c},{b},{a}]")).len(), 1, "another of the same time");
        assert_eq!(told(&format!(r#"{{"data":[{d},{c},{b}]}}"#)), ["d"]);
        assert!(told(&format!(r#"{{"logs":[{d}]}}"#)).is_empty());
    }

    #[test]
    fn odd_lines_are_lines() {
        for (text, message) in [
            ("[1,2]", "[1,2]"),
            ("{\"level\":\"warn\"", "{\"level\":\"warn\""),
            (r#"{"level":"info","message":"m","metadata":{"timestamp":"yesterday"}}"#, "m"),
            (
                r#"{"__type":"$$EventMessageNode","eventName":"n8n.node.started","ts":7,"payload":[]}"#,
                "n8n.node.started",
            ),
        ] {
            assert_eq!(read(text)[0].message, message, "{text}");
        }
        assert!(read("\n  \n{\"__type\":\"$$EventMessageConfirm\"}\n").is_empty());
        assert!(read(r#"{"__type":"x"}"#).is_empty(), "an event without a name");
    }

    #[test]
    fn files_tell_who_writes_them() {
        assert_eq!(writer("n8nEventLog-worker-2.log"), "worker");
        assert_eq!(writer("n8nEventLog-webhook-processor.log"), "webhook");
        assert_eq!((writer("n8nEventLog-1.log"), writer("n8n.log")), ("main", ""));
    }

    proptest! {
        #[test]
        fn any_line_is_read_without_panic(line in "\\PC{0,200}") {
            let _ = entry(&line, "n8n", "", NOW);
        }
    }
}
