//! Where log entries are forwarded to: the raw form that a file holds, and the valid one.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use hyper::Uri;
use hyper::header::{HeaderName, HeaderValue};
use rustls::ClientConfig;
use serde::Deserialize;
use vigie_model::Level;
use vigie_tls::{RawTls, Secret, Tls};

use super::elastic::Target;
use super::loki::LokiShape;
use crate::access::Access;
use crate::config::{ConfigError, origin, url};

const DEFAULT_STREAM: &str = "logs-vigie-default";
const DEFAULT_BATCH_ENTRIES: usize = 1_000;
const MOST_BATCH_ENTRIES: usize = 10_000;
const DEFAULT_BATCH_BYTES: usize = 4 << 20;
const MOST_BATCH_BYTES: usize = 32 << 20;
const MIN_BATCH_BYTES: usize = 64 << 10;
const DEFAULT_DEAD_LETTER_BYTES: u64 = 64 << 20;
const MIN_DEAD_LETTER_BYTES: u64 = 1 << 20;
const MOST_LABELS: usize = 8;

/// A destination as a configuration file says it. Unknown keys are errors.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawForward {
    /// What its figures are called in Vigie's own metrics; host and port of `url` by default.
    pub name: Option<String>,
    /// `elasticsearch` (OpenSearch is spoken to in the same way) or `loki`.
    pub kind: Option<String>,
    /// Where it is, such as `https://elastic:9200`; what is asked for is appended.
    pub url: Option<Secret>,
    /// For HTTP's basic authentication, with `password` or `password_file`.
    pub username: Option<String>,
    /// Of `username`.
    pub password: Option<Secret>,
    /// A file that holds the password.
    pub password_file: Option<PathBuf>,
    /// A token, instead of `username`.
    pub bearer_token: Option<Secret>,
    /// A file that holds the token.
    pub bearer_token_file: Option<PathBuf>,
    /// An API key of Elasticsearch's in its encoded form, instead of `username`.
    pub api_key: Option<Secret>,
    /// A file that holds the API key.
    pub api_key_file: Option<PathBuf>,
    /// Certificates, for https with a CA of one's own or a client certificate.
    pub tls: Option<RawTls>,
    /// More headers, such as Loki's `X-Scope-OrgID`.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// Lines of this level at least; all by default. Events always go.
    pub min_level: Option<String>,
    /// Entries a request; 1,000 by default.
    pub batch_entries: Option<usize>,
    /// Bytes of text a request, about; 4 MiB by default.
    pub batch_bytes: Option<usize>,
    /// Whether a destination that is new gets what was kept before as well; it does not by default.
    pub history: Option<bool>,
    /// Bytes of the files with what was refused for good; 64 MiB by default.
    pub dead_letter_bytes: Option<u64>,
    /// Elasticsearch: the data stream; `logs-vigie-default` by default.
    pub data_stream: Option<String>,
    /// Elasticsearch: an index or alias instead of a data stream.
    pub index: Option<String>,
    /// Elasticsearch: whether Vigie puts the index template there before it sends; it does not by default.
    pub setup: Option<bool>,
    /// Loki: more labels of every stream, beside `source`, `level` and `type`.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Loki: whether it takes structured metadata, which is the default; else that is part of the line.
    pub structured_metadata: Option<bool>,
}

/// What sort of destination it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Elasticsearch { target: Target, setup: bool },
    Loki(LokiShape),
}

/// A destination that can be used.
#[derive(Clone)]
pub struct ForwardConfig {
    /// What its figures are called.
    pub name: String,
    pub(crate) kind: Kind,
    /// Without a slash at its end.
    pub(crate) base: String,
    pub(crate) origin: String,
    /// Authentication among them.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// Whom it trusts, and who Vigie is.
    pub(crate) tls: ClientConfig,
    /// Lines of this level at least.
    pub min_level: Level,
    /// Entries a request.
    pub batch_entries: usize,
    /// Bytes of text a request, about.
    pub batch_bytes: usize,
    /// Whether one that is new gets what was kept before as well.
    pub history: bool,
    /// Bytes of the files with what was refused for good.
    pub dead_letter_bytes: u64,
}

impl fmt::Debug for ForwardConfig {
    /// Without what may be secret: headers, and paths of URLs.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ForwardConfig")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("url", &self.origin)
            .field("headers", &self.headers.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("min_level", &self.min_level)
            .field("batch_entries", &self.batch_entries)
            .field("batch_bytes", &self.batch_bytes)
            .field("history", &self.history)
            .field("dead_letter_bytes", &self.dead_letter_bytes)
            .finish()
    }
}

impl ForwardConfig {
    /// Where it is, without what may be secret.
    #[must_use]
    pub fn display_url(&self) -> &str {
        &self.origin
    }

    /// `elasticsearch` or `loki`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.kind {
            Kind::Elasticsearch { .. } => "elasticsearch",
            Kind::Loki(_) => "loki",
        }
    }
}

impl TryFrom<RawForward> for ForwardConfig {
    type Error = ConfigError;

