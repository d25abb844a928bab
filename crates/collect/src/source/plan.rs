//! What is asked of a Redis in one round trip, and its answers.

use ::redis::{Cmd, Value};

/// Commands that are sent together. Each names the key that it reads, so that a cluster can route it.
#[derive(Default)]
pub struct Plan {
    commands: Vec<(Vec<u8>, Cmd)>,
}

impl Plan {
    /// Adds a command about `key` (as its first argument) and returns it for further arguments.
    pub fn ask(&mut self, command: &str, key: &[u8]) -> &mut Cmd {
        let mut cmd = ::redis::cmd(command);
        cmd.arg(key);
        self.commands.push((key.to_vec(), cmd));
        let last = self.commands.len() - 1;
        &mut self.commands[last].1
    }

    /// How many commands it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.commands.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// The commands with the key that routes each, in order.
    #[must_use]
    pub fn into_commands(self) -> Vec<(Vec<u8>, Cmd)> {
        self.commands
    }
}

/// One answer: a value, or the error of that command alone.
pub type Reply = Result<Value, ReplyError>;

/// Why one command was refused, while the connection is fine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// The key holds another type than expected (`WRONGTYPE`).
    #[error("the key holds another type of value")]
    WrongType,
    /// The ACL forbids the command or the key (`NOPERM`); the server's words.
    #[error("{0}")]
    Forbidden(String),
    /// Anything else; the server's words.
    #[error("{0}")]
    Other(String),
    /// The answer has another shape than the command promises.
    #[error("unexpected answer: {0}")]
    Shape(&'static str),
}

impl ReplyError {
    /// From the server's error code and words.
    #[must_use]
    pub fn from_server(code: &str, detail: &str) -> Self {
        match code {
            "WRONGTYPE" => Self::WrongType,
            "NOPERM" => Self::Forbidden(format!("{code} {detail}").trim().to_owned()),
            _ => Self::Other(format!("{code} {detail}").trim().to_owned()),
        }
    }
}

/// The answers to a plan, taken in the order in which its commands were added.
pub struct Replies {
    answers: std::vec::IntoIter<Reply>,
}

impl Replies {
    /// From answers in the plan's order.
    #[must_use]
    pub fn new(answers: Vec<Reply>) -> Self {
        Self { answers: answers.into_iter() }
    }

    /// The next answer.
    ///
    /// # Errors
    /// The error of that command, or [`ReplyError::Shape`] when there are no more answers.
    pub fn next_value(&mut self) -> Reply {
        match self.answers.next() {
            Some(Ok(Value::ServerError(error))) => {
                Err(ReplyError::from_server(error.code(), error.details().unwrap_or_default()))
            }
            Some(answer) => answer,
            None => Err(ReplyError::Shape("no answer")),
        }
    }

    /// The next answer as `T`.
    ///
    /// # Errors
    /// As [`Self::next_value`], or [`ReplyError::Shape`] when the answer is no `T`.
    pub fn next_as<T: ::redis::FromRedisValue>(&mut self) -> Result<T, ReplyError> {
        ::redis::from_redis_value(self.next_value()?)
            .map_err(|_| ReplyError::Shape(std::any::type_name::<T>()))
    }

    /// The next answer as a count: absent keys count 0, and a key of another type is no count at all.
    pub fn next_count(&mut self) -> Option<u64> {
        self.next_as().ok()
    }
}
