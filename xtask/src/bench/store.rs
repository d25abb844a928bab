//! The store and its query language beside Prometheus and VictoriaMetrics: the same samples by remote write and the
//! same queries over HTTP, in one run.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::ask;
use super::cast::Cast;
use super::program::Program;
use super::report::{Section, Table, count, times};
use super::workload::{STEP_SECONDS, Workload};
use crate::interrupt;
use crate::servers::free_port;

const MEGABYTE: f64 = 1e6;
/// The last steps are sent one by one, as they come when they are scraped.
const LIVE_STEPS: usize = 60;
/// Steps of one request before that.
const BULK_STEPS: usize = 30;
const BULK_SERIES: usize = 500;
const LIVE_SERIES: usize = 2_000;
/// Each query is asked again and again for so long.
const ASK_FOR: Duration = Duration::from_millis(1_500);

const QUERIES: [(&str, &str); 7] = [
    ("one series", "job_queue_waiting{queue=\"team07/orders-00007\"}"),
    ("rate by type", "sum by (type)(rate(jobs_enqueued_total[5m]))"),
    ("rate by queue", "sum by (queue)(rate(jobs_enqueued_total[5m]))"),
    ("max over time", "max by (type)(max_over_time(job_queue_waiting[10m]))"),
    (
        "mean duration",
        "sum by (type)(rate(job_run_seconds_sum[5m])) / sum by (type)(rate(job_run_seconds_count[5m]))",
    ),
    ("join", "job_queue_waiting / on(queue) group_left() job_queue_workers > 100"),
    ("everything now", "{job=\"queues\"}"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Engine {
    Vigie,
    Prometheus,
    VictoriaMetrics,
}

impl Engine {
    const ALL: [Self; 3] = [Self::Vigie, Self::Prometheus, Self::VictoriaMetrics];
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vigie => "Vigie",
            Self::Prometheus => "Prometheus",
            Self::VictoriaMetrics => "VictoriaMetrics",
        })
    }
}

/// An engine that runs, and what was measured of it.
struct Running {
    engine: Engine,
    program: Program,
    port: u16,
    data: PathBuf,
    bulk_cpu: f64,
    live_cpu: f64,
    resident: f64,
    bytes: f64,
    /// CPU seconds a query, in the order of [`QUERIES`].
    queries: Vec<f64>,
}

/// How much is written: series and hours.
#[derive(Clone, Copy)]
struct Size {
    series: usize,
    hours: f64,
}

/// Measures at several sizes: how cost grows with the number of series, and with time.
pub fn measure(cast: &Cast<'_>) -> Result<Section> {
    let mut section = Section::new("Store");
    section.say(
        "The same samples (20 series a queue, one each 10 s: levels, counters, milliseconds, pages of memory) go by remote write \
         (snappy) into Vigie, Prometheus and VictoriaMetrics (Debian's packages) one after the other in one run; the last 10 minutes one \
         step a request, as scraping brings them. *CPU* is processor time of the process a million samples, HTTP and \
         decoding included; *bytes* is the data folder after the engine was told to write what it holds, a sample; queries are range \
         queries over everything in steps of 60 s, as processor time of one.",
    );
    let given = std::env::var("VIGIE_BENCH_HOURS").ok().and_then(|hours| hours.parse().ok());
    let hours: f64 = given.unwrap_or(24.0);
    let mut sizes = vec![Size { series: 1_000, hours: 1.0 }, Size { series: 10_000, hours: 1.0 }];
    if hours > 1.0 {
        sizes.extend([Size { series: 100_000, hours: 0.5 }, Size { series: 10_000, hours }]);
    }
    for size in sizes {
        let running = run(cast, size)?;
        report(&mut section, size, &running);
    }
    Ok(section)
}

