//! Reading series, one at a time.

use vigie_store::{
    FoundSeries, Hints, ReadError, Samples, SeriesReader, Stretch, TimeRange, Windows, is_stale,
};

use super::coarse::{RANGE, Reads, nearest, stretch};
use super::series::{Row, Take};
use super::window::Walk;
use super::{Context, Evaluated, Grid, Series};
use crate::answer::{RangeSeries, SampleValue};
use crate::engine::QueryError;
use crate::promql::ast::{At, Ends, Expr, Kind, Selector, Subquery};

/// A window that is made of fewer samples than this says little of a rate: a storage with lower resolutions is asked for
/// so many.
const SAMPLES_OF_A_WINDOW: i64 = 4;

/// Where windows of samples come from, and how wide they are.
pub(crate) struct Source<'a> {
    pub series: Vec<FoundSeries>,
    /// Who reads them; none where they were computed, which was counted then.
    reads: Option<Reads<'a>>,
    /// The end of the window of each step.
    pub ends: Grid,
    /// Its width in milliseconds.
    pub width: i64,
    /// How the window's ends are completed.
    pub how: Ends,
}

impl Source<'_> {
    /// Reads the samples of one of the series, without staleness markers, in place of those of the one before.
    pub(crate) fn read(
        &self,
        context: &Context<'_>,
        one: &FoundSeries,
        samples: &mut Samples,
    ) -> Result<(), QueryError> {
        one.reader.read_into(samples)?;
        let Some(reads) = self.reads else { return Ok(()) };
        context.read(samples)?;
        context.note_coarse(reads, &one.labels, samples);
        drop_stale(samples);
        Ok(())
    }
}

/// What a subquery was evaluated to.
struct Computed(Samples);

impl SeriesReader for Computed {
    fn read(&self) -> Result<Samples, ReadError> {
        Ok(self.0.clone())
    }

    fn read_into(&self, samples: &mut Samples) -> Result<(), ReadError> {
        self.0.clone_into(samples);
        Ok(())
    }
}

