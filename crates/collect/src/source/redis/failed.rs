//! Reads the failed jobs of one queue: which there are, how long what is read of each is, and that.
//!
//! An error or a payload may have any length, and asynq keeps both in one value: lengths come first, and what is too long is
//! left where it is.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use redis::Value;
use tokio::time::Instant;
use vigie_model::{FailedJob, FailedState, QueueId};

use super::Fault;
use super::session::Session;
use crate::source::{
    Failed, FailedEntry, FailedFields, FailedPlace, MOST_FAILED, NoFailedJobs, Plan, Replies,
    ReplyError,
};

/// The longest single value that is read.
const LONGEST: u64 = 1 << 20;
/// Bytes of values that are read for one answer.
const MOST_BYTES: u64 = 4 << 20;
/// Of jobs among which some may be tried again, so many are looked at: those that are due first.
const MOST_MIXED: usize = 200;
/// How long an answer holds for whoever asks next.
const FRESH: Duration = Duration::from_secs(2);

/// Answers that still hold, by queue.
#[derive(Default)]
pub(super) struct Answers(HashMap<QueueId, (Instant, Failed)>);

impl Answers {
    /// The answer that still holds.
    pub(super) fn of(&mut self, queue: &QueueId) -> Option<Failed> {
        self.0.retain(|_, (at, _)| at.elapsed() < FRESH);
        self.0.get(queue).map(|(_, failed)| failed.clone())
    }

    pub(super) fn keep(&mut self, queue: QueueId, failed: Failed) {
        self.0.insert(queue, (Instant::now(), failed));
    }
}

/// Reads them in three round trips, however many there are; in one more where those that are tried again are among others.
///
/// # Errors
/// When the connection failed. What one command was refused is in the answer.
pub(super) async fn read(session: &mut Session, place: &FailedPlace) -> Result<Failed, Fault> {
    let (mut entries, mixed) = match list(session, place).await? {
        Ok(both) => both,
        Err(error) => return Ok(Err(refused(&error))),
    };
    match tried_again(session, place, mixed).await? {
        Ok(again) => entries.extend(again),
        Err(error) => return Ok(Err(refused(&error))),
    }
    if entries.is_empty() {
        return Ok(Ok(Arc::default()));
    }
    let wanted = match measure(session, place, &entries).await? {
        Ok(wanted) => wanted,
        Err(error) => return Ok(Err(refused(&error))),
    };
    let mut plan = Plan::default();
    for (entry, fields) in entries.iter().zip(&wanted) {
        if !fields.is_empty() {
            plan.ask("HMGET", &(place.key)(&entry.id)).arg(fields);
        }
    }
    let mut replies = Replies::new(session.round(plan, Vec::new()).await?.answers);
    let mut failed: Vec<FailedJob> = Vec::with_capacity(entries.len());
    for (entry, names) in entries.iter().zip(&wanted) {
        let values = match names[..] {
            [] => Vec::new(),
            _ => match replies.next_value() {
                Ok(Value::Array(values)) => values,
                _ => continue,
            },
        };
        let read = FailedFields { names, values: &values };
        let is_too_long = names.len() < place.fields.len();
        match (place.decode)(entry, &read) {
            Some(job) => failed.push(FailedJob { is_too_long, ..job }),
            // Nothing of it was read, so nobody can say that it is gone.
            None if is_too_long => failed.push(FailedJob { is_too_long, ..entry.job() }),
            None => {}
        }
    }
    failed.sort_by_key(|job| std::cmp::Reverse(job.at));
    failed.truncate(MOST_FAILED);
    Ok(Ok(failed.into()))
}

