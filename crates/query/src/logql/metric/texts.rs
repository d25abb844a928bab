//! Aggregations over what lines say, of which the source hands out texts instead of entries: with the labels that somebody looks at,
//! and no others.

use std::collections::HashMap;
use std::ops::ControlFlow;

use vigie_model::{Label, Labels};

use super::range::{Kept, Sampler, Windows};
use super::window::{Part, of_parts};
use super::{Grid, enough, tally};
use crate::logql::ERROR;
use crate::logql::ast::RangeOp;
use crate::logql::engine::{LogQueryError, Reader};
use crate::logql::pipeline::labels::{LabelSet, TAKEN};
use crate::logql::source::{Direction, LinesOf};

/// The labels that are looked at; `None`: any may be, or the order of lines decides.
pub(super) fn names(sampler: &Sampler<'_>) -> Option<Vec<String>> {
    let op = sampler.asked.op;
    if !of_parts(op) || matches!(op, RangeOp::First | RangeOp::Last | RangeOp::Absent) {
        return None;
    }
    let mut names = sampler.pipeline.names()?;
    sampler.filters.iter().for_each(|filter| filter.names(&mut names));
    names.extend(sampler.asked.of.unwrap.iter().map(|unwrap| unwrap.label.clone()));
    match &sampler.grouping {
        _ if sampler.bare => {}
        Some(grouping) if !grouping.without => names.extend(grouping.labels.iter().cloned()),
        _ => return None,
    }
    // What a parser finds has another name where the stream has this one.
    let given: Vec<String> =
        names.iter().filter_map(|name| Some(name.strip_suffix(TAKEN)?.to_owned())).collect();
    names.extend(given);
    names.sort_unstable();
    names.dedup();
    (!names.iter().any(|name| name.starts_with(ERROR))).then_some(names)
}

/// The series of an aggregation, if the source could hand out its lines, and no stage failed on one of them.
pub(super) fn collect(
    reader: &mut Reader<'_>,
    sampler: &Sampler<'_>,
    names: Vec<String>,
    (start, end): (i64, i64),
    grid: Grid,
) -> Result<Option<HashMap<Labels, Kept>>, LogQueryError> {
    let of = sampler.asked.of;
    let measured = of.unwrap.as_ref().map(|unwrap| unwrap.label.as_str());
    let without = sampler
        .pipeline
        .needs(measured)
        .and_then(|needed| Some((names.iter().position(|name| name == needed)?, needed)));
    let lines = LinesOf { labels: &names, without };
    let (required, _) = sampler.pipeline.required();
    let mut series: HashMap<Labels, Vec<(Windows, Part)>> = HashMap::new();
    let (mut labels, none) = (LabelSet::of_only(names.clone()), Labels::default());
    let (mut held, most) = (0_u64, reader.limits.max_samples);
    let span = (start, end, Direction::Forward);
    let handed =
        reader.texts(&of.log.matchers, &required, span, lines, |values, lines, stats| {
            let stream = names.iter().zip(values);
            let stream = stream.map(|(name, value)| Label::new(name.as_str(), value.clone()));
            let stream = Labels::new(stream.collect());
            let (mut until, mut windows) = (i64::MIN, Windows { first: 0, end: 0 });
            for (time, line) in lines {
                labels.begin(&stream, &none);
                let Some(value) = sampler.sample(*time, line, &mut labels) else { continue };
                stats.lines_kept += 1;
                if labels.error().is_some() {
                    // To be told with all labels of the line.
                    return ControlFlow::Break(false);
                }
                if *time > until || until == i64::MIN {
                    windows = Windows::of(*time, grid, of.range);
                    until = Windows::until(*time, grid, of.range);
                }
                if windows.none() {
                    continue;
                }
                let parts = series.entry(sampler.labels(&labels)).or_default();
                match parts.last_mut() {
                    Some((known, part)) if *known == windows => *part = part.and(Part::of(value)),
                    _ => {
                        parts.push((windows, Part::of(value)));
                        held += 1;
                    }
                }
            }
            if held > most { ControlFlow::Break(true) } else { ControlFlow::Continue(()) }
        })?;
    enough(reader, held)?;
    Ok(handed.then(|| tally::kept(series)))
}
