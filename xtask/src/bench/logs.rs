//! Ten million log lines: what it costs to take them in, to keep them, to search them and to follow them.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::ask;
use super::browser::{address, json, number};
use super::cast::{Cast, Watcher, profile};
use super::engine::settled_bytes;
use super::report::{Section, Table, count, kept, times};

const LINES: u64 = 10_000_000;
/// Of the store alone.
const STORE_LINES: u64 = 2_000_000;
/// Lines a request, as shippers send them.
const BATCH: usize = 1_000;
/// Requests a connection.
const REQUESTS: usize = 200;
const PATH: &str = "/api/v1/logs";
const NDJSON: [(&str, &str); 1] = [("Content-Type", "application/x-ndjson")];
const HOUR_MS: u64 = 3_600_000;
/// A search is repeated until it has taken so much processor time, which Linux counts in hundredths.
const ENOUGH_CPU: f64 = 1.0;
const MOST_ROUNDS: u32 = 30;
/// Processor microseconds that `gzip -6` takes for one of these lines on the machine whose processor times the budgets are: on another
/// one they are as many times as long as it takes there.
const GZIP_MICROS: f64 = 2.4;
/// Lines of which `gzip` says, before and after each figure, how fast the machine is just then: on one that is shared that changes
/// by half within a minute.
const PACE_LINES: u64 = 200_000;
/// Of a page with many lines: how many, how many more a second, for how many seconds.
const SCREEN: [&str; 3] = ["100000", "200", "20"];

/// What is asked.
struct Search {
    name: &'static str,
    path: &'static str,
    /// From so long ago on.
    hours: u64,
    finds: Finds,
}

/// What an answer must have, or nothing of interest was measured.
#[derive(Clone, Copy)]
enum Finds {
    Nothing,
    One,
    Some,
    Everything,
}

const SEARCHES: [Search; 14] = [
    Search {
        name: "errors of the last hour, 100 newest",
        path: "/api/v1/logs?level=error&limit=100",
        hours: 1,
        finds: Finds::Some,
    },
    Search {
        name: "a rare word over everything",
        path: "/api/v1/logs?q=zq9x7needle&limit=100",
        hours: 24,
        finds: Finds::One,
    },
    Search {
        name: "a word that is nowhere",
        path: "/api/v1/logs?q=0123456789abcdef&limit=100",
        hours: 24,
        finds: Finds::Nothing,
    },
    Search {
        name: "one queue, 100 newest",
        path: "/api/v1/logs?queue=tenant13/orders-0313&limit=100",
        hours: 24,
        finds: Finds::Some,
    },
    Search {
        name: "histogram of everything, by level",
        path: "/api/v1/logs/histogram?step=60",
        hours: 24,
        finds: Finds::Everything,
    },
    Search {
        name: "a regular expression, counted",
        path: "/api/v1/logs/histogram?step=60&q=/took%204%5Cd%7B3%7Dms/",
        hours: 24,
        finds: Finds::Some,
    },
    Search {
        name: "facets of everything",
        path: "/api/v1/logs/facets?q=",
        hours: 24,
        finds: Finds::Everything,
    },
    // The worst that may be asked for: what is in many lines.
    Search {
        name: "a word in two of five lines, in any case, counted",
        path: "/api/v1/logs/histogram?step=60&q=JOB",
        hours: 24,
        finds: Finds::Some,
    },
    Search {
        name: "facets of these",
        path: "/api/v1/logs/facets?q=JOB",
        hours: 24,
        finds: Finds::Some,
    },
    Search {
        name: "LogQL: lines with a word and without another, by level",
        path: "/loki/api/v1/query_range?step=300&query=sum+by+(level)+(count_over_time(%7Bsource%3D~%22.%2B%22%7D+%7C%3D+%22job%22+%21%3D+%22retrying%22+%5B5m%5D))",
        hours: 24,
        finds: Finds::Some,
    },
    Search {
        name: "a regular expression without a text, `[a-f]{3}\\d+`, counted",
        path: "/api/v1/logs/histogram?step=60&q=/%5Ba-f%5D%7B3%7D%5Cd%2B/",
        hours: 24,
        finds: Finds::Some,
    },
    Search {
        name: "one whose text is in two of five lines, `job [0-9a-f]+ \\w+`, counted",
        path: "/api/v1/logs/histogram?step=60&q=/job+%5B0-9a-f%5D%2B+%5Cw%2B/",
        hours: 24,
        finds: Finds::Some,
    },
    Search {
        name: "one that goes through each byte, `^(job|acked) .*\\d$`, counted",
        path: "/api/v1/logs/histogram?step=60&q=/%5E(job%7Cacked)+.*%5Cd%24/",
        hours: 24,
        finds: Finds::Some,
    },
    Search {
        name: "LogQL: a field of each line, `| logfmt | bytes > 50000`, counted",
        path: "/loki/api/v1/query_range?step=300&query=sum(count_over_time(%7Bsource%3D~%22.%2B%22%7D+%7C+logfmt+%7C+bytes+%3E+50000+%5B5m%5D))",
        hours: 24,
        finds: Finds::Some,
    },
];

