//! Who is asked: addresses from a list, a name with several addresses, or a load balancer's own backends.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::net::lookup_host;
use vigie_model::SourceFault;

use super::services::{is_service, servers};
use crate::http::{HttpFault, HttpUrl};

/// Questions that are under way at once.
const AT_ONCE: usize = 64;
/// Addresses of one name.
const ADDRESSES: usize = 256;

/// Asks all of them, some at once; the answers come in the order of the questions.
pub(crate) async fn ask_all<T>(
    questions: impl IntoIterator<Item = impl Future<Output = T>>,
) -> Vec<T> {
    stream::iter(questions).buffered(AT_ONCE).collect().await
}

/// The URL once for each address of its host, or for each server where its host is a service (`_http._tcp.shop.internal`).
pub(crate) async fn by_dns(
    url: &HttpUrl,
    server: Option<SocketAddr>,
    timeout: Duration,
) -> Result<Vec<HttpUrl>, SourceFault> {
    let path = url.path_and_query();
    let addresses = if is_service(url.host()) {
        servers(url.host(), url.is_https(), server, timeout).await?
    } else {
        addresses(url.host(), url.port(), timeout).await?
    };
    Ok(addresses.iter().filter_map(|address| HttpUrl::of(url.is_https(), address, path)).collect())
}

/// Every address of a name as `address:port`, sorted.
pub(crate) async fn addresses(
    host: &str,
    port: u16,
    timeout: Duration,
) -> Result<Vec<String>, SourceFault> {
    let place = format!("{host}:{port}");
    let found = match tokio::time::timeout(timeout, lookup_host((host, port))).await {
        Ok(Ok(found)) => found,
        Ok(Err(_)) => return Err(HttpFault::UnknownHost(place).into()),
        Err(_) => {
            let error =
                format!("{place}: the DNS does not answer within {} s", timeout.as_secs_f64());
            return Err(SourceFault {
                error,
                hint: Some("check the DNS of this machine".to_owned()),
            });
        }
    };
    let mut addresses: Vec<String> =
        found.take(ADDRESSES).map(|address| address.to_string()).collect();
    addresses.sort();
    addresses.dedup();
    Ok(addresses)
}

/// `host:port`, IPv6 in brackets; the parts of an address in a configuration.
pub(crate) fn host_and_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.trim().rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port > 0)?;
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let fits = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"/@?#[]".contains(&byte))
    };
    match inner {
        Some(inner) if fits(inner) && inner.contains(':') => Some((inner.to_owned(), port)),
        None if fits(host) && !host.contains(':') => Some((host.to_owned(), port)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_a_port() {
        assert_eq!(host_and_port("h:80"), Some(("h".to_owned(), 80)));
        assert_eq!(host_and_port("[::1]:80"), Some(("::1".to_owned(), 80)));
        for text in
            ["", "h", "h:", "h:0", "h:99999", ":80", "::1:80", "http://h:80", "a b:1", "u@h:1"]
        {
            assert_eq!(host_and_port(text), None, "{text}");
        }
    }

    #[tokio::test]
    async fn a_name_has_its_addresses() {
        let url = HttpUrl::parse("http://localhost:8080/x?y=1").unwrap();
        let found = by_dns(&url, None, Duration::from_secs(10)).await.unwrap();
        assert!(found.iter().any(|url| url.address() == "127.0.0.1:8080"), "{found:?}");
        let nobody = HttpUrl::parse("http://nobody.invalid/").unwrap();
        let fault = by_dns(&nobody, None, Duration::from_secs(10)).await.unwrap_err();
        assert!(fault.error.contains("nobody.invalid:80"), "{fault}");
    }
}