fn run(cast: &Cast<'_>, size: Size) -> Result<Vec<Running>> {
    println!("store: {} series for {} h ...", size.series, size.hours);
    let mut running =
        Engine::ALL.into_iter().map(|engine| start(cast, engine)).collect::<Result<Vec<_>>>()?;
    let steps = (size.hours * 3_600.0) as i64 / STEP_SECONDS;
    let now = unix_seconds()?;
    // Ends now: what an engine keeps for its own clock is in the same blocks for all.
    let start = (now - steps * STEP_SECONDS) / STEP_SECONDS * STEP_SECONDS;
    write(&mut running, size, start, steps as usize)?;
    let end = start + (steps - 1) * STEP_SECONDS;
    for one in &mut running {
        one.resident = one.program.resident()?;
        one.queries = ask(one, start, end)?;
        flush(one)?;
        one.bytes = folder_bytes(&one.data)?;
    }
    Ok(running)
}

fn write(running: &mut [Running], size: Size, start: i64, steps: usize) -> Result<()> {
    let mut workload = Workload::new(size.series, start);
    let bulk = steps.saturating_sub(LIVE_STEPS);
    let mut encoder = snap::raw::Encoder::new();
    for step in 0..steps {
        interrupt::check()?;
        workload.step();
        let live = step >= bulk;
        if !(live || (step + 1) % BULK_STEPS == 0 || step + 1 == bulk) {
            continue;
        }
        let bodies = workload.take(if live { LIVE_SERIES } else { BULK_SERIES });
        let bodies: Vec<Vec<u8>> = bodies
            .iter()
            .map(|body| encoder.compress_vec(body))
            .collect::<Result<_, _>>()
            .context("compressing with snappy")?;
        for one in running.iter_mut() {
            let before = one.program.cpu_seconds()?;
            ask::post(one.port, "/api/v1/write", &HEADERS, &bodies)
                .with_context(|| format!("writing to {}", one.engine))?;
            let spent = one.program.cpu_seconds()? - before;
            *(if live { &mut one.live_cpu } else { &mut one.bulk_cpu }) += spent;
        }
    }
    Ok(())
}

const HEADERS: [(&str, &str); 3] = [
    ("Content-Type", "application/x-protobuf"),
    ("Content-Encoding", "snappy"),
    ("X-Prometheus-Remote-Write-Version", "0.1.0"),
];

fn ask(one: &Running, start: i64, end: i64) -> Result<Vec<f64>> {
    QUERIES
        .iter()
        .map(|(name, query)| {
            let start = if *name == "everything now" { end } else { start };
            let path = format!(
                "/api/v1/query_range?query={}&start={start}&end={end}&step=60&nocache=1",
                percent(query)
            );
            let (answer, _) = ask::page(one.port, &path)
                .with_context(|| format!("asking {} for {name}", one.engine))?;
            if !answer.contains("\"values\"") {
                bail!("{} has no answer to {query}: {answer:.300}", one.engine);
            }
            let (before, begin) = (one.program.cpu_seconds()?, Instant::now());
            let mut asked = 0;
            while begin.elapsed() < ASK_FOR {
                interrupt::check()?;
                ask::page(one.port, &path)?;
                asked += 1;
            }
            Ok((one.program.cpu_seconds()? - before) / f64::from(asked))
        })
        .collect()
}

/// Has what is in memory written to disk, as far as an engine can be asked to.
fn flush(one: &Running) -> Result<()> {
    match one.engine {
        // Seals and merges by itself; so does Prometheus, from three hours on.
        Engine::Vigie | Engine::Prometheus => rest(Duration::from_secs(5)),
        Engine::VictoriaMetrics => {
            ask::page(one.port, "/internal/force_flush")?;
            ask::page(one.port, "/internal/force_merge")?;
            rest(Duration::from_secs(5))
        }
    }
}

