//! Questions to the servers: what a Redis says of itself, what a page or metric is.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

const LIMIT: Duration = Duration::from_secs(30);

/// What a Redis has spent so far.
#[derive(Clone, Debug, Default)]
pub struct Spent {
    /// Seconds of processor time, user and system.
    pub cpu: f64,
    /// Calls and microseconds of each command, also of those that scripts call.
    pub commands: BTreeMap<String, (f64, f64)>,
}

/// `INFO` of the Redis on this port.
pub fn redis(port: u16) -> Result<Spent> {
    let mut stream = connect(port)?;
    stream.write_all(b"INFO everything\r\n").context("asking Redis for INFO")?;
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    reader.read_line(&mut head).context("reading INFO")?;
    let size: usize = head.trim().trim_start_matches('$').parse().context("Redis sends INFO")?;
    let mut text = vec![0; size];
    reader.read_exact(&mut text).context("reading INFO")?;
    Ok(spent(&String::from_utf8_lossy(&text)))
}

fn spent(info: &str) -> Spent {
    let mut all = Spent::default();
    for (key, value) in info.lines().filter_map(|line| line.trim().split_once(':')) {
        match key {
            "used_cpu_sys" | "used_cpu_user" => all.cpu += value.parse().unwrap_or(0.0),
            _ => {
                if let Some(name) = key.strip_prefix("cmdstat_") {
                    let figure = |wanted: &str| {
                        let mut figures = value.split(',').filter_map(|one| one.split_once('='));
                        figures.find(|(name, _)| *name == wanted)?.1.parse().ok()
                    };
                    let (calls, usec) = (figure("calls"), figure("usec"));
                    all.commands
                        .insert(name.to_owned(), (calls.unwrap_or(0.0), usec.unwrap_or(0.0)));
                }
            }
        }
    }
    all
}

/// Asks for a page; its body and the seconds until its last byte. HTTP/1.0, so that it comes in one piece.
pub fn page(port: u16, path: &str) -> Result<(String, f64)> {
    let start = Instant::now();
    let mut stream = connect(port)?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    stream.write_all(request.as_bytes()).with_context(|| format!("asking for {path}"))?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).with_context(|| format!("reading {path}"))?;
    let seconds = start.elapsed().as_secs_f64();
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").context("an answer has a head")?;
    let status = head.split_whitespace().nth(1).unwrap_or_default();
    if status != "200" {
        bail!("{path} answers {status}");
    }
    Ok((body.to_owned(), seconds))
}

/// A connection that stays, as browsers, Grafana and senders keep theirs.
pub struct Connection {
    port: u16,
    reader: BufReader<TcpStream>,
}

impl Connection {
    /// To this port.
    pub fn open(port: u16) -> Result<Self> {
        Ok(Self { port, reader: BufReader::new(connect(port)?) })
    }

    /// Asks for a page; its body.
    pub fn page(&mut self, path: &str) -> Result<String> {
        let head = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", self.port);
        self.exchange(&head, &[]).with_context(|| format!("asking for {path}"))
    }

    /// Sends a body, which is answered with a 2xx.
    pub fn post(&mut self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<()> {
        let headers: String =
            headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n{headers}Content-Length: {}\r\n\r\n",
            self.port,
            body.len()
        );
        self.exchange(&head, body).with_context(|| format!("posting to {path}"))?;
        Ok(())
    }

    fn exchange(&mut self, head: &str, body: &[u8]) -> Result<String> {
        let stream = self.reader.get_mut();
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        let status = self.line()?;
        let (mut length, mut in_chunks) = (0, false);
        loop {
            let line = self.line()?.to_ascii_lowercase();
            match line.split_once(':') {
                Some(("content-length", value)) => length = value.trim().parse()?,
                Some(("transfer-encoding", value)) => in_chunks = value.trim() == "chunked",
                _ if line.is_empty() => break,
                _ => {}
            }
        }
        let mut answer = Vec::new();
        if in_chunks {
            while self.chunk(&mut answer)? > 0 {}
        } else {
            self.reader.by_ref().take(length).read_to_end(&mut answer)?;
        }
        let answer = String::from_utf8_lossy(&answer).into_owned();
        if !status.starts_with("HTTP/1.1 2") {
            bail!("the answer is {status}: {answer}");
        }
        Ok(answer)
    }

    /// Reads one chunk; its bytes, of which the last has none.
    fn chunk(&mut self, into: &mut Vec<u8>) -> Result<u64> {
        let size = self.line()?;
        let size = u64::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16)?;
        self.reader.by_ref().take(size).read_to_end(into)?;
        self.line()?;
        Ok(size)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            bail!("the server hangs up");
        }
        Ok(line.trim_end().to_owned())
    }
}

/// Sends bodies one after the other over one connection; each is answered with a 2xx.
pub fn post(port: u16, path: &str, headers: &[(&str, &str)], bodies: &[Vec<u8>]) -> Result<()> {
    let mut connection = Connection::open(port)?;
    bodies.iter().try_for_each(|body| connection.post(path, headers, body))
}

/// The sum of a metric's series whose labels contain `label`, in Prometheus' text.
pub fn metric(text: &str, name: &str, label: &str) -> f64 {
    let series = text.lines().filter_map(|line| line.strip_prefix(name)?.rsplit_once(' '));
    let wanted = series.filter(|(labels, _)| {
        (labels.starts_with('{') || labels.is_empty()) && labels.contains(label)
    });
    wanted.filter_map(|(_, value)| value.parse::<f64>().ok()).sum()
}

fn connect(port: u16) -> Result<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .with_context(|| format!("connecting to port {port}"))?;
    stream.set_read_timeout(Some(LIMIT)).context("setting a limit")?;
    stream.set_write_timeout(Some(LIMIT)).context("setting a limit")?;
    stream.set_nodelay(true).context("sending at once")?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_redis_spent_is_read_from_its_info() {
        let info = "# CPU\r\nused_cpu_sys:1.5\r\nused_cpu_user:2.25\r\nused_cpu_sys_children:9\r\n\
            cmdstat_client|list:calls=3,usec=60,usec_per_call=20.00,rejected_calls=0\r\n";
        let spent = spent(info);
        assert_eq!(spent.cpu, 3.75);
        assert_eq!(spent.commands["client|list"], (3.0, 60.0));
    }

    #[test]
    fn a_metric_is_summed_over_its_series_and_no_other() {
        let text = "# TYPE a gauge\na{x=\"1\"} 2\na{x=\"2\"} 3\na_b{x=\"1\"} 100\n";
        assert_eq!((metric(text, "a", ""), metric(text, "a", "x=\"2\"")), (5.0, 3.0));
    }
}
