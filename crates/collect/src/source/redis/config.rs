//! What a Redis source is configured with: the raw form that a file holds, and the valid one that everything uses.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use vigie_model::{Limits, SourceName};
use vigie_tls::{RawTls, Secret, Tls};

use super::url::{self, Scheme, UrlError, Where};
use crate::source::n8n::ExecutionQueue;

/// A Redis source as a configuration file says it. Unknown keys are errors.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawRedisConfig {
    /// The source's name.
    pub name: String,
    /// `redis`; who reads the file has seen to that.
    pub kind: Option<String>,
    /// `redis://`, `rediss://`, `unix://` or `redis+sentinel://`; may be left out with `sentinel`.
    pub url: Option<Secret>,
    /// The ACL user, when it is not in the URL.
    pub username: Option<String>,
    /// The password, when it is not in the URL.
    pub password: Option<Secret>,
    /// A file that holds the password, instead of `password`; a line break at its end is no part of it.
    pub password_file: Option<PathBuf>,
    /// The database number, when it is not in the URL.
    pub database: Option<i64>,
    /// Certificates, for TLS with a CA of one's own or a client certificate.
    pub tls: Option<RawTls>,
    /// The sentinels that know where the master is.
    pub sentinel: Option<RawSentinel>,
    /// The URL's hosts are nodes of a Redis Cluster. Found out by itself when the first of them answers.
    #[serde(default)]
    pub cluster: bool,
    /// Bull and BullMQ queues are looked for under this key prefix only; without it, under every prefix.
    pub prefix: Option<String>,
    /// Seconds between polls; 1 by default, at least 0.1.
    pub poll_seconds: Option<f64>,
    /// Seconds to wait for a connection; 2 by default.
    pub connect_timeout_seconds: Option<f64>,
    /// Seconds to wait for an answer; 0.8 by default.
    pub response_timeout_seconds: Option<f64>,
    /// Above this many jobs a second, job types are sampled; 2,000 by default.
    pub exact_jobs_per_second: Option<u32>,
    /// What may be remembered.
    pub limits: Option<RawLimits>,
}

/// Sentinels.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawSentinel {
    /// The name under which they know the master.
    pub master: String,
    /// Their addresses, `host` or `host:port` (26379 by default).
    pub nodes: Vec<String>,
    /// The ACL user at the sentinels, when it is another than at the Redis.
    pub username: Option<String>,
    /// The password at the sentinels.
    pub password: Option<Secret>,
}

/// Bounds on memory; each has a default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawLimits {
    /// Queues of the source; 5,000 by default.
    pub queues: Option<usize>,
    /// Job types of a queue; 500 by default.
    pub types: Option<usize>,
    /// Workers of the source; 5,000 by default.
    pub workers: Option<usize>,
}

/// A TCP address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// A name or an address, IPv6 without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(out, "[{}]:{}", self.host, self.port)
        } else {
            write!(out, "{}:{}", self.host, self.port)
        }
    }
}

/// Where the data is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deployment {
    /// One server, which may turn out to be a node of a cluster.
    Single(Endpoint),
    /// One server on this machine.
    Unix(PathBuf),
    /// Whatever the sentinels call the master.
    Sentinel(SentinelConfig),
    /// A Redis Cluster, known by some of its nodes.
    Cluster(Vec<Endpoint>),
}

/// How to ask the sentinels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentinelConfig {
    /// The name under which they know the master.
    pub master: String,
    /// Their addresses; at least one.
    pub nodes: Vec<Endpoint>,
    /// Who Vigie is to them.
    pub login: Login,
}

/// Who Vigie is to a server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Login {
    /// The ACL user; `default` when there is none.
    pub username: Option<String>,
    /// The password.
    pub password: Option<Secret>,
}

/// A Redis source, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct RedisConfig {
    /// The source's name.
    pub name: SourceName,
    /// Where the data is.
    pub deployment: Deployment,
    /// TLS, if it is spoken.
    pub tls: Option<Tls>,
    /// Who Vigie is.
    pub login: Login,
    /// The database number.
    pub database: i64,
    /// The only prefix under which Bull and BullMQ queues are looked for, if there is one.
    pub prefix: Option<String>,
    /// Time between polls.
    pub poll: Duration,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long an answer may take.
    pub response_timeout: Duration,
    /// Above this many jobs a second, job types are sampled.
    pub exact_jobs_per_second: u32,
    /// What may be remembered.
    pub limits: Limits,
    /// Queues of Bull whose jobs are executions of an n8n that is watched, too.
    pub executions: Vec<ExecutionQueue>,
}

