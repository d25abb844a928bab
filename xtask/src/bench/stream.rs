//! A thousand clients of the live stream, of whom a hundred do not read: what reaches the others, and when.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::ask;
use super::cast::{Broker, Cast, Watcher, Who, url};
use super::redis::{RATE, rest};
use super::report::{Section, Table, count, kept};

const CLIENTS: usize = 1_000;
const FROZEN: usize = 100;
const QUEUES: usize = 200;
/// What the page Queues listens to.
const TOPICS: &str = "now,queues,sources";
const BUDGET_MS: f64 = 250.0;
const BEFORE: Duration = Duration::from_secs(8);
/// Measured for so long at least, and until all who do not read are cut.
const WINDOW: Duration = Duration::from_secs(30);
/// Frozen clients that are not cut by then are not cut.
const AT_MOST: Duration = Duration::from_secs(120);
const DAY_MS: f64 = 86_400_000.0;
const MEGABYTE: f64 = 1024.0 * 1024.0;

/// What Vigie costs, and how many clients it has and has cut.
struct State {
    at: Instant,
    cpu: f64,
    resident: f64,
    clients: f64,
    dropped: f64,
}

impl State {
    fn of(vigie: &Watcher) -> Result<Self> {
        let (text, _) = ask::page(vigie.port, "/metrics")?;
        Ok(Self {
            at: Instant::now(),
            cpu: vigie.program.cpu_seconds()?,
            resident: vigie.program.resident()?,
            clients: ask::metric(&text, "vigie_stream_clients", ""),
            dropped: ask::metric(&text, "vigie_stream_dropped_total", ""),
        })
    }

    /// Processor milliseconds a second since then.
    fn load_since(&self, earlier: &Self) -> f64 {
        (self.cpu - earlier.cpu) * 1e3 / (self.at - earlier.at).as_secs_f64()
    }
}

/// Opens them, and reads until the frozen ones are cut.
pub fn measure(cast: &Cast<'_>) -> Result<Section> {
    println!("stream: {CLIENTS} clients, {FROZEN} of them frozen, {QUEUES} queues ...");
    allow_files(CLIENTS as u64 + 512)?;
    let (_redis, port) = cast.redis("redis")?;
    let _fill = cast.fill(Broker::BullMq, (QUEUES, 100), port, RATE)?;
    let mut node = cast.command("node");
    node.args(["bench/tick.mjs", &QUEUES.to_string()]).env("REDIS_URL", url(port));
    let mut tick = cast.start(&node, "tick")?;
    tick.wait(|text| text.contains("ticking"))?;
    let vigie = cast.watch(Who::Vigie, QUEUES, port)?;
    rest(Duration::from_secs(3))?;
    let idle = State::of(&vigie)?;
    rest(BEFORE)?;
    let alone = State::of(&vigie)?;

    let frozen = (0..FROZEN).map(|_| open(vigie.port)).collect::<Result<Vec<_>>>()?;
    let mut readers = Readers::open(vigie.port, CLIENTS - FROZEN)?;
    readers.read_for(Duration::from_secs(3))?;
    readers.forget();
    let begun = State::of(&vigie)?;
    if begun.clients as usize != CLIENTS {
        bail!("{} of {CLIENTS} clients are connected", begun.clients);
    }
    let ended = loop {
        readers.read_for(Duration::from_secs(2))?;
        let now = State::of(&vigie)?;
        let took = now.at - begun.at;
        if took > AT_MOST || (took > WINDOW && now.dropped as usize >= FROZEN) {
            break now;
        }
    };
    drop(frozen);
    let peak = vigie.program.peak()?;
    Ok(readers.section(&idle, &alone, &begun, &ended, peak))
}

/// Lets this process, and Vigie, have so many files open.
fn allow_files(wanted: u64) -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let raised = Rlimit { current: Some(wanted), maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised)
        .with_context(|| format!("{wanted} files must be allowed: `ulimit -Hn` says {limit:?}"))
}

fn open(port: u16) -> Result<TcpStream> {
    let mut stream =
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).context("connecting a client")?;
    let request =
        format!("GET /api/v1/stream?topics={TOPICS} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    stream.write_all(request.as_bytes()).context("asking for the stream")?;
    Ok(stream)
}

struct Reader {
    stream: TcpStream,
    /// The beginning of a line whose end has not come.
    rest: Vec<u8>,
    /// The message that comes now is a patch, with this number.
    patch: Option<u64>,
    /// The numbers of the patches that came.
    numbers: Vec<u64>,
}

/// Those who read, one thread for all.
struct Readers {
    all: Vec<Reader>,
    epoll: std::os::fd::OwnedFd,
    /// From `at` of a patch until it is read, in ms, of every patch and client.
    late: Vec<f32>,
    bytes: u64,
    buffer: Vec<u8>,
}

