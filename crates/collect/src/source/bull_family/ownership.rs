//! Whose queue is it? Bull and BullMQ use the same prefix and many of the same keys.

use redis::Value;

use super::base::key;
use super::job_hash::{bytes_of, texts_of};
use crate::source::{Plan, Replies};

/// Which of the two libraries made a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    Bull,
    BullMq,
}

/// What is known of keys that may belong to a queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// `<base>:events` is a stream: only BullMQ has that, from its first job on.
    pub event_stream: bool,
    /// `<base>:meta` has fields that only BullMQ writes, as soon as anything of it opens the queue.
    pub bullmq_meta: bool,
    /// `<base>:id` is a whole number: both count their jobs there. Other applications have such keys too.
    pub counter: bool,
    /// A key with the type that it has in both: `wait`, `active`, `completed`, `failed`, `delayed`, or the string
    /// `stalled-check` that a worker keeps.
    pub queue_keys: bool,
    /// `<base>:meta-paused`, which only Bull has.
    pub bull_pause: bool,
}

/// Keys of both libraries whose type says that this is a queue.
const TYPED: [(&str, &str); 6] = [
    ("wait", "list"),
    ("active", "list"),
    ("delayed", "zset"),
    ("completed", "zset"),
    ("failed", "zset"),
    ("stalled-check", "string"),
];

impl Evidence {
    /// Asks for everything that decides about one base: 10 commands, once.
    pub fn ask(base: &[u8], plan: &mut Plan) {
        plan.ask("TYPE", &key(base, "events"));
        plan.ask("HMGET", &key(base, "meta")).arg("opts.maxLenEvents").arg("version");
        plan.ask("GET", &key(base, "id"));
        plan.ask("TYPE", &key(base, "meta-paused"));
        for (suffix, _) in TYPED {
            plan.ask("TYPE", &key(base, suffix));
        }
    }

    /// Reads the answers to [`Self::ask`].
    pub fn read(replies: &mut Replies) -> Self {
        let type_is = |replies: &mut Replies, wanted: &str| {
            replies.next_as::<String>().is_ok_and(|found| found == wanted)
        };
        let event_stream = type_is(replies, "stream");
        let meta = replies.next_value().unwrap_or(Value::Nil);
        let bullmq_meta = !texts_of(&meta).is_empty();
        let counter = replies.next_value().ok().as_ref().and_then(bytes_of).is_some_and(is_number);
        let bull_pause = type_is(replies, "string");
        let mut queue_keys = false;
        for (_, wanted) in TYPED {
            queue_keys |= type_is(replies, wanted);
        }
        Self { event_stream, bullmq_meta, counter, queue_keys, bull_pause }
    }

    /// Who owns the queue, if it is one. `trusted`: the prefix is one that the libraries use by default or that
    /// the configuration names, or a client of that name waits for jobs: then less has to be there (n8n's idle
    /// queue is the one key `bull:jobs:id`).
    pub fn owner(self, trusted: bool) -> Option<Owner> {
        if self.event_stream || self.bullmq_meta {
            return Some(Owner::BullMq);
        }
        let enough = if trusted {
            self.counter || self.queue_keys || self.bull_pause
        } else {
            (self.counter || self.bull_pause) && self.queue_keys
        };
        enough.then_some(Owner::Bull)
    }
}

fn is_number(text: &[u8]) -> bool {
    !text.is_empty() && text.len() < 20 && text.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_owns_what() {
        let none = Evidence::default();
        let counter = Evidence { counter: true, ..none };
        for (evidence, trusted, owner) in [
            (none, true, None),
            // n8n, idle.
            (counter, true, Some(Owner::Bull)),
            // Somebody's `user:7:id`.
            (counter, false, None),
            (Evidence { queue_keys: true, ..counter }, false, Some(Owner::Bull)),
            // A list called `x:wait` alone is nothing.
            (Evidence { queue_keys: true, ..none }, false, None),
            // A worker of Bull that has never had a job.
            (Evidence { queue_keys: true, ..none }, true, Some(Owner::Bull)),
            (Evidence { bull_pause: true, ..none }, true, Some(Owner::Bull)),
            // BullMQ: opened but without a job yet; and in use.
            (Evidence { bullmq_meta: true, ..none }, false, Some(Owner::BullMq)),
            (
                Evidence { event_stream: true, queue_keys: true, ..counter },
                true,
                Some(Owner::BullMq),
            ),
            // Moved from Bull to BullMQ under the same name.
            (
                Evidence { event_stream: true, bull_pause: true, ..counter },
                true,
                Some(Owner::BullMq),
            ),
        ] {
            assert_eq!(evidence.owner(trusted), owner, "{evidence:?} {trusted}");
        }
    }

    #[test]
    fn answers_are_read_in_the_order_asked() {
        let mut plan = Plan::default();
        Evidence::ask(b"bull:jobs", &mut plan);
        assert_eq!(plan.len(), 10);
        let text = |text: &str| Ok(Value::SimpleString(text.to_owned()));
        let mut answers = vec![
            text("none"),
            Ok(Value::Array(vec![Value::Nil, Value::Nil])),
            Ok(Value::BulkString(b"42".to_vec())),
            text("none"),
        ];
        answers.extend((0..5).map(|_| text("none")));
        answers.push(text("string"));
        let evidence = Evidence::read(&mut Replies::new(answers));
        assert_eq!(evidence, Evidence { counter: true, queue_keys: true, ..Evidence::default() });
        assert_eq!(Evidence::read(&mut Replies::new(Vec::new())), Evidence::default());
    }
}
