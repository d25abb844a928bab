//! What a HAProxy source is configured with.

use std::path::PathBuf;

use vigie_model::SourceName;

use super::routes;
use crate::http::{Access, HttpConfigError, HttpUrl, raw_http, source_name};

raw_http! {
    /// A HAProxy source as a configuration file says it.
    RawHaproxyConfig {
        /// The statistics page, such as `http://127.0.0.1:8404/stats`; with or without `;csv`.
        url: Option<String>,
        /// The admin socket, instead of `url`.
        socket: Option<PathBuf>,
        /// The Prometheus exporter, such as `http://127.0.0.1:8405/metrics`, instead of `url`.
        metrics_url: Option<String>,
        /// Only these backends; without it, all.
        #[serde(default)]
        backends: Vec<String>,
    }
}

/// Where HAProxy tells its statistics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HaproxyPlace {
    /// The statistics page, as CSV.
    Http(HttpUrl),
    /// The admin socket.
    Socket(PathBuf),
    /// The Prometheus exporter.
    Metrics(HttpUrl),
}

/// A HAProxy source, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HaproxyConfig {
    /// Its name.
    pub name: SourceName,
    /// Where it tells.
    pub place: HaproxyPlace,
    /// How it is reached.
    pub access: Access,
    /// Only these backends; empty is all.
    pub backends: Vec<String>,
}

impl HaproxyConfig {
    /// The address for people.
    #[must_use]
    pub fn display_url(&self) -> String {
        match &self.place {
            HaproxyPlace::Http(url) | HaproxyPlace::Metrics(url) => url.to_string(),
            HaproxyPlace::Socket(path) => format!("unix://{}", path.display()),
        }
    }
}

impl TryFrom<RawHaproxyConfig> for HaproxyConfig {
    type Error = HttpConfigError;

    fn try_from(mut raw: RawHaproxyConfig) -> Result<Self, HttpConfigError> {
        let access = raw.access()?;
        let place = match (raw.url, raw.socket, raw.metrics_url) {
            (Some(_), Some(_), _) => return Err(HttpConfigError::Both("url", "socket")),
            (Some(_), _, Some(_)) => return Err(HttpConfigError::Both("url", "metrics_url")),
            (_, Some(_), Some(_)) => return Err(HttpConfigError::Both("socket", "metrics_url")),
            (None, Some(path), None) => HaproxyPlace::Socket(path),
            (Some(url), None, None) => HaproxyPlace::Http(parse("url", &routes::csv(&url))?),
            (None, None, Some(url)) => {
                HaproxyPlace::Metrics(parse("metrics_url", &routes::metrics(&url))?)
            }
            (None, None, None) => {
                return Err(HttpConfigError::Missing(
                    "an address is missing: set url, for example http://127.0.0.1:8404/stats, socket or metrics_url",
                ));
            }
        };
        Ok(Self { name: source_name(&raw.name)?, place, access, backends: raw.backends })
    }
}

fn parse(key: &'static str, url: &str) -> Result<HttpUrl, HttpConfigError> {
    HttpUrl::parse(url).map_err(|fault| HttpConfigError::Url(key, fault))
}
