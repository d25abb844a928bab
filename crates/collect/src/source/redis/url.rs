//! The URLs of a Redis, which differ from those of the web: several hosts, a master's name, a socket's path.

use std::path::PathBuf;

use super::config::Endpoint;
use vigie_tls::Secret;

/// The port of a sentinel, where none is given.
pub(super) const SENTINEL_PORT: u16 = 26_379;
const REDIS_PORT: u16 = 6_379;
const LONGEST: usize = 4_096;

/// How the server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Plain,
    Tls,
    Unix,
}

/// Where a URL points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Where {
    Hosts(Vec<Endpoint>),
    Unix(PathBuf),
    Sentinel { nodes: Vec<Endpoint>, master: String },
}

/// A URL in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) scheme: Scheme,
    pub(super) place: Where,
    pub(super) username: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) database: Option<i64>,
}

/// What is wrong with a URL. The URL itself is never shown: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// The scheme is unknown.
    #[error("it must begin with redis://, rediss://, unix:// or redis+sentinel://")]
    Scheme,
    /// It is too long.
    #[error("it is longer than 4096 bytes")]
    TooLong,
    /// No host is named.
    #[error("a host is missing, as in redis://127.0.0.1:6379")]
    NoHost,
    /// A host is wrong.
    #[error("{0:?} is not a host or host:port")]
    Host(String),
    /// The database number is wrong.
    #[error("{0:?} is not a database number")]
    Database(String),
    /// The path of the socket is missing.
    #[error("the path of the socket is missing, as in unix:///run/redis.sock")]
    NoPath,
    /// The master's name is missing.
    #[error("the master's name is missing, as in redis+sentinel://host:26379/mymaster")]
    NoMaster,
    /// A `%xx` is wrong.
    #[error("{0} holds a % that is not followed by two hexadecimal digits, or is no UTF-8")]
    Escape(&'static str),
    /// A parameter is unknown.
    #[error("unknown parameter {0:?}; a unix socket has db, and nothing else has parameters")]
    Parameter(String),
}

/// Takes a URL apart.
pub(super) fn parse(text: &str) -> Result<Parts, UrlError> {
    if text.len() > LONGEST {
        return Err(UrlError::TooLong);
    }
    let (scheme, rest) = text.trim().split_once("://").ok_or(UrlError::Scheme)?;
    match scheme.to_ascii_lowercase().as_str() {
        "unix" | "redis+unix" => unix(rest),
        "redis" | "valkey" => hosts(Scheme::Plain, rest),
        "rediss" | "valkeys" => hosts(Scheme::Tls, rest),
        "redis+sentinel" => sentinel(Scheme::Plain, rest),
        "rediss+sentinel" => sentinel(Scheme::Tls, rest),
        _ => Err(UrlError::Scheme),
    }
}

/// Reads `host`, `host:port`, `[v6]` or `[v6]:port`.
pub(super) fn endpoint(text: &str, port: u16) -> Result<Endpoint, UrlError> {
    let wrong = || UrlError::Host(text.chars().take(80).collect());
    let (host, rest) = match text.strip_prefix('[') {
        Some(inner) => inner.split_once(']').ok_or_else(wrong)?,
        None => text.find(':').map_or((text, ""), |colon| text.split_at(colon)),
    };
    let port = match rest.strip_prefix(':') {
        Some(digits) => digits.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?,
        None if rest.is_empty() => port,
        None => return Err(wrong()),
    };
    let strange = |one: char| {
        one.is_whitespace() || one.is_control() || matches!(one, '/' | '@' | '[' | ']' | '%')
    };
    if host.is_empty() || host.len() > 255 || host.contains(strange) {
        return Err(wrong());
    }
    Ok(Endpoint { host: host.to_owned(), port })
}

fn hosts(scheme: Scheme, rest: &str) -> Result<Parts, UrlError> {
    let (username, password, rest) = login_and_rest(rest)?;
    let (list, path) = without_parameters(rest)?;
    let place = Where::Hosts(endpoints(list, REDIS_PORT)?);
    Ok(Parts { scheme, place, username, password, database: database(path)? })
}

