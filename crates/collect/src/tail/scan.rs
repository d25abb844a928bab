//! What became of the files since the last look: which are new, renamed, truncated, copies of others, or gone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use vigie_model::Time;

use super::Begin;
use super::files::Tail;
use super::followed::{FIRST, Followed, Gathered};
use super::mark::{Edges, FileId, HEAD, Mark};
use super::paths::{self, Found};

/// A file that begins like another one may be a copy under way before that one is truncated. If neither happens for so many
/// seconds, it is none.
const COPY_WITHIN: f64 = 10.0;
/// Files that are shorter may agree by chance.
const SURELY: u64 = HEAD as u64;
/// How far a file was read is remembered for so many seconds after it was last there: a disk may be away for a while.
const REMEMBER: f64 = 3600.0;
/// So many of these at most, the newest.
const MOST_SAVED: usize = 400;

impl Tail {
    /// Looks at what is there.
    pub(super) fn scan(&mut self, now: Time, out: &mut Gathered) {
        let look = self.options.paths.look();
        self.status.over_limit = look.over;
        self.status.troubles.clear();
        for (path, why) in look.trouble {
            self.status.troubles.insert(path, why);
        }
        self.files.values_mut().for_each(|file| file.here = false);
        let mut new = Vec::new();
        for found in look.found {
            match self.files.get_mut(&found.id) {
                Some(file) => {
                    file.here = true;
                    file.path = found.path.clone();
                    if self.replaced.contains(&found.id) {
                        new.push(found);
                    }
                }
                None => new.push(found),
            }
        }
        self.suspect(&new);
        let ended = self.end_replaced(&mut new);
        self.recognise(&mut new, now);
        for old in ended {
            self.carry_over(old, now, out);
        }
        new.sort_by_key(|found| found.modified);
        self.waiting.retain(|id, _| new.iter().any(|found| found.id == *id));
        self.unreadable.clear();
        for found in new {
            if !self.files.contains_key(&found.id) {
                let (id, path) = (found.id, found.path.clone());
                if let Err(error) = self.meet(found, now) {
                    self.unreadable.insert(id);
                    self.trouble(&path, &error);
                }
            }
        }
        self.find_lost(now, out);
        self.saved.retain(|(_, since)| now.age(*since) < REMEMBER);
        let over = self.saved.len().saturating_sub(MOST_SAVED);
        // Those of the start come first, and are needed until their files are found.
        self.saved.drain(..over);
        self.first = false;
    }

    /// What is new may be a copy of a file that was truncated since: those that it may come of are looked at now.
    fn suspect(&mut self, new: &[Found]) {
        let new: Vec<&Path> = new
            .iter()
            .filter(|found| !self.unreadable.contains(&found.id))
            .map(|found| found.path.as_path())
            .collect();
        if new.is_empty() {
            return;
        }
        for (id, file) in &mut self.files {
            let may = new.iter().any(|path| paths::related(path, &file.path));
            if may && matches!(file.is_itself(), Ok(false)) {
                self.replaced.insert(*id);
            }
        }
    }

    /// Takes out the files that are no longer what was read of them; what is under their names is new.
    fn end_replaced(&mut self, new: &mut Vec<Found>) -> Vec<Followed> {
        let mut ended = Vec::new();
        for id in std::mem::take(&mut self.replaced) {
            let Some(old) = self.files.remove(&id) else { continue };
            if old.here && !new.iter().any(|found| found.id == id) {
                new.extend(paths::found(&old.path).ok().flatten().filter(|found| found.id == id));
            }
            ended.push(old);
        }
        ended
    }

    /// A file that was truncated: what was not read of it is in a copy, if there is one.
    fn carry_over(&mut self, mut old: Followed, now: Time, out: &mut Gathered) {
        let mut shorter = None;
        for found in paths::siblings(&old.path) {
            if self.files.contains_key(&found.id)
                || found.bytes == 0
                || !paths::related(&found.path, &old.path)
            {
                continue;
            }
            let Ok(Some(file)) = paths::open(&found.path, found.id) else { continue };
            if matches!(old.is_in(&file), Ok(true)) {
                self.files.insert(found.id, old.moved_to(found.path, found.id, file, now));
                return;
            }
            // It was copied before the last lines came that were read. A few bytes may agree by chance.
            let may = found.bytes >= SURELY || self.waiting.contains_key(&found.id);
            if may && matches!(old.begins_with(&file, found.bytes), Ok(true)) {
                shorter = Some(found);
            }
        }
        old.finish(now, out);
        // All of such a copy was read.
        if let Some(found) = shorter {
            let parser = (self.make)(&found.path);
            if let Ok(Some(mut copy)) = Followed::at_end(found.path, found.id, parser, now) {
                copy.here = false;
                self.files.insert(copy.id, copy);
            }
        }
    }

