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
            HaproxyPlace::Http(url) => url.to_string(),
            HaproxyPlace::Socket(path) => format!("unix://{}", path.display()),
        }
    }
}

impl TryFrom<RawHaproxyConfig> for HaproxyConfig {
    type Error = HttpConfigError;

    fn try_from(mut raw: RawHaproxyConfig) -> Result<Self, HttpConfigError> {
        let access = raw.access()?;
        let place = match (raw.url, raw.socket) {
            (Some(_), Some(_)) => return Err(HttpConfigError::Both("url", "socket")),
            (None, Some(path)) => HaproxyPlace::Socket(path),
            (Some(url), None) => {
                let url = routes::csv(&url);
                let url =
                    HttpUrl::parse(&url).map_err(|fault| HttpConfigError::Url("url", fault))?;
                HaproxyPlace::Http(url)
            }
            (None, None) => {
                return Err(HttpConfigError::Missing(
                    "an address is missing: set url, for example http://127.0.0.1:8404/stats, or socket",
                ));
            }
        };
        Ok(Self { name: source_name(&raw.name)?, place, access, backends: raw.backends })
    }
}
