//! The thread that writes the log, and keeps what the disk does not take until it does.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use vigie_model::io_words;

use super::queue::{Beginning, Done, Queue, Registry, Shared};
use super::replay::Segment;
use super::{SEGMENT_BYTES, segment_path};
use crate::disk::{Disk, DiskFile};
use crate::error::AppendError;
use crate::held::HeldFolder;
use crate::registry;
use crate::sample::Appended;

/// After a failure the disk is tried again this often, and whenever something new is to be written.
const RETRY: Duration = Duration::from_secs(1);

pub(super) struct Writer {
    folder: Arc<HeldFolder>,
    disk: Disk,
    magic: &'static [u8; 8],
    /// None after a failure: it is opened again at `registry_length`.
    registry: Option<DiskFile>,
    registry_length: u64,
    registry_waits: Vec<u8>,
    rewrite: Option<Registry>,
    /// What is written to; none after a failure, and before the first record.
    current: Option<(Segment, DiskFile)>,
    /// Segments that are not written to any more.
    closed: Vec<Segment>,
    next: u64,
    /// Not known to be on the disk. After a failed sync nobody knows what is there, so all of it is written again, to
    /// another segment: a sample that is there twice is read as one.
    waits: Vec<(u64, Vec<u8>)>,
    covered: u64,
    /// Files that were read at the start. A process that was killed may not have synced them, and what is in them is not
    /// written again when it is sent again.
    found: Vec<PathBuf>,
    /// This many bytes are written though nobody waits for them: appends are refused soon.
    many: usize,
}

/// Runs until the queue says stop.
pub(super) fn run(shared: &Shared, mut writer: Writer) {
    loop {
        let (waiters, stop) = take(shared, &mut writer);
        let started = Instant::now();
        let result = writer.flush();
        let took = started.elapsed();
        writer.remove_covered();
        report(shared, &writer, result.as_ref().map(|wrote| wrote.then_some(took)));
        let reply = result.map(|_| ()).map_err(|error| AppendError::NotWritten(io_words(&error)));
        for (appended, done) in waiters {
            done(reply.clone().map(|()| appended));
        }
        if stop {
            // Who came in the meantime is told as well.
            let mut queue = shared.lock();
            let late = std::mem::take(&mut queue.waiters);
            drop(queue);
            late.into_iter().for_each(|(_, done)| done(Err(AppendError::Closed)));
            return;
        }
    }
}

/// Waits for work and takes all of it.
fn take(shared: &Shared, writer: &mut Writer) -> (Vec<(Appended, Done)>, bool) {
    let mut queue = shared.lock();
    let idle = |queue: &Queue| {
        queue.waiters.is_empty()
            && queue.rewrite.is_none()
            && !queue.covered_changed
            && !queue.stop
            && queue.bytes < writer.many
    };
    if writer.behind() {
        // A disk that works again is noticed without anybody appending.
        let waited = shared.wake.wait_timeout_while(queue, RETRY, |queue| idle(queue));
        queue = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
    } else {
        let waited = shared.wake.wait_while(queue, |queue| idle(queue));
        queue = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
    }
    writer.registry_waits.append(&mut queue.registry);
    writer.waits.append(&mut queue.batches);
    if let Some(rewrite) = queue.rewrite.take() {
        writer.rewrite = Some(rewrite);
    }
    writer.covered = queue.covered;
    queue.covered_changed = false;
    queue.bytes = 0;
    queue.status.waiting = writer.waiting();
    (std::mem::take(&mut queue.waiters), queue.stop)
}

fn report(shared: &Shared, writer: &Writer, result: Result<Option<Duration>, &io::Error>) {
    let mut queue = shared.lock();
    let status = &mut queue.status;
    match result {
        Ok(Some(took)) => {
            status.syncs += 1;
            status.sync_time += took;
            status.last_sync = took;
        }
        Ok(None) => {}
        Err(error) if status.error.is_none() => {
            tracing::error!(%error, "the store cannot write its log: samples wait in memory");
        }
        Err(_) => {}
    }
    if result.is_ok() && status.error.is_some() {
        tracing::info!("the store writes its log again");
    }
    status.error = result.err().map(io_words);
    status.waiting = writer.waiting();
    let current = writer.current.iter().map(|(segment, _)| segment);
    let all = || current.clone().chain(&writer.closed);
    status.bytes = all().map(|segment| segment.bytes).sum();
    status.segments = all().count();
}

impl Writer {
    pub(super) fn new(beginning: Beginning) -> Self {
        let dir = beginning.folder.path();
        let segments = beginning.segments.iter();
        let mut found: Vec<_> = segments.map(|one| segment_path(dir, one.number)).collect();
        found.extend(beginning.registry.is_some().then(|| dir.join(registry::FILE)));
        let last = beginning.segments.iter().map(|segment| segment.number).max().unwrap_or(0);
        Self {
            folder: beginning.folder,
            disk: beginning.disk,
            magic: beginning.magic,
            registry: beginning.registry,
            registry_length: beginning.registry_length,
            registry_waits: Vec::new(),
            rewrite: None,
            current: None,
            closed: beginning.segments,
            next: last + 1,
            waits: Vec::new(),
            covered: beginning.covered,
            found,
            many: beginning.limit / 2,
        }
    }

