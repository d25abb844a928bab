//! What the last start ran with, kept in the data folder, so that this one can tell on the timeline what is different.

use std::io::{ErrorKind, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use vigie_board::Timeline;
use vigie_model::{EventKind, Time};

use crate::config::{Config, Written};

const FILE: &str = "last-start.json";
const VERSION: &str = env!("CARGO_PKG_VERSION");

#[derive(Serialize, Deserialize)]
struct LastStart {
    version: String,
    config: Written,
}

/// Notes that Vigie starts, and what is different in its configuration since the last start in this folder.
pub(crate) fn note(config: &Config, timeline: &mut Timeline, now: Time) {
    let last = last(&config.data_dir);
    let version = match &last {
        Some(last) if last.version != VERSION => format!("{} → {VERSION}", last.version),
        _ => VERSION.to_owned(),
    };
    timeline.note_own(now, EventKind::VigieStarted, version);
    let Some(written) = &config.written else { return };
    if let Some(changed) = last.and_then(|last| last.config.changed(written)) {
        timeline.note_own(now, EventKind::ConfigChanged, changed);
    }
    if let Err(error) = keep(&config.data_dir, written) {
        tracing::warn!(%error, file = FILE, "the next start will not know what is different");
    }
}

/// What the last start said; none at the first one.
fn last(data_dir: &Path) -> Option<LastStart> {
    let warn = |error: &dyn std::fmt::Display| {
        tracing::warn!(%error, file = FILE, "what is different since the last start is not known");
    };
    let bytes = match std::fs::read(data_dir.join(FILE)) {
        Ok(bytes) => bytes,
        Err(error) => {
            if error.kind() != ErrorKind::NotFound {
                warn(&error);
            }
            return None;
        }
    };
    serde_json::from_slice(&bytes).inspect_err(|error| warn(error)).ok()
}

fn keep(data_dir: &Path, config: &Written) -> std::io::Result<()> {
    let this = LastStart { version: VERSION.to_owned(), config: config.clone() };
    std::fs::create_dir_all(data_dir)?;
    // Its own file first: a kill leaves the old one or the new one.
    let mut file = tempfile::NamedTempFile::new_in(data_dir)?;
    file.write_all(&serde_json::to_vec(&this)?)?;
    file.persist(data_dir.join(FILE))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(dir: &Path, yaml: &str) -> Vec<String> {
        let yaml = format!("data_dir: {}\n{yaml}", dir.display());
        let config = Config::parse_for_test(&yaml);
        let mut timeline = Timeline::default();
        note(&config, &mut timeline, Time::from_seconds(1_800_000_000));
        timeline.noted().map(|event| event.message.clone()).collect()
    }

    const MAIN: &str = "sources: [{name: main, kind: redis, url: \"redis://h\"}]";

    #[test]
    fn a_start_is_noted_and_what_is_different_since_the_last_one() {
        let dir = tempfile::tempdir().unwrap();
        let started = &*format!("Vigie started: {VERSION}");
        assert_eq!(noted(dir.path(), MAIN), [started], "the first start has no other");
        assert_eq!(noted(dir.path(), MAIN), [started], "nothing is different");
        let more =
            "sources: [{name: main, kind: redis, url: \"redis://i\"}, {name: c, kind: caddy}]";
        let changed = "the configuration changed: sources added: c; other settings: main (url)";
        assert_eq!(noted(dir.path(), more), [started, changed]);
        // Of a newer version, with what this one does not know.
        let file = dir.path().join(FILE);
        let text = std::fs::read_to_string(&file).unwrap();
        let newer = text.replace(VERSION, "99.0").replace("\"config\"", "\"more\":1,\"config\"");
        std::fs::write(&file, newer).unwrap();
        assert_eq!(noted(dir.path(), more), [format!("Vigie started: 99.0 → {VERSION}")]);
        std::fs::write(&file, "{half").unwrap();
        assert_eq!(noted(dir.path(), MAIN), [started], "damaged: nothing is said of it");
        assert_eq!(noted(dir.path(), MAIN), [started], "and it is whole again");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
