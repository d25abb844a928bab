//! Where the backend is and how it is spoken to: the raw form that a file holds, and the valid one.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use hyper::Uri;
use hyper::header::{HeaderName, HeaderValue};
use rustls::ClientConfig;
use serde::Deserialize;
use vigie_model::Labels;
use vigie_tls::{RawTls, Secret, Tls, TlsFileError};

use crate::access::Access;

/// Bytes that may wait by default.
const DEFAULT_QUEUE_BYTES: u64 = 2 << 30;
/// A queue smaller than this would lose what a slow second brings.
const MIN_QUEUE_BYTES: u64 = 1 << 20;
const DEFAULT_SHARDS: usize = 4;
const MOST_SHARDS: usize = 64;

/// A backend as a configuration file says it. Unknown keys are errors.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawRemote {
    /// What its figures are called in Vigie's own metrics; host and port of `write_url` by default.
    pub name: Option<String>,
    /// Where remote write arrives, such as `http://prometheus:9090/api/v1/write`.
    pub write_url: Option<Secret>,
    /// What `/api/v1/query` and the others are appended to, such as `http://prometheus:9090`.
    pub query_url: Option<Secret>,
    /// For HTTP's basic authentication, with `password` or `password_file`.
    pub username: Option<String>,
    /// Of `username`.
    pub password: Option<Secret>,
    /// A file that holds the password; a line break at its end is no part of it.
    pub password_file: Option<PathBuf>,
    /// A token, instead of `username`.
    pub bearer_token: Option<Secret>,
    /// A file that holds the token.
    pub bearer_token_file: Option<PathBuf>,
    /// Certificates, for https with a CA of one's own or a client certificate.
    pub tls: Option<RawTls>,
    /// More headers, such as Mimir's `X-Scope-OrgID`.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// Bytes on disk that may wait for the receiver; 2 GiB by default. The oldest samples go first.
    pub queue_bytes: Option<u64>,
    /// Requests at once, each with series of its own; 4 by default.
    pub shards: Option<usize>,
    /// Whether it knows native histograms, which is the default.
    pub native_histograms: Option<bool>,
}

/// A backend that can be used.
#[derive(Clone)]
pub struct RemoteConfig {
    /// What its figures are called.
    pub name: String,
    /// Where remote write arrives.
    pub(crate) write_url: Uri,
    /// What paths of queries are appended to.
    pub(crate) query_url: Option<Uri>,
    /// Authentication among them.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// Whom it trusts, and who Vigie is.
    pub(crate) tls: ClientConfig,
    /// Bytes on disk that may wait.
    pub queue_bytes: u64,
    /// Requests at once.
    pub shards: usize,
    /// Whether native histograms are sent.
    pub native_histograms: bool,
    /// Labels that each series gets on its way, unless it has one of that name.
    pub external_labels: Labels,
}

impl fmt::Debug for RemoteConfig {
    /// Without what may be secret: headers, and paths of URLs.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("RemoteConfig")
            .field("name", &self.name)
            .field("write_url", &origin(&self.write_url))
            .field("query_url", &self.query_url.as_ref().map(origin))
            .field("headers", &self.headers.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("queue_bytes", &self.queue_bytes)
            .field("shards", &self.shards)
            .field("native_histograms", &self.native_histograms)
            .field("external_labels", &self.external_labels)
            .finish()
    }
}

