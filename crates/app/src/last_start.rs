//! What the last start ran with, kept in the data folder, so that this one can tell on the timeline what is different.

use std::io::{self, ErrorKind, Write};
use std::path::Path;

use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};
use vigie_board::Timeline;
use vigie_model::{EventKind, Time};

use crate::config::{Config, Fingerprints};
use crate::keeping::private_folder;

const FILE: &str = "last-start.json";
/// The key of the fingerprints in it.
const KEY_FILE: &str = "last-start.key";
const KEY_BYTES: usize = 32;
const VERSION: &str = env!("CARGO_PKG_VERSION");

#[derive(Serialize, Deserialize)]
struct LastStart {
    version: String,
    config: Fingerprints,
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
    let unknown = |error: io::Error| {
        tracing::warn!(%error, file = FILE, "the next start will not know what is different");
    };
    let key = match key(&config.data_dir) {
        Ok(key) => key,
        Err(error) => return unknown(error),
    };
    let config_now = written.fingerprints(&key.key);
    // Those of another key say nothing.
    let last = last.filter(|_| !key.is_new);
    if let Some(changed) = last.and_then(|last| last.config.changed(&config_now)) {
        timeline.note_own(now, EventKind::ConfigChanged, changed);
    }
    let this = LastStart { version: VERSION.to_owned(), config: config_now };
    let kept = serde_json::to_vec(&this).map_err(io::Error::from);
    kept.and_then(|bytes| keep(&config.data_dir, FILE, &bytes)).unwrap_or_else(unknown);
}

struct Key {
    key: hmac::Key,
    is_new: bool,
}

/// The key of this data folder, made where there is none that can be used.
fn key(data_dir: &Path) -> io::Result<Key> {
    let made = |bytes: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, bytes);
    match std::fs::read(data_dir.join(KEY_FILE)) {
        Ok(bytes) if bytes.len() == KEY_BYTES => {
            return Ok(Key { key: made(&bytes), is_new: false });
        }
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut bytes = [0; KEY_BYTES];
    let random = SystemRandom::new().fill(&mut bytes);
    random.map_err(|_| io::Error::other("the system gives no random bytes"))?;
    keep(data_dir, KEY_FILE, &bytes)?;
    Ok(Key { key: made(&bytes), is_new: true })
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

/// Writes a file that nobody else may read.
fn keep(data_dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    private_folder(data_dir)?;
    // Its own file first: a kill leaves the old one or the new one.
    let mut file = tempfile::NamedTempFile::new_in(data_dir)?;
    file.write_all(bytes)?;
    file.persist(data_dir.join(name))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

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
        let secret = |password| {
            format!(
                "sources: [{{name: main, kind: redis, url: \"redis://h\", password: {password}}}]"
            )
        };
        noted(dir.path(), &secret("first"));
        let changed = "the configuration changed: other settings: main (password)";
        assert_eq!(noted(dir.path(), &secret("second")), [started, changed]);
        for name in [FILE, KEY_FILE] {
            let file = dir.path().join(name);
            let mode = std::fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        std::fs::write(dir.path().join(KEY_FILE), "short").unwrap();
        assert_eq!(noted(dir.path(), MAIN), [started], "of another key: nothing is said of it");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}
