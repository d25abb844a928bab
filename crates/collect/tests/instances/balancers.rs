//! Real HAProxy, nginx and Caddy in front of three servers, one killed and one slow.

use std::time::{Duration, Instant};

use serde_json::json;
use vigie_collect::source::Backends;
use vigie_model::InstanceStatus::{Down, Up};
use vigie_model::{CheckState, Instance, PollReport, Time};
use vigie_testkit::{Caddy, Haproxy, Nginx, WebAnswer, WebServer, http_get};

use crate::watch::{Watch, config, haproxy, probe};

fn check<'a>(report: &'a PollReport, id: &str) -> &'a vigie_model::Check {
    report.checks.iter().find(|check| check.id == id).unwrap()
}

/// Two servers that run, the second slow, and a port where one was.
fn servers() -> (WebServer, WebServer, u16) {
    let (quick, slow, killed) = (WebServer::start(), WebServer::start(), WebServer::start());
    slow.set("/lb", WebAnswer::ok("text/plain", "ok").after(Duration::from_millis(150)));
    let port = killed.port();
    drop(killed);
    (quick, slow, port)
}

#[tokio::test]
async fn haproxy_says_who_is_down_and_why_by_page_and_by_socket() {
    let (quick, slow, killed) = servers();
    let mut lb = Haproxy::start(&[("app1", quick.port()), ("app2", slow.port()), ("app3", killed)]);
    let backends = Backends::default();
    let page = haproxy(json!({"url": lb.stats_url()}), &backends);
    let found = page.statuses(&[("app1", Up), ("app2", Up), ("app3", Down)]).await;
    assert_eq!(found[2].error.as_deref(), Some("HAProxy says DOWN: L4CON: Connection refused"));
    assert_eq!(found[2].balancer.as_ref().unwrap().as_str(), "DOWN");
    assert!(found[1].latency.unwrap() >= 0.15, "the slow one's check took as long: {:?}", found[1]);
    assert_eq!(found[0].address.as_ref().unwrap().as_str(), quick.address());
    assert_eq!(found[0].key.role.as_str(), "be_app");

    let socket = haproxy(json!({"socket": lb.socket()}), &backends);
    let found = socket.statuses(&[("app1", Up), ("app2", Up), ("app3", Down)]).await;
    assert_eq!(found[0].address.as_ref().unwrap().as_str(), quick.address());
    let version = socket.until("a version", |_, report| {
        let server = report.server.as_ref()?;
        Some((server.product, server.version.clone()))
    });
    let (product, version) = version.await;
    assert!(product == "haproxy" && version.starts_with(|one: char| one.is_ascii_digit()));

    // Taken out by hand; brought back; a health check that fails otherwise.
    lb.say("set server be_app/app1 state maint");
    let found = page.statuses(&[("app1", Down), ("app2", Up), ("app3", Down)]).await;
    assert_eq!(found[0].error.as_deref(), Some("HAProxy says MAINT: taken out by hand"));
    lb.say("set server be_app/app1 state ready");
    page.statuses(&[("app1", Up), ("app2", Up), ("app3", Down)]).await;
    quick.set("/lb", WebAnswer::status(503, "no"));
    let says = "HAProxy says DOWN: L7STS/503";
    let failed = |one: &Instance| one.error.as_deref().is_some_and(|error| error.starts_with(says));
    page.until(says, |instances, _| failed(&instances[0]).then_some(())).await;

    lb.kill();
    let (error, hint) = page.fault().await;
    assert_eq!(error, format!("{};csv: connection refused", lb.stats_url()));
    assert!(hint.unwrap().contains("is it running"));
    let (error, _) = socket.fault().await;
    assert!(error.contains("nobody listens at the socket"), "{error}");
}

