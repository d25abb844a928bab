//! What is written to the stores that are compared: 20 series for each queue of a made-up but plausible day, every
//! 10 s, the same for all of them.

/// Seconds between two samples of a series.
pub const STEP_SECONDS: i64 = 10;
/// Series of one queue.
pub const SERIES_OF_A_QUEUE: usize = METRICS.len();

/// Name, and what the values are like.
const METRICS: [(&str, Kind); 20] = [
    ("job_queue_waiting", Kind::Level),
    ("job_queue_active", Kind::Busy),
    ("job_queue_scheduled", Kind::Level),
    ("job_queue_retry", Kind::Rare),
    ("job_queue_oldest_seconds", Kind::Seconds),
    ("job_queue_workers", Kind::Workers),
    ("job_queue_capacity", Kind::Workers),
    ("job_queue_busy", Kind::Busy),
    ("job_queue_paused", Kind::Constant),
    ("job_queue_up", Kind::Constant),
    ("jobs_enqueued_total", Kind::Counter(1.0)),
    ("jobs_started_total", Kind::Counter(1.0)),
    ("jobs_succeeded_total", Kind::Counter(0.98)),
    ("jobs_failed_total", Kind::Counter(0.02)),
    ("jobs_retried_total", Kind::Counter(0.03)),
    ("jobs_bytes_total", Kind::Counter(1_850.0)),
    ("job_run_seconds_sum", Kind::CounterSeconds),
    ("job_run_seconds_count", Kind::Counter(1.0)),
    ("job_run_p95_seconds", Kind::Seconds),
    ("worker_memory_bytes", Kind::Pages),
];

#[derive(Clone, Copy)]
enum Kind {
    /// A length that wanders.
    Level,
    /// Few, changing often.
    Busy,
    /// Mostly 0.
    Rare,
    /// Changes every hour or so.
    Workers,
    Constant,
    /// Milliseconds, as seconds.
    Seconds,
    /// Grows by the work done times this.
    Counter(f64),
    CounterSeconds,
    /// Memory, in pages of 4 KiB.
    Pages,
}

/// A splitmix64: the same numbers for the same seed, everywhere.
#[derive(Clone)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Between 0 and 1.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

struct Queue {
    random: Random,
    /// Jobs a step at noon.
    pace: f64,
    values: [f64; SERIES_OF_A_QUEUE],
}

impl Queue {
    fn new(number: usize) -> Self {
        let mut random = Random(number as u64 + 1);
        // From one job in 40 s to 50 a second.
        let pace = 2_f64.powf(random.share() * 11.0) / 4.0;
        let mut values = [0.0; SERIES_OF_A_QUEUE];
        for (value, (_, kind)) in values.iter_mut().zip(METRICS) {
            *value = match kind {
                Kind::Level => random.below(500) as f64,
                Kind::Workers => 1.0 + random.below(16) as f64,
                Kind::Constant => 1.0,
                Kind::Pages => 4_096.0 * (10_000.0 + random.below(50_000) as f64),
                _ => 0.0,
            };
        }
        Self { random, pace, values }
    }

    fn step(&mut self, hour: f64) {
        let random = &mut self.random;
        let day = 1.0 + 0.5 * (hour / 24.0 * std::f64::consts::TAU).sin();
        let work = (self.pace * day * (0.5 + random.share())).round();
        for (value, (_, kind)) in self.values.iter_mut().zip(METRICS) {
            match kind {
                Kind::Level => {
                    *value = (*value + work * (random.share() - 0.5)).round().clamp(0.0, 100_000.0);
                }
                Kind::Busy => *value = random.below(9) as f64,
                Kind::Rare if random.below(50) == 0 => *value = random.below(4) as f64,
                Kind::Workers if random.below(400) == 0 => {
                    *value = (*value + random.below(3) as f64 - 1.0).clamp(1.0, 64.0);
                }
                Kind::Seconds => *value = random.below(30_000) as f64 / 1e3,
                Kind::Counter(share) => *value += (work * share).round(),
                Kind::CounterSeconds => {
                    let millis =
                        (*value * 1e3).round() + (work * (40.0 + 20.0 * random.share())).round();
                    *value = millis / 1e3;
                }
                Kind::Pages if random.below(20) == 0 => {
                    *value = (*value + 4_096.0 * (random.below(9) as f64 - 4.0)).max(4_096.0);
                }
                Kind::Rare | Kind::Workers | Kind::Constant | Kind::Pages => {}
            }
        }
    }
}

