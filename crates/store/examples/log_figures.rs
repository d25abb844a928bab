//! What log entries cost: `cargo run --profile quick -p vigie-store --example log_figures -- 2000000` writes so many lines of about
//! 195 bytes as JSON, over 24 hours, durably, 1,000 at a time, and prints bytes and CPU time a line, memory, and the CPU
//! time of searches.
//!
//! `-- 10000000 END FILE` writes the same lines into a file instead, as NDJSON, over the 24 hours before END (milliseconds
//! since 1970): what `cargo xtask bench logs` sends to Vigie.
//!
//! `VIGIE_SEARCH=facets` asks only for the searches with that in their names.
//!
//! Linux only: CPU time and memory come from `/proc/self`.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use vigie_model::{Labels, Level, LogEntry};
use vigie_store::logs::{
    Condition, LinesOf, LogField, LogFilter, LogOptions, LogStore, Messages, Order, TextMatch,
};

const START: i64 = 1_795_305_600_000;
const DAY: i64 = 86_400_000;

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    fn roll(&mut self, sides: u64) -> u64 {
        (self.next() >> 33) % sides.max(1)
    }
}

struct Writer {
    start: i64,
    dice: Dice,
    services: Vec<Arc<str>>,
    instances: Vec<Arc<str>>,
    queues: Vec<Arc<str>>,
    none: Arc<str>,
}

impl Writer {
    fn new(start: i64) -> Self {
        let services = [
            "api", "billing", "mailer", "orders", "search", "export", "import", "webhook",
            "thumbs", "sync", "audit", "cron",
        ];
        Self {
            start,
            dice: Dice(424_242),
            services: services.iter().map(|name| Arc::from(*name)).collect(),
            instances: (0..50).map(|n| Arc::from(format!("worker-{n:03}.prod.example"))).collect(),
            queues: (0..500)
                .map(|n| Arc::from(format!("tenant{:02}/orders-{n:04}", n % 20)))
                .collect(),
            none: Arc::from(""),
        }
    }

    fn line(&mut self, n: u64, all: u64) -> LogEntry {
        let dice = &mut self.dice;
        let time = self.start + (n * DAY.cast_unsigned() / all + dice.roll(30)).cast_signed();
        let level = match dice.roll(1000) {
            0..180 => Level::Debug,
            180..900 => Level::Info,
            900..980 => Level::Warn,
            _ => Level::Error,
        };
        let queue = ((dice.roll(1000) * dice.roll(1000)) / 2000) as usize % 500;
        let (job, trace, ms, small) =
            (dice.next(), dice.next() as u32, dice.roll(5000), dice.roll(200));
        let message = match (level, dice.roll(5)) {
            // One line of all has the rare word.
            _ if n == all / 8 => format!("worker panic code=zq9x7needle job={job:016x}"),
            (Level::Error, 0) => format!(
                "job {job:016x} failed: connection reset by peer (upstream 10.0.{}.{small}:5432) attempt={}",
                small % 16,
                1 + ms % 5
            ),
            (Level::Error, 1) => {
                format!("job {job:016x} failed: timeout after {ms}ms trace={trace:08x}")
            }
            (Level::Error, _) => format!(
                "unhandled exception in handler OrderShipped: InvalidStateException order={} trace={trace:08x}",
                100_000 + job % 900_000
            ),
            (Level::Warn, 0) => format!("slow job {job:016x} took {ms}ms (threshold 1000ms)"),
            (Level::Warn, _) => {
                format!("retrying job {job:016x} in {small}s, attempt {} of 5", 1 + ms % 5)
            }
            (Level::Debug, 0) => format!("heartbeat ok lag={small} mem={}KB", 4096 + ms),
            (Level::Debug, _) => {
                format!("polled {} messages in {ms}us trace={trace:08x}", small % 11)
            }
            (_, 0) => format!("job {job:016x} started class=App\\Jobs\\ShipOrder tries=1"),
            (_, 1) => {
                format!("job {job:016x} finished in {ms}ms status=ok bytes={}", job % 100_000)
            }
            (_, 2) => {
                format!("published message id={job:016x} size={} trace={trace:08x}", job % 65_536)
            }
            _ => format!(
                "acked delivery tag={n} consumer=c{} latency={ms}us trace={trace:08x}",
                small % 32
            ),
        };
        let none = &self.none;
        LogEntry {
            time_nanos: time * 1_000_000,
            level,
            level_text: none.clone(),
            kind: none.clone(),
            source: self.services.get(queue % 12).unwrap_or(none).clone(),
            instance: self.instances.get(small as usize % 50).unwrap_or(none).clone(),
            queue: self.queues.get(queue).unwrap_or(none).clone(),
            job: none.clone(),
            trace: none.clone(),
            labels: Labels::default(),
            message,
            fields: String::new(),
        }
    }
}

/// User and system time of this process, in milliseconds.
fn cpu() -> Result<f64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/self/schedstat")?;
    let own: f64 = text.split_whitespace().next().ok_or("an unknown schedstat")?.parse()?;
    // The first thread's only: others have their own.
    let mut all = 0.0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let text = std::fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        all += text
            .split_whitespace()
            .next()
            .and_then(|nanos| nanos.parse::<f64>().ok())
            .unwrap_or(0.0);
    }
    Ok(all.max(own) / 1e6)
}

