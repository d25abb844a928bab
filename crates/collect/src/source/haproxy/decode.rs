//! HAProxy's statistics in CSV, and the answer to `show info`. Pure: bytes in, servers or a precise error out.

/// Servers that are read; more is cut, and counted as folded.
const MAX_ROWS: usize = 100_000;

/// Why statistics cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CsvFault {
    /// Nothing came.
    #[error("the statistics are empty")]
    Empty,
    /// It does not begin as the statistics do.
    #[error("this is not HAProxy's statistics as CSV: they begin with `# pxname,`")]
    NoHeader,
    /// A column is missing without which nothing can be said.
    #[error("the statistics have no column {0}")]
    NoColumn(&'static str),
    /// A row has more or fewer fields than the header.
    #[error("line {line} of the statistics has {found} fields, the header {expected}")]
    Ragged {
        /// Which line, from 1.
        line: usize,
        /// How many fields it has.
        found: usize,
        /// How many it should have.
        expected: usize,
    },
    /// A quote that does not end.
    #[error("line {0} of the statistics begins a quote that does not end")]
    OpenQuote(usize),
    /// HAProxy refuses.
    #[error("HAProxy answers: {0}")]
    Refused(String),
}

/// One server of one backend.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Server {
    /// The backend (or the `listen` section).
    pub backend: String,
    /// Its name there.
    pub name: String,
    /// `UP`, `DOWN`, `UP 1/3`, `MAINT`, `DRAIN`, `no check`, …
    pub status: String,
    /// Seconds since the status last changed.
    pub changed_seconds: Option<f64>,
    /// Where it listens; only with `stats show-legends`, or over the admin socket.
    pub address: Option<String>,
    /// The health check's result, such as `L7STS`, without the mark of one that is under way.
    pub check: Option<String>,
    /// The status that the health check got, such as 503.
    pub check_code: Option<u16>,
    /// How long the health check took, in seconds.
    pub check_seconds: Option<f64>,
    /// What the health check says in words, such as `Connection refused`.
    pub check_says: Option<String>,
    /// Sessions now.
    pub sessions: Option<f64>,
    /// Requests that wait for it.
    pub queued: Option<f64>,
    /// Mean time until it answers, over its last 1,024 requests, in seconds; `None` before the first.
    pub response_seconds: Option<f64>,
}

/// The servers in HAProxy's statistics. Columns are found by name: missing ones leave figures out, unknown ones are
/// passed over.
///
/// # Errors
/// [`CsvFault`] when it is something else or damaged.
pub fn servers(body: &[u8]) -> Result<Vec<Server>, CsvFault> {
    let text = String::from_utf8_lossy(body);
    let text = text.trim_start_matches(['\n', '\r', ' ', '>']);
    if text.trim().is_empty() {
        return Err(CsvFault::Empty);
    }
    let mut records = Records { rest: text, line: 1 };
    let header = records.next().ok_or(CsvFault::Empty)??;
    let first = header.fields.first().map(String::as_str).unwrap_or_default();
    let columns: Vec<&str> = match first.strip_prefix('#').map(str::trim) {
        Some("pxname") => std::iter::once("pxname")
            .chain(header.fields.iter().skip(1).map(String::as_str))
            .collect(),
        _ if text.starts_with("Permission denied") || text.starts_with("Unknown command") => {
            return Err(CsvFault::Refused(text.lines().next().unwrap_or_default().to_owned()));
        }
        _ => return Err(CsvFault::NoHeader),
    };
    let place = |name: &str| columns.iter().position(|column| *column == name);
    let needed = |name: &'static str| place(name).ok_or(CsvFault::NoColumn(name));
    let (backend, name, status) = (needed("pxname")?, needed("svname")?, needed("status")?);
    let mut servers = Vec::new();
    for record in records {
        let record = record?;
        if record.fields.len() != columns.len() {
            let (line, found, expected) = (record.line, record.fields.len(), columns.len());
            return Err(CsvFault::Ragged { line, found, expected });
        }
        let field = |name: &str| {
            place(name).map(|place| record.fields[place].as_str()).filter(|text| !text.is_empty())
        };
        // A server is of type 2; without the column, the two other names are reserved.
        let is_server = match field("type") {
            Some(kind) => kind == "2",
            None => !matches!(record.fields[name].as_str(), "FRONTEND" | "BACKEND"),
        };
        if is_server && servers.len() < MAX_ROWS {
            let three = [backend, name, status].map(|place| record.fields[place].clone());
            servers.push(server(three, field));
        }
    }
    Ok(servers)
}

