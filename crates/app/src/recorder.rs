//! Keeps every series of the catalogue in the store, at the interval of its source.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use vigie_model::catalogue::{self, Metric, MetricKind};
use vigie_model::{Label, Labels, METRIC_NAME, NativeHistogram};
use vigie_server::{AppState, SeriesValue, SeriesVisitor, visit_series};
use vigie_store::{MatchOp, Matcher, STALE_BITS, Storage, TimeRange, Value, is_stale};

use crate::destinations::{Destinations, KeptSample, KeptSeries};

/// How far back PromQL looks for a sample: a series that ended longer ago needs no mark, in milliseconds.
const LOOKBACK: i64 = 300_000;

/// Series that are kept, and what became of their samples.
pub(crate) struct Recorder {
    to: Destinations,
    /// Seconds between two samples of the series of each source, and of those that belong to none.
    intervals: HashMap<String, u64>,
    shortest: u64,
    /// By metric and label values, as [`Round::key`] puts them together.
    known: HashMap<String, Known>,
    /// When the last round was, in Unix milliseconds: what is new now was not there then.
    last: i64,
    round: u64,
}

struct Known {
    series: KeptSeries,
    interval: u64,
    /// The round in which it was last seen.
    seen: u64,
}

impl Recorder {
    /// A recorder; `intervals` are the seconds between two polls of each source.
    pub(crate) fn new(
        to: Destinations,
        intervals: impl IntoIterator<Item = (String, f64)>,
        now: i64,
    ) -> Self {
        let intervals: HashMap<String, u64> = intervals
            .into_iter()
            .map(|(name, seconds)| (name, (seconds.round() as u64).max(1)))
            .collect();
        Self {
            to,
            shortest: intervals.values().copied().min().unwrap_or(1),
            intervals,
            known: HashMap::new(),
            last: now,
            round: 0,
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
        self.to.lose(refused);
        let this = self.round;
        self.known.retain(|_, known| {
            let gone = is_due(this, known.interval) && known.seen != this;
            if gone {
                samples.push(ended(known.series.clone(), now));
            }
            !gone
        });
        self.last = now;
        self.to.keep(samples);
    }

    /// Series of a Vigie that was killed have no end: without one, PromQL would take their last sample for true for
    /// five more minutes.
    /// In a backend elsewhere they stay so: it is not asked before the first sample.
    fn mark_left_open(&self) {
        let Some(store) = self.to.store() else { return };
        let range = TimeRange { start: self.last - LOOKBACK, end: i64::MAX };
        let mut marks = Vec::new();
        for metric in catalogue::ALL {
            let Ok(matcher) = Matcher::new(METRIC_NAME, MatchOp::Equal, metric.name) else {
                continue;
            };
            let Ok(found) = store.select(&[matcher], range, 0) else { continue };
            for series in found.into_iter().filter(|series| is_own(metric, &series.labels)) {
                let Ok(samples) = series.reader.read() else { continue };
                let float = samples.float_times.last().copied().zip(samples.floats.last().copied());
                let histogram = samples.histogram_times.last().copied();
                let last = float.map(|(time, _)| time).max(histogram);
                let open = float.is_none_or(|(time, value)| {
                    !is_stale(value) || histogram.is_some_and(|other| other > time)
                });
                if let (Some(last), true, Some(handle)) =
                    (last, open, self.to.series(series.labels.clone()))
                {
                    marks.push(ended(handle, last + 1));
                }
            }
        }
        self.to.keep(marks);
    }

    fn mark_ended(&mut self, now: i64) {
        let time = now.max(self.last + 1);
        let marks = self.known.drain().map(|(_, known)| ended(known.series, time)).collect();
        self.to.keep(marks);
    }
}

/// Whether a series of this metric is Vigie's own: somebody may push one of the same name with more labels.
fn is_own(metric: &Metric, labels: &Labels) -> bool {
    labels.iter().all(|label| {
        &*label.name == METRIC_NAME || metric.labels.iter().any(|name| **name == *label.name)
    })
}

fn is_due(round: u64, interval: u64) -> bool {
    round.is_multiple_of(interval) || round == 1
}

fn ended(series: KeptSeries, time: i64) -> KeptSample {
    KeptSample { series, time, value: Value::Float(f64::from_bits(STALE_BITS)) }
}

/// One second's samples, as they are gathered.
struct Round<'a> {
    recorder: &'a mut Recorder,
    now: i64,
    samples: Vec<KeptSample>,
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
                known.series.clone()
            }
            None => {
                let Some(series) = self.recorder.to.series(labels(metric, values)) else {
                    self.refused += 1;
                    return;
                };
                let known = Known { series: series.clone(), interval, seen: round };
                self.recorder.known.insert(self.key.clone(), known);
                self.begin(metric, &series, &value);
                series
            }
        };
        self.samples.push(KeptSample { series, time: self.now, value });
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
    fn begin(&mut self, metric: &Metric, series: &KeptSeries, value: &Value) {
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
            self.samples.push(KeptSample { series: series.clone(), time, value: zero });
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;
    use vigie_board::{Board, SourceSettings};
    use vigie_model::{
        Broker, Counts, JobBatch, JobEvent, JobFact, Limits, Name, Observation, Outcome, PollCost,
        PollReport, Quality, QueueId, QueueReading, SourceName, Time,
    };
    use vigie_store::{Samples, Store, StoreOptions};

    const START: i64 = 1_795_442_619_000;

    /// A board that is kept, with a clock that the test moves.
    struct Stage {
        app: AppState,
        clock: Arc<AtomicI64>,
        store: Store,
        recorder: Recorder,
    }

    impl Stage {
        fn open(dir: &std::path::Path, now: i64) -> Self {
            let (store, _) = Store::open(StoreOptions::new(dir), now).unwrap();
            let clock = Arc::new(AtomicI64::new(now));
            let hand = Arc::clone(&clock);
            let settings = SourceSettings {
                name: SourceName::new("main"),
                kind: "redis",
                url: "redis://h".to_owned(),
                poll_interval_seconds: 1.0,
            };
            let board = Board::new(vec![settings], Limits::default(), Time::from_millis(now));
            let time = move || Time::from_millis(hand.load(Ordering::Relaxed));
            let app = AppState::new(board, Arc::new(time));
            let to = Destinations::new(Some(store.clone()), Vec::new(), Arc::default());
            let recorder = Recorder::new(to, [("main".to_owned(), 1.0)], now);
            Self { app, clock, store, recorder }
        }

        fn now(&self) -> Time {
            Time::from_millis(self.clock.load(Ordering::Relaxed))
        }

        /// A second later: a poll that saw so many waiting jobs, or none of the queue; then what is due is kept.
        fn second(&mut self, waiting: Option<u64>, finished: u64) {
            self.clock.fetch_add(1_000, Ordering::Relaxed);
            let at = self.now();
            let mut board = self.app.board.write();
            board.observe(Observation::Polled(PollReport {
                source: SourceName::new("main"),
                at,
                outcome: Ok(PollCost::default()),
                server: None,
                found: vec![],
                checks: vec![],
            }));
            match waiting {
                None => board.observe(Observation::QueueGone { queue: queue(), at }),
                Some(waiting) => board.observe(Observation::Queue(reading(waiting, at))),
            }
            let fact =
                JobFact::Finished { outcome: Outcome::Succeeded, wait: Some(0.5), run: Some(1.0) };
            let event = JobEvent { at, job_type: Some(Name::from("send")), fact };
            let events = vec![event; finished as usize];
            if finished > 0 {
                board.observe(Observation::Jobs(JobBatch {
                    queue: queue(),
                    at,
                    gap: false,
                    types_sampled: false,
                    events,
                }));
            }
            drop(board);
            self.recorder.record(&self.app);
        }

        /// The samples of the only series of a metric with these labels.
        fn samples(&self, metric: &str, labels: &[(&str, &str)]) -> Samples {
            let matcher =
                |name: &str, value: &str| Matcher::new(name, MatchOp::Equal, value).unwrap();
            let mut matchers = vec![matcher(METRIC_NAME, metric)];
            matchers.extend(labels.iter().map(|(name, value)| matcher(name, value)));
            let range = TimeRange { start: 0, end: START * 2 };
            let found = self.store.select(&matchers, range, 0).unwrap();
            assert!(found.len() <= 1, "{metric}: one series");
            found.first().map(|series| series.reader.read().unwrap()).unwrap_or_default()
        }

        fn waiting(&self) -> Vec<(i64, Option<f64>)> {
            let samples = self.samples("vigie_queue_jobs", &[("state", "waiting")]);
            let values = samples.floats.iter().map(|value| (!is_stale(*value)).then_some(*value));
            samples.float_times.iter().map(|time| time - START).zip(values).collect()
        }
    }

    fn queue() -> QueueId {
        QueueId {
            source: SourceName::new("main"),
            broker: Broker::BullMq,
            name: Name::from("emails"),
        }
    }

    fn reading(waiting: u64, at: Time) -> QueueReading {
        QueueReading {
            queue: queue(),
            at,
            since: Time::from_millis(START),
            counts: Counts { waiting: Some(waiting), ..Counts::default() },
            raw: vec![],
            paused: false,
            oldest: None,
            active_jobs: vec![],
            quality: Quality::Exact,
        }
    }

    #[test]
    fn series_are_kept_each_second_and_end_when_their_queue_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let mut stage = Stage::open(dir.path(), START);
        stage.second(Some(3), 0);
        stage.second(Some(5), 0);
        stage.second(None, 0);
        stage.second(None, 0);
        let waiting = stage.waiting();
        assert_eq!(waiting, [(1_000, Some(3.0)), (2_000, Some(5.0)), (3_000, None)]);
        // What the broker does not tell is no series at all.
        assert!(stage.samples("vigie_queue_jobs", &[("state", "failed")]).is_empty());
        stage.second(Some(1), 0);
        assert_eq!(stage.waiting().last(), Some(&(5_000, Some(1.0))));
    }

    #[test]
    fn the_first_jobs_of_a_type_are_in_its_rate() {
        let dir = tempfile::tempdir().unwrap();
        let mut stage = Stage::open(dir.path(), START);
        stage.second(Some(0), 0);
        stage.second(Some(0), 4);
        let of_type = [("type", "send"), ("outcome", "succeeded")];
        let counted = stage.samples("vigie_jobs_finished_total", &of_type);
        assert_eq!(counted.floats, [0.0, 4.0]);
        assert_eq!(counted.float_times, [START + 1_000, START + 2_000]);
        let runs = stage.samples("vigie_job_run_seconds", &of_type);
        let counts: Vec<f64> = runs.histograms.iter().map(|histogram| histogram.count).collect();
        assert_eq!(counts, [0.0, 4.0]);
        assert_eq!(runs.histograms[1].sum, 4.0);
    }

    #[test]
    fn a_killed_vigies_series_end_where_they_were_and_a_stopped_ones_when_it_stops() {
        let dir = tempfile::tempdir().unwrap();
        let mut stage = Stage::open(dir.path(), START);
        stage.second(Some(3), 0);
        let Stage { store, recorder, .. } = stage;
        // Killed: nothing is said.
        drop((recorder, store));
        let mut stage = Stage::open(dir.path(), START + 20_000);
        stage.recorder.mark_left_open();
        assert_eq!(stage.waiting(), [(1_000, Some(3.0)), (1_001, None)]);
        stage.second(Some(4), 0);
        stage.recorder.mark_ended(START + 22_000);
        let after = [(21_000, Some(4.0)), (22_000, None)];
        assert_eq!(stage.waiting()[2..], after);
        // It is not said twice.
        stage.recorder.mark_left_open();
        assert_eq!(stage.waiting().len(), 4);
    }

    #[test]
    fn decimals_are_short_and_near() {
        assert_eq!(rounded(12.345_678), 12.346);
        assert_eq!(rounded(0.000_123_456), 0.000_123);
        assert_eq!(rounded(123_456_789_012.0), 123_456_789_012.0);
        assert!(rounded(f64::NAN).is_nan());
        assert_eq!(rounded(1e300), 1e300);
    }
}
