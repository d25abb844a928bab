//! Copies of all that is kept: a folder with one folder for each store, and the list of these.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use vigie_store::logs::LogStore;
use vigie_store::{BackupReport, Store};

use crate::keeping;

/// The list: what is in a copy. It comes last, so a copy without it was not finished.
const LIST: &str = "contents";
const LIST_HEAD: &str = "vigie backup 2";
/// Of a copy of metrics alone, which versions before this one made.
const OLDER_LIST: &str = "backup";
/// The folders that there can be.
const PARTS: [&str; 2] = ["metrics", "logs"];

/// What a Vigie keeps here.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) metrics: Option<Store>,
    pub(crate) logs: Option<LogStore>,
}

/// Copies all of it; says what was copied, or why it was not.
pub(crate) fn backup(kept: &Kept, dir: &Path) -> Result<String, String> {
    let failed = |error: io::Error| format!("{}: {error}", dir.display());
    if kept.metrics.is_none() && kept.logs.is_none() {
        return Err("nothing is kept here: metrics are elsewhere, and there is no log store".into());
    }
    keeping::private_folder(dir).map_err(failed)?;
    if fs::read_dir(dir).map_err(failed)?.next().is_some() {
        return Err(format!(
            "{}: the folder is not empty: name one that is, or a new one",
            dir.display()
        ));
    }
    let (mut list, mut all) = (format!("{LIST_HEAD}\n"), BackupReport::default());
    let mut add = |part: &str, report: BackupReport| {
        list.push_str(part);
        list.push('\n');
        all.files += report.files;
        all.bytes += report.bytes;
    };
    if let Some(store) = &kept.metrics {
        add("metrics", store.backup(&dir.join("metrics")).map_err(|error| error.to_string())?);
    }
    if let Some(store) = &kept.logs {
        add("logs", store.backup(&dir.join("logs")).map_err(|error| error.to_string())?);
    }
    let path = dir.join(LIST);
    let written = fs::write(&path, &list)
        .and_then(|()| fs::File::open(&path)?.sync_all())
        .and_then(|()| fs::File::open(dir)?.sync_all());
    written.map_err(failed)?;
    Ok(format!("{} files, {} bytes in {}", all.files, all.bytes, dir.display()))
}

/// Puts a copy back into a data folder where nothing may be yet; says what was put back.
pub(crate) fn restore(from: &Path, data_dir: &Path) -> Result<String, String> {
    let parts = parts(from)?;
    for to in parts.iter().map(|(part, _)| place(part, data_dir)) {
        let filled = fs::read_dir(&to).is_ok_and(|mut entries| entries.next().is_some());
        if filled {
            return Err(format!("{}: something is there already", to.display()));
        }
    }
    let failed = |error: io::Error| format!("{}: {error}", data_dir.display());
    keeping::private_folder(data_dir).map_err(failed)?;
    let put = put_back(&parts, data_dir);
    if put.is_err() {
        for (part, _) in &parts {
            // Nothing opens what is left of it, and the next try begins anew.
            drop(fs::remove_dir_all(beside(part, data_dir)));
        }
    }
    let BackupReport { files, bytes, .. } = put?;
    Ok(format!("{files} files, {bytes} bytes into {}", data_dir.display()))
}

/// Puts all parts beside their places, and in their places once all are whole: a store is never opened of half a copy.
fn put_back(parts: &[(&'static str, PathBuf)], data_dir: &Path) -> Result<BackupReport, String> {
    let mut all = BackupReport::default();
    for (part, from) in parts {
        let to = beside(part, data_dir);
        match fs::remove_dir_all(&to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(format!("{}: {error}", to.display()));
            }
            _ => {}
        }
        let report = vigie_store::restore(from, &to).map_err(|error| error.to_string())?;
        all.files += report.files;
        all.bytes += report.bytes;
    }
    for (part, _) in parts {
        let to = place(part, data_dir);
        fs::rename(beside(part, data_dir), &to)
            .map_err(|error| format!("{}: {error}", to.display()))?;
    }
    let synced = fs::File::open(data_dir).and_then(|dir| dir.sync_all());
    synced.map_err(|error| format!("{}: {error}", data_dir.display()))?;
    Ok(all)
}

/// Where a part is while it is put back.
fn beside(part: &str, data_dir: &Path) -> PathBuf {
    place(part, data_dir).with_extension("restoring")
}

fn place(part: &str, data_dir: &Path) -> PathBuf {
    if part == "logs" { keeping::logs_dir(data_dir) } else { keeping::metrics_dir(data_dir) }
}

/// The parts of a copy, and where they are.
fn parts(from: &Path) -> Result<Vec<(&'static str, PathBuf)>, String> {
    let path = from.join(LIST);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(_) if from.join(OLDER_LIST).is_file() => return Ok(vec![("metrics", from.to_owned())]),
        Err(error) => {
            let path = path.display();
            return Err(format!(
                "{path}: this is no backup, or one that was not finished: {error}"
            ));
        }
    };
    let mut lines = text.lines();
    if lines.next() != Some(LIST_HEAD) {
        return Err(format!("{}: no list of a backup that this Vigie knows", path.display()));
    }
    let mut parts = Vec::new();
    for line in lines {
        let Some(part) = PARTS.into_iter().find(|part| *part == line) else {
            return Err(format!("{}: {line:?} is nothing that can be put back", path.display()));
        };
        let folder = from.join(part);
        if !fs::symlink_metadata(&folder).is_ok_and(|meta| meta.is_dir()) {
            return Err(format!("{}: there is no such folder", folder.display()));
        }
        parts.push((part, folder));
    }
    Ok(parts)
}
