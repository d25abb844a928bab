//! Keeps every series of the catalogue in the store, at the interval of its source.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use vigie_model::catalogue::{self, Metric, MetricKind};
use vigie_model::{Label, Labels, METRIC_NAME, NativeHistogram};
use vigie_server::{AppState, SeriesValue, SeriesVisitor, visit_series};
use vigie_store::{
    AppendError, MatchOp, Matcher, STALE_BITS, Sample, SeriesHandle, Storage, Store, TimeRange,
    Value, is_stale,
};

/// Seconds of samples that may wait for a disk that does not answer; more are dropped and counted.
const WAITING: usize = 30;
/// How far back PromQL looks for a sample: a series that ended longer ago needs no mark, in milliseconds.
const LOOKBACK: i64 = 300_000;

/// Series that are kept, and what became of their samples.
pub(crate) struct Recorder {
    store: Store,
    /// Seconds between two samples of the series of each source, and of those that belong to none.
    intervals: HashMap<String, u64>,
    shortest: u64,
    /// By metric and label values, as [`Round::key`] puts them together.
    known: HashMap<String, Known>,
    /// When the last round was, in Unix milliseconds: what is new now was not there then.
    last: i64,
    round: u64,
    waiting: Arc<AtomicUsize>,
    /// Samples that were not kept.
    lost: Arc<AtomicU64>,
}

struct Known {
    series: SeriesHandle,
    interval: u64,
    /// The round in which it was last seen.
    seen: u64,
}

impl Recorder {
    /// A recorder; `intervals` are the seconds between two polls of each source.
    pub(crate) fn new(
        store: Store,
        intervals: impl IntoIterator<Item = (String, f64)>,
        now: i64,
        lost: Arc<AtomicU64>,
    ) -> Self {
        let intervals: HashMap<String, u64> = intervals
            .into_iter()
            .map(|(name, seconds)| (name, (seconds.round() as u64).max(1)))
            .collect();
        Self {
            store,
            shortest: intervals.values().copied().min().unwrap_or(1),
            intervals,
            known: HashMap::new(),
            last: now,
            round: 0,
            waiting: Arc::default(),
            lost,
        }
    }

    /// Keeps everything once a second until `stop`, and then marks all series as ended.
    pub(crate) async fn run(mut self, app: AppState, stop: CancellationToken) {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.mark_left_open();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = second.tick() => self.record(&app),
            }
        }
        self.mark_ended((app.now)().millis());
    }

    /// Keeps what is due in this second.
    pub(crate) fn record(&mut self, app: &AppState) {
        let now = (app.now)().millis();
        self.round += 1;
        if now <= self.last && self.round > 1 {
            return; // The clock was set back: wait until it has caught up.
        }
        let mut round =
            Round { recorder: self, now, samples: Vec::new(), key: String::new(), refused: 0 };
        visit_series(app, &mut round);
        let (mut samples, refused) = (round.samples, round.refused);
        self.lost.fetch_add(refused, Ordering::Relaxed);
        let this = self.round;
        self.known.retain(|_, known| {
            let gone = is_due(this, known.interval) && known.seen != this;
            if gone {
                samples.push(ended(known.series, now));
            }
            !gone
        });
        self.last = now;
        self.keep(samples);
    }

    fn keep(&self, samples: Vec<Sample>) {
        let count = samples.len() as u64;
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= WAITING {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            self.lost.fetch_add(count, Ordering::Relaxed);
            return;
        }
        let (waiting, lost) = (Arc::clone(&self.waiting), Arc::clone(&self.lost));
        self.store.append(samples, move |outcome| {
            waiting.fetch_sub(1, Ordering::Relaxed);
            match outcome {
                Ok(appended) => {
                    let refused = count.saturating_sub(appended.accepted as u64);
                    lost.fetch_add(refused, Ordering::Relaxed);
                }
                // They are in memory, and are written once the disk works again.
                Err(AppendError::NotWritten(error)) => {
                    tracing::warn!(%error, "the disk does not take metrics at present");
                }
                Err(error) => {
                    lost.fetch_add(count, Ordering::Relaxed);
                    tracing::warn!(%error, "metrics of a second were not kept");
                }
            }
        });
    }

    /// Series of a Vigie that was killed have no end: without one, PromQL would take their last sample for true for
    /// five more minutes.
    fn mark_left_open(&self) {
        let range = TimeRange { start: self.last - LOOKBACK, end: self.last };
        let mut marks = Vec::new();
        for metric in catalogue::ALL {
            let Ok(matcher) = Matcher::new(METRIC_NAME, MatchOp::Equal, metric.name) else {
                continue;
            };
            let Ok(found) = self.store.select(&[matcher], range, 0) else { continue };
            for series in found.into_iter().filter(|series| is_own(metric, &series.labels)) {
                let Ok(samples) = series.reader.read() else { continue };
                let float = samples.float_times.last().copied().zip(samples.floats.last().copied());
                let histogram = samples.histogram_times.last().copied();
                let last = float.map(|(time, _)| time).max(histogram);
                let open = float.is_none_or(|(time, value)| {
                    !is_stale(value) || histogram.is_some_and(|other| other > time)
                });
                if let (Some(last), true, Ok(handle)) =
                    (last, open, self.store.series(&series.labels))
                {
                    marks.push(ended(handle, last + 1));
                }
            }
        }
        self.keep(marks);
    }

    fn mark_ended(&mut self, now: i64) {
        let time = now.max(self.last + 1);
        let marks = self.known.drain().map(|(_, known)| ended(known.series, time)).collect();
        self.keep(marks);
    }
}

