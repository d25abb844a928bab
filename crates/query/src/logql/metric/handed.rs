//! Aggregations of which the source hands out lines by the labels that somebody looks at, instead of entries: their texts where somebody
//! looks at these, and nothing but their times where line filters alone decide, which it has applied.

use std::collections::HashMap;
use std::ops::ControlFlow;

use vigie_model::{Label, Labels};
use vigie_store::logs::Messages;

use super::range::{Kept, Sampler, Windows};
use super::window::{Part, of_parts};
use super::{Grid, enough};
use crate::logql::ERROR;
use crate::logql::ast::RangeOp;
use crate::logql::engine::{LogQueryError, LogStats, Reader};
use crate::logql::pipeline::labels::{LabelSet, TAKEN};
use crate::logql::pipeline::logfmt;
use crate::logql::source::{Direction, LinesOf};

/// What is asked for.
pub(super) struct Wanted {
    /// The labels that are looked at.
    names: Vec<String>,
    /// All lines that are handed out count, and nothing but their number or length.
    counted: bool,
}

/// `None`: any label may be looked at, or the order of lines decides.
pub(super) fn wanted(sampler: &Sampler<'_>) -> Option<Wanted> {
    let (op, unwrap) = (sampler.asked.op, &sampler.asked.of.unwrap);
    if !of_parts(op) || matches!(op, RangeOp::First | RangeOp::Last) {
        return None;
    }
    let counted = unwrap.is_none() && sampler.pipeline.required().1;
    let mut names = if counted { Vec::new() } else { sampler.pipeline.names()? };
    sampler.filters.iter().for_each(|filter| filter.names(&mut names));
    names.extend(unwrap.iter().map(|unwrap| unwrap.label.clone()));
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
    let fails = names.iter().any(|name| name.starts_with(ERROR));
    (!fails).then_some(Wanted { names, counted })
}

/// The series of an aggregation, if the source could hand out its lines, and no stage failed on one of them.
pub(super) fn collect(
    reader: &mut Reader<'_>,
    sampler: &Sampler<'_>,
    Wanted { names, counted }: Wanted,
    (start, end): (i64, i64),
    grid: Grid,
) -> Result<Option<HashMap<Labels, Kept>>, LogQueryError> {
    let of = sampler.asked.of;
    let measured = of.unwrap.as_ref().map(|unwrap| unwrap.label.as_str());
    let without = sampler
        .pipeline
        .needs(measured)
        .and_then(|needed| Some((names.iter().position(|name| name == needed)?, needed)));
    let lengths = matches!(sampler.asked.op, RangeOp::Bytes | RangeOp::BytesRate);
    let mut labels = LabelSet::of_only(&names);
    let looked_at = labels.clone();
    let pairs = |line: &str| logfmt::places(line, |key| looked_at.may_want_like(key));
    let texts = match counted {
        true if !lengths => Messages::Nothing,
        false if !lengths && sampler.pipeline.by_pairs_alone() => Messages::Parts(&pairs),
        _ => Messages::Whole,
    };
    let lines = LinesOf { labels: &names, texts, without };
    let (required, _) = sampler.pipeline.required();
    let (mut gathered, most) = (Gathered::default(), reader.limits.max_samples);
    let span = (start, end, Direction::Forward);
    let handed =
        reader.handed(&of.log.matchers, &required, span, lines, |values, lines, stats| {
            let stream = names.iter().zip(values);
            let stream = stream.map(|(name, value)| Label::new(name.as_str(), value.clone()));
            let stream = Labels::new(stream.collect());
            let all = runs(lines, grid, of.range).filter(|(windows, _)| !windows.none());
            if counted {
                labels.begin(&stream, &Labels::default());
                gathered.count(sampler.labels(&labels), all, lengths, stats);
            } else if !gathered.sample(sampler, &stream, &mut labels, all, stats) {
                // To be told with all labels of the line.
                return ControlFlow::Break(false);
            }
            if gathered.held > most { ControlFlow::Break(true) } else { ControlFlow::Continue(()) }
        })?;
    enough(reader, gathered.held)?;
    Ok(handed.then(|| gathered.kept()))
}

type Lines<'a> = &'a [(i64, &'a str)];

/// Lines that belong to the same windows, and those.
fn runs<'a>(
    mut lines: Lines<'a>,
    grid: Grid,
    range: i64,
) -> impl Iterator<Item = (Windows, Lines<'a>)> {
    std::iter::from_fn(move || {
        let (time, _) = *lines.first()?;
        let until = Windows::until(time, grid, range);
        let (same, later) =
            lines.split_at(lines.partition_point(|(time, _)| *time <= until).max(1));
        lines = later;
        Some((Windows::of(time, grid, range), same))
    })
}

/// The parts that windows are made of, of each series.
#[derive(Default)]
struct Gathered {
    series: HashMap<Labels, Vec<(Windows, Part)>>,
    held: u64,
}

impl Gathered {
    /// Adds all lines, by their lengths if these are given.
    fn count<'a>(
        &mut self,
        labels: Labels,
        all: impl Iterator<Item = (Windows, Lines<'a>)>,
        lengths: bool,
        stats: &mut LogStats,
    ) {
        let parts = self.series.entry(labels).or_default();
        for (windows, lines) in all {
            stats.lines_kept += lines.len() as u64;
            let of = |(_, line): &(i64, &str)| Part::of(line.len() as f64);
            let part = match lengths {
                true => lines.iter().map(of).reduce(Part::and),
                false => Some(Part::ones(lines.len())),
            };
            self.held += part.map_or(0, |part| add(parts, windows, part));
        }
    }

    /// Adds what a sampler makes of lines; false: a stage failed on one.
    fn sample<'a>(
        &mut self,
        sampler: &Sampler<'_>,
        stream: &Labels,
        labels: &mut LabelSet,
        all: impl Iterator<Item = (Windows, Lines<'a>)>,
        stats: &mut LogStats,
    ) -> bool {
        let none = Labels::default();
        let named: &[String] = match &sampler.grouping {
            Some(grouping) if !sampler.bare => &grouping.labels,
            _ => &[],
        };
        labels.begin(stream, &none);
        // That of lines in which no parser finds one of the labels that are left.
        let common = sampler.labels(labels);
        let mut found = Vec::new();
        for (windows, lines) in all {
            for (time, line) in lines {
                labels.begin_next(&none);
                let Some(value) = sampler.sample(*time, line, labels) else { continue };
                stats.lines_kept += 1;
                if labels.error().is_some() {
                    return false;
                }
                if labels.differs_in(named) {
                    let parts = self.series.entry(sampler.labels(labels)).or_default();
                    self.held += add(parts, windows, Part::of(value));
                } else {
                    self.held += add(&mut found, windows, Part::of(value));
                }
            }
        }
        if !found.is_empty() {
            self.series.entry(common).or_default().append(&mut found);
        }
        true
    }

    /// Parts of the store gave parts that overlap.
    fn kept(self) -> HashMap<Labels, Kept> {
        let sorted = |(labels, mut parts): (Labels, Vec<(Windows, Part)>)| {
            parts.sort_by_key(|(windows, _)| (windows.first, windows.end));
            (labels, Kept::Parts(parts))
        };
        self.series.into_iter().map(sorted).collect()
    }
}

/// Adds what comes next; how many parts that makes more.
fn add(parts: &mut Vec<(Windows, Part)>, windows: Windows, part: Part) -> u64 {
    match parts.last_mut() {
        Some((known, last)) if *known == windows => {
            *last = last.and(part);
            0
        }
        _ => {
            parts.push((windows, part));
            1
        }
    }
}
