//! Reading: what is selected stays as it was at that moment, and is decoded when it is asked for.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use roaring::RoaringBitmap;
use vigie_model::{Labels, ResetHint};

use crate::block::layout::Row;
use crate::block::{Aggregates, Block, Cache, Kind, Resolution, Values, rows_of};
use crate::block_file::BlockError;
use crate::bytes::Corrupt;
use crate::head::{Extent, Head};
use crate::matcher::Matcher;
use crate::merge::{Merged, Run};
use crate::read::{
    Coarse, FoundSeries, Hints, ReadError, Samples, SeriesReader, Storage, Stretch, TimeRange,
};
use crate::repeat::repeated;
use crate::resolution::{DAY, Part, around, choose, day, seen};
use crate::status::Damage;
use crate::store::{Inner, Store, View};

/// What all series of one selection read from.
struct Sources {
    inner: Arc<Inner>,
    range: TimeRange,
    hints: Hints,
    /// The series that were selected.
    ids: RoaringBitmap,
    /// What blocks answer, by time, or by generation where they overlap; and where in each the chunks of the series are, as soon
    /// as one is read: series that come by their labels are anywhere in a block's pages.
    parts: Vec<(Part, OnceLock<Vec<Row>>)>,
    /// Whether these are read ahead: they are held until the query ends, which many of many series in many blocks must not be.
    ahead: bool,
    frozen: Option<Arc<Head>>,
    active: Arc<Head>,
    cache: Cache,
    /// What may still be done of [`Hints::at_once`].
    left: Option<AtomicU64>,
}

/// What a histogram costs, in samples.
const HISTOGRAM: u64 = 50;

/// So many places of chunks are held by a query: about 10 MB.
const AHEAD: u64 = 200_000;

/// One series of a selection.
struct Reader {
    sources: Arc<Sources>,
    id: u32,
    frozen: Option<Extent>,
    active: Option<Extent>,
}

impl SeriesReader for Reader {
    fn read(&self) -> Result<Samples, ReadError> {
        let mut samples = Samples::default();
        self.read_into(&mut samples)?;
        Ok(samples)
    }

    fn read_into(&self, samples: &mut Samples) -> Result<(), ReadError> {
        let sources = &*self.sources;
        if let Some((time, value)) = self.newest() {
            samples.clear();
            samples.float_times.push(time);
            samples.floats.push(value);
            return Ok(());
        }
        let sum = sources.hints.stretch == Stretch::Sum;
        let merged = if sum { Merged::weighted() } else { Merged::default() };
        let mut merged = merged.within(std::mem::take(samples));
        let mut coarse: Option<Coarse> = None;
        for (part, rows) in &sources.parts {
            let before = merged.len();
            sources.read_part(part, rows, self.id, &mut merged)?;
            let step = part.block.meta.resolution.step();
            if let Some(newest) = merged.newest().filter(|_| step > 0 && merged.len() > before) {
                let until = (day(newest) + 1) * DAY - 1;
                let more = |other: Coarse| Coarse {
                    step: step.max(other.step),
                    until: until.max(other.until),
                };
                coarse = Some(coarse.map_or(Coarse { step, until }, more));
            }
        }
        let heads = [(&sources.frozen, self.frozen), (&Some(sources.active.clone()), self.active)];
        for (head, extent) in heads {
            let (Some(head), Some(extent)) = (head, extent) else { continue };
            sources.spend(extent.cost(HISTOGRAM))?;
            let content = head.lock();
            let Some(series) = content.series(self.id) else { continue };
            series
                .read(extent, sources.range, &mut merged)
                .map_err(|Corrupt(what)| ReadError::Damaged(format!("the head: {what}")))?;
        }
        *samples = Samples { coarse, ..merged.finish() };
        let parts = sources.parts.iter().map(|(part, _)| part);
        let hourly = parts.filter(|part| sources.repeats(&part.block));
        let hourly: Vec<TimeRange> = hourly.map(|part| part.range).collect();
        if !hourly.is_empty() {
            *samples = repeated(samples, &hourly, sources.range);
        }
        Ok(())
    }
}

