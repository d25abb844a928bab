//! One file that is followed: its bytes become lines, its lines entries.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use vigie_model::{LogEntry, Time};
use xxhash_rust::xxh3::xxh3_64;

use super::mark::{Edges, FileId, Mark};
use super::{Line, LineParser, paths};

/// Entries of one batch; a file's turn ends there.
const MOST_ENTRIES: usize = 8192;
/// What a parser holds goes out when nothing came for so many seconds.
const FLUSH_AFTER: f64 = 1.0;
/// A last line without its end counts as whole then: its writer has died.
const PARTIAL_AFTER: f64 = 30.0;
/// A file that did not grow for so long is closed, and opened again when it does.
const CLOSE_AFTER: f64 = 60.0;
/// After so long a change of a file has another time than the one before.
const SETTLED: Duration = Duration::from_secs(2);
/// So many first bytes tell most files apart.
pub(super) const FIRST: usize = 64;
/// Where the last line begins is looked for in so many bytes.
const BACK: u64 = 64 << 10;

/// What is gathered: entries and figures.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub entries: Vec<LogEntry>,
    pub bytes: u64,
    pub lines: u64,
    pub cut: u64,
    pub mangled: u64,
}

impl Gathered {
    pub fn is_full(&self, most_bytes: u64) -> bool {
        self.entries.len() >= MOST_ENTRIES || self.bytes >= most_bytes
    }
}

/// What became of a file's turn.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing new.
    Idle,
    /// Something was read; there may be more.
    Read,
    /// What was read of it is no longer there: it was truncated, or is another file.
    Replaced,
    /// It is not at its path.
    Away,
}

/// A place between two lines.
#[derive(Debug, Clone, Copy)]
struct Point {
    offset: u64,
    tail: u64,
}

/// A file that is followed.
pub(super) struct Followed {
    pub path: PathBuf,
    pub id: FileId,
    /// Whether it is among those that are meant; one that was rotated away is read to its end.
    pub here: bool,
    /// Where it was when it was met.
    met: PathBuf,
    file: Option<File>,
    parser: Box<dyn LineParser>,
    /// The next byte to be read.
    read: u64,
    /// What is around the bytes before that.
    edges: Edges,
    /// The first bytes when it was met.
    first: Vec<u8>,
    /// The line that has no end yet, as far as it is kept, and its length so far.
    line: Vec<u8>,
    line_bytes: u64,
    /// Where that line begins.
    start: Point,
    /// Where the lines begin that the parser holds.
    held: VecDeque<Point>,
    /// Length and time of change when it was last seen to be itself; none when that was so soon after the change that another
    /// one could have the same time.
    seen: Option<(u64, SystemTime)>,
    /// Its length then.
    bytes: u64,
    /// When it last grew.
    grown: Time,
}

impl Followed {
    /// A file from a place on, of which the edges are these.
    fn at(
        path: PathBuf,
        id: FileId,
        offset: u64,
        edges: Edges,
        parser: Box<dyn LineParser>,
        now: Time,
    ) -> Self {
        let start = Point { offset, tail: xxh3_64(&edges.tail) };
        let (line, held) = (Vec::new(), VecDeque::new());
        Self {
            met: path.clone(),
            path,
            id,
            here: true,
            file: None,
            parser,
            read: offset,
            first: edges.head.get(..FIRST).unwrap_or(&edges.head).to_vec(),
            edges,
            line,
            line_bytes: 0,
            start,
            held,
            seen: None,
            bytes: offset,
            grown: now,
        }
    }

    /// A file from its first byte on, of which the first bytes are these.
    pub fn begin(
        path: PathBuf,
        id: FileId,
        first: Vec<u8>,
        parser: Box<dyn LineParser>,
        now: Time,
    ) -> Self {
        Self { first, ..Self::at(path, id, 0, Edges::default(), parser, now) }
    }

    /// A file from where a mark says; `None` when it is not the file of the mark, nor a copy of it.
    pub fn resume(
        path: PathBuf,
        id: FileId,
        mark: &Mark,
        parser: Box<dyn LineParser>,
        now: Time,
    ) -> io::Result<Option<Self>> {
        let Some(file) = paths::open(&path, id)? else { return Ok(None) };
        let edges = Edges::read(&file, mark.offset)?.filter(|edges| edges.fit(mark));
        Ok(edges.map(|edges| Self {
            file: Some(file),
            ..Self::at(path, id, mark.offset, edges, parser, now)
        }))
    }

