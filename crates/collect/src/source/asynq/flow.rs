//! What went through a queue between two polls, from its counters and the sizes of its lists.

/// asynq's own counters, which one command reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Totals {
    /// Attempts that ended, failed ones included.
    pub(super) processed: u64,
    /// Attempts that failed.
    pub(super) failed: u64,
}

/// What a poll read of a queue, as far as it is needed to count what was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Level {
    pub(super) totals: Totals,
    /// Tasks that wait, run, are scheduled or are to run again.
    pub(super) live: u64,
    /// Tasks that wait to be aggregated; `None` until all groups were counted.
    pub(super) blocked: Option<u64>,
    /// Tasks that failed for good and are kept.
    pub(super) archived: u64,
}

/// Polls after which a shortfall is taken for a deletion instead of for a list that was read a moment too early.
const PATIENCE: u8 = 5;

/// Counts from level to level.
///
/// A poll reads the lists one after the other while tasks move on: a task may be seen in two places, or in none.
/// What was counted too much is taken off the next polls; what stays away was deleted by somebody.
#[derive(Debug, Clone, Default)]
pub(super) struct Flow {
    totals: Option<Totals>,
    level: Option<Level>,
    debt: i64,
    in_debt: u8,
    taken_away: bool,
}

/// More than this cannot have been added, or have ended, between two polls: a queue that has it is not new.
const MOST_ADDED: u64 = 200_000;
const MOST_ENDED: u64 = 20_000;

impl Flow {
    /// Of a queue that was not there at the poll before: what it has now has happened since.
    pub(super) fn of_new_queue(first: &Level) -> Self {
        if first.totals.processed > MOST_ENDED || first.live > MOST_ADDED {
            return Self::default();
        }
        let totals = Totals::default();
        let level = Level { totals, live: 0, blocked: first.blocked, archived: 0 };
        Self { totals: Some(totals), level: Some(level), ..Self::default() }
    }

    /// Takes the next counters; tells how many attempts have succeeded and failed since the last. `None` the first
    /// time, and when the counters began anew.
    pub(super) fn ended(&mut self, now: Totals) -> Option<(u64, u64)> {
        let last = self.totals.replace(now)?;
        let processed = now.processed.checked_sub(last.processed)?;
        let failed = now.failed.checked_sub(last.failed)?;
        Some((processed.saturating_sub(failed), failed))
    }

    /// Takes the next level; tells how many tasks were added since the last. `None` as above.
    pub(super) fn added(&mut self, now: Level) -> Option<u64> {
        let last = self.level.replace(now)?;
        let processed = now.totals.processed.checked_sub(last.totals.processed);
        let failed = now.totals.failed.checked_sub(last.totals.failed);
        let (Some(processed), Some(failed)) = (processed, failed) else {
            (self.debt, self.in_debt) = (0, 0);
            return None;
        };
        // Groups shrink when they are aggregated, and the archive when it is trimmed: neither takes anything back.
        let grown = |now: u64, before: u64| signed(now.saturating_sub(before));
        let net = signed(now.live).saturating_sub(signed(last.live))
            + now.blocked.zip(last.blocked).map_or(0, |(now, before)| grown(now, before))
            + grown(now.archived, last.archived)
            + signed(processed.saturating_sub(failed));
        Some(self.settle(net))
    }

    /// Whether tasks were taken away by somebody since this was last asked: what was added meanwhile is not known to the task.
    pub(super) fn taken_away(&mut self) -> bool {
        std::mem::take(&mut self.taken_away)
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
            self.taken_away = true;
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
