//! What probes are configured with.

use std::time::Duration;

use regex::bytes::Regex;
use vigie_model::{Name, SourceName};

use super::routes;
use crate::http::{Access, HttpConfigError, HttpUrl, raw_http, seconds, source_name};
use crate::source::targets::host_and_port;

/// Instances that one source may list.
const MAX_TARGETS: usize = 500;

raw_http! {
    /// Probes as a configuration file says them.
    RawProbeConfig {
        /// Who is asked: `http://…`, `https://…`, `tcp://host:port` or `tls://host:port`.
        #[serde(default)]
        targets: Vec<String>,
        /// As one of `targets`, but each address of its host is an instance.
        dns: Option<String>,
        /// The name of a load balancer's source (haproxy, caddy or nginx): its backends are asked.
        backends_of: Option<String>,
        /// How backends are asked: `http` (the default), `https`, `tcp` or `tls`.
        check: Option<String>,
        /// The path at backends; `/` by default.
        path: Option<String>,
        /// What the instances are there for; `probe` by default, and for backends the balancer's name of their group.
        role: Option<String>,
        /// The statuses that are good; without it, 200 to 399.
        #[serde(default)]
        expect_status: Vec<u16>,
        /// What the body must hold: a text, or a regular expression between slashes.
        expect_body: Option<String>,
        /// An answer that takes longer is degraded.
        slow_seconds: Option<f64>,
        /// A certificate that ends within so many days is degraded; 14 by default.
        certificate_days: Option<f64>,
    }
}

/// What is asked of one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// A `GET`.
    Http(HttpUrl),
    /// A connection.
    Tcp {
        /// A name or an address.
        host: String,
        /// The port.
        port: u16,
    },
    /// A TLS handshake.
    Tls {
        /// A name or an address.
        host: String,
        /// The port.
        port: u16,
    },
}

impl Ask {
    /// Reads a target.
    ///
    /// # Errors
    /// What is wrong with it, under the key `key`.
    pub(crate) fn parse(key: &'static str, text: &str) -> Result<Self, HttpConfigError> {
        let wrong = || HttpConfigError::Address(key, text.chars().take(100).collect());
        let address = |rest: &str| host_and_port(rest.trim_end_matches('/')).ok_or_else(wrong);
        if let Some(rest) = text.strip_prefix("tcp://") {
            let (host, port) = address(rest)?;
            return Ok(Self::Tcp { host, port });
        }
        if let Some(rest) = text.strip_prefix("tls://") {
            let (host, port) = address(rest)?;
            return Ok(Self::Tls { host, port });
        }
        HttpUrl::parse(text).map(Self::Http).map_err(|fault| HttpConfigError::Url(key, fault))
    }

    /// `host:port` in lower case.
    #[must_use]
    pub fn address(&self) -> String {
        match self {
            Self::Http(url) => url.address(),
            Self::Tcp { host, port } | Self::Tls { host, port } if host.contains(':') => {
                format!("[{}]:{port}", host.to_ascii_lowercase())
            }
            Self::Tcp { host, port } | Self::Tls { host, port } => {
                format!("{}:{port}", host.to_ascii_lowercase())
            }
        }
    }
}

impl std::fmt::Display for Ask {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Http(url) => url.fmt(out),
            Self::Tcp { .. } => write!(out, "tcp://{}", self.address()),
            Self::Tls { .. } => write!(out, "tls://{}", self.address()),
        }
    }
}

/// What makes an answer a good one.
#[derive(Debug, Clone)]
pub struct Expect {
    /// Good statuses; empty is 200 to 399.
    pub status: Vec<u16>,
    /// What the body must hold, and the words for it.
    pub body: Option<(Regex, String)>,
    /// An answer that takes longer is degraded.
    pub slow: Option<Duration>,
    /// A certificate that ends within this is degraded.
    pub certificate: Duration,
}

impl Default for Expect {
    fn default() -> Self {
        let certificate = Duration::from_secs(14 * 86_400);
        Self { status: Vec::new(), body: None, slow: None, certificate }
    }
}

/// How the backends of a balancer are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Follow {
    /// The balancer's source.
    pub source: SourceName,
    /// `http`, `https`, `tcp` or `tls`.
    pub check: String,
    /// The path of `http` and `https`.
    pub path: String,
}

impl Follow {
    /// What is asked of a backend; `None` when its address is none that can be asked (a Unix socket).
    #[must_use]
    pub fn ask(&self, address: &str) -> Option<Ask> {
        match self.check.as_str() {
            "tcp" => host_and_port(address).map(|(host, port)| Ask::Tcp { host, port }),
            "tls" => host_and_port(address).map(|(host, port)| Ask::Tls { host, port }),
            check => {
                host_and_port(address)?;
                HttpUrl::of(check == "https", address, &self.path).map(Ask::Http)
            }
        }
    }
}