/// Why it cannot be used. Secrets are in none of the texts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A key is missing.
    #[error("{0} is missing: {1}")]
    Missing(&'static str, &'static str),
    /// A URL is wrong.
    #[error("{key}: {why}")]
    Url {
        /// The key of the URL, such as `write_url`.
        key: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Two keys that exclude each other, or one that needs another.
    #[error("{0}")]
    Together(&'static str),
    /// A file with a secret cannot be read.
    #[error("{key} {}: {why}", path.display())]
    File {
        /// The key of the file, such as `password_file`.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A header is wrong.
    #[error("headers: {name:?} {why}")]
    Header {
        /// Its name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A number is out of bounds.
    #[error("{key} is {value}; it is {allowed}")]
    Bounds {
        /// Which.
        key: &'static str,
        /// What is given.
        value: u64,
        /// What may be.
        allowed: &'static str,
    },
    /// Certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsFileError),
    /// The name is wrong.
    #[error("name: it has 1 to 100 characters")]
    Name,
}

impl TryFrom<RawRemote> for RemoteConfig {
    type Error = ConfigError;

    fn try_from(raw: RawRemote) -> Result<Self, ConfigError> {
        let write_url = raw
            .write_url
            .as_ref()
            .ok_or(ConfigError::Missing("write_url", "the URL to which samples are written"))?;
        let write_url = url("write_url", write_url)?;
        let query_url = raw.query_url.as_ref().map(|text| url("query_url", text)).transpose()?;
        if query_url.as_ref().is_some_and(|url| url.query().is_some()) {
            let why = "paths are appended to it, so that it ends before any '?'";
            return Err(ConfigError::Url { key: "query_url", why });
        }
        let name = raw
            .name
            .clone()
            .unwrap_or_else(|| write_url.authority().map(ToString::to_string).unwrap_or_default());
        if name.is_empty() || name.chars().count() > 100 {
            return Err(ConfigError::Name);
        }
        let queue_bytes = raw.queue_bytes.unwrap_or(DEFAULT_QUEUE_BYTES);
        if queue_bytes < MIN_QUEUE_BYTES {
            let allowed = "at least 1048576 (1 MiB)";
            return Err(ConfigError::Bounds { key: "queue_bytes", value: queue_bytes, allowed });
        }
        let shards = raw.shards.unwrap_or(DEFAULT_SHARDS);
        if !(1..=MOST_SHARDS).contains(&shards) {
            let allowed = "between 1 and 64";
            return Err(ConfigError::Bounds { key: "shards", value: shards as u64, allowed });
        }
        let access = Access {
            username: raw.username.as_deref(),
            password: (raw.password.as_ref(), raw.password_file.as_deref()),
            bearer_token: (raw.bearer_token.as_ref(), raw.bearer_token_file.as_deref()),
            api_key: (None, None),
        };
        let headers = access.headers(&raw.headers)?;
        let native_histograms = raw.native_histograms.unwrap_or(true);
        let tls = Tls::try_from(raw.tls.unwrap_or_default())?.client()?;
        Ok(Self {
            name,
            write_url,
            query_url,
            headers,
            tls,
            queue_bytes,
            shards,
            native_histograms,
            external_labels: Labels::default(),
        })
    }
}

impl RemoteConfig {
    /// With labels that each series gets on its way, unless it has one of that name.
    #[must_use]
    pub fn labelled(self, external_labels: Labels) -> Self {
        Self { external_labels, ..self }
    }

    /// Where it writes to, without what may be secret.
    #[must_use]
    pub fn display_url(&self) -> String {
        origin(&self.write_url)
    }

    /// Whether queries can be passed to it.
    #[must_use]
    pub fn has_query_url(&self) -> bool {
        self.query_url.is_some()
    }
}

/// Scheme, host and port: paths and queries may hold tokens.
pub(crate) fn origin(url: &Uri) -> String {
    let authority = url.authority().map(ToString::to_string).unwrap_or_default();
    format!("{}://{authority}", url.scheme_str().unwrap_or("http"))
}

pub(crate) fn url(key: &'static str, text: &Secret) -> Result<Uri, ConfigError> {
    let wrong = |why| ConfigError::Url { key, why };
    let url: Uri = text
        .reveal()
        .parse()
        .map_err(|_| wrong("it is no URL, such as http://host:9090 or https://host/path"))?;
    if !matches!(url.scheme_str(), Some("http" | "https")) {
        return Err(wrong("it begins with http:// or https://"));
    }
    let Some(authority) = url.authority().filter(|authority| !authority.host().is_empty()) else {
        return Err(wrong("it has no host"));
    };
    if authority.as_str().contains('@') {
        return Err(wrong("user and password go into username and password, not into the URL"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(json: &str) -> Result<RemoteConfig, String> {
        let raw: RawRemote = serde_json::from_str(json).map_err(|error| error.to_string())?;
        RemoteConfig::try_from(raw).map_err(|error| error.to_string())
    }

    #[test]
    fn secrets_are_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        std::fs::write(&file, "s3cret-token\n").unwrap();
        let text = format!(
            r#"{{"write_url": "https://h:1/s3cret/write?token=s3cret", "query_url": "http://h/s3cret", "bearer_token_file": {file:?},
                "headers": {{"X-Scope-OrgID": "s3cret-team"}}}}"#
        );
        let config = with(&text).unwrap();
        let raw: RawRemote = serde_json::from_str(&text).unwrap();
        for shown in [format!("{config:?} {}", config.display_url()), format!("{raw:?}")] {
            assert!(!shown.contains("s3cret"), "{shown}");
        }
        assert_eq!(config.display_url(), "https://h:1");
        assert_eq!(config.headers[1].1, "Bearer s3cret-token");
        let basic = r#"{"write_url": "http://h/w", "username": "a", "password": "s3cret"}"#;
        assert_eq!(with(basic).unwrap().headers[0].1, "Basic YTpzM2NyZXQ=");
    }

    #[test]
    fn what_is_wrong_is_named_and_secrets_are_not() {
        for (more, says) in [
            (r#""write_url": "s3cret""#, "write_url: it begins with"),
            (r#""write_url": "http://h h/s3cret""#, "write_url: it is no URL"),
            (r#""write_url": "ftp://h/s3cret""#, "http:// or https://"),
            (r#""write_url": "http://u:s3cret@h/""#, "not into the URL"),
            (r#""query_url": "http://h/?s3cret""#, "write_url is missing"),
            (r#""write_url": "http://h/", "query_url": "http://h/?s3cret""#, "before any '?'"),
            (r#""write_url": "http://h/", "password": "s3cret""#, "without username"),
            (r#""write_url": "http://h/", "username": "a:b""#, "holds a colon"),
            (
                r#""write_url": "http://h/", "username": "a", "bearer_token": "s3cret""#,
                "exclude each other",
            ),
            (r#""write_url": "http://h/", "bearer_token": "s3cret\n""#, "no header may have"),
            (r#""write_url": "http://h/", "password": "s3cret", "password_file": "x""#, "keep one"),
            (
                r#""write_url": "http://h/", "username": "a", "password_file": "/none""#,
                "password_file /none",
            ),
            (r#""write_url": "http://h/", "headers": {"Host": "s3cret"}"#, "set by Vigie itself"),
            (r#""write_url": "http://h/", "headers": {"a b": "s3cret"}"#, "is no name"),
            (r#""write_url": "http://h/", "headers": {"a": "s3cret\n"}"#, "has a value"),
            (r#""write_url": "http://h/", "queue_bytes": 5"#, "queue_bytes is 5"),
            (r#""write_url": "http://h/", "shards": 65"#, "between 1 and 64"),
            (r#""write_url": "http://h/", "name": """#, "name: it has"),
            (r#""writeurl": "http://h/s3cret""#, "unknown field"),
        ] {
            let error = with(&format!("{{{more}}}")).unwrap_err();
            assert!(error.contains(says) && !error.contains("s3cret"), "{more}: {error}");
        }
    }
}