    fn waiting(&self) -> usize {
        self.registry_waits.len() + self.waits.iter().map(|batch| batch.1.len()).sum::<usize>()
    }

    fn behind(&self) -> bool {
        self.waiting() > 0 || self.rewrite.is_some() || !self.found.is_empty()
    }

    /// Writes and syncs all that waits. Whether there was anything.
    fn flush(&mut self) -> io::Result<bool> {
        let anything = self.behind();
        if anything {
            self.folder.is_there()?;
        }
        while let Some(path) = self.found.last() {
            self.disk.sync(path)?;
            self.found.pop();
        }
        // A block has made these durable while the log could not.
        let covered = self.covered;
        self.waits.retain(|batch| batch.0 > covered);
        // Series before the samples that name them.
        if !self.registry_waits.is_empty() {
            let result = self.write_registry();
            if result.is_err() {
                self.registry = None;
            }
            result?;
        }
        if !self.waits.is_empty() {
            let result = self.write_batches();
            if result.is_err() {
                self.abandon();
            }
            result?;
            self.waits.clear();
        }
        if let Some(rewrite) = self.rewrite.take() {
            self.rewrite_registry(rewrite);
        }
        Ok(anything)
    }

    fn write_registry(&mut self) -> io::Result<()> {
        let path = self.folder.path().join(registry::FILE);
        let file = match &mut self.registry {
            Some(file) => file,
            none => none.insert(self.disk.continue_at(&path, self.registry_length)?),
        };
        let records = registry::grouped(&self.registry_waits);
        file.write_all(&records)?;
        file.sync()?;
        self.registry_length += records.len() as u64;
        self.registry_waits.clear();
        Ok(())
    }

    fn write_batches(&mut self) -> io::Result<()> {
        let waits = std::mem::take(&mut self.waits);
        let result = waits.iter().filter(|batch| !batch.1.is_empty()).try_for_each(|batch| {
            let (segment, file) = self.segment(batch.0)?;
            file.write_all(&batch.1)?;
            segment.bytes += batch.1.len() as u64;
            Ok::<(), io::Error>(())
        });
        self.waits = waits;
        result?;
        self.current.as_ref().map_or(Ok(()), |(_, file)| file.sync())
    }

    /// The segment for records of a generation: a new one when the generation is new, so that the old one can go as
    /// soon as its generation is in a block.
    fn segment(&mut self, generation: u64) -> io::Result<&mut (Segment, DiskFile)> {
        let fits =
            |segment: &Segment| segment.generation == generation && segment.bytes < SEGMENT_BYTES;
        let current = match self.current.take() {
            Some(current) if fits(&current.0) => current,
            before => {
                if let Some((segment, file)) = before {
                    self.closed.push(segment);
                    file.sync()?;
                }
                let number = self.next;
                let path = segment_path(self.folder.path(), number);
                let mut file = self.disk.create(&path)?;
                self.next += 1;
                let bytes = self.magic.len() as u64;
                let written =
                    file.write_all(self.magic).and_then(|()| self.disk.sync_folder(&path));
                if let Err(error) = written {
                    // Not even its beginning: it holds nothing, and a full disk must not fill with such files.
                    self.next = number;
                    self.disk.remove(&path)?;
                    return Err(error);
                }
                (Segment { number, generation, bytes }, file)
            }
        };
        Ok(self.current.insert(current))
    }

    /// What was being written to when the disk failed is not written to again.
    fn abandon(&mut self) {
        if let Some((segment, _)) = self.current.take() {
            self.closed.push(segment);
        }
    }

    fn remove_covered(&mut self) {
        if self.current.as_ref().is_some_and(|(segment, _)| segment.generation <= self.covered) {
            self.abandon();
        }
        let (dir, disk, covered) = (self.folder.path(), &self.disk, self.covered);
        self.closed.retain(|segment| {
            if segment.generation > covered {
                return true;
            }
            let path = segment_path(dir, segment.number);
            match disk.remove(&path) {
                Ok(()) => false,
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "a log segment that is not needed stays");
                    true
                }
            }
        });
    }

    /// Writes the registry anew under another name, then gives it its own. When that fails the old one goes on.
    fn rewrite_registry(&mut self, rewrite: Registry) {
        let path = self.folder.path().join(registry::FILE);
        let temporary = path.with_extension("tmp");
        let bytes = rewrite();
        let written = (|| {
            let mut file = self.disk.create(&temporary)?;
            file.write_all(&bytes)?;
            file.sync()?;
            self.disk.rename(&temporary, &path)?;
            Ok::<DiskFile, io::Error>(file)
        })();
        match written {
            Ok(file) => {
                self.registry = Some(file);
                self.registry_length = bytes.len() as u64;
            }
            Err(error) => {
                tracing::warn!(%error, "the registry could not be written anew: the old one stays");
                let _ = fs::remove_file(&temporary);
            }
        }
    }
}
