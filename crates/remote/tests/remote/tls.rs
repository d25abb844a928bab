//! A real Prometheus behind TLS with an authority of its own, which asks for client certificates.

use std::time::Duration;

use serde_json::{Value, json};
use vigie_remote::{Outbox, Sender};
use vigie_testkit::{Certificates, Prometheus, TlsFront};

use crate::prometheus::{check, scrape};
use crate::support::*;

const WITHIN: Duration = Duration::from_secs(30);

fn port(server: &Prometheus) -> u16 {
    server.url().rsplit(':').next().unwrap().parse().unwrap()
}

/// What is wrong, as `vigie check` would say it, for writes and for queries.
async fn wrong(url: &str, tls: Value) -> String {
    let config = config(url, &json!({"tls": tls}));
    let write = config.check_write(WITHIN).await.unwrap_err();
    let query = config.check_query(WITHIN).await.unwrap().unwrap_err();
    assert!(write.contains("TLS: ") && query.contains("TLS: "), "{write}\n{query}");
    write
}

#[tokio::test]
async fn samples_and_queries_go_by_certificates_of_ones_own() {
    let server = Prometheus::builder().argument("--enable-feature=native-histograms").start();
    let (own, other) = (Certificates::new(), Certificates::new());
    let front = TlsFront::with_clients(&own, port(&server));
    let (certificate, key) = own.client();
    let stranger = other.client();
    for (tls, says) in [
        (json!({}), "is signed by an authority that is not trusted here: set tls.ca_file"),
        (json!({"ca_file": other.ca()}), "is signed by an authority that is not trusted here"),
        (json!({"ca_file": own.ca()}), "asks for a client certificate: set tls.cert_file"),
        (
            json!({"ca_file": own.ca(), "cert_file": stranger.0, "key_file": stranger.1}),
            "refuses Vigie's client certificate: use a tls.cert_file",
        ),
    ] {
        let error = wrong(&front.url(), tls).await;
        assert!(error.contains(says), "{error}");
    }

    let tls = json!({"ca_file": own.ca(), "cert_file": certificate, "key_file": key});
    let config = config(&front.url(), &json!({"tls": tls}));
    config.check_write(WITHIN).await.unwrap();
    config.check_query(WITHIN).await.unwrap().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(&options(dir.path())).unwrap();
    let start = now() / 1_000 * 1_000 - 100_000;
    for n in 0..10 {
        push(&outbox, scrape(start + n * 1_000, n));
    }
    let sender = Sender::start(&outbox, &config, &quick()).unwrap();
    emptied(&outbox).await;
    sender.stop().await;
    check(&server, start, 10);
}

#[tokio::test]
async fn a_certificate_for_another_name_or_of_long_ago_is_named() {
    let server = Prometheus::start();
    for (certificates, says) in [
        (Certificates::for_host("elsewhere.test"), "is for another name: use the name that is in"),
        (Certificates::expired(), "has expired: renew"),
    ] {
        let front = TlsFront::start(&certificates, port(&server));
        let error = wrong(&front.url(), json!({"ca_file": certificates.ca()})).await;
        assert!(error.contains(says), "{error}");
    }
    // TLS to a port without.
    let plain = server.url().replace("http://", "https://");
    let error = wrong(&plain, json!({})).await;
    assert!(error.contains("does not speak TLS on this port: use a URL without"), "{error}");
}
