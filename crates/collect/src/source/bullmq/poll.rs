//! What is asked of a BullMQ queue at each poll: 2 commands when nothing happens in it, up to 12 when something does.

use std::sync::Arc;

use redis::Value;
use vigie_model::{Broker, Counts};

use super::keys;
use crate::source::bull_family::base::key;
use crate::source::bull_family::dialect::{
    Dialect, LISTED_JOBS, Reader, Seen, read_count, read_ids, sum,
};
use crate::source::bull_family::job_hash::bytes_of;
use crate::source::bull_family::ownership::Owner;
use crate::source::bull_family::shared::Shared;
use crate::source::{Plan, ReaderContext, Replies};

/// BullMQ.
pub(crate) struct BullMq;

/// What changes only with an event, or when somebody cleans up: an idle queue is asked now and then.
const KEPT: [&str; 3] = [keys::WAITING_CHILDREN, keys::COMPLETED, keys::FAILED];

/// A class of priority spans so many scores.
const CLASS: f64 = 4_294_967_296.0;

/// Which of the costlier questions a round asks.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Closer {
    paused_list: bool,
    right: bool,
    left: bool,
    prioritized: bool,
    active: bool,
}

/// What is worth asking of a queue that looked like this.
fn closer(seen: &Seen) -> Closer {
    Closer {
        paused_list: seen.paused,
        right: seen.raw(keys::WAIT) > 0,
        left: seen.raw(keys::WAIT) > 1 && seen.asks_left(),
        prioritized: seen.raw(keys::PRIORITIZED) > 0,
        active: seen.raw(keys::ACTIVE) > 0,
    }
}

/// What the first round did not ask although it turned out to be worth it.
fn missed(before: &Seen, seen: &Seen) -> Closer {
    let (asked, wanted) = (closer(before), closer(seen));
    Closer {
        paused_list: wanted.paused_list && !asked.paused_list,
        right: wanted.right && !asked.right,
        left: wanted.left && !asked.right,
        prioritized: wanted.prioritized && !asked.prioritized,
        active: wanted.active && !asked.active,
    }
}

/// Whether a queue that seemed quiet has moved after all: its event is on its way.
fn stirred(before: &Seen, seen: &Seen) -> bool {
    let moves = [keys::WAIT, keys::ACTIVE, keys::PRIORITIZED, keys::DELAYED];
    before.quiet && moves.into_iter().any(|state| before.raw(state) != seen.raw(state))
}

/// Whether a state that had no job is not asked for: without an event it has none now.
fn rests(before: &Seen, state: &'static str) -> bool {
    before.quiet && before.raw.contains(&(state, 0))
}

fn read_or_carry(
    seen: &mut Seen,
    before: &Seen,
    state: &'static str,
    replies: &mut Replies,
) -> Option<u64> {
    match rests(before, state) {
        true => seen.carry(state, before),
        false => read_count(seen, state, replies),
    }
}

fn ask_kept(base: &[u8], plan: &mut Plan) {
    for set in KEPT {
        plan.ask("ZCARD", &key(base, set));
    }
}

fn read_kept(seen: &mut Seen, replies: &mut Replies) {
    let [waiting_children, completed, failed] = KEPT.map(|set| read_count(seen, set, replies));
    seen.counts.blocked = waiting_children;
    seen.counts.completed = completed;
    seen.counts.failed = failed;
}

fn carry_kept(seen: &mut Seen, before: &Seen) {
    let [waiting_children, completed, failed] = KEPT.map(|set| seen.carry(set, before));
    seen.counts.blocked = waiting_children;
    seen.counts.completed = completed;
    seen.counts.failed = failed;
}

fn ask_closer(base: &[u8], closer: Closer, plan: &mut Plan) {
    if closer.paused_list {
        plan.ask("LLEN", &key(base, keys::PAUSED));
        plan.ask("LRANGE", &key(base, keys::PAUSED)).arg(-1).arg(-1);
    }
    // The right end is the oldest of a plain queue, the left one of a queue that is filled from the right.
    if closer.right {
        plan.ask("LRANGE", &key(base, keys::WAIT)).arg(-1).arg(-1);
    }
    if closer.left {
        plan.ask("LRANGE", &key(base, keys::WAIT)).arg(0).arg(0);
    }
    if closer.prioritized {
        plan.ask("ZRANGE", &key(base, keys::PRIORITIZED)).arg(0).arg(0);
        plan.ask("ZRANGE", &key(base, keys::PRIORITIZED)).arg(-1).arg(-1).arg("WITHSCORES");
    }
    if closer.active {
        plan.ask("LRANGE", &key(base, keys::ACTIVE)).arg(-(LISTED_JOBS as i64)).arg(-1);
    }
}

