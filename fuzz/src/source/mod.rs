//! The tree of modules of `vigie_collect::source`, as far as the decoders need it.
#![allow(
    dead_code,
    unused_imports,
    reason = "the files that are included here serve more than the targets"
)]

use redis::Value;
use vigie_collect::source::ClientLine;
use vigie_collect::source::asynq::decode as asynq;
use vigie_collect::source::redis::{RawRedisConfig, RedisConfig};

/// Longer names are shortened.
const LONGEST_NAME: usize = vigie_model::Name::MAX_BYTES;

#[path = "../../../crates/collect/src/source/bull/decode.rs"]
mod bull;
mod bull_family;
#[path = "../../../crates/collect/src/source/bullmq/decode.rs"]
mod bullmq;
mod connected;
/// What Bull's messages become where they are n8n's.
mod n8n {
    pub(crate) use vigie_collect::source::n8n::FailedRun;
}

/// asynq's protobufs and numbers.
pub fn asynq_messages(data: &[u8]) {
    if let Ok(name) = asynq::task_type(data) {
        assert!(name.as_str().len() <= LONGEST_NAME);
    }
    if let Ok(task) = asynq::failed_task(data) {
        let error = vigie_model::FailedJob::error_text(&task.error).unwrap_or_default();
        assert!(error.len() <= vigie_model::FailedJob::ERROR_BYTES);
    }
    if let Ok(server) = asynq::server(data) {
        assert!(server.pid != Some(0) && server.concurrency != Some(0));
        assert!(server.queues.iter().all(|name| name.as_str().len() <= LONGEST_NAME));
    }
    if let Ok(running) = asynq::running(data) {
        assert!(running.id.len() + running.queue.len() <= data.len());
    }
    let _ = (asynq::nanoseconds(data), asynq::count(data));
}

/// A message that Bull publishes: its channel, a line break, its payload.
pub fn bull_message(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == b'\n');
    let (channel, payload) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if let Ok(heard) = bull::decode(channel, payload) {
        assert!(channel.starts_with(heard.base) && heard.base.contains(&b':'));
    }
}

/// An answer to `XREAD`. Each line is a value; a line `[` or `{` opens a list or a map, `]` closes it.
pub fn bullmq_answer(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let _ = bullmq::decode(&value(&mut lines, 0));
}

fn value<'a>(lines: &mut impl Iterator<Item = &'a [u8]>, depth: usize) -> Value {
    match lines.next() {
        None | Some(b"~") => Value::Nil,
        Some(b"[") if depth < 8 => Value::Array(values(lines, depth)),
        Some(b"{") if depth < 8 => {
            let mut values = values(lines, depth).into_iter();
            Value::Map(std::iter::from_fn(|| values.next().zip(values.next())).collect())
        }
        Some(text) => {
            match std::str::from_utf8(text).ok().and_then(|text| text.strip_prefix('+')) {
                Some(simple) => Value::SimpleString(simple.to_owned()),
                None => Value::BulkString(text.to_vec()),
            }
        }
    }
}

fn values<'a>(lines: &mut impl Iterator<Item = &'a [u8]>, depth: usize) -> Vec<Value> {
    let mut values = Vec::new();
    loop {
        match value(lines, depth + 1) {
            Value::Nil => return values,
            Value::BulkString(text) if text == b"]" => return values,
            value => values.push(value),
        }
    }
}

/// A job's hash as Bull and BullMQ keep it: the values of its fields, one a line.
pub fn job_hash(data: &[u8]) {
    const FIELDS: [&str; 12] = [
        "name",
        "timestamp",
        "opts",
        "processedOn",
        "finishedOn",
        "atm",
        "attemptsMade",
        "ats",
        "stc",
        "retriedOn",
        "pb",
        "data",
    ];
    let values: Vec<Value> = data
        .split(|byte| *byte == b'\n')
        .map(|line| if line.is_empty() { Value::Nil } else { Value::BulkString(line.to_vec()) })
        .collect();
    let Some(job) = bull_family::job_hash::JobHash::decode(&FIELDS, &values) else { return };
    assert!(job.delay >= 0.0);
    assert!(
        job.first_wait().is_none_or(|wait| wait >= 0.0) && job.run().is_none_or(|run| run >= 0.0)
    );
    assert!(job.workflow.as_ref().is_none_or(|id| !id.is_empty() && id.len() <= data.len()));
    let _ = (job.eligible(), job.failures());
}

/// An answer to `CLIENT LIST`, and the names in it.
pub fn client_list(data: &[u8]) {
    for client in connected::parse(data) {
        assert!(!client.name.is_empty() && client.name != "vigie");
        if let Some(name) = bull_family::client_name::decode_client_name(&client.name) {
            assert!(name.base.contains(&b':'));
        }
    }
    if let Ok(name) = std::str::from_utf8(data) {
        let _ = bull_family::client_name::decode_client_name(name);
    }
}

/// The URL of a Redis.
pub fn redis_url(data: &[u8]) {
    let Ok(url) = std::str::from_utf8(data) else { return };
    match RedisConfig::from_url("main", url) {
        Ok(config) => {
            let _ = (config.display_url(), format!("{config:?}"));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A source in a configuration file.
pub fn config_yaml(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let sources: Result<Vec<RawRedisConfig>, _> = serde_saphyr::from_str(text);
    for raw in sources.into_iter().flatten() {
        if let Ok(config) = RedisConfig::try_from(raw) {
            assert!(!config.name.as_str().is_empty());
            let _ = (config.display_url(), format!("{config:?}"));
        }
    }
}