/// What was measured before the searches.
struct Written {
    lines: u64,
    /// Bytes as text.
    plain: f64,
    /// Processor seconds and bytes of `gzip -6`, processor seconds of `zgrep`.
    gzip: (f64, f64, f64),
    /// Processor seconds until all was answered, and until all was merged.
    cpu: (f64, f64),
    /// Seconds until all was answered.
    took: f64,
    /// On the disk.
    bytes: f64,
    /// Resident before and after, and the most.
    memory: (f64, f64, f64),
    /// Of the store alone: lines, processor microseconds and bytes of each, and how slow the machine was.
    store: (u64, f64, f64, f64),
}

/// How slow the machine is: as many times as long as where the budgets are from.
struct Pace<'a> {
    cast: &'a Cast<'a>,
    sample: PathBuf,
    /// When it was last measured.
    last: f64,
}

impl<'a> Pace<'a> {
    /// With the first of these lines.
    fn of(cast: &'a Cast<'a>, lines: &Path, count: u64) -> Result<Self> {
        let sample = cast.file("pace.ndjson");
        let count = count.min(PACE_LINES);
        timed(cast, &format!("head -n {count} {} > {}", lines.display(), sample.display()))?;
        let mut pace = Self { cast, sample, last: 0.0 };
        pace.since_last()?;
        Ok(pace)
    }

    /// Measures it; the mean of now and of when it was measured before.
    fn since_last(&mut self) -> Result<f64> {
        let lines = std::fs::read(&self.sample).context("reading the sample")?;
        let lines = lines.iter().filter(|byte| **byte == b'\n').count();
        let seconds =
            timed(self.cast, &format!("gzip -6 < {} > /dev/null", self.sample.display()))?;
        let now = seconds / lines as f64 * 1e6 / GZIP_MICROS;
        let mean = f64::midpoint(self.last, now);
        self.last = now;
        Ok(mean)
    }
}

/// Takes the lines in, and asks.
pub fn measure(cast: &Cast<'_>) -> Result<Section> {
    let end = now_millis()?;
    let (vigie, written, mut pace) = write(cast, end)?;
    println!("logs: searching ...");
    let head = ["search", "found", "CPU ms", "first ms", "median ms", "budget CPU ms", ""];
    let mut searches = Table::new(&head);
    for one in &SEARCHES {
        let (from, to) = (end - one.hours * HOUR_MS, end + HOUR_MS);
        let path = if one.path.starts_with("/loki/") {
            format!("{}&start={from}000000&end={to}000000", one.path)
        } else {
            format!("{}&from={from}&to={to}", one.path)
        };
        searches.row(search(&vigie, one, &path, (written.lines, &mut pace))?);
    }
    let searched = vigie.program.peak()?;
    let mut node = cast.command("node");
    node.args(["bench/tail.mjs", "200"]).env("VIGIE_URL", address(&vigie));
    let tail = json(&mut node)?;
    println!("logs: the page with {} lines ...", SCREEN[0]);
    let mut node = cast.command("node");
    node.arg("bench/logs.mjs").args(SCREEN).env("VIGIE_URL", address(&vigie));
    let screen = json(&mut node)?;

    let mut section = Section::new("Logs");
    written.say(&mut section, &searches);
    section.say("Searches over HTTP, all of them over the whole day but the first; *first* is the first time after writing.");
    section.table(&searches);
    section.say(&format!(
        "Resident memory: {} before, {} after writing ({} at most), {} at most with the searches. A line that is pushed reaches who follows \
         (`/loki/api/v1/tail`, {:.0} samples, {:.0} lost) after {} ms at the median, {} ms at the 95th percentile, {} ms at most.",
        megabytes(written.memory.0),
        megabytes(written.memory.1),
        megabytes(written.memory.2),
        megabytes(searched),
        number(&tail["count"]),
        number(&tail["lost"]),
        count(number(&tail["p50"])),
        count(number(&tail["p95"])),
        count(number(&tail["max"])),
    ));
    section.say(&page(&screen));
    Ok(section)
}