impl Readers {
    fn open(port: u16, clients: usize) -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).context("making an epoll")?;
        let mut all = Vec::with_capacity(clients);
        for number in 0..clients {
            let stream = open(port)?;
            stream.set_nonblocking(true).context("reading without waiting")?;
            let data = epoll::EventData::new_u64(number as u64);
            epoll::add(&epoll, &stream, data, epoll::EventFlags::IN)
                .context("waiting for a client")?;
            all.push(Reader { stream, rest: Vec::new(), patch: None, numbers: Vec::new() });
        }
        Ok(Self { all, epoll, late: Vec::new(), bytes: 0, buffer: vec![0; 256 * 1024] })
    }

    /// Counts from now on.
    fn forget(&mut self) {
        self.all.iter_mut().for_each(|reader| reader.numbers.clear());
        (self.late, self.bytes) = (Vec::new(), 0);
    }

    fn read_for(&mut self, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        let mut events = Vec::with_capacity(256);
        let tick = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
        while Instant::now() < end {
            crate::interrupt::check()?;
            epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&tick))
                .context("waiting for messages")?;
            for event in events.drain(..) {
                self.read(event.data.u64() as usize)?;
            }
        }
        Ok(())
    }

    fn read(&mut self, number: usize) -> Result<()> {
        let reader = &mut self.all[number];
        let length = match reader.stream.read(&mut self.buffer) {
            Ok(0) => bail!("a client that reads was cut"),
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error).context("reading the stream"),
        };
        let heard = now_in_day()?;
        self.bytes += length as u64;
        let mut new = &self.buffer[..length];
        while let Some(end) = new.iter().position(|&byte| byte == b'\n') {
            let (line, later) = new.split_at(end);
            new = &later[1..];
            reader.rest.extend_from_slice(line);
            if let Some(sent) = reader.line() {
                self.late.push(((heard - sent).rem_euclid(DAY_MS)) as f32);
            }
            reader.rest.clear();
        }
        reader.rest.extend_from_slice(new);
        Ok(())
    }

    /// Patches that some client has and this one has not, of all clients; and how many there were for each.
    fn lost(&self) -> (usize, usize) {
        let from = self.all.iter().filter_map(|one| one.numbers.first()).max();
        let to = self.all.iter().filter_map(|one| one.numbers.last()).min();
        let (Some(&from), Some(&to)) = (from, to) else { return (usize::MAX, 0) };
        let within = |one: &Reader| one.numbers.iter().filter(|n| (from..=to).contains(n)).count();
        let most = self.all.iter().map(within).max().unwrap_or_default();
        (self.all.iter().map(|one| most - within(one)).sum(), most)
    }

    fn section(
        mut self,
        idle: &State,
        alone: &State,
        begun: &State,
        ended: &State,
        peak: f64,
    ) -> Section {
        let seconds = (ended.at - begun.at).as_secs_f64();
        let (lost, patches) = self.lost();
        self.late.sort_by(f32::total_cmp);
        let late = |share: f64| {
            let place = (self.late.len() as f64 * share).ceil() as usize;
            self.late.get(place.saturating_sub(1)).map_or(f64::NAN, |late| f64::from(*late))
        };
        let (p99, cut) = (late(0.99), ended.dropped - begun.dropped);
        let mut section = Section::new("Stream");
        section.say(&format!(
            "{CLIENTS} clients of `/api/v1/stream` (`{TOPICS}`, not compressed, each a connection on loopback), {FROZEN} of whom ask and then read \
             nothing; {QUEUES} queues of BullMQ, in each of which a job is added each second. The time is from `at`, when the hub looks at the board, \
             until a client has read the whole message: {:.0} s, {patches} patches for each of {} who read ({:.1} MB/s in all), and one thread on \
             the same machine reads for all of them.",
            seconds,
            CLIENTS - FROZEN,
            self.bytes as f64 / seconds / 1e6,
        ));
        let mut table = Table::new(&["", "", "budget", ""]);
        let mut row = |name: &str, value: String, budget: &str, is: &str| {
            table.row([name, &value, budget, is].map(str::to_owned).to_vec());
        };
        row("delivery p50, ms", count(late(0.5)), "", "");
        row("delivery p99, ms", count(p99), "≤ 250", kept(p99 <= BUDGET_MS));
        row("delivery at most, ms", count(late(1.0)), "", "");
        row("patches lost to those who read", lost.to_string(), "0", kept(lost == 0));
        row(
            "frozen ones cut (`vigie_stream_dropped_total`)",
            format!("{cut:.0}"),
            "100",
            kept(cut as usize == FROZEN),
        );
        row("connected at the end (`vigie_stream_clients`)", count(ended.clients), "", "");
        row("Vigie's CPU without a client, ms/s", count(alone.load_since(idle)), "", "");
        row("Vigie's CPU with them, ms/s", count(ended.load_since(begun)), "", "");
        row("Vigie's memory without a client, MB", count(alone.resident / MEGABYTE), "", "");
        row("Vigie's memory with them, MB", count(ended.resident / MEGABYTE), "", "");
        row("at most, MB", count(peak / MEGABYTE), "", "");
        section.table(&table);
        section
    }
}

impl Reader {
    /// Takes in the line that is whole now; when it is that of a patch, says when that was made.
    fn line(&mut self) -> Option<f64> {
        let line = std::str::from_utf8(&self.rest).ok()?;
        if let Some(id) = line.strip_prefix("id: ") {
            self.patch = id.rsplit_once('-').and_then(|(_, number)| number.parse().ok());
        } else if line == "event: snapshot" {
            self.patch = None;
        } else if let Some(data) = line.strip_prefix("data: ") {
            let number = self.patch.take()?;
            let sent = sent(data)?;
            self.numbers.push(number);
            return Some(sent);
        }
        None
    }
}

/// When a message was made, in milliseconds of the day.
fn sent(data: &str) -> Option<f64> {
    let at = data.split_once("\"at\":\"")?.1.split_once('"')?.0;
    let (clock, zone) = at.split_once('T')?.1.split_at_checked(12)?;
    let mut parts = clock.split(':').map(|part| part.parse::<f64>().ok());
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    (zone == "Z").then_some((hours * 3_600.0 + minutes * 60.0 + seconds) * 1e3)
}

fn now_in_day() -> Result<f64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
    Ok((since.as_secs_f64() * 1e3).rem_euclid(DAY_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_when_it_was_made() {
        let data = r#"{"topic":"now","at":"2026-11-23T01:02:03.456Z","patch":{"at":"x"}}"#;
        assert_eq!(sent(data), Some(3_723_456.0));
        assert_eq!(sent(r#"{"topic":"now","at":"2026-11-23"}"#), None);
    }
}
