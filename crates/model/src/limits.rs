//! How much of a foreign system is kept in memory.

/// Bounds on what one source may make Vigie remember. Over a bound, entries fold into one called
/// [`Limits::OTHER`] and `vigie_folded_total` counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Queues of one source.
    pub queues: usize,
    /// Job types of one queue.
    pub types: usize,
    /// Job types of all queues of one source together: what bounds memory when many queues have many types.
    pub types_of_source: usize,
    /// Workers of one source.
    pub workers: usize,
}

/// Instances of one source that are kept; what is over it is counted as folded.
pub const MAX_INSTANCES: usize = 2_000;

impl Limits {
    /// The name of the entry that everything over a limit is counted under.
    pub const OTHER: &'static str = "other";
}

impl Default for Limits {
    fn default() -> Self {
        Self { queues: 5_000, types: 500, types_of_source: 20_000, workers: 5_000 }
    }
}