/// Makes the lines, has `gzip` pack them, and sends them to a Vigie of their own.
fn write<'a>(cast: &'a Cast<'a>, end: u64) -> Result<(Watcher, Written, Pace<'a>)> {
    let given = std::env::var("VIGIE_BENCH_LINES").ok().and_then(|lines| lines.parse().ok());
    let lines: u64 = given.unwrap_or(LINES);
    let file = cast.file("lines.ndjson");
    println!("logs: making {lines} lines ...");
    crate::command::show(log_figures(cast, lines).arg(end.to_string()).arg(&file))?;
    let plain = bytes_of(&file)?;
    let mut pace = Pace::of(cast, &file, lines)?;
    let (alone, micros, each) = store_alone(cast, lines.min(STORE_LINES))?;
    let store = (alone, micros, each, pace.since_last()?);

    println!("logs: gzip ...");
    let zipped = cast.file("lines.ndjson.gz");
    let gzip = timed(cast, &format!("gzip -6 < {} > {}", file.display(), zipped.display()))?;
    let zgrep = timed(cast, &format!("zgrep -c zq9x7needle {} || true", zipped.display()))?;
    let gzip = (gzip, bytes_of(&zipped)?, zgrep);
    std::fs::remove_file(&zipped).context("removing what gzip made")?;

    println!("logs: sending ...");
    let data = cast.file("logs-data");
    if data.exists() {
        std::fs::remove_dir_all(&data).with_context(|| format!("emptying {}", data.display()))?;
    }
    let vigie = start(cast, &data)?;
    let (idle, before, begun) =
        (vigie.program.resident()?, vigie.program.cpu_seconds()?, Instant::now());
    send(vigie.port, &file)?;
    std::fs::remove_file(&file).context("removing the lines")?;
    let (cpu, took) = (vigie.program.cpu_seconds()? - before, begun.elapsed().as_secs_f64());
    let bytes = settled_bytes(&data.join("logs"))?;
    let cpu = (cpu, vigie.program.cpu_seconds()? - before);
    let memory = (idle, vigie.program.resident()?, vigie.program.peak()?);
    // Not that of before the lines were sent.
    pace.since_last()?;
    Ok((vigie, Written { lines, plain, gzip, cpu, took, bytes, memory, store }, pace))
}

fn log_figures(cast: &Cast<'_>, lines: u64) -> Command {
    let mut cargo = cast.command("cargo");
    cargo.args(["run", "--quiet", "--profile", &profile(), "--package", "vigie-store"]);
    cargo.args(["--example", "log_figures", "--", &lines.to_string()]);
    cargo
}

/// Writes so many lines into a store without HTTP and JSON, which is what its budgets are for.
fn store_alone(cast: &Cast<'_>, lines: u64) -> Result<(u64, f64, f64)> {
    println!("logs: the store alone, {lines} lines ...");
    let out = log_figures(cast, lines).output().context("starting log_figures")?;
    let text = String::from_utf8_lossy(&out.stdout);
    let before = |words: &str| {
        let (said, _) = text.split_once(words)?;
        said.rsplit([' ', '\n']).next()?.parse().ok()
    };
    match (before(" CPU us a line, durable"), before(" bytes a line in")) {
        (Some(micros), Some(bytes)) if out.status.success() => Ok((lines, micros, bytes)),
        _ => bail!("log_figures failed: {}{text}", String::from_utf8_lossy(&out.stderr)),
    }
}