/// What is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The name cannot be used.
    #[error("source name {0:?}: use 1 to 64 letters, digits, '.', '_' or '-'")]
    Name(String),
    /// There is no address.
    #[error("an address is missing: set url, for example redis://127.0.0.1:6379, or sentinel")]
    NoAddress,
    /// The URL is wrong.
    #[error("url: {0}")]
    Url(#[from] UrlError),
    /// The same thing is said twice.
    #[error("{0} is set twice, in the url, beside it or in a file: keep one")]
    Twice(&'static str),
    /// Sentinels are given twice.
    #[error("sentinel: leave url out, or use only a redis+sentinel:// url")]
    SentinelTwice,
    /// The sentinels are wrong.
    #[error("sentinel: {0}")]
    Sentinel(&'static str),
    /// The sentinels' addresses are wrong.
    #[error("sentinel.nodes: {0}")]
    SentinelNode(UrlError),
    /// TLS does not fit.
    #[error("tls: {0}")]
    Tls(&'static str),
    /// The database number is wrong.
    #[error("database {0}: use 0 or more (a cluster has only 0)")]
    Database(i64),
    /// A number is out of its range.
    #[error("{key}: {value} is out of range; use {allowed}")]
    Range {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// The password's file cannot be read.
    #[error("password_file {}: {error}", path.display())]
    PasswordFile {
        /// The file.
        path: PathBuf,
        /// Why.
        error: String,
    },
    /// The prefix is wrong.
    #[error("prefix: it must not be empty, nor hold any of * ? [ ] \\")]
    Prefix,
}

impl RedisConfig {
    /// A source with defaults for everything but its name and URL.
    ///
    /// # Errors
    /// [`ConfigError`] when either cannot be used.
    pub fn from_url(name: &str, url: &str) -> Result<Self, ConfigError> {
        Self::try_from(RawRedisConfig {
            name: name.to_owned(),
            kind: None,
            url: Some(Secret::new(url)),
            username: None,
            password: None,
            password_file: None,
            database: None,
            tls: None,
            sentinel: None,
            cluster: false,
            prefix: None,
            poll_seconds: None,
            connect_timeout_seconds: None,
            response_timeout_seconds: None,
            exact_jobs_per_second: None,
            limits: None,
        })
    }

    /// The address for people: without user and password.
    #[must_use]
    pub fn display_url(&self) -> String {
        let scheme = if self.tls.is_some() { "rediss" } else { "redis" };
        let database =
            if self.database == 0 { String::new() } else { format!("/{}", self.database) };
        let list = |nodes: &[Endpoint]| {
            nodes.iter().map(Endpoint::to_string).collect::<Vec<_>>().join(",")
        };
        match &self.deployment {
            Deployment::Single(endpoint) => format!("{scheme}://{endpoint}{database}"),
            Deployment::Cluster(nodes) => format!("{scheme}://{}{database}", list(nodes)),
            Deployment::Unix(path) if self.database == 0 => format!("unix://{}", path.display()),
            Deployment::Unix(path) => format!("unix://{}?db={}", path.display(), self.database),
            Deployment::Sentinel(sentinel) => {
                format!(
                    "{scheme}+sentinel://{}/{}{database}",
                    list(&sentinel.nodes),
                    sentinel.master
                )
            }
        }
    }
}

impl TryFrom<RawRedisConfig> for RedisConfig {
    type Error = ConfigError;

    fn try_from(raw: RawRedisConfig) -> Result<Self, ConfigError> {
        let parsed = raw.url.as_ref().map(|url| url::parse(url.reveal())).transpose()?;
        let in_file = raw.password_file.as_deref().map(password_in).transpose()?;
        let password = once("password", raw.password, in_file)?;
        let login = Login {
            username: once(
                "username",
                parsed.as_ref().and_then(|url| url.username.clone()),
                raw.username,
            )?,
            password: once(
                "password",
                parsed.as_ref().and_then(|url| url.password.clone()),
                password,
            )?,
        };
        let database =
            once("database", parsed.as_ref().and_then(|url| url.database), raw.database)?
                .unwrap_or(0);
        let scheme = parsed.as_ref().map(|url| url.scheme);
        let deployment =
            deployment(parsed.map(|url| url.place), raw.sentinel, raw.cluster, &login)?;
        if database < 0 || (database > 0 && matches!(deployment, Deployment::Cluster(_))) {
            return Err(ConfigError::Database(database));
        }
        if raw
            .prefix
            .as_ref()
            .is_some_and(|prefix| prefix.is_empty() || prefix.contains(['*', '?', '[', ']', '\\']))
        {
            return Err(ConfigError::Prefix);
        }
        Ok(Self {
            name: source_name(&raw.name)?,
            tls: tls(scheme, raw.tls)?,
            deployment,
            login,
            database,
            prefix: raw.prefix,
            poll: seconds("poll_seconds", raw.poll_seconds, 1.0, 0.1, "0.1 to 3600")?,
            connect_timeout: seconds(
                "connect_timeout_seconds",
                raw.connect_timeout_seconds,
                2.0,
                0.1,
                "0.1 to 3600",
            )?,
            response_timeout: seconds(
                "response_timeout_seconds",
                raw.response_timeout_seconds,
                0.8,
                0.05,
                "0.05 to 3600",
            )?,
            exact_jobs_per_second: raw.exact_jobs_per_second.unwrap_or(2_000),
            executions: Vec::new(),
            limits: limits(raw.limits)?,
        })
    }
}

fn password_in(path: &std::path::Path) -> Result<Secret, ConfigError> {
    let wrong = |error: std::io::Error| ConfigError::PasswordFile {
        path: path.to_owned(),
        error: vigie_model::io_words(&error),
    };
    let text = std::fs::read_to_string(path).map_err(wrong)?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
}

fn source_name(text: &str) -> Result<SourceName, ConfigError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if (1..=64).contains(&text.len()) && text.bytes().all(fits) {
        Ok(SourceName::new(text))
    } else {
        Err(ConfigError::Name(text.chars().take(64).collect()))
    }
}

fn once<T>(
    key: &'static str,
    in_url: Option<T>,
    beside: Option<T>,
) -> Result<Option<T>, ConfigError> {
    match (in_url, beside) {
        (Some(_), Some(_)) => Err(ConfigError::Twice(key)),
        (one, other) => Ok(one.or(other)),
    }
}

fn deployment(
    place: Option<Where>,
    sentinel: Option<RawSentinel>,
    cluster: bool,
    login: &Login,
) -> Result<Deployment, ConfigError> {
    match (place, sentinel) {
        (None, None) => Err(ConfigError::NoAddress),
        (Some(_), Some(_)) => Err(ConfigError::SentinelTwice),
        (_, Some(_)) | (Some(Where::Sentinel { .. } | Where::Unix(_)), None) if cluster => {
            Err(ConfigError::Sentinel("cluster needs a redis:// or rediss:// url"))
        }
        (None, Some(raw)) => {
            if raw.master.is_empty() {
                return Err(ConfigError::Sentinel(
                    "master is empty; it is the name in sentinel monitor",
                ));
            }
            if raw.nodes.is_empty() {
                return Err(ConfigError::Sentinel("nodes is empty; give at least one host:port"));
            }
            let parse = |node: &String| {
                url::endpoint(node, url::SENTINEL_PORT).map_err(ConfigError::SentinelNode)
            };
            let nodes = raw.nodes.iter().map(parse).collect::<Result<_, _>>()?;
            let login = Login { username: raw.username, password: raw.password };
            Ok(Deployment::Sentinel(SentinelConfig { master: raw.master, nodes, login }))
        }
        (Some(Where::Unix(path)), None) => Ok(Deployment::Unix(path)),
        (Some(Where::Sentinel { nodes, master }), None) => {
            Ok(Deployment::Sentinel(SentinelConfig { master, nodes, login: login.clone() }))
        }
        (Some(Where::Hosts(mut hosts)), None) => match hosts.pop() {
            Some(only) if hosts.is_empty() && !cluster => Ok(Deployment::Single(only)),
            Some(last) => {
                hosts.push(last);
                Ok(Deployment::Cluster(hosts))
            }
            None => Err(ConfigError::NoAddress),
        },
    }
}

fn tls(scheme: Option<Scheme>, raw: Option<RawTls>) -> Result<Option<Tls>, ConfigError> {
    let Some(raw) = raw else {
        return Ok((scheme == Some(Scheme::Tls)).then(Tls::default));
    };
    match scheme {
        Some(Scheme::Plain) => {
            return Err(ConfigError::Tls("the url must begin with rediss:// for it"));
        }
        Some(Scheme::Unix) => return Err(ConfigError::Tls("a unix socket has no TLS")),
        Some(Scheme::Tls) | None => {}
    }
    let tls = raw.try_into();
    tls.map(Some).map_err(|_| ConfigError::Tls("cert_file and key_file belong together"))
}

fn seconds(
    key: &'static str,
    given: Option<f64>,
    default: f64,
    least: f64,
    allowed: &'static str,
) -> Result<Duration, ConfigError> {
    let value = given.unwrap_or(default);
    if (least..=3_600.0).contains(&value) {
        Ok(Duration::from_secs_f64(value))
    } else {
        Err(ConfigError::Range { key, value: value.to_string(), allowed })
    }
}

fn limits(raw: Option<RawLimits>) -> Result<Limits, ConfigError> {
    let standard = Limits::default();
    let Some(raw) = raw else { return Ok(standard) };
    let check = |key, given: Option<usize>, default: usize| match given.unwrap_or(default) {
        value @ 1..=100_000 => Ok(value),
        value => Err(ConfigError::Range { key, value: value.to_string(), allowed: "1 to 100000" }),
    };
    Ok(Limits {
        queues: check("limits.queues", raw.queues, standard.queues)?,
        types: check("limits.types", raw.types, standard.types)?,
        workers: check("limits.workers", raw.workers, standard.workers)?,
        ..standard
    })
}
