//! What the source of a service is configured with.

use std::net::SocketAddr;

use vigie_model::{Name, SourceName};

use super::routes;
use crate::http::{Access, HttpConfigError, HttpUrl, raw_http, source_name};
use crate::source::services::{self, is_service};

/// Replicas that may be listed.
pub(super) const MAX_REPLICAS: usize = 500;

raw_http! {
    /// A service as a configuration file says it.
    RawGoApiConfig {
        /// The service, such as `http://127.0.0.1:8080`; `/api/v1/metrics` is added where there is no path.
        url: Option<String>,
        /// Its replicas, each as `url`.
        #[serde(default)]
        urls: Vec<String>,
        /// As `url`, but each address of its host is a replica; or a service, such as `_http._tcp.shop.internal`, each of whose
        /// servers is one.
        dns: Option<String>,
        /// Who is asked for the servers of a service, such as `127.0.0.1:8600`, instead of the DNS of this machine.
        dns_server: Option<String>,
        /// What the instances are there for; `api` by default.
        role: Option<String>,
        /// The source of kind `redis` whose asynq queues the service's workers work on: what they tell of jobs is for it.
        asynq: Option<String>,
    }
}

/// A service, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoApiConfig {
    /// The source's name.
    pub name: SourceName,
    /// Its replicas.
    pub urls: Vec<HttpUrl>,
    /// Whose every address is a replica.
    pub dns: Option<HttpUrl>,
    /// Who is asked for the servers of `dns`.
    pub dns_server: Option<SocketAddr>,
    /// What they are there for.
    pub role: Name,
    /// Whose asynq queues its workers work on.
    pub asynq: Option<SourceName>,
    /// How they are reached.
    pub access: Access,
}

impl GoApiConfig {
    /// The service for people.
    #[must_use]
    pub fn display_url(&self) -> String {
        let mut parts: Vec<String> = self.urls.iter().take(3).map(ToString::to_string).collect();
        if self.urls.len() > 3 {
            parts.push(format!("{} more", self.urls.len() - 3));
        }
        parts.extend(self.dns.iter().map(|url| {
            let each = if is_service(url.host()) { "server" } else { "address" };
            format!("every {each} of {url}")
        }));
        parts.join(", ")
    }
}

impl TryFrom<RawGoApiConfig> for GoApiConfig {
    type Error = HttpConfigError;

    fn try_from(mut raw: RawGoApiConfig) -> Result<Self, HttpConfigError> {
        let access = raw.access()?;
        let mut urls = Vec::new();
        for (key, text) in
            raw.url.iter().map(|url| ("url", url)).chain(raw.urls.iter().map(|url| ("urls", url)))
        {
            urls.push(service(key, text)?);
        }
        let dns = raw.dns.as_deref().map(|text| service("dns", &with_scheme(text))).transpose()?;
        let dns_server = raw.dns_server.as_deref().map(name_server).transpose()?;
        if dns_server.is_some() && !dns.as_ref().is_some_and(|url| is_service(url.host())) {
            return Err(HttpConfigError::Missing(
                "dns_server goes with dns: a service, such as _http._tcp.shop.internal",
            ));
        }
        if urls.is_empty() && dns.is_none() {
            return Err(HttpConfigError::Missing(
                "an address is missing: set url, for example http://127.0.0.1:8080, urls or dns",
            ));
        }
        if urls.len() > MAX_REPLICAS {
            let says = format!("there are {}, more than {MAX_REPLICAS}", urls.len());
            return Err(HttpConfigError::Wrong("urls", says));
        }
        let role = Name::from(raw.role.as_deref().unwrap_or(routes::ROLE));
        let asynq = raw.asynq.as_deref().map(source_name).transpose()?;
        Ok(Self { name: source_name(&raw.name)?, urls, dns, dns_server, role, asynq, access })
    }
}

/// A service's name stands for itself.
fn with_scheme(text: &str) -> String {
    if text.contains("://") || !is_service(text) {
        text.to_owned()
    } else {
        format!("http://{text}")
    }
}

fn name_server(text: &str) -> Result<SocketAddr, HttpConfigError> {
    services::name_server(text)
        .ok_or_else(|| HttpConfigError::Address("dns_server", text.chars().take(100).collect()))
}

fn service(key: &'static str, text: &str) -> Result<HttpUrl, HttpConfigError> {
    let url = HttpUrl::parse(text).map_err(|fault| HttpConfigError::Url(key, fault))?;
    if url.has_path() {
        return Ok(url);
    }
    let wrong = || HttpConfigError::Address(key, text.chars().take(100).collect());
    url.with_path(routes::METRICS).ok_or_else(wrong)
}
