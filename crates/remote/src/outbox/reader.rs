//! Reads a shard from where it has been sent up to.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use vigie_model::Labels;
use vigie_store::disk::ReadFile;
use vigie_store::frame;

use super::Pushed;
use super::position::{Place, PositionFile, Progress};
use super::record::{MAGIC, Record, read};
use super::shard::{Shard, segment_path};

/// Bytes that are read at once; more where no record ends within them.
const WINDOW: u64 = 256 << 10;

/// What is sent together.
#[derive(Debug, Default)]
pub(crate) struct OutBatch {
    /// The samples, in the order in which they were pushed.
    pub samples: Vec<Pushed>,
    /// It was being sent when Vigie ended: it may have arrived.
    pub uncertain: bool,
    pushed_at: Option<i64>,
    damaged: u64,
    /// Where the first of them is.
    segment: Option<u64>,
}

/// A shard that is being sent: one at a time.
pub(crate) struct Source {
    shard: Arc<Shard>,
    file: PositionFile,
    progress: Progress,
    at: Place,
    series: HashMap<u32, Labels>,
    /// Of which segment `series` is.
    series_of: u64,
}

/// What is there to be read.
struct View {
    first: u64,
    floor: u64,
    end: Place,
    next: Option<u64>,
}

impl Source {
    /// Opens a shard where it has been sent up to.
    pub(super) fn open(shard: Arc<Shard>) -> io::Result<Self> {
        let (file, progress) = PositionFile::open(&shard.dir.join("position"))?;
        let at = progress.done;
        Ok(Self { shard, file, progress, at, series: HashMap::new(), series_of: 0 })
    }

    /// The shard, for its figures.
    pub(crate) fn shard(&self) -> &Arc<Shard> {
        &self.shard
    }

    /// The next samples, about `most`; what was being sent when Vigie ended comes first, and just that. Nothing when all
    /// is sent.
    pub(crate) fn next(&mut self, most: usize) -> io::Result<Option<OutBatch>> {
        loop {
            let uncertain = self.progress.sending > self.progress.done;
            let start = self.at;
            let until = uncertain.then_some(self.progress.sending);
            let batch = self.read(most, until)?;
            let mut state = self.shard.lock();
            let first = state.segments.front().map_or(0, |segment| segment.number);
            if batch.segment.is_some_and(|segment| segment < first) {
                // It was dropped, and counted so, while it was read.
                self.at = start;
                continue;
            }
            state.taken = state.taken.max(self.at.ordinal);
            state.status.damaged += batch.damaged;
            state.status.oldest = batch.pushed_at;
            drop(state);
            if batch.samples.is_empty() {
                self.progress.sending = self.at;
                if self.at != start || uncertain {
                    self.done();
                }
                if uncertain {
                    continue;
                }
                return Ok(None);
            }
            self.progress = Progress { done: self.progress.done, sending: self.at };
            self.keep();
            return Ok(Some(OutBatch { uncertain, ..batch }));
        }
    }

    /// What [`Self::next`] gave is done with.
    pub(crate) fn done(&mut self) {
        self.progress.done = self.progress.sending;
        self.keep();
        let mut gone = Vec::new();
        {
            let mut state = self.shard.lock();
            state.done = self.progress.done.ordinal;
            state.status.oldest = None;
            let segment = self.progress.done.segment;
            while state.segments.front().is_some_and(|first| first.number < segment) {
                gone.extend(state.segments.pop_front().map(|first| first.number));
            }
        }
        gone.iter().for_each(|number| remove(&segment_path(&self.shard.dir, *number)));
    }

    fn keep(&mut self) {
        if let Err(error) = self.file.write(&self.progress) {
            tracing::warn!(%error, "how far the queue was sent could not be written: after a restart some comes again");
        }
    }

    fn view(&self) -> View {
        let state = self.shard.lock();
        let numbers = state.segments.iter().map(|segment| segment.number);
        View {
            first: state.segments.front().map_or(self.at.segment, |first| first.number),
            floor: state.floor,
            end: state.end,
            next: numbers.into_iter().find(|number| *number > self.at.segment),
        }
    }

