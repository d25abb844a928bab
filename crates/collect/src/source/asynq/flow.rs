//! What went through a queue between two polls, from its counters and the sizes of its lists.

/// What a poll read of a queue, as far as it is needed to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Level {
    /// Attempts that ended, failed ones included.
    pub(super) processed: u64,
    /// Attempts that failed.
    pub(super) failed: u64,
    /// Tasks that wait, run, are scheduled or are to run again.
    pub(super) live: u64,
    /// Tasks that wait to be aggregated; `None` until all groups were counted.
    pub(super) blocked: Option<u64>,
    /// Tasks that failed for good and are kept.
    pub(super) archived: u64,
}

/// What happened in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Change {
    pub(super) enqueued: u64,
    pub(super) succeeded: u64,
    pub(super) failed: u64,
}

/// Polls after which a shortfall is taken for a deletion instead of for a list that was read a moment too early.
const PATIENCE: u8 = 3;

/// Counts from level to level.
///
/// A poll reads the lists one after the other while tasks move on: a task may be seen in two places, or in none.
/// What was counted too much is taken off the next polls; what stays away was deleted by somebody.
#[derive(Debug, Clone, Default)]
pub(super) struct Flow {
    last: Option<Level>,
    debt: i64,
    in_debt: u8,
}

/// More than this cannot have been added, or have ended, between two polls: a queue that has it is not new.
const MOST_ADDED: u64 = 200_000;
const MOST_ENDED: u64 = 20_000;

impl Flow {
    /// Of a queue that was not there at the poll before: what it has now has happened since.
    pub(super) fn of_new_queue(first: &Level) -> Self {
        let new = first.processed <= MOST_ENDED && first.live <= MOST_ADDED;
        let nothing =
            Level { processed: 0, failed: 0, live: 0, blocked: first.blocked, archived: 0 };
        Self { last: new.then_some(nothing), ..Self::default() }
    }

    /// Takes the next level. `None` the first time, and when the counters began anew.
    pub(super) fn next(&mut self, level: Level) -> Option<Change> {
        let last = self.last.replace(level)?;
        if level.processed < last.processed || level.failed < last.failed {
            (self.debt, self.in_debt) = (0, 0);
            return None;
        }
        let failed = level.failed - last.failed;
        let succeeded = (level.processed - last.processed).saturating_sub(failed);
        // Groups shrink when they are aggregated, and the archive when it is trimmed: neither takes anything back.
        let grown = |now: u64, before: u64| signed(now.saturating_sub(before));
        let net = signed(level.live).saturating_sub(signed(last.live))
            + level.blocked.zip(last.blocked).map_or(0, |(now, before)| grown(now, before))
            + grown(level.archived, last.archived)
            + signed(succeeded);
        Some(Change { enqueued: self.settle(net), succeeded, failed })
    }

    fn settle(&mut self, net: i64) -> u64 {
        let rest = net - self.debt;
        if rest >= 0 {
            (self.debt, self.in_debt) = (0, 0);
            return rest.unsigned_abs();
        }
        self.in_debt += 1;
        if self.in_debt >= PATIENCE {
            (self.debt, self.in_debt) = (0, 0);
        } else {
            self.debt = -rest;
        }
        0
    }
}

fn signed(count: u64) -> i64 {
    // Counters near the end of their range must not overflow the sums above.
    count.min(1 << 60) as i64
}
