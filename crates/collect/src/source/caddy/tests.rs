use vigie_model::{InstanceStatus, Name};

use super::config::{CaddyConfig, RawCaddyConfig};
use super::decode::{CaddyFault, Upstream, healthy, instance, upstreams};

const UPSTREAMS: &[u8] = include_bytes!("fixtures/upstreams.json");
const METRICS: &[u8] = include_bytes!("fixtures/metrics.prom");

#[test]
fn upstreams_are_listed_and_the_gauge_says_how_they_are() {
    let (found, health) = (upstreams(UPSTREAMS).unwrap(), healthy(METRICS).unwrap());
    let statuses: Vec<_> = found
        .iter()
        .map(|one| {
            let instance =
                instance(one, health.get(&one.address).copied(), &Name::from("upstream"));
            (instance.address.unwrap().to_string(), instance.status, instance.load)
        })
        .collect();
    let expected = [
        ("127.0.0.1:8101".to_owned(), InstanceStatus::Up, Some(0.0)),
        ("127.0.0.1:8102".to_owned(), InstanceStatus::Up, Some(0.0)),
        ("127.0.0.1:8103".to_owned(), InstanceStatus::Down, Some(0.0)),
    ];
    assert_eq!(statuses, expected);
}

#[test]
fn without_its_gauge_nothing_is_known_and_failures_degrade() {
    let upstream = Upstream { address: "A:80".to_owned(), num_requests: None, fails: Some(2) };
    let role = Name::from("upstream");
    let unknown = instance(&upstream, None, &role);
    assert_eq!(
        (unknown.status, unknown.load, unknown.balancer),
        (InstanceStatus::Unknown, None, None)
    );
    let failing = instance(&upstream, Some(true), &role);
    assert_eq!(failing.status, InstanceStatus::Degraded);
    assert_eq!(failing.error.as_deref(), Some("Caddy counts 2 failed requests lately"));
    assert_eq!(failing.address.unwrap().as_str(), "a:80");
}

#[test]
fn the_list_may_be_null_repeated_or_something_else() {
    assert_eq!(upstreams(b"null").unwrap(), []);
    let twice = br#"[{"address":"a:1","num_requests":1,"new":{}},{"address":"a:1"}]"#;
    assert_eq!(upstreams(twice).unwrap().len(), 1);
    for body in [&b"{}"[..], b"<html>", b"[1]", b"[{}]", b""] {
        assert!(matches!(upstreams(body), Err(CaddyFault::Upstreams(_))));
    }
}

#[test]
fn the_admin_api_is_where_caddy_has_it_by_default() {
    let read =
        |text: &str| CaddyConfig::try_from(serde_json::from_str::<RawCaddyConfig>(text).unwrap());
    let config = read(r#"{"name": "c"}"#).unwrap();
    assert_eq!(config.url.to_string(), "http://127.0.0.1:2019/");
    assert!(read(r#"{"name": "c", "url": "unix//run/caddy"}"#).is_err());
}
