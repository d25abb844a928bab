//! `cargo xtask bench`: what Vigie costs and how fast it is, beside its peers, into `bench/RESULTS.md`.

mod ask;
mod browser;
mod cast;
mod engine;
mod history;
mod logs;
mod memory;
mod program;
mod proxy;
mod queries;
mod redis;
mod report;
mod resp;
mod store;
mod stream;
mod workload;

use std::time::Instant;

use anyhow::{Result, bail};

use crate::project::Project;
use crate::setup::{self, Need};
use cast::Cast;
use report::Section;

/// What `cargo xtask bench --help` prints.
pub const HELP: &str = "\
cargo xtask bench [PART...]

  redis   commands, round trips and processor time of Redis a poll, at 10, 100 and 500 queues
  live    from a change in Redis to the stream, and to the pixel
  web     script size, first paint, main thread, long tasks, heap, bytes on the wire
  memory  memory and processor time of the watchers
  history a month of 10,000 series: the charts' and Grafana's questions, and the screen
  stream  1,000 clients of the live stream, 100 of whom do not read: delivery, who is cut, processor time, memory
  soak    the heap of a dashboard that stays open for hours, replayed in 5 minutes
  logs    ten million log lines: ingest and bytes beside gzip, searches, memory, the tail, 100,000 lines in the browser (VIGIE_BENCH_LINES=1000000: fewer)
  store   bytes, ingest, memory and queries beside Prometheus and VictoriaMetrics (VIGIE_BENCH_HOURS=1: a shorter day; VIGIE_BENCH_STORE=10000x1,10000x24: these series x hours only)

The first four by default, within 10 minutes; the others take 5 more each, the store 10. Vigie is built as it is installed (`release`, ten minutes the first time), or in the profile of VIGIE_BENCH_PROFILE. The figures go into bench/RESULTS.md, a part at a time; none of them makes this fail.";

/// One part, named as on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Redis,
    Live,
    Web,
    Memory,
    History,
    Store,
    Stream,
    Soak,
    Logs,
}

impl Part {
    /// What is measured when nothing is named.
    const ALL: [Self; 4] = [Self::Redis, Self::Live, Self::Web, Self::Memory];

    /// The part of this name.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "redis" => Ok(Self::Redis),
            "live" => Ok(Self::Live),
            "web" => Ok(Self::Web),
            "memory" => Ok(Self::Memory),
            "history" => Ok(Self::History),
            "store" => Ok(Self::Store),
            "stream" => Ok(Self::Stream),
            "soak" => Ok(Self::Soak),
            "logs" => Ok(Self::Logs),
            other => {
                bail!(
                    "'{other}' is no part of the bench: redis, live, web, memory, history, stream, soak, logs, store"
                )
            }
        }
    }

    fn measure(self, cast: &Cast<'_>) -> Result<Section> {
        match self {
            Self::Redis => redis::measure(cast),
            Self::Live => browser::live(cast),
            Self::Web => browser::web(cast),
            Self::Memory => memory::measure(cast),
            Self::History => history::measure(cast),
            Self::Store => store::measure(cast),
            Self::Stream => stream::measure(cast),
            Self::Soak => browser::soak(cast),
            Self::Logs => logs::measure(cast),
        }
    }
}

/// Measures these parts, or all; each is written as soon as it is measured.
pub fn start(project: &Project, parts: &[Part]) -> Result<()> {
    let parts = if parts.is_empty() { &Part::ALL } else { parts };
    let cast = if parts == [Part::Store] {
        // It has neither queues nor browsers.
        setup::ensure(project, &[Need::Peers])?;
        Cast::alone(project, project.target("bench"))?
    } else {
        setup::ensure(project, &[Need::Redis, Need::Chromium, Need::Peers, Need::Go, Need::Web])?;
        Cast::assemble(project, project.target("bench"))?
    };
    let begin = Instant::now();
    for part in parts {
        let load = report::load();
        let mut section = part.measure(&cast)?;
        section.say(&report::moment(project, &load));
        println!("\n{}", section.text());
        report::write(project, &[section])?;
    }
    println!("{} is written ({:.0} s)", report::PAGE, begin.elapsed().as_secs_f64());
    Ok(())
}
