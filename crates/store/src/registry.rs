//! The registry's file: which number is which series, and what metrics mean. Appended to; rewritten when series die.

use vigie_model::{Label, Labels};

use crate::bytes::{Bytes, Corrupt, put_text, put_varint};
use crate::frame;
use crate::metadata::Metadata;

/// The first bytes of the file; the last two are the format's version.
pub const MAGIC: &[u8; frame::MAGIC] = b"VIGREG\x00\x01";

/// The file within the folder of a store.
pub const FILE: &str = "registry";

const SERIES: u8 = 1;
const METADATA: u8 = 2;
const NEXT: u8 = 3;

/// One record.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// A series and its number.
    Series(u32, Labels),
    /// What a metric means.
    Metadata(String, Metadata),
    /// Numbers below this were given away already.
    Next(u32),
}

impl Record {
    /// Appends the record, framed.
    pub fn put(&self, out: &mut Vec<u8>) {
        let mut body = Vec::with_capacity(128);
        match self {
            Self::Series(id, labels) => {
                body.push(SERIES);
                put_varint(&mut body, u64::from(*id));
                put_varint(&mut body, labels.len() as u64);
                for label in labels {
                    put_text(&mut body, &label.name);
                    put_text(&mut body, &label.value);
                }
            }
            Self::Metadata(metric, metadata) => {
                body.push(METADATA);
                for text in [metric, &metadata.kind, &metadata.unit, &metadata.help] {
                    put_text(&mut body, text);
                }
            }
            Self::Next(next) => {
                body.push(NEXT);
                put_varint(&mut body, u64::from(*next));
            }
        }
        frame::put(out, &body);
    }

    /// Reads a record's body.
    pub fn read(body: &[u8]) -> Result<Self, Corrupt> {
        let mut bytes = Bytes(body);
        let record = match bytes.byte()? {
            SERIES => {
                let id = bytes.small()?;
                let count = bytes.count()?;
                let label = |_| Ok(Label::new(bytes.text()?, bytes.text()?));
                let labels: Result<Vec<Label>, Corrupt> = (0..count).map(label).collect();
                Self::Series(id, Labels::new(labels?))
            }
            METADATA => {
                let mut text = || bytes.text().map(str::to_owned);
                let metric = text()?;
                Self::Metadata(metric, Metadata { kind: text()?, unit: text()?, help: text()? })
            }
            NEXT => Self::Next(bytes.small()?),
            _ => return Err(Corrupt("a record of an unknown kind")),
        };
        if bytes.is_empty() { Ok(record) } else { Err(Corrupt("a record is too long")) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn records_come_back(
            id: u32,
            labels in prop::collection::vec((".{0,9}", ".{0,9}"), 0..5),
            texts: [String; 4],
        ) {
            let [metric, kind, unit, help] = texts;
            let records = [
                Record::Series(id, Labels::from_pairs(labels)),
                Record::Metadata(metric, Metadata { kind, unit, help }),
                Record::Next(id),
            ];
            let mut out = Vec::new();
            records.iter().for_each(|record| record.put(&mut out));
            let found = frame::scan(&out, 0);
            let back: Vec<Record> =
                found.bodies.into_iter().map(|body| Record::read(&out[body]).unwrap()).collect();
            prop_assert_eq!(&back[..], &records[..]);
        }

        #[test]
        fn any_bytes_are_an_error_or_a_record(mut bytes: Vec<u8>, kind in 0u8..5) {
            if let Some(first) = bytes.first_mut() {
                *first = kind;
            }
            let _ = Record::read(&bytes);
        }
    }
}
