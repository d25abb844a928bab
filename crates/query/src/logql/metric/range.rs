//! Aggregations over windows of time.

use std::collections::HashMap;
use std::ops::ControlFlow;

use vigie_model::{Label, Labels};
use vigie_store::MatchOp;

use super::window::{Part, Sliding, of_parts, of_samples};
use super::{Grid, Row, enough, grouped, handed, room};
use crate::logql::ERROR;
use crate::logql::ast::{Conversion, Grouping, LogRange, RangeOp};
use crate::logql::engine::{LogQueryError, Reader};
use crate::logql::pipeline::labels::LabelSet;
use crate::logql::pipeline::{LabelTest, Pipeline};
use crate::logql::source::{Direction, metadata};
use crate::logql::units;

const FAILED: &str = "SampleExtractionErr";

/// An aggregation that is asked for.
pub(super) struct Asked<'a> {
    pub op: RangeOp,
    pub parameter: Option<f64>,
    pub of: &'a LogRange,
    pub grouping: Option<&'a Grouping>,
}

/// Which windows a time belongs to: those from `first` on until before `end`. Times with the same windows are one part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Windows {
    pub first: i64,
    pub end: i64,
}

impl Windows {
    pub(super) fn of(time: i64, grid: Grid, range: i64) -> Self {
        // A window reaches from behind its beginning to its end, included.
        let step = i128::from(grid.step.max(1));
        let since = i128::from(time) - i128::from(grid.start);
        let after = |since: i128| -(-since).div_euclid(step);
        let clamp = |place: i128| place.clamp(0, grid.count as i128) as i64;
        if grid.count == 1 {
            let within = since <= 0 && since + i128::from(range) > 0;
            return Self { first: 0, end: i64::from(within) };
        }
        Self { first: clamp(after(since)), end: clamp(after(since + i128::from(range))) }
    }

    /// The last time that belongs to the same windows as `time`.
    pub(super) fn until(time: i64, grid: Grid, range: i64) -> i64 {
        let [start, time, range] = [grid.start, time, range].map(i128::from);
        let step = i128::from(grid.step.max(1));
        let next = |edge: i128| edge - (edge - time).div_euclid(step) * step;
        let until = match grid.count {
            1 => [start - range, start].into_iter().find(|edge| time <= *edge).unwrap_or(time),
            _ => next(start).min(next(start - range)),
        };
        until.clamp(i64::MIN.into(), i64::MAX.into()) as i64
    }

    pub(super) fn none(self) -> bool {
        self.first >= self.end
    }
}

/// What is kept of a series.
#[derive(Debug)]
pub(super) enum Kept {
    Parts(Vec<(Windows, Part)>),
    Samples(Vec<(i64, f64)>),
}

/// Makes samples of lines.
pub(super) struct Sampler<'a> {
    pub asked: &'a Asked<'a>,
    pub pipeline: Pipeline,
    pub filters: Vec<LabelTest>,
    pub grouping: Option<Grouping>,
    /// No label is left.
    pub bare: bool,
}

impl<'a> Sampler<'a> {
    fn new(asked: &'a Asked<'a>, now: i64) -> Result<Self, LogQueryError> {
        let LogRange { log, unwrap, .. } = asked.of;
        let mut pipeline = Pipeline::new(&log.stages, now).map_err(LogQueryError::Invalid)?;
        let filters = unwrap.iter().flat_map(|unwrap| &unwrap.filters);
        let filters = filters.map(LabelTest::new).collect::<Result<_, _>>();
        let nothing = |grouping: &Grouping| !grouping.without && grouping.labels.is_empty();
        let bare = asked.op == RangeOp::Absent || asked.grouping.is_some_and(nothing);
        if bare && unwrap.is_none() {
            pipeline = pipeline.without_labels();
        }
        let mut grouping = asked.grouping.cloned();
        // The label that is measured tells no series from another.
        if let Some(unwrap) = unwrap {
            let grouping =
                grouping.get_or_insert_with(|| Grouping { without: true, labels: Vec::new() });
            if grouping.without {
                grouping.labels.push(unwrap.label.clone());
            }
        }
        Ok(Self {
            asked,
            pipeline,
            filters: filters.map_err(LogQueryError::Invalid)?,
            grouping,
            bare,
        })
    }