    /// A file from its end on: from where its last line begins if that has no end yet.
    pub fn at_end(
        path: PathBuf,
        id: FileId,
        parser: Box<dyn LineParser>,
        now: Time,
    ) -> io::Result<Option<Self>> {
        let Some(file) = paths::open(&path, id)? else { return Ok(None) };
        let bytes = file.metadata()?.len();
        let mut last = vec![0; bytes.min(BACK) as usize];
        let from = bytes - last.len() as u64;
        file.read_exact_at(&mut last, from)?;
        let partial = last.iter().rev().position(|byte| *byte == b'\n').unwrap_or(0);
        let offset = bytes - partial as u64;
        let edges = Edges::read(&file, offset)?;
        Ok(edges.map(|edges| Self {
            file: Some(file),
            ..Self::at(path, id, offset, edges, parser, now)
        }))
    }

    /// The same place in a copy of the file, with all that was not put out yet.
    pub fn moved_to(self, path: PathBuf, id: FileId, file: File, now: Time) -> Self {
        let (met, file, seen) = (path.clone(), Some(file), None);
        Self { met, path, id, file, here: false, seen, grown: now, ..self }
    }

    /// Whether a file holds all that was read of this one, and at the same places.
    pub fn is_in(&self, file: &File) -> io::Result<bool> {
        Ok(Edges::read(file, self.read)?.is_some_and(|edges| edges == self.edges))
    }

    /// Whether a file of so many bytes is the beginning of what was read of this one.
    pub fn begins_with(&self, file: &File, bytes: u64) -> io::Result<bool> {
        let head = self.edges.head.len().min(usize::try_from(bytes).unwrap_or(usize::MAX));
        let found = Edges::read(file, head as u64)?;
        Ok(bytes < self.read
            && found.is_some_and(|found| Some(&found.head[..]) == self.edges.head.get(..head)))
    }

    /// Whether a file with these first bytes can be the beginning of this one, or of what it will be: without a look at it.
    pub fn may_begin_with(&self, first: &[u8]) -> bool {
        let own =
            if self.edges.head.len() > self.first.len() { &self.edges.head } else { &self.first };
        own.iter().zip(first).all(|(one, other)| one == other)
    }

    /// Whether a file of so many bytes is the beginning of this one as it is now.
    pub fn is_begun_by(&self, file: &File, bytes: u64) -> io::Result<bool> {
        let Some(own) = self.opened()? else { return Ok(false) };
        if own.metadata()?.len() < bytes {
            return Ok(false);
        }
        let own = Edges::read(&own, bytes)?;
        Ok(own.is_some() && own == Edges::read(file, bytes)?)
    }

    /// Whether it has another name since it was met: then a new file is no copy of it that is being made to truncate it.
    pub fn was_renamed(&self) -> bool {
        self.path != self.met
    }

    /// Bytes that are there and were not read when it was last looked at.
    pub fn behind(&self) -> u64 {
        self.bytes.saturating_sub(self.read)
    }

    /// How far it was read, as far as that is put out.
    pub fn mark(&self) -> Mark {
        let point = self.held.front().unwrap_or(&self.start);
        let head = usize::try_from(point.offset).unwrap_or(usize::MAX).min(self.edges.head.len());
        let head = xxh3_64(self.edges.head.get(..head).unwrap_or_default());
        Mark { id: self.id, offset: point.offset, head, tail: point.tail }
    }

    fn opened(&self) -> io::Result<Option<File>> {
        match &self.file {
            Some(file) => file.try_clone().map(Some),
            None => paths::open(&self.path, self.id),
        }
    }

    /// Whether it is still what was read of it, as far as can be told.
    pub fn is_itself(&mut self) -> io::Result<bool> {
        let Some(file) = self.opened()? else { return Ok(true) };
        Ok(file.metadata()?.len() >= self.read && self.is_in(&file)?)
    }

    /// Whether nobody can find it any more.
    pub fn is_deleted(&self) -> bool {
        use std::os::unix::fs::MetadataExt as _;
        let meta = self.file.as_ref().and_then(|file| file.metadata().ok());
        meta.is_none_or(|meta| meta.nlink() == 0)
    }

    pub fn is_open(&self) -> bool {
        self.file.is_some()
    }

