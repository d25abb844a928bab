//! What the store costs, on data like Vigie's own: `cargo run --release -p vigie-store --example figures -- 500 24`
//! writes 24 hours of 500 queues with 20 series each, every 10 s, and prints bytes, CPU time and memory. `-- 500 0.49 1`
//! writes nearly half an hour each second: a full head, which the start that follows reads from the log.
//! A fourth argument is a folder that stays.
//!
//! Linux only: CPU time and memory come from `/proc/self`.

mod dice;

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use vigie_model::Labels;
use vigie_store::{
    MatchOp, Matcher, Sample, SeriesHandle, Storage, Store, StoreOptions, TimeRange, Value,
};

use dice::Dice;

const START: i64 = 1_795_305_600_000;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
const EACH: usize = 20;

/// One queue: what its series were last, and how busy it is.
struct Queue {
    values: [f64; EACH],
    rate: u64,
    dice: Dice,
}

impl Queue {
    fn new(number: usize) -> Self {
        let mut dice = Dice((number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let rate = 1 << dice.roll(10);
        Self { values: [0.0; EACH], rate, dice }
    }

    /// Counters, gauges that wander, durations in microseconds and flags, five each.
    fn tick(&mut self) {
        for place in 0..EACH {
            let value = &mut self.values[place];
            *value = match place / 5 {
                0 => *value + self.dice.roll(self.rate * 2) as f64,
                1 => (*value + self.dice.roll(7) as f64 - 3.0).max(0.0),
                2 => (1000 + self.dice.roll(1000 * (place as u64 - 9))) as f64 / 1e6,
                _ if self.dice.roll(400) == 0 => self.dice.roll(9) as f64,
                _ => *value,
            };
        }
    }
}

/// User and system time of this process, in seconds.
fn cpu() -> Result<f64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    let after = text.rsplit_once(')').ok_or("an unknown /proc/self/stat")?.1;
    let ticks: Vec<f64> =
        after.split_whitespace().skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / 100.0)
}

/// Memory of this process that no file backs, in MB.
fn memory() -> Result<f64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:")).ok_or("no RssAnon")?;
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes / 1024.0)
}

/// Makes blocks of all there is, a day later, and tells their bytes; first without what is downsampled.
fn sealed(store: Store, dir: &Path, samples: u64, now: i64) -> Result<Store, Box<dyn Error>> {
    let bytes = |store: &Store| -> Result<f64, Box<dyn Error>> {
        let registry = std::fs::metadata(dir.join("registry"))?.len();
        Ok((store.status().block_bytes + registry) as f64 / samples as f64)
    };
    while store.maintain(now)?.more {}
    let (sealed, blocks) = (bytes(&store)?, store.status().blocks);
    println!("sealed: {sealed:.3} bytes a sample, registry included, in {blocks} blocks");
    drop(store);
    let (store, _) = Store::open(StoreOptions::new(dir), now)?;
    let before = cpu()?;
    while store.maintain(now)?.more {}
    println!(
        "five-minute and hourly values: {:.3} bytes a sample more, {:.3} CPU s a M",
        bytes(&store)? - sealed,
        (cpu()? - before) / samples as f64 * 1e6
    );
    Ok(store)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |usual: f64| arguments.next().map_or(Ok(usual), |text| text.parse::<f64>());
    let (queues, hours, step) =
        (number(100.0)? as usize, number(6.0)?, number(10.0)? as i64 * 1_000);
    let kept = std::env::args().nth(4).map(std::path::PathBuf::from);
    let temporary = tempfile::tempdir()?;
    let dir = kept.as_deref().unwrap_or(temporary.path());
    let (store, _) = Store::open(StoreOptions::new(dir), START)?;
    let mut handles: Vec<SeriesHandle> = Vec::new();
    for queue in 0..queues {
        for series in 0..EACH {
            let (queue, name) = (format!("queue-{queue:04}"), format!("figure_{series}"));
            let labels = [("__name__", name.as_str()), ("queue", &queue), ("source", "main")];
            handles.push(store.series(&Labels::from_pairs(labels))?);
        }
    }
    let mut all: Vec<Queue> = (0..queues).map(Queue::new).collect();
    let (mut samples, mut making, mut most) = (0u64, 0.0, 0.0f64);
    let begun = cpu()?;
    let end = START + (hours * HOUR as f64) as i64;
    for time in (START..end).step_by(step as usize) {
        let made = Instant::now();
        all.iter_mut().for_each(Queue::tick);
        making += made.elapsed().as_secs_f64();
        let values = all.iter().flat_map(|queue| queue.values);
        let batch: Vec<Sample> = handles
            .iter()
            .zip(values)
            .map(|(series, value)| Sample { series: *series, time, value: Value::Float(value) })
            .collect();
        samples += batch.len() as u64;
        store.append_wait(batch)?;
        store.maintain(time)?;
        most = most.max(if time % HOUR == 0 { memory()? } else { 0.0 });
    }
    let millions = samples as f64 / 1e6;
    let spent = cpu()? - begun - making;
    println!(
        "{millions:.1} M samples, {} series; {:.3} CPU s a M",
        handles.len(),
        spent / millions
    );
    println!("memory: {most:.0} MB; head: {} bytes", store.status().head_bytes);
    drop(store);
    let (opened, before) = (Instant::now(), cpu()?);
    let raw = StoreOptions { downsample_after_ms: None, ..StoreOptions::new(dir) };
    let (store, recovery) = Store::open(raw, end)?;
    println!(
        "start: {:.3} s ({:.2} CPU s), {} samples replayed",
        opened.elapsed().as_secs_f64(),
        cpu()? - before,
        recovery.replayed
    );
    let store = sealed(store, dir, samples, end + DAY + 3 * HOUR)?;
    let asked = cpu()?;
    let name = Matcher::new("__name__", MatchOp::Equal, "figure_0")?;
    let mut read = 0;
    for found in store.select(&[name], TimeRange { start: START, end }, 0)? {
        read += found.reader.read()?.len();
    }
    println!("one metric of all queues: {read} samples, {:.0} CPU ms", (cpu()? - asked) * 1e3);
    Ok(())
}
