//! Samples of selectors and subqueries.

use vigie_model::Labels;
use vigie_store::{Samples, TimeRange, is_stale};

use super::{Context, Evaluated, Grid, Row};
use crate::engine::QueryError;
use crate::promql::{At, DurationExpr, Expr, ExprKind, Extent, Selector};

/// One series' samples, and the ends of its windows.
pub(crate) struct Windowed {
    pub labels: Labels,
    pub times: Vec<i64>,
    pub values: Vec<f64>,
}

/// How windows lie: each is `(end - range, end]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    pub range: i64,
    grid: Grid,
    at: Option<i64>,
    offset: i64,
}

impl Frame {
    pub fn end(&self, place: usize) -> i64 {
        self.at.unwrap_or_else(|| self.grid.time(place)) - self.offset
    }

    fn span(&self) -> TimeRange {
        let last = self.grid.count.saturating_sub(1);
        TimeRange { start: self.end(0) - self.range + 1, end: self.end(last) }
    }
}

impl Context<'_> {
    fn frame(
        &self,
        grid: Grid,
        range: i64,
        at: Option<At>,
        offset: Option<&DurationExpr>,
    ) -> Evaluated<Frame> {
        let at = at.map(|at| match at {
            At::Time(time) => time,
            At::Start => self.query.start,
            At::End => self.query.end(),
        });
        let offset = offset.map_or(Ok(0), |offset| self.millis(offset))?;
        Ok(Frame { range, grid, at, offset })
    }

    fn selected(&self, selector: &Selector, span: TimeRange) -> Evaluated<Vec<Windowed>> {
        if selector.extent != Extent::Plain {
            return Err(QueryError::Execution(
                "anchored and smoothed are not evaluated yet".to_owned(),
            ));
        }
        let found = self.storage.select(&selector.matchers, span, self.query.step)?;
        let mut stats = self.stats.get();
        stats.series += found.len() as u64;
        self.stats.set(stats);
        let mut out = Vec::with_capacity(found.len());
        for series in found {
            let Samples { float_times, floats, histogram_times, .. } = series.reader.read()?;
            self.read(floats.len() + histogram_times.len())?;
            if !histogram_times.is_empty() {
                return Err(QueryError::Execution(
                    "native histograms are not evaluated yet".to_owned(),
                ));
            }
            out.push(Windowed { labels: series.labels, times: float_times, values: floats });
        }
        Ok(out)
    }

    /// The newest sample of each series at each step; its time in seconds with `stamps`.
    pub fn instant(&self, selector: &Selector, grid: Grid, stamps: bool) -> Evaluated<Vec<Row>> {
        let frame =
            self.frame(grid, self.limits.lookback, selector.at, selector.offset.as_ref())?;
        let mut rows = Vec::new();
        for series in self.selected(selector, frame.span())? {
            let (mut next, mut any) = (0, false);
            let mut values = Vec::with_capacity(grid.count);
            for place in 0..grid.count {
                let end = frame.end(place);
                while series.times.get(next).is_some_and(|time| *time <= end) {
                    next += 1;
                }
                let newest = next.checked_sub(1).filter(|at| {
                    series.times[*at] > end - frame.range && !is_stale(series.values[*at])
                });
                any |= newest.is_some();
                values.push(newest.map(|at| {
                    if stamps { series.times[at] as f64 / 1e3 } else { series.values[at] }
                }));
            }
            self.hold(grid.count)?;
            if any {
                rows.push(Row { labels: series.labels, values });
            }
        }
        Ok(rows)
    }

    /// The samples of a range vector, without staleness markers.
    pub fn windowed(&self, expr: &Expr, grid: Grid) -> Evaluated<(Frame, Vec<Windowed>)> {
        match &expr.kind {
            ExprKind::Paren(inner) => self.windowed(inner, grid),
            ExprKind::Range(selector, range) => {
                let range = self.positive(range)?;
                let frame = self.frame(grid, range, selector.at, selector.offset.as_ref())?;
                let mut found = self.selected(selector, frame.span())?;
                for series in &mut found {
                    drop_stale(series);
                }
                Ok((frame, found))
            }
            ExprKind::Subquery { inner, range, step, offset, at } => {
                let range = self.positive(range)?;
                let frame = self.frame(grid, range, *at, offset.as_ref())?;
                let step = step
                    .as_ref()
                    .map_or(Ok(self.limits.subquery_step), |step| self.positive(step))?;
                Ok((frame, self.subquery(inner, frame.span(), step)?))
            }
            _ => Err(QueryError::Invalid("a range vector is expected".to_owned())),
        }
    }

    fn subquery(&self, inner: &Expr, span: TimeRange, step: i64) -> Evaluated<Vec<Windowed>> {
        // Steps lie at multiples of the step, whatever the query's start.
        let start = span.start + (-span.start).rem_euclid(step);
        if start > span.end {
            return Ok(Vec::new());
        }
        let count = (span.end - start) / step + 1;
        if count as u64 > self.limits.max_points {
            return Err(QueryError::Limit {
                limit: "max_points",
                detail: format!("a subquery has {count} steps; use a larger step"),
            });
        }
        let grid = Grid { start, step, count: count as usize };
        let rows = self.vector(inner, grid)?;
        let series = rows.into_iter().map(|row| {
            let held = row.values.iter().enumerate();
            let (times, values) =
                held.filter_map(|(place, value)| Some((grid.time(place), (*value)?))).unzip();
            Windowed { labels: row.labels, times, values }
        });
        Ok(series.collect())
    }
}

fn drop_stale(series: &mut Windowed) {
    if !series.values.iter().any(|value| is_stale(*value)) {
        return;
    }
    let mut kept = series.values.iter().map(|value| !is_stale(*value));
    series.times.retain(|_| kept.next().unwrap_or(false));
    series.values.retain(|value| !is_stale(*value));
}
