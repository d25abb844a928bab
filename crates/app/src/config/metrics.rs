//! The keys of `metrics`: how the store here keeps them, and where else they go.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use vigie_model::{Labels, catalogue};
use vigie_remote::{RawRemote, RemoteConfig};
use vigie_tls::{RawTls, Secret};

use super::file::ConfigError;

/// A store smaller than this could not hold what it writes in an hour.
pub(super) const MIN_RETENTION_BYTES: u64 = 64 * 1024 * 1024;
/// Bytes of an external label's value.
const LONGEST_VALUE: usize = 1_024;
/// What the backend is called in Vigie's own metrics.
const BACKEND: &str = "backend";

/// How metrics are kept.
#[derive(Debug, Clone)]
pub(crate) struct MetricsConfig {
    /// How long.
    pub(crate) retention_days: u32,
    /// How much at the most; the oldest goes first.
    pub(crate) retention_bytes: Option<u64>,
    /// How many series at once.
    pub(crate) max_series: usize,
    /// How late a sample may come.
    pub(crate) out_of_order_seconds: u32,
    /// Where they are instead of in the store here; the four above mean nothing then.
    pub(crate) backend: Option<RemoteConfig>,
    /// Where they are sent as well.
    pub(crate) remote_write: Vec<RemoteConfig>,
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self {
            retention_days: 30,
            retention_bytes: None,
            max_series: 1_000_000,
            out_of_order_seconds: 600,
            backend: None,
            remote_write: Vec::new(),
        }
    }
}

/// The keys as the file has them. Those of a backend are [`RawRemote`]'s, written out: an unknown key beside them is to
/// be an error with its place.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMetrics {
    retention_days: Option<u32>,
    retention_bytes: Option<u64>,
    max_series: Option<usize>,
    out_of_order_seconds: Option<u32>,
    backend: Option<String>,
    name: Option<String>,
    write_url: Option<Secret>,
    query_url: Option<Secret>,
    username: Option<String>,
    password: Option<Secret>,
    password_file: Option<PathBuf>,
    bearer_token: Option<Secret>,
    bearer_token_file: Option<PathBuf>,
    tls: Option<RawTls>,
    #[serde(default)]
    headers: BTreeMap<String, Secret>,
    queue_bytes: Option<u64>,
    shards: Option<usize>,
    native_histograms: Option<bool>,
    #[serde(default)]
    remote_write: Vec<RawRemote>,
    #[serde(default)]
    external_labels: BTreeMap<String, String>,
}

impl RawMetrics {
    fn remote(&mut self) -> RawRemote {
        RawRemote {
            name: self.name.take(),
            write_url: self.write_url.take(),
            query_url: self.query_url.take(),
            username: self.username.take(),
            tls: self.tls.take(),
            password: self.password.take(),
            password_file: self.password_file.take(),
            bearer_token: self.bearer_token.take(),
            bearer_token_file: self.bearer_token_file.take(),
            headers: std::mem::take(&mut self.headers),
            queue_bytes: self.queue_bytes.take(),
            shards: self.shards.take(),
            native_histograms: self.native_histograms.take(),
        }
    }
}

