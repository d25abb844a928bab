//! Servers that the DNS lists under a service's name, such as `_http._tcp.shop.internal` (SRV, RFC 2782).

use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::RData;
use vigie_model::SourceFault;

/// Servers of one service.
const SERVERS: usize = 256;
/// Questions to a name server that does not answer.
const ATTEMPTS: usize = 2;

/// Whether a host is the name of a service, which has no address itself.
pub(crate) fn is_service(host: &str) -> bool {
    host.starts_with('_') && host.contains("._")
}

/// A name server: an address, with its port or without.
pub(crate) fn name_server(text: &str) -> Option<SocketAddr> {
    text.parse().ok().or_else(|| Some(SocketAddr::new(text.parse().ok()?, 53)))
}

/// Every server of a service as `host:port`, sorted. `named`: by its name, for those whose certificate says it; otherwise each of its
/// addresses is one. `server`: who is asked, instead of those of this machine.
pub(crate) async fn servers(
    service: &str,
    named: bool,
    server: Option<SocketAddr>,
    timeout: Duration,
) -> Result<Vec<String>, SourceFault> {
    let fault = |error: &NetError| {
        let (says, hint) = if error.is_no_records_found() {
            (
                "the DNS knows no servers of that service (SRV)".to_owned(),
                "check the name, and who registers the servers there",
            )
        } else {
            (
                format!("the DNS does not answer as it should: {error}"),
                "check dns_server, or the DNS of this machine",
            )
        };
        SourceFault { error: format!("{service}: {says}"), hint: Some(hint.to_owned()) }
    };
    let resolver = resolver(server, timeout).map_err(|error| fault(&error))?;
    let asking = async {
        let found = resolver.srv_lookup(service).await?;
        let mut servers = Vec::new();
        for record in found.answers() {
            let RData::SRV(srv) = &record.data else { continue };
            // A root as its target says that there is no such service.
            if srv.port == 0 || srv.target.is_root() || servers.len() >= SERVERS {
                continue;
            }
            let name = srv.target.to_ascii();
            let name = name.trim_end_matches('.');
            if named {
                servers.push(format!("{name}:{}", srv.port));
                continue;
            }
            let addresses = resolver.lookup_ip(srv.target.clone()).await?;
            servers.extend(addresses.iter().map(|ip| SocketAddr::new(ip, srv.port).to_string()));
        }
        servers.sort();
        servers.dedup();
        servers.truncate(SERVERS);
        Ok::<_, NetError>(servers)
    };
    match tokio::time::timeout(timeout, asking).await {
        Ok(found) => found.map_err(|error| fault(&error)),
        Err(_) => Err(SourceFault {
            error: format!("{service}: the DNS does not answer within {} s", timeout.as_secs_f64()),
            hint: Some("check dns_server, or the DNS of this machine".to_owned()),
        }),
    }
}

/// One that is made anew each time follows what the machine's configuration says now.
fn resolver(server: Option<SocketAddr>, timeout: Duration) -> Result<TokioResolver, NetError> {
    let mut builder = match server {
        None => TokioResolver::builder_tokio()?,
        Some(server) => {
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
            let connections = connections.map(|mut connection| {
                connection.port = server.port();
                connection
            });
            let server = NameServerConfig::new(server.ip(), true, connections.into());
            let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        }
    };
    let options: &mut ResolverOpts = builder.options_mut();
    options.timeout = timeout.mul_f64(0.45);
    options.attempts = ATTEMPTS;
    options.cache_size = 0;
    builder.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_begins_with_two_underscored_words() {
        assert!(is_service("_http._tcp.shop.internal"));
        for host in ["shop.internal", "_shop.internal", "127.0.0.1", "::1", "a._tcp.x"] {
            assert!(!is_service(host), "{host}");
        }
    }
}