impl Reader {
    /// The newest sample, where that is all that is wanted and it is known without reading those before it.
    fn newest(&self) -> Option<(i64, f64)> {
        let Sources { hints: Hints { newest: true, .. }, range, active, .. } = &*self.sources
        else {
            return None;
        };
        let (time, value) = active.lock().series(self.id)?.newest(self.active?)?;
        let known = time >= active.knows_from;
        (known && time >= range.start && time <= range.end).then_some((time, value))
    }
}

impl Sources {
    /// Counts what is about to be done, in samples.
    fn spend(&self, cost: u64) -> Result<(), ReadError> {
        let Some(left) = &self.left else { return Ok(()) };
        let spent =
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(cost));
        spent.map(drop).map_err(|_| ReadError::NotAtOnce)
    }

    /// Adds what there is of a series.
    fn read_part(
        &self,
        part: &Part,
        rows: &OnceLock<Vec<Row>>,
        id: u32,
        merged: &mut Merged,
    ) -> Result<(), ReadError> {
        let block = &part.block;
        let resolution = block.meta.resolution;
        let range = around(self.range, resolution, self.hints.stretch);
        let range = TimeRange {
            start: range.start.max(part.range.start),
            end: range.end.min(part.range.end),
        };
        let own;
        let rows = match rows.get() {
            Some(rows) => rows_of(rows, id),
            None if self.ahead => {
                let lost = |error| self.damaged(block, &error);
                let all = block.all_rows(&self.ids, range, &self.cache, lost)?;
                rows_of(rows.get_or_init(|| all), id)
            }
            None => {
                own = match block.rows(id, &self.cache) {
                    Ok(rows) => rows,
                    Err(error) => return self.damaged(block, &error),
                };
                &own
            }
        };
        let rows = rows.iter().filter(|row| row.overlaps(range));
        let has_sums = rows.clone().any(|row| row.kind == Kind::Merged);
        for row in rows.filter(|row| self.wants(row, resolution)) {
            let each = if row.kind == Kind::Floats { 1 } else { HISTOGRAM };
            self.spend(u64::from(row.column.count) * each)?;
            if row.kind == Kind::Floats || row.kind == Kind::Aggregates && self.wants_last() {
                let decoded =
                    merged.decoded(range, |floats| block.floats(row, &self.cache, floats));
                decoded.or_else(|error| self.damaged(block, &error))?;
                continue;
            }
            let (times, values) = match block.chunk(row, &self.cache) {
                Ok(chunk) => chunk,
                Err(error) => {
                    self.damaged(block, &error)?;
                    continue;
                }
            };
            match values {
                Values::Floats(values) => merged.floats(Run::new(&times, values, range)),
                Values::Histograms(values) if has_sums && self.hints.stretch == Stretch::Sum => {
                    // Gauges are in the sums.
                    let single = times.iter().zip(values);
                    let single = single.filter(|(_, one)| one.reset_hint != ResetHint::Gauge);
                    let (times, values): (Vec<i64>, _) = single.unzip();
                    merged.histograms(Run::new(&times, values, range));
                }
                Values::Histograms(values) => merged.histograms(Run::new(&times, values, range)),
                Values::Aggregates(values) => self.aggregates(&times, values, range, merged),
                Values::Merged(sums, counts) => {
                    let sums = sums.into_iter().zip(counts).collect();
                    merged.histogram_sums(Run::new(&times, sums, range));
                }
            }
        }
        Ok(())
    }

    /// Whether a chunk of a block has what is looked at. Floats in a block of low resolution are those around falls: within
    /// stretches, so that at their ends nothing is seen of them.
    fn wants(&self, row: &Row, resolution: Resolution) -> bool {
        let Hints { stretch, grid, .. } = self.hints;
        let whole = || grid > 0 && grid % resolution.step() == 0;
        match row.kind {
            _ if resolution == Resolution::Raw => {
                let times = TimeRange { start: row.column.start, end: row.column.end };
                seen(times, resolution, self.hints)
            }
            Kind::Floats => self.wants_last() && !(stretch == Stretch::Standing && whole()),
            Kind::Merged => stretch == Stretch::Sum,
            Kind::Histograms | Kind::Aggregates => true,
        }
    }

    /// Whether the last value of a stretch stands for it.
    fn wants_last(&self) -> bool {
        matches!(self.hints.stretch, Stretch::Last | Stretch::Standing | Stretch::Line)
    }

    fn repeats(&self, block: &Block) -> bool {
        block.meta.resolution == Resolution::Hour && self.hints.stretch == Stretch::Last
    }

    fn aggregates(&self, times: &[i64], all: Aggregates, range: TimeRange, merged: &mut Merged) {
        let column = if self.hints.stretch == Stretch::Min { &all.min } else { &all.max };
        // A stretch of nothing but staleness markers has no samples.
        let full = all.count.iter().enumerate().filter(|(_, count)| **count > 0.0);
        let full: Vec<usize> = full.map(|(place, _)| place).collect();
        let of = |column: &[f64], place: usize| column.get(place).copied().unwrap_or(f64::NAN);
        let times: Vec<i64> = full.iter().filter_map(|place| times.get(*place).copied()).collect();
        if self.hints.stretch == Stretch::Sum {
            let sums = full.iter().map(|place| (of(&all.sum, *place), of(&all.count, *place)));
            return merged.sums(Run::new(&times, sums.collect(), range));
        }
        let values = full.iter().map(|place| of(column, *place)).collect();
        merged.floats(Run::new(&times, values, range));
    }

    /// What is damaged is left out and named; a disk that fails is an error.
    fn damaged(&self, block: &Block, error: &BlockError) -> Result<(), ReadError> {
        if let BlockError::Disk { error, .. } = error
            && error.kind() == io::ErrorKind::WouldBlock
        {
            return Err(ReadError::NotAtOnce);
        }
        if let BlockError::Disk { .. } = error {
            return Err(ReadError::Damaged(error.to_string()));
        }
        let file = format!("{}/{}", crate::folder::BLOCKS, block.file.name());
        self.inner.damage(Damage { file, what: format!("{error}; the rest is served") });
        Ok(())
    }
}