/// Whether a series of this metric is Vigie's own: somebody may push one of the same name with more labels.
fn is_own(metric: &Metric, labels: &Labels) -> bool {
    labels.iter().all(|label| {
        &*label.name == METRIC_NAME || metric.labels.iter().any(|name| **name == *label.name)
    })
}

fn is_due(round: u64, interval: u64) -> bool {
    round % interval == 0 || round == 1
}

fn ended(series: SeriesHandle, time: i64) -> Sample {
    Sample { series, time, value: Value::Float(f64::from_bits(STALE_BITS)) }
}

/// One second's samples, as they are gathered.
struct Round<'a> {
    recorder: &'a mut Recorder,
    now: i64,
    samples: Vec<Sample>,
    key: String,
    refused: u64,
}

impl SeriesVisitor for Round<'_> {
    fn family(&mut self, _metric: &'static Metric) {}

    fn series(&mut self, metric: &'static Metric, values: &[&str], value: SeriesValue<'_>) {
        let interval = self.interval(metric, values);
        if !is_due(self.recorder.round, interval) {
            return;
        }
        let value = match value {
            SeriesValue::Number(number) => Value::Float(rounded(number)),
            SeriesValue::Durations(durations) => {
                let mut histogram = durations.native();
                histogram.sum = rounded(histogram.sum);
                Value::Histogram(Arc::new(histogram))
            }
        };
        self.put_key(metric, values);
        let round = self.recorder.round;
        let series = match self.recorder.known.get_mut(&self.key) {
            Some(known) => {
                known.seen = round;
                known.series
            }
            None => {
                let Ok(series) = self.recorder.store.series(&labels(metric, values)) else {
                    self.refused += 1;
                    return;
                };
                let known = Known { series, interval, seen: round };
                self.recorder.known.insert(self.key.clone(), known);
                self.begin(metric, series, &value);
                series
            }
        };
        self.samples.push(Sample { series, time: self.now, value });
    }
}

impl Round<'_> {
    fn interval(&self, metric: &Metric, values: &[&str]) -> u64 {
        let source = (metric.labels.first() == Some(&"source")).then(|| values.first()).flatten();
        source
            .and_then(|source| self.recorder.intervals.get(*source))
            .copied()
            .unwrap_or(self.recorder.shortest)
    }

    fn put_key(&mut self, metric: &Metric, values: &[&str]) {
        self.key.clear();
        self.key.push_str(metric.name);
        for value in values {
            // With its length, so that no two lists of values look alike.
            let _ = write!(self.key, "\n{}:{value}", value.len());
        }
    }

    /// A counter that begins with what happened in its first second has begun with 0 before that: without saying
    /// so, the first jobs of each type would be in no rate.
    fn begin(&mut self, metric: &Metric, series: SeriesHandle, value: &Value) {
        let zero = match (metric.kind, value) {
            (MetricKind::Counter, Value::Float(number)) if *number > 0.0 => Value::Float(0.0),
            (MetricKind::Histogram, Value::Histogram(histogram)) if histogram.count > 0.0 => {
                Value::Histogram(Arc::new(NativeHistogram {
                    schema: histogram.schema,
                    zero_threshold: histogram.zero_threshold,
                    ..NativeHistogram::default()
                }))
            }
            _ => return,
        };
        let time = self.recorder.last;
        if time < self.now {
            self.samples.push(Sample { series, time, value: zero });
        }
    }
}

/// To milliseconds, or to microseconds below a second: what is measured is no more exact, and short decimals take a
/// third of the room.
fn rounded(number: f64) -> f64 {
    let scale = if number.abs() < 1.0 { 1e6 } else { 1e3 };
    let scaled = (number * scale).round();
    if scaled.abs() < 9e15 { scaled / scale } else { number }
}

fn labels(metric: &Metric, values: &[&str]) -> Labels {
    let own = metric.labels.iter().zip(values).map(|(name, value)| Label::new(*name, *value));
    Labels::new(std::iter::once(Label::new(METRIC_NAME, metric.name)).chain(own).collect())
}