    fn try_from(raw: RawForward) -> Result<Self, ConfigError> {
        let text = raw.url.as_ref().ok_or(ConfigError::Missing(
            "url",
            "where Elasticsearch, OpenSearch or Loki is, such as http://elastic:9200",
        ))?;
        let place: Uri = url("url", text)?;
        if place.query().is_some() {
            let why = "paths are appended to it, so that it ends before any '?'";
            return Err(ConfigError::Url { key: "url", why });
        }
        let name = raw
            .name
            .clone()
            .unwrap_or_else(|| place.authority().map(ToString::to_string).unwrap_or_default());
        if name.is_empty() || name.chars().count() > 100 {
            return Err(ConfigError::Name);
        }
        let access = Access {
            username: raw.username.as_deref(),
            password: (raw.password.as_ref(), raw.password_file.as_deref()),
            bearer_token: (raw.bearer_token.as_ref(), raw.bearer_token_file.as_deref()),
            api_key: (raw.api_key.as_ref(), raw.api_key_file.as_deref()),
        };
        Ok(Self {
            name,
            kind: kind(&raw)?,
            base: place.to_string().trim_end_matches('/').to_owned(),
            origin: origin(&place),
            headers: access.headers(&raw.headers)?,
            tls: Tls::try_from(raw.tls.clone().unwrap_or_default())?.client()?,
            min_level: raw.min_level.as_deref().map(level).transpose()?.unwrap_or_default(),
            batch_entries: within(
                ("batch_entries", "between 1 and 10000"),
                raw.batch_entries,
                DEFAULT_BATCH_ENTRIES,
                1..=MOST_BATCH_ENTRIES,
            )?,
            batch_bytes: within(
                ("batch_bytes", "between 65536 (64 KiB) and 33554432 (32 MiB)"),
                raw.batch_bytes,
                DEFAULT_BATCH_BYTES,
                MIN_BATCH_BYTES..=MOST_BATCH_BYTES,
            )?,
            history: raw.history.unwrap_or(false),
            dead_letter_bytes: dead_letter_bytes(raw.dead_letter_bytes)?,
        })
    }
}

fn within(
    (key, allowed): (&'static str, &'static str),
    given: Option<usize>,
    usual: usize,
    range: std::ops::RangeInclusive<usize>,
) -> Result<usize, ConfigError> {
    let value = given.unwrap_or(usual);
    if range.contains(&value) {
        return Ok(value);
    }
    Err(ConfigError::Bounds { key, value: value as u64, allowed })
}

fn dead_letter_bytes(given: Option<u64>) -> Result<u64, ConfigError> {
    let value = given.unwrap_or(DEFAULT_DEAD_LETTER_BYTES);
    if value >= MIN_DEAD_LETTER_BYTES {
        return Ok(value);
    }
    let allowed = "at least 1048576 (1 MiB)";
    Err(ConfigError::Bounds { key: "dead_letter_bytes", value, allowed })
}

fn level(word: &str) -> Result<Level, ConfigError> {
    let known = Level::ALL.into_iter().find(|level| level.as_str() == word);
    known.ok_or(ConfigError::Together(
        "min_level is one of trace, debug, info, warn, error, fatal and unknown (which is all)",
    ))
}

fn kind(raw: &RawForward) -> Result<Kind, ConfigError> {
    match raw.kind.as_deref() {
        Some("elasticsearch" | "opensearch") => {
            if !raw.labels.is_empty() || raw.structured_metadata.is_some() {
                let words = "labels and structured_metadata go with kind: loki";
                return Err(ConfigError::Together(words));
            }
            let target = match (&raw.data_stream, &raw.index) {
                (Some(_), Some(_)) => {
                    let both = "data_stream and index exclude each other: keep one";
                    return Err(ConfigError::Together(both));
                }
                (None, Some(index)) => Target::Index(index_name(index)?),
                (stream, None) => {
                    Target::Stream(index_name(stream.as_deref().unwrap_or(DEFAULT_STREAM))?)
                }
            };
            Ok(Kind::Elasticsearch { target, setup: raw.setup.unwrap_or(false) })
        }
        Some("loki") => {
            let key = raw.api_key.is_some() || raw.api_key_file.is_some();
            if key || raw.data_stream.is_some() || raw.index.is_some() || raw.setup.is_some() {
                let words = "data_stream, index, setup and api_key go with kind: elasticsearch";
                return Err(ConfigError::Together(words));
            }
            Ok(Kind::Loki(LokiShape {
                labels: labels(&raw.labels)?,
                structured_metadata: raw.structured_metadata.unwrap_or(true),
            }))
        }
        Some(_) => Err(ConfigError::Together("kind is elasticsearch, opensearch or loki")),
        None => Err(ConfigError::Missing("kind", "elasticsearch, opensearch or loki")),
    }
}

