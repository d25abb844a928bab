//! What forwards log entries: one for each destination of the configuration.

use std::sync::Arc;

use vigie_remote::{Clock, ForwardOptions, Forwarder};
use vigie_server::{Logs, Now};

use crate::config::Config;
use crate::exit::Failure;
use crate::sending::folder_name;

/// Opens all. Without a log store nothing is forwarded, which is said.
///
/// # Errors
/// When how far one is cannot be kept: entries could be left out.
pub(crate) fn open(
    config: &Config,
    logs: Option<&Logs>,
    now: &Now,
) -> Result<Vec<Forwarder>, Failure> {
    let all = &config.logs.forward;
    let Some(logs) = logs else {
        if !all.is_empty() {
            tracing::error!(
                "nothing is forwarded: it is read from the log store, which is not open"
            );
        }
        return Ok(Vec::new());
    };
    let folder = config.data_dir.join("forward");
    let forwarders = all.iter().map(|destination| {
        let options = ForwardOptions::new(folder.join(folder_name(&destination.name)));
        let clock: Clock = {
            let now = Arc::clone(now);
            Arc::new(move || now().millis())
        };
        let forwarder = Forwarder::open(logs.store().clone(), destination.clone(), options, clock)
            .map_err(|error| Failure::failed(error.to_string()))?;
        tracing::info!(
            destination = forwarder.name(),
            kind = forwarder.kind(),
            to = forwarder.display_url(),
            pending = forwarder.status().pending,
            "log entries are forwarded"
        );
        Ok(forwarder)
    });
    forwarders.collect()
}
