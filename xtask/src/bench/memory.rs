//! Memory and processor time of the watchers themselves at 500 queues.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::ask;
use super::cast::{Broker, Cast, Watcher, Who};
use super::redis::{RATE, rest};
use super::report::{Section, Table, times};

const QUEUES: usize = 500;
const SETTLE: Duration = Duration::from_secs(3);
const WINDOW: Duration = Duration::from_secs(8);
const MEGABYTE: f64 = 1024.0 * 1024.0;

/// One watcher in one situation.
struct Measured {
    broker: Broker,
    who: Who,
    what: &'static str,
    resident: f64,
    /// Processor seconds a second.
    cpu: f64,
}

/// Measures Vigie and each peer: first nobody changes anything, then jobs come and go.
pub fn measure(cast: &Cast<'_>) -> Result<Section> {
    let mut all = Vec::new();
    for broker in Broker::ALL {
        println!("memory: {QUEUES} {broker} queues ...");
        let (_redis, port) = cast.redis("redis")?;
        drop(cast.fill(broker, (QUEUES, 100), port, 0)?);
        for who in [Who::Vigie, broker.peer()] {
            let watcher = cast.watch(who, QUEUES, port)?;
            rest(SETTLE)?;
            let mut note = |what, (resident, cpu)| {
                all.push(Measured { broker, who, what, resident, cpu });
            };
            let still = if who == Who::Vigie { "no change" } else { "no page open" };
            note(still, window(&watcher, || rest(WINDOW / 2))?);
            let _changes = cast.fill(broker, (QUEUES, 0), port, RATE)?;
            rest(Duration::from_secs(2))?;
            note("with change", window(&watcher, || one_page_open(who, &watcher))?);
        }
    }
    let (_redis, port) = cast.redis("redis")?;
    let vigie = cast.watch(Who::Vigie, 0, port)?;
    rest(SETTLE)?;
    let empty = window(&vigie, || rest(WINDOW / 2))?;
    Ok(section(&all, empty))
}

/// A peer works only for a page, so it is asked as one page asks; Vigie works in any case.
fn one_page_open(who: Who, watcher: &Watcher) -> Result<()> {
    let end = Instant::now() + WINDOW;
    let (path, every) = who.polled();
    while who != Who::Vigie && Instant::now() < end {
        let next = Instant::now() + Duration::from_secs_f64(every);
        ask::page(watcher.port, path)?;
        rest(next.min(end).saturating_duration_since(Instant::now()))?;
    }
    rest(end.saturating_duration_since(Instant::now()))
}

/// Memory at the end and processor seconds a second while `act` goes on.
fn window(watcher: &Watcher, act: impl FnOnce() -> Result<()>) -> Result<(f64, f64)> {
    let (before, start) = (watcher.program.cpu_seconds()?, Instant::now());
    act()?;
    let cpu = (watcher.program.cpu_seconds()? - before) / start.elapsed().as_secs_f64();
    Ok((watcher.program.resident()?, cpu))
}

fn section(all: &[Measured], empty: (f64, f64)) -> Section {
    let mut section = Section::new("Memory");
    section.say(&format!(
        "Resident memory and processor time of the watchers with {QUEUES} queues of 100 jobs; *with change*: {RATE} jobs/s come \
         and go. Vigie polls each second and follows the events, whoever looks; a peer is asked as one open page asks (bull-board each \
         5 s, asynqmon each 8 s) and keeps nothing in between. Vigie with an empty Redis: {:.1} MB, {:.1} ms/s.",
        empty.0 / MEGABYTE,
        empty.1 * 1000.0
    ));
    let head =
        ["queues", "watcher", "situation", "RSS MB", "of Vigie's", "CPU ms/s", "CPU, of Vigie's"];
    let mut table = Table::new(&head);
    for four in all.chunks(4) {
        for (place, measured) in four.iter().enumerate() {
            let vigie = &four[place % 2];
            table.row(vec![
                format!("{QUEUES} {}", measured.broker),
                measured.who.to_string(),
                measured.what.to_owned(),
                format!("{:.1}", measured.resident / MEGABYTE),
                times(measured.resident, vigie.resident),
                format!("{:.1}", measured.cpu * 1000.0),
                times(measured.cpu, vigie.cpu),
            ]);
        }
    }
    section.table(&table);
    section
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_situation_is_compared_with_vigies_own() {
        let one = |who, what, resident| {
            let resident = resident * MEGABYTE;
            Measured { broker: Broker::BullMq, who, what, resident, cpu: 0.02 }
        };
        let all = [
            one(Who::Vigie, "no change", 20.0),
            one(Who::Vigie, "with change", 30.0),
            one(Who::BullBoard, "no page open", 60.0),
            one(Who::BullBoard, "with change", 120.0),
        ];
        let text = section(&all, (10.0 * MEGABYTE, 0.001)).text();
        assert!(text.contains("with change | 120.0 | 4.0 × | 20.0 | 1.0 × |"), "{text}");
    }
}
