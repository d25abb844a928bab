//! `vigie backup` and `vigie restore`: copies of what is kept.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use vigie_store::logs::{LogOptions, LogStore};
use vigie_store::{OpenError, Store, StoreOptions};

use crate::config::Config;
use crate::control::{self, Request};
use crate::copies::{self, Kept};
use crate::exit::Failure;
use crate::keeping;

/// Copies what is kept into `dir`: by the Vigie that runs with this data folder, or, if none does, by itself.
pub(crate) async fn backup(config: &Config, dir: &Path) -> Result<(), Failure> {
    let dir = absolute(dir)?;
    if let Some(data_dir) = within(&dir, &config.data_dir) {
        return Err(Failure::wrong_input(format!(
            "{} is within {}, which it is a copy of: name a folder elsewhere, best on another disk",
            dir.display(),
            data_dir.display()
        )));
    }
    let request = Request::Backup { dir: dir.clone() };
    let done = match control::ask(&config.data_dir, &request).await? {
        Some(done) => done,
        None => by_itself(config, &dir)?,
    };
    anstream::println!("copied: {done}");
    Ok(())
}

fn by_itself(config: &Config, dir: &Path) -> Result<String, Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64;
    let (metrics, logs) =
        (keeping::metrics_dir(&config.data_dir), keeping::logs_dir(&config.data_dir));
    if !metrics.exists() && !logs.exists() {
        return Err(Failure::failed(format!(
            "there is nothing in {}: is data_dir in the configuration right?",
            config.data_dir.display()
        )));
    }
    let failed = |error: OpenError| Failure::failed(error.to_string());
    let mut kept = Kept { metrics: None, logs: None };
    if metrics.exists() {
        kept.metrics = Some(Store::open(StoreOptions::new(metrics), now).map_err(failed)?.0);
    }
    if logs.exists() {
        kept.logs = Some(LogStore::open(LogOptions::new(logs), now).map_err(failed)?.0);
    }
    copies::backup(&kept, dir).map_err(Failure::failed)
}

/// Puts a copy back where the configuration says that things are kept; nothing may be there yet.
pub(crate) fn restore(config: &Config, dir: &Path) -> Result<(), Failure> {
    let done = copies::restore(dir, &config.data_dir).map_err(Failure::failed)?;
    anstream::println!("restored: {done}");
    Ok(())
}

/// Where the data folder really is, when `dir`, which need not be there yet, is within it.
fn within(dir: &Path, data_dir: &Path) -> Option<PathBuf> {
    let data_dir = data_dir.canonicalize().ok()?;
    let there = dir.ancestors().find_map(|ancestor| ancestor.canonicalize().ok())?;
    there.starts_with(&data_dir).then_some(data_dir)
}

fn absolute(dir: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(dir)
        .map_err(|error| Failure::wrong_input(format!("{}: {error}", dir.display())))
}