impl Store {
    /// Series that match, whenever they have samples.
    fn matching(&self, matchers: &[Matcher]) -> RoaringBitmap {
        self.0.known.index().select(matchers)
    }

    /// The series that match and may have samples within the range.
    fn candidates(&self, matchers: &[Matcher], range: TimeRange) -> RoaringBitmap {
        let view = self.0.view();
        let parts = choose(&view.blocks, range, Hints::default(), &self.0.options);
        within(&self.matching(matchers), range, &view, &parts)
    }
}

/// Those of the series that may have samples within the range: in what answers of blocks, or in a head.
fn within(
    matching: &RoaringBitmap,
    range: TimeRange,
    view: &View,
    parts: &[Part],
) -> RoaringBitmap {
    let mut with_samples = RoaringBitmap::new();
    for part in parts {
        with_samples |= &part.block.meta.series & matching;
    }
    for head in view.frozen.iter().chain([&view.active]) {
        let content = head.lock();
        for id in &content.ids & matching {
            let bounds = content.series(id).and_then(crate::head::HeadSeries::bounds);
            if bounds.is_some_and(|bounds| bounds.0 <= range.end && bounds.1 >= range.start) {
                with_samples.insert(id);
            }
        }
    }
    with_samples
}

/// By their times where none overlaps another: what is read of them then ascends. Others stay as they are, by generation, as
/// what was written first counts.
fn in_time(parts: Vec<Part>) -> Vec<Part> {
    let start = |part: &Part| part.range.start.max(part.block.meta.start);
    let end = |part: &Part| part.range.end.min(part.block.meta.end);
    let mut ascending = parts.clone();
    ascending.sort_by_key(start);
    let apart = ascending.windows(2).all(|pair| end(&pair[0]) < start(&pair[1]));
    if apart { ascending } else { parts }
}