/// Memory of this process that no file backs, in MB.
fn memory() -> Result<f64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:")).ok_or("no RssAnon")?;
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes / 1024.0)
}

fn ask(
    name: &str,
    mut search: impl FnMut() -> Result<String, Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    if std::env::var("VIGIE_SEARCH").is_ok_and(|wanted| !name.contains(&wanted)) {
        return Ok(());
    }
    let (begun, mut said) = (cpu()?, String::new());
    for _ in 0..5 {
        said = search()?;
    }
    println!("{name}: {:.2} CPU ms ({said})", (cpu()? - begun) / 5.0);
    Ok(())
}

/// Writes the lines as their services would send them.
fn write(file: &str, all: u64, end: i64) -> Result<(), Box<dyn Error>> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(file)?);
    let mut writer = Writer::new(end - DAY);
    for n in 0..all {
        let line = writer.line(n, all);
        let (millis, level, message) =
            (line.time_nanos / 1_000_000, line.level.as_str(), &line.message);
        let (source, instance, queue) = (&line.source, &line.instance, &line.queue);
        // No text of these needs more than its backslashes escaped.
        let message = message.replace('\\', "\\\\");
        writeln!(
            out,
            r#"{{"time":{millis},"level":"{level}","source":"{source}","instance":"{instance}","queue":"{queue}","message":"{message}"}}"#
        )?;
    }
    Ok(out.flush()?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let all: u64 = arguments.first().map_or(Ok(200_000), |text| text.parse())?;
    if let [_, end, file] = arguments.as_slice() {
        return write(file, all, end.parse()?);
    }
    let dir = tempfile::tempdir_in(".")?;
    let end = START + DAY;
    let begun = cpu()?;
    let mut writer = Writer::new(START);
    let mut json = 0;
    for n in 0..all {
        let line = writer.line(n, all);
        let names =
            line.source.len() + line.instance.len() + line.queue.len() + line.level.as_str().len();
        json += line.message.len() + names + 13 + 64;
    }
    let making = cpu()? - begun;
    println!("{:.0} bytes a line as JSON", json as f64 / all as f64);
    let (store, _) = LogStore::open(LogOptions::new(dir.path()), end)?;
    let mut writer = Writer::new(START);
    let (begun, clock) = (cpu()?, Instant::now());
    for first in (0..all).step_by(1000) {
        let lines = (first..all.min(first + 1000)).map(|n| writer.line(n, all)).collect();
        store.append_wait(lines, None)?;
        if first % 8000 == 0 {
            store.maintain(end)?;
        }
    }
    let spent = cpu()? - begun - making;
    println!(
        "{:.2} CPU us a line, durable, with merges so far; {:.1} s; memory {:.0} MB",
        spent * 1e3 / all as f64,
        clock.elapsed().as_secs_f64(),
        memory()?
    );
    while store.maintain(end)?.more {}
    while store.maintain(end + DAY)?.more {}
    let spent = cpu()? - begun - making;
    let status = store.status();
    println!(
        "{:.2} CPU us a line with all merges; {:.2} bytes a line in {} blocks",
        spent * 1e3 / all as f64,
        status.block_bytes as f64 / status.block_entries as f64,
        status.blocks
    );
    drop(store);
    let clock = Instant::now();
    let (store, recovery) = LogStore::open(LogOptions::new(dir.path()), end)?;
    println!(
        "start: {:.3} s, {} entries in blocks, {} in the log",
        clock.elapsed().as_secs_f64(),
        recovery.entries,
        recovery.replayed
    );
    searches(&store, end)?;
    println!("memory: {:.0} MB", memory()?);
    Ok(())
}

