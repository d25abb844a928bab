//! What watching costs Redis: commands, round trips and processor time of a poll, beside the peers.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::ask;
use super::cast::{Broker, Cast, Watcher, Who};
use super::proxy::{Counted, Proxy, Traffic};
use super::report::{Section, Table, count, millis, times};
use crate::interrupt;

const SIZES: [usize; 3] = [10, 100, 500];
/// Jobs a second that are added and completed all the while.
pub const RATE: u32 = 20;
/// Seconds without a watcher, before and after, each a part by itself.
const BASELINE: u32 = 5;
const SETTLE: Duration = Duration::from_secs(3);
/// Every key is looked at once, 2,000 a second, and BullMQ's past events are read: Vigie is not at rest before that.
const SETTLE_A_QUEUE: Duration = Duration::from_millis(60);
/// Seconds with Vigie.
const WINDOW: u32 = 8;
/// Polls of a peer that are measured, and the time from one to the next.
const PEER_POLLS: u32 = 4;
const PEER_EVERY: Duration = Duration::from_millis(1200);
/// Redis' processor time a poll at 500 queues.
const BUDGET_MS: f64 = 5.0;
const BUDGET_ROUND_TRIPS: f64 = 2.0;

/// One watcher at one size.
struct Measured {
    who: Who,
    broker: Broker,
    queues: usize,
    /// Jobs a second that came and went.
    rate: u32,
    polls: f64,
    polling: Traffic,
    reading: Traffic,
    /// Milliseconds of Redis' processor a poll, above what it spends without a watcher.
    redis_ms: f64,
    /// By how much that may be wrong: two standard errors, of the parts with and without the watcher.
    noise_ms: f64,
    /// Commands a poll that Redis ran, also inside of scripts, above those without a watcher.
    ran: f64,
    /// Mean duration of a poll in seconds.
    seconds: f64,
    /// Microseconds a call while this was measured.
    usec: BTreeMap<String, f64>,
    /// Vigie's own word: commands and round trips of a poll.
    own: Option<(f64, f64)>,
}

impl Measured {
    /// Milliseconds of Redis a poll in the commands that the watcher sent, by their mean time.
    fn commands_ms(&self) -> f64 {
        let of = |traffic: &Traffic| {
            let one = |(name, sent): (&String, &u64)| {
                *sent as f64 * self.usec.get(&name.to_lowercase()).copied().unwrap_or(0.0)
            };
            traffic.commands.iter().map(one).sum::<f64>()
        };
        (of(&self.polling) + of(&self.reading)) / self.polls / 1000.0
    }

    /// The processor time, if it is more than noise.
    fn told_ms(&self) -> Option<f64> {
        Some(self.redis_ms).filter(|ms| ms.abs() > self.noise_ms)
    }

    fn label(&self) -> String {
        let still = if self.rate == 0 { ", still" } else { "" };
        format!("{} {}{still}", self.queues, self.broker)
    }
}

/// What passed in a stretch of time.
struct Stretch {
    seconds: f64,
    cpu: f64,
    /// Processor seconds a second, in each part of it.
    rates: Vec<f64>,
    calls: BTreeMap<String, f64>,
    usec: BTreeMap<String, f64>,
}

/// Measures all sizes of all brokers.
pub fn measure(cast: &Cast<'_>) -> Result<Section> {
    let mut all = Vec::new();
    for broker in Broker::ALL {
        for queues in SIZES {
            println!("redis: {queues} {broker} queues ...");
            all.extend(one_size(cast, broker, queues, RATE)?);
        }
    }
    println!("redis: {} BullMQ queues, still ...", SIZES[2]);
    all.extend(one_size(cast, Broker::BullMq, SIZES[2], 0)?);
    Ok(section(&all))
}

