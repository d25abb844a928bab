//! What is sent to backends elsewhere: opens the queues, starts what sends, and lets it finish.

use std::path::Path;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use vigie_remote::{
    Described, Outbox, OutboxError, OutboxOptions, RemoteConfig, Sender, SenderOptions,
};
use vigie_server::{MetricMetadata, Metrics};
use vigie_store::Metadata;

use crate::config::{Config, MetricsConfig};
use crate::exit::Failure;

/// What was measured last has this long to be sent when Vigie stops; what is not is sent with the next start.
const LAST_WORDS: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(50);

/// A backend elsewhere with its queue.
pub(crate) struct Sending {
    pub(crate) outbox: Outbox,
    config: RemoteConfig,
}

/// Opens the queue of each backend of the configuration, the one that answers queries first.
///
/// # Errors
/// When a folder cannot be used: what could not be sent would be lost.
pub(crate) fn open(config: &Config) -> Result<Vec<Sending>, Failure> {
    let MetricsConfig { backend, remote_write, .. } = &config.metrics;
    let remotes: Vec<&RemoteConfig> = backend.iter().chain(remote_write).collect();
    let folder = config.data_dir.join("remote");
    say_what_is_left(&folder, &remotes);
    remotes.into_iter().map(|remote| open_one(&folder, remote)).collect()
}

fn open_one(folder: &Path, config: &RemoteConfig) -> Result<Sending, Failure> {
    let options = OutboxOptions {
        name: config.name.clone(),
        shards: config.shards,
        queue_bytes: config.queue_bytes,
        ..OutboxOptions::new(folder.join(folder_name(&config.name)))
    };
    let outbox = Outbox::open(&options)
        .map_err(|error| Failure::failed(format!("{error}; see data_dir")))?;
    let pending = outbox.status().total(|shard| shard.pending);
    tracing::info!(
        remote = config.name,
        to = config.display_url(),
        pending,
        "metrics are sent elsewhere"
    );
    Ok(Sending { outbox, config: config.clone() })
}

/// A name as that of a folder, different for different names.
pub(crate) fn folder_name(name: &str) -> String {
    let mut folder = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => folder.push(byte as char),
            other => folder.push_str(&format!("_{other:02x}")),
        }
    }
    folder
}

/// A queue whose backend is no longer configured is not sent, and nobody would notice.
fn say_what_is_left(folder: &Path, remotes: &[&RemoteConfig]) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let known = remotes.iter().any(|remote| name == *folder_name(&remote.name));
        if !known {
            let folder = entry.path();
            tracing::warn!(
                folder = %folder.display(),
                "this queue of metrics belongs to no backend of the configuration and is not sent; \
                 take it away, or configure its backend under its name"
            );
        }
    }
}

impl Sending {
    /// Starts to send.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub(crate) fn start(&self, metrics: Option<&Metrics>) -> Result<Sender, OutboxError> {
        let options = SenderOptions::default();
        let sender = Sender::start(&self.outbox, &self.config, &options)?;
        let Some(metrics) = metrics else { return Ok(sender) };
        let told = metrics.describing();
        Ok(sender.describing(&self.config, &options, move || {
            told().into_iter().map(described).collect()
        }))
    }
}

fn described(one: MetricMetadata) -> Described {
    let kind = one.kind.as_str().to_owned();
    (one.name, Metadata { kind, unit: one.unit, help: one.help })
}

/// Sends until `stop`, and what was pushed by then for a moment more.
pub(crate) async fn run(sender: Sender, outbox: Outbox, stop: CancellationToken) {
    stop.cancelled().await;
    let finish = async {
        // The recorder says meanwhile that its series end.
        tokio::time::sleep(2 * LOOK).await;
        while outbox.status().total(|shard| shard.pending) > 0
            && outbox.status().up() != Some(false)
        {
            tokio::time::sleep(LOOK).await;
        }
    };
    // What is not sent now is on disk.
    drop(tokio::time::timeout(LAST_WORDS, finish).await);
    sender.stop().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_folders_that_differ() {
        assert_eq!(folder_name("mimir.eu:9009"), "mimir_2eeu_3a9009");
        assert_eq!(folder_name("../a"), "_2e_2e_2fa");
        assert_ne!(folder_name("a_2e"), folder_name("a."));
    }
}
