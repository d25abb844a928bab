//! asynq (Go): its registry says everything about workers, its lists and counters about queues. There are no
//! events, so everything is seen by polling: totals are whole, types and durations are samples.

mod account;
pub mod decode;
mod failed;
mod flow;
mod folded;
mod keys;
mod poll;
mod queue;
mod registry;
mod told;
mod watch;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use poll::AsynqSystem;