/// Vigie and the peer, one after the other, on one Redis that goes on changing; without either before and after.
fn one_size(cast: &Cast<'_>, broker: Broker, queues: usize, rate: u32) -> Result<[Measured; 2]> {
    let (_redis, port) = cast.redis("redis")?;
    let _fill = cast.fill(broker, (queues, 100), port, rate)?;
    rest(Duration::from_secs(1))?;
    let idle = || stretch(port, BASELINE, || rest(Duration::from_secs(1)));
    let before = idle()?;

    let vigie = {
        let proxy = Proxy::start(port)?;
        let watcher = cast.watch(Who::Vigie, queues, proxy.port())?;
        rest(SETTLE + SETTLE_A_QUEUE * u32::try_from(queues).unwrap_or(u32::MAX))?;
        vigie(&proxy, &watcher, port)?
    };
    let peer = {
        let proxy = Proxy::start(port)?;
        let watcher = cast.watch(broker.peer(), queues, proxy.port())?;
        ask::page(watcher.port, broker.peer().polled().0)?;
        rest(Duration::from_secs(1))?;
        peer(broker.peer(), &proxy, &watcher, port)?
    };
    let after = idle()?;

    let idle_rates: Vec<f64> = before.rates.iter().chain(&after.rates).copied().collect();
    let idle = (before.cpu + after.cpu) / (before.seconds + after.seconds);
    let calls = |stretch: &Stretch| stretch.calls.values().sum::<f64>();
    let idle_calls = (calls(&before) + calls(&after)) / (before.seconds + after.seconds);
    let measured = |who, raw: Raw| Measured {
        who,
        broker,
        queues,
        rate,
        polls: raw.polls,
        polling: raw.counted.polls,
        reading: raw.counted.readers,
        redis_ms: (raw.stretch.cpu - idle * raw.stretch.seconds) / raw.polls * 1000.0,
        noise_ms: 2.0 * error(&idle_rates).hypot(error(&raw.stretch.rates)) * raw.stretch.seconds
            / raw.polls
            * 1000.0,
        ran: (calls(&raw.stretch) - idle_calls * raw.stretch.seconds) / raw.polls,
        seconds: raw.seconds,
        usec: raw.stretch.usec,
        own: raw.own,
    };
    Ok([measured(Who::Vigie, vigie), measured(broker.peer(), peer)])
}

/// A watcher's stretch, before the baseline is taken off.
struct Raw {
    polls: f64,
    stretch: Stretch,
    counted: Counted,
    seconds: f64,
    own: Option<(f64, f64)>,
}

fn vigie(proxy: &Proxy, watcher: &Watcher, redis: u16) -> Result<Raw> {
    let metrics = || Ok::<_, anyhow::Error>(ask::page(watcher.port, "/metrics")?.0);
    let polls = |text: &str| ask::metric(text, "vigie_source_polls_total", "");
    let text = metrics()?;
    let (first, before) = (polls(&text), proxy.counted());
    let (mut own, mut looks, mut seconds) = ((0.0, 0.0), 0.0, 0.0);
    let stretch = stretch(redis, WINDOW, || {
        rest(Duration::from_secs(1))?;
        let text = metrics()?;
        own.0 += ask::metric(&text, "vigie_source_poll_commands", "");
        own.1 += ask::metric(&text, "vigie_source_poll_round_trips", "");
        seconds += ask::metric(&text, "vigie_source_poll_seconds", "");
        looks += 1.0;
        Ok(())
    })?;
    let counted = since(&proxy.counted(), &before);
    // Each poll asks `INFO` once, which is counted with the rest; the metric's own edges are a poll wide.
    let polls = match counted.polls.commands.get("INFO") {
        Some(&asked) => asked as f64,
        None => polls(&metrics()?) - first,
    };
    let own = Some((own.0 / looks, own.1 / looks));
    Ok(Raw { polls, stretch, counted, seconds: seconds / looks, own })
}

fn peer(who: Who, proxy: &Proxy, watcher: &Watcher, redis: u16) -> Result<Raw> {
    let before = proxy.counted();
    let mut seconds = 0.0;
    let stretch = stretch(redis, PEER_POLLS, || {
        let next = Instant::now() + PEER_EVERY;
        seconds += ask::page(watcher.port, who.polled().0)?.1;
        rest(next.saturating_duration_since(Instant::now()))
    })?;
    let counted = since(&proxy.counted(), &before);
    let polls = f64::from(PEER_POLLS);
    Ok(Raw { polls, stretch, counted, seconds: seconds / polls, own: None })
}

/// What Redis spends while `act` is done so many times.
fn stretch(redis: u16, parts: u32, mut act: impl FnMut() -> Result<()>) -> Result<Stretch> {
    let (before, start) = (ask::redis(redis)?, Instant::now());
    let (mut cpu, mut passed, mut rates) = (before.cpu, 0.0, Vec::new());
    let mut after = None;
    for _ in 0..parts {
        act()?;
        let (now, seconds) = (ask::redis(redis)?, start.elapsed().as_secs_f64());
        rates.push((now.cpu - cpu) / (seconds - passed));
        (cpu, passed) = (now.cpu, seconds);
        after = Some(now);
    }
    let after = after.context("nothing was measured")?;
    let mut all = Stretch {
        seconds: passed,
        cpu: after.cpu - before.cpu,
        rates,
        calls: BTreeMap::new(),
        usec: BTreeMap::new(),
    };
    for (name, (calls, usec)) in after.commands {
        let (calls_before, usec_before) = before.commands.get(&name).copied().unwrap_or_default();
        let calls = calls - calls_before;
        if calls > 0.0 {
            all.usec.insert(name.clone(), (usec - usec_before) / calls);
            all.calls.insert(name, calls);
        }
    }
    Ok(all)
}

