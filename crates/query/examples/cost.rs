//! What queries cost in processor time, over a store's folder that `cargo xtask bench store` has left behind:
//! `cargo run --profile quick -p vigie-query --example cost -- FOLDER HOURS [PART-OF-A-NAME] [SECONDS] [STEP-IN-SECONDS]`.
//! Of a month as the store's example of that name writes it: `… FOLDER/metrics 720 month 10 7200`, or 21600.
//!
//! Linux only: CPU time comes from `/proc/self`.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use vigie_query::{Control, Engine, QueryValue};
use vigie_store::{Store, StoreOptions};

#[path = "../../../xtask/src/bench/queries.rs"]
mod queries;

/// Beside the bench's: of a month.
const MONTH: [(&str, &str); 3] = [
    ("month: all series", "{queue!=\"\"}"),
    ("month: rates, one sum", "sum(rate(vigie_jobs_enqueued_total[1h]))"),
    ("month: by state", "sum by (state)(vigie_queue_jobs)"),
];

/// User and system time of this process, in seconds.
fn cpu() -> Result<f64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/self/schedstat")?;
    let nanos: f64 = text.split_whitespace().next().ok_or("an empty schedstat")?.parse()?;
    Ok(nanos / 1e9)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |place: usize| arguments.get(place).map(String::as_str);
    let folder = argument(0).ok_or("the folder of a store is needed")?;
    let hours: f64 = argument(1).unwrap_or("24").parse()?;
    let wanted = argument(2).unwrap_or_default();
    let seconds: f64 = argument(3).unwrap_or("1.5").parse()?;
    let step = 1000 * argument(4).unwrap_or("60").parse::<i64>()?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let (store, _) = Store::open(StoreOptions::new(Path::new(folder)), now.as_millis() as i64)?;
    while store.maintain(now.as_millis() as i64)?.more {}
    let newest = store.status().newest.ok_or("the store is empty")?;
    let engine = Engine::default();
    for (name, query) in
        queries::QUERIES.into_iter().chain(MONTH).filter(|(name, _)| name.contains(wanted))
    {
        let start = match name {
            "everything now" => newest,
            // Months at times that are whole steps, as charts ask.
            _ if name.starts_with("month") => (newest - (hours * 3_600_000.0) as i64) / step * step,
            _ => newest - (hours * 3_600_000.0) as i64 + 10_000,
        };
        let (mut asked, mut points) = (0, 0);
        let ask = || engine.range(&store, query, (start, newest, step), &Control::default());
        ask()?;
        let (begin, before) = (Instant::now(), cpu()?);
        while asked == 0 || begin.elapsed() < Duration::from_secs_f64(seconds) {
            if let QueryValue::Matrix(series) = ask()?.value {
                points = series.iter().map(|one| one.floats.len()).sum();
            }
            asked += 1;
        }
        let each = (cpu()? - before) / f64::from(asked) * 1e3;
        println!("{name:21} {each:9.3} ms  {points} points");
    }
    Ok(())
}
