use vigie_model::{InstanceStatus, Time};

use super::config::{HaproxyConfig, HaproxyPlace, RawHaproxyConfig};
use super::decode::{CsvFault, Server, info, servers};
use super::exposition;
use super::poll::instance;
use super::routes::csv;

const PAGE: &[u8] = include_bytes!("fixtures/stats.csv");
const DRAINING: &[u8] = include_bytes!("fixtures/stats_drain_maint.csv");
const SOCKET: &[u8] = include_bytes!("fixtures/show_stat.csv");
const INFO: &[u8] = include_bytes!("fixtures/show_info.txt");

fn named<'a>(servers: &'a [Server], backend: &str, name: &str) -> &'a Server {
    let found = servers.iter().find(|server| server.backend == backend && server.name == name);
    found.expect("it is in the capture")
}

#[test]
fn the_page_has_servers_and_nothing_else() {
    let found = servers(PAGE).unwrap();
    let names: Vec<_> =
        found.iter().map(|server| (server.backend.as_str(), server.name.as_str())).collect();
    let expected = [
        ("be_app", "app1"),
        ("be_app", "app2"),
        ("be_app", "app3"),
        ("be_maint", "m1"),
        ("be_maint", "m2"),
    ];
    assert_eq!(names, expected);
    let app2 = named(&found, "be_app", "app2");
    assert_eq!((app2.status.as_str(), app2.sessions), ("UP", Some(0.0)));
    assert_eq!((app2.check_seconds, app2.response_seconds), (Some(0.001), Some(0.021)));
    // Without requests there is no mean; the page does not tell addresses.
    assert_eq!(
        (named(&found, "be_app", "app1").response_seconds, app2.address.as_ref()),
        (None, None)
    );
}

#[test]
fn the_socket_tells_addresses_too_and_the_version() {
    let found = servers(SOCKET).unwrap();
    assert_eq!(named(&found, "be_app", "app3").address.as_deref(), Some("127.0.0.1:8103"));
    let info = info(INFO);
    assert_eq!(info.version.as_deref(), Some("2.6.12-1+deb12u4"));
    assert_eq!(info.uptime_seconds, Some(16));
}

#[test]
fn every_word_of_haproxy_has_a_status_and_its_reason() {
    let now = Time::from_seconds(1_000);
    let of = |body: &[u8], backend: &str, name: &str| {
        instance(named(&servers(body).unwrap(), backend, name), now)
    };
    let up = of(PAGE, "be_app", "app1");
    assert_eq!((up.status, up.error, up.latency), (InstanceStatus::Up, None, Some(0.004)));
    assert_eq!(up.since, Some(Time::from_seconds(994)));
    let down = of(PAGE, "be_app", "app3");
    assert_eq!(down.status, InstanceStatus::Down);
    assert_eq!(down.error.as_deref(), Some("HAProxy says DOWN: L4CON: Connection refused"));
    assert_eq!(down.latency, None, "the time to refuse is no latency");
    let drain = of(DRAINING, "be_app", "app2");
    assert_eq!(drain.status, InstanceStatus::Degraded);
    assert_eq!(of(DRAINING, "be_app", "app1").status, InstanceStatus::Down);
    assert_eq!(of(PAGE, "be_maint", "m2").status, InstanceStatus::Unknown);
    for (word, status) in [
        ("UP 1/3", InstanceStatus::Degraded),
        ("DOWN 1/2", InstanceStatus::Down),
        ("MAINT (via be/x)", InstanceStatus::Down),
        ("DRAIN (agent)", InstanceStatus::Degraded),
        ("something new", InstanceStatus::Unknown),
    ] {
        let server = Server { status: word.to_owned(), ..Server::default() };
        assert_eq!(instance(&server, now).status, status, "{word}");
    }
}

#[test]
fn the_exporter_says_the_same_servers() {
    let text = r#"# TYPE haproxy_process_build_info gauge
haproxy_process_build_info{version="2.6.12"} 1
haproxy_server_status{proxy="be",server="a",state="DOWN"} 1
haproxy_server_status{proxy="be",server="a",state="UP"} 0
haproxy_server_status{proxy="be",server="b",state="UP"} 1
haproxy_server_check_failures_total{proxy="be",server="a"} 3
haproxy_server_check_failures_total{proxy="be",server="b"} NaN
haproxy_server_check_status{proxy="be",server="a",state="L7STS"} 1
haproxy_server_check_code{proxy="be",server="a"} 503
haproxy_server_check_duration_seconds{proxy="be",server="a"} 0.004
haproxy_server_check_duration_seconds{proxy="be",server="b"} NaN
haproxy_server_response_time_average_seconds{proxy="be",server="b"} 0
haproxy_server_sessions_total{proxy="be",server="b"} 9
haproxy_server_current_sessions{proxy="be",server="b"} 2
haproxy_backend_status{proxy="be",state="UP"} 1
"#;
    let (found, info) = exposition::servers(text.as_bytes()).unwrap();
    assert_eq!((found.len(), info.version.as_deref()), (2, Some("2.6.12")));
    let now = Time::from_seconds(1_000);
    let down = instance(&found[0], now);
    assert_eq!(down.error.as_deref(), Some("HAProxy says DOWN: L7STS/503: wrong status"));
    assert_eq!((found[0].check_seconds, found[1].check_seconds), (Some(0.004), None));
    assert_eq!(instance(&found[1], now).status, InstanceStatus::Unknown, "nobody checks it");
    assert_eq!((found[1].sessions, found[1].response_seconds), (Some(2.0), None));
    let series = r#"haproxy_server_http_responses_total{proxy="be",server="b",code="2xx"} 9"#;
    let (found, _) = exposition::servers(format!("{text}{series}\n").as_bytes()).unwrap();
    assert_eq!(found[1].response_seconds, Some(0.0));
    let fault = |body: &[u8]| exposition::servers(body).unwrap_err().to_string();
    assert!(fault(b"up 1\n").contains("not HAProxy's exporter"));
    assert!(fault(b"<html>").starts_with("line 1"));
}