#[tokio::test]
async fn haproxys_exporter_says_the_same_as_its_page() {
    let (quick, slow, killed) = servers();
    let lb = Haproxy::start(&[
        ("app1", quick.port()),
        ("app2", slow.port()),
        ("app3", killed),
        ("app4", quick.port()),
    ]);
    lb.say("set server be_app/app4 state maint");
    for _ in 0..8 {
        http_get(lb.port(), "/lb").unwrap();
    }
    let backends = Backends::default();
    let page = haproxy(json!({"url": lb.stats_url()}), &backends);
    let exporter = haproxy(json!({"metrics_url": lb.metrics_url()}), &backends);
    let all = [("app1", Up), ("app2", Up), ("app3", Down), ("app4", Down)];
    // What passes between the two questions is another matter; what the exporter never says, too.
    let comparable = |mut one: Instance| {
        (one.address, one.load) = (None, None);
        one.since = one.since.map(|_| Time::default());
        one.error = one.error.map(|text| text.split(": ").take(2).collect::<Vec<_>>().join(": "));
        // The page says whole milliseconds, the exporter the same as seconds.
        one.latency = one.latency.map(|seconds| (seconds * 1e3).round() / 1e3);
        one
    };
    let deadline = Instant::now() + Duration::from_secs(30);
    let right = loop {
        let left: Vec<_> = page.statuses(&all).await.into_iter().map(comparable).collect();
        let right = exporter.statuses(&all).await;
        if left == right.iter().cloned().map(comparable).collect::<Vec<_>>() {
            break right;
        }
        // A check may have run between the two.
        assert!(Instant::now() < deadline, "{left:#?}\n{right:#?}");
    };
    assert_eq!(right[2].error.as_deref(), Some("HAProxy says DOWN: L4CON: no connection"));
    assert!(right[1].latency.unwrap() >= 0.15, "{:?}", right[1]);
    let facts = exporter.until("a version", |_, report| report.server.clone());
    assert_eq!(facts.await.product, "haproxy");
    let fix = exporter.until("the checks", |_, report| {
        let check = check(report, "addresses");
        (check.state == CheckState::Missing).then(|| check.fix.clone().unwrap())
    });
    assert!(fix.await.contains("use url or socket instead"));
    // Somebody else's metrics.
    let other = WebServer::start();
    other.set("/metrics", WebAnswer::ok("text/plain", "up 1\n"));
    let other = haproxy(json!({"metrics_url": other.url("/metrics")}), &backends);
    let (error, _) = other.fault().await;
    assert!(error.contains("this is not HAProxy's exporter"), "{error}");
}

#[tokio::test]
async fn a_page_behind_a_password_and_one_without_addresses_say_what_to_do() {
    let server = WebServer::start();
    let lb = Haproxy::start(&[("app1", server.port())]);
    let backends = Backends::default();
    let stranger = haproxy(json!({"url": lb.closed_url()}), &backends);
    let (error, hint) = stranger.fault().await;
    assert!(error.contains(": HTTP 401"), "{error}");
    assert_eq!(hint.as_deref(), Some("set username and password, or bearer_token"));
    let known = json!({"url": lb.closed_url(), "username": "vigie", "password": "s3cret"});
    let known = haproxy(known, &backends);
    known.statuses(&[("app1", Up)]).await;
    let fix = known.until("the checks", |_, report| {
        let check = check(report, "addresses");
        (check.state == CheckState::Missing).then(|| check.fix.clone().unwrap())
    });
    assert!(fix.await.contains("stats show-legends"));
    // Something else at that path.
    let other = haproxy(json!({"url": server.url("/stats")}), &backends);
    let (error, _) = other.fault().await;
    assert!(error.contains("not HAProxy's statistics as CSV"), "{error}");
}