/// About how many chunks of these series there are.
fn expected(parts: &[Part], ids: &RoaringBitmap) -> u64 {
    parts.iter().map(|part| part.block.expected_rows(ids)).sum()
}

impl Storage for Store {
    fn select(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        step: i64,
    ) -> Result<Vec<FoundSeries>, ReadError> {
        self.select_for(matchers, range, Hints { step, ..Hints::default() })
    }

    fn select_for(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        hints: Hints,
    ) -> Result<Vec<FoundSeries>, ReadError> {
        if hints.at_once.is_some() && matchers.iter().any(Matcher::is_regex) {
            return Err(ReadError::NotAtOnce);
        }
        let matching = self.matching(matchers);
        let left = hints.at_once.map(|all| all.checked_sub(matching.len() * Hints::SERIES));
        let left = left.map(|left| left.ok_or(ReadError::NotAtOnce)).transpose()?;
        let view = self.0.view();
        let parts = in_time(choose(&view.blocks, range, hints, &self.0.options));
        let found = within(&matching, range, &view, &parts);
        let overlapping = |head: &Arc<Head>| head.overlaps(range.start, range.end);
        let frozen = view.frozen.filter(overlapping);
        // Hourly values are repeated after their time.
        let whole = parts.iter().all(|part| part.block.meta.resolution == Resolution::Raw);
        let sources = Arc::new(Sources {
            inner: self.0.clone(),
            range,
            hints: Hints { newest: hints.newest && whole, ..hints },
            // What must be done at once may end after a few series: it reads no more than these need.
            ahead: left.is_none() && expected(&parts, &found) <= AHEAD,
            ids: found,
            parts: parts.into_iter().map(|part| (part, OnceLock::new())).collect(),
            frozen,
            active: view.active,
            cache: Cache::at_once(left.is_some()),
            left: left.map(AtomicU64::new),
        });
        let index = self.0.known.index();
        let frozen = sources.frozen.as_ref().map(|head| head.lock());
        let active = sources.active.lock();
        let mut all: Vec<FoundSeries> = Vec::with_capacity(sources.ids.len() as usize);
        for id in &sources.ids {
            let Some(labels) = index.labels(id) else { continue };
            let with =
                |head: &crate::head::Content| head.series(id).map(crate::head::HeadSeries::extent);
            let reader = Reader {
                sources: sources.clone(),
                id,
                frozen: frozen.as_ref().and_then(|head| with(head)),
                active: with(&active),
            };
            all.push(FoundSeries { labels, reader: Box::new(reader) });
        }
        drop((frozen, active, index));
        all.sort_unstable_by(|one, two| one.labels.cmp(&two.labels));
        Ok(all)
    }

    fn series(&self, matchers: &[Matcher], range: TimeRange) -> Result<Vec<Labels>, ReadError> {
        let found = self.candidates(matchers, range);
        let index = self.0.known.index();
        let mut all: Vec<Labels> = found.iter().filter_map(|id| index.labels(id)).collect();
        all.sort_unstable();
        Ok(all)
    }

    fn label_names(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Vec<String>, ReadError> {
        let found = self.candidates(matchers, range);
        let index = self.0.known.index();
        let mut names = index.names(&found);
        names.sort_unstable();
        Ok(names)
    }

    fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Vec<String>, ReadError> {
        let found = self.candidates(matchers, range);
        let index = self.0.known.index();
        let mut values = index.values(name, &found);
        values.sort_unstable();
        Ok(values)
    }
}
