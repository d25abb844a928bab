//! Configurations and URLs: what is accepted, what is refused, and that no secret shows.

use proptest::prelude::*;
use serde_json::json;

use super::config::{ConfigError, Deployment, Endpoint, RawRedisConfig, RedisConfig};
use super::url;
use vigie_tls::Secret;

fn config(json: serde_json::Value) -> Result<RedisConfig, ConfigError> {
    let raw: RawRedisConfig = serde_json::from_value(json).expect("the right keys");
    RedisConfig::try_from(raw)
}

fn from_url(text: &str) -> Result<RedisConfig, ConfigError> {
    RedisConfig::from_url("main", text)
}

fn endpoint(host: &str, port: u16) -> Endpoint {
    Endpoint { host: host.into(), port }
}

#[test]
fn urls_and_how_they_are_shown() {
    for (text, shown) in [
        ("redis://127.0.0.1", "redis://127.0.0.1:6379"),
        ("redis://127.0.0.1:6380/", "redis://127.0.0.1:6380"),
        ("REDIS://h/3", "redis://h:6379/3"),
        ("rediss://:pw@redis.example.org:6390/1", "rediss://redis.example.org:6390/1"),
        ("redis://user:p%40ss%2Fw@[::1]:7000", "redis://[::1]:7000"),
        ("redis://:a@b:c/d?e@h", "redis://h:6379"),
        ("redis://a:1,b,c:3", "redis://a:1,b:6379,c:3"),
        ("unix:///run/redis.sock", "unix:///run/redis.sock"),
        ("unix://u:p@/run/redis.sock?db=2", "unix:///run/redis.sock?db=2"),
        ("unix:///run/a%3Fb@c.sock", "unix:///run/a?b@c.sock"),
        ("redis+sentinel://:pw@s1:1,s2/mymaster/4", "redis+sentinel://s1:1,s2:26379/mymaster/4"),
        ("rediss+sentinel://s1/mymaster", "rediss+sentinel://s1:26379/mymaster"),
        ("valkey://h", "redis://h:6379"),
    ] {
        let config = from_url(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(config.display_url(), shown, "{text}");
    }
    let config = from_url("redis://user:p%40ss%2Fw@h").unwrap();
    assert_eq!(config.login.username.as_deref(), Some("user"));
    assert_eq!(config.login.password, Some(Secret::new("p@ss/w")));
    assert_eq!(
        from_url("redis://:a@b:c/d?e@h").unwrap().login.password,
        Some(Secret::new("a@b:c/d?e"))
    );
    assert_eq!(
        from_url("redis://a,b").unwrap().deployment,
        Deployment::Cluster(vec![endpoint("a", 6379), endpoint("b", 6379)])
    );
}

#[test]
fn wrong_urls_say_what_is_wrong_and_keep_the_password() {
    for (text, says) in [
        ("http://h", "it must begin with redis://"),
        ("127.0.0.1:6379", "it must begin with redis://"),
        ("redis://", "a host is missing"),
        ("redis://:pass-word@", "a host is missing"),
        ("redis://h:0", "\"h:0\" is not a host or host:port"),
        ("redis://h:99999", "\"h:99999\" is not a host"),
        ("redis://h:1:2", "\"h:1:2\" is not a host"),
        ("redis://[::1", "\"[::1\" is not a host"),
        ("redis://a b", "\"a b\" is not a host"),
        ("redis://:pass-word@h/x", "\"x\" is not a database number"),
        ("redis://h/-1", "\"-1\" is not a database number"),
        ("redis://h/99999999999", "is not a database number"),
        ("redis://:pass-word%zz@h", "the password holds a % that"),
        ("redis://:pass-word%ff@h", "the password holds a % that"),
        ("redis://h?db=1", "unknown parameter \"db\""),
        ("unix://", "the path of the socket is missing"),
        ("unix:///s?x=pass-word", "unknown parameter \"x\""),
        ("redis+sentinel://s1", "the master's name is missing"),
        ("redis+sentinel://s1/", "the master's name is missing"),
    ] {
        let error = from_url(text).unwrap_err().to_string();
        assert!(error.contains(says), "{text}: {error}");
        assert!(!error.contains("pass-word"), "{error}");
    }
    let long = format!("redis://{}", "h".repeat(5_000));
    assert_eq!(from_url(&long).unwrap_err().to_string(), "url: it is longer than 4096 bytes");
}

#[test]
fn secrets_do_not_show() {
    let raw = json!({"name": "main", "url": "redis://u:hunter2@h", "username": null, "sentinel": {
        "master": "m", "nodes": ["s"], "password": "hunter2"}});
    let raw: RawRedisConfig = serde_json::from_value(raw).unwrap();
    assert!(!format!("{raw:?}").contains("hunter2"), "{raw:?}");
    let config = from_url("redis://u:hunter2@h").unwrap();
    assert!(!format!("{config:?} {}", config.display_url()).contains("hunter2"), "{config:?}");
    assert_eq!(format!("{:?}", config.login.password), "Some([secret])");
}

#[test]
fn a_whole_configuration() {
    let config = config(json!({
        "name": "shop-1", "url": "rediss://redis.internal/2", "username": "vigie", "password": "x",
        "tls": {"ca_file": "/etc/ca.crt", "cert_file": "/etc/v.crt", "key_file": "/etc/v.key"},
        "prefix": "shop", "poll_seconds": 0.5, "response_timeout_seconds": 3, "exact_jobs_per_second": 100,
        "limits": {"queues": 10},
    }))
    .unwrap();
    assert_eq!(
        (config.database, config.poll.as_millis(), config.response_timeout.as_secs()),
        (2, 500, 3)
    );
    assert_eq!(
        (config.limits.queues, config.limits.types, config.exact_jobs_per_second),
        (10, 500, 100)
    );
    assert!(config.tls.unwrap().client.is_some());
}

#[test]
fn what_does_not_fit_is_refused_with_its_reason() {
    let tls = json!({"ca_file": "/ca"});
    for (json, says) in [
        (json!({"name": "main"}), "an address is missing"),
        (json!({"name": "", "url": "redis://h"}), "source name \"\""),
        (json!({"name": "a/b", "url": "redis://h"}), "source name \"a/b\": use 1 to 64 letters"),
        (json!({"name": "m", "url": "redis://u@h", "username": "v"}), "username is set twice"),
        (json!({"name": "m", "url": "redis://:p@h", "password": "p"}), "password is set twice"),
        (json!({"name": "m", "url": "redis://h/1", "database": 1}), "database is set twice"),
        (json!({"name": "m", "url": "redis://h", "database": -1}), "database -1"),
        (json!({"name": "m", "url": "redis://h/1", "cluster": true}), "database 1"),
        (
            json!({"name": "m", "url": "unix:///s", "cluster": true}),
            "cluster needs a redis:// or rediss:// url",
        ),
        (
            json!({"name": "m", "url": "redis://h", "sentinel": {"master": "m", "nodes": ["s"]}}),
            "leave url out",
        ),
        (json!({"name": "m", "sentinel": {"master": "m", "nodes": []}}), "nodes is empty"),
        (json!({"name": "m", "sentinel": {"master": "", "nodes": ["s"]}}), "master is empty"),
        (
            json!({"name": "m", "sentinel": {"master": "m", "nodes": ["s:x"]}}),
            "sentinel.nodes: \"s:x\" is not a host",
        ),
        (json!({"name": "m", "url": "redis://h", "tls": tls}), "the url must begin with rediss://"),
        (json!({"name": "m", "url": "unix:///s", "tls": tls}), "a unix socket has no TLS"),
        (json!({"name": "m", "url": "rediss://h", "tls": {"cert_file": "/c"}}), "belong together"),
        (
            json!({"name": "m", "url": "redis://h", "poll_seconds": 0.05}),
            "poll_seconds: 0.05 is out of range; use 0.1 to 3600",
        ),
        (
            json!({"name": "m", "url": "redis://h", "limits": {"types": 0}}),
            "limits.types: 0 is out of range",
        ),
        (json!({"name": "m", "url": "redis://h", "prefix": ""}), "prefix: it must not be empty"),
        (
            json!({"name": "m", "url": "redis://h", "prefix": "a*"}),
            "prefix: it must not be empty, nor hold",
        ),
    ] {
        let error = config(json.clone()).unwrap_err().to_string();
        assert!(error.contains(says), "{json}: {error}");
    }
    let unknown =
        serde_json::from_value::<RawRedisConfig>(json!({"name": "m", "urll": "redis://h"}));
    assert!(unknown.unwrap_err().to_string().contains("unknown field `urll`"));
}

proptest! {
    #[test]
    fn any_text_is_parsed_without_panic(text in ".{0,200}", scheme in prop::sample::select(vec!["redis://", "unix://", "redis+sentinel://", ""])) {
        let _ = url::parse(&format!("{scheme}{text}"));
    }
}
