//! The store and its query language beside Prometheus and VictoriaMetrics: the same samples by remote write and the
//! same queries over HTTP, in one run.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::ask;
use super::cast::Cast;
use super::engine::{Asked, Engine, Running};
use super::queries::QUERIES;
use super::report::{Section, Table, count, times};
use super::workload::{STEP_SECONDS, Workload};
use crate::interrupt;

const MEGABYTE: f64 = 1e6;
/// The last steps are sent one by one, as they come when they are scraped.
const LIVE_STEPS: usize = 60;
/// Steps of one request before that.
const BULK_STEPS: usize = 30;
const BULK_SERIES: usize = 500;
const LIVE_SERIES: usize = 2_000;
/// Each query is asked again and again for so long, of each engine in its turn, so many times: a machine that is shared is slower
/// at one moment than at the next.
const ASK_FOR: Duration = Duration::from_millis(500);
const TURNS: usize = 3;
/// How long the engines rest before their memory is measured.
const REST: Duration = Duration::from_secs(15);
/// An engine that takes longer to write all of one size is left out of the rest.
const WRITE_WITHIN: Duration = Duration::from_secs(240);

/// Where the log is this share of all bytes, or more, nothing is said of the size of blocks.
const LOGGED: f64 = 0.05;

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
         (snappy) into Vigie, Prometheus and VictoriaMetrics (Debian's packages) in turns, in one run; the last 10 minutes one \
         step a request of at most 2,000 series, as scraping brings them. *CPU* is processor time of the process a million samples, HTTP and \
         decoding included: in bulk that of the whole time, so that making blocks counts, and as scraped that of the requests alone. \
         *resident* is memory 15 s after all is written (`VmRSS`), so that an engine may give back what was for writing, *anonymous* what of it no file backs (`RssAnon`; the rest is program and \
         mapped files, which the system takes back when others need memory), *peak* the most until then (`VmHWM`). *bytes* is what all is on the disk, index included, once it is in blocks, a sample: Vigie is stopped and started again, \
         of Prometheus it is a snapshot's folder, VictoriaMetrics is told to merge. What of it are five-minute and hourly values, which Vigie makes of days that are over (ADR 43) and no peer \
         has, stands in a line of its own: of the last 24 hours there are more or less in a day that is over, by the hour of this run. Queries are range \
         queries over everything in steps of 60 s, each asked over a connection that stays, as Grafana keeps its, of the three in turns; told is processor time of one. \
         Budgets: bytes ≤ 0.35 × Prometheus and ≤ 0.9 × VictoriaMetrics, ingest as scraped ≤ 0.25 × Prometheus, anonymous memory ≤ 0.25 × Prometheus \
         at 10,000 series and ≤ 1 × VictoriaMetrics at 200,000, queries ≤ 0.3 × Prometheus and ≤ 1 × VictoriaMetrics.",
    );
    let sizes = sizes()?;
    let mut growth = Table::new(&[
        "series",
        "engine",
        "in bulk, CPU s a million",
        "as scraped, CPU s a million",
        "resident MB",
        "anonymous MB",
        "peak MB",
    ]);
    for size in sizes {
        let running = run(cast, size)?;
        report(&mut section, size, &running);
        if size.hours <= 1.0 {
            grow(&mut growth, size, &running);
        }
    }
    section.say("**How cost grows** with the number of series, at an hour or less:");
    section.table(&growth);
    Ok(section)
}

/// The sizes that are measured: those of the environment, or all of them up to a number of hours.
fn sizes() -> Result<Vec<Size>> {
    if let Ok(given) = std::env::var("VIGIE_BENCH_STORE") {
        let size = |text: &str| {
            let (series, hours) = text.split_once('x')?;
            Some(Size { series: series.trim().parse().ok()?, hours: hours.trim().parse().ok()? })
        };
        let sizes: Option<Vec<Size>> = given.split(',').map(size).collect();
        return sizes.with_context(|| {
            format!("VIGIE_BENCH_STORE is {given:?}: say series x hours, as 10000x1,10000x24")
        });
    }
    let given = std::env::var("VIGIE_BENCH_HOURS").ok().and_then(|hours| hours.parse().ok());
    let hours: f64 = given.unwrap_or(24.0);
    let mut sizes = vec![Size { series: 1_000, hours: 1.0 }, Size { series: 10_000, hours: 1.0 }];
    if hours > 1.0 {
        let many = [100_000, 200_000].map(|series| Size { series, hours: 0.5 });
        sizes.extend(many);
        sizes.push(Size { series: 10_000, hours });
    }
    Ok(sizes)
}