/// All queues, and where they are in time.
pub struct Workload {
    queues: Vec<Queue>,
    /// The labels of each series, as remote write has them.
    labels: Vec<Vec<u8>>,
    /// (time in ms, value) of each series that was not taken yet.
    pending: Vec<Vec<(i64, f64)>>,
    now: i64,
}

impl Workload {
    /// So many series from `start` (Unix seconds) on.
    pub fn new(series: usize, start: i64) -> Self {
        let queues = series.div_ceil(SERIES_OF_A_QUEUE);
        let labels = (0..queues)
            .flat_map(|queue| METRICS.map(|(name, _)| encoded_labels(queue, name)))
            .collect::<Vec<_>>();
        Self {
            queues: (0..queues).map(Queue::new).collect(),
            pending: vec![Vec::new(); labels.len()],
            labels,
            now: start,
        }
    }

    /// One more sample of each series.
    pub fn step(&mut self) {
        let hour = self.now as f64 / 3_600.0;
        for (queue, pending) in
            self.queues.iter_mut().zip(self.pending.chunks_mut(SERIES_OF_A_QUEUE))
        {
            queue.step(hour);
            for (value, pending) in queue.values.iter().zip(pending) {
                pending.push((self.now * 1_000, *value));
            }
        }
        self.now += STEP_SECONDS;
    }

    /// Takes what is pending, as bodies of remote write 1.0 of at most `series` series each.
    pub fn take(&mut self, series: usize) -> Vec<Vec<u8>> {
        let mut bodies = Vec::new();
        let all: Vec<_> = self.labels.iter().zip(&mut self.pending).collect();
        for chunk in all.chunks(series) {
            let mut body = Vec::new();
            for (labels, samples) in chunk {
                let mut one = (*labels).clone();
                for (time, value) in samples.iter() {
                    let mut sample = vec![0x09];
                    sample.extend(value.to_le_bytes());
                    sample.push(0x10);
                    varint(&mut sample, *time as u64);
                    field(&mut one, 0x12, &sample);
                }
                field(&mut body, 0x0a, &one);
            }
            bodies.push(body);
        }
        self.pending.iter_mut().for_each(Vec::clear);
        bodies
    }
}

fn encoded_labels(queue: usize, metric: &str) -> Vec<u8> {
    let labels = [
        ("__name__", metric.to_owned()),
        ("instance", format!("worker-{:03}.example:9100", queue % 50)),
        ("job", "queues".to_owned()),
        ("queue", format!("team{:02}/orders-{queue:05}", queue % 20)),
        ("type", ["asynq", "bull", "bullmq", "n8n"][queue % 4].to_owned()),
    ];
    let mut out = Vec::new();
    for (name, value) in labels {
        let mut label = Vec::new();
        field(&mut label, 0x0a, name.as_bytes());
        field(&mut label, 0x12, value.as_bytes());
        field(&mut out, 0x0a, &label);
    }
    out
}

/// A field of protobuf whose length comes first.
fn field(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    varint(out, bytes.len() as u64);
    out.extend(bytes);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 128 {
        out.push(value as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_samples_each_time_and_all_of_them() {
        let bodies = || {
            let mut workload = Workload::new(40, 1_000);
            workload.step();
            workload.step();
            workload.take(30)
        };
        let (one, two) = (bodies(), bodies());
        assert_eq!(one, two);
        assert_eq!(one.len(), 2);
        let samples: usize = one
            .iter()
            .map(|body| body.windows(2).filter(|pair| *pair == [0x12, 0x10]).count())
            .sum();
        assert!(samples > 0);
    }

    #[test]
    fn counters_only_grow() {
        let mut queue = Queue::new(7);
        for step in 0..1_000 {
            let before = queue.values;
            queue.step(f64::from(step) / 360.0);
            for ((before, after), (name, _)) in before.iter().zip(queue.values).zip(METRICS) {
                assert!(!name.ends_with("_total") || after >= *before, "{name}");
            }
        }
    }
}
