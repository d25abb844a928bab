use super::config::{GoApiConfig, RawGoApiConfig};
use super::decode::{PageFault, Process, page};

#[test]
fn a_service_says_what_it_is_in_json() {
    let body = br#"{"boot": "9f3a5c1e00b1d2e4", "version": "1.4.2", "instance": "a:17", "process": "web-1:17",
        "http": {"in_flight": 3}, "something": {"new": []}}"#;
    let expected = Process {
        version: Some("1.4.2".to_owned()),
        boot: Some("9f3a5c1e00b1d2e4".to_owned()),
        in_flight: Some(3.0),
        instance: Some("a:17".to_owned()),
        process: Some("web-1:17".to_owned()),
        odd: None,
    };
    assert_eq!(page("application/json; charset=utf-8", body).unwrap(), expected);
    // What is absent or of another type is not known, and no reason to see nothing.
    let odd = br#"{"version": 7, "boot": "", "http": []}"#;
    let says = "in its metrics version is of type number and not text".to_owned();
    let expected = Process { odd: Some(says), ..Process::default() };
    assert_eq!(page("application/json", odd).unwrap(), expected);
    for (body, says) in [
        (r#"{"service": null, "started": "2026-11-23T14:03:39Z", "later": 1}"#, None),
        (r#"{"started": "nope"}"#, Some("started is of type text and not RFC 3339 time")),
        (r#"{"started": 5}"#, Some("started is of type number and not RFC 3339 time")),
        (r#"{"http": {"in_flight": "3"}}"#, Some("http.in_flight is of type text and not number")),
        (r#"{"jobs": [], "x": 1}"#, Some("jobs is of type list and not object")),
        (r#"{"boot": true}"#, Some("boot is of type boolean and not text")),
    ] {
        let odd = page("application/json", body.as_bytes()).unwrap().odd;
        assert_eq!(odd.as_deref(), says.map(|says| format!("in its metrics {says}")).as_deref());
    }
    for body in [&b"[]"[..], b"7", b"<html>", b"", b"{\"a\":"] {
        assert!(matches!(page("application/json", body), Err(PageFault::Json(_))));
    }
}

#[test]
fn or_in_prometheus_text() {
    let body = b"go_build_info{path=\"x\",version=\"(devel)\"} 1\n\
        shop_build_info{version=\"2.0.1\"} 1\n\
        process_start_time_seconds 1.79544268464e+09\n\
        http_requests_in_flight{handler=\"a\"} 2\nhttp_requests_in_flight{handler=\"b\"} 1\n\
        promhttp_metric_handler_requests_in_flight 1\n";
    let found = page("text/plain; version=0.0.4", body).unwrap();
    assert_eq!(found.version.as_deref(), Some("2.0.1"));
    assert_eq!(found.boot.as_deref(), Some("1795442685"));
    assert_eq!(found.in_flight, Some(3.0));
    let contract = b"service_info{service=\"shop\",instance_id=\"a:17\",version=\"1.4.2\",boot=\"9f3a\",go=\"go1.24\"} 1\n\
        process_start_time_seconds 1.7e9\nhttp_requests_in_flight 0\n";
    let expected = Process {
        version: Some("1.4.2".to_owned()),
        boot: Some("9f3a".to_owned()),
        in_flight: Some(0.0),
        instance: Some("a:17".to_owned()),
        process: None,
        odd: None,
    };
    assert_eq!(page("text/plain", contract).unwrap(), expected);
    let plain = page("text/plain", b"up 1\n").unwrap();
    assert_eq!(plain, Process::default(), "absent is not 0");
    assert!(matches!(page("text/plain", b"<html>\n"), Err(PageFault::Text(_))));
}

#[test]
fn the_configuration_is_checked() {
    let read = |text: &str| {
        let raw: RawGoApiConfig = serde_json::from_str(text).unwrap();
        GoApiConfig::try_from(raw).map_err(|error| error.to_string())
    };
    let config = read(
        r#"{"name": "api", "url": "http://a:8080", "urls": ["http://b:8080/metrics"], "dns": "https://api.internal"}"#,
    )
    .unwrap();
    let urls: Vec<String> = config.urls.iter().map(ToString::to_string).collect();
    assert_eq!(urls, ["http://a:8080/api/v1/metrics", "http://b:8080/metrics"]);
    assert_eq!(config.dns.unwrap().to_string(), "https://api.internal/api/v1/metrics");
    let srv = r#"{"name": "api", "dns": "_http._tcp.shop.internal", "dns_server": "127.0.0.1:8600", "asynq": "main"}"#;
    let config = read(srv).unwrap();
    assert_eq!(
        config.display_url(),
        "every server of http://_http._tcp.shop.internal/api/v1/metrics"
    );
    assert_eq!(config.dns_server.unwrap().to_string(), "127.0.0.1:8600");
    assert_eq!(config.asynq.unwrap().as_str(), "main");
    let error =
        read(r#"{"name": "api", "dns": "http://h", "dns_server": "127.0.0.1"}"#).unwrap_err();
    assert!(error.contains("dns_server goes with dns: a service"), "{error}");
    let error = read(&srv.replace("127.0.0.1:8600", "consul")).unwrap_err();
    assert!(error.contains("dns_server"), "{error}");
    assert!(read(&srv.replace("\"main\"", "\"ma in\"")).is_err());
    assert!(read(r#"{"name": "api"}"#).unwrap_err().contains("an address is missing"));
    assert!(read(r#"{"name": "api", "urls": ["a:8080"]}"#).unwrap_err().contains("urls: "));
}