fn start(cast: &Cast<'_>, engine: Engine) -> Result<Running> {
    let port = free_port()?;
    let data = cast.file(&format!("store-{engine}"));
    if data.exists() {
        std::fs::remove_dir_all(&data).with_context(|| format!("emptying {}", data.display()))?;
    }
    std::fs::create_dir_all(&data).with_context(|| format!("creating {}", data.display()))?;
    let (command, ready) = match engine {
        Engine::Vigie => {
            // A Redis that is not there: Vigie starts all the same, and keeps little but what is pushed.
            let config = cast.file("store.yaml");
            let text = format!(
                "listen: 127.0.0.1:{port}\ndata_dir: {}\nsources:\n  - {{name: none, kind: redis, url: \"redis://127.0.0.1:1\"}}\n",
                data.display()
            );
            std::fs::write(&config, text).context("writing a configuration")?;
            let mut command = cast.command(&cast.vigie().to_string_lossy());
            command.arg("--config").arg(config);
            (command, "/readyz")
        }
        Engine::Prometheus => {
            let config = cast.file("store-prometheus.yml");
            std::fs::write(&config, "global: {}\n").context("writing a configuration")?;
            let mut command = cast.command("prometheus");
            command.arg(format!("--config.file={}", config.display()));
            command.arg(format!("--storage.tsdb.path={}", data.display()));
            command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
            command.args(["--web.enable-remote-write-receiver", "--log.level=warn"]);
            (command, "/-/ready")
        }
        Engine::VictoriaMetrics => {
            let mut command = cast.command("victoria-metrics");
            command.arg(format!("-storageDataPath={}", data.display()));
            command.arg(format!("-httpListenAddr=127.0.0.1:{port}"));
            command.args(["-retentionPeriod=12", "-search.latencyOffset=0s"]);
            (command, "/health")
        }
    };
    let program = cast.start(&command, &format!("store-{engine}"))?;
    cast.answering(port, ready)?;
    let (bulk_cpu, live_cpu, resident, bytes) = (0.0, 0.0, 0.0, 0.0);
    Ok(Running {
        engine,
        program,
        port,
        data,
        bulk_cpu,
        live_cpu,
        resident,
        bytes,
        queries: Vec::new(),
    })
}

fn report(section: &mut Section, size: Size, running: &[Running]) {
    let steps = size.hours * 3_600.0 / STEP_SECONDS as f64;
    let samples = size.series as f64 * steps;
    let live = size.series as f64 * LIVE_STEPS as f64;
    let vigie = &running[0];
    section.say(&format!(
        "**{} series for {} h** ({:.1} million samples):",
        size.series,
        size.hours,
        samples / 1e6
    ));
    let mut table = Table::new(&[
        "",
        "Vigie",
        "Prometheus",
        "VictoriaMetrics",
        "of Prometheus",
        "of VictoriaMetrics",
    ]);
    let mut row = |name: &str, figure: &dyn Fn(&Running) -> f64, shown: &dyn Fn(f64) -> String| {
        let figures: Vec<f64> = running.iter().map(figure).collect();
        let mut cells = vec![name.to_owned()];
        cells.extend(figures.iter().map(|value| shown(*value)));
        cells.extend(figures[1..].iter().map(|peer| times(figure(vigie), *peer)));
        table.row(cells);
    };
    let seconds = |value: f64| format!("{value:.3}");
    let bulk = (samples - live).max(1.0);
    row("ingest in bulk, CPU s a million", &|one| one.bulk_cpu / bulk * 1e6, &seconds);
    row("ingest as scraped, CPU s a million", &|one| one.live_cpu / live * 1e6, &seconds);
    row("resident MB", &|one| one.resident / MEGABYTE, &count);
    row("bytes a sample", &|one| one.bytes / samples, &|value| format!("{value:.2}"));
    for (place, (name, query)) in QUERIES.iter().enumerate() {
        let label = format!("{name}, CPU ms: `{}`", query.replace('|', "\\|"));
        row(&label, &|one| one.queries[place] * 1e3, &|value| format!("{value:.2}"));
    }
    section.table(&table);
}

fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

fn folder_bytes(folder: &Path) -> Result<f64> {
    let mut sum = 0.0;
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("reading the folder {}", folder.display()))?;
    for entry in entries {
        // A file may be merged away meanwhile.
        let Ok(entry) = entry else { continue };
        let Ok(kind) = entry.metadata() else { continue };
        sum += if kind.is_dir() { folder_bytes(&entry.path())? } else { kind.len() as f64 };
    }
    Ok(sum)
}

fn rest(time: Duration) -> Result<()> {
    std::thread::sleep(time);
    interrupt::check()
}

fn unix_seconds() -> Result<i64> {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .context("the clock is before 1970")?;
    Ok(since.as_secs() as i64)
}
