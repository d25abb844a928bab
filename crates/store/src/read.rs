//! What a query language needs of a storage. All times are milliseconds since the Unix epoch.

use std::collections::BTreeSet;
use std::sync::Arc;

use vigie_model::{Labels, NativeHistogram};

use crate::matcher::Matcher;

/// From `start` to `end`, both included, in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// The first millisecond.
    pub start: i64,
    /// The last millisecond.
    pub end: i64,
}

/// Samples of one series by ascending time. A series may have changed from floats to histograms and back: no time is
/// in both. Staleness markers are among the floats, as the NaN of [`crate::STALE_BITS`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Samples {
    /// Times of `floats`.
    pub float_times: Vec<i64>,
    /// Values, one a time.
    pub floats: Vec<f64>,
    /// Times of `histograms`.
    pub histogram_times: Vec<i64>,
    /// Histograms, one a time.
    pub histograms: Vec<Arc<NativeHistogram>>,
    /// How many samples each of `floats` is the sum of; empty where each is one. See [`Stretch::Sum`].
    pub float_weights: Vec<f64>,
    /// How many samples each of `histograms` is the sum of; empty where each is one.
    pub histogram_weights: Vec<f64>,
    /// Up to when there is one sample for each stretch; none where every sample is there.
    pub coarse: Option<Coarse>,
}

/// Samples of which each stands for a stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coarse {
    /// How long a stretch is, in milliseconds; the longest where they differ. They begin at multiples of it.
    pub step: i64,
    /// The last millisecond of the newest day that is answered so, since the Unix epoch.
    pub until: i64,
}

impl Samples {
    /// How many samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.floats.len() + self.histograms.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes all of them away; the memory stays.
    pub fn clear(&mut self) {
        self.float_times.clear();
        self.floats.clear();
        self.histogram_times.clear();
        self.histograms.clear();
        self.float_weights.clear();
        self.histogram_weights.clear();
        self.coarse = None;
    }
}

/// Why something could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Reading the disk failed, or what is there is damaged.
    #[error("the store could not be read: {0}")]
    Damaged(String),
    /// A backend elsewhere did not answer.
    #[error("the metrics backend did not answer: {0}")]
    Backend(String),
    /// It takes more than [`Hints::at_once`] allows.
    #[error("this takes longer than may be taken at once")]
    NotAtOnce,
}

/// Reads one series, decoding only when asked to, so that a query over many series holds one at a time.
pub trait SeriesReader: Send + Sync {
    /// The samples within the range that was selected.
    ///
    /// # Errors
    /// When they cannot be read.
    fn read(&self) -> Result<Samples, ReadError>;

    /// The same, in place of what is in `samples`, whose memory is used again. After an error anything may be in it.
    ///
    /// # Errors
    /// When they cannot be read.
    fn read_into(&self, samples: &mut Samples) -> Result<(), ReadError> {
        *samples = self.read()?;
        Ok(())
    }
}

/// A series that was selected.
pub struct FoundSeries {
    /// Its labels, the metric's name included.
    pub labels: Labels,
    /// Reads its samples.
    pub reader: Box<dyn SeriesReader>,
}

/// What is to stand for a stretch of samples where a storage has no longer all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stretch {
    /// The last one, and of hourly ones every five minutes until the next. The samples around each fall of a counter are there,
    /// too.
    #[default]
    Last,
    /// The same, each once: for instant selectors, who know by [`Coarse::step`] how long it stands.
    Standing,
    /// The same, and of stretches one more on either side of the range, for who draws lines between samples: what counters
    /// need.
    Line,
    /// The smallest float.
    Min,
    /// The largest float.
    Max,
    /// The sum, and in [`Samples::float_weights`] and [`Samples::histogram_weights`] how many there were.
    Sum,
}

/// Windows of time of one width, one after the other, without an end. All milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// The last millisecond of the first, since the Unix epoch.
    pub end: i64,
    /// From one to the next, more than 0.
    pub step: i64,
    /// How long each is, its last millisecond included.
    pub width: i64,
}

