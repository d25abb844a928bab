//! Elasticsearch and OpenSearch: `_bulk` into a data stream or an index, and the index template.

mod answer;
mod document;
#[cfg(test)]
mod kibana_tests;
mod template;

pub(super) use answer::judge;
pub(super) use document::{document, id};
pub(super) use template::{Flavour, template};

use super::item::Item;

/// What of an answer is of interest: the rest is left out by the server.
const FILTER: &str = "filter_path=errors,items.create.status,items.create.error.type,\
                      items.create.error.reason,items.create.error.caused_by.reason";

/// Where documents go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// A data stream.
    Stream(String),
    /// An index, or an alias of one.
    Index(String),
}

impl Target {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Stream(name) | Self::Index(name) => name,
        }
    }

    /// The path of `_bulk`, after the base URL.
    pub fn bulk_path(&self) -> String {
        format!("/{}/_bulk?{FILTER}", self.name())
    }

    /// The path of the index template.
    pub fn template_path(&self) -> String {
        format!("/_index_template/vigie-{}", self.name())
    }
}

/// The body of a request: an action and a document an entry.
pub(super) fn body<'a>(items: impl Iterator<Item = &'a Item>, target: &Target) -> Vec<u8> {
    let mut out = Vec::new();
    for item in items {
        out.extend_from_slice(format!("{{\"create\":{{\"_id\":\"{}\"}}}}\n", item.id).as_bytes());
        out.extend_from_slice(document(item.number, &item.entry, target).as_bytes());
        out.push(b'\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use vigie_model::{LogEntry, Time};

    use super::*;

    #[test]
    fn a_body_is_pairs_of_lines_whatever_the_texts_hold() {
        let blank = LogEntry::blank("s", Time::from_millis(0));
        let texts = ["two\nlines\r\n", "\u{2028}\u{0}\"}", ""];
        let fields = ["{\n \"a\": 1\n}", "{\"a\":\"x\\ny\"}", "no object\n"];
        let items: Vec<Item> = (1..)
            .zip(texts.iter().zip(fields))
            .map(|(number, (message, fields))| {
                let entry = LogEntry {
                    message: (*message).to_owned(),
                    fields: fields.to_owned(),
                    ..blank.clone()
                };
                Item { number, id: id(7, number, &entry), entry }
            })
            .collect();
        let target = Target::Index("i".into());
        let text = String::from_utf8(body(items.iter(), &target)).unwrap();
        assert!(text.ends_with('\n'));
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 6);
        for (pair, item) in lines.chunks(2).zip(&items) {
            assert_eq!(pair[0]["create"]["_id"], item.id);
            assert_eq!(pair[1]["message"], item.entry.message);
        }
        assert_eq!(lines[1]["vigie"]["fields"]["a"], 1);
        assert_eq!(lines[3]["vigie"]["fields"]["a"], "x\ny");
        assert_eq!(lines[5]["vigie"]["fields_text"], "no object\n");
    }
}
