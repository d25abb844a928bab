//! Reads the failed jobs of one queue: which there are, how long what is read of each is, and that.
//!
//! An error or a payload may have any length, and asynq keeps both in one value: lengths come first, and what is too long is
//! left where it is.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use redis::Value;
use tokio::time::Instant;
use vigie_model::{FailedJob, FailedList, FailedState, QueueId};

use super::Fault;
use super::session::Session;
use crate::source::{
    Failed, FailedEntry, FailedFields, FailedPlace, FailedRead, MOST_FAILED, MixedPlace,
    NoFailedJobs, Plan, Replies, ReplyError,
};

/// The longest single value that is read.
const LONGEST: u64 = 1 << 20;
/// Bytes of values that are read for one answer.
const MOST_BYTES: u64 = 4 << 20;
/// Of each place where jobs that are tried again are among others, so many at either end are looked at.
const EACH_END: i64 = 150;
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
    let (mut entries, mixed, unseen) = match list(session, place).await? {
        Ok(all) => all,
        Err(error) => return Ok(Err(refused(&error))),
    };
    match tried_again(session, place, mixed).await? {
        Ok(again) => entries.extend(again),
        Err(error) => return Ok(Err(refused(&error))),
    }
    if entries.is_empty() {
        return Ok(Ok(Arc::new(FailedList { jobs: Vec::new(), unseen })));
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
    let mut failed: Vec<FailedRead> = Vec::with_capacity(entries.len());
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
            Some(FailedRead { job, by }) => {
                failed.push(FailedRead { job: FailedJob { is_too_long, ..job }, by });
            }
            // Nothing of it was read, so nobody can say that it is gone.
            None if is_too_long => failed.push(FailedJob { is_too_long, ..entry.job() }.into()),
            None => {}
        }
    }
    failed.sort_by_key(|read| std::cmp::Reverse(read.by));
    let jobs = failed.into_iter().take(MOST_FAILED).map(|read| read.job).collect();
    Ok(Ok(Arc::new(FailedList { jobs, unseen })))
}

/// What [`list`] found: failed jobs, jobs that may have failed, and how many of the latter it left out.
type Listed = (Vec<FailedEntry>, Vec<FailedEntry>, u64);

/// The newest entries of each list, and those at either end of the mixed places.
async fn list(
    session: &mut Session,
    place: &FailedPlace,
) -> Result<Result<Listed, ReplyError>, Fault> {
    let mut plan = Plan::default();
    for (key, _) in &place.lists {
        plan.ask("ZRANGE", key).arg(-(MOST_FAILED as i64)).arg(-1).arg("WITHSCORES");
    }
    if let Some(mixed) = &place.mixed {
        mixed.ask(&mut plan);
    }
    let mut replies = Replies::new(session.round(plan, Vec::new()).await?.answers);
    let mut entries = Vec::new();
    for (_, state) in &place.lists {
        match replies.next_as::<Vec<(Vec<u8>, f64)>>() {
            Ok(listed) => {
                // The newest is read first, as long as there is room.
                let newest = listed.into_iter().rev();
                entries.extend(newest.map(|(id, score)| FailedEntry {
                    id,
                    score: Some(score),
                    state: *state,
                }));
            }
            Err(error) => return Ok(Err(error)),
        }
    }
    let mixed = place.mixed.as_ref().map(|mixed| mixed.take(&mut replies)).transpose();
    Ok(mixed.map(|mixed| {
        let (mixed, unseen) = mixed.unwrap_or_default();
        (entries, mixed, unseen)
    }))
}

impl MixedPlace {
    fn ask(&self, plan: &mut Plan) {
        for key in &self.sets {
            plan.ask("ZCARD", key);
            plan.ask("ZRANGE", key).arg(0).arg(EACH_END - 1).arg("WITHSCORES");
            plan.ask("ZRANGE", key).arg(-EACH_END).arg(-1).arg("WITHSCORES");
        }
        for key in &self.lists {
            plan.ask("LLEN", key);
            plan.ask("LRANGE", key).arg(0).arg(EACH_END - 1);
            plan.ask("LRANGE", key).arg(-EACH_END).arg(-1);
        }
    }

    /// What is at the ends of each, once; and how many are between them.
    fn take(&self, replies: &mut Replies) -> Result<(Vec<FailedEntry>, u64), ReplyError> {
        let (mut entries, mut unseen, mut seen) = (Vec::new(), 0, HashSet::new());
        let mut add = |all: u64, found: Vec<(Vec<u8>, Option<f64>)>| {
            seen.clear();
            entries.extend(
                found
                    .into_iter()
                    .filter(|(id, _)| seen.insert(id.clone()))
                    .map(|(id, score)| FailedEntry { id, score, state: FailedState::Retry }),
            );
            unseen += all.saturating_sub(seen.len() as u64);
        };
        for _ in &self.sets {
            let all = replies.next_as::<u64>()?;
            let mut found = Vec::new();
            for _ in 0..2 {
                let end = replies.next_as::<Vec<(Vec<u8>, f64)>>()?;
                found.extend(end.into_iter().map(|(id, score)| (id, Some(score))));
            }
            add(all, found);
        }
        for _ in &self.lists {
            let all = replies.next_as::<u64>()?;
            let mut found = Vec::new();
            for _ in 0..2 {
                let end = replies.next_as::<Vec<Vec<u8>>>()?;
                found.extend(end.into_iter().map(|id| (id, None)));
            }
            add(all, found);
        }
        Ok((entries, unseen))
    }
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
