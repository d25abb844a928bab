//! A month of history, as Vigie's recorder would have kept it: `cargo run --release -p vigie-store --example month --
//! FOLDER 500 30` writes 30 days that end now, of 500 asynq queues called `bench-0000` and so on with 20 series each, a
//! sample a minute, and all queues together, into FOLDER. What is due is merged and downsampled on the way.
//!
//! The values are invented; the bench (`cargo xtask bench history`) times what a screen asks of them.

mod dice;

use std::error::Error;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use vigie_model::{Labels, NativeHistogram};
use vigie_store::{Sample, SeriesHandle, Store, StoreOptions, Value};

use dice::Dice;

const MINUTE: i64 = 60_000;
const DAY: i64 = 1_440 * MINUTE;
/// Minutes that are written at once.
const BATCH: i64 = 10;
const STATES: [&str; 7] =
    ["waiting", "active", "scheduled", "retry", "completed", "failed", "blocked"];
const GAUGES: [&str; 6] =
    ["oldest_seconds", "paused", "drain_seconds", "workers", "capacity", "busy"];
/// Queues that have histograms: most queues of a team are quiet.
const MEASURED: usize = 10;
/// Buckets within one power of two, as a power of two, and where the durations of this example are.
const SCHEMA: i8 = 4;
const FIRST_BUCKET: i32 = -40;
const BUCKETS: usize = 60;

/// How a series goes on from sample to sample.
enum Course {
    /// Wanders about, never below 0.
    Level(f64),
    /// Counts up.
    Counter(f64),
    /// Durations that are counted.
    Durations(NativeHistogram),
}

impl Course {
    fn next(&mut self, dice: &mut Dice) -> Value {
        match self {
            Self::Level(level) => {
                *level = (*level + dice.roll(7) as f64 - 3.0).max(0.0);
                Value::Float(*level)
            }
            Self::Counter(count) => {
                *count += dice.roll(60) as f64;
                Value::Float(*count)
            }
            Self::Durations(histogram) => {
                for _ in 0..8 {
                    let place = (dice.roll(BUCKETS as u64) * dice.roll(100) / 100) as usize;
                    histogram.positive[place].1 += 1.0;
                    histogram.count += 1.0;
                    histogram.sum += f64::from(FIRST_BUCKET + place as i32).exp2();
                }
                Value::Histogram(Arc::new(histogram.clone()))
            }
        }
    }
}

fn durations() -> Course {
    let positive = (0..BUCKETS as i32).map(|place| (FIRST_BUCKET + place, 0.0)).collect();
    Course::Durations(NativeHistogram {
        schema: SCHEMA,
        zero_threshold: 1e-6,
        positive,
        ..NativeHistogram::default()
    })
}

struct Kept {
    series: SeriesHandle,
    course: Course,
}

fn kept(
    store: &Store,
    name: &str,
    labels: &[(&str, &str)],
    course: Course,
) -> Result<Kept, Box<dyn Error>> {
    let all = labels.iter().copied().chain([("__name__", name)]);
    Ok(Kept { series: store.series(&Labels::from_pairs(all))?, course })
}

fn of_queue(store: &Store, number: usize) -> Result<Vec<Kept>, Box<dyn Error>> {
    let queue = format!("bench-{number:04}");
    let own = [("source", "main"), ("kind", "asynq"), ("queue", queue.as_str())];
    let with = |more: &[(&'static str, &'static str)]| [&own[..], more].concat();
    let mut all = Vec::new();
    for state in STATES {
        all.push(kept(store, "vigie_queue_jobs", &with(&[("state", state)]), Course::Level(40.0))?);
    }
    for gauge in GAUGES {
        all.push(kept(store, &format!("vigie_queue_{gauge}"), &own, Course::Level(4.0))?);
    }
    let typed = with(&[("type", "mail")]);
    all.push(kept(store, "vigie_jobs_enqueued_total", &typed, Course::Counter(0.0))?);
    for outcome in ["succeeded", "failed"] {
        let labels = with(&[("type", "mail"), ("outcome", outcome)]);
        all.push(kept(store, "vigie_jobs_finished_total", &labels, Course::Counter(0.0))?);
        let measured = number < MEASURED && outcome == "succeeded";
        for name in ["vigie_job_wait_seconds", "vigie_job_run_seconds"] {
            match measured {
                true => all.push(kept(store, name, &labels, durations())?),
                // As many series, so that a queue has twenty.
                false => {
                    all.push(kept(store, &format!("{name}_max"), &labels, Course::Level(9.0))?)
                }
            }
        }
    }
    Ok(all)
}

fn overall(store: &Store) -> Result<Vec<Kept>, Box<dyn Error>> {
    let mut all = Vec::new();
    for state in STATES {
        all.push(kept(store, "vigie_overall_jobs", &[("state", state)], Course::Level(900.0))?);
    }
    for gauge in ["workers", "capacity", "busy"] {
        all.push(kept(store, &format!("vigie_overall_{gauge}"), &[], Course::Level(50.0))?);
    }
    all.push(kept(store, "vigie_overall_enqueued_total", &[], Course::Counter(0.0))?);
    for outcome in ["succeeded", "failed"] {
        let labels = [("outcome", outcome)];
        all.push(kept(store, "vigie_overall_finished_total", &labels, Course::Counter(0.0))?);
    }
    for name in ["vigie_overall_wait_seconds", "vigie_overall_run_seconds"] {
        all.push(kept(store, name, &[], durations())?);
    }
    Ok(all)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("month FOLDER [QUEUES [DAYS]]")?;
    let mut number = |usual: usize| arguments.next().map_or(Ok(usual), |text| text.parse());
    let (queues, days) = (number(500)?, number(30)?);
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as i64;
    let start = now - days as i64 * DAY;
    // The month must not be too old at its end, whatever the clock has done meanwhile.
    let options =
        StoreOptions { retention_ms: (days as i64 + 2) * DAY, ..StoreOptions::new(folder) };
    let (store, _) = Store::open(options, start)?;
    let mut all = overall(&store)?;
    for queue in 0..queues {
        all.extend(of_queue(&store, queue)?);
    }
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    // Each batch waits for the disk.
    for from in (start..now).step_by((BATCH * MINUTE) as usize) {
        let end = now.min(from + BATCH * MINUTE);
        let mut batch = Vec::new();
        for time in (from..end).step_by(MINUTE as usize) {
            batch.extend(all.iter_mut().map(|kept| {
                let value = kept.course.next(&mut dice);
                Sample { series: kept.series, time, value }
            }));
        }
        store.append_wait(batch)?;
        while store.maintain(end)?.more {}
    }
    let status = store.status();
    println!(
        "{{\"series\":{},\"samples\":{},\"bytes\":{},\"blocks\":{}}}",
        all.len(),
        all.len() as i64 * (now - start) / MINUTE,
        status.block_bytes + status.wal_bytes,
        status.blocks
    );
    store.close();
    Ok(())
}