    /// The sample of a line, in `labels`; `None` where it has none.
    pub(super) fn sample(&self, time: i64, line: &str, labels: &mut LabelSet) -> Option<f64> {
        let line = self.pipeline.run(time, line, labels)?;
        let Some(unwrap) = &self.asked.of.unwrap else {
            let bytes = matches!(self.asked.op, RangeOp::Bytes | RangeOp::BytesRate);
            return Some(if bytes { line.len() as f64 } else { 1.0 });
        };
        let text = labels.get(&unwrap.label).filter(|text| !text.is_empty())?;
        let value = match unwrap.conversion {
            Conversion::Number => units::number_of(text),
            Conversion::Bytes => units::bytes(text).map(|size| size as f64),
            Conversion::Duration | Conversion::DurationSeconds => {
                units::duration(text).map(|nanos| nanos as f64 / 1e9)
            }
        };
        let value = value.unwrap_or_else(|why| {
            labels.fail(FAILED, why);
            0.0
        });
        self.filters.iter().all(|filter| filter.keeps(labels)).then_some(value)
    }

    /// Whether the structured metadata of a stream's lines change anything: reading them costs more than the rest.
    fn reads_metadata(&self, stream: &Labels) -> bool {
        if self.asked.of.unwrap.is_some() || !self.pipeline.by_text_alone() {
            return true;
        }
        let given = |name: &String| stream.get(name).is_some();
        match &self.grouping {
            _ if self.bare => false,
            Some(grouping) => grouping.without || !grouping.labels.iter().all(given),
            None => true,
        }
    }

    pub(super) fn labels(&self, labels: &LabelSet) -> Labels {
        if labels.error().is_some() {
            return labels.all();
        }
        match &self.grouping {
            _ if self.bare => Labels::default(),
            Some(grouping) if grouping.without => grouped(&labels.all(), grouping),
            Some(grouping) => {
                let named = grouping.labels.iter();
                let found =
                    named.filter_map(|name| Some(Label::new(name.as_str(), labels.get(name)?)));
                Labels::new(found.collect())
            }
            None => labels.all(),
        }
    }
}

/// The rows of an aggregation.
pub(super) fn evaluate(
    reader: &mut Reader<'_>,
    asked: &Asked<'_>,
    grid: Grid,
) -> Result<Vec<Row>, LogQueryError> {
    let series = collect(reader, asked, grid)?;
    room(reader, series.len(), grid)?;
    let mut rows = Vec::with_capacity(series.len());
    for (labels, kept) in series {
        reader.goes_on()?;
        let values = match kept {
            Kept::Parts(parts) => parts_to_values(&parts, asked, grid),
            Kept::Samples(samples) => samples_to_values(reader, &samples, asked, grid)?,
        };
        rows.push(Row { labels, values });
    }
    if asked.op == RangeOp::Absent {
        let absent =
            |place: usize| rows.iter().all(|row| row.values.get(place).is_none_or(Option::is_none));
        let values = (0..grid.count).map(|place| absent(place).then_some(1.0)).collect();
        return Ok(vec![Row { labels: absent_labels(asked), values }]);
    }
    Ok(rows)
}

