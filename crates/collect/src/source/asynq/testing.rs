//! For tests: the contents of a Redis as a map, which answers the commands of a plan as the real one does.

use std::collections::BTreeMap;

use base64::Engine as _;
use redis::Value;
use serde_json::Value as Json;

use crate::source::{Plan, Replies, ReplyError};

/// What a key holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Held {
    Text(Vec<u8>),
    /// The first is at the left end.
    List(Vec<Vec<u8>>),
    Set(Vec<Vec<u8>>),
    Sorted(Vec<(Vec<u8>, f64)>),
    Hash(Vec<(Vec<u8>, Vec<u8>)>),
}

/// A Redis at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Dump {
    keys: BTreeMap<Vec<u8>, Held>,
}

impl Dump {
    /// From a capture: one key a line.
    pub(super) fn load(lines: &str) -> Self {
        Self { keys: lines.lines().map(entry).collect() }
    }

    pub(super) fn set(&mut self, key: &str, held: Held) {
        self.keys.insert(key.into(), held);
    }

    pub(super) fn remove(&mut self, key: &str) {
        self.keys.remove(key.as_bytes());
    }

    pub(super) fn get_mut(&mut self, key: &str) -> &mut Held {
        self.keys.get_mut(key.as_bytes()).unwrap()
    }

    /// Answers everything that a plan asks.
    pub(super) fn answer(&self, plan: Plan) -> Replies {
        let answer = |(_, command): (Vec<u8>, redis::Cmd)| {
            let words: Vec<Vec<u8>> = command
                .args_iter()
                .map(|word| match word {
                    redis::Arg::Simple(bytes) => bytes.to_vec(),
                    _ => Vec::new(),
                })
                .collect();
            self.run(&words)
        };
        Replies::new(plan.into_commands().into_iter().map(answer).collect())
    }

    fn run(&self, words: &[Vec<u8>]) -> Result<Value, ReplyError> {
        let text = |bytes: &[u8]| Value::BulkString(bytes.to_vec());
        let texts = |all: &mut dyn Iterator<Item = &Vec<u8>>| {
            Value::Array(all.map(|one| text(one)).collect())
        };
        let count = |length: usize| Ok(Value::Int(length as i64));
        let name = std::str::from_utf8(&words[0]).unwrap();
        let held = self.keys.get(&words[1]);
        match (name, held) {
            ("LLEN" | "ZCARD" | "SCARD", None) => Ok(Value::Int(0)),
            ("GET", None) => Ok(Value::Nil),
            ("SMEMBERS" | "LRANGE" | "ZRANGE" | "HGETALL", None) => Ok(Value::Array(Vec::new())),
            ("HMGET", None) => Ok(Value::Array(words[2..].iter().map(|_| Value::Nil).collect())),
            ("MGET", _) => {
                let one = |key: &Vec<u8>| match self.keys.get(key) {
                    Some(Held::Text(value)) => text(value),
                    _ => Value::Nil,
                };
                Ok(Value::Array(words[1..].iter().map(one).collect()))
            }
            ("LLEN", Some(Held::List(items))) => count(items.len()),
            ("ZCARD", Some(Held::Sorted(items))) => count(items.len()),
            ("SCARD", Some(Held::Set(items))) => count(items.len()),
            ("SMEMBERS", Some(Held::Set(items))) => Ok(texts(&mut items.iter())),
            ("GET", Some(Held::Text(value))) => Ok(text(value)),
            ("LRANGE", Some(Held::List(items))) => {
                assert_eq!(
                    (&*words[2], &*words[3]),
                    (&b"-8"[..], &b"-1"[..]),
                    "the only range that is asked"
                );
                Ok(texts(&mut items[items.len().saturating_sub(8)..].iter()))
            }
            ("ZRANGE", Some(Held::Sorted(items))) => Ok(Value::Array(
                items
                    .iter()
                    .flat_map(|(member, score)| [text(member), text(score.to_string().as_bytes())])
                    .collect(),
            )),
            ("HGETALL", Some(Held::Hash(fields))) => Ok(Value::Array(
                fields.iter().flat_map(|(key, value)| [text(key), text(value)]).collect(),
            )),
            ("HMGET", Some(Held::Hash(fields))) => {
                let one = |wanted: &Vec<u8>| {
                    fields
                        .iter()
                        .find(|(field, _)| field == wanted)
                        .map_or(Value::Nil, |(_, value)| text(value))
                };
                Ok(Value::Array(words[2..].iter().map(one).collect()))
            }
            (_, Some(_)) => Err(ReplyError::WrongType),
            (other, None) => panic!("{other} is not a command that Vigie sends for asynq"),
        }
    }
}

fn entry(line: &str) -> (Vec<u8>, Held) {
    let row: Json = serde_json::from_str(line).unwrap();
    let value = &row["value"];
    let items = || value.as_array().unwrap().iter();
    let held = match row["type"].as_str().unwrap() {
        "string" => Held::Text(bytes(value)),
        "list" => Held::List(items().map(bytes).collect()),
        "set" => Held::Set(items().map(bytes).collect()),
        "zset" => {
            Held::Sorted(items().map(|pair| (bytes(&pair[0]), pair[1].as_f64().unwrap())).collect())
        }
        "hash" => {
            let fields = value.as_object().unwrap().iter();
            Held::Hash(
                fields.map(|(field, value)| (field.clone().into_bytes(), bytes(value))).collect(),
            )
        }
        other => panic!("a capture with a {other}"),
    };
    (bytes(&row["key"]), held)
}

fn bytes(value: &Json) -> Vec<u8> {
    match value {
        Json::String(text) => text.clone().into_bytes(),
        other => base64::engine::general_purpose::STANDARD
            .decode(other["b64"].as_str().unwrap())
            .unwrap(),
    }
}
