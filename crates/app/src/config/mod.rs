//! The configuration: read from a file, checked, and made into types that hold no nonsense.

mod environment;
mod file;
#[cfg(test)]
mod file_tests;
mod logs;
mod metrics;
mod places;
mod source;
mod written;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use vigie_collect::source::redis::RedisConfig;

pub(crate) use file::ConfigError;
pub(crate) use logs::LogsConfig;
pub(crate) use metrics::MetricsConfig;
pub(crate) use source::{Shared, SourceConfig};
pub(crate) use written::{Fingerprints, Written};

/// The commented default, which is also its documentation.
pub(crate) const DEFAULT_YAML: &str = include_str!("default.yaml");
/// Where Vigie listens by default.
pub(crate) const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4780);
/// The Redis of those who configure nothing.
const DEFAULT_REDIS: &str = "redis://127.0.0.1:6379";
/// The name of the only source of those who configure nothing.
const DEFAULT_SOURCE: &str = "main";

/// The file that is read where none is named.
const HERE: &str = "vigie.yaml";
/// The folder of what Vigie keeps.
pub(crate) const DEFAULT_DATA_DIR: &str = "./vigie-data";

/// What Vigie runs with.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Where to listen; always loopback.
    pub(crate) listen: SocketAddr,
    /// More names that a `Host` header may say.
    pub(crate) hosts: Vec<String>,
    /// The folder of what is kept.
    pub(crate) data_dir: PathBuf,
    /// How metrics are kept.
    pub(crate) metrics: MetricsConfig,
    /// How log entries are kept.
    pub(crate) logs: LogsConfig,
    /// What to watch.
    pub(crate) sources: Vec<SourceConfig>,
    /// What is written there, to be compared with the next start; none where nothing is.
    pub(crate) written: Option<Written>,
    /// Where this came from, in words.
    pub(crate) origin: String,
    /// What was set and is not used, in words.
    pub(crate) unused: Option<String>,
}

impl Config {
    /// From `--config`, or `./vigie.yaml`, or the defaults around `REDIS_URL`.
    ///
    /// # Errors
    /// What is wrong in it, with file and line.
    pub(crate) fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let here = Path::new(HERE);
        match file {
            Some(file) => file::read(file),
            None if here.exists() => file::read(here),
            None => Self::without_file(),
        }
    }

    fn without_file() -> Result<Self, ConfigError> {
        let given = std::env::var("REDIS_URL").ok();
        let (source, origin) = default_source(given.as_deref())?;
        Ok(Self {
            listen: DEFAULT_LISTEN,
            hosts: Vec::new(),
            data_dir: DEFAULT_DATA_DIR.into(),
            metrics: MetricsConfig::default(),
            logs: LogsConfig::default(),
            written: Some(Written::default().with_default_source(given.as_deref())),
            sources: vec![source],
            origin: origin.to_owned(),
            unused: None,
        })
    }

    /// From a text without environment.
    #[cfg(test)]
    pub(crate) fn parse_for_test(text: &str) -> Self {
        file::parse(text, "vigie.yaml", Default::default()).unwrap()
    }

    /// Where a Vigie with this configuration listens, whatever else is in it.
    ///
    /// # Errors
    /// When the file cannot be read, or says no address.
    pub(crate) fn listen(file: Option<&Path>) -> Result<SocketAddr, ConfigError> {
        let here = Path::new(HERE);
        match file.or_else(|| here.exists().then_some(here)) {
            Some(file) => file::listen(file),
            None => Ok(DEFAULT_LISTEN),
        }
    }

    /// With the address of the command line, if one is given.
    ///
    /// # Errors
    /// When it is not a loopback address.
    pub(crate) fn listening(mut self, address: Option<SocketAddr>) -> Result<Self, ConfigError> {
        if let Some(address) = address {
            self.listen = only_loopback(address, "--listen")?;
        }
        Ok(self)
    }
}

/// The source of those who name none: the Redis at `REDIS_URL`, or one of this machine; and which of the two it is.
fn default_source(redis_url: Option<&str>) -> Result<(SourceConfig, &'static str), ConfigError> {
    let (url, origin) = default_url(redis_url);
    let source = RedisConfig::from_url(DEFAULT_SOURCE, url);
    let source = source.map_err(|error| ConfigError::Source {
        place: origin.to_owned(),
        error: error.to_string(),
    })?;
    Ok((SourceConfig::Redis(source), origin))
}

/// The address of the source of those who name none, and where it is from.
fn default_url(redis_url: Option<&str>) -> (&str, &'static str) {
    let given = redis_url.filter(|url| !url.is_empty()).map(|url| (url, "REDIS_URL"));
    given.unwrap_or((DEFAULT_REDIS, "the default"))
}

/// Until there is access control, nobody else may look.
pub(crate) fn only_loopback(address: SocketAddr, place: &str) -> Result<SocketAddr, ConfigError> {
    if address.ip().is_loopback() {
        return Ok(address);
    }
    Err(ConfigError::NotLoopback { place: place.to_owned(), address })
}
