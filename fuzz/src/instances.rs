//! What load balancers, services and TLS servers answer.

use vigie_collect::source::go_api::feed::{Feed, FeedPage};
use vigie_collect::source::haproxy::{decode as haproxy, exposition};
use vigie_collect::source::n8n::decode as n8n;
use vigie_collect::source::prometheus::{Format, Limits, decode};
use vigie_collect::source::{caddy, go_api, nginx, probe};
use vigie_model::Time;

/// HAProxy's statistics, and what it says of itself.
pub fn haproxy_csv(data: &[u8]) {
    match haproxy::servers(data) {
        Ok(servers) => {
            for server in servers {
                let figures = [
                    server.changed_seconds,
                    server.check_seconds,
                    server.sessions,
                    server.queued,
                    server.response_seconds,
                ];
                assert!(figures.into_iter().flatten().all(|one| one.is_finite() && one >= 0.0));
                assert!(server.address.is_none_or(|address| !address.is_empty()));
            }
        }
        Err(fault) => assert!(!fault.to_string().is_empty()),
    }
    let _ = (haproxy::info(data), nginx::decode::connections(data));
}

/// Pages of metrics, and Caddy's list of upstreams.
pub fn metrics_text(data: &[u8]) {
    for format in [Format::Text, Format::OpenMetrics, Format::Protobuf] {
        if let Ok(decoded) = decode(format, data, &Limits::default()) {
            assert!(decoded.samples.iter().all(|one| !one.labels.metric_name().is_empty()));
        }
    }
    match exposition::servers(data) {
        Ok((servers, _)) => {
            let seconds = servers.iter().filter_map(|server| server.check_seconds);
            assert!(seconds.into_iter().all(|one| one.is_finite() && one >= 0.0));
        }
        Err(fault) => assert!(!fault.to_string().is_empty()),
    }
    for kind in ["text/plain", "application/json"] {
        if let Ok(process) = go_api::decode::page(kind, data) {
            assert!(process.in_flight.is_none_or(|count| count >= 0.0));
        }
    }
    let _ = (caddy::decode::healthy(data), caddy::decode::upstreams(data));
}

/// A certificate in DER.
pub fn certificate(data: &[u8]) {
    let _ = probe::certificate::ends(data);
}

/// What n8n answers: its figures, a page of workflows or executions, one that failed.
pub fn n8n_answers(data: &[u8]) {
    if let Ok(figures) = n8n::metrics(data) {
        assert!(figures.in_flight.is_none_or(|count| count >= 0.0));
        assert!(figures.started.keys().all(|id| !id.is_empty()));
    }
    if let Ok(page) = n8n::list::<n8n::Workflow>(data) {
        for one in page.data {
            let _ = (one.updated(), one.timezone(), one.keeps_successes(), one.nodes().len());
        }
    }
    if let Ok(page) = n8n::list::<n8n::Execution>(data) {
        for one in page.data {
            let _ = (one.started(), one.stopped(), one.wait_till(), one.is_retry());
        }
    }
    if let Ok(why) = n8n::failure(data) {
        assert!(why.message.is_none_or(|message| message.chars().count() <= 2_000));
    }
}

/// A page of a Go service's log entries, events or job records.
pub fn go_api_pages(data: &[u8]) {
    let now = Time::from_millis(1_795_442_619_000);
    for feed in [Feed::Logs, Feed::Events, Feed::Jobs] {
        let Ok(page) = FeedPage::parse(feed, data) else { continue };
        let (good, bad) = match feed {
            Feed::Jobs => {
                let jobs = page.jobs(0.25);
                (jobs.good.len(), jobs.bad)
            }
            _ => {
                let lines = page.lines(feed, "shop", "10.0.0.1:8080", now);
                assert!(lines.good.iter().all(|line| !line.instance.is_empty()));
                assert_eq!(lines.good.len() as u64 + lines.bad, page.count(feed) as u64);
                (lines.good.len(), lines.bad)
            }
        };
        assert!(good as u64 + bad <= page.count(feed) as u64);
        let _ = page.clock();
    }
}
