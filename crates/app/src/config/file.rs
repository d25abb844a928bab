//! Reads a configuration file. Unknown keys are errors, with the line and the nearest known key.

use std::collections::HashMap;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{DeserializeSeed as _, IgnoredAny};

use super::environment::{fill_quoted, unset};
use super::logs::{RawLogs, logs};
use super::metrics::{RawMetrics, metrics};
use super::source::{KINDS, RawSource, SourceConfig, Sources};
use super::written::Written;
use super::{Config, DEFAULT_DATA_DIR, DEFAULT_LISTEN, only_loopback};

/// A configuration larger than this is none.
const MAX_BYTES: u64 = 1024 * 1024;

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
    /// Read by itself, as each kind has keys of its own.
    #[serde(rename = "sources")]
    _sources: IgnoredAny,
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
    let written = Written::of(text);
    let text = &fill_quoted(text, &environment).map_err(|(line, detail)| ConfigError::Wrong {
        place: format!("{origin}:{line}"),
        detail,
    })?;
    let options = || serde_saphyr::Options::default().with_properties(environment.clone());
    let wrong = |error: &serde_saphyr::Error| wrong(error, origin);
    let kinds: Kinds =
        serde_saphyr::from_str_with_options(text, options()).map_err(|error| wrong(&error))?;
    let kinds = checked_kinds(kinds, origin)?;
    let raw: RawConfig =
        serde_saphyr::from_str_with_options(text, options()).map_err(|error| wrong(&error))?;
    let raw_sources =
        serde_saphyr::with_deserializer_from_str_with_options(text, options(), |from| {
            Sources(&kinds).deserialize(from)
        })
        .map_err(|error| wrong(&error))?;
    let listen = match &raw.listen {
        None => DEFAULT_LISTEN,
        Some(text) => text.parse().map_err(|_| ConfigError::Wrong {
            place: format!("{origin}: listen"),
            detail: format!("{text:?} is no address with a port, such as 127.0.0.1:4780"),
        })?,
    };
    Ok(Config {
        listen: only_loopback(listen, &format!("{origin}: listen"))?,
        hosts: hosts(raw.hosts, origin)?,
        data_dir: raw.data_dir.unwrap_or_else(|| DEFAULT_DATA_DIR.into()),
        metrics: metrics(raw.metrics, origin)?,
        logs: logs(raw.logs, origin)?,
        sources: sources(raw_sources, origin)?,
        written,
        origin: origin.to_owned(),
    })
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
fn checked_kinds(kinds: Kinds, origin: &str) -> Result<Vec<String>, ConfigError> {
    let checked = |(place, source): (usize, Kind)| {
        let known = KINDS.join(", ");
        let detail = match source.kind {
            Some(kind) if KINDS.contains(&kind.as_str()) => return Ok(kind),
            None => format!("kind is missing; it is one of {known}"),
            Some(kind) => unknown_kind(&kind),
        };
        Err(ConfigError::Wrong { place: format!("{origin}: sources[{place}]"), detail })
    };
    kinds.sources.into_iter().enumerate().map(checked).collect()
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
        // A backend's certificates are read at once.
        let certificates = "\n  tls: {ca_file: /etc/vigie/ca.pem, ";
        let missing = error(&uncommented);
        assert!(missing.contains("metrics.") && missing.contains("/etc/vigie/ca.pem"), "{missing}");
        let (before, after) = uncommented.split_once(certificates).unwrap();
        let (_, after) = after.split_once('\n').unwrap();
        let config = with(&format!("{before}\n{after}")).unwrap();
        assert!(config.sources.len() > 1, "{uncommented}");
        for kind in KINDS {
            assert!(DEFAULT_YAML.contains(&format!("kind: {kind}")), "{kind} is not documented");
        }
    }

    #[test]
    fn the_smallest_configuration_works() {
        let config =
            with(&format!("listen: 127.0.0.1:4999\ndata_dir: ./vigie-data\n{SOURCE}")).unwrap();
        assert_eq!(config.listen.port(), 4999);
        assert_eq!(config.sources[0].name().as_str(), "main");
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
            ("backend: influx", "metrics.backend: there is no backend \"influx\""),
            ("backend: prometheus", "metrics.write_url is missing"),
            ("backend: prometheus, write_url: \"http://h/w\"", "metrics.query_url is missing"),
            (
                "write_url: \"http://h/s3cret\"",
                "metrics.write_url: it goes with backend: prometheus",
            ),
            (
                "remote_write: [{write_url: \"ftp://h/s3cret\"}]",
                "metrics.remote_write[0].write_url: it begins",
            ),
            (
                "remote_write: [{write_url: \"http://h/\", query_url: \"http://h\"}]",
                "metrics.remote_write[0].query_url: it has no use",
            ),
            (
                "remote_write: [{write_url: \"http://h/1\"}, {write_url: \"http://h/2\"}]",
                "metrics.remote_write[1].name: \"h\" is used twice",
            ),
            ("remote_write: [{writeurl: x}]", "did you mean \"write_url\"?"),
        ] {
            let error = error(&format!("metrics: {{{text}}}\n{SOURCE}"));
            assert!(error.contains(says) && !error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn a_backend_elsewhere_is_read_and_its_secrets_are_never_shown() {
        let text = format!(
            "metrics:\n  backend: prometheus\n  write_url: https://h/api/v1/write\n  query_url: https://h\n  \
             bearer_token: s3cret\n  remote_write:\n  - write_url: http://other:9/w\n    username: a\n    password: s3cret\n{SOURCE}"
        );
        let config = with(&text).unwrap();
        let backend = config.metrics.backend.as_ref().unwrap();
        assert_eq!((&*backend.name, backend.queue_bytes), ("backend", 2 << 30));
        assert_eq!(config.metrics.remote_write[0].name, "other:9");
        assert!(!format!("{config:?}").contains("s3cret"));
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
            ("forward: [{kind: loki}]", "logs.forward[0].url is missing"),
            (
                "forward: [{kind: kafka, url: \"http://h\"}]",
                "logs.forward[0]: kind is elasticsearch",
            ),
            (
                "forward: [{kind: loki, url: \"http://h/1\"}, {kind: loki, url: \"http://h/2\"}]",
                "logs.forward[1].name: \"h\" is used twice",
            ),
            (
                "forward: [{kind: loki, url: \"http://u:s3cret@h\"}]",
                "logs.forward[0].url: user and",
            ),
            ("forward: [{knd: loki}]", "did you mean \"kind\"?"),
        ] {
            let error = error(&format!("logs: {{{text}}}\n{SOURCE}"));
            assert!(error.contains(says) && !error.contains("s3cret"), "{error}");
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
    fn an_n8n_is_joined_with_the_redis_of_its_queue() {
        let n8n = |name: &str, redis: &str| {
            format!("- {{name: {name}, kind: n8n, url: \"http://h:5678\", redis: {redis}}}\n")
        };
        let redis = "- {name: main, kind: redis, url: \"redis://127.0.0.1:6379\"}\n";
        let config = with(&format!("sources:\n{}{redis}", n8n("n8n", "main"))).unwrap();
        let SourceConfig::Redis(joined) = &config.sources[1] else { panic!("{config:?}") };
        assert_eq!(joined.executions[0].base, "bull:jobs");
        let SourceConfig::N8n(found) = &config.sources[0] else { panic!("{config:?}") };
        assert_eq!(found.registry.as_ref().unwrap().name.as_str(), "main");
        let nobody = error(&format!("sources:\n{redis}{}", n8n("n8n", "other")));
        assert!(nobody.contains("sources[1]: redis: there is no source \"other\""), "{nobody}");
        let twice = error(&format!("sources:\n{redis}{}{}", n8n("a", "main"), n8n("b", "main")));
        assert!(twice.contains("sources[2]: redis: the queue bull:jobs"), "{twice}");
    }

    #[test]
    fn kinds_that_nobody_knows_are_mistakes() {
        assert!(error("sources: [{name: a, kind: kafka}]").contains("no kind \"kafka\""));
        let near = error("sources: [{name: a, kind: hapoxy}]");
        assert!(near.contains("did you mean \"haproxy\"?"), "{near}");
        assert!(error("sources: [{name: a}]").contains("kind is missing"));
        assert!(error("sources: []").contains("no source"));
    }

    #[test]
    fn each_kind_has_keys_of_its_own_and_wrong_ones_are_named_with_line_and_nearest() {
        let text = "sources:\n- {name: q, kind: redis, url: redis://h}\n- name: lb\n  kind: haproxy\n  url: http://h/\n\
                    - name: p\n  kind: probe\n  backends_of: lb\n  expect_status: [200]\n- kind: go_api\n  name: api\n  url: http://a\n\
                    - {name: n, kind: nginx, url: http://h/s, upstreams: [\"a:1\"]}\n- {name: c, kind: caddy}\n";
        let config = with(text).unwrap();
        let shown: Vec<String> = config.sources.iter().map(SourceConfig::display_url).collect();
        let expected = [
            "redis://h:6379",
            "http://h/;csv",
            "the backends of lb",
            "http://a/api/v1/metrics",
            "http://h/s",
            "http://127.0.0.1:2019/",
        ];
        assert_eq!(shown, expected);
        for (wrong, right) in [("backends_of", "backend_of"), ("expect_status", "expect_statuses")]
        {
            let said = error(&text.replace(wrong, right));
            assert!(said.contains(&format!("did you mean {wrong:?}?")), "{said}");
            assert!(
                said.starts_with("vigie.yaml:8:") || said.starts_with("vigie.yaml:9:"),
                "{said}"
            );
        }
        let of_another = error("sources:\n- name: lb\n  kind: haproxy\n  prefix: bull\n");
        assert!(
            of_another.starts_with("vigie.yaml:4:3: there is no key \"prefix\""),
            "{of_another}"
        );
        let nobody = error("sources: [{name: p, kind: probe, backends_of: lb}]");
        assert!(nobody.contains("there is no source \"lb\""), "{nobody}");
        let nobody = error("sources: [{name: a, kind: go_api, url: http://h, asynq: a}]");
        assert!(nobody.contains("asynq: there is no source \"a\" of kind redis"), "{nobody}");
    }

    #[test]
    fn what_would_never_match_is_refused() {
        let hosts = |list: &str| with(&format!("hosts: {list}\n{SOURCE}"));
        let all = hosts("[vigie.localhost, 10.0.0.1, \"[::1]\", my_host]").unwrap().hosts;
        assert_eq!(all.len(), 4);
        for (list, says) in [
            ("[\"*\"]", "hosts: \"*\": there are no patterns"),
            ("[\"a:1\"]", "without its port"),
            ("[\"::1\"]", "brackets"),
            ("[\"http://a/\"]", "port"),
            ("[\"a b\"]", "no host's name"),
            ("[\"\"]", "no host's name"),
        ] {
            let error = hosts(list).expect_err("it is wrong");
            assert!(error.starts_with("vigie.yaml: hosts: ") && error.contains(says), "{error}");
        }
        let said = error("sources: [{name: f, kind: file, paths: [/x], labels: {\"a b\": c}}]");
        assert!(said.contains("labels: \"a b\" is no name of a label"), "{said}");
        let said = error("sources: [{name: n, kind: n8n, url: \"http://h\", timezone: Mars/X}]");
        assert!(said.contains("timezone: there is no time zone \"Mars/X\""), "{said}");
        with("sources: [{name: n, kind: n8n, url: \"http://h\", timezone: Europe/Paris}]").unwrap();
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
        let SourceConfig::Redis(redis) = &config.sources[0] else { unreachable!("{config:?}") };
        assert_eq!(redis.login.password.as_ref().unwrap().reveal(), "p: \"x\" # y");
        assert!(!format!("{config:?}").contains("p: "), "secrets are not printed");
        let quoted = "sources: [{name: a, kind: redis, url: redis://h, password: \"${PASSWORD}\"}]";
        let config = with(quoted).unwrap();
        let SourceConfig::Redis(redis) = &config.sources[0] else { unreachable!("{config:?}") };
        assert_eq!(redis.login.password.as_ref().unwrap().reveal(), "p: \"x\" # y");
        assert!(!format!("{config:?}").contains("p: "), "secrets are not printed");
        let unset = error("sources: [{name: a, kind: redis, url: \"${NOT_SET_ANYWHERE}\"}]");
        assert_eq!(
            unset,
            "vigie.yaml:1: the environment variable NOT_SET_ANYWHERE is not set; ${NOT_SET_ANYWHERE} stands for its value"
        );
        let unset = error("sources:\n- name: a\n  kind: redis\n  url: ${NOT_SET_ANYWHERE}\n");
        assert!(unset.contains("the environment variable NOT_SET_ANYWHERE is not set"), "{unset}");
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