#[test]
fn columns_may_be_missing_new_and_quoted() {
    let text = b"# pxname,svname,new,status,check_status,last_chk,\nbe,\"a,\"\"b\"\"\",x,DOWN,* L7STS,\"HTTP 503\nno\",\n";
    let found = servers(text).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].name.as_str(), found[0].status.as_str()), ("a,\"b\"", "DOWN"));
    assert_eq!(found[0].check.as_deref(), Some("L7STS"), "a check that is under way");
    assert_eq!(found[0].check_says.as_deref(), Some("HTTP 503\nno"));
    assert_eq!((found[0].sessions, found[0].changed_seconds), (None, None), "absent is not 0");
}

#[test]
fn what_is_no_statistics_is_said_precisely() {
    let fault = |body: &[u8]| servers(body).unwrap_err();
    assert_eq!(fault(b""), CsvFault::Empty);
    assert_eq!(fault(b" \n\n"), CsvFault::Empty);
    assert_eq!(fault(b"<html>no</html>"), CsvFault::NoHeader);
    assert_eq!(fault(b"# pxname,svname\n"), CsvFault::NoColumn("status"));
    assert_eq!(
        fault(b"# pxname,svname,status\nbe,a,UP\nbe,b\n"),
        CsvFault::Ragged { line: 3, found: 2, expected: 3 }
    );
    assert_eq!(fault(b"# pxname,svname,status\nbe,\"a,UP\n"), CsvFault::OpenQuote(2));
    assert!(matches!(fault(b"Permission denied\n"), CsvFault::Refused(_)));
}

#[test]
fn the_page_people_copy_is_asked_for_as_csv() {
    for (url, asked) in [
        ("http://h:8404", "http://h:8404/;csv"),
        ("http://h:8404/", "http://h:8404/;csv"),
        ("http://h/haproxy?stats", "http://h/haproxy?stats;csv"),
        ("http://h/stats;csv;norefresh", "http://h/stats;csv"),
    ] {
        assert_eq!(csv(url), asked);
    }
}

#[test]
fn the_configuration_is_checked() {
    let read = |text: &str| {
        let raw: RawHaproxyConfig =
            serde_json::from_str(text).map_err(|error| error.to_string())?;
        HaproxyConfig::try_from(raw).map_err(|error| error.to_string())
    };
    let config =
        read(r#"{"name": "lb", "url": "http://h:8404/", "username": "u", "password": "s3cret"}"#)
            .unwrap();
    assert!(
        matches!(&config.place, HaproxyPlace::Http(url) if url.to_string() == "http://h:8404/;csv")
    );
    assert!(!format!("{config:?}").contains("s3cret"));
    let exporter = read(r#"{"name": "lb", "metrics_url": "http://h:8405/metrics"}"#).unwrap();
    assert_eq!(exporter.display_url(), "http://h:8405/metrics");
    for (text, says) in [
        (r#"{"name": "lb"}"#, "an address is missing"),
        (
            r#"{"name": "lb", "url": "http://h/", "socket": "/s"}"#,
            "url and socket exclude each other",
        ),
        (r#"{"name": "lb", "metrics_url": "http://h/", "socket": "/s"}"#, "socket and metrics_url"),
        (
            r#"{"name": "lb", "metrics_url": "http://h/", "url": "http://h/"}"#,
            "url and metrics_url",
        ),
        (r#"{"name": "lb", "metrics_url": "h"}"#, "metrics_url: "),
        (r#"{"name": "l b", "socket": "/s"}"#, "source name"),
        (r#"{"name": "lb", "url": "http://u:p@h/"}"#, "username and password"),
        (r#"{"name": "lb", "url": "http://h/", "password": "x"}"#, "username is missing"),
        (r#"{"name": "lb", "url": "http://h/", "bearer_token": "a\nb"}"#, "cannot be sent"),
        (
            r#"{"name": "lb", "url": "http://h/", "poll_seconds": 1, "timeout_seconds": 1}"#,
            "0.05 to 0.5",
        ),
        (r#"{"name": "lb", "url": "http://h/", "bearer_token_file": "/nowhere"}"#, "/nowhere"),
        (r#"{"name": "lb", "uri": "http://h/"}"#, "uri"),
    ] {
        let error = read(text).expect_err(text);
        assert!(error.contains(says), "{text}: {error}");
    }
}