/// What Elasticsearch takes for the name of an index or data stream.
fn index_name(name: &str) -> Result<String, ConfigError> {
    let good = (1..=255).contains(&name.len())
        && !name.starts_with(['-', '_', '+', '.'])
        && name.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.+".contains(&byte)
        });
    good.then(|| name.to_owned()).ok_or(ConfigError::Together(
        "data_stream or index is no name; one has lower case letters, digits, '-', '_', '.' and '+', of which only \
         letters and digits begin it",
    ))
}

fn labels(raw: &BTreeMap<String, String>) -> Result<Vec<(String, String)>, ConfigError> {
    if raw.len() > MOST_LABELS {
        return Err(ConfigError::Bounds {
            key: "labels",
            value: raw.len() as u64,
            allowed: "at most 8: each combination of values is a stream of its own in Loki",
        });
    }
    for (name, value) in raw {
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
        if !plain || matches!(name.as_str(), "source" | "level" | "type") || value.is_empty() {
            return Err(ConfigError::Together(
                "labels: a name has letters, digits and '_', is not source, level or type, and its value is not empty",
            ));
        }
    }
    Ok(raw.iter().map(|(name, value)| (name.clone(), value.clone())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(json: &str) -> Result<ForwardConfig, String> {
        let raw: RawForward = serde_json::from_str(json).map_err(|error| error.to_string())?;
        ForwardConfig::try_from(raw).map_err(|error| error.to_string())
    }

    #[test]
    fn secrets_are_not_shown() {
        let text = r#"{"kind": "elasticsearch", "url": "https://h:9200/s3cret/", "api_key": "s3cret",
            "headers": {"X-Team": "s3cret"}}"#;
        let config = with(text).unwrap();
        let raw: RawForward = serde_json::from_str(text).unwrap();
        let shown = format!("{config:?} {raw:?} {}", config.display_url());
        assert!(!shown.contains("s3cret"), "{shown}");
        assert_eq!(
            (config.name.as_str(), config.base.as_str()),
            ("h:9200", "https://h:9200/s3cret")
        );
        assert_eq!(config.headers[1].1, "ApiKey s3cret");
        assert_eq!(
            config.kind,
            Kind::Elasticsearch { target: Target::Stream(DEFAULT_STREAM.into()), setup: false }
        );
    }

    #[test]
    fn what_is_wrong_is_named_and_secrets_are_not() {
        for (more, says) in [
            (r#""kind": "loki""#, "url is missing"),
            (r#""url": "http://h""#, "kind is missing"),
            (r#""url": "http://h", "kind": "kafka""#, "kind is elasticsearch"),
            (r#""url": "http://u:s3cret@h", "kind": "loki""#, "not into the URL"),
            (r#""url": "http://h/?s3cret", "kind": "loki""#, "before any '?'"),
            (r#""url": "http://h", "kind": "loki", "setup": true"#, "go with kind: elasticsearch"),
            (r#""url": "http://h", "kind": "loki", "labels": {"level": "x"}"#, "labels: a name"),
            (r#""url": "http://h", "kind": "loki", "labels": {"a-b": "x"}"#, "labels: a name"),
            (
                r#""url": "http://h", "kind": "opensearch", "labels": {"a": "x"}"#,
                "labels and structured_metadata go with",
            ),
            (
                r#""url": "http://h", "kind": "opensearch", "index": "a", "data_stream": "b""#,
                "keep one",
            ),
            (r#""url": "http://h", "kind": "opensearch", "index": "A/b""#, "is no name"),
            (r#""url": "http://h", "kind": "opensearch", "index": "_x""#, "is no name"),
            (r#""url": "http://h", "kind": "loki", "min_level": "loud""#, "min_level is one of"),
            (r#""url": "http://h", "kind": "loki", "batch_entries": 0"#, "batch_entries is 0"),
            (r#""url": "http://h", "kind": "loki", "batch_bytes": 5"#, "batch_bytes is 5"),
            (
                r#""url": "http://h", "kind": "loki", "dead_letter_bytes": 5"#,
                "dead_letter_bytes is 5",
            ),
            (
                r#""url": "http://h", "kind": "loki", "tls": {"ca_file": "/none"}"#,
                "/none: No such file",
            ),
            (
                r#""url": "http://h", "kind": "opensearch", "api_key": "s3cret", "username": "a""#,
                "api_key excludes",
            ),
            (
                r#""url": "http://h", "kind": "opensearch", "api_key": "s3cret", "bearer_token": "s3cret""#,
                "api_key excludes",
            ),
            (r#""url": "http://h", "kind": "loki", "tipe": 1"#, "unknown field"),
        ] {
            let error = with(&format!("{{{more}}}")).unwrap_err();
            assert!(error.contains(says) && !error.contains("s3cret"), "{more}: {error}");
        }
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ca.pem");
        std::fs::write(&file, "nothing").unwrap();
        let tls = format!(r#""tls": {{"ca_file": {file:?}}}"#);
        let error = with(&format!(r#"{{"url": "http://h", "kind": "loki", {tls}}}"#));
        assert!(error.unwrap_err().contains("no certificate"));
    }
}