fn run(cast: &Cast<'_>, size: Size) -> Result<Vec<Running>> {
    println!("store: {} series for {} h ...", size.series, size.hours);
    let begin = Instant::now();
    let mut running = Engine::ALL
        .into_iter()
        .map(|engine| Running::start(cast, engine))
        .collect::<Result<Vec<_>>>()?;
    let steps = (size.hours * 3_600.0) as i64 / STEP_SECONDS;
    let now = unix_seconds()?;
    // Ends now: what an engine keeps for its own clock is in the same blocks for all.
    let start = (now - steps * STEP_SECONDS) / STEP_SECONDS * STEP_SECONDS;
    write(&mut running, size, start, steps as usize)?;
    let end = start + (steps - 1) * STEP_SECONDS;
    println!("store: written ({:.0} s) ...", begin.elapsed().as_secs_f64());
    // All of them give back memory that is free, each in its own time.
    std::thread::sleep(REST);
    for one in &mut running {
        one.attempt("measuring its memory", |one| {
            (one.resident, one.peak) = (one.program()?.resident()?, one.program()?.peak()?);
            one.anonymous = one.program()?.anonymous()?;
            Ok(())
        })?;
    }
    for query in &QUERIES {
        let path = path(query, start, end);
        for one in &mut running {
            one.attempt("asking it", |one| first(one, query, &path))?;
        }
        for _ in 0..TURNS {
            for one in &mut running {
                one.attempt("asking it", |one| ask(one, &path))?;
            }
        }
    }
    for one in &mut running {
        one.attempt("having it write its blocks", |one| one.seal(cast))?;
    }
    println!("store: done ({:.0} s)", begin.elapsed().as_secs_f64());
    Ok(running)
}

fn write(running: &mut [Running], size: Size, start: i64, steps: usize) -> Result<()> {
    let mut workload = Workload::new(size.series, start);
    let bulk = steps.saturating_sub(LIVE_STEPS);
    let mut encoder = snap::raw::Encoder::new();
    for one in running.iter_mut() {
        one.bulk_cpu = -one.program()?.cpu_seconds()?;
    }
    for step in 0..steps {
        interrupt::check()?;
        workload.step();
        let live = step >= bulk;
        if step == bulk {
            for one in running.iter_mut() {
                one.attempt("measuring it", |one| {
                    one.bulk_cpu += one.program()?.cpu_seconds()?;
                    Ok(())
                })?;
            }
        }
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
            one.attempt("writing to it", |one| {
                let (before, begin) = (one.program()?.cpu_seconds()?, Instant::now());
                ask::post(one.port, "/api/v1/write", &HEADERS, &bodies)?;
                if live {
                    one.live_cpu += one.program()?.cpu_seconds()? - before;
                }
                one.writing += begin.elapsed();
                if one.writing > WRITE_WITHIN {
                    let percent = (step + 1) * 100 / steps;
                    bail!(
                        "{percent} % are written after {} s, which is all the time there is",
                        WRITE_WITHIN.as_secs()
                    );
                }
                Ok(())
            })?;
        }
    }
    Ok(())
}

const HEADERS: [(&str, &str); 3] = [
    ("Content-Type", "application/x-protobuf"),
    ("Content-Encoding", "snappy"),
    ("X-Prometheus-Remote-Write-Version", "0.1.0"),
];

/// A query over everything, but for those of which one moment is enough.
fn path((name, query): &(&str, &str), start: i64, end: i64) -> String {
    let start = if *name == "everything now" { end } else { start };
    format!(
        "/api/v1/query_range?query={}&start={start}&end={end}&step=60&nocache=1",
        percent(query)
    )
}

/// Asks once, and looks at the answer.
fn first(one: &mut Running, (name, query): &(&str, &str), path: &str) -> Result<()> {
    let (answer, _) = ask::page(one.port, path).with_context(|| format!("query {name}"))?;
    if !answer.contains("\"values\"") {
        bail!("{} has no answer to {query}: {answer:.300}", one.engine);
    }
    one.queries.push(Asked::default());
    Ok(())
}