impl Written {
    fn say(&self, section: &mut Section, searches: &Table) {
        let lines = self.lines as f64;
        section.say(&format!(
            "{lines} lines of {:.0} bytes as NDJSON, over 24 hours, posted {BATCH} at a time over HTTP, each request answered once its lines are on the \
             disk ({:.0} lines/s with one sender). *CPU* is processor time of the whole process: HTTP, JSON, redaction, log, index and compression. The \
             peer is `gzip -6` over the same file, which keeps nothing that could be searched.",
            self.plain / lines,
            lines / self.took,
        ));
        let mut table = Table::new(&["", "Vigie", "gzip", "of gzip"]);
        let mut row = |name: &str, own: f64, peer: f64, digits: usize| {
            let figure = |value: f64| format!("{value:.digits$}");
            table.row(vec![name.to_owned(), figure(own), figure(peer), times(own, peer)]);
        };
        let (gzip, gzip_bytes, zgrep) = self.gzip;
        row("bytes a line on disk", self.bytes / lines, gzip_bytes / lines, 1);
        let micros = |seconds: f64| seconds / lines * 1e6;
        row("CPU µs a line, answered", micros(self.cpu.0), micros(gzip), 2);
        row("CPU µs a line, sealed and merged", micros(self.cpu.1), micros(gzip), 2);
        row("CPU ms for a rare word (`zgrep`)", rare(searches), zgrep * 1e3, 1);
        section.table(&table);
        let (alone, micros, bytes, slowness) = self.store;
        let budget = 1.5 * slowness;
        section.say(&format!(
            "Budgets of processor time are those of a machine on which `gzip -6` takes {GZIP_MICROS} µs a line; as many times as long as it takes for {PACE_LINES} lines just \
             before and after a figure, so long may Vigie take. \
             25 bytes a line on disk ({}); and of the store alone (`crates/store/examples/log_figures.rs`, {alone} lines, each thousand on the disk \
             before the next; {slowness:.2} times as long) {budget:.2} µs of CPU a line, which takes {micros:.2} ({}), and 25 bytes, of which it takes {bytes:.1} ({}).",
            kept(self.bytes / lines <= 25.0),
            kept(micros <= budget),
            kept(bytes <= 25.0),
        ));
    }
}

fn megabytes(bytes: f64) -> String {
    format!("{:.0} MB", bytes / 1e6)
}

fn bytes_of(file: &Path) -> Result<f64> {
    let found = std::fs::metadata(file).with_context(|| format!("measuring {}", file.display()))?;
    Ok(found.len() as f64)
}

/// The processor time of the rare word, which the peer is compared with.
fn rare(searches: &Table) -> f64 {
    searches.figure(1, 2).unwrap_or_default()
}

/// What the page of logs takes with many lines; budgets: 8 % and 60 MB.
fn page(found: &Value) -> String {
    let figure = |name: &str| number(&found[name]);
    format!(
        "The page Logs with {:.0} lines loaded and {} more a second for {} s: {:.1} % of the main thread ({}), {:.0} MB of heap ({}), {:.0} long tasks, the longest {:.0} ms.",
        figure("loaded"),
        SCREEN[1],
        SCREEN[2],
        figure("main") * 100.0,
        kept(figure("main") <= 0.08),
        figure("heap") / 1e6,
        kept(figure("heap") <= 60e6),
        figure("longTasks"),
        figure("longest"),
    )
}

fn now_millis() -> Result<u64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
    u64::try_from(since.as_millis()).context("the clock is far off")
}

/// A Vigie that watches a Redis that is not there, and takes any number of lines.
fn start(cast: &Cast<'_>, data: &Path) -> Result<Watcher> {
    let port = crate::servers::free_port()?;
    let config = cast.file("logs.yaml");
    let text = format!(
        "listen: 127.0.0.1:{port}\ndata_dir: {}\nlogs: {{entries_per_second: 4000000}}\n\
         sources:\n  - {{name: none, kind: redis, url: \"redis://127.0.0.1:1\"}}\n",
        data.display()
    );
    std::fs::write(&config, text).with_context(|| format!("writing {}", config.display()))?;
    let mut command = cast.command(&cast.vigie().to_string_lossy());
    command.arg("--config").arg(&config);
    let program = cast.start(&command, "logs-Vigie")?;
    cast.answering(port, "/readyz")?;
    Ok(Watcher { program, port })
}

