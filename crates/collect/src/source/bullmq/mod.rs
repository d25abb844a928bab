//! BullMQ (Node.js): lists and sorted sets say how many jobs there are; each transition is an entry of a stream.

mod decode;
mod follow;
mod keys;
mod poll;
mod reader;
#[cfg(test)]
mod tests;

pub use keys::KEYS;

use super::bull_family::queue_system;

queue_system! {
    /// The queues of BullMQ in one Redis.
    BullMqSystem, poll::BullMq
}
