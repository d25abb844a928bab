//! Replicas that the DNS lists under a service's name (SRV), asked of a name server of the test's own.

use std::net::{Ipv4Addr, UdpSocket};

use serde_json::{Value, json};
use vigie_model::InstanceStatus::Up;
use vigie_testkit::{NameServer, WebAnswer, WebServer};

use crate::watch::go_api;

#[tokio::test]
async fn the_servers_of_a_service_are_replicas_and_are_asked_for_anew() {
    let (one, two) = (WebServer::start(), WebServer::start());
    for server in [&one, &two] {
        server.set("*", WebAnswer::status(404, "no"));
        server.set("/api/v1/metrics", WebAnswer::ok("application/json", r#"{"version": "1"}"#));
    }
    let names = NameServer::start(&[one.port()]);
    let config = |dns: &str| -> Value {
        json!({"dns": dns, "dns_server": format!("127.0.0.1:{}", names.port()), "poll_seconds": 2})
    };
    let watch = go_api(config("_http._tcp.shop.test"));
    watch.statuses(&[(&one.address(), Up)]).await;
    names.set(&[two.port(), one.port(), one.port()]);
    let mut both = [one.address(), two.address()];
    both.sort();
    watch.statuses(&[(&both[0], Up), (&both[1], Up)]).await;
    names.set(&[two.port()]);
    watch.statuses(&[(&two.address(), Up)]).await;

    let (error, hint) = go_api(config("_http._tcp.nobody.test")).fault().await;
    let says = "_http._tcp.nobody.test: the DNS knows no servers of that service (SRV)";
    assert_eq!(error, says);
    assert!(hint.unwrap().contains("check the name"));
    let mut silent = config("_http._tcp.shop.test");
    let nobody = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    silent["dns_server"] = json!(nobody.local_addr().unwrap().to_string());
    let (error, _) = go_api(silent).fault().await;
    assert!(error.contains("the DNS does not answer"), "{error}");
}