impl Context<'_> {
    /// The series of a selector with samples at `ends` or so many milliseconds before and behind. Samples may be as far apart
    /// as the hints say, if there is more than one end.
    fn find(
        &self,
        selector: &Selector,
        ends: Grid,
        (before, behind): (i64, i64),
        hints: Hints,
    ) -> Result<Vec<FoundSeries>, QueryError> {
        // Windows are open at their left.
        let range = TimeRange {
            start: ends.start.saturating_sub(before).saturating_add(1),
            end: ends.end().saturating_add(behind),
        };
        let step = if ends.count > 1 { ends.step.min(hints.step) } else { 0 };
        let width = before.saturating_add(behind);
        let apart = ends.count > 1 && ends.step > width;
        let end = range.start.saturating_add(width - 1);
        let windows = apart.then_some(Windows { end, step: ends.step, width });
        let hints = Hints { step, windows, at_once: self.at_once(), ..hints };
        let found = self.storage.select_for(&selector.matchers(), range, hints)?;
        self.spend(found.len().saturating_mul(Hints::SERIES as usize))?;
        let mut stats = self.stats.get();
        stats.series += found.len() as u64;
        self.stats.set(stats);
        Ok(found)
    }

    /// An instant selector.
    pub(crate) fn select(
        &self,
        selector: &Selector,
        at: At,
        grid: Grid,
    ) -> Result<Evaluated, QueryError> {
        let ends = self.shifted(&selector.shift, grid)?;
        if selector.ends == Ends::Smoothed {
            return self.select_smoothed(selector, at, ends);
        }
        self.select_with(selector, ("", at), ends, |_, value| value)
    }

    /// The same, with a function of each sample and its time, and its name and place.
    pub(crate) fn select_with(
        &self,
        selector: &Selector,
        (function, at): (&str, At),
        ends: Grid,
        with: impl Fn(i64, SampleValue) -> SampleValue,
    ) -> Result<Evaluated, QueryError> {
        let mut selected = Vec::new();
        self.select_each(selector, (function, at), ends, with, &mut |one| {
            self.hold(one.row.len())?;
            selected.push(one);
            Ok(true)
        })?;
        Ok(Evaluated::Vector(selected))
    }

    /// The same, one series after the other. Whether all were taken.
    pub(crate) fn select_each(
        &self,
        selector: &Selector,
        (function, at): (&str, At),
        ends: Grid,
        with: impl Fn(i64, SampleValue) -> SampleValue,
        take: Take<'_>,
    ) -> Result<bool, QueryError> {
        let lookback = self.limits.lookback;
        // Where a sample's own time counts, one that stands for others will not do.
        let step = if function.is_empty() { lookback } else { 0 };
        let newest_alone = ends.count == 1;
        let (grid, stretch) = (ends.common(0), Stretch::Standing);
        let hints = Hints { step, grid, stretch, newest: newest_alone, ..Hints::default() };
        let mut samples = Samples::default();
        for found in self.find(selector, ends, (lookback, 0), hints)? {
            self.check()?;
            found.reader.read_into(&mut samples)?;
            self.read(&samples)?;
            let reads = Reads { function, at, start: ends.start, grid: hints.grid };
            self.note_coarse(reads, &found.labels, &samples);
            let row = newest(&samples, ends, lookback, &with);
            let one = Series { labels: found.labels, row };
            if one.has_values() && !take(one)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn select_smoothed(
        &self,
        selector: &Selector,
        at: At,
        ends: Grid,
    ) -> Result<Evaluated, QueryError> {
        let lookback = self.limits.lookback;
        let mut selected = Vec::new();
        let grid = ends.common(0);
        let stretch = Stretch::Line;
        let hints = Hints { step: lookback, grid, stretch, ..Hints::default() };
        for found in self.find(selector, ends, (lookback, lookback), hints)? {
            self.check()?;
            let mut samples = found.reader.read()?;
            drop_stale(&mut samples);
            self.read(&samples)?;
            let reads = Reads { function: "", at, start: ends.start, grid };
            self.note_coarse(reads, &found.labels, &samples);
            let row = self.smoothed_row((&found.labels, at), &samples, ends, lookback);
            if row.iter().any(Option::is_some) {
                self.hold(row.len())?;
                selected.push(Series { labels: found.labels, row });
            }
        }
        Ok(Evaluated::Vector(selected))
    }

    /// Where the windows of a range selector or a subquery come from, for a function of this name.
    pub(crate) fn source<'a>(
        &self,
        expr: &Expr,
        grid: Grid,
        function: &'a str,
    ) -> Result<Source<'a>, QueryError> {
        match &expr.bare().kind {
            Kind::Matrix(selector, range) => {
                let width = self.positive(range)?;
                let ends = self.shifted(&selector.shift, grid)?;
                let lookback = self.limits.lookback;
                let reach = match selector.ends {
                    Ends::Plain => (width, 0),
                    Ends::Anchored => (width.saturating_add(lookback), 0),
                    Ends::Smoothed => (width.saturating_add(lookback), lookback),
                };
                // What needs every sample gets every one that is there.
                let step = stretch(function).map_or(0, |_| width / SAMPLES_OF_A_WINDOW);
                let stretch = stretch(function).unwrap_or_else(|| nearest(function));
                let (grid, start) = (ends.common(width), ends.start.saturating_sub(width));
                let hints = Hints { step, grid, stretch, ..Hints::default() };
                let series = self.find(selector, ends, reach, hints)?;
                let reads = Some(Reads { function, at: expr.at, start, grid });
                Ok(Source { series, reads, ends, width, how: selector.ends })
            }
            Kind::Subquery(subquery) => self.subquery(subquery, grid),
            _ => Err(QueryError::Execution("a range vector is needed here".to_owned())),
        }
    }

    fn subquery(&self, subquery: &Subquery, grid: Grid) -> Result<Source<'static>, QueryError> {
        let width = self.positive(&subquery.range)?;
        let ends = self.shifted(&subquery.shift, grid)?;
        let step = subquery.step.as_ref().map_or(Ok(0), |step| self.positive(step))?;
        let step = if step > 0 { step } else { self.limits.subquery_step.max(1) };
        let left = ends.start.saturating_sub(width);
        // Multiples of the step, so that a subquery sees the same points whenever it runs.
        let mut start = step.saturating_mul(left / step);
        if start <= left {
            start = start.saturating_add(step);
        }
        let inner = Grid::between(start, ends.end(), step);
        if inner.count as u64 > self.limits.max_points {
            self.hold(inner.count)?;
        }
        let Evaluated::Vector(found) = self.eval(&subquery.expr, inner)? else {
            return Err(QueryError::Execution("a subquery needs an instant vector".to_owned()));
        };
        let series = found.into_iter().map(|one| FoundSeries {
            labels: one.labels.clone(),
            reader: Box::new(Computed(one.samples(inner))),
        });
        let (series, how) = (series.collect(), Ends::Plain);
        Ok(Source { series, reads: None, ends, width, how })
    }

    /// A range selector or a subquery alone, at one time.
    pub(crate) fn matrix(&self, expr: &Expr, grid: Grid) -> Result<Vec<RangeSeries>, QueryError> {
        let source = self.source(expr, grid, RANGE)?;
        let mut matrix = Vec::new();
        let mut samples = Samples::default();
        for one in &source.series {
            self.check()?;
            source.read(self, one, &mut samples)?;
            let end = source.ends.start;
            let windows = super::window::Windows::new(&samples, source.width);
            let plain = windows.last_at(end);
            let (floats, histograms) = match source.how {
                Ends::Plain => (plain.floats(), plain.histograms()),
                Ends::Smoothed | Ends::Anchored if !samples.histograms.is_empty() => {
                    let word = if source.how == Ends::Smoothed { "smoothed" } else { "anchored" };
                    let message = format!("{word} modifier is not supported with histograms");
                    return Err(QueryError::Execution(message));
                }
                how => super::extended::raw_window(self, &samples, (end, source.width), how),
            };
            self.hold(floats.len() + histograms.len())?;
            if !floats.is_empty() || !histograms.is_empty() {
                matrix.push(RangeSeries { labels: one.labels.clone(), floats, histograms });
            }
        }
        matrix.sort_by(|one, two| one.labels.cmp(&two.labels));
        Ok(matrix)
    }
}

