//! Ctrl-C and termination: what this program started is ended before it goes.

use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

static ASKED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// From here on these signals are noted; a second one ends the program at once.
pub fn watch() -> Result<()> {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&ASKED))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&ASKED)))
            .context("listening for Ctrl-C")?;
    }
    Ok(())
}

/// Whether someone asked this program to stop.
pub fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// An error when someone asked this program to stop.
pub fn check() -> Result<()> {
    if asked() { anyhow::bail!("stopped on request") } else { Ok(()) }
}
