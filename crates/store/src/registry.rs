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
const GROUP: u8 = 4;

/// Records that are written together are compressed together when they are at least this many bytes,
const GROUP_LEAST: usize = 4 << 10;
/// in groups of about this many: damage to one costs all series in it.
const GROUP_BYTES: usize = 32 << 10;
/// No group is larger: a record has at most some 300 KB.
const GROUP_MOST: usize = 1 << 20;
/// Names repeat from series to series: more effort hardly finds more.
const GROUP_LEVEL: i32 = 3;

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

/// Records, framed, as they are written: many of them in groups that are compressed.
#[must_use]
pub fn grouped(records: &[u8]) -> Vec<u8> {
    if records.len() < GROUP_LEAST {
        return records.to_vec();
    }
    let (mut out, mut group) = (Vec::new(), Vec::new());
    for body in frame::scan(records, 0).bodies {
        put_varint(&mut group, body.len() as u64);
        group.extend_from_slice(&records[body]);
        if group.len() >= GROUP_BYTES {
            put_group(&group, &mut out);
            group.clear();
        }
    }
    if !group.is_empty() {
        put_group(&group, &mut out);
    }
    out
}

fn put_group(group: &[u8], out: &mut Vec<u8>) {
    let compressed = zstd::bulk::compress(group, GROUP_LEVEL)
        .expect("zstd refuses only a destination that is too small, and it makes its own");
    let mut body = vec![GROUP];
    put_varint(&mut body, group.len() as u64);
    body.extend_from_slice(&compressed);
    frame::put(out, &body);
}

/// Whether a body is a group of records.
#[must_use]
pub fn is_group(body: &[u8]) -> bool {
    body.first() == Some(&GROUP)
}

/// The records of a body: those of a group, or the one that it is.
pub fn read(body: &[u8]) -> Result<Vec<Record>, Corrupt> {
    if !is_group(body) {
        return Ok(vec![Record::read(body)?]);
    }
    let mut bytes = Bytes(body);
    bytes.byte()?;
    let length = bytes.length()?;
    if length > GROUP_MOST {
        return Err(Corrupt("a group of records is too long"));
    }
    let group = zstd::bulk::decompress(bytes.0, length)
        .ok()
        .filter(|group| group.len() == length)
        .ok_or(Corrupt("a group of records does not decompress"))?;
    let mut bytes = Bytes(&group);
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let length = bytes.length()?;
        records.push(Record::read(bytes.take(length)?)?);
    }
    Ok(records)
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

    /// Reads the body of one that is in no group.
    fn read(body: &[u8]) -> Result<Self, Corrupt> {
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
            prop_assert_eq!(&back(&grouped(&out))[..], &records[..]);
        }

        #[test]
        fn many_records_come_back_in_order(labels in prop::collection::vec("[ -~]{0,200}", 0..600)) {
            let (mut records, mut out) = (Vec::new(), Vec::new());
            for (id, text) in (0..).zip(labels) {
                records.push(Record::Series(id, Labels::from_pairs([("name", text)])));
            }
            records.iter().for_each(|record| record.put(&mut out));
            prop_assert_eq!(back(&grouped(&out)), records);
        }

        #[test]
        fn any_bytes_are_an_error_or_a_record(mut bytes: Vec<u8>, kind in 0u8..6) {
            if let Some(first) = bytes.first_mut() {
                *first = kind;
            }
            let _ = read(&bytes);
        }

        #[test]
        fn any_bytes_in_a_group_are_an_error_or_records(bytes: Vec<u8>) {
            let mut out = Vec::new();
            put_group(&bytes, &mut out);
            let _ = read(&out[frame::HEAD..]);
        }
    }

    fn back(file: &[u8]) -> Vec<Record> {
        let found = frame::scan(file, 0);
        assert!(found.damaged.is_empty() && found.end == file.len());
        found.bodies.into_iter().flat_map(|body| read(&file[body]).unwrap()).collect()
    }

    #[test]
    fn series_of_many_queues_are_a_tenth_of_their_bytes() {
        let mut out = Vec::new();
        for id in 0..2000 {
            let (name, queue) =
                (format!("job_queue_{}", id % 20), format!("team/orders-{}", id / 20));
            let labels = [("__name__", &*name), ("queue", &*queue), ("source", "main")];
            Record::Series(id, Labels::from_pairs(labels)).put(&mut out);
        }
        let written = grouped(&out);
        assert!(written.len() * 10 < out.len(), "{} of {}", written.len(), out.len());
        assert!(frame::scan(&written, 0).bodies.len() > 2, "damage to one costs not all");
    }

    #[test]
    fn a_group_that_lies_about_its_length_is_refused_before_it_is_read() {
        let mut body = vec![GROUP];
        put_varint(&mut body, GROUP_MOST as u64 + 1);
        body.extend_from_slice(&zstd::bulk::compress(&vec![0; 64 << 20], 3).unwrap());
        assert_eq!(read(&body), Err(Corrupt("a group of records is too long")));
        let mut body = vec![GROUP];
        put_varint(&mut body, 100);
        body.extend_from_slice(&zstd::bulk::compress(&vec![0; 64 << 20], 3).unwrap());
        assert_eq!(read(&body), Err(Corrupt("a group of records does not decompress")));
    }
}