impl Windows {
    /// Whether one of them has a millisecond of `range`, or comes so near to it as `beside`.
    pub(crate) fn touch(&self, range: TimeRange, beside: i64) -> bool {
        let start = range.start.saturating_sub(beside);
        let end = range.end.saturating_add(beside);
        // The first that is not over when the range begins.
        let late = start.saturating_sub(self.end).max(0);
        let after = late.saturating_add(self.step - 1) / self.step * self.step;
        self.end.saturating_add(after).saturating_sub(self.width) < end
    }
}

/// What samples are needed for. All that it says may be left unheard: then every sample is there, as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hints {
    /// As of [`Storage::select`].
    pub step: i64,
    /// All windows begin and end at multiples of this many milliseconds; 0 where that is not known. Where what is wanted is
    /// made of all samples of a window, one sample a window is enough if it is of just that window.
    pub grid: i64,
    /// What is to stand for a stretch.
    pub stretch: Stretch,
    /// Nothing but these windows is looked at; what lies between them may be left out. None: all of the range is.
    pub windows: Option<Windows>,
    /// Of each series only the newest sample of the range is wanted; those before it may be left out.
    pub newest: bool,
    /// Nothing may be waited for, and no more be done than decoding so many samples takes; else [`ReadError::NotAtOnce`] is
    /// the answer, of the selection or of a reader. None: it takes the time that it takes.
    pub at_once: Option<u64>,
}

impl Hints {
    /// What it costs to find a series, in samples that are decoded: about a quarter of a microsecond.
    pub const SERIES: u64 = 50;
}

/// Where series are read from.
pub trait Storage: Send + Sync {
    /// The series that match all of `matchers` and may have samples within `range`, by ascending labels.
    ///
    /// `step` says how far apart samples may be, in milliseconds: a storage with lower resolutions may then choose one.
    /// It is the smaller of the distance between two points of the answer and of the window that each point is made of:
    /// the lookback of an instant selector; of `x[5m]`, as a rate needs several samples in its window, a fraction of
    /// five minutes. 0 where there is but one point: every sample is wanted.
    ///
    /// # Errors
    /// When the index cannot be read.
    fn select(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        step: i64,
    ) -> Result<Vec<FoundSeries>, ReadError>;

    /// The same for a storage that can say more of a stretch than its last sample, or knows what it can answer at once.
    ///
    /// # Errors
    /// When the index cannot be read, or not at once where that is asked.
    fn select_for(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        hints: Hints,
    ) -> Result<Vec<FoundSeries>, ReadError> {
        if hints.at_once.is_some() {
            return Err(ReadError::NotAtOnce);
        }
        self.select(matchers, range, hints.step)
    }

    /// The labels of all series that match all of `matchers` and may have samples within `range`, ascending.
    ///
    /// # Errors
    /// When the index cannot be read.
    fn series(&self, matchers: &[Matcher], range: TimeRange) -> Result<Vec<Labels>, ReadError> {
        Ok(self.select(matchers, range, 0)?.into_iter().map(|found| found.labels).collect())
    }

    /// The names of all labels of such series, ascending.
    ///
    /// # Errors
    /// When the index cannot be read.
    fn label_names(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Vec<String>, ReadError> {
        let series = self.series(matchers, range)?;
        let names: BTreeSet<&str> =
            series.iter().flat_map(Labels::iter).map(|label| &*label.name).collect();
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    /// The values of one label of such series, ascending.
    ///
    /// # Errors
    /// When the index cannot be read.
    fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Vec<String>, ReadError> {
        let series = self.series(matchers, range)?;
        let values: BTreeSet<&str> = series.iter().filter_map(|labels| labels.get(name)).collect();
        Ok(values.into_iter().map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_touch_what_has_one_of_their_milliseconds() {
        let windows = Windows { end: 100, step: 50, width: 10 };
        let touch = |start, end, beside| windows.touch(TimeRange { start, end }, beside);
        // 91 to 100, 141 to 150, and so on.
        assert!(touch(91, 91, 0) && touch(100, 140, 0) && touch(0, 91, 0) && touch(101, 141, 0));
        assert!(!touch(80, 90, 0) && !touch(101, 140, 0) && !touch(151, 190, 0));
        assert!(touch(150, 150, 0) && touch(191, 195, 0) && touch(i64::MIN, i64::MAX, 0));
        assert!(touch(80, 90, 1) && touch(105, 110, 5) && !touch(105, 110, 4));
    }
}