#[tokio::test]
async fn probes_follow_the_balancers_own_backends() {
    let (quick, slow, killed) = servers();
    let lb = Haproxy::start(&[("app1", quick.port()), ("app2", slow.port()), ("app3", killed)]);
    let backends = Backends::default();
    slow.set("/deep", WebAnswer::ok("text/plain", "fine").after(Duration::from_millis(150)));
    quick.set("/deep", WebAnswer::status(500, "no database"));
    let following = json!({"name": "p", "backends_of": "lb", "path": "/deep", "slow_seconds": 0.1});
    let probes = probe(following, &backends);
    // Before the balancer has told, nobody is asked, and that is said.
    let unknown = probes.until("no backends", |instances, report| {
        (instances.is_empty() && report.checks.len() == 2).then(|| check(report, "backends").state)
    });
    assert_eq!(unknown.await, CheckState::Unknown);
    let lb = haproxy(json!({"name": "lb", "url": lb.stats_url()}), &backends);
    let found = probes
        .until("three backends", |instances, _| (instances.len() == 3).then(|| instances.to_vec()))
        .await;
    let of = |port: u16| {
        let address = format!("127.0.0.1:{port}");
        found.iter().find(|one| one.key.instance.as_str() == address).unwrap().clone()
    };
    assert_eq!(of(quick.port()).status, Down);
    let expected = format!("{}: HTTP 500: no database", quick.url("/deep"));
    assert_eq!(of(quick.port()).error.as_deref(), Some(expected.as_str()));
    assert_eq!(of(slow.port()).probe.unwrap().as_str(), "slow");
    assert!(of(slow.port()).latency.unwrap() >= 0.15);
    let dead = of(killed);
    assert_eq!((dead.status, dead.probe.unwrap().as_str(), dead.latency), (Down, "refused", None));
    assert_eq!(dead.key.role.as_str(), "be_app", "the balancer's name of the group");
    drop(lb);
}

#[tokio::test]
async fn nginx_tells_its_connections_and_its_upstreams_are_asked() {
    use vigie_collect::source::nginx::{self, RawNginxConfig};
    let (quick, slow, killed) = servers();
    let nginx = Nginx::start(&[quick.port(), slow.port(), killed]);
    let upstreams = [quick.address(), slow.address(), format!("127.0.0.1:{killed}")];
    let config = config::<RawNginxConfig, _>(
        json!({"url": nginx.status_url(), "upstreams": upstreams, "path": "/lb"}),
    );
    let watch = Watch::start(|context| nginx::run(config, Backends::default(), context));
    let found = watch
        .until("all of them", |instances, _| (instances.len() == 4).then(|| instances.to_vec()))
        .await;
    let nginx = &found[0];
    assert_eq!((nginx.key.role.as_str(), nginx.status), ("nginx", Up));
    assert!(nginx.load.unwrap() >= 1.0, "our own connection at least");
    let statuses: Vec<_> = found[1..].iter().map(|one| one.status).collect();
    assert_eq!(statuses, [Up, Up, Down]);
    assert!(found[3].error.as_deref().unwrap().contains("connection refused"));
}

#[tokio::test]
async fn caddys_gauge_says_who_is_healthy() {
    use vigie_collect::source::caddy::{self, RawCaddyConfig};
    let (quick, slow, killed) = servers();
    let caddy = Caddy::start(&[quick.port(), slow.port(), killed]);
    let config = config::<RawCaddyConfig, _>(json!({"url": caddy.admin_url()}));
    let watch = Watch::start(|context| caddy::run(config, Backends::default(), context));
    // Its gauge is late by a while.
    let found = watch
        .until("one unhealthy", |instances, _| {
            let down = instances.iter().filter(|one| one.status == Down).count();
            let up = instances.iter().filter(|one| one.status == Up).count();
            (down == 1 && up == 2).then(|| instances.to_vec())
        })
        .await;
    let down = found.iter().find(|one| one.status == Down).unwrap();
    assert_eq!(down.address.as_ref().unwrap().as_str(), format!("127.0.0.1:{killed}"));
    assert_eq!(down.error.as_deref(), Some("Caddy's health check says unhealthy"));
    assert!(http_get(quick.port(), "/lb").is_ok());
}
