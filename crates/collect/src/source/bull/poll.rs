//! What is asked of a Bull queue at each poll: 8 commands when it is idle, 11 when it is not.

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

/// Bull v4.
pub(crate) struct Bull;

/// Which of the costlier questions a round asks.
#[derive(PartialEq, Eq)]
struct Closer {
    /// The ends of this list of waiting jobs.
    ends: Option<&'static str>,
    active: bool,
}

/// What is worth asking of a queue that looked like this.
fn closer(seen: &Seen) -> Closer {
    let list = if seen.paused { keys::PAUSED } else { keys::WAIT };
    Closer {
        ends: (seen.counts.waiting.unwrap_or(0) > 0).then_some(list),
        active: seen.counts.active.unwrap_or(0) > 0,
    }
}

/// What the first round did not ask although it turned out to be worth it.
fn missed(before: &Seen, seen: &Seen) -> Closer {
    let (asked, wanted) = (closer(before), closer(seen));
    Closer {
        ends: if asked.ends == wanted.ends { None } else { wanted.ends },
        active: wanted.active && !asked.active,
    }
}

fn ask_closer(base: &[u8], closer: &Closer, plan: &mut Plan) {
    if let Some(list) = closer.ends {
        // The right end is the oldest of a plain queue, the left one of a queue that is filled from the right
        // (`lifo`) and the least urgent of prioritized jobs.
        plan.ask("LRANGE", &key(base, list)).arg(-1).arg(-1);
        plan.ask("LRANGE", &key(base, list)).arg(0).arg(0);
    }
    if closer.active {
        plan.ask("LRANGE", &key(base, keys::ACTIVE)).arg(-(LISTED_JOBS as i64)).arg(-1);
    }
}

fn read_closer(closer: &Closer, seen: &mut Seen, replies: &mut Replies) {
    if closer.ends.is_some() {
        seen.heads = read_ids(replies);
        seen.heads.extend(read_ids(replies));
        seen.heads.dedup();
    }
    if closer.active {
        seen.active = read_ids(replies);
        seen.active.reverse();
    }
}

impl Dialect for Bull {
    const BROKER: Broker = Broker::Bull;
    const OWNER: Owner = Owner::Bull;
    const JOB_FIELDS: &'static [&'static str] = keys::JOB_FIELDS;
    const SERVER_TIMES: bool = false;

    fn ask(base: &[u8], before: &Seen, plan: &mut Plan) {
        for list in [keys::WAIT, keys::PAUSED, keys::ACTIVE] {
            plan.ask("LLEN", &key(base, list));
        }
        for set in [keys::DELAYED, keys::COMPLETED, keys::FAILED] {
            plan.ask("ZCARD", &key(base, set));
        }
        for string in [keys::META_PAUSED, keys::ID] {
            plan.ask("GET", &key(base, string));
        }
        ask_closer(base, &closer(before), plan);
    }

    fn read(before: &Seen, replies: &mut Replies) -> Seen {
        let mut seen = Seen::default();
        let wait = read_count(&mut seen, keys::WAIT, replies);
        let paused = read_count(&mut seen, keys::PAUSED, replies);
        let active = read_count(&mut seen, keys::ACTIVE, replies);
        let delayed = read_count(&mut seen, keys::DELAYED, replies);
        let completed = read_count(&mut seen, keys::COMPLETED, replies);
        let failed = read_count(&mut seen, keys::FAILED, replies);
        let pause = replies.next_value();
        let id = replies.next_value();
        for answer in [&pause, &id] {
            seen.present |= !matches!(answer, Ok(Value::Nil));
        }
        seen.paused = matches!(&pause, Ok(value) if bytes_of(value).is_some());
        let added = id
            .ok()
            .as_ref()
            .and_then(bytes_of)
            .and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
        // The count says nothing that events do not say better.
        seen.added = added.filter(|_| before.count_by_polling);
        seen.counts = Counts {
            waiting: sum(&[wait, paused]),
            active,
            scheduled: delayed,
            retry: None,
            completed,
            failed,
            blocked: None,
        };
        read_closer(&closer(before), &mut seen, replies);
        seen
    }

    fn ask_more(base: &[u8], before: &Seen, seen: &Seen, plan: &mut Plan) {
        ask_closer(base, &missed(before, seen), plan);
    }

    fn read_more(before: &Seen, seen: &mut Seen, replies: &mut Replies) {
        let missed = missed(before, seen);
        read_closer(&missed, seen, replies);
    }

    fn read_events(shared: Arc<Shared>, context: ReaderContext) -> Reader {
        super::reader::follow(shared, context)
    }
}
