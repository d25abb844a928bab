//! One queue: what is asked about it, and what is made of the answers.

use std::collections::BTreeMap;

use redis::Value;
use vigie_model::{ActiveJob, Counts, Quality, QueueId, QueueReading, Time};

use super::account::{Account, Ended};
use super::decode;
use super::flow::{Flow, Level, Totals};
use super::keys::QueueKeys;
use super::watch::Watch;
use crate::source::{Plan, PollContext, Replies, ReplyError};

/// Tasks at the head of a queue that are looked at.
const HEAD: isize = 8;
/// Groups whose tasks are counted; a queue with more has no count of blocked tasks.
const MOST_GROUPS: usize = 1_000;
/// Groups that are counted again at each poll.
const GROUPS_A_POLL: usize = 50;
/// New tasks of one queue that are looked up at each poll.
const LOOKUPS_A_POLL: usize = 2;

/// A queue and what is remembered of it.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) keys: QueueKeys,
    pub(super) id: QueueId,
    since: Time,
    /// `None` until the first level of a queue that was not there before.
    flow: Option<Flow>,
    asked: Asked,
    /// Sizes of its groups, when last counted.
    groups: BTreeMap<Vec<u8>, u64>,
    /// The last group that was counted.
    last_group: Option<Vec<u8>>,
    found: Found,
    /// The oldest waiting task and when it became eligible, on the server's clock.
    oldest: Option<(Vec<u8>, Time)>,
    /// Tasks at the head that do not say since when they wait: a worker that shut down put them back.
    silent: Vec<Vec<u8>>,
    /// Mean length of the messages seen.
    message_bytes: u64,
    /// What could not be read of what is kept.
    wrong: Option<String>,
    /// What ended in it.
    pub(super) account: Account,
}

/// What went through a queue between two polls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Moved {
    /// Tasks added.
    pub(super) added: u64,
    /// Attempts that ended.
    pub(super) ended: Ended,
    /// Some were taken away by hand, so that `added` may be less than was added.
    pub(super) taken_away: bool,
}

/// What was asked beyond what is always asked.
#[derive(Debug, Default)]
struct Asked {
    head: bool,
    groups: bool,
    group_names: bool,
    group_sizes: Vec<Vec<u8>>,
    /// The sizes of `retry`, `archived` and `completed`.
    kept: bool,
    /// The same, in the second round trip.
    kept_late: bool,
}

/// What the last poll found.
#[derive(Debug, Default)]
struct Found {
    counts: Counts,
    group_count: Option<u64>,
    paused: bool,
    totals: Option<Totals>,
    /// Something is not as the poll before left it.
    changed: bool,
    /// Ids of the tasks that are next, the oldest first.
    head: Vec<Vec<u8>>,
}

/// A task to look up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lookup {
    pub(super) id: Vec<u8>,
    /// Whether its message, which holds its type and its payload, is read too.
    pub(super) message: bool,
}

impl Queue {
    /// `appeared`: when it was not there at the poll before, the time of that: nothing of it was missed.
    pub(super) fn new(id: QueueId, name: &[u8], now: Time, appeared: Option<Time>) -> Self {
        Self {
            keys: QueueKeys::new(name),
            id,
            since: now,
            flow: appeared.is_none().then(Flow::default),
            asked: Asked::default(),
            groups: BTreeMap::new(),
            last_group: None,
            found: Found { changed: true, ..Found::default() },
            oldest: None,
            silent: Vec::new(),
            message_bytes: 1_024,
            wrong: None,
            account: Account::new(appeared.unwrap_or(now)),
        }
    }

    /// Whether this poll saw the task among those that are next.
    pub(super) fn is_at_head(&self, id: &[u8]) -> bool {
        self.found.head.iter().any(|one| one == id)
    }

