//! Aggregations of which the source counts the lines, without anybody looking at one of them.

use std::collections::HashMap;
use std::ops::ControlFlow;

use vigie_model::{Label, Labels};

use super::range::{Asked, Kept, Sampler, Windows};
use super::window::Part;
use super::{Grid, enough};
use crate::logql::ast::RangeOp;
use crate::logql::engine::{LogQueryError, Reader};
use crate::logql::source::{Direction, Required, TallyOf};

/// What the source can count; `None`: lines must be looked at.
pub(super) fn countable(sampler: &Sampler<'_>) -> Option<(Vec<Required>, Vec<String>)> {
    let counts = matches!(
        sampler.asked.op,
        RangeOp::Count | RangeOp::Rate | RangeOp::Bytes | RangeOp::BytesRate | RangeOp::Absent
    );
    let (required, true) = sampler.pipeline.required() else { return None };
    let labels = match &sampler.grouping {
        _ if sampler.bare => Vec::new(),
        Some(grouping) if !grouping.without => grouping.labels.clone(),
        _ => return None,
    };
    (counts && sampler.asked.of.unwrap.is_none()).then_some((required, labels))
}

/// The series of an aggregation, if the source could count.
pub(super) fn collect(
    reader: &mut Reader<'_>,
    asked: &Asked<'_>,
    (required, names): (&[Required], &[String]),
    (start, end): (i64, i64),
    grid: Grid,
) -> Result<Option<HashMap<Labels, Kept>>, LogQueryError> {
    let bytes = matches!(asked.op, RangeOp::Bytes | RangeOp::BytesRate);
    let mut series: HashMap<Labels, Vec<(Windows, Part)>> = HashMap::new();
    let (mut held, most) = (0_u64, reader.limits.max_samples);
    let span = (start, end, Direction::Forward);
    let of = TallyOf { labels: names, bytes };
    let counted = reader.tally(&asked.of.log.matchers, required, span, of, |values, lines| {
        let labels = names.iter().zip(values);
        let labels = labels.map(|(name, value)| Label::new(name.as_str(), value.clone()));
        let parts = series.entry(Labels::new(labels.collect())).or_default();
        let before = parts.len();
        add(parts, lines, bytes, grid, asked.of.range);
        held += (parts.len() - before) as u64;
        if held > most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    enough(reader, held)?;
    Ok(counted.then(|| kept(series)))
}

/// Series of which parts of the store gave parts, which overlap.
pub(super) fn kept(series: HashMap<Labels, Vec<(Windows, Part)>>) -> HashMap<Labels, Kept> {
    let sorted = |(labels, mut parts): (Labels, Vec<(Windows, Part)>)| {
        parts.sort_by_key(|(windows, _)| (windows.first, windows.end));
        (labels, Kept::Parts(parts))
    };
    series.into_iter().map(sorted).collect()
}

/// Adds lines to the parts that windows are made of.
fn add(
    parts: &mut Vec<(Windows, Part)>,
    lines: &[(i64, u32)],
    bytes: bool,
    grid: Grid,
    range: i64,
) {
    let mut rest = lines;
    while let Some((time, _)) = rest.first() {
        let (windows, until) =
            (Windows::of(*time, grid, range), Windows::until(*time, grid, range));
        let (same, later) = rest.split_at(rest.partition_point(|(time, _)| *time <= until).max(1));
        rest = later;
        if windows.none() {
            continue;
        }
        let part = if bytes {
            let values = same.iter().map(|(_, bytes)| Part::of(f64::from(*bytes)));
            values.reduce(Part::and)
        } else {
            Some(Part::ones(same.len()))
        };
        match (parts.last_mut(), part) {
            (Some((known, last)), Some(part)) if *known == windows => *last = last.and(part),
            (_, Some(part)) => parts.push((windows, part)),
            _ => {}
        }
    }
}
