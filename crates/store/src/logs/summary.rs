//! Counts instead of entries: by time and level, by the values of fields; and which labels there are.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use vigie_model::Level;

use super::columns::{Few, labels_of, level};
use super::filter::{LogFilter, field_of_label};
use super::part::{LEVELS, MINUTE_NANOS};
use super::rows::{Rows, Unit};
use super::scan::{Cancelled, LogReadError};
use super::store::LogStore;
use crate::block_file::BlockError;

/// So many distinct values of one field or label are told apart; further ones are not counted.
const MOST_VALUES: usize = 10_000;
/// So many steps of a histogram.
const MOST_STEPS: usize = 20_000;

/// Entries of a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistogramStep {
    /// Where it begins, in nanoseconds since the Unix epoch; a multiple of the step.
    pub start_nanos: i64,
    /// How many, by [`Level`] as a number.
    pub counts: [u64; LEVELS],
}

/// A value and how many entries have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facet {
    /// The value; entries without one are not counted.
    pub value: Arc<str>,
    /// How many.
    pub count: u64,
}

/// The most frequent values, the most frequent first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facets {
    /// By level, the worst first.
    pub levels: Vec<(Level, u64)>,
    /// Of [`vigie_model::LogEntry::kind`].
    pub kinds: Vec<Facet>,
    /// Of sources.
    pub sources: Vec<Facet>,
    /// Of instances.
    pub instances: Vec<Facet>,
    /// Of queues.
    pub queues: Vec<Facet>,
    /// All entries.
    pub total: u64,
    /// Parts of blocks that could not be read.
    pub unreadable: usize,
}

const FACETS: [Few; 4] = [Few::Kind, Few::Source, Few::Instance, Few::Queue];

impl LogStore {
    /// Calls `each` for every unit that may have something, and names those that cannot be read. How many those were.
    fn each_unit(
        &self,
        filter: &mut LogFilter,
        cancelled: Cancelled<'_>,
        mut each: impl FnMut(&LogFilter, Unit) -> Result<(), BlockError>,
    ) -> Result<usize, LogReadError> {
        let mut unreadable = 0;
        for unit in self.0.units(filter) {
            if cancelled() {
                return Err(LogReadError::Cancelled);
            }
            if let Err(error) = each(filter, unit) {
                self.0.unreadable(&error);
                unreadable += 1;
            }
        }
        Ok(unreadable)
    }

    /// How many entries each step has, by level; steps without entries are left out. `step_nanos` is made at least
    /// long enough that there are no more than 20,000 steps.
    ///
    /// # Errors
    /// When `cancelled` says so.
    pub fn histogram(
        &self,
        mut filter: LogFilter,
        step_nanos: i64,
        cancelled: Cancelled<'_>,
    ) -> Result<Vec<HistogramStep>, LogReadError> {
        let mut steps: BTreeMap<i64, [u64; LEVELS]> = BTreeMap::new();
        let mut step = step_nanos.max(1);
        self.each_unit(&mut filter, cancelled, |filter, unit| {
            let mut add = |time: i64, counts: &[u64; LEVELS]| {
                let sums = steps.entry(time.div_euclid(step) * step).or_default();
                sums.iter_mut()
                    .zip(counts)
                    .skip(filter.min_level as usize)
                    .for_each(|(sum, count)| *sum += count);
            };
            let covered = |part: &super::part::PartMeta| {
                part.start >= filter.start_nanos && part.end <= filter.end_nanos
            };
            if let Some(part) = unit.part()
                && filter.is_plain()
                && step % MINUTE_NANOS == 0
                && covered(part)
            {
                part.counts()
                    .for_each(|(minute, counts)| add(minute.saturating_mul(MINUTE_NANOS), &counts));
            } else {
                let rows = Rows::new(unit);
                let wanted = filter.rows(&rows)?;
                if !wanted.is_empty() {
                    let (times, levels) = (rows.times()?, rows.levels()?);
                    // Rows of one step follow each other.
                    let (mut of, mut counts) = (0..0, [0; LEVELS]);
                    for row in wanted {
                        let row = row as usize;
                        let time = times.get(row).copied().unwrap_or(0);
                        if !of.contains(&time) {
                            add(of.start, &std::mem::take(&mut counts));
                            let start = time.div_euclid(step) * step;
                            of = start..start.saturating_add(step);
                        }
                        let level = usize::from(levels.get(row).copied().unwrap_or(0));
                        if let Some(count) = counts.get_mut(level.min(LEVELS - 1)) {
                            *count += 1;
                        }
                    }
                    add(of.start, &counts);
                }
            }
            while steps.len() > MOST_STEPS {
                step = step.saturating_mul(2);
                for (time, counts) in std::mem::take(&mut steps) {
                    let sums = steps.entry(time.div_euclid(step) * step).or_default();
                    sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
                }
            }
            Ok(())
        })?;
        let all = steps.into_iter().filter(|(_, counts)| counts.iter().any(|count| *count > 0));
        Ok(all.map(|(start_nanos, counts)| HistogramStep { start_nanos, counts }).collect())
    }