fn collect(
    reader: &mut Reader<'_>,
    asked: &Asked<'_>,
    grid: Grid,
) -> Result<HashMap<Labels, Kept>, LogQueryError> {
    let LogRange { log, range, offset, .. } = asked.of;
    let shifted = Grid { start: grid.start.saturating_sub(*offset), ..grid };
    let sampler = Sampler::new(asked, reader.now)?;
    let last = shifted.time(grid.count.saturating_sub(1));
    let (start, end) =
        (shifted.start.saturating_sub(*range).saturating_add(1), last.saturating_add(1));
    if let Some(wanted) = handed::wanted(&sampler)
        && let Some(series) = handed::collect(reader, &sampler, wanted, (start, end), shifted)?
    {
        return Ok(series);
    }
    let (required, _) = sampler.pipeline.required();
    let span = (start, end, Direction::Forward);
    let mut series: HashMap<Labels, Kept> = HashMap::new();
    let mut labels = LabelSet::default();
    let mut held = 0_u64;
    let most = reader.limits.max_samples;
    reader.entries(&log.matchers, &required, span, |stream, entry, stats| {
        let windows = Windows::of(entry.time_nanos, shifted, *range);
        if windows.none() {
            return Ok(ControlFlow::Continue(()));
        }
        let metadata =
            if sampler.reads_metadata(stream) { metadata(entry) } else { Labels::default() };
        labels.begin(stream, &metadata);
        let Some(value) = sampler.sample(entry.time_nanos, &entry.message, &mut labels) else {
            return Ok(ControlFlow::Continue(()));
        };
        stats.lines_kept += 1;
        if let Some(error) = labels.error() {
            return Err(LogQueryError::Execution(pipeline_error(error, &labels)));
        }
        let kept = series.entry(sampler.labels(&labels)).or_insert_with(|| {
            if of_parts(asked.op) { Kept::Parts(Vec::new()) } else { Kept::Samples(Vec::new()) }
        });
        match kept {
            Kept::Parts(parts) => match parts.last_mut() {
                Some((known, part)) if *known == windows => *part = part.and(Part::of(value)),
                _ => {
                    parts.push((windows, Part::of(value)));
                    held += 1;
                }
            },
            Kept::Samples(samples) => {
                samples.push((entry.time_nanos, value));
                held += 1;
            }
        }
        if held > most {
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    enough(reader, held)?;
    Ok(series)
}

fn pipeline_error(error: &str, labels: &LabelSet) -> String {
    let all = labels.all();
    format!(
        "pipeline error: '{error}' for series: '{all}'. A stage failed on a line, and numbers with a mistake in them \
         are not shown. Leave such lines out with | {ERROR}!=\"{error}\", or every failed one with | {ERROR}=\"\"; \
         this may also stand behind unwrap."
    )
}

fn parts_to_values(parts: &[(Windows, Part)], asked: &Asked<'_>, grid: Grid) -> Vec<Option<f64>> {
    let (unwrapped, seconds) = (asked.of.unwrap.is_some(), asked.of.range as f64 / 1e9);
    let mut sliding = Sliding::default();
    let (mut next, mut oldest) = (0, 0);
    (0..grid.count as i64)
        .map(|step| {
            while let Some((windows, part)) = parts.get(next)
                && windows.first <= step
            {
                sliding.push(*part);
                next += 1;
            }
            while oldest < next && parts.get(oldest).is_some_and(|(windows, _)| windows.end <= step)
            {
                sliding.pop();
                oldest += 1;
            }
            sliding.all().map(|part| part.value(asked.op, unwrapped, seconds))
        })
        .collect()
}

fn samples_to_values(
    reader: &Reader<'_>,
    samples: &[(i64, f64)],
    asked: &Asked<'_>,
    grid: Grid,
) -> Result<Vec<Option<f64>>, LogQueryError> {
    let parameter = asked.parameter.unwrap_or(f64::NAN);
    let range = asked.of.range;
    let mut values = Vec::with_capacity(grid.count);
    let (mut begin, mut end) = (0, 0);
    for step in 0..grid.count {
        let last = grid.time(step).saturating_sub(asked.of.offset);
        let first = last.saturating_sub(range);
        while samples.get(end).is_some_and(|(time, _)| *time <= last) {
            end += 1;
        }
        while begin < end && samples.get(begin).is_some_and(|(time, _)| *time <= first) {
            begin += 1;
        }
        let window = samples.get(begin..end).unwrap_or_default();
        let value = || of_samples(asked.op, parameter, window, range);
        values.push((!window.is_empty()).then(value));
        reader.goes_on()?;
    }
    Ok(values)
}

/// The labels that a series would have that is not there.
fn absent_labels(asked: &Asked<'_>) -> Labels {
    let matchers = &asked.of.log.matchers;
    let once = |name: &str| matchers.iter().filter(|other| other.name() == name).count() == 1;
    let found = matchers.iter().filter(|one| one.op() == MatchOp::Equal && once(one.name()));
    Labels::new(found.map(|one| Label::new(one.name(), one.value())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_belongs_to_the_windows_that_hold_it() {
        for (start, step, range, count) in
            [(100, 10, 25, 6), (100, 10, 10, 6), (100, 10, 3, 6), (95, 7, 70, 6), (100, 0, 30, 1)]
        {
            let grid = Grid { start, step, count };
            for time in 20..180 {
                let windows = Windows::of(time, grid, range);
                for place in 0..grid.count {
                    let end = grid.time(place);
                    let held = time > end - range && time <= end;
                    let found = (windows.first..windows.end).contains(&(place as i64));
                    assert_eq!(found, held, "{time} in window {place} of {grid:?} with {range}");
                }
                let until = Windows::until(time, grid, range);
                let same =
                    (time..=until.min(200)).all(|at| Windows::of(at, grid, range) == windows);
                assert!(until >= time && same, "{time} until {until} of {grid:?} with {range}");
            }
        }
    }
}
