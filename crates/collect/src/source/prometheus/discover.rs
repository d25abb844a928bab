//! Targets that the DNS knows, in the words of Prometheus's `dns_sd_configs`.

use std::net::SocketAddr;
use std::time::Duration;

use vigie_model::{Label, Labels, SourceFault};

use crate::http::HttpConfigError;
use crate::source::services::{is_service, servers};
use crate::source::targets::{addresses, host_and_port};

/// Names that one source may ask for.
const MAX_NAMES: usize = 100;

/// Names that the DNS is asked for, as a file says them.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawDns {
    /// The names.
    pub names: Vec<String>,
    /// `SRV` (the default), `A` or `AAAA`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The port of addresses; the records of a service have their own.
    pub port: Option<u16>,
}

/// A name to be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// The name.
    pub name: String,
    /// What is looked for.
    pub records: Records,
}

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Records {
    /// The servers of a service (SRV), by name and port.
    Service,
    /// Every address, with this port.
    Addresses(u16),
    /// Addresses of version 4.
    V4(u16),
    /// Addresses of version 6.
    V6(u16),
}

impl std::fmt::Display for Lookup {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.records {
            Records::Service => write!(out, "the servers of {}", self.name),
            Records::Addresses(port) | Records::V4(port) | Records::V6(port) => {
                write!(out, "the addresses of {}:{port}", self.name)
            }
        }
    }
}

impl Lookup {
    /// `host:port`, or the name of a service.
    pub(super) fn parse(text: String) -> Result<Self, HttpConfigError> {
        if is_service(&text) && !text.contains(':') {
            return Ok(Self { name: text, records: Records::Service });
        }
        match host_and_port(&text) {
            Some((name, port)) => Ok(Self { name, records: Records::Addresses(port) }),
            None => Err(HttpConfigError::Address("dns", text)),
        }
    }

    /// Its targets' addresses, and the labels that only relabelling sees.
    ///
    /// # Errors
    /// When the DNS does not answer.
    pub(super) async fn ask(
        &self,
        server: Option<SocketAddr>,
        timeout: Duration,
    ) -> Result<Vec<(String, Labels)>, SourceFault> {
        let found = match self.records {
            Records::Service => servers(&self.name, true, server, timeout).await?,
            Records::Addresses(port) | Records::V4(port) | Records::V6(port) => {
                addresses(&self.name, port, timeout).await?
            }
        };
        let wanted = |address: &String| match self.records {
            Records::V4(_) => !address.starts_with('['),
            Records::V6(_) => address.starts_with('['),
            Records::Service | Records::Addresses(_) => true,
        };
        let with = |address: String| {
            let labels = self.labels(&address);
            (address, labels)
        };
        Ok(found.into_iter().filter(wanted).map(with).collect())
    }

    fn labels(&self, address: &str) -> Labels {
        let mut labels = vec![Label::new("__meta_dns_name", self.name.as_str())];
        if let (Records::Service, Some((host, port))) = (self.records, address.rsplit_once(':')) {
            labels.push(Label::new("__meta_dns_srv_record_target", host));
            labels.push(Label::new("__meta_dns_srv_record_port", port));
        }
        Labels::new(labels)
    }
}

/// The names of both keys.
pub(super) fn lookups(
    dns: Option<String>,
    configs: Vec<RawDns>,
) -> Result<Vec<Lookup>, HttpConfigError> {
    let mut lookups: Vec<Lookup> = dns.map(Lookup::parse).transpose()?.into_iter().collect();
    for RawDns { names, kind, port } in configs {
        let port = || {
            port.filter(|port| *port > 0).ok_or(HttpConfigError::Missing(
                "dns_sd_configs: a port is needed beside type A and AAAA",
            ))
        };
        let records = match kind.as_deref().unwrap_or("SRV") {
            "SRV" => Records::Service,
            "A" => Records::V4(port()?),
            "AAAA" => Records::V6(port()?),
            other => {
                let (value, allowed) = (other.to_owned(), "SRV, A, AAAA");
                return Err(HttpConfigError::Choice { key: "dns_sd_configs type", value, allowed });
            }
        };
        if names.is_empty() {
            return Err(HttpConfigError::Missing("dns_sd_configs: names has no name"));
        }
        lookups.extend(names.into_iter().map(|name| Lookup { name, records }));
    }
    if lookups.len() > MAX_NAMES {
        let allowed = format!("at most {MAX_NAMES} names");
        let value = lookups.len().to_string();
        return Err(HttpConfigError::Range { key: "dns_sd_configs", value, allowed });
    }
    Ok(lookups)
}
