//! BullMQ's event streams: the answer to `XREAD` in, transitions or a precise error out.

use redis::Value;
use vigie_model::Time;

use crate::source::bull_family::job_hash::{bytes_of, millis};

/// The entries of one stream, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct StreamPart {
    pub key: Vec<u8>,
    pub entries: Vec<Entry>,
}

/// One entry.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub id: EntryId,
    pub what: Result<What, DecodeError>,
}

/// `(milliseconds of the server's clock, sequence)`.
pub(super) type EntryId = (u64, u64);

/// What happened. Results and reasons are not kept.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    Added {
        job: Vec<u8>,
        name: Vec<u8>,
    },
    Waiting {
        job: Vec<u8>,
        from_active: bool,
    },
    Active {
        job: Vec<u8>,
    },
    Completed {
        job: Vec<u8>,
    },
    Failed {
        job: Vec<u8>,
        stalled: bool,
    },
    Delayed {
        job: Vec<u8>,
        due: Option<Time>,
    },
    Stalled {
        job: Vec<u8>,
    },
    WaitingChildren {
        job: Vec<u8>,
    },
    Removed {
        job: Vec<u8>,
    },
    PausedOrResumed,
    /// Of no concern here: `progress`, `drained`, `retries-exhausted` (beside `failed`), `deduplicated`,
    /// `duplicated`, `cleaned`, and whatever a newer version has.
    Other,
}

/// Why an answer or an entry cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum DecodeError {
    /// The answer is no list of streams.
    #[error("the answer to XREAD has another shape")]
    Shape,
    /// An entry's id is no `ms-seq`.
    #[error("an entry's id is no time and number")]
    EntryId,
    /// An entry names no job where it should.
    #[error("an entry `{0}` names no job")]
    NoJob(&'static str),
}

/// The reason with which BullMQ fails a job whose worker has vanished too often.
const STALLED_REASON: &[u8] = b"job stalled more than";

/// Reads an answer to `XREAD`; nothing new is an empty list.
pub(super) fn decode(answer: &Value) -> Result<Vec<StreamPart>, DecodeError> {
    let pairs: Vec<(&Value, &Value)> = match answer {
        Value::Nil => Vec::new(),
        Value::Array(streams) => streams
            .iter()
            .map(|stream| match stream {
                Value::Array(pair) if pair.len() == 2 => Ok((&pair[0], &pair[1])),
                _ => Err(DecodeError::Shape),
            })
            .collect::<Result<_, _>>()?,
        Value::Map(streams) => streams.iter().map(|(key, entries)| (key, entries)).collect(),
        _ => return Err(DecodeError::Shape),
    };
    pairs
        .into_iter()
        .map(|(key, entries)| {
            let key = bytes_of(key).ok_or(DecodeError::Shape)?.to_vec();
            let Value::Array(entries) = entries else { return Err(DecodeError::Shape) };
            let entries = entries.iter().map(entry).collect::<Result<_, _>>()?;
            Ok(StreamPart { key, entries })
        })
        .collect()
}

fn entry(value: &Value) -> Result<Entry, DecodeError> {
    let Value::Array(parts) = value else { return Err(DecodeError::Shape) };
    let id = parts.first().and_then(bytes_of).and_then(entry_id).ok_or(DecodeError::EntryId)?;
    let fields: Vec<(&[u8], &[u8])> = match parts.get(1) {
        Some(Value::Array(flat)) => flat
            .chunks_exact(2)
            .filter_map(|pair| Some((bytes_of(&pair[0])?, bytes_of(&pair[1])?)))
            .collect(),
        Some(Value::Map(pairs)) => pairs
            .iter()
            .filter_map(|(name, value)| Some((bytes_of(name)?, bytes_of(value)?)))
            .collect(),
        _ => Vec::new(),
    };
    Ok(Entry { id, what: what(&fields) })
}

/// From `1795442619979-0`.
pub(super) fn entry_id(text: &[u8]) -> Option<EntryId> {
    let (ms, sequence) = std::str::from_utf8(text).ok()?.split_once('-')?;
    Some((ms.parse().ok()?, sequence.parse().ok()?))
}

fn what(fields: &[(&[u8], &[u8])]) -> Result<What, DecodeError> {
    let field =
        |name: &[u8]| fields.iter().find(|(field, _)| *field == name).map(|(_, value)| *value);
    let job = |event| field(b"jobId").map(<[u8]>::to_vec).ok_or(DecodeError::NoJob(event));
    Ok(match field(b"event").unwrap_or_default() {
        b"added" => {
            What::Added { job: job("added")?, name: field(b"name").unwrap_or_default().to_vec() }
        }
        b"waiting" => What::Waiting {
            job: job("waiting")?,
            // Before 5 a retry said that it came from `failed`.
            from_active: matches!(field(b"prev"), Some(b"active" | b"failed")),
        },
        b"active" => What::Active { job: job("active")? },
        b"completed" => What::Completed { job: job("completed")? },
        b"failed" => What::Failed {
            job: job("failed")?,
            stalled: field(b"failedReason")
                .is_some_and(|reason| reason.starts_with(STALLED_REASON)),
        },
        b"delayed" => What::Delayed { job: job("delayed")?, due: field(b"delay").and_then(millis) },
        b"stalled" => What::Stalled { job: job("stalled")? },
        b"waiting-children" => What::WaitingChildren { job: job("waiting-children")? },
        b"removed" => What::Removed { job: job("removed")? },
        b"paused" | b"resumed" => What::PausedOrResumed,
        _ => What::Other,
    })
}
