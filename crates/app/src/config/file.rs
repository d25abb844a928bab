//! Reads a configuration file. Unknown keys are errors, with the line and the nearest known key.

use std::collections::HashMap;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{DeserializeSeed as _, IgnoredAny};
use vigie_model::io_words;

use super::environment::{fill_quoted, unset};
use super::logs::{RawLogs, logs};
use super::metrics::{RawMetrics, metrics};
use super::places::Places;
use super::source::{KINDS, RawSource, SourceConfig, Sources};
use super::written::Written;
use super::{Config, DEFAULT_DATA_DIR, DEFAULT_LISTEN, default_source, only_loopback};

/// A configuration larger than this is none.
const MAX_BYTES: u64 = 1024 * 1024;

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {}; `vigie config init > {}` makes one", path.display(), io_words(error), path.display())]
    Unreadable { path: PathBuf, error: std::io::Error },
    /// The file is too large to be one.
    #[error("{}: it is larger than 1 MiB: is it a configuration?", path.display())]
    TooLarge { path: PathBuf },
    /// It is no YAML, or not the keys and values that are expected.
    #[error("{place}: {detail}")]
    Wrong { place: String, detail: String },
    /// A source is wrong.
    #[error("{place}: {error}")]
    Source { place: String, error: String },
    /// It would be open to others.
    #[error(
        "{place}: {address} is not a loopback address. Vigie has no access control yet, so it listens on 127.0.0.1 \
         or [::1] only; to look from elsewhere, tunnel: ssh -L 4780:127.0.0.1:4780 HOST"
    )]
    NotLoopback { place: String, address: SocketAddr },
}

/// The keys of the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    listen: Option<String>,
    #[serde(default)]
    hosts: Vec<String>,
    data_dir: Option<PathBuf>,
    #[serde(default)]
    metrics: RawMetrics,
    #[serde(default)]
    logs: RawLogs,
    /// Read by itself, as each kind has keys of its own.
    #[serde(rename = "sources")]
    _sources: Option<IgnoredAny>,
}

/// The one key that those need to know who ask a running Vigie.
#[derive(Debug, Deserialize)]
struct OnlyListen {
    listen: Option<String>,
}

/// What each source of the file is, whatever else its keys say.
#[derive(Debug, Deserialize)]
struct Kinds {
    /// None where the file names none.
    sources: Option<Vec<Kind>>,
}

#[derive(Debug, Deserialize)]
struct Kind {
    kind: Option<String>,
}

pub(super) fn read(path: &Path) -> Result<Config, ConfigError> {
    parse(&text_of(path)?, &path.display().to_string(), environment())
}

/// Where a Vigie with this file listens, whatever else is in it.
pub(super) fn listen(path: &Path) -> Result<SocketAddr, ConfigError> {
    let (text, origin) = (text_of(path)?, path.display().to_string());
    let options = serde_saphyr::Options::default().with_properties(environment());
    let raw: OnlyListen = serde_saphyr::from_str_with_options(&text, options)
        .map_err(|error| wrong(&error, &origin))?;
    address(raw.listen.as_deref(), &origin)
}

fn text_of(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |error| ConfigError::Unreadable { path: path.to_owned(), error };
    if std::fs::metadata(path).map_err(unreadable)?.len() > MAX_BYTES {
        return Err(ConfigError::TooLarge { path: path.to_owned() });
    }
    std::fs::read_to_string(path).map_err(unreadable)
}

fn environment() -> HashMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Reads the text of a file that people know as `origin`, with `${NAME}` from `environment`.
pub(super) fn parse(
    text: &str,
    origin: &str,
    environment: HashMap<String, String>,
) -> Result<Config, ConfigError> {
    let filled = fill_quoted(text, &environment).map_err(|(line, detail)| ConfigError::Wrong {
        place: format!("{origin}:{line}"),
        detail,
    })?;
    let options = serde_saphyr::Options::default().with_properties(environment.clone());
    let mut config = checked(&filled, origin, &options, &environment)
        .map_err(|error| error.at_its_line(origin, &Places::of(&filled, options.clone())))?;
    let written = Written::of(&filled, options);
    let redis_url = environment.get("REDIS_URL").map(String::as_str).filter(|url| !url.is_empty());
    let given = redis_url.is_some();
    config.written = if config.origin == origin {
        written
    } else {
        written.map(|written| written.with_default_source(redis_url))
    };
    // It is the default source, or the file says itself what it is for.
    let used = text.contains("REDIS_URL") || config.origin != origin;
    config.unused = (given && !used)
        .then(|| format!("REDIS_URL is set and not used: {origin} says what to watch"));
    Ok(config)
}

