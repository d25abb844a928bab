//! What a configuration may say, and what is said of one that is wrong.

use std::collections::HashMap;

use super::file::parse;
use super::source::KINDS;
use super::{Config, DEFAULT_LISTEN, DEFAULT_YAML, SourceConfig};

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
        ("write_url: \"http://h/s3cret\"", "metrics.write_url: it goes with backend: prometheus"),
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
        ("external_labels: {vigie: a}", "metrics.external_labels: they go with"),
        ("external_labels: {a-b: x}", "metrics.external_labels.a-b: a label's name has"),
        ("external_labels: {__x: x}", "metrics.external_labels.__x: a label's name has"),
        ("external_labels: {job: x}", "metrics.external_labels.job: it tells copies"),
        ("external_labels: {queue: x}", "metrics.external_labels.queue: vigie_queue_jobs has"),
        ("external_labels: {vigie: \"\"}", "metrics.external_labels.vigie: its value has"),
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
         bearer_token: s3cret\n  remote_write:\n  - write_url: http://other:9/w\n    username: a\n    password: s3cret\n  \
         external_labels: {{vigie: one}}\n{SOURCE}"
    );
    let config = with(&text).unwrap();
    let backend = config.metrics.backend.as_ref().unwrap();
    assert_eq!((&*backend.name, backend.queue_bytes), ("backend", 2 << 30));
    assert_eq!(config.metrics.remote_write[0].name, "other:9");
    for remote in [backend, &config.metrics.remote_write[0]] {
        assert_eq!(remote.external_labels.to_string(), r#"{vigie="one"}"#);
    }
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
        ("forward: [{kind: kafka, url: \"http://h\"}]", "logs.forward[0]: kind is elasticsearch"),
        (
            "forward: [{kind: loki, url: \"http://h/1\"}, {kind: loki, url: \"http://h/2\"}]",
            "logs.forward[1].name: \"h\" is used twice",
        ),
        ("forward: [{kind: loki, url: \"http://u:s3cret@h\"}]", "logs.forward[0].url: user and"),
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
fn what_is_found_wrong_later_is_named_with_its_line_too() {
    let twice = "listen: 127.0.0.1:1\nsources:\n- {name: a, kind: redis, url: redis://h}\n- name: a\n  kind: redis\n  url: redis://i\n";
    assert!(
        error(twice).starts_with("vigie.yaml:4:3: sources[1]: the name \"a\" is used twice"),
        "{}",
        error(twice)
    );
    for (text, place) in [
        (twice.replace("redis://i", "http://i"), "vigie.yaml:6:3: sources[1]: "),
        (twice.replace("127.0.0.1:1", "x"), "vigie.yaml:1:1: listen: "),
        (twice.replace("127.0.0.1:1", "0.0.0.0:1"), "vigie.yaml:1:1: listen: "),
        (
            twice.replace("name: a\n", "name: b\n  limits: {queues: 0}\n"),
            "vigie.yaml:5:12: sources[1]: limits.queues: ",
        ),
        (
            twice.replace(
                "name: a\n  kind: redis\n  url: redis://i",
                "name: p\n  kind: probe\n  backends_of: lb",
            ),
            "vigie.yaml:6:3: sources[1]: backends_of: ",
        ),
        (
            twice.replace("kind: redis\n", "kind: rdis\n"),
            "vigie.yaml:4:3: sources[1]: there is no kind",
        ),
        (
            format!("metrics:\n  retention_days: 0\n{SOURCE}"),
            "vigie.yaml:2:3: metrics.retention_days: ",
        ),
        (
            format!("logs:\n  forward:\n  - {{kind: loki}}\n{SOURCE}"),
            "vigie.yaml:3:5: logs.forward[0].url is missing",
        ),
    ] {
        assert!(error(&text).starts_with(place), "{place}{}", error(&text));
    }
}

#[test]
fn without_sources_the_redis_of_the_environment_or_of_this_machine_is_watched() {
    let config = with("listen: 127.0.0.1:4999\n").unwrap();
    assert_eq!((config.sources.len(), config.listen.port()), (1, 4999));
    assert_eq!(config.sources[0].display_url(), "redis://127.0.0.1:6379");
    assert_eq!(with("# nothing is set\n").unwrap().sources.len(), 1);
    assert_eq!(config.origin, "vigie.yaml, and the default for what to watch");
    let set = HashMap::from([("REDIS_URL".to_owned(), "redis://elsewhere:1".to_owned())]);
    let config = parse("sources:\n", "v.yaml", set.clone()).unwrap();
    assert_eq!(config.sources[0].display_url(), "redis://elsewhere:1");
    assert_eq!(config.unused, None);
    // With sources, it is said that the variable has no effect, unless the file uses it.
    let config = parse(SOURCE, "v.yaml", set.clone()).unwrap();
    assert_eq!(config.sources[0].display_url(), "redis://127.0.0.1:6379");
    assert_eq!(config.unused.unwrap(), "REDIS_URL is set and not used: v.yaml says what to watch");
    let uses = "sources: [{name: a, kind: redis, url: \"${REDIS_URL}\"}]";
    assert_eq!(parse(uses, "v.yaml", set).unwrap().unused, None);
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
    for (wrong, right) in [("backends_of", "backend_of"), ("expect_status", "expect_statuses")] {
        let said = error(&text.replace(wrong, right));
        assert!(said.contains(&format!("did you mean {wrong:?}?")), "{said}");
        assert!(said.starts_with("vigie.yaml:8:") || said.starts_with("vigie.yaml:9:"), "{said}");
    }
    let of_another = error("sources:\n- name: lb\n  kind: haproxy\n  prefix: bull\n");
    assert!(of_another.starts_with("vigie.yaml:4:3: there is no key \"prefix\""), "{of_another}");
    let nobody = error("sources: [{name: p, kind: probe, backends_of: lb}]");
    assert!(nobody.contains("there is no source \"lb\""), "{nobody}");
    let nobody = error("sources: [{name: a, kind: go_api, url: http://h, asynq: a}]");
    assert!(nobody.contains("asynq: there is no source \"a\" of kind redis"), "{nobody}");
}

#[test]
fn two_sources_of_one_name_are_refused() {
    let twice =
        "sources: [{name: a, kind: redis, url: redis://h}, {name: a, kind: redis, url: redis://i}]";
    assert!(error(twice).contains("used twice"));
}

#[test]
fn the_environment_is_filled_in_as_it_is_and_never_shown() {
    let text = "sources:\n- name: a\n  kind: redis\n  url: redis://h\n  password: ${PASSWORD}\n";
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
    for text in ["sources: {", "- 1", "\u{0}", bomb, &deep, "sources: [1, 2]"] {
        assert!(!error(text).is_empty());
    }
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
        assert!(error.contains(": hosts: ") && error.contains(says), "{error}");
    }
    let said = error("sources: [{name: f, kind: file, paths: [/x], labels: {\"a b\": c}}]");
    assert!(said.contains("labels: \"a b\" is no name of a label"), "{said}");
    let said = error("sources: [{name: n, kind: n8n, url: \"http://h\", timezone: Mars/X}]");
    assert!(said.contains("timezone: there is no time zone \"Mars/X\""), "{said}");
    with("sources: [{name: n, kind: n8n, url: \"http://h\", timezone: Europe/Paris}]").unwrap();
}