fn server<'a>(
    [backend, name, status]: [String; 3],
    field: impl Fn(&str) -> Option<&'a str>,
) -> Server {
    let number = |name: &str| field(name).and_then(finite);
    let milliseconds = |name: &str| number(name).map(|value| value / 1e3);
    let check = field("check_status").map(|text| text.trim_start_matches("* ").to_owned());
    let says = field("last_chk").or_else(|| field("check_desc"));
    // A mean of no request is said to be 0.
    let answered = number("stot").or_else(|| number("lbtot")).is_some_and(|total| total > 0.0);
    let layer7 = number("rtime").is_some_and(|value| value > 0.0) || field("mode") != Some("tcp");
    Server {
        backend,
        name,
        status,
        changed_seconds: number("lastchg"),
        address: field("addr").map(str::to_owned),
        check,
        check_code: field("check_code").and_then(|code| code.parse().ok()),
        check_seconds: milliseconds("check_duration"),
        check_says: says.map(str::to_owned),
        sessions: number("scur"),
        queued: number("qcur"),
        response_seconds: milliseconds("rtime").filter(|_| answered && layer7),
    }
}

/// A number that is one and not negative: `-1` stands for "never" here.
fn finite(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0)
}

/// Version and start of the process, from `show info`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Info {
    /// For example `2.6.12-1+deb12u4`.
    pub version: Option<String>,
    /// Seconds since it started.
    pub uptime_seconds: Option<u64>,
}

/// Reads the answer to `show info`; what is not there is `None`.
#[must_use]
pub fn info(body: &[u8]) -> Info {
    let text = String::from_utf8_lossy(body);
    let value = |name: &str| {
        text.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            (key == name).then(|| value.trim().to_owned()).filter(|value| !value.is_empty())
        })
    };
    let uptime_seconds = value("Uptime_sec").and_then(|text| text.parse().ok());
    Info { version: value("Version"), uptime_seconds }
}

/// A line of the file that is not empty.
struct Record {
    line: usize,
    fields: Vec<String>,
}

/// CSV as RFC 4180 has it: quotes around fields that hold commas, quotes or line breaks.
struct Records<'a> {
    rest: &'a str,
    line: usize,
}

impl Iterator for Records<'_> {
    type Item = Result<Record, CsvFault>;

    fn next(&mut self) -> Option<Self::Item> {
        // Empty lines stand between the answers of the socket.
        loop {
            let trimmed = self.rest.strip_prefix("\r\n").or_else(|| self.rest.strip_prefix('\n'));
            match trimmed {
                Some(rest) => (self.rest, self.line) = (rest, self.line + 1),
                None => break,
            }
        }
        if self.rest.trim().is_empty() {
            return None;
        }
        let (line, mut fields) = (self.line, Vec::new());
        loop {
            let (field, end) = match self.rest.strip_prefix('"') {
                Some(quoted) => match self.quoted(quoted) {
                    Some(read) => read,
                    None => {
                        self.rest = "";
                        return Some(Err(CsvFault::OpenQuote(line)));
                    }
                },
                None => {
                    let end = self.rest.find([',', '\n']).unwrap_or(self.rest.len());
                    let (field, rest) = self.rest.split_at(end);
                    (field.trim_end_matches('\r').to_owned(), rest)
                }
            };
            fields.push(field);
            match end.strip_prefix(',') {
                Some(rest) => self.rest = rest,
                None => {
                    self.rest = end.strip_prefix('\n').unwrap_or(end);
                    self.line += 1;
                    return Some(Ok(Record { line, fields }));
                }
            }
        }
    }
}

impl<'a> Records<'a> {
    /// A field after its opening quote, and what comes after it: `,`, a line break or nothing.
    fn quoted(&mut self, text: &'a str) -> Option<(String, &'a str)> {
        let (mut field, mut rest) = (String::new(), text);
        loop {
            let (part, after) = rest.split_once('"')?;
            self.line += part.matches('\n').count();
            field.push_str(part);
            match after.strip_prefix('"') {
                Some(more) => {
                    field.push('"');
                    rest = more;
                }
                None => {
                    let after = after.strip_prefix('\r').unwrap_or(after);
                    // Text after the closing quote belongs to the field, as most readers have it.
                    let end = after.find([',', '\n']).unwrap_or(after.len());
                    field.push_str(&after[..end]);
                    return Some((field, &after[end..]));
                }
            }
        }
    }
}