/// The standard error of a mean.
fn error(parts: &[f64]) -> f64 {
    let count = parts.len() as f64;
    let mean = parts.iter().sum::<f64>() / count;
    let squares = parts.iter().map(|part| (part - mean).powi(2)).sum::<f64>();
    (squares / (count - 1.0).max(1.0) / count).sqrt()
}

fn since(now: &Counted, before: &Counted) -> Counted {
    Counted {
        polls: now.polls.clone() - &before.polls,
        readers: now.readers.clone() - &before.readers,
    }
}

/// Sleeps, unless someone asks to stop.
pub fn rest(time: Duration) -> Result<()> {
    let end = Instant::now() + time;
    while Instant::now() < end {
        interrupt::check()?;
        sleep((end - Instant::now()).min(Duration::from_millis(100)));
    }
    interrupt::check()
}

fn section(all: &[Measured]) -> Section {
    let mut section = Section::new("Redis");
    section.say(&format!(
        "Of one poll, each watcher after the other on the same Redis, queues of 100 jobs, {RATE} jobs/s added and completed by \
         real workers (*still*: none). Commands, round trips and bytes are counted by a proxy between the watcher and Redis, which \
         reads the protocol: a round trip is a connection with no answer due that sends something. *Ran* are the commands that \
         Redis counts (`INFO commandstats`, with those inside of scripts), *Redis* its processor time (`INFO cpu`), both \
         less what it spends without a watcher just before and after, ± two standard errors over parts of a second: what \
         is within them is *noise*. *In commands* is the time of Redis in those that the watcher sent, by the mean time of \
         each command while it was measured: it has no noise of others' work, and not the reading and writing of sockets."
    ));
    section.say(&format!(
        "Vigie polls each second, whoever looks; bull-board and asynqmon poll for each page that is open, by default each 5 and \
         8 s; here they were asked {PEER_POLLS} times as their pages ask. *Load* is Redis' processor at those intervals with one page \
         open. Vigie's readers (events of BullMQ, a connection of their own) are in *Redis*, *in commands*, *ran* and *load*, not in the \
         other columns. Its search for new queues sends 2 `SCAN`s a poll and rests half of the time; how many fell into the measured polls is said below. Measured once every key has been looked \
         at for the first time: until then (2,000 keys a second) a `SCAN` looks at more of them at once."
    ));
    section.table(&main_table(all));
    section.say(&verdict(all));
    for measured in all.iter().filter(|measured| measured.queues == SIZES[2]) {
        section.say(&breakdown(measured));
    }
    section
}

fn main_table(all: &[Measured]) -> Table {
    let mut table = Table::new(&[
        "queues",
        "watcher",
        "commands",
        "ran",
        "round trips",
        "KB out",
        "KB in",
        "takes ms",
        "in commands ms",
        "Redis ms",
        "Redis, of Vigie's",
        "load ms/s",
    ]);
    for pair in all.chunks(2) {
        for measured in pair {
            let per = |figure: u64| figure as f64 / measured.polls;
            let traffic = &measured.polling;
            table.row(vec![
                measured.label(),
                measured.who.to_string(),
                count(per(traffic.all_commands())),
                count(measured.ran),
                format!("{:.1}", per(traffic.round_trips)),
                format!("{:.1}", per(traffic.bytes_out) / 1024.0),
                format!("{:.1}", per(traffic.bytes_in) / 1024.0),
                millis(measured.seconds),
                format!("{:.2}", measured.commands_ms()),
                redis_words(measured),
                match (measured.told_ms(), pair[0].told_ms()) {
                    (Some(ms), Some(vigies)) => times(ms, vigies),
                    _ => format!(
                        "{} (in commands)",
                        times(measured.commands_ms(), pair[0].commands_ms())
                    ),
                },
                measured.told_ms().map_or_else(
                    || "noise".to_owned(),
                    |ms| format!("{:.1}", ms / measured.who.polled().1),
                ),
            ]);
        }
    }
    table
}

