//! The keys that every source that speaks HTTP has: who Vigie is, certificates, and how long it waits.

use std::path::{Path, PathBuf};
use std::time::Duration;

use vigie_model::SourceName;
use vigie_tls::{RawTls, Secret, Tls, TlsFileError};

use super::url::UrlFault;

/// What is wrong with the configuration of a source that speaks HTTP.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpConfigError {
    /// The name cannot be used.
    #[error("source name {0:?}: use 1 to 64 letters, digits, '.', '_' or '-'")]
    Name(String),
    /// A key is missing.
    #[error("{0}")]
    Missing(&'static str),
    /// A URL is wrong.
    #[error("{0}: {1}")]
    Url(&'static str, UrlFault),
    /// An address is wrong.
    #[error("{0}: {1:?} is no host:port")]
    Address(&'static str, String),
    /// Two keys that exclude each other.
    #[error("{0} and {1} exclude each other: keep one")]
    Both(&'static str, &'static str),
    /// A value is none of those that there are.
    #[error("{key}: {value:?} is none of {allowed}")]
    Choice {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What there is.
        allowed: &'static str,
    },
    /// A number is out of its range.
    #[error("{key}: {value} is out of range; use {allowed}")]
    Range {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What is allowed.
        allowed: String,
    },
    /// A secret cannot be sent.
    #[error("{0}: it holds a character that cannot be sent in a header")]
    Unsendable(&'static str),
    /// A file with a secret cannot be read.
    #[error("{key} {}: {error}", path.display())]
    SecretFile {
        /// The key.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        error: String,
    },
    /// Certificates.
    #[error(transparent)]
    Tls(#[from] TlsFileError),
    /// Something else.
    #[error("{0}: {1}")]
    Wrong(&'static str, String),
}

/// Who Vigie is to a server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum HttpLogin {
    /// Nobody in particular.
    #[default]
    Nobody,
    /// Basic authentication.
    Basic {
        /// The user.
        username: String,
        /// The password.
        password: Secret,
    },
    /// A bearer token.
    Bearer(Secret),
    /// A key in a header of the product's own.
    Key {
        /// The header, in lower case.
        header: &'static str,
        /// The key.
        key: Secret,
    },
}

/// How a source reaches its servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Who Vigie is.
    pub login: HttpLogin,
    /// Certificates.
    pub tls: Tls,
    /// How long a server has for one whole answer; at most half of `poll`, so that one that hangs delays no other.
    pub timeout: Duration,
    /// Time between two looks.
    pub poll: Duration,
}

/// The common keys as a file says them.
#[derive(Debug, Clone, Default)]
pub(crate) struct RawAccess {
    pub username: Option<String>,
    pub password: Option<Secret>,
    pub password_file: Option<PathBuf>,
    pub bearer_token: Option<Secret>,
    pub bearer_token_file: Option<PathBuf>,
    pub tls: Option<RawTls>,
    pub poll_seconds: Option<f64>,
    pub timeout_seconds: Option<f64>,
}

/// Declares the raw form of a source: its own keys, and those that all such sources have. Unknown keys are errors.
macro_rules! raw_http {
    ($(#[$outer:meta])* $name:ident { $($(#[$inner:meta])* $field:ident: $kind:ty,)* }) => {
        $(#[$outer])*
        #[derive(Debug, Clone, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// The source's name.
            pub name: String,
            /// The kind; who reads the file has seen to that.
            pub kind: Option<String>,
            $($(#[$inner])* pub $field: $kind,)*
            /// The user of basic authentication.
            pub username: Option<String>,
            /// Its password.
            pub password: Option<vigie_tls::Secret>,
            /// A file that holds the password, instead of `password`.
            pub password_file: Option<std::path::PathBuf>,
            /// A bearer token, instead of user and password.
            pub bearer_token: Option<vigie_tls::Secret>,
            /// A file that holds the token.
            pub bearer_token_file: Option<std::path::PathBuf>,
            /// Certificates, for https with a CA of one's own or a client certificate.
            pub tls: Option<vigie_tls::RawTls>,
            /// Seconds between two looks; 5 by default, at least 0.5.
            pub poll_seconds: Option<f64>,
            /// Seconds that one answer may take; 2 by default, at most half of `poll_seconds`.
            pub timeout_seconds: Option<f64>,
        }

        impl $name {
            fn access(&mut self) -> Result<$crate::http::Access, $crate::http::HttpConfigError> {
                $crate::http::Access::new($crate::http::RawAccess {
                    username: self.username.take(),
                    password: self.password.take(),
                    password_file: self.password_file.take(),
                    bearer_token: self.bearer_token.take(),
                    bearer_token_file: self.bearer_token_file.take(),
                    tls: self.tls.take(),
                    poll_seconds: self.poll_seconds,
                    timeout_seconds: self.timeout_seconds,
                })
            }
        }
    };
}
pub(crate) use raw_http;

impl Access {
    pub(crate) fn new(raw: RawAccess) -> Result<Self, HttpConfigError> {
        let poll = seconds("poll_seconds", raw.poll_seconds, 5.0, 0.5, 3_600.0)?;
        let most = poll.as_secs_f64() / 2.0;
        let timeout = seconds("timeout_seconds", raw.timeout_seconds, most.min(2.0), 0.05, most)?;
        let password = secret("password", raw.password, "password_file", raw.password_file)?;
        let token =
            secret("bearer_token", raw.bearer_token, "bearer_token_file", raw.bearer_token_file)?;
        let login = match (raw.username, password, token) {
            (None, None, None) => HttpLogin::Nobody,
            (None, None, Some(token)) => HttpLogin::Bearer(token),
            (Some(username), password, None) => {
                let password = password.unwrap_or_else(|| Secret::new(""));
                HttpLogin::Basic { username, password }
            }
            (None, Some(_), None) => {
                return Err(HttpConfigError::Missing("username is missing beside password"));
            }
            (_, _, Some(_)) => return Err(HttpConfigError::Both("username", "bearer_token")),
        };
        Ok(Self { login, tls: raw.tls.unwrap_or_default().try_into()?, timeout, poll })
    }
}

/// A secret from one of its two keys, which can be sent in a header.
pub(crate) fn secret(
    key: &'static str,
    given: Option<Secret>,
    file_key: &'static str,
    file: Option<PathBuf>,
) -> Result<Option<Secret>, HttpConfigError> {
    let secret = match (given, file) {
        (Some(_), Some(_)) => return Err(HttpConfigError::Both(key, file_key)),
        (None, Some(path)) => Some(secret_in(file_key, &path)?),
        (given, None) => given,
    };
    let sendable = |text: &str| text.chars().all(|one| !one.is_control());
    match secret {
        Some(secret) if !sendable(secret.reveal()) => Err(HttpConfigError::Unsendable(key)),
        other => Ok(other),
    }
}

fn secret_in(key: &'static str, path: &Path) -> Result<Secret, HttpConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| HttpConfigError::SecretFile {
        key,
        path: path.to_owned(),
        error: vigie_model::io_words(&error),
    })?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
}

/// A duration within bounds.
pub(crate) fn seconds(
    key: &'static str,
    given: Option<f64>,
    default: f64,
    least: f64,
    most: f64,
) -> Result<Duration, HttpConfigError> {
    let value = given.unwrap_or(default);
    if (least..=most).contains(&value) {
        return Ok(Duration::from_secs_f64(value));
    }
    let allowed = format!("{least} to {most}");
    Err(HttpConfigError::Range { key, value: value.to_string(), allowed })
}

/// A source's name, checked.
pub(crate) fn source_name(text: &str) -> Result<SourceName, HttpConfigError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if (1..=64).contains(&text.len()) && text.bytes().all(fits) {
        return Ok(SourceName::new(text));
    }
    Err(HttpConfigError::Name(text.chars().take(64).collect()))
}