    fn read(&mut self, most: usize, until: Option<Place>) -> io::Result<OutBatch> {
        let mut batch = OutBatch::default();
        loop {
            let view = self.view();
            if self.at.segment < view.first {
                if !batch.samples.is_empty() {
                    break;
                }
                let ordinal = self.at.ordinal.max(view.floor);
                self.at = Place { segment: view.first, offset: 0, ordinal };
                continue;
            }
            if self.enough(&batch, most, until) {
                break;
            }
            if before_or_at(view.end, self.at) {
                batch.damaged += view.end.ordinal.saturating_sub(self.at.ordinal);
                self.at.ordinal = self.at.ordinal.max(view.end.ordinal);
                break;
            }
            self.advance(&view, &mut batch, most, until)?;
        }
        Ok(batch)
    }

    fn enough(&self, batch: &OutBatch, most: usize, until: Option<Place>) -> bool {
        match until {
            Some(until) => before_or_at(until, self.at),
            None => batch.samples.len() >= most,
        }
    }

    /// Reads on within a segment, or goes to the next.
    fn advance(
        &mut self,
        view: &View,
        batch: &mut OutBatch,
        most: usize,
        until: Option<Place>,
    ) -> io::Result<()> {
        let file = match ReadFile::open(&segment_path(&self.shard.dir, self.at.segment)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.leave(view);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let active = self.at.segment == view.end.segment;
        let end = if active { view.end.offset.min(file.length) } else { file.length };
        self.at.offset = self.at.offset.max(MAGIC.len() as u64);
        if self.at.offset >= end {
            self.leave(view);
            return Ok(());
        }
        if self.series_of != self.at.segment {
            self.read_series(&file)?;
        }
        let base = self.at.offset;
        let mut window = WINDOW;
        let (bytes, found) = loop {
            let length = window.min(end - base);
            let bytes = file.read(base, length as usize)?;
            let found = frame::scan(&bytes, 0);
            if !found.bodies.is_empty() || length == end - base {
                break (bytes, found);
            }
            window *= 4;
        };
        if found.bodies.is_empty() {
            self.at.offset = end;
        }
        for body in found.bodies {
            self.at.offset = base + body.end as u64;
            // What cannot be read is missed by the number of the next sample.
            if let Ok(Record::Samples(record)) = read(&bytes[body], &mut self.series, true) {
                batch.damaged += record.ordinal.saturating_sub(self.at.ordinal);
                batch.damaged += record.count - record.samples.len() as u64;
                self.at.ordinal = record.end();
                batch.pushed_at = Some(batch.pushed_at.unwrap_or(i64::MAX).min(record.pushed_at));
                batch.samples.extend(record.samples);
                batch.segment = batch.segment.or(Some(self.at.segment));
            }
            if self.enough(batch, most, until) {
                break;
            }
        }
        Ok(())
    }

    fn leave(&mut self, view: &View) {
        let ordinal = self.at.ordinal;
        self.at = match view.next {
            Some(segment) => Place { segment, offset: 0, ordinal },
            None => Place { ordinal, ..view.end },
        };
    }

    /// The series that were told before the place from which is read.
    fn read_series(&mut self, file: &ReadFile) -> io::Result<()> {
        self.series.clear();
        self.series_of = self.at.segment;
        let begin = MAGIC.len() as u64;
        if self.at.offset > begin {
            let bytes = file.read(begin, (self.at.offset - begin) as usize)?;
            for body in frame::scan(&bytes, 0).bodies {
                // Only series matter here, and a record that cannot be read is noticed by its samples.
                drop(read(&bytes[body], &mut self.series, false));
            }
        }
        Ok(())
    }
}

fn before_or_at(one: Place, other: Place) -> bool {
    (one.segment, one.offset) <= (other.segment, other.offset)
}

pub(super) fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, path = %path.display(), "a part of the queue that is no longer needed stays");
    }
}
