//! Actions and documents of Elasticsearch's `_bulk`.

use serde_json::{Map, Value};
use vigie_model::{Label, Labels, LogEntry, Time, log_entry_from_object};

use super::without_mark;

const SOURCE: &str = "elastic";
const MOST_DOCUMENTS: usize = 100_000;

/// A document of a request.
pub(crate) struct Document {
    /// `create`, `index`, `update` or `delete`.
    pub(crate) action: &'static str,
    /// Where it is to go.
    pub(crate) index: String,
    /// Its name; empty where it has none.
    pub(crate) id: String,
    /// What it says, or why it is not taken.
    pub(crate) entry: Result<LogEntry, String>,
}

fn action(line: &[u8]) -> Result<(&'static str, String, String), String> {
    let map: Map<String, Value> =
        serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let known = ["create", "index", "update", "delete"]
        .into_iter()
        .find_map(|name| Some((name, map.get(name)?)));
    let (name, about) = known.ok_or("an action is create or index")?;
    let text = |key| about.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok((name, text("_index"), text("_id")))
}

/// One document, as a log entry with its index as a label.
pub(crate) fn document(line: &[u8], index: &str, now: Time) -> Result<LogEntry, String> {
    let mut map: Map<String, Value> =
        serde_json::from_slice(line).map_err(|error| format!("failed to parse: {error}"))?;
    // Vector, Logstash and rsyslog call the machine so; in what a program writes itself it may be any.
    if map.get("host").is_some_and(Value::is_string)
        && let Some(host) = map.remove("host")
    {
        map.entry("hostname").or_insert(host);
    }
    let mut made = log_entry_from_object(map, SOURCE, now)?;
    let own = made.labels.iter().cloned().chain([Label::new("index", index)]);
    made.labels = Labels::new(own.collect());
    Ok(made)
}

/// Reads a body; an error is of the whole request.
pub(crate) fn read(bytes: &[u8], index: &str, now: Time) -> Result<Vec<Document>, String> {
    let mut lines = without_mark(bytes)
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.iter().all(u8::is_ascii_whitespace));
    let mut documents = Vec::new();
    while let Some(line) = lines.next() {
        if documents.len() >= MOST_DOCUMENTS {
            return Err(format!(
                "there are more than {MOST_DOCUMENTS} documents: send fewer at once"
            ));
        }
        let number = documents.len() + 1;
        let (action, named, id) = action(line)
            .map_err(|error| format!("Malformed action/metadata line [{number}]: {error}"))?;
        let index = if named.is_empty() { index.to_owned() } else { named };
        let entry = match action {
            "delete" => Err("Vigie takes log entries in, and deletes none".to_owned()),
            _ => match lines.next() {
                None => return Err(format!("the document of action [{number}] is missing")),
                Some(_) if action == "update" => {
                    Err("Vigie takes log entries in, and updates none".to_owned())
                }
                Some(line) => document(line, &index, now),
            },
        };
        documents.push(Document { action, index, id, entry });
    }
    Ok(documents)
}