    /// Reads on, at most into `buffer`.
    pub fn step(
        &mut self,
        buffer: &mut [u8],
        longest: usize,
        now: Time,
        out: &mut Gathered,
    ) -> io::Result<Step> {
        let file = match self.file.take() {
            Some(file) => file,
            None => match paths::open(&self.path, self.id) {
                Ok(Some(file)) => file,
                Ok(None) => return Ok(Step::Away),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Step::Away),
                Err(error) => return Err(error),
            },
        };
        let step = self.read_on(&file, buffer, longest, now, out);
        self.file = Some(file);
        step
    }

    fn read_on(
        &mut self,
        file: &File,
        buffer: &mut [u8],
        longest: usize,
        now: Time,
        out: &mut Gathered,
    ) -> io::Result<Step> {
        let meta = file.metadata()?;
        let state = (meta.len(), meta.modified().unwrap_or(SystemTime::UNIX_EPOCH));
        if state.0 == self.read && self.seen == Some(state) {
            return Ok(Step::Idle);
        }
        if state.0 < self.read || !self.is_in(file)? {
            return Ok(Step::Replaced);
        }
        let settled = SystemTime::now().duration_since(state.1).is_ok_and(|age| age > SETTLED);
        self.seen = settled.then_some(state);
        self.bytes = state.0;
        if state.0 == self.read {
            return Ok(Step::Idle);
        }
        let read = match file.read_at(buffer, self.read) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(Step::Read),
            read => read?,
        };
        if read == 0 {
            return Ok(Step::Idle);
        }
        self.grown = now;
        self.feed(buffer.get(..read).unwrap_or_default(), longest, now, out);
        Ok(Step::Read)
    }

    /// Takes bytes, until the batch is full: the rest is read again.
    fn feed(&mut self, mut bytes: &[u8], longest: usize, now: Time, out: &mut Gathered) {
        while !bytes.is_empty() && out.entries.len() < MOST_ENTRIES {
            let end = memchr::memchr(b'\n', bytes);
            let (part, rest) = bytes.split_at(end.map_or(bytes.len(), |end| end + 1));
            let text = part.strip_suffix(b"\n").unwrap_or(part);
            let room = longest.saturating_sub(self.line.len()).min(text.len());
            self.line.extend_from_slice(text.get(..room).unwrap_or_default());
            self.line_bytes += text.len() as u64;
            self.read += part.len() as u64;
            self.edges.push(part);
            out.bytes += part.len() as u64;
            if end.is_some() {
                self.end_line(now, out);
            }
            bytes = rest;
        }
    }

    /// What is there of the line is all of it.
    fn end_line(&mut self, now: Time, out: &mut Gathered) {
        let cut = (self.line_bytes > self.line.len() as u64).then_some(self.line_bytes);
        let mut bytes = &self.line[..];
        // A writer that was not told of a truncation goes on at its old place, and there are zeros before that.
        while let [0, rest @ ..] = bytes {
            bytes = rest;
        }
        bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        if self.start.offset == 0 {
            bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        }
        let text = String::from_utf8_lossy(bytes);
        self.held.push_back(self.start);
        self.parser.take(Line { text: &text, cut, now }, &mut out.entries);
        let put_out = self.held.len().saturating_sub(self.parser.held());
        self.held.drain(..put_out);
        out.lines += 1;
        out.cut += u64::from(cut.is_some());
        // The end of a cut line may be half a letter.
        let whole = cut.is_some() || matches!(text, Cow::Borrowed(_));
        out.mangled += u64::from(!whole);
        self.line.clear();
        // One very long line must not stay for as long as the file.
        self.line.shrink_to(64 << 10);
        self.line_bytes = 0;
        self.start = Point { offset: self.read, tail: xxh3_64(&self.edges.tail) };
    }

    /// Puts out what waited long enough for more, and closes a file that is quiet. Whether it is still to be followed: of an empty
    /// one that is closed nothing tells that another one took its number.
    pub fn settle(&mut self, now: Time, out: &mut Gathered) -> bool {
        let quiet = now.age(self.grown);
        if self.line_bytes > 0 && quiet >= PARTIAL_AFTER {
            self.end_line(now, out);
        }
        if self.line_bytes == 0 && quiet >= FLUSH_AFTER && !self.held.is_empty() {
            self.parser.flush(now, &mut out.entries);
            self.held.clear();
        }
        if quiet >= CLOSE_AFTER && self.here {
            self.file = None;
        }
        self.file.is_some() || self.read > 0
    }

    /// Closes it for now, unless it is empty.
    pub fn close(&mut self) {
        if self.read > 0 {
            self.file = None;
        }
    }

    /// How many seconds it did not grow.
    pub fn quiet(&self, now: Time) -> f64 {
        now.age(self.grown)
    }

    /// Puts out all that is left: nothing follows.
    pub fn finish(&mut self, now: Time, out: &mut Gathered) {
        if self.line_bytes > 0 {
            self.end_line(now, out);
        }
        self.parser.flush(now, &mut out.entries);
        self.held.clear();
    }
}