/// Checks the keys of a file that people know as `origin`.
pub(super) fn metrics(mut raw: RawMetrics, origin: &str) -> Result<MetricsConfig, ConfigError> {
    let wrong = |key: &str, detail: String| ConfigError::Wrong {
        place: format!("{origin}: metrics.{key}"),
        detail,
    };
    let (backend, remote_write) = elsewhere(&mut raw, origin)?;
    let default = MetricsConfig::default();
    let config = MetricsConfig {
        retention_days: raw.retention_days.unwrap_or(default.retention_days),
        retention_bytes: raw.retention_bytes,
        max_series: raw.max_series.unwrap_or(default.max_series),
        out_of_order_seconds: raw.out_of_order_seconds.unwrap_or(default.out_of_order_seconds),
        backend,
        remote_write,
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
    if !(1_000..=50_000_000).contains(&config.max_series) {
        let detail = format!("{} is not between 1000 and 50000000", config.max_series);
        return Err(wrong("max_series", detail));
    }
    if config.out_of_order_seconds > 7_200 {
        let detail = format!("{} is more than 7200", config.out_of_order_seconds);
        return Err(wrong("out_of_order_seconds", detail));
    }
    Ok(config)
}

/// The backend, and where metrics are sent as well.
fn elsewhere(
    raw: &mut RawMetrics,
    origin: &str,
) -> Result<(Option<RemoteConfig>, Vec<RemoteConfig>), ConfigError> {
    let at = |place: String, detail: String| ConfigError::Wrong {
        place: format!("{origin}: metrics{place}"),
        detail,
    };
    let own = raw.remote();
    let backend = match raw.backend.as_deref() {
        None | Some("embedded") => {
            if let Some(key) = used(&own) {
                let detail = "it goes with backend: prometheus; to write elsewhere as well, use remote_write";
                return Err(at(format!(".{key}"), detail.to_owned()));
            }
            None
        }
        Some("prometheus") => {
            let own = RawRemote { name: own.name.or(Some(BACKEND.to_owned())), ..own };
            Some(checked(own, &format!("{origin}: metrics"))?)
        }
        Some(other) => {
            let detail = format!("there is no backend {other:?}; it is embedded or prometheus");
            return Err(at(".backend".to_owned(), detail));
        }
    };
    if backend.as_ref().is_some_and(|backend| !backend.has_query_url()) {
        let detail = "queries and charts are answered from there, such as http://prometheus:9090";
        return Err(at(".query_url is missing".to_owned(), detail.to_owned()));
    }
    let mut all = Vec::new();
    for (number, raw) in std::mem::take(&mut raw.remote_write).into_iter().enumerate() {
        let place = format!(".remote_write[{number}]");
        let config = checked(raw, &format!("{origin}: metrics{place}"))?;
        if config.has_query_url() {
            let detail = "it has no use here: queries are answered by the backend";
            return Err(at(format!("{place}.query_url"), detail.to_owned()));
        }
        let known = backend.iter().chain(&all);
        if known.into_iter().any(|other: &RemoteConfig| other.name == config.name) {
            let detail = format!("{:?} is used twice; names tell them apart", config.name);
            return Err(at(format!("{place}.name"), detail));
        }
        all.push(config);
    }
    let external = external(&raw.external_labels)
        .map_err(|(name, detail)| at(format!(".external_labels.{name}"), detail))?;
    if !external.is_empty() && backend.is_none() && all.is_empty() {
        let detail =
            "they go with metrics that are sent elsewhere, by backend: prometheus or remote_write";
        return Err(at(".external_labels".to_owned(), detail.to_owned()));
    }
    let labelled = |config: RemoteConfig| config.labelled(external.clone());
    Ok((backend.map(labelled), all.into_iter().map(labelled).collect()))
}

/// Labels for all that is sent elsewhere, or which of them cannot be one and why.
fn external(raw: &BTreeMap<String, String>) -> Result<Labels, (String, String)> {
    for (name, value) in raw {
        let of_own = catalogue::ALL.iter().find(|metric| metric.labels.contains(&name.as_str()));
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let why = if name.is_empty()
            || name.starts_with("__")
            || name.starts_with(|first: char| first.is_ascii_digit())
            || !name.bytes().all(legal)
        {
            "a label's name has letters, digits and _, and begins with neither a digit nor __"
                .to_owned()
        } else if name == catalogue::COPY_LABEL {
            "it tells copies from Vigie's own series, which have none".to_owned()
        } else if let Some(metric) = of_own {
            format!("{} has a label of this name", metric.name)
        } else if value.is_empty() || value.len() > LONGEST_VALUE {
            format!("its value has 1 to {LONGEST_VALUE} bytes")
        } else {
            continue;
        };
        return Err((name.clone(), why));
    }
    Ok(Labels::from_pairs(raw))
}

fn checked(raw: RawRemote, place: &str) -> Result<RemoteConfig, ConfigError> {
    RemoteConfig::try_from(raw).map_err(|error| named(&error, place))
}

/// What is wrong with a backend elsewhere, at its key: the error's text begins with it.
pub(super) fn named(error: &vigie_remote::ConfigError, place: &str) -> ConfigError {
    let text = error.to_string();
    let (key, detail) = text.split_once(": ").unwrap_or(("", &text));
    match key.is_empty() {
        true => ConfigError::Wrong { place: place.to_owned(), detail: detail.to_owned() },
        false => ConfigError::Wrong { place: format!("{place}.{key}"), detail: detail.to_owned() },
    }
}

/// A key of a backend that is given.
fn used(raw: &RawRemote) -> Option<&'static str> {
    let keys = [
        ("name", raw.name.is_some()),
        ("write_url", raw.write_url.is_some()),
        ("query_url", raw.query_url.is_some()),
        ("username", raw.username.is_some()),
        ("password", raw.password.is_some()),
        ("password_file", raw.password_file.is_some()),
        ("bearer_token", raw.bearer_token.is_some()),
        ("bearer_token_file", raw.bearer_token_file.is_some()),
        ("headers", !raw.headers.is_empty()),
        ("queue_bytes", raw.queue_bytes.is_some()),
        ("shards", raw.shards.is_some()),
        ("native_histograms", raw.native_histograms.is_some()),
    ];
    keys.into_iter().find(|(_, used)| *used).map(|(key, _)| key)
}
