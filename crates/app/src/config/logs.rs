//! The keys of `logs`: how log entries are kept.

use serde::Deserialize;
use vigie_remote::{ForwardConfig, RawForward};
use vigie_server::LogRules;

use super::file::ConfigError;
use super::metrics::{MIN_RETENTION_BYTES, named};

/// How log entries are kept.
#[derive(Debug, Clone)]
pub(crate) struct LogsConfig {
    /// How long.
    pub(crate) retention_days: u32,
    /// How much at the most; the oldest goes first.
    pub(crate) retention_bytes: Option<u64>,
    /// What is taken out of entries, and how many a source may bring.
    pub(crate) rules: LogRules,
    /// Where they are forwarded to.
    pub(crate) forward: Vec<ForwardConfig>,
}

impl Default for LogsConfig {
    fn default() -> Self {
        Self {
            retention_days: 14,
            retention_bytes: None,
            rules: LogRules::default(),
            forward: Vec::new(),
        }
    }
}

/// The keys of `logs`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLogs {
    retention_days: Option<u32>,
    retention_bytes: Option<u64>,
    #[serde(default)]
    redact_keys: Vec<String>,
    #[serde(default)]
    redact_patterns: Vec<String>,
    entries_per_second: Option<u32>,
    #[serde(default)]
    forward: Vec<RawForward>,
}

pub(super) fn logs(raw: RawLogs, origin: &str) -> Result<LogsConfig, ConfigError> {
    let wrong = |key: &str, detail: String| ConfigError::Wrong {
        place: format!("{origin}: logs.{key}"),
        detail,
    };
    let default = LogsConfig::default();
    let rate = raw.entries_per_second.unwrap_or(default.rules.entries_per_second);
    let config = LogsConfig {
        retention_days: raw.retention_days.unwrap_or(default.retention_days),
        retention_bytes: raw.retention_bytes,
        rules: LogRules {
            redact_keys: raw.redact_keys,
            redact_patterns: raw.redact_patterns,
            entries_per_second: rate,
        },
        forward: forward(raw.forward, origin)?,
    };
    if !(1..=3_660).contains(&config.retention_days) {
        let detail = format!("{} is not between 1 and 3660 days", config.retention_days);
        return Err(wrong("retention_days", detail));
    }
    if config.retention_bytes.is_some_and(|bytes| bytes < MIN_RETENTION_BYTES) {
        let detail =
            format!("it is at least {MIN_RETENTION_BYTES} (64 MiB): newest data needs room");
        return Err(wrong("retention_bytes", detail));
    }
    if rate == 0 {
        return Err(wrong("entries_per_second", "0 would refuse every entry".to_owned()));
    }
    config.rules.check().map_err(|error| wrong("redact_patterns", error.to_string()))?;
    Ok(config)
}

fn forward(raw: Vec<RawForward>, origin: &str) -> Result<Vec<ForwardConfig>, ConfigError> {
    let mut all: Vec<ForwardConfig> = Vec::with_capacity(raw.len());
    for (number, raw) in raw.into_iter().enumerate() {
        let place = format!("{origin}: logs.forward[{number}]");
        let config = ForwardConfig::try_from(raw).map_err(|error| named(&error, &place))?;
        if all.iter().any(|other| other.name == config.name) {
            let detail = format!("{:?} is used twice; names tell them apart", config.name);
            return Err(ConfigError::Wrong { place: format!("{place}.name"), detail });
        }
        all.push(config);
    }
    Ok(all)
}