fn checked(
    text: &str,
    origin: &str,
    options: &serde_saphyr::Options,
    environment: &HashMap<String, String>,
) -> Result<Config, ConfigError> {
    let wrong = |error: &serde_saphyr::Error| wrong(error, origin);
    let kinds: Kinds = serde_saphyr::from_str_with_options(text, options.clone())
        .map_err(|error| wrong(&error))?;
    let kinds = kinds.sources.map(|kinds| checked_kinds(kinds, origin)).transpose()?;
    let raw: RawConfig = serde_saphyr::from_str_with_options(text, options.clone())
        .map_err(|error| wrong(&error))?;
    let listen = address(raw.listen.as_deref(), origin)?;
    let (sources, from) = match kinds {
        None => {
            let redis_url = environment.get("REDIS_URL").map(String::as_str);
            let (source, from) = default_source(redis_url)?;
            (vec![source], format!("{origin}, and {from} for what to watch"))
        }
        Some(kinds) => {
            let raw = serde_saphyr::with_deserializer_from_str_with_options(
                text,
                options.clone(),
                |from| Sources(&kinds).deserialize(from),
            );
            (sources(raw.map_err(|error| wrong(&error))?, origin)?, origin.to_owned())
        }
    };
    Ok(Config {
        listen,
        hosts: hosts(raw.hosts, origin)?,
        data_dir: raw.data_dir.unwrap_or_else(|| DEFAULT_DATA_DIR.into()),
        metrics: metrics(raw.metrics, origin)?,
        logs: logs(raw.logs, origin)?,
        sources,
        written: None,
        origin: from,
        unused: None,
    })
}

fn address(text: Option<&str>, origin: &str) -> Result<SocketAddr, ConfigError> {
    let Some(text) = text else { return Ok(DEFAULT_LISTEN) };
    let address = text.parse().map_err(|_| ConfigError::Wrong {
        place: format!("{origin}: listen"),
        detail: format!("{text:?} is no address with a port, such as 127.0.0.1:4780"),
    })?;
    only_loopback(address, &format!("{origin}: listen"))
}

impl ConfigError {
    /// The same with line and column, where it names a key and not a line.
    fn at_its_line(mut self, origin: &str, places: &Places) -> Self {
        let detail = self.to_string();
        let place = match &mut self {
            Self::Wrong { place, .. }
            | Self::Source { place, .. }
            | Self::NotLoopback { place, .. } => place,
            Self::Unreadable { .. } | Self::TooLarge { .. } => return self,
        };
        let path = place.strip_prefix(origin).and_then(|rest| rest.strip_prefix(": "));
        let Some(path) = path.map(str::to_owned) else { return self };
        // What is wrong with a source begins with its key.
        let key = detail[place.len()..].trim_start_matches([':', ' ']).split([':', ' ']).next();
        let whole = format!("{path}.{}", key.unwrap_or_default());
        if let Some((line, column)) = places.find(&whole) {
            *place = format!("{origin}:{line}:{column}: {path}");
        }
        self
    }
}

/// Names as a Host header may say them, without a port.
fn hosts(given: Vec<String>, origin: &str) -> Result<Vec<String>, ConfigError> {
    for host in &given {
        let shown: String = host.chars().take(60).collect();
        let name = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let fault = match name {
            Some(address) if address.parse::<Ipv6Addr>().is_ok() => continue,
            _ if host.parse::<Ipv6Addr>().is_ok() => "an IPv6 address stands in brackets: [::1]",
            _ if host.contains('*') => "there are no patterns; list each name",
            _ if host.contains(':') => "a name is meant without its port, and for every port",
            _ if host.is_empty() || !host.chars().all(is_of_a_host) => {
                "it is no host's name, such as vigie.localhost"
            }
            _ => continue,
        };
        let detail = format!("{shown:?}: {fault}");
        return Err(ConfigError::Wrong { place: format!("{origin}: hosts"), detail });
    }
    Ok(given)
}

