//! Addresses of HTTP servers.

use std::fmt;

use hyper::Uri;

/// Why a text is no address of an HTTP server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlFault {
    /// It cannot be read at all. The text is not repeated: it may hold a password.
    #[error("it is no URL, such as http://127.0.0.1:8404/")]
    NotOne,
    /// Another scheme.
    #[error("it must begin with http:// or https://")]
    Scheme,
    /// User and password have keys of their own, so that no log shows them.
    #[error("leave user and password out of it and set username and password")]
    Login,
}

/// `http://` or `https://` with a host: no user, no password, no fragment.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct HttpUrl(Uri);

impl HttpUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// [`UrlFault`] when it is none, or holds a login.
    pub fn parse(text: &str) -> Result<Self, UrlFault> {
        let text = text.trim();
        let text = text.split('#').next().unwrap_or_default();
        if !text.contains("://") {
            return Err(UrlFault::Scheme);
        }
        let uri: Uri = text.parse().map_err(|_| UrlFault::NotOne)?;
        let authority = uri.authority().ok_or(UrlFault::NotOne)?;
        if authority.as_str().contains('@') {
            return Err(UrlFault::Login);
        }
        let after_host = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
        if authority.host().is_empty() || (!after_host.is_empty() && uri.port_u16().is_none()) {
            return Err(UrlFault::NotOne);
        }
        match uri.scheme_str() {
            Some("http" | "https") => Ok(Self(uri)),
            _ => Err(UrlFault::Scheme),
        }
    }

    /// `http://ADDRESS` and a path; `None` when that makes no URL.
    #[must_use]
    pub fn of(https: bool, address: &str, path: &str) -> Option<Self> {
        let scheme = if https { "https" } else { "http" };
        let slash = if path.starts_with('/') { "" } else { "/" };
        Self::parse(&format!("{scheme}://{address}{slash}{path}")).ok()
    }

    /// The same server with another path and query.
    #[must_use]
    pub fn with_path(&self, path: &str) -> Option<Self> {
        Self::of(self.is_https(), self.0.authority()?.as_str(), path)
    }

    /// Whether the path says more than `/`.
    #[must_use]
    pub fn has_path(&self) -> bool {
        self.0.path_and_query().is_some_and(|path| path.as_str() != "/")
    }

    /// The path, with its query.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        self.0.path_and_query().map_or("/", |path| path.as_str())
    }

    /// Whether TLS is spoken.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    /// The host: a name or an address, IPv6 without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.host().unwrap_or_default().trim_matches(['[', ']'])
    }

    /// The port, also where the URL leaves it out.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.port_u16().unwrap_or(if self.is_https() { 443 } else { 80 })
    }

    /// `host:port` in lower case.
    #[must_use]
    pub fn address(&self) -> String {
        let host = self.host().to_ascii_lowercase();
        if host.contains(':') {
            format!("[{host}]:{}", self.port())
        } else {
            format!("{host}:{}", self.port())
        }
    }

    pub(super) fn uri(&self) -> &Uri {
        &self.0
    }

    /// Where a `Location` leads: `None` when it is none, or another server.
    pub(super) fn on_same_server(&self, location: &str) -> Option<Self> {
        let there = match location.starts_with('/') && !location.starts_with("//") {
            true => self.with_path(location)?,
            false => Self::parse(location).ok()?,
        };
        (there.is_https() == self.is_https() && there.address() == self.address()).then_some(there)
    }
}

impl fmt::Display for HttpUrl {
    /// Without the query, which may hold a token.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.0.scheme_str().unwrap_or_default();
        let authority = self.0.authority().map_or("", |authority| authority.as_str());
        write!(out, "{scheme}://{authority}{}", self.0.path())
    }
}

impl fmt::Debug for HttpUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_and_never_shows_a_query() {
        let url = HttpUrl::parse("https://Api.Internal/status?token=s3cret#x").unwrap();
        assert_eq!((url.address().as_str(), url.is_https()), ("api.internal:443", true));
        assert_eq!(format!("{url} {url:?}").matches("s3cret").count(), 0);
        assert_eq!(HttpUrl::parse("http://[::1]:80/").unwrap().address(), "[::1]:80");
        assert_eq!(url.with_path("a?b=1").unwrap().to_string(), "https://Api.Internal/a");
    }

    #[test]
    fn what_is_no_url_is_refused_without_being_repeated() {
        for text in ["", "h", "ftp://h/", "http://", "http://h:99999/", "http:///x", "127.0.0.1:80"]
        {
            assert!(HttpUrl::parse(text).is_err(), "{text}");
        }
        let error = HttpUrl::parse("http://u:s3cret@h/").unwrap_err();
        assert!(error == UrlFault::Login && !error.to_string().contains("s3cret"));
    }

    #[test]
    fn redirects_stay_on_the_server() {
        let url = HttpUrl::parse("http://h:8080/a").unwrap();
        assert_eq!(url.on_same_server("/b").unwrap().to_string(), "http://h:8080/b");
        assert_eq!(url.on_same_server("http://H:8080/c").unwrap().to_string(), "http://H:8080/c");
        for elsewhere in ["//evil/", "http://evil/", "https://h:8080/", "http://h:81/", "\u{7f}"] {
            assert_eq!(url.on_same_server(elsewhere), None, "{elsewhere}");
        }
    }
}
