//! The index template: what Elasticsearch and OpenSearch are told of the documents.

use serde_json::{Value, json};

use super::Target;

/// Which of the two it is: the type of a field that holds any object is called otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// Elasticsearch.
    Elasticsearch,
    /// OpenSearch.
    OpenSearch,
}

impl Flavour {
    /// From the answer to `GET /`.
    pub fn of(answer: &Value) -> Option<Self> {
        let version = answer.get("version")?.as_object()?;
        version.get("number")?.as_str()?;
        let open = version.get("distribution").and_then(Value::as_str) == Some("opensearch");
        Some(if open { Self::OpenSearch } else { Self::Elasticsearch })
    }
}

/// The template's body. Only what is named is indexed: no name of a foreign field makes a mapping, and none contradicts
/// another. `labels` and `vigie.fields` are one field each, whatever is in them.
pub fn template(target: &Target, flavour: Flavour) -> Value {
    let any = match flavour {
        Flavour::Elasticsearch => json!({"type": "flattened", "ignore_above": 1024}),
        Flavour::OpenSearch => json!({"type": "flat_object"}),
    };
    let word = || json!({"type": "keyword", "ignore_above": 1024});
    let name = || json!({"properties": {"name": word()}});
    let mut template = json!({
        "index_patterns": [target.name()],
        "priority": 500,
        "_meta": {"description": "Log entries and events of Vigie", "managed_by": "vigie"},
        "template": {
            "settings": {"index": {"codec": "best_compression"}},
            "mappings": {
                "dynamic": false,
                "properties": {
                    "@timestamp": {"type": "date_nanos"},
                    "message": {"type": "text"},
                    "log": {"properties": {"level": word()}},
                    "event": {"properties": {
                        "kind": word(), "module": word(), "dataset": word(), "action": word(),
                        "sequence": {"type": "long"},
                    }},
                    "service": {"properties": {"name": word(), "node": name()}},
                    "host": name(),
                    "trace": {"properties": {"id": word()}},
                    "labels": any.clone(),
                    "data_stream": {"properties": {"type": word(), "dataset": word(), "namespace": word()}},
                    "ecs": {"properties": {"version": word()}},
                    "agent": {"properties": {"type": word(), "version": word()}},
                    "vigie": {"properties": {
                        "type": word(), "level": word(), "queue": word(), "job": word(),
                        "severity": word(), "subject": word(), "fields": any,
                        "fields_text": {"type": "text"},
                    }},
                },
            },
        },
    });
    if let (Target::Stream(_), Some(object)) = (target, template.as_object_mut()) {
        object.insert("data_stream".into(), json!({}));
    }
    template
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forward::elastic::document;
    use vigie_model::{Labels, LogEntry, Time, event_from_object};

    fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(map) if path != "labels" && path != "vigie.fields" => {
                for (name, inner) in map {
                    let dot = if path.is_empty() { "" } else { "." };
                    leaves(inner, &format!("{path}{dot}{name}"), found);
                }
            }
            _ => found.push(path.to_owned()),
        }
    }

    #[test]
    fn every_field_that_is_sent_is_mapped() {
        let object = json!({"message": "m", "subject": "s", "trace": "t", "queue": "q", "job": "j", "instance": "i:1"});
        let Value::Object(object) = object else { unreachable!("it is an object") };
        let mut entry = event_from_object(object, "ci", Time::from_millis(0)).unwrap();
        entry.labels = Labels::from_pairs([("a", "b")]);
        entry.level_text = "W".into();
        let stream = Target::Stream("logs-vigie-default".into());
        let wide = LogEntry { fields: "no object".into(), ..entry.clone() };
        let wide: Value = serde_json::from_str(&document(2, &wide, &stream)).unwrap();
        let sent: Value = serde_json::from_str(&document(1, &entry, &stream)).unwrap();
        let mut paths = Vec::new();
        leaves(&sent, "", &mut paths);
        leaves(&wide, "", &mut paths);
        assert!(paths.len() > 20, "{paths:?}");
        for flavour in [Flavour::Elasticsearch, Flavour::OpenSearch] {
            let template = template(&stream, flavour);
            assert!(template["data_stream"].is_object());
            for path in &paths {
                let mut at = &template["template"]["mappings"];
                for part in path.split('.') {
                    at = &at["properties"][part];
                }
                assert!(at["type"].is_string(), "{path} is not mapped");
            }
        }
        assert!(
            template(&Target::Index("i".into()), Flavour::OpenSearch).get("data_stream").is_none()
        );
    }

    #[test]
    fn which_it_is_says_its_root() {
        let of = |text: &str| Flavour::of(&serde_json::from_str(text).unwrap());
        assert_eq!(of(r#"{"version":{"number":"8.1.0"}}"#), Some(Flavour::Elasticsearch));
        let open = r#"{"version":{"distribution":"opensearch","number":"2.19.6"}}"#;
        assert_eq!((of(open), of("{}"), of("[]")), (Some(Flavour::OpenSearch), None, None));
    }
}
