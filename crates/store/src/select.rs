//! Reading: what is selected stays as it was at that moment, and is decoded when it is asked for.

use std::sync::Arc;

use roaring::RoaringBitmap;
use vigie_model::Labels;

use crate::block::{Block, BlockError, Cache, Resolution, Values};
use crate::bytes::Corrupt;
use crate::head::{Extent, Head};
use crate::matcher::Matcher;
use crate::merge::{Merged, Run};
use crate::read::{FoundSeries, ReadError, Samples, SeriesReader, Storage, TimeRange};
use crate::resolution::choose;
use crate::status::Damage;
use crate::store::{Inner, Store, View};

/// What all series of one selection read from.
struct Sources {
    inner: Arc<Inner>,
    range: TimeRange,
    /// By generation.
    blocks: Vec<Arc<Block>>,
    frozen: Option<Arc<Head>>,
    active: Arc<Head>,
    cache: Cache,
}

/// One series of a selection.
struct Reader {
    sources: Arc<Sources>,
    id: u32,
    frozen: Option<Extent>,
    active: Option<Extent>,
}

impl SeriesReader for Reader {
    fn read(&self) -> Result<Samples, ReadError> {
        let sources = &*self.sources;
        let mut merged = Merged::default();
        for block in &sources.blocks {
            sources.read_block(block, self.id, &mut merged)?;
        }
        let heads = [(&sources.frozen, self.frozen), (&Some(sources.active.clone()), self.active)];
        for (head, extent) in heads {
            let (Some(head), Some(extent)) = (head, extent) else { continue };
            let content = head.lock();
            let Some(series) = content.series(self.id) else { continue };
            let runs = series
                .read(extent, sources.range.start, sources.range.end)
                .map_err(|Corrupt(what)| ReadError::Damaged(format!("the head: {what}")))?;
            drop(content);
            runs.into_iter().for_each(|run| merged.add_samples(run));
        }
        Ok(merged.finish())
    }
}

impl Sources {
    fn read_block(
        &self,
        block: &Arc<Block>,
        id: u32,
        merged: &mut Merged,
    ) -> Result<(), ReadError> {
        let (range, hourly) = (self.range, block.meta.resolution == Resolution::Hour);
        // Hourly values are repeated, also into the range from before it.
        let start = range.start.saturating_sub(if hourly { Resolution::Hour.step() } else { 0 });
        let rows = match block.rows(id, start, range.end, &self.cache) {
            Ok(rows) => rows,
            Err(error) => return self.damaged(block, &error),
        };
        for row in rows {
            let (times, values) = match block.chunk(&row, &self.cache) {
                Ok(chunk) => chunk,
                Err(error) => {
                    self.damaged(block, &error)?;
                    continue;
                }
            };
            match values {
                Values::Floats(values) => merged.floats(Run::new(&times, values, range)),
                Values::Histograms(values) => merged.histograms(Run::new(&times, values, range)),
                Values::Aggregates(values) if hourly => {
                    let (times, values) = repeated(&times, &values.last);
                    merged.floats(Run::new(&times, values, range));
                }
                Values::Aggregates(values) => merged.floats(Run::new(&times, values.last, range)),
            }
        }
        Ok(())
    }

    /// What is damaged is left out and named; a disk that fails is an error.
    fn damaged(&self, block: &Block, error: &BlockError) -> Result<(), ReadError> {
        if let BlockError::Disk { .. } = error {
            return Err(ReadError::Damaged(error.to_string()));
        }
        let file = format!("{}/{}", crate::open::BLOCKS, block.name());
        self.inner.damage(Damage { file, what: format!("{error}; the rest is served") });
        Ok(())
    }
}

/// Hourly values every five minutes, until the next one.
fn repeated(times: &[i64], values: &[f64]) -> (Vec<i64>, Vec<f64>) {
    let (mut all_times, mut all) = (Vec::new(), Vec::new());
    for (place, (time, value)) in times.iter().zip(values).enumerate() {
        let next = times.get(place + 1).copied().unwrap_or(i64::MAX);
        let until = next.min(time.saturating_add(Resolution::Hour.step()));
        let mut at = *time;
        while at < until {
            all_times.push(at);
            all.push(*value);
            if crate::is_stale(*value) {
                break;
            }
            at += Resolution::FiveMinutes.step();
        }
    }
    (all_times, all)
}

impl Store {
    /// The series that match and may have samples within the range.
    fn candidates(&self, matchers: &[Matcher], range: TimeRange, view: &View) -> RoaringBitmap {
        let index = self.0.known.index();
        let matching = index.select(matchers);
        drop(index);
        let mut with_samples = RoaringBitmap::new();
        for block in view.blocks.iter().filter(|block| block.overlaps(range.start, range.end)) {
            with_samples |= &block.meta.series & &matching;
        }
        for head in view.frozen.iter().chain([&view.active]) {
            let content = head.lock();
            for id in &content.ids & &matching {
                let bounds = content.series(id).and_then(crate::head::HeadSeries::bounds);
                if bounds.is_some_and(|bounds| bounds.0 <= range.end && bounds.1 >= range.start) {
                    with_samples.insert(id);
                }
            }
        }
        with_samples
    }
}

impl Storage for Store {
    fn select(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        step: i64,
    ) -> Result<Vec<FoundSeries>, ReadError> {
        let view = self.0.view();
        let found = self.candidates(matchers, range, &view);
        let overlapping = |head: &Arc<Head>| head.overlaps(range.start, range.end);
        let sources = Arc::new(Sources {
            inner: self.0.clone(),
            range,
            blocks: choose(&view.blocks, range, step, &self.0.options),
            frozen: view.frozen.filter(overlapping),
            active: view.active,
            cache: Cache::default(),
        });
        let index = self.0.known.index();
        let frozen = sources.frozen.as_ref().map(|head| head.lock());
        let active = sources.active.lock();
        let mut all: Vec<FoundSeries> = Vec::with_capacity(found.len() as usize);
        for id in found {
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
        let found = self.candidates(matchers, range, &self.0.view());
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
        let found = self.candidates(matchers, range, &self.0.view());
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
        let found = self.candidates(matchers, range, &self.0.view());
        let index = self.0.known.index();
        let mut values = index.values(name, &found);
        values.sort_unstable();
        Ok(values)
    }
}
