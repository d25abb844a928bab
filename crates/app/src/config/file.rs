//! Reads a configuration file. Unknown keys are errors, with the line and the nearest known key.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use vigie_collect::source::redis::{RawRedisConfig, RedisConfig};
use vigie_server::LogRules;

use super::{Config, DEFAULT_DATA_DIR, DEFAULT_LISTEN, LogsConfig, MetricsConfig, only_loopback};

/// A configuration larger than this is none.
const MAX_BYTES: u64 = 1024 * 1024;

/// A store smaller than this could not hold what it writes in an hour.
const MIN_RETENTION_BYTES: u64 = 64 * 1024 * 1024;

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {error}; `vigie config init > {}` makes one", path.display(), path.display())]
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
    sources: Vec<RawRedisConfig>,
}

/// The keys of `metrics`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMetrics {
    retention_days: Option<u32>,
    retention_bytes: Option<u64>,
    max_series: Option<usize>,
    out_of_order_seconds: Option<u32>,
}

/// The keys of `logs`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLogs {
    retention_days: Option<u32>,
    retention_bytes: Option<u64>,
    #[serde(default)]
    redact_keys: Vec<String>,
    #[serde(default)]
    redact_patterns: Vec<String>,
    entries_per_second: Option<u32>,
}

/// What each source of the file is, whatever else its keys say.
#[derive(Debug, Deserialize)]
struct Kinds {
    #[serde(default)]
    sources: Vec<Kind>,
}

#[derive(Debug, Deserialize)]
struct Kind {
    kind: Option<String>,
}

/// Kinds that have a name already and come with a later version.
const LATER: [&str; 8] =
    ["go_api", "n8n", "prometheus", "haproxy", "nginx", "caddy", "probe", "file"];

