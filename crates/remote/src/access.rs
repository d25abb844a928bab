//! Who Vigie is to a backend elsewhere: secrets, and the headers that carry them.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};
use vigie_model::io_words;
use vigie_tls::Secret;

use crate::config::ConfigError;

/// A file with a password or a token has no more bytes.
const MAX_SECRET_BYTES: u64 = 64 << 10;
/// Headers that are Vigie's own to set.
const RESERVED: [&str; 9] = [
    "authorization",
    "host",
    "content-type",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "connection",
    "user-agent",
    "x-prometheus-remote-write-version",
];

/// A secret itself, or the file that holds it.
pub(crate) type Given<'a> = (Option<&'a Secret>, Option<&'a Path>);

/// The keys of access, of which one way at most is used.
#[derive(Default)]
pub(crate) struct Access<'a> {
    /// For HTTP's basic authentication.
    pub username: Option<&'a str>,
    /// Of the user.
    pub password: Given<'a>,
    /// A token.
    pub bearer_token: Given<'a>,
    /// A key of Elasticsearch's, in the form that it calls encoded.
    pub api_key: Given<'a>,
}

impl Access<'_> {
    /// The headers to be sent with each request: these, and that of the access.
    pub fn headers(
        &self,
        more: &BTreeMap<String, Secret>,
    ) -> Result<Vec<(HeaderName, HeaderValue)>, ConfigError> {
        let mut headers = own_headers(more)?;
        if let Some(value) = self.authorization()? {
            headers.push((AUTHORIZATION, value));
        }
        Ok(headers)
    }

    fn authorization(&self) -> Result<Option<HeaderValue>, ConfigError> {
        let password = either(
            "password_file",
            self.password,
            "password and password_file are both given: keep one",
        )?;
        let token = either(
            "bearer_token_file",
            self.bearer_token,
            "bearer_token and bearer_token_file are both given: keep one",
        )?;
        let key = either(
            "api_key_file",
            self.api_key,
            "api_key and api_key_file are both given: keep one",
        )?;
        let text = match (self.username, password, token, key) {
            (Some(_), _, Some(_), _) | (None, Some(_), Some(_), _) => {
                let both = "username and bearer_token exclude each other: keep one";
                return Err(ConfigError::Together(both));
            }
            (Some(_), _, _, Some(_)) | (None, Some(_), _, Some(_)) | (_, _, Some(_), Some(_)) => {
                let both = "api_key excludes username and bearer_token: keep one";
                return Err(ConfigError::Together(both));
            }
            (None, Some(_), None, None) => {
                return Err(ConfigError::Together("password is given without username"));
            }
            (Some(name), _, None, None) if name.contains(':') => {
                return Err(ConfigError::Together("username holds a colon, which none may"));
            }
            (Some(name), password, None, None) => {
                let pair = format!("{name}:{}", password.unwrap_or_default());
                format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
            }
            (None, None, Some(token), None) => format!("Bearer {token}"),
            (None, None, None, Some(key)) => format!("ApiKey {key}"),
            (None, None, None, None) => return Ok(None),
        };
        let mut value = HeaderValue::from_str(&text).map_err(|_| {
            ConfigError::Together("the token has characters that no header may have")
        })?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

fn either(
    key: &'static str,
    given: Given<'_>,
    both: &'static str,
) -> Result<Option<String>, ConfigError> {
    match given {
        (Some(_), Some(_)) => Err(ConfigError::Together(both)),
        (Some(text), None) => Ok(Some(text.reveal().to_owned())),
        (None, Some(path)) => in_file(key, path).map(Some),
        (None, None) => Ok(None),
    }
}

fn own_headers(
    raw: &BTreeMap<String, Secret>,
) -> Result<Vec<(HeaderName, HeaderValue)>, ConfigError> {
    let header = |(name, value): (&String, &Secret)| {
        let wrong = |why| ConfigError::Header { name: name.clone(), why };
        let parsed =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("is no name of a header"))?;
        if RESERVED.contains(&parsed.as_str()) {
            return Err(wrong("is set by Vigie itself; for access use username or bearer_token"));
        }
        let mut value = HeaderValue::from_str(value.reveal())
            .map_err(|_| wrong("has a value that no header may have"))?;
        value.set_sensitive(true);
        Ok((parsed, value))
    };
    raw.iter().map(header).collect()
}

fn in_file(key: &'static str, path: &Path) -> Result<String, ConfigError> {
    let wrong = |why: String| ConfigError::File { key, path: path.to_owned(), why };
    let length = std::fs::metadata(path).map_err(|error| wrong(io_words(&error)))?.len();
    if length > MAX_SECRET_BYTES {
        return Err(wrong("it is larger than 64 KiB: is it the right one?".to_owned()));
    }
    let text = std::fs::read_to_string(path).map_err(|error| wrong(io_words(&error)))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}