    /// Adds the commands of the first round trip. A queue where nothing waits is not asked for its head; one without
    /// groups, and what is kept by one where nothing moves, only when told to.
    pub(super) fn ask(&mut self, plan: &mut Plan, groups: bool, kept: bool) {
        let keys = self.keys.clone();
        plan.ask("LLEN", &keys.pending());
        plan.ask("LLEN", &keys.active());
        plan.ask("ZCARD", &keys.scheduled());
        // All that is counted stands side by side: the server seldom serves anybody else in between.
        plan.ask("MGET", &keys.paused()).arg(keys.processed()).arg(keys.failed());
        self.asked = Asked {
            head: self.found.counts.waiting != Some(0),
            groups: groups || self.found.group_count != Some(0),
            kept: kept || self.found.changed,
            ..Asked::default()
        };
        if self.asked.kept {
            self.ask_sets(plan);
        }
        if self.asked.groups {
            plan.ask("SCARD", &keys.groups());
        }
        if self.asked.head {
            plan.ask("LRANGE", &keys.pending()).arg(-HEAD).arg(-1);
        }
        if self.found.group_count.is_some_and(|count| (1..=MOST_GROUPS as u64).contains(&count)) {
            self.asked.group_names = true;
            plan.ask("SMEMBERS", &keys.groups());
            self.asked.group_sizes = self.next_groups();
            for name in &self.asked.group_sizes {
                plan.ask("ZCARD", &keys.group(name));
            }
        }
    }

    fn next_groups(&mut self) -> Vec<Vec<u8>> {
        use std::ops::Bound::{Excluded, Unbounded};
        let after = self.last_group.take().map_or(Unbounded, Excluded);
        let mut next: Vec<Vec<u8>> = self
            .groups
            .range((after, Unbounded))
            .map(|(name, _)| name.clone())
            .take(GROUPS_A_POLL)
            .collect();
        if next.len() == GROUPS_A_POLL {
            self.last_group = next.last().cloned();
        } else {
            let more = GROUPS_A_POLL.min(self.groups.len()) - next.len();
            next.extend(self.groups.keys().take(more).cloned());
        }
        next
    }