pub(super) fn read(path: &Path) -> Result<Config, ConfigError> {
    let unreadable = |error| ConfigError::Unreadable { path: path.to_owned(), error };
    if std::fs::metadata(path).map_err(unreadable)?.len() > MAX_BYTES {
        return Err(ConfigError::TooLarge { path: path.to_owned() });
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    parse(&text, &path.display().to_string(), environment)
}

/// Reads the text of a file that people know as `origin`, with `${NAME}` from `environment`.
pub(super) fn parse(
    text: &str,
    origin: &str,
    environment: HashMap<String, String>,
) -> Result<Config, ConfigError> {
    let options = || serde_saphyr::Options::default().with_properties(environment.clone());
    let wrong = |error: &serde_saphyr::Error| wrong(error, origin);
    let kinds: Kinds =
        serde_saphyr::from_str_with_options(text, options()).map_err(|error| wrong(&error))?;
    check_kinds(&kinds, origin)?;
    let raw: RawConfig =
        serde_saphyr::from_str_with_options(text, options()).map_err(|error| wrong(&error))?;
    let listen = match &raw.listen {
        None => DEFAULT_LISTEN,
        Some(text) => text.parse().map_err(|_| ConfigError::Wrong {
            place: format!("{origin}: listen"),
            detail: format!("{text:?} is no address with a port, such as 127.0.0.1:4780"),
        })?,
    };
    Ok(Config {
        listen: only_loopback(listen, &format!("{origin}: listen"))?,
        hosts: raw.hosts,
        data_dir: raw.data_dir.unwrap_or_else(|| DEFAULT_DATA_DIR.into()),
        metrics: metrics(&raw.metrics, origin)?,
        logs: logs(raw.logs, origin)?,
        sources: sources(raw.sources, origin)?,
        origin: origin.to_owned(),
    })
}

fn metrics(raw: &RawMetrics, origin: &str) -> Result<MetricsConfig, ConfigError> {
    let default = MetricsConfig::default();
    let wrong = |key: &str, detail: String| ConfigError::Wrong {
        place: format!("{origin}: metrics.{key}"),
        detail,
    };
    let config = MetricsConfig {
        retention_days: raw.retention_days.unwrap_or(default.retention_days),
        retention_bytes: raw.retention_bytes,
        max_series: raw.max_series.unwrap_or(default.max_series),
        out_of_order_seconds: raw.out_of_order_seconds.unwrap_or(default.out_of_order_seconds),
    };
    if !(1..=3_660).contains(&config.retention_days) {
        let detail = format!("{} is not between 1 and 3660 days", config.retention_days);
        return Err(wrong("retention_days", detail));
    }
    if config.retention_bytes.is_some_and(|bytes| bytes < MIN_RETENTION_BYTES) {
        let detail =
            format!("it is at least {MIN_RETENTION_BYTES} (64 MiB): newest data needs room");
        return Err(wrong("retention_bytes", detail));
    }
    if !(1_000..=50_000_000).contains(&config.max_series) {
        let detail = format!("{} is not between 1000 and 50000000", config.max_series);
        return Err(wrong("max_series", detail));
    }
    if config.out_of_order_seconds > 7_200 {
        let detail = format!("{} is more than 7200", config.out_of_order_seconds);
        return Err(wrong("out_of_order_seconds", detail));
    }
    Ok(config)
}

fn logs(raw: RawLogs, origin: &str) -> Result<LogsConfig, ConfigError> {
    let wrong = |key: &str, detail: String| ConfigError::Wrong {
        place: format!("{origin}: logs.{key}"),
        detail,
    };
    let default = LogsConfig::default();
    let rate = raw.entries_per_second.unwrap_or(default.rules.entries_per_second);
    let config = LogsConfig {
        retention_days: raw.retention_days.unwrap_or(default.retention_days),
        retention_bytes: raw.retention_bytes,
        rules: LogRules {
            redact_keys: raw.redact_keys,
            redact_patterns: raw.redact_patterns,
            entries_per_second: rate,
        },
    };
    if !(1..=3_660).contains(&config.retention_days) {
        let detail = format!("{} is not between 1 and 3660 days", config.retention_days);
        return Err(wrong("retention_days", detail));
    }
    if config.retention_bytes.is_some_and(|bytes| bytes < MIN_RETENTION_BYTES) {
        let detail =
            format!("it is at least {MIN_RETENTION_BYTES} (64 MiB): newest data needs room");
        return Err(wrong("retention_bytes", detail));
    }
    if rate == 0 {
        return Err(wrong("entries_per_second", "0 would refuse every entry".to_owned()));
    }
    config.rules.check().map_err(|error| wrong("redact_patterns", error.to_string()))?;
    Ok(config)
}

fn check_kinds(kinds: &Kinds, origin: &str) -> Result<(), ConfigError> {
    for (place, source) in kinds.sources.iter().enumerate() {
        let detail = match source.kind.as_deref() {
            Some("redis") => continue,
            None => "kind is missing; it is redis".to_owned(),
            Some(kind) if LATER.contains(&kind) => {
                format!("kind {kind} comes with a later version; this one knows redis")
            }
            Some(kind) => format!("there is no kind {kind:?}; this version knows redis"),
        };
        return Err(ConfigError::Wrong { place: format!("{origin}: sources[{place}]"), detail });
    }
    Ok(())
}

fn sources(raw: Vec<RawRedisConfig>, origin: &str) -> Result<Vec<RedisConfig>, ConfigError> {
    let mut sources: Vec<RedisConfig> = Vec::with_capacity(raw.len());
    for (number, raw) in raw.into_iter().enumerate() {
        let place = format!("{origin}: sources[{number}]");
        let source = RedisConfig::try_from(raw).map_err(|error| ConfigError::Source {
            place: place.clone(),
            error: error.to_string(),
        })?;
        if sources.iter().any(|other| other.name == source.name) {
            let error = format!(
                "the name {:?} is used twice; names tell sources apart",
                source.name.as_str()
            );
            return Err(ConfigError::Source { place, error });
        }
        sources.push(source);
    }
    if sources.is_empty() {
        let error = "there is no source: name at least one Redis to watch".to_owned();
        return Err(ConfigError::Source { place: format!("{origin}: sources"), error });
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

#[cfg(test)]
mod tests {
    use super::super::DEFAULT_YAML;
    use super::*;

    fn with(text: &str) -> Result<Config, String> {
        let environment = HashMap::from([("PASSWORD".to_owned(), "p: \"x\" # y".to_owned())]);
        parse(text, "vigie.yaml", environment).map_err(|error| error.to_string())
    }

    fn error(text: &str) -> String {
        with(text).map(|config| format!("{config:?}")).expect_err("it is wrong")
    }

    const SOURCE: &str = "sources: [{name: main, kind: redis, url: \"redis://127.0.0.1:6379\"}]\n";

    #[test]
    fn the_default_configuration_is_valid_and_means_the_defaults() {
        let config = with(DEFAULT_YAML).unwrap();
        assert_eq!(config.listen, DEFAULT_LISTEN);
        assert_eq!(config.sources[0].display_url(), "redis://127.0.0.1:6379");
    }

    #[test]
    fn every_commented_key_of_the_default_configuration_is_valid_too() {
        let uncommented: String = DEFAULT_YAML
            .lines()
            .map(|line| match line.split_once("#: ") {
                Some((indent, example)) if indent.trim().is_empty() => {
                    format!("{indent}{example}\n")
                }
                _ => format!("{line}\n"),
            })
            .collect();
        let config = with(&uncommented).unwrap();
        assert!(config.sources.len() > 1, "{uncommented}");
    }

    #[test]
    fn the_smallest_configuration_works() {
        let config =
            with(&format!("listen: 127.0.0.1:4999\ndata_dir: ./vigie-data\n{SOURCE}")).unwrap();
        assert_eq!(config.listen.port(), 4999);
        assert_eq!(config.sources[0].name.as_str(), "main");
    }

    #[test]
    fn how_long_metrics_are_kept_is_bounded() {
        let config = with(&format!("metrics: {{retention_days: 7}}\n{SOURCE}")).unwrap();
        assert_eq!(config.metrics.retention_days, 7);
        for (text, says) in [
            ("retention_days: 0", "metrics.retention_days: 0 is not between"),
            ("retention_bytes: 5", "metrics.retention_bytes: it is at least"),
            ("max_series: 1", "metrics.max_series: 1 is not between"),
            ("out_of_order_seconds: 9999", "metrics.out_of_order_seconds: 9999 is more"),
            ("retention: 5", "there is no key \"retention\""),
        ] {
            let error = error(&format!("metrics: {{{text}}}\n{SOURCE}"));
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn how_logs_are_kept_is_bounded() {
        let config = with(&format!("logs: {{redact_keys: [pin]}}\n{SOURCE}")).unwrap();
        assert_eq!((config.logs.retention_days, config.logs.rules.redact_keys.len()), (14, 1));
        for (text, says) in [
            ("retention_days: 0", "logs.retention_days: 0 is not between"),
            ("retention_bytes: 5", "logs.retention_bytes: it is at least"),
            ("entries_per_second: 0", "logs.entries_per_second: 0 would refuse"),
            ("redact_patterns: [\"(\"]", "logs.redact_patterns: the pattern \"(\" does not parse"),
            ("retention: 5", "there is no key \"retention\""),
        ] {
            let error = error(&format!("logs: {{{text}}}\n{SOURCE}"));
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn wrong_keys_are_named_with_line_and_nearest() {
        assert_eq!(
            error(&format!("listn: 127.0.0.1:1\n{SOURCE}")),
            "vigie.yaml:1:1: there is no key \"listn\"; did you mean \"listen\"?"
        );
        let nested = error("sources:\n  - name: main\n    kind: redis\n    urll: redis://x\n");
        assert_eq!(nested, "vigie.yaml:4:5: there is no key \"urll\"; did you mean \"url\"?");
    }

    #[test]
    fn other_addresses_than_loopback_are_refused() {
        let refused = error(&format!("listen: 0.0.0.0:4780\n{SOURCE}"));
        assert!(refused.contains("0.0.0.0:4780 is not a loopback address"), "{refused}");
        assert!(refused.contains("ssh -L"), "{refused}");
    }

    #[test]
    fn kinds_of_later_versions_are_told_from_mistakes() {
        assert!(error("sources: [{name: a, kind: n8n}]").contains("comes with a later version"));
        assert!(error("sources: [{name: a, kind: kafka}]").contains("no kind \"kafka\""));
        assert!(error("sources: [{name: a}]").contains("kind is missing"));
        assert!(error("sources: []").contains("no source"));
    }

    #[test]
    fn two_sources_of_one_name_are_refused() {
        let twice = "sources: [{name: a, kind: redis, url: redis://h}, {name: a, kind: redis, url: redis://i}]";
        assert!(error(twice).contains("used twice"));
    }

    #[test]
    fn the_environment_is_filled_in_as_it_is_and_never_shown() {
        let text =
            "sources:\n- name: a\n  kind: redis\n  url: redis://h\n  password: ${PASSWORD}\n";
        let config = with(text).unwrap();
        assert_eq!(config.sources[0].login.password.as_ref().unwrap().reveal(), "p: \"x\" # y");
        assert!(!format!("{config:?}").contains("p: "), "secrets are not printed");
        let unset = error("sources:\n- name: a\n  kind: redis\n  url: ${NOT_SET_ANYWHERE}\n");
        assert!(unset.contains("NOT_SET_ANYWHERE"), "{unset}");
    }

    #[test]
    fn what_is_no_configuration_is_refused_quickly() {
        let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n\
                    d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e]\n\
                    sources: [*f,*f,*f,*f,*f,*f,*f,*f]\n";
        let deep = format!("sources: {}", "[".repeat(100_000));
        for text in ["", "\t", "sources: {", "- 1", "\u{0}", bomb, &deep, "sources: [1, 2]"] {
            assert!(!error(text).is_empty());
        }
    }
}
