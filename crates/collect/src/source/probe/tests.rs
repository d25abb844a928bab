use std::time::Duration;

use vigie_model::{InstanceStatus, Time};

use super::config::{Ask, Expect, ProbeConfig, RawProbeConfig};
use super::decode::{self, Verdict};
use crate::http::{Answer, HttpFault};

fn read(text: &str) -> Result<ProbeConfig, String> {
    let raw: RawProbeConfig = serde_json::from_str(text).map_err(|error| error.to_string())?;
    ProbeConfig::try_from(raw).map_err(|error| error.to_string())
}

fn answered(status: u16, body: &str) -> Answer {
    Answer {
        status,
        content_type: "text/plain".to_owned(),
        location: None,
        body: body.as_bytes().to_vec(),
        seconds: 0.25,
    }
}

#[test]
fn statuses_bodies_and_times_are_held_against_what_is_expected() {
    let config = read(
        r#"{"name": "p", "targets": ["http://h/"], "expect_status": [200, 204], "expect_body": "/ok|fine/", "slow_seconds": 1}"#,
    )
    .unwrap();
    let of = |answer: &Answer| decode::answer("http://h/", answer, &config.expect);
    assert_eq!(of(&answered(200, "all fine")), Verdict::good(0.25));
    let wrong = of(&answered(200, "no"));
    assert_eq!((wrong.status, wrong.word.as_str()), (InstanceStatus::Down, "wrong body"));
    assert_eq!(wrong.error.as_deref(), Some("http://h/: the body does not hold \"/ok|fine/\""));
    let refused = of(&answered(503, "starting up\nmore"));
    assert_eq!((refused.status, refused.word.as_str()), (InstanceStatus::Down, "HTTP 503"));
    assert_eq!(refused.error.as_deref(), Some("http://h/: HTTP 503: starting up"));
    assert_eq!(
        of(&answered(302, "ok")).status,
        InstanceStatus::Down,
        "only what is listed is good"
    );
    let slow = of(&Answer { seconds: 1.5, ..answered(200, "ok") });
    assert_eq!((slow.status, slow.word.as_str()), (InstanceStatus::Degraded, "slow"));
    assert_eq!(slow.seconds, Some(1.5), "a slow answer is one");
    assert_eq!(decode::answer("h", &answered(302, ""), &Expect::default()).word, "ok");
}

#[test]
fn a_certificate_that_ends_soon_degrades_only_a_good_answer() {
    let (now, expect) = (Time::from_seconds(0), Expect::default());
    let ends = now + 13.5 * 86_400.0;
    let soon = Verdict::good(0.1).with_certificate("https://h/", ends, &expect, now);
    assert_eq!(soon.status, InstanceStatus::Degraded);
    assert_eq!(soon.error.as_deref(), Some("https://h/: the certificate ends in 13 days"));
    let later = now + 15.0 * 86_400.0;
    assert_eq!(Verdict::good(0.1).with_certificate("h", later, &expect, now).word, "ok");
    let down = Verdict::fault(&HttpFault::Refused("h".to_owned()));
    assert_eq!(down.clone().with_certificate("h", ends, &expect, now), down);
}

#[test]
fn the_configuration_is_checked() {
    let config = read(
        r#"{"name": "p", "targets": ["https://H.example/x", "tcp://h:25", "tls://[::1]:993"], "backends_of": "lb", "path": "healthz"}"#,
    )
    .unwrap();
    let addresses: Vec<String> = config.targets.iter().map(Ask::address).collect();
    assert_eq!(addresses, ["h.example:443", "h:25", "[::1]:993"]);
    let follow = config.follow.unwrap();
    assert_eq!(follow.ask("10.0.0.1:80").unwrap().to_string(), "http://10.0.0.1:80/healthz");
    assert_eq!(follow.ask("unix@/run/x.sock"), None);
    assert_eq!(config.access.timeout, Duration::from_secs(2));
    for (text, says) in [
        (r#"{"name": "p"}"#, "nobody is asked"),
        (r#"{"name": "p", "targets": ["h:80"]}"#, "must begin with http"),
        (r#"{"name": "p", "targets": ["tcp://h"]}"#, "is no host:port"),
        (r#"{"name": "p", "backends_of": "lb", "check": "icmp"}"#, "none of http, https, tcp, tls"),
        (r#"{"name": "p", "targets": ["http://h"], "path": "/x"}"#, "belong to backends_of"),
        (r#"{"name": "p", "targets": ["http://h"], "expect_body": "/(/"}"#, "expect_body"),
        (r#"{"name": "p", "targets": ["http://h"], "expect_status": [99]}"#, "100 to 599"),
        (r#"{"name": "p", "backends_of": "lb", "path": "a b"}"#, "no path"),
    ] {
        let error = read(text).err().unwrap_or_default();
        assert!(error.contains(says), "{text}: {error}");
    }
}