    /// Reads the answers to [`Self::ask`]. Returns what could not be read, for people.
    pub(super) fn read(&mut self, replies: &mut Replies) -> Option<String> {
        let mut wrong = None;
        let mut count = |part: &'static str| match replies.next_as::<u64>() {
            Ok(count) => Some(count),
            Err(error) => {
                wrong.get_or_insert((part, error));
                None
            }
        };
        let before = self.found.counts;
        let mut counts = Counts {
            waiting: count("pending"),
            active: count("active"),
            scheduled: count("scheduled"),
            blocked: None,
            ..before
        };
        let marks: Result<Vec<Value>, ReplyError> = replies.next_as();
        if self.asked.kept {
            self.read_sets(replies);
            let kept = self.found.counts;
            counts = Counts {
                retry: kept.retry,
                failed: kept.failed,
                completed: kept.completed,
                ..counts
            };
        }
        let group_count = if self.asked.groups { replies.next_as::<u64>() } else { Ok(0) };
        if let Err(error) = &group_count {
            wrong.get_or_insert(("groups", error.clone()));
        }
        let mut head: Vec<Vec<u8>> =
            if self.asked.head { replies.next_as().unwrap_or_default() } else { Vec::new() };
        head.reverse();
        self.read_groups(replies);
        let group_count = group_count.ok();
        if group_count == Some(0) {
            self.groups.clear();
        }
        counts.blocked = group_count.and_then(|count| {
            let known = count as usize <= self.groups.len()
                && self.groups.values().all(|size| *size != u64::MAX);
            known.then(|| self.groups.values().sum())
        });
        let totals = marks.as_ref().ok().and_then(|marks| totals(marks));
        let moved = |counts: Counts| (counts.waiting, counts.active, counts.scheduled);
        self.found = Found {
            changed: totals != self.found.totals || moved(counts) != moved(before),
            totals,
            paused: marks.is_ok_and(|marks| marks.first().is_some_and(|mark| *mark != Value::Nil)),
            group_count,
            counts,
            head,
        };
        wrong.map(|(part, error)| format!("asynq queue {}: {part}: {error}", self.id.name))
    }

    /// Adds the commands of the second round trip: what the queue keeps, when something has begun to move in it.
    pub(super) fn ask_kept(&mut self, plan: &mut Plan) {
        self.asked.kept_late = !self.asked.kept && self.found.changed;
        if self.asked.kept_late {
            self.ask_sets(plan);
        }
    }

    /// Reads the answers to [`Self::ask_kept`]. Returns what could not be read, for people.
    pub(super) fn read_kept(&mut self, replies: &mut Replies) -> Option<String> {
        if self.asked.kept_late {
            self.read_sets(replies);
        }
        self.wrong.clone()
    }

    fn ask_sets(&self, plan: &mut Plan) {
        for key in [self.keys.retry(), self.keys.archived(), self.keys.completed()] {
            plan.ask("ZCARD", &key);
        }
    }

    fn read_sets(&mut self, replies: &mut Replies) {
        self.wrong = None;
        let mut count = |part: &str| match replies.next_as::<u64>() {
            Ok(count) => Some(count),
            Err(error) => {
                self.wrong.get_or_insert(format!("asynq queue {}: {part}: {error}", self.id.name));
                None
            }
        };
        self.found.counts.retry = count("retry");
        self.found.counts.failed = count("archived");
        self.found.counts.completed = count("completed");
    }

    fn read_groups(&mut self, replies: &mut Replies) {
        if !self.asked.group_names {
            return;
        }
        let names: Option<Vec<Vec<u8>>> = replies.next_as().ok();
        for name in std::mem::take(&mut self.asked.group_sizes) {
            match replies.next_as::<u64>() {
                Ok(size) => self.groups.insert(name, size),
                Err(_) => self.groups.remove(&name),
            };
        }
        let Some(names) = names else { return };
        let mut sizes = std::mem::take(&mut self.groups);
        for name in names.into_iter().take(MOST_GROUPS) {
            // Not counted yet: the next poll will.
            let size = sizes.remove(&name).unwrap_or(u64::MAX);
            self.groups.insert(name, size);
        }
    }

    /// The tasks at the head that are worth a lookup: the oldest for its age, some for their type. At most
    /// `budget` bytes of messages are to be read.
    pub(super) fn lookups(&mut self, watch: &Watch, budget: &mut u64) -> Vec<Lookup> {
        self.silent.retain(|id| self.found.head.contains(id));
        let oldest = self.found.head.iter().find(|id| !self.silent.contains(id)).cloned();
        if self.oldest.as_ref().map(|(id, _)| id) != oldest.as_ref() {
            self.oldest = None;
        }
        let mut lookups: Vec<Lookup> = Vec::new();
        let mut room = watch.room(self.keys.queue()).min(LOOKUPS_A_POLL);
        let fresh = self
            .found
            .head
            .iter()
            .filter(|id| !self.silent.contains(id) && !watch.contains(self.keys.queue(), id));
        // Who is told of every task need not sample some.
        let samples = !self.account.is_told();
        for id in fresh.take(LOOKUPS_A_POLL).filter(|_| samples) {
            if room > 0 && *budget >= self.message_bytes {
                *budget -= self.message_bytes;
                room -= 1;
                lookups.push(Lookup { id: id.clone(), message: true });
            }
        }
        if let Some(id) = oldest
            && self.oldest.is_none()
            && lookups.iter().all(|lookup| lookup.id != id)
        {
            lookups.push(Lookup { id, message: false });
        }
        lookups
    }

    /// Adds the command of a lookup.
    pub(super) fn ask_task(&self, lookup: &Lookup, plan: &mut Plan) {
        let command = plan.ask("HMGET", &self.keys.task(&lookup.id));
        command.arg("state").arg("pending_since");
        if lookup.message {
            command.arg("msg");
        }
    }

    /// Reads the answer to a lookup. Returns what could not be read, for people.
    pub(super) fn read_task(
        &mut self,
        lookup: &Lookup,
        replies: &mut Replies,
        watch: &mut Watch,
        context: &PollContext,
    ) -> Option<String> {
        let fields: Vec<Option<Vec<u8>>> = replies.next_as().ok()?;
        let mut fields = fields.into_iter();
        let (state, since, message) = (fields.next()??, fields.next()?, fields.next().flatten());
        if state != b"pending" {
            return None;
        }
        let mut wrong = None;
        let since = since.and_then(|text| match decode::nanoseconds(&text) {
            Ok(since) => Some(since),
            Err(error) => {
                wrong = Some(error);
                None
            }
        });
        match since {
            Some(since) if self.oldest.is_none() && self.is_oldest(&lookup.id) => {
                self.oldest = Some((lookup.id.clone(), since));
            }
            Some(_) => {}
            None => self.silent.push(lookup.id.clone()),
        }
        if let Some(message) = message {
            self.message_bytes = (self.message_bytes * 7 + message.len() as u64) / 8;
            match decode::task_type(&message) {
                Ok(kind) => {
                    let since = since.map(|since| context.local(since));
                    watch.waiting(self.keys.queue(), &lookup.id, Some(kind), since, context.now);
                }
                Err(error) => wrong = Some(error),
            }
        }
        wrong.map(|error| {
            format!(
                "asynq queue {}: task {}: {error}",
                self.id.name,
                vigie_model::Name::from_bytes(&lookup.id)
            )
        })
    }

    fn is_oldest(&self, id: &[u8]) -> bool {
        self.found
            .head
            .iter()
            .find(|one| !self.silent.contains(one))
            .is_some_and(|first| first == id)
    }

    /// What went through the queue since the poll before.
    pub(super) fn count(&mut self) -> Moved {
        let Some(totals) = self.found.totals else { return Moved::default() };
        let level = level(totals, &self.found.counts);
        let first = || level.as_ref().map_or_else(Flow::default, Flow::of_new_queue);
        let flow = self.flow.get_or_insert_with(first);
        let (succeeded, failed) = flow.ended(totals).unwrap_or_default();
        // Sizes of different moments do not add up: the next poll reads all of them at once.
        let level = level.filter(|_| self.asked.kept);
        let added = level.and_then(|level| flow.added(level)).unwrap_or(0);
        let taken_away = flow.taken_away();
        Moved { added, ended: Ended { succeeded, failed }, taken_away }
    }

    /// The reading of this poll.
    pub(super) fn reading(
        &self,
        active_jobs: Vec<ActiveJob>,
        context: &PollContext,
    ) -> QueueReading {
        let counts = self.found.counts;
        let raw = [
            ("pending", counts.waiting),
            ("active", counts.active),
            ("scheduled", counts.scheduled),
            ("retry", counts.retry),
            ("archived", counts.failed),
            ("completed", counts.completed),
            ("aggregating", counts.blocked),
        ];
        let waits = counts.waiting != Some(0);
        QueueReading {
            queue: self.id.clone(),
            at: context.now,
            since: self.since,
            counts,
            raw: raw.into_iter().filter_map(|(word, count)| Some((word, count?))).collect(),
            paused: self.found.paused,
            oldest: self.oldest.as_ref().filter(|_| waits).map(|(_, since)| context.local(*since)),
            active_jobs,
            quality: if self.account.is_exact() { Quality::Exact } else { Quality::Sampled },
        }
    }
}

/// asynq's counters, if they can be read.
fn totals(marks: &[Value]) -> Option<Totals> {
    let total = |index: usize| match marks.get(index) {
        Some(Value::Nil) => Some(0),
        Some(Value::BulkString(text)) => decode::count(text).ok(),
        _ => None,
    };
    Some(Totals { processed: total(1)?, failed: total(2)? })
}

/// Counters and sizes, if all of them could be read.
fn level(totals: Totals, counts: &Counts) -> Option<Level> {
    let moving = [counts.waiting?, counts.active?, counts.scheduled?, counts.retry?];
    let live = moving.into_iter().fold(0, u64::saturating_add);
    Some(Level { totals, live, blocked: counts.blocked, archived: counts.failed? })
}