/// Asks the latest query for one turn.
fn ask(one: &mut Running, path: &str) -> Result<()> {
    let mut connection = ask::Connection::open(one.port)?;
    let (before, begin) = (one.program()?.cpu_seconds()?, Instant::now());
    let mut asked = 0;
    while begin.elapsed() < ASK_FOR {
        interrupt::check()?;
        connection.page(path)?;
        asked += 1;
    }
    let spent = one.program()?.cpu_seconds()? - before;
    let all = one.queries.last_mut().context("it was not asked first")?;
    all.seconds += spent;
    all.times += f64::from(asked);
    Ok(())
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
    let mut row =
        |name: &str, figure: &dyn Fn(&Running) -> Option<f64>, shown: &dyn Fn(f64) -> String| {
            let shown = |one: &Running| figure(one).map_or_else(|| "–".to_owned(), shown);
            let mut cells = vec![name.to_owned()];
            cells.extend(running.iter().map(shown));
            let share = |peer: &Running| Some(times(figure(vigie)?, figure(peer)?));
            cells.extend(running[1..].iter().map(|peer| share(peer).unwrap_or("–".to_owned())));
            table.row(cells);
        };
    let seconds = |value: f64| format!("{value:.3}");
    let bulk = (samples - live).max(1.0);
    row("ingest in bulk, CPU s a million", &|one| one.told(one.bulk_cpu / bulk * 1e6), &seconds);
    row("ingest as scraped, CPU s a million", &|one| one.told(one.live_cpu / live * 1e6), &seconds);
    row("resident MB", &|one| one.told(one.resident / MEGABYTE), &count);
    row("of it anonymous MB", &|one| one.told(one.anonymous / MEGABYTE), &count);
    row("peak MB", &|one| one.told(one.peak / MEGABYTE), &count);
    let alike = |one: &Running| one.bytes - one.downsampled.unwrap_or_default();
    let hundredths = |value: f64| format!("{value:.2}");
    let in_blocks = |one: &&Running| one.logged < LOGGED * one.bytes;
    let bytes = |one: &Running| Some(one).filter(in_blocks)?.told(alike(one) / samples);
    row("bytes a sample", &bytes, &hundredths);
    row(
        "five-minute and hourly values, bytes a sample",
        &|one| one.told(one.downsampled? / samples),
        &hundredths,
    );
    for (place, (name, query)) in QUERIES.iter().enumerate() {
        let label = format!("{name}, CPU ms: `{}`", query.replace('|', "\\|"));
        row(&label, &|one| one.queries.get(place)?.each().map(|seconds| seconds * 1e3), &|value| {
            format!("{value:.2}")
        });
    }
    section.table(&table);
    if !in_blocks(&vigie) {
        section.say(&format!(
            "Of Vigie's {} MB on the disk {} are its log: what came last is no block until its half hour is over, so bytes a sample are not told.",
            count(vigie.bytes / MEGABYTE),
            count(vigie.logged / MEGABYTE)
        ));
    }
    for one in running {
        if let Some(why) = &one.lost {
            section.say(&format!("{} was left out: {why}.", one.engine));
        }
    }
}

/// A row for each engine.
fn grow(table: &mut Table, size: Size, running: &[Running]) {
    let steps = (size.hours * 3_600.0 / STEP_SECONDS as f64).floor();
    let live = size.series as f64 * LIVE_STEPS as f64;
    let bulk = size.series as f64 * steps - live;
    for one in running {
        let cell = |value: f64, shown: &dyn Fn(f64) -> String| {
            one.told(value).map_or_else(|| "–".to_owned(), shown)
        };
        let seconds = |value: f64| format!("{value:.3}");
        table.row(vec![
            size.series.to_string(),
            one.engine.to_string(),
            cell(one.bulk_cpu / bulk * 1e6, &seconds),
            cell(one.live_cpu / live * 1e6, &seconds),
            cell(one.resident / MEGABYTE, &count),
            cell(one.anonymous / MEGABYTE, &count),
            cell(one.peak / MEGABYTE, &count),
        ]);
    }
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

fn unix_seconds() -> Result<i64> {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .context("the clock is before 1970")?;
    Ok(since.as_secs() as i64)
}
