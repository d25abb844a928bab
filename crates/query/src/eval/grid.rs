//! The times at which something is evaluated.

/// `count` times from `start`, `step` milliseconds apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    pub start: i64,
    pub step: i64,
    pub count: usize,
}

impl Grid {
    /// From `start` to at most `end`; empty when it ends before it begins.
    pub(crate) fn between(start: i64, end: i64, step: i64) -> Self {
        let span = end.checked_sub(start).filter(|span| *span >= 0);
        let count = span.map_or(0, |span| span / step.max(1) + 1);
        Self { start, step, count: usize::try_from(count).unwrap_or(usize::MAX) }
    }

    /// The time of a step.
    pub(crate) fn time(&self, place: usize) -> i64 {
        let place = i64::try_from(place).unwrap_or(i64::MAX);
        self.start.saturating_add(self.step.saturating_mul(place))
    }

    /// The last time.
    pub(crate) fn end(&self) -> i64 {
        self.time(self.count.saturating_sub(1))
    }

    /// All times.
    pub(crate) fn times(self) -> impl Iterator<Item = i64> {
        (0..self.count).map(move |place| self.time(place))
    }
}