fn redis_words(measured: &Measured) -> String {
    let Measured { redis_ms, noise_ms, .. } = measured;
    let noise = if measured.told_ms().is_none() { " (noise)" } else { "" };
    format!("{redis_ms:.2} ± {noise_ms:.2}{noise}")
}

/// Whether the budgets are kept, in figures.
fn verdict(all: &[Measured]) -> String {
    let ours = all.iter().filter(|one| one.who == Who::Vigie && one.queues == SIZES[2]);
    let lines = ours.map(|one| {
        let (commands, trips) = one.own.unwrap_or_default();
        let counted = one.polling.round_trips as f64 / one.polls;
        let word = |kept: bool| if kept { "kept" } else { "**missed**" };
        format!(
            "- {}: {:.2} ms of Redis a poll in commands, of its processor {} ms, budget {BUDGET_MS} ms: {}. Round trips: {trips:.1} a poll by Vigie's own count \
             ({commands:.0} commands), {counted:.1} counted with early looks between polls; budget {BUDGET_ROUND_TRIPS}: {}.",
            one.label(),
            one.commands_ms(),
            redis_words(one),
            // Of noise the worst is taken.
            word(one.told_ms().unwrap_or(one.redis_ms + one.noise_ms).max(one.commands_ms()) <= BUDGET_MS),
            word(trips <= BUDGET_ROUND_TRIPS),
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Which commands a watcher sends at the largest size, and where the time of Redis goes.
fn breakdown(measured: &Measured) -> String {
    let polls = measured.polls;
    let list = |traffic: &Traffic| {
        let word = |(name, sent): (&String, &u64)| {
            let (sent, usec) = (*sent as f64 / polls, measured.usec.get(&name.to_lowercase()));
            let millis = sent * usec.copied().unwrap_or(0.0) / 1000.0;
            (millis, format!("{name} {sent:.1} × {:.1} µs = {millis:.2} ms", usec.unwrap_or(&0.0)))
        };
        let mut words: Vec<(f64, String)> = traffic.commands.iter().map(word).collect();
        words.sort_by(|a, b| b.0.total_cmp(&a.0));
        let words: Vec<String> = words.into_iter().take(8).map(|(_, word)| word).collect();
        words.join(", ")
    };
    let mut text = format!(
        "**{}, {}**, commands a poll × mean time of a call (`commandstats`; a clock's time, whoever calls): {}.",
        measured.who,
        measured.label(),
        list(&measured.polling)
    );
    let reading = &measured.reading;
    if reading.all_commands() > 0 {
        let kilobytes = |bytes: u64| bytes as f64 / polls / 1024.0;
        text.push_str(&format!(
            " Its readers: {}; {:.1} KB out, {:.1} KB in.",
            list(reading),
            kilobytes(reading.bytes_out),
            kilobytes(reading.bytes_in)
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_vigie_before_its_peer() {
        let one = |who, redis_ms| Measured {
            who,
            broker: Broker::Asynq,
            queues: 500,
            rate: RATE,
            polls: 2.0,
            polling: Traffic {
                commands: BTreeMap::from([("GET".to_owned(), 20)]),
                round_trips: 4,
                ..Traffic::default()
            },
            reading: Traffic::default(),
            redis_ms,
            noise_ms: 0.5,
            ran: 10.0,
            seconds: 0.01,
            usec: BTreeMap::from([("get".to_owned(), 1.5)]),
            own: Some((10.0, 2.0)),
        };
        let all = [one(Who::Vigie, 6.0), one(Who::Asynqmon, 60.0)];
        let text = section(&all).text();
        assert!(text.contains("| 60.00 ± 0.50 | 10 × |"), "{text}");
        assert!(
            text.contains("of its processor 6.00 ± 0.50 ms, budget 5 ms: **missed**"),
            "{text}"
        );
        // What cannot be told from the work of others is not made a figure.
        let all = [one(Who::Vigie, 0.03), one(Who::BullBoard, 60.0)];
        let text = section(&all).text();
        assert!(
            text.contains("| 0.01 | 0.03 ± 0.50 (noise) | 1.0 × (in commands) | noise |"),
            "{text}"
        );
        assert!(
            text.contains(
                "in commands, of its processor 0.03 ± 0.50 (noise) ms, budget 5 ms: kept"
            ),
            "{text}"
        );
        assert!((error(&[1.0, 2.0, 3.0]) - 1.0 / 3.0_f64.sqrt()).abs() < 1e-9);
        assert!(text.contains("GET 10.0 × 1.5 µs = 0.01 ms"), "{text}");
    }
}
