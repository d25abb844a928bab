//! Events: what Vigie saw happen and what others say happened, kept together among the log entries. Those that come by a door
//! of logs pass [`crate::logs::Logs::take_in`], as do the board's own; from there they come to the timeline.

mod keep;
pub(crate) mod list;

pub use keep::{follow_events, keep_events};
