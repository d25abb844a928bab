//! What a Caddy source is configured with.

use vigie_model::{Name, SourceName};

use crate::http::{Access, HttpConfigError, HttpUrl, raw_http, source_name};

/// Where Caddy's admin API listens when nobody says otherwise.
const DEFAULT_ADMIN: &str = "http://127.0.0.1:2019";

raw_http! {
    /// A Caddy source as a configuration file says it.
    RawCaddyConfig {
        /// The admin API; `http://127.0.0.1:2019` by default.
        url: Option<String>,
        /// What the upstreams are there for; `upstream` by default.
        role: Option<String>,
    }
}

/// A Caddy source, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaddyConfig {
    /// Its name.
    pub name: SourceName,
    /// The admin API.
    pub url: HttpUrl,
    /// What the upstreams are there for.
    pub role: Name,
    /// How it is reached.
    pub access: Access,
}

impl TryFrom<RawCaddyConfig> for CaddyConfig {
    type Error = HttpConfigError;

    fn try_from(mut raw: RawCaddyConfig) -> Result<Self, HttpConfigError> {
        let access = raw.access()?;
        let url = HttpUrl::parse(raw.url.as_deref().unwrap_or(DEFAULT_ADMIN))
            .map_err(|fault| HttpConfigError::Url("url", fault))?;
        let role = Name::from(raw.role.as_deref().unwrap_or("upstream"));
        Ok(Self { name: source_name(&raw.name)?, url, role, access })
    }
}