    /// After a start: the files that were read before, those that were truncated or rotated out of sight meanwhile included.
    fn recognise(&mut self, new: &mut [Found], now: Time) {
        if self.saved.is_empty() {
            return;
        }
        let mut changed: Vec<(Mark, PathBuf)> = Vec::new();
        let mut folders = BTreeSet::new();
        for found in new.iter() {
            folders.extend(found.path.parent().map(Path::to_owned));
            let Some(place) = self.saved.iter().position(|(mark, _)| mark.id == found.id) else {
                continue;
            };
            let (mark, _) = self.saved.remove(place);
            if !self.resume(found, &mark, true, now) {
                changed.push((mark, found.path.clone()));
            }
        }
        if self.first_look() {
            for folder in folders {
                for found in paths::siblings(&folder.join("any")) {
                    self.resume_saved(&found, now);
                }
            }
        }
        for (mark, path) in changed {
            let mut copies = paths::siblings(&path);
            copies.retain(|found| {
                !self.files.contains_key(&found.id) && paths::related(&found.path, &path)
            });
            if copies.iter().any(|found| self.resume(found, &mark, false, now)) {
                continue;
            }
            for found in copies.into_iter().filter(|found| found.bytes >= SURELY) {
                if let Err(error) = self.skip_copy(&found, &mark, now) {
                    self.trouble(&found.path, &error);
                }
            }
        }
    }

    /// A copy of a file that was truncated, made before the last lines came that were read of it: all of it was read.
    fn skip_copy(&mut self, found: &Found, mark: &Mark, now: Time) -> std::io::Result<()> {
        let Some(file) = paths::open(&found.path, found.id)? else { return Ok(()) };
        let Some(edges) = Edges::read(&file, SURELY)? else { return Ok(()) };
        if found.bytes < mark.offset && edges.head_hash() == mark.head {
            let parser = (self.make)(&found.path);
            let copy = Followed::at_end(found.path.clone(), found.id, parser, now)?;
            self.files.extend(copy.map(|copy| (found.id, copy)));
        }
        Ok(())
    }

    /// A file that is out of sight, but was read before.
    fn resume_saved(&mut self, found: &Found, now: Time) {
        if self.files.contains_key(&found.id) {
            return;
        }
        if let Some(place) = self.saved.iter().position(|(mark, _)| mark.id == found.id) {
            let (mark, _) = self.saved[place];
            if self.resume(found, &mark, false, now) {
                self.saved.remove(place);
            }
        }
    }

    /// Goes on with a file where a mark says, if it is the mark's.
    fn resume(&mut self, found: &Found, mark: &Mark, here: bool, now: Time) -> bool {
        let parser = (self.make)(&found.path);
        match Followed::resume(found.path.clone(), found.id, mark, parser, now) {
            Ok(Some(mut file)) => {
                file.here = here;
                self.files.insert(found.id, file);
                true
            }
            Ok(None) => false,
            Err(error) => {
                self.trouble(&found.path, &error);
                // Whether it is the one cannot be said now: later.
                if error.kind() != std::io::ErrorKind::NotFound && mark.id == found.id {
                    self.saved.push((*mark, now));
                }
                false
            }
        }
    }

    /// A file that is new.
    fn meet(&mut self, found: Found, now: Time) -> std::io::Result<()> {
        let Some(file) = paths::open(&found.path, found.id)? else { return Ok(()) };
        // The disk has another number since, or the file was moved to another one.
        if found.bytes >= SURELY
            && let Some(edges) = Edges::read(&file, SURELY)?
        {
            let hash = edges.head_hash();
            let same = |mark: &Mark| mark.offset >= SURELY && mark.head == hash;
            let marks: Vec<Mark> = self.saved.iter().map(|(mark, _)| *mark).filter(same).collect();
            for mark in marks {
                if self.resume(&found, &mark, true, now) {
                    self.saved.retain(|(one, _)| *one != mark);
                    return Ok(());
                }
            }
        }
        let Found { path, id, bytes, .. } = found;
        let first = Edges::read(&file, bytes.min(FIRST as u64))?.unwrap_or_default().head;
        let origin = self.files.values().find(|origin| {
            origin.here
                && !origin.was_renamed()
                && origin.may_begin_with(&first)
                && paths::related(&origin.path, &path)
                && matches!(origin.is_begun_by(&file, bytes), Ok(true))
        });
        let mut at_end = self.first && self.options.begin == Begin::End;
        if origin.is_some() {
            let (last, since) = *self.waiting.entry(id).or_insert((bytes, now));
            if last != bytes {
                self.waiting.insert(id, (bytes, now));
                return Ok(());
            }
            if now.age(since) < COPY_WITHIN {
                return Ok(());
            }
            at_end = at_end || bytes >= SURELY;
        }
        self.waiting.remove(&id);
        let parser = (self.make)(&path);
        let new = if at_end {
            Followed::at_end(path, id, parser, now)?
        } else {
            Some(Followed::begin(path, id, first, parser, now))
        };
        self.files.extend(new.map(|new| (id, new)));
        Ok(())
    }

    /// Files that are closed and not where they were: renamed out of sight, or gone.
    fn find_lost(&mut self, now: Time, out: &mut Gathered) {
        let lost: Vec<FileId> = self
            .files
            .iter()
            .filter(|(_, file)| !file.here && !file.is_open())
            .map(|(id, _)| *id)
            .collect();
        for id in lost {
            let Some(mut file) = self.files.remove(&id) else { continue };
            match paths::siblings(&file.path).into_iter().find(|found| found.id == id) {
                Some(found) => {
                    file.path = found.path;
                    self.files.insert(id, file);
                }
                None => {
                    file.finish(now, out);
                    self.saved.push((file.mark(), now));
                }
            }
        }
    }
}
