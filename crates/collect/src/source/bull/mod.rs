//! Bull v4 (Node.js): lists and sorted sets say how many jobs there are; each transition is published.

mod decode;
mod follow;
mod keys;
mod poll;
mod reader;
#[cfg(test)]
mod tests;

pub use keys::{CHANNELS, ChannelUse, KEYS};

use super::bull_family::queue_system;

queue_system! {
    /// The queues of Bull v4 in one Redis.
    BullSystem, poll::Bull
}
