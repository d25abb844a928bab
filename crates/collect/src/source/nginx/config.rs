//! What an nginx source is configured with.

use vigie_model::{Name, SourceName};

use super::routes;
use crate::http::{Access, HttpConfigError, HttpUrl, raw_http, source_name};
use crate::source::probe::Ask;
use crate::source::targets::host_and_port;

raw_http! {
    /// An nginx source as a configuration file says it.
    RawNginxConfig {
        /// The page of `stub_status`.
        url: Option<String>,
        /// Its upstreams, which are asked: `host:port` (HTTP), or as the targets of a probe.
        #[serde(default)]
        upstreams: Vec<String>,
        /// The path that upstreams are asked for; `/` by default.
        path: Option<String>,
        /// What the upstreams are there for; `upstream` by default.
        role: Option<String>,
    }
}

/// An nginx source, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NginxConfig {
    /// Its name.
    pub name: SourceName,
    /// The page of `stub_status`.
    pub url: HttpUrl,
    /// Its upstreams.
    pub upstreams: Vec<Ask>,
    /// What they are there for.
    pub role: Name,
    /// How it is reached, and they are.
    pub access: Access,
}

impl TryFrom<RawNginxConfig> for NginxConfig {
    type Error = HttpConfigError;

    fn try_from(mut raw: RawNginxConfig) -> Result<Self, HttpConfigError> {
        let access = raw.access()?;
        let url = raw.url.as_deref().ok_or(HttpConfigError::Missing(
            "url is missing: the page of stub_status, for example http://127.0.0.1/nginx_status",
        ))?;
        let url = HttpUrl::parse(url).map_err(|fault| HttpConfigError::Url("url", fault))?;
        let path = raw.path.as_deref().unwrap_or("/");
        let upstream = |text: &String| {
            if text.contains("://") {
                return Ask::parse("upstreams", text);
            }
            let wrong = || HttpConfigError::Address("upstreams", text.chars().take(100).collect());
            host_and_port(text).ok_or_else(wrong)?;
            HttpUrl::of(false, text, path).map(Ask::Http).ok_or_else(wrong)
        };
        Ok(Self {
            name: source_name(&raw.name)?,
            url,
            upstreams: raw.upstreams.iter().map(upstream).collect::<Result<_, _>>()?,
            role: Name::from(raw.role.as_deref().unwrap_or(routes::UPSTREAM_ROLE)),
            access,
        })
    }
}
