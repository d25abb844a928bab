//! What is asked of a Bull queue at each poll: 6 commands, up to 10 when it is busy or paused.

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
#[derive(Clone, Copy, PartialEq, Eq)]
struct Closer {
    /// How many jobs are in the list of a paused queue.
    paused_list: bool,
    /// The right end of this list of waiting jobs.
    right: Option<&'static str>,
    /// Its left end, too.
    left: bool,
    active: bool,
    /// Whether the queue exists: asked when nothing else says so, or to count the jobs added.
    id: bool,
}

/// What is worth asking of a queue that looked like this.
fn closer(seen: &Seen) -> Closer {
    let (list, jobs) = match seen.paused {
        true => (keys::PAUSED, seen.raw(keys::PAUSED)),
        false => (keys::WAIT, seen.raw(keys::WAIT)),
    };
    Closer {
        paused_list: seen.paused,
        right: (jobs > 0).then_some(list),
        left: jobs > 1 && seen.asks_left(),
        active: seen.raw(keys::ACTIVE) > 0,
        id: seen.count_by_polling,
    }
}

/// What the first round did not ask although it turned out to be worth it.
fn missed(before: &Seen, seen: &Seen) -> Closer {
    let (asked, wanted) = (closer(before), closer(seen));
    let other_list = wanted.right != asked.right;
    Closer {
        paused_list: wanted.paused_list && !asked.paused_list,
        right: wanted.right.filter(|_| other_list),
        left: wanted.left && other_list,
        active: wanted.active && !asked.active,
        id: !seen.present && !asked.id,
    }
}

fn ask_closer(base: &[u8], closer: Closer, plan: &mut Plan) {
    if closer.paused_list {
        plan.ask("LLEN", &key(base, keys::PAUSED));
    }
    if let Some(list) = closer.right {
        // The right end is the oldest of a plain queue, the left one of a queue that is filled from the right
        // (`lifo`) and the least urgent of prioritized jobs.
        plan.ask("LRANGE", &key(base, list)).arg(-1).arg(-1);
        if closer.left {
            plan.ask("LRANGE", &key(base, list)).arg(0).arg(0);
        }
    }
    if closer.active {
        plan.ask("LRANGE", &key(base, keys::ACTIVE)).arg(-(LISTED_JOBS as i64)).arg(-1);
    }
    if closer.id {
        plan.ask("GET", &key(base, keys::ID));
    }
}

fn read_closer(closer: Closer, seen: &mut Seen, replies: &mut Replies) {
    if closer.paused_list {
        let paused = read_count(seen, keys::PAUSED, replies);
        seen.counts.waiting = sum(&[seen.counts.waiting, paused]);
    }
    if closer.right.is_some() {
        seen.heads = read_ids(replies);
        if closer.left {
            seen.left = read_ids(replies).pop();
            seen.heads.extend(seen.left.clone());
            seen.heads.dedup();
        }
    }
    if closer.active {
        seen.active = read_ids(replies);
        seen.active.reverse();
    }
    if closer.id {
        let id = replies.next_value();
        seen.present |= !matches!(id, Ok(Value::Nil));
        let text =
            id.as_ref().ok().and_then(bytes_of).and_then(|text| std::str::from_utf8(text).ok());
        seen.added = text.and_then(|text| text.parse().ok());
    }
}

impl Dialect for Bull {
    const BROKER: Broker = Broker::Bull;
    const OWNER: Owner = Owner::Bull;
    const JOB_FIELDS: &'static [&'static str] = keys::JOB_FIELDS;
    const SERVER_TIMES: bool = false;

    fn ask(base: &[u8], before: &Seen, plan: &mut Plan) {
        for list in [keys::WAIT, keys::ACTIVE] {
            plan.ask("LLEN", &key(base, list));
        }
        for set in [keys::DELAYED, keys::COMPLETED, keys::FAILED] {
            plan.ask("ZCARD", &key(base, set));
        }
        plan.ask("GET", &key(base, keys::META_PAUSED));
        ask_closer(base, closer(before), plan);
    }

    fn read(before: &Seen, replies: &mut Replies) -> Seen {
        let mut seen = Seen::after(before);
        let wait = read_count(&mut seen, keys::WAIT, replies);
        let active = read_count(&mut seen, keys::ACTIVE, replies);
        let delayed = read_count(&mut seen, keys::DELAYED, replies);
        let completed = read_count(&mut seen, keys::COMPLETED, replies);
        let failed = read_count(&mut seen, keys::FAILED, replies);
        let pause = replies.next_value();
        seen.present |= !matches!(&pause, Ok(Value::Nil));
        seen.paused = matches!(&pause, Ok(value) if bytes_of(value).is_some());
        seen.counts = Counts {
            waiting: wait,
            active,
            scheduled: delayed,
            retry: None,
            completed,
            failed,
            blocked: None,
        };
        read_closer(closer(before), &mut seen, replies);
        seen
    }

    fn ask_more(base: &[u8], before: &Seen, seen: &Seen, plan: &mut Plan) {
        ask_closer(base, missed(before, seen), plan);
    }

    fn read_more(before: &Seen, seen: &mut Seen, replies: &mut Replies) {
        let missed = missed(before, seen);
        read_closer(missed, seen, replies);
    }

    fn read_events(shared: Arc<Shared>, context: ReaderContext) -> Reader {
        super::reader::follow(shared, context)
    }
}