/// The newest entries of each list, and those of the mixed one that are due first.
async fn list(
    session: &mut Session,
    place: &FailedPlace,
) -> Result<Result<(Vec<FailedEntry>, Vec<FailedEntry>), ReplyError>, Fault> {
    let mut plan = Plan::default();
    for (key, _) in &place.lists {
        plan.ask("ZRANGE", key).arg(-(MOST_FAILED as i64)).arg(-1).arg("WITHSCORES");
    }
    if let Some(mixed) = &place.mixed {
        plan.ask("ZRANGE", &mixed.key).arg(0).arg(MOST_MIXED as i64 - 1).arg("WITHSCORES");
    }
    let mut replies = Replies::new(session.round(plan, Vec::new()).await?.answers);
    let mut entries = Vec::new();
    for (_, state) in &place.lists {
        match replies.next_as::<Vec<(Vec<u8>, f64)>>() {
            Ok(listed) => {
                // The newest is read first, as long as there is room.
                let newest = listed.into_iter().rev();
                entries.extend(newest.map(|(id, score)| FailedEntry { id, score, state: *state }));
            }
            Err(error) => return Ok(Err(error)),
        }
    }
    let mixed = match place.mixed.as_ref().map(|_| replies.next_as::<Vec<(Vec<u8>, f64)>>()) {
        Some(Ok(listed)) => listed,
        Some(Err(error)) => return Ok(Err(error)),
        None => Vec::new(),
    };
    let again = |(id, score)| FailedEntry { id, score, state: FailedState::Retry };
    Ok(Ok((entries, mixed.into_iter().map(again).collect())))
}

/// Of those the ones that have had an attempt: it failed, and another one waits.
async fn tried_again(
    session: &mut Session,
    place: &FailedPlace,
    mut entries: Vec<FailedEntry>,
) -> Result<Result<Vec<FailedEntry>, ReplyError>, Fault> {
    let Some(mixed) = place.mixed.as_ref().filter(|_| !entries.is_empty()) else {
        return Ok(Ok(Vec::new()));
    };
    let mut plan = Plan::default();
    for entry in &entries {
        plan.ask("HMGET", &(place.key)(&entry.id)).arg(mixed.attempts);
    }
    let mut replies = Replies::new(session.round(plan, Vec::new()).await?.answers);
    let mut refused = None;
    entries.retain(|_| match replies.next_as::<Vec<Option<Vec<u8>>>>() {
        Ok(counts) => counts.iter().flatten().any(|count| !count.is_empty() && count != b"0"),
        // The key holds something else: it is no job.
        Err(ReplyError::WrongType) => false,
        Err(error) => {
            refused = Some(error);
            false
        }
    });
    entries.truncate(MOST_FAILED);
    Ok(refused.map_or(Ok(entries), Err))
}

/// Of each job the fields that are not too long to be read.
async fn measure(
    session: &mut Session,
    place: &FailedPlace,
    entries: &[FailedEntry],
) -> Result<Result<Vec<Vec<&'static str>>, ReplyError>, Fault> {
    let mut plan = Plan::default();
    for entry in entries {
        for field in place.long {
            plan.ask("HSTRLEN", &(place.key)(&entry.id)).arg(field);
        }
    }
    let mut replies = Replies::new(session.round(plan, Vec::new()).await?.answers);
    let mut room = MOST_BYTES;
    let mut wanted = Vec::with_capacity(entries.len());
    for _ in entries {
        let mut fields = place.fields.to_vec();
        for long in place.long {
            let length = match replies.next_as::<u64>() {
                Ok(length) => length,
                // The key holds something else: it is read as nothing.
                Err(ReplyError::WrongType) => 0,
                Err(error) => return Ok(Err(error)),
            };
            if length > LONGEST.min(room) {
                fields.retain(|field| field != long);
            } else {
                room -= length;
            }
        }
        wanted.push(fields);
    }
    Ok(Ok(wanted))
}

fn refused(error: &ReplyError) -> NoFailedJobs {
    NoFailedJobs::Source(match error {
        ReplyError::Forbidden(words) => {
            format!("{words}: Settings, Sources has the line that allows it")
        }
        other => other.to_string(),
    })
}
