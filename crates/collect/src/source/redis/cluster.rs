//! Which node of a Redis Cluster holds which key.

use redis::Value;

use super::config::Endpoint;

const SLOTS: u16 = 16_384;

/// The masters of a cluster and the slots of each.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct SlotMap {
    pub(super) masters: Vec<Endpoint>,
    /// First slot, last slot, index into `masters`.
    ranges: Vec<(u16, u16, usize)>,
}

impl SlotMap {
    /// From the answer to `CLUSTER SLOTS`. A node that does not know its own address is the one that was asked.
    pub(super) fn parse(answer: &Value, asked: &Endpoint) -> Result<Self, &'static str> {
        let Value::Array(rows) = answer else { return Err("CLUSTER SLOTS is not a list") };
        let mut map = Self::default();
        for row in rows {
            let Value::Array(parts) = row else {
                return Err("a row of CLUSTER SLOTS is not a list");
            };
            let (Some(Value::Int(first)), Some(Value::Int(last)), Some(Value::Array(master))) =
                (parts.first(), parts.get(1), parts.get(2))
            else {
                return Err("a row of CLUSTER SLOTS has another shape");
            };
            let slot = |number: &i64| u16::try_from(*number).ok().filter(|slot| *slot < SLOTS);
            let (Some(first), Some(last)) = (slot(first), slot(last)) else {
                return Err("a slot of CLUSTER SLOTS is out of range");
            };
            let Some(Value::Int(port)) = master.get(1) else {
                return Err("a node of CLUSTER SLOTS has no port");
            };
            let host = match master.first() {
                Some(Value::BulkString(host)) if !host.is_empty() && host != b"?" => {
                    String::from_utf8_lossy(host).into_owned()
                }
                _ => asked.host.clone(),
            };
            let port =
                u16::try_from(*port).map_err(|_| "a port of CLUSTER SLOTS is out of range")?;
            let endpoint = Endpoint { host, port };
            let index =
                map.masters.iter().position(|known| *known == endpoint).unwrap_or_else(|| {
                    map.masters.push(endpoint);
                    map.masters.len() - 1
                });
            map.ranges.push((first, last, index));
        }
        map.ranges.sort_unstable();
        if map.masters.is_empty() {
            Err("CLUSTER SLOTS names no node: no slot is assigned")
        } else {
            Ok(map)
        }
    }

    /// The index of the master of `key`; `None` when nobody serves its slot.
    pub(super) fn master_of(&self, key: &[u8]) -> Option<usize> {
        let slot = slot_of(key);
        let place = self.ranges.partition_point(|(_, last, _)| *last < slot);
        self.ranges.get(place).filter(|(first, _, _)| *first <= slot).map(|(_, _, master)| *master)
    }
}

/// The slot of a key: CRC16 of what stands between the first `{` and the next `}`, or of the whole key.
fn slot_of(key: &[u8]) -> u16 {
    let tag = key.iter().position(|byte| *byte == b'{').and_then(|open| {
        let inner = &key[open + 1..];
        inner
            .iter()
            .position(|byte| *byte == b'}')
            .filter(|length| *length > 0)
            .map(|length| &inner[..length])
    });
    crc16(tag.unwrap_or(key)) % SLOTS
}

/// CRC-16/XMODEM: polynomial 0x1021, beginning at 0.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(host: &str, port: i64) -> Value {
        Value::Array(vec![
            Value::BulkString(host.into()),
            Value::Int(port),
            Value::BulkString("id".into()),
        ])
    }

    fn row(first: i64, last: i64, master: Value) -> Value {
        Value::Array(vec![Value::Int(first), Value::Int(last), master])
    }

    #[test]
    fn the_checksum_is_the_one_of_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
    }

    #[test]
    fn hash_tags_decide() {
        assert_eq!(slot_of(b"asynq:{default}:pending"), slot_of(b"asynq:{default}:t:1"));
        assert_eq!(slot_of(b"{}x"), crc16(b"{}x") % SLOTS, "an empty tag is no tag");
        assert_eq!(slot_of(b"a{b"), crc16(b"a{b") % SLOTS);
    }

    #[test]
    fn keys_find_their_master() {
        let asked = Endpoint { host: "10.0.0.1".into(), port: 7000 };
        let answer = Value::Array(vec![
            row(8_192, 16_383, node("10.0.0.2", 7001)),
            row(0, 8_191, node("", 7000)),
        ]);
        let map = SlotMap::parse(&answer, &asked).unwrap();
        assert_eq!(map.masters[1], asked, "a nameless node is the one that was asked");
        for key in [&b"foo"[..], b"bar", b"{x}y"] {
            let expected = if slot_of(key) < 8_192 { 1 } else { 0 };
            assert_eq!(map.master_of(key), Some(expected));
        }
    }

    #[test]
    fn nonsense_is_an_error_and_holes_are_holes() {
        let asked = Endpoint { host: "h".into(), port: 1 };
        for answer in [
            Value::Nil,
            Value::Array(vec![]),
            Value::Array(vec![Value::Int(1)]),
            Value::Array(vec![row(0, 16_384, node("a", 1))]),
            Value::Array(vec![row(-1, 5, node("a", 1))]),
            Value::Array(vec![row(0, 5, node("a", 70_000))]),
        ] {
            assert!(SlotMap::parse(&answer, &asked).is_err(), "{answer:?}");
        }
        let map = SlotMap::parse(&Value::Array(vec![row(0, 0, node("a", 1))]), &asked).unwrap();
        assert_eq!(map.master_of(b"foo"), None);
    }
}