    /// The `top` most frequent values of level, type, source, instance and queue.
    ///
    /// # Errors
    /// When `cancelled` says so.
    pub fn facets(
        &self,
        mut filter: LogFilter,
        top: usize,
        cancelled: Cancelled<'_>,
    ) -> Result<Facets, LogReadError> {
        let mut levels = [0u64; LEVELS];
        let mut values: [HashMap<Arc<str>, u64>; 4] = Default::default();
        let mut total = 0;
        let unreadable = self.each_unit(&mut filter, cancelled, |filter, unit| {
            let rows = Rows::new(unit);
            let wanted = filter.rows(&rows)?;
            if wanted.is_empty() {
                return Ok(());
            }
            // Everything that can fail first, so that a part counts as a whole or not at all.
            let codes = rows.levels()?;
            for which in FACETS {
                rows.few(which)?;
            }
            total += wanted.len() as u64;
            for row in &wanted {
                let level = usize::from(codes.get(*row as usize).copied().unwrap_or(0));
                if let Some(count) = levels.get_mut(level.min(LEVELS - 1)) {
                    *count += 1;
                }
            }
            for (which, sums) in FACETS.into_iter().zip(&mut values) {
                let column = rows.few(which)?;
                let mut counts = vec![0u64; column.values.len()];
                for row in &wanted {
                    let code =
                        column.codes.get(*row as usize).copied().map_or(usize::MAX, usize::from);
                    if let Some(count) = counts.get_mut(code) {
                        *count += 1;
                    }
                }
                for (value, count) in column
                    .values
                    .iter()
                    .zip(counts)
                    .filter(|(value, count)| *count > 0 && !value.is_empty())
                {
                    if let Some(sum) = sums.get_mut(value) {
                        *sum += count;
                    } else if sums.len() < MOST_VALUES {
                        sums.insert(value.clone(), count);
                    }
                }
            }
            Ok(())
        })?;
        let [kinds, sources, instances, queues] = values.map(|sums| {
            let mut all: Vec<Facet> =
                sums.into_iter().map(|(value, count)| Facet { value, count }).collect();
            all.sort_by(|one, two| {
                two.count.cmp(&one.count).then_with(|| one.value.cmp(&two.value))
            });
            all.truncate(top);
            all
        });
        let levels = (0u8..)
            .zip(levels)
            .filter(|(_, count)| *count > 0)
            .map(|(number, count)| (level(number), count));
        let mut levels: Vec<(Level, u64)> = levels.collect();
        levels.reverse();
        Ok(Facets { levels, kinds, sources, instances, queues, total, unreadable })
    }

    /// The distinct streams in a stretch of time, as Loki's API shows them: labels, with the fields `level`, `type`, `source`,
    /// `instance` and `queue` where an entry has them. At most `limit`.
    ///
    /// # Errors
    /// When `cancelled` says so.
    pub fn streams(
        &self,
        mut filter: LogFilter,
        limit: usize,
        cancelled: Cancelled<'_>,
    ) -> Result<Vec<vigie_model::Labels>, LogReadError> {
        let mut streams = BTreeSet::new();
        self.each_unit(&mut filter, cancelled, |filter, unit| {
            let rows = Rows::new(unit);
            let wanted = filter.rows(&rows)?;
            if wanted.is_empty() {
                return Ok(());
            }
            let levels = rows.levels()?;
            let columns = [
                rows.few(Few::Labels)?,
                rows.few(Few::Kind)?,
                rows.few(Few::Source)?,
                rows.few(Few::Instance)?,
                rows.few(Few::Queue)?,
            ];
            let mut seen = BTreeSet::new();
            for row in wanted {
                let row = row as usize;
                let codes = columns.map(|column| column.codes.get(row).copied().unwrap_or(0));
                let number = levels.get(row).copied().unwrap_or(0);
                if streams.len() >= limit || !seen.insert((codes, number)) {
                    continue;
                }
                let value = |column: usize| {
                    columns
                        .get(column)
                        .and_then(|column| column.get(row))
                        .map_or("", |value| &**value)
                };
                let fields = [
                    ("type", value(1)),
                    ("source", value(2)),
                    ("instance", value(3)),
                    ("queue", value(4)),
                ];
                let word = if number == 0 { "" } else { level(number).as_str() };
                let labels = labels_of(value(0)).unwrap_or_default();
                let own = labels.iter().map(|label| (&*label.name, &*label.value));
                streams.insert(vigie_model::Labels::from_pairs(
                    [("level", word)].into_iter().chain(fields).chain(own),
                ));
            }
            Ok(())
        })?;
        Ok(streams.into_iter().collect())
    }

    /// Names of labels in a stretch of time, the fields that are shown as labels included; or, where `name` is given, its
    /// values. Ascending, at most 10,000. Whole parts are looked at: a value may be just outside of the range, or of
    /// entries that only other conditions rule out.
    ///
    /// # Errors
    /// When `cancelled` says so.
    pub fn labels(
        &self,
        mut filter: LogFilter,
        name: Option<&str>,
        cancelled: Cancelled<'_>,
    ) -> Result<Vec<String>, LogReadError> {
        let mut found: BTreeSet<String> = BTreeSet::new();
        self.each_unit(&mut filter, cancelled, |_, unit| {
            let rows = Rows::new(unit);
            let mut add = |text: &str| {
                if found.len() < MOST_VALUES && !text.is_empty() {
                    found.insert(text.to_owned());
                }
            };
            for labels in &rows.few(Few::Labels)?.values {
                let labels = labels_of(labels).unwrap_or_default();
                match name {
                    Some(name) => add(labels.get(name).unwrap_or_default()),
                    None => labels.iter().for_each(|label| add(&label.name)),
                }
            }
            for (which, label) in [
                (Few::Kind, "type"),
                (Few::Source, "source"),
                (Few::Instance, "instance"),
                (Few::Queue, "queue"),
            ] {
                if name.is_none_or(|name| name == label) {
                    for value in rows.few(which)?.values.iter().filter(|value| !value.is_empty()) {
                        add(if name.is_some() { value } else { label });
                    }
                }
            }
            if name.is_none_or(|name| field_of_label(name).is_some() && name == "level") {
                for number in rows.levels()?.iter().filter(|number| **number > 0) {
                    add(if name.is_some() { level(*number).as_str() } else { "level" });
                }
            }
            Ok(())
        })?;
        Ok(found.into_iter().collect())
    }
}