fn is_of_a_host(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_')
}

/// The kind of each source in the list.
fn checked_kinds(kinds: Vec<Kind>, origin: &str) -> Result<Vec<String>, ConfigError> {
    let checked = |(place, source): (usize, Kind)| {
        let known = KINDS.join(", ");
        let detail = match source.kind {
            Some(kind) if KINDS.contains(&kind.as_str()) => return Ok(kind),
            None => format!("kind is missing; it is one of {known}"),
            Some(kind) => unknown_kind(&kind),
        };
        Err(ConfigError::Wrong { place: format!("{origin}: sources[{place}]"), detail })
    };
    kinds.into_iter().enumerate().map(checked).collect()
}

fn unknown_kind(kind: &str) -> String {
    let kind: String = kind.chars().take(40).collect();
    let nearest = KINDS
        .iter()
        .map(|known| (strsim::damerau_levenshtein(&kind, known), known))
        .min()
        .filter(|(distance, _)| *distance <= 2);
    match nearest {
        Some((_, known)) => format!("there is no kind {kind:?}; did you mean {known:?}?"),
        None => format!("there is no kind {kind:?}; this version knows {}", KINDS.join(", ")),
    }
}

fn sources(raw: Vec<RawSource>, origin: &str) -> Result<Vec<SourceConfig>, ConfigError> {
    let mut sources: Vec<SourceConfig> = Vec::with_capacity(raw.len());
    let wrong = |place: String, error: String| ConfigError::Source { place, error };
    for (number, raw) in raw.into_iter().enumerate() {
        let place = format!("{origin}: sources[{number}]");
        let source = SourceConfig::try_from(raw).map_err(|error| wrong(place.clone(), error))?;
        if sources.iter().any(|other| other.name() == source.name()) {
            let name = source.name().as_str();
            return Err(wrong(
                place,
                format!("the name {name:?} is used twice; names tell sources apart"),
            ));
        }
        sources.push(source);
    }
    for (number, source) in sources.iter().enumerate() {
        let Some(followed) = source.follows() else { continue };
        if !sources.iter().any(|other| other.name() == followed && other.is_balancer()) {
            let place = format!("{origin}: sources[{number}]");
            return Err(wrong(
                place,
                format!(
                    "backends_of: there is no source {:?} of kind haproxy, nginx or caddy",
                    followed.as_str()
                ),
            ));
        }
    }
    for (number, source) in sources.iter().enumerate() {
        let Some(told) = source.tells_of() else { continue };
        let known = |other: &&SourceConfig| other.name() == told;
        if sources.iter().find(known).is_none_or(|other| other.kind() != "redis") {
            let place = format!("{origin}: sources[{number}]");
            let error = format!("asynq: there is no source {:?} of kind redis", told.as_str());
            return Err(wrong(place, error));
        }
    }
    SourceConfig::join(&mut sources)
        .map_err(|(number, error)| wrong(format!("{origin}: sources[{number}]"), error))?;
    if sources.is_empty() {
        let error = "there is no source: name at least one to watch".to_owned();
        return Err(wrong(format!("{origin}: sources"), error));
    }
    Ok(sources)
}

/// The first error in one line: where, what, and what may have been meant.
fn wrong(error: &serde_saphyr::Error, origin: &str) -> ConfigError {
    let error = error.without_snippet();
    let place = match error.location() {
        Some(location) if location.line() > 0 => {
            format!("{origin}:{}:{}", location.line(), location.column())
        }
        _ => origin.to_owned(),
    };
    let detail = match error {
        serde_saphyr::Error::SerdeUnknownField { field, expected, .. } => {
            unknown_key(field, expected)
        }
        serde_saphyr::Error::UnresolvedProperty { name, .. } => unset(name),
        other => first_line(&other.to_string()),
    };
    ConfigError::Wrong { place, detail }
}

fn unknown_key(key: &str, known: &[&str]) -> String {
    let nearest = known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(key, candidate), candidate))
        .min()
        .filter(|(distance, _)| *distance <= key.len().max(3) / 2);
    match nearest {
        Some((_, candidate)) => format!("there is no key {key:?}; did you mean {candidate:?}?"),
        None => format!("there is no key {key:?}; here are {}", known.join(", ")),
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