fn sentinel(scheme: Scheme, rest: &str) -> Result<Parts, UrlError> {
    let (username, password, rest) = login_and_rest(rest)?;
    let (list, path) = without_parameters(rest)?;
    let nodes = endpoints(list, SENTINEL_PORT)?;
    let (master, number) = path.split_once('/').unwrap_or((path, ""));
    if master.is_empty() {
        return Err(UrlError::NoMaster);
    }
    let master = unescape(master, "the master's name")?;
    Ok(Parts {
        scheme,
        place: Where::Sentinel { nodes, master },
        username,
        password,
        database: database(number)?,
    })
}

fn unix(rest: &str) -> Result<Parts, UrlError> {
    let (rest, query) =
        rest.split_once('?').map_or((rest, None), |(before, query)| (before, Some(query)));
    let (username, password, path) = match rest.find('/') {
        Some(slash) if rest[..slash].contains('@') => {
            let (username, password, _) = login_and_rest(&rest[..slash])?;
            (username, password, &rest[slash..])
        }
        _ => (None, None, rest),
    };
    if path.is_empty() || path == "/" {
        return Err(UrlError::NoPath);
    }
    let mut number = None;
    for pair in query.into_iter().flat_map(|query| query.split('&')) {
        match pair.split_once('=') {
            Some(("db", text)) => number = database(text)?,
            _ => {
                return Err(UrlError::Parameter(
                    pair.split('=').next().unwrap_or_default().chars().take(80).collect(),
                ));
            }
        }
    }
    let place = Where::Unix(PathBuf::from(unescape(path, "the path")?));
    Ok(Parts { scheme: Scheme::Unix, place, username, password, database: number })
}

type Credentials<'a> = (Option<String>, Option<Secret>, &'a str);

/// `user:password@rest`, `:password@rest` or `rest`. The last `@` counts: a password may hold one.
fn login_and_rest(text: &str) -> Result<Credentials<'_>, UrlError> {
    let Some((login, rest)) = text.rsplit_once('@') else { return Ok((None, None, text)) };
    let (user, password) =
        login.split_once(':').map_or((login, None), |(user, password)| (user, Some(password)));
    let user = unescape(user, "the user")?;
    let password = password.map(|password| unescape(password, "the password")).transpose()?;
    Ok((
        Some(user).filter(|user| !user.is_empty()),
        password.filter(|password| !password.is_empty()).map(Secret::new),
        rest,
    ))
}

fn endpoints(list: &str, port: u16) -> Result<Vec<Endpoint>, UrlError> {
    if list.is_empty() {
        return Err(UrlError::NoHost);
    }
    list.split(',').map(|one| endpoint(one.trim(), port)).collect()
}

fn database(text: &str) -> Result<Option<i64>, UrlError> {
    match text.trim_end_matches('/') {
        "" => Ok(None),
        digits => digits
            .parse::<u32>()
            .map(|number| Some(i64::from(number)))
            .map_err(|_| UrlError::Database(digits.chars().take(80).collect())),
    }
}

/// Hosts and path, after making sure that no `?…` follows.
fn without_parameters(rest: &str) -> Result<(&str, &str), UrlError> {
    match rest.split_once('?') {
        None | Some((_, "")) => {
            let rest = rest.trim_end_matches('?');
            Ok(rest.split_once('/').unwrap_or((rest, "")))
        }
        Some((_, query)) => Err(UrlError::Parameter(
            query.split('=').next().unwrap_or_default().chars().take(80).collect(),
        )),
    }
}

fn unescape(text: &str, part: &'static str) -> Result<String, UrlError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let digit = |at: usize| after.get(at).and_then(|&byte| char::from(byte).to_digit(16));
        match (digit(0), digit(1)) {
            (Some(high), Some(low)) => bytes.push((high * 16 + low) as u8),
            _ => return Err(UrlError::Escape(part)),
        }
        rest = &after[2..];
    }
    String::from_utf8(bytes).map_err(|_| UrlError::Escape(part))
}