fn read_closer(closer: Closer, seen: &mut Seen, replies: &mut Replies) {
    if closer.paused_list {
        let paused = read_count(seen, keys::PAUSED, replies);
        seen.counts.waiting = sum(&[seen.counts.waiting, paused]);
        seen.heads.extend(read_ids(replies));
    }
    if closer.right {
        seen.heads.extend(read_ids(replies));
    }
    if closer.left {
        seen.left = read_ids(replies).pop();
        seen.heads.extend(seen.left.clone());
    }
    if closer.prioritized {
        seen.heads.extend(read_ids(replies));
        let last: Vec<(Vec<u8>, f64)> = replies.next_as().unwrap_or_default();
        seen.last_class = last.first().map(|(_, score)| (score / CLASS).floor() * CLASS);
    }
    if closer.active {
        seen.active = read_ids(replies);
        seen.active.reverse();
    }
    // Before 5, an empty list held a marker that is no job.
    seen.heads.retain(|id| !id.starts_with(b"0:"));
    seen.heads.sort_unstable();
    seen.heads.dedup();
}

impl Dialect for BullMq {
    const BROKER: Broker = Broker::BullMq;
    const OWNER: Owner = Owner::BullMq;
    const JOB_FIELDS: &'static [&'static str] = keys::JOB_FIELDS;
    const SERVER_TIMES: bool = true;

    fn ask(base: &[u8], before: &Seen, plan: &mut Plan) {
        plan.ask("LLEN", &key(base, keys::WAIT));
        for (state, count) in
            [(keys::ACTIVE, "LLEN"), (keys::PRIORITIZED, "ZCARD"), (keys::DELAYED, "ZCARD")]
        {
            if !rests(before, state) {
                plan.ask(count, &key(base, state));
            }
        }
        if !before.quiet {
            ask_kept(base, plan);
        }
        plan.ask("HMGET", &key(base, keys::META)).arg("paused").arg("opts.maxLenEvents");
        if before.count_by_polling {
            plan.ask("GET", &key(base, keys::ID));
        }
        ask_closer(base, closer(before), plan);
    }

    fn read(before: &Seen, replies: &mut Replies) -> Seen {
        let mut seen = Seen::after(before);
        let wait = read_count(&mut seen, keys::WAIT, replies);
        let active = read_or_carry(&mut seen, before, keys::ACTIVE, replies);
        let prioritized = read_or_carry(&mut seen, before, keys::PRIORITIZED, replies);
        let delayed = read_or_carry(&mut seen, before, keys::DELAYED, replies);
        let stands = seen.present;
        match before.quiet {
            true => carry_kept(&mut seen, before),
            false => read_kept(&mut seen, replies),
        }
        let meta = replies.next_value();
        let has_meta = match &meta {
            Ok(Value::Array(fields)) => fields.iter().any(|field| bytes_of(field).is_some()),
            _ => true,
        };
        seen.stands = stands || has_meta;
        seen.present |= has_meta;
        seen.paused = matches!(&meta, Ok(Value::Array(fields)) if fields.first().and_then(bytes_of).is_some());
        if before.count_by_polling {
            seen.added = replies.next_as().ok();
        }
        seen.counts = Counts {
            waiting: sum(&[wait, prioritized]),
            active,
            scheduled: delayed,
            retry: None,
            ..seen.counts
        };
        if prioritized.unwrap_or(0) > 0 {
            seen.heads.extend(before.late_head.iter().cloned());
        }
        read_closer(closer(before), &mut seen, replies);
        seen
    }

    fn ask_more(base: &[u8], before: &Seen, seen: &Seen, plan: &mut Plan) {
        if stirred(before, seen) {
            ask_kept(base, plan);
        }
        ask_closer(base, missed(before, seen), plan);
        if let Some(score) = seen.last_class {
            let prioritized = plan.ask("ZRANGEBYSCORE", &key(base, keys::PRIORITIZED));
            prioritized.arg(score).arg("+inf").arg("LIMIT").arg(0).arg(1);
        }
    }

    fn read_more(before: &Seen, seen: &mut Seen, replies: &mut Replies) {
        let class_asked = seen.last_class.is_some();
        let missed = missed(before, seen);
        if stirred(before, seen) {
            seen.raw.retain(|(state, _)| !KEPT.contains(state));
            seen.wrong.retain(|(state, _)| !KEPT.contains(state));
            read_kept(seen, replies);
        }
        read_closer(missed, seen, replies);
        if class_asked {
            seen.late_head = read_ids(replies);
        }
    }

    fn read_events(shared: Arc<Shared>, context: ReaderContext) -> Reader {
        super::reader::follow(shared, context)
    }
}