/// Probes, checked.
#[derive(Debug, Clone)]
pub struct ProbeConfig {
    /// The source's name.
    pub name: SourceName,
    /// Who is asked.
    pub targets: Vec<Ask>,
    /// Whose every address is asked.
    pub dns: Option<Ask>,
    /// Whose backends are asked.
    pub follow: Option<Follow>,
    /// What the instances are there for, when it is said.
    pub role: Option<Name>,
    /// What makes an answer a good one.
    pub expect: Expect,
    /// How they are reached.
    pub access: Access,
}

impl ProbeConfig {
    /// Who is asked, for people.
    #[must_use]
    pub fn display_url(&self) -> String {
        let mut parts: Vec<String> = self.targets.iter().take(3).map(Ask::to_string).collect();
        if self.targets.len() > 3 {
            parts.push(format!("{} more", self.targets.len() - 3));
        }
        parts.extend(self.dns.iter().map(|ask| format!("every address of {ask}")));
        parts.extend(self.follow.iter().map(|follow| format!("the backends of {}", follow.source)));
        parts.join(", ")
    }
}

impl TryFrom<RawProbeConfig> for ProbeConfig {
    type Error = HttpConfigError;

    fn try_from(mut raw: RawProbeConfig) -> Result<Self, HttpConfigError> {
        let access = raw.access()?;
        let targets: Vec<Ask> =
            raw.targets.iter().map(|text| Ask::parse("targets", text)).collect::<Result<_, _>>()?;
        if targets.len() > MAX_TARGETS {
            let says = format!("there are {}, more than {MAX_TARGETS}", targets.len());
            return Err(HttpConfigError::Wrong("targets", says));
        }
        let dns = raw.dns.as_deref().map(|text| Ask::parse("dns", text)).transpose()?;
        let follow = follow(&raw)?;
        if targets.is_empty() && dns.is_none() && follow.is_none() {
            return Err(HttpConfigError::Missing(
                "nobody is asked: set targets, dns or backends_of",
            ));
        }
        let days = seconds("certificate_days", raw.certificate_days, 14.0, 0.0, 3_650.0)?;
        let expect = Expect {
            status: statuses(raw.expect_status)?,
            body: raw.expect_body.as_deref().map(body).transpose()?,
            slow: raw
                .slow_seconds
                .map(|given| seconds("slow_seconds", Some(given), 1.0, 0.001, 3_600.0))
                .transpose()?,
            certificate: days * 86_400,
        };
        let role = raw.role.as_deref().map(Name::from);
        Ok(Self { name: source_name(&raw.name)?, targets, dns, follow, role, expect, access })
    }
}

fn follow(raw: &RawProbeConfig) -> Result<Option<Follow>, HttpConfigError> {
    let Some(source) = &raw.backends_of else {
        return match (&raw.check, &raw.path) {
            (None, None) => Ok(None),
            _ => Err(HttpConfigError::Missing(
                "check and path belong to backends_of; a target says both by itself",
            )),
        };
    };
    let check = raw.check.clone().unwrap_or_else(|| "http".to_owned());
    if !["http", "https", "tcp", "tls"].contains(&check.as_str()) {
        let allowed = "http, https, tcp, tls";
        return Err(HttpConfigError::Choice { key: "check", value: check, allowed });
    }
    let path = raw.path.clone().unwrap_or_else(|| routes::PATH.to_owned());
    if HttpUrl::of(false, "h:1", &path).is_none() {
        return Err(HttpConfigError::Wrong("path", format!("{path:?} is no path of a URL")));
    }
    Ok(Some(Follow { source: source_name(source)?, check, path }))
}

fn statuses(given: Vec<u16>) -> Result<Vec<u16>, HttpConfigError> {
    match given.iter().find(|status| !(100..=599).contains(*status)) {
        None => Ok(given),
        Some(status) => Err(HttpConfigError::Range {
            key: "expect_status",
            value: status.to_string(),
            allowed: "100 to 599".to_owned(),
        }),
    }
}

fn body(text: &str) -> Result<(Regex, String), HttpConfigError> {
    let between = text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
    let pattern = between.map_or_else(|| regex::escape(text), ToOwned::to_owned);
    let wrong = |error: regex::Error| {
        HttpConfigError::Wrong(
            "expect_body",
            error.to_string().lines().last().unwrap_or_default().to_owned(),
        )
    };
    Ok((Regex::new(&pattern).map_err(wrong)?, text.to_owned()))
}
