use super::config::{NginxConfig, RawNginxConfig};
use super::decode::{Connections, NotStubStatus, connections};

const PAGE: &[u8] = include_bytes!("fixtures/stub_status.txt");

#[test]
fn the_page_tells_connections() {
    let found = connections(PAGE).unwrap();
    assert_eq!(found, Connections { active: 1, waiting: Some(0) });
    assert_eq!(connections(b"Active connections: 7\n").unwrap().waiting, None);
    let odd = Connections { active: 1, waiting: Some(5) };
    assert_eq!(odd.busy(), 0);
    for page in [&b""[..], b"<html>", b"Active connections: many", b"Active connections: -1"] {
        assert_eq!(connections(page), Err(NotStubStatus));
    }
}

#[test]
fn the_configuration_is_checked() {
    let read = |text: &str| {
        let raw: RawNginxConfig = serde_json::from_str(text).unwrap();
        NginxConfig::try_from(raw).map_err(|error| error.to_string())
    };
    let config = read(
        r#"{"name": "n", "url": "http://h/status", "upstreams": ["a:1", "tcp://b:2"], "path": "/healthz"}"#,
    )
    .unwrap();
    let asked: Vec<String> = config.upstreams.iter().map(ToString::to_string).collect();
    assert_eq!(asked, ["http://a:1/healthz", "tcp://b:2"]);
    assert!(read(r#"{"name": "n"}"#).unwrap_err().contains("stub_status"));
    let wrong = read(r#"{"name": "n", "url": "http://h/", "upstreams": ["a"]}"#).unwrap_err();
    assert!(wrong.contains("\"a\" is no host:port"), "{wrong}");
}