/// Takes the markers of series that ended away.
fn drop_stale(samples: &mut Samples) {
    // Usually there is none, which is seen faster without stopping anywhere.
    let number = samples.floats.iter().fold(true, |number, value| number & !value.is_nan());
    if !number && samples.floats.iter().any(|value| is_stale(*value)) {
        let keep: Vec<bool> = samples.floats.iter().map(|value| !is_stale(*value)).collect();
        let mut flags = keep.iter();
        samples.float_times.retain(|_| flags.next().copied().unwrap_or_default());
        let mut flags = keep.iter();
        samples.float_weights.retain(|_| flags.next().copied().unwrap_or_default());
        samples.floats.retain(|value| !is_stale(*value));
    }
    if samples.histograms.iter().any(|one| is_stale(one.sum)) {
        let keep: Vec<bool> = samples.histograms.iter().map(|one| !is_stale(one.sum)).collect();
        let mut flags = keep.iter();
        samples.histogram_times.retain(|_| flags.next().copied().unwrap_or_default());
        let mut flags = keep.iter();
        samples.histogram_weights.retain(|_| flags.next().copied().unwrap_or_default());
        samples.histograms.retain(|one| !is_stale(one.sum));
    }
}

/// The newest sample of each step that is not older than the lookback, or stands for a stretch that is longer.
fn newest(
    samples: &Samples,
    ends: Grid,
    lookback: i64,
    with: impl Fn(i64, SampleValue) -> SampleValue,
) -> Row {
    let (coarse, step) = samples.coarse.map_or((i64::MIN, 0), |coarse| (coarse.until, coarse.step));
    let stands = |at: i64, time: i64| {
        at > time.saturating_sub(if at <= coarse { lookback.max(step) } else { lookback })
    };
    if samples.histograms.is_empty() {
        let mut walk = Walk::default();
        let value = |time: i64| {
            let place = walk.to(&samples.float_times, time).checked_sub(1)?;
            let (at, value) = (samples.float_times[place], samples.floats[place]);
            let fresh = stands(at, time) && !is_stale(value);
            fresh.then(|| with(at, SampleValue::Float(value)))
        };
        return ends.times().map(value).collect();
    }
    let (mut floats, mut histograms) = (0, 0);
    let mut row = Vec::with_capacity(ends.count);
    for time in ends.times() {
        while samples.float_times.get(floats).is_some_and(|one| *one <= time) {
            floats += 1;
        }
        while samples.histogram_times.get(histograms).is_some_and(|one| *one <= time) {
            histograms += 1;
        }
        let float = floats.checked_sub(1).map(|place| {
            let value = samples.floats[place];
            (samples.float_times[place], SampleValue::Float(value), is_stale(value))
        });
        let histogram = histograms.checked_sub(1).map(|place| {
            let value = &samples.histograms[place];
            let stale = is_stale(value.sum);
            (samples.histogram_times[place], SampleValue::Histogram(value.clone()), stale)
        });
        let newest = match (float, histogram) {
            (Some(float), Some(histogram)) if float.0 > histogram.0 => Some(float),
            (float, histogram) => histogram.or(float),
        };
        let fresh = newest.filter(|(at, _, stale)| stands(*at, time) && !stale);
        row.push(fresh.map(|(at, value, _)| with(at, value)));
    }
    row
}