fn searches(store: &LogStore, end: i64) -> Result<(), Box<dyn Error>> {
    let go = || false;
    let found = |filter: LogFilter, limit: usize| -> Result<String, Box<dyn Error>> {
        let page = store.search(filter, Order::NewestFirst, None, limit, &go)?;
        Ok(format!("{} found", page.entries.len()))
    };
    let counted = |filter: LogFilter| -> Result<String, Box<dyn Error>> {
        let steps = store.histogram(filter, 60_000_000_000, &go)?;
        let sum: u64 = steps.iter().flat_map(|step| step.counts).sum();
        Ok(format!("{sum} in {} steps", steps.len()))
    };
    let all = LogFilter::default;
    let text = |text: &str, ignore| -> Result<LogFilter, Box<dyn Error>> {
        Ok(LogFilter { texts: vec![TextMatch::contains(text, ignore)?], ..all() })
    };
    let hour = || LogFilter {
        start_nanos: (end - 3_600_000) * 1_000_000,
        min_level: Level::Error,
        ..all()
    };
    let queue = LogFilter {
        conditions: vec![Condition::equal(LogField::Queue, "tenant13/orders-0313")],
        ..all()
    };
    let pattern = LogFilter { texts: vec![TextMatch::regex(r"took 4\d{3}ms")?], ..all() };
    ask("error, last hour, 100", || found(hour(), 100))?;
    ask("one queue, all time, 100", || found(queue.clone(), 100))?;
    ask("a rare word, all time", || found(text("zq9x7needle", true)?, 100))?;
    ask("a part of a rare word", || found(text("9x7needl", false)?, 100))?;
    ask("a number in hexadecimal that is nowhere", || {
        found(text("0123456789abcdef", false)?, 100)
    })?;
    ask("the same, ignoring case", || found(text("0123456789abcdef", true)?, 100))?;
    ask("a common text, counted", || counted(text("connection reset", false)?))?;
    ask("a common text ignoring case, counted", || counted(text("connection reset", true)?))?;
    ask("a regular expression, counted", || counted(pattern.clone()))?;
    let regex = |pattern: &str| -> Result<LogFilter, Box<dyn Error>> {
        Ok(LogFilter { texts: vec![TextMatch::regex(pattern)?], ..all() })
    };
    // Without a text that each match has, and with one in most lines: every byte or row is walked over.
    for pattern in [r"[a-f]{3}\d+", r"[g-k]{3}\d{9}", r"\b\d{4}ms$", r"job [0-9a-f]+ \w+"] {
        ask(&format!("/{pattern}/, the newest 100"), || found(regex(pattern)?, 100))?;
        ask(&format!("/{pattern}/, counted"), || counted(regex(pattern)?))?;
    }
    worst(store)?;
    handed_out(store)?;
    ask("counts a minute by level", || counted(all()))?;
    ask("facets of everything", || Ok(format!("{} entries", store.facets(all(), 10, &go)?.total)))?;
    Ok(())
}

/// Messages as a query with a parser gets them: of all lines, and of those that may have a field.
fn handed_out(store: &LogStore) -> Result<(), Box<dyn Error>> {
    let (names, text) = (["bytes".to_owned()], TextMatch::contains("bytes", false)?);
    for (what, without) in [("all lines", None), ("lines with bytes=", Some((0, &text)))] {
        ask(&format!("messages of {what}, handed out"), || {
            let (mut lines, mut large) = (0, 0);
            let of = LinesOf { labels: &names, messages: Messages::Whole, without };
            store.lines(LogFilter::default(), of, &|| false, &mut |_, some| {
                lines += some.len();
                let value = |line: &str| line.rsplit_once("bytes=")?.1.parse::<u32>().ok();
                large += some.iter().filter(|(_, line)| value(line) > Some(50_000)).count();
                ControlFlow::Continue(())
            })?;
            Ok(format!("{lines} lines, {large} of them large"))
        })?;
    }
    Ok(())
}

/// What is in many lines.
fn worst(store: &LogStore) -> Result<(), Box<dyn Error>> {
    let go = || false;
    let counted = |text: TextMatch| -> Result<String, Box<dyn Error>> {
        let filter = LogFilter { texts: vec![text], ..LogFilter::default() };
        let steps = store.histogram(filter, 60_000_000_000, &go)?;
        let sum: u64 = steps.iter().flat_map(|step| step.counts).sum();
        Ok(format!("{sum} in {} steps", steps.len()))
    };
    for pattern in [
        r"(?i)TRACE=[0-9a-f]+$",
        "timeout|reset|exception|slow",
        r"^(job|acked|published) .*\d$",
        r"\w+ \w+",
        r"\d",
        r"[aeiou]{2}.*[0-9]{4}",
    ] {
        ask(&format!("/{pattern}/, counted"), || counted(TextMatch::regex(pattern)?))?;
    }
    for (word, ignore) in [("job", false), ("JOB", true), ("e", true), ("latency=", false)] {
        let named = format!("{word}{}", if ignore { " ignoring case" } else { "" });
        let text = || TextMatch::contains(word, ignore);
        ask(&format!("{named}, counted"), || counted(text()?))?;
        ask(&format!("not {named}, counted"), || counted(text()?.absent()))?;
        ask(&format!("{named}, facets"), || {
            let filter = LogFilter { texts: vec![text()?], ..LogFilter::default() };
            Ok(format!("{} entries", store.facets(filter, 10, &go)?.total))
        })?;
    }
    for labels in [&[][..], &["level"], &["level", "queue"], &["nothing"]] {
        let names: Vec<String> = labels.iter().map(|name| (*name).to_owned()).collect();
        let of = LinesOf { labels: &names, messages: Messages::Nothing, without: None };
        ask(&format!("job and not retrying, times by {labels:?}"), || {
            let (mut lines, mut runs) = (0, 0);
            let texts = vec![
                TextMatch::contains("job", false)?,
                TextMatch::contains("retrying", false)?.absent(),
            ];
            let filter = LogFilter { texts, ..LogFilter::default() };
            store.lines(filter, of, &go, &mut |_, some| {
                (lines, runs) = (lines + some.len(), runs + 1);
                ControlFlow::Continue(())
            })?;
            Ok(format!("{lines} lines in {runs} runs"))
        })?;
    }
    Ok(())
}