/// Posts the lines of a file.
fn send(port: u16, file: &Path) -> Result<()> {
    let mut lines =
        BufReader::with_capacity(1 << 20, File::open(file).context("opening the lines")?);
    loop {
        crate::interrupt::check()?;
        let mut bodies = Vec::with_capacity(REQUESTS);
        while bodies.len() < REQUESTS {
            let mut body = Vec::with_capacity(BATCH * 256);
            for _ in 0..BATCH {
                lines.read_until(b'\n', &mut body).context("reading the lines")?;
            }
            if body.is_empty() {
                break;
            }
            bodies.push(body);
        }
        if bodies.is_empty() {
            return Ok(());
        }
        ask::post(port, PATH, &NDJSON, &bodies)?;
    }
}

/// Asks until enough processor time is spent to say how much one costs.
fn search(
    vigie: &Watcher,
    search: &Search,
    path: &str,
    (lines, pace): (u64, &mut Pace<'_>),
) -> Result<Vec<String>> {
    let (body, first) = ask::page(vigie.port, path)?;
    let (before, mut took) = (vigie.program.cpu_seconds()?, Vec::new());
    let spent = loop {
        took.push(ask::page(vigie.port, path)?.1);
        let spent = vigie.program.cpu_seconds()? - before;
        if spent > ENOUGH_CPU || took.len() as u32 >= MOST_ROUNDS {
            break spent / took.len() as f64;
        }
    };
    took.sort_by(f64::total_cmp);
    let answer: Value = serde_json::from_str(&body).with_context(|| format!("{path} is JSON"))?;
    let steps = answer["steps"].as_array().into_iter().flatten();
    let found = match answer["entries"].as_array() {
        Some(entries) => entries.len() as f64,
        None if answer["total"].is_number() => number(&answer["total"]),
        None if answer["steps"].is_array() => steps.map(|step| number(&step["total"])).sum(),
        None => counted(&answer["data"]["result"]),
    };
    let right = match search.finds {
        Finds::Nothing => found == 0.0,
        Finds::One => found == 1.0,
        Finds::Some => found > 0.0,
        // And what Vigie has noted itself.
        Finds::Everything => (0.0..100.0).contains(&(found - lines as f64)),
    };
    if !right {
        bail!(
            "{}: {found} found of {lines} lines, which measures something else: {path}",
            search.name
        );
    }
    // Up to 2 million lines 100 ms, then in proportion.
    let budget = 100.0 * (lines as f64 / 2e6).max(1.0) * pace.since_last()?;
    Ok(vec![
        search.name.to_owned(),
        format!("{found:.0}"),
        format!("{:.1}", spent * 1e3),
        format!("{:.1}", first * 1e3),
        format!("{:.1}", took[took.len() / 2] * 1e3),
        format!("≤ {budget:.0}"),
        kept(spent * 1e3 <= budget).to_owned(),
    ])
}

/// What LogQL counted: the sum of all values.
fn counted(result: &Value) -> f64 {
    let series = result.as_array().into_iter().flatten();
    let values = series.flat_map(|one| one["values"].as_array().into_iter().flatten());
    values.filter_map(|pair| pair[1].as_str()?.parse::<f64>().ok()).sum()
}

/// Runs a line of bash; its processor seconds.
fn timed(cast: &Cast<'_>, line: &str) -> Result<f64> {
    let mut bash = cast.command("bash");
    bash.args(["-c", &format!("TIMEFORMAT='%U %S'; time {{ {line}; }}")]);
    let out = bash.output().context("starting bash")?;
    let said = String::from_utf8_lossy(&out.stderr);
    let times: Vec<f64> = said
        .lines()
        .last()
        .unwrap_or_default()
        .split(' ')
        .filter_map(|one| one.parse().ok())
        .collect();
    if !out.status.success() || times.len() != 2 {
        bail!("{line}: {}", said.trim());
    }
    Ok(times.iter().sum())
}
