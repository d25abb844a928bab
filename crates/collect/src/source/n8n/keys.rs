//! The keys of n8n's own that Vigie reads in its Redis, beside those of its queue, which are Bull's. Seen with n8n 2.40.7; version 1
//! has none of them.

/// Set of the keys of all processes that have registered; those of killed ones stay in it.
pub(super) const MEMBERS: &str = "n8n:{instance:}members";
/// String, JSON: what a process says of itself every 30 s; it lives 60 s. Followed by the process's own key.
pub(super) const MEMBER: &str = "n8n:{instance:}";
/// Processes that are read.
pub(super) const MOST: usize = 500;
