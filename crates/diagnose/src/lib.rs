//! Named causes: is anything stuck, where, since when, and why. Pure functions of facts that the board holds.
//!
//! Screens compose their sentence from the cause and its values, in the reader's language; [`Verdict::sentence`]
//! is the English one, for the command line and the API.

mod cause;
mod sentence;
mod verdict;

pub use cause::{Cause, Instances, Place, QueueFacts, Value, of_queue};
pub use verdict::{
    Facts, InstanceFacts, NotKeptFacts, OverdueFacts, SourceFacts, Verdict, verdict,
};
