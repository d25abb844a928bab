//! Probes of every kind, and services, against servers of the test's own.

use std::io::Write as _;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use vigie_collect::source::Backends;
use vigie_model::InstanceStatus::{Degraded, Down, Up};
use vigie_testkit::{Certificates, WebAnswer, WebServer, free_port};

use crate::watch::{go_api, probe};

/// Answers `ok` over TLS with these certificates, until the test ends.
fn tls_server(files: &Certificates) -> u16 {
    let (certificate, key) = files.server();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            CertificateDer::pem_file_iter(certificate).unwrap().map(Result::unwrap).collect(),
            PrivateKeyDer::from_pem_file(key).unwrap(),
        )
        .unwrap();
    let config = Arc::new(config);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut tls = rustls::StreamOwned::new(connection, stream);
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n";
            let mut head = [0; 4_096];
            if std::io::Read::read(&mut tls, &mut head).is_ok_and(|read| read > 0) {
                drop(tls.write_all(answer.as_bytes()));
                tls.conn.send_close_notify();
                drop(tls.flush());
            }
        }
    });
    port
}

/// Answers everything as a server without TLS does.
fn plain_server() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"));
            let mut hello = [0; 4_096];
            drop(std::io::Read::read(&mut stream, &mut hello));
        }
    });
    port
}

#[tokio::test]
async fn tls_is_checked_and_the_end_of_a_certificate_seen() {
    let (good, old, other) =
        (Certificates::new(), Certificates::expired(), Certificates::for_host("elsewhere.example"));
    let [fine, expired, elsewhere] = [&good, &old, &other].map(tls_server);
    let plain = plain_server();
    let probes = |files: Option<&Certificates>, targets: Vec<String>, days: u32| {
        let tls = files.map(|files| json!({"ca_file": files.ca()}));
        let json = json!({"targets": targets, "tls": tls, "certificate_days": days,
            "poll_seconds": 2, "timeout_seconds": 1});
        probe(json, &Backends::default())
    };
    let https = format!("https://127.0.0.1:{fine}/");
    let watch = probes(Some(&good), vec![https.clone(), format!("tls://127.0.0.1:{fine}")], 0);
    let names =
        [https.as_str(), &format!("tls://127.0.0.1:{fine}")].map(|name| (name.to_owned(), Up));
    let expected: Vec<_> = names.iter().map(|(name, status)| (name.as_str(), *status)).collect();
    watch.statuses(&expected).await;

    // rcgen's certificates end in 4096: that is "soon" only for somebody who asks for centuries.
    let soon = probes(Some(&good), vec![https.clone()], 3_650)
        .statuses(&[(&https[8..https.len() - 1], Up)])
        .await;
    assert_eq!(soon[0].error, None);

    let wrong = [
        (Some(&old), expired, "the server's certificate has expired"),
        (Some(&other), elsewhere, "the server's certificate is for another name"),
        (None, fine, "signed by an authority that is not trusted here"),
        (Some(&good), plain, "the server does not speak TLS on this port"),
    ];
    for (files, port, says) in wrong {
        let watch = probes(files, vec![format!("https://127.0.0.1:{port}/")], 14);
        let found = watch.statuses(&[(&format!("127.0.0.1:{port}"), Down)]).await;
        assert!(found[0].error.as_deref().unwrap().contains(says), "{says}: {:?}", found[0].error);
        assert_eq!(found[0].probe.as_ref().unwrap().as_str(), "TLS");
    }
}

#[tokio::test]
async fn tcp_and_names_with_several_addresses_are_asked() {
    let server = WebServer::start();
    let port = server.port();
    let nobody = free_port();
    let targets = [format!("tcp://127.0.0.1:{port}"), format!("tcp://127.0.0.1:{nobody}")];
    let watch = probe(json!({"targets": targets, "role": "db"}), &Backends::default());
    let names = [format!("127.0.0.1:{port}"), format!("127.0.0.1:{nobody}")];
    let found = watch.statuses(&[(&names[0], Up), (&names[1], Down)]).await;
    assert_eq!(found[0].key.role.as_str(), "db");
    assert!(
        found[1]
            .error
            .as_deref()
            .unwrap()
            .starts_with(&format!("tcp://{}: connection refused", names[1]))
    );

    let by_name = probe(json!({"dns": format!("http://localhost:{port}/x")}), &Backends::default());
    by_name
        .until("127.0.0.1 is one of them", |instances, _| {
            instances
                .iter()
                .find(|one| one.key.instance.as_str() == names[0] && one.status == Up)
                .map(|_| ())
        })
        .await;
    let unknown = probe(json!({"dns": "http://nobody.invalid/"}), &Backends::default());
    let (error, hint) = unknown.fault().await;
    assert!(error.contains("nobody.invalid:80"), "{error}");
    assert!(hint.unwrap().contains("DNS"));
}

#[tokio::test]
async fn a_server_that_comes_and_goes_is_followed() {
    let server = WebServer::start();
    let (port, address) = (server.port(), server.address());
    let watch =
        probe(json!({"targets": [server.url("/")], "slow_seconds": 5}), &Backends::default());
    watch.statuses(&[(&address, Up)]).await;
    drop(server);
    watch.statuses(&[(&address, Down)]).await;
    let server = WebServer::on(port);
    watch.statuses(&[(&address, Up)]).await;
    server.set(
        "*",
        WebAnswer::ok("text/plain", "slowly").after(std::time::Duration::from_millis(150)),
    );
    let slow =
        probe(json!({"targets": [server.url("/")], "slow_seconds": 0.1}), &Backends::default());
    let found = slow.statuses(&[(&address, Degraded)]).await;
    assert!(found[0].error.as_deref().unwrap().contains("more than 0.1 s"), "{found:?}");
}

#[tokio::test]
async fn a_service_tells_its_version_load_and_starts() {
    const PATH: &str = "/api/v1/metrics";
    let (json_service, text_service) = (WebServer::start(), WebServer::start());
    let page = |boot: &str| {
        let body = json!({"boot": boot, "version": "1.4.2", "http": {"in_flight": 3}});
        WebAnswer::ok("application/json", &body.to_string())
    };
    json_service.set(PATH, page("aaaa"));
    let text = "shop_build_info{version=\"2.0\"} 1\nhttp_requests_in_flight 5\n";
    text_service.set(PATH, WebAnswer::ok("text/plain; version=0.0.4", text));
    let (one, two) = (json_service.address(), text_service.address());
    let mut urls = vec![json_service.url(""), text_service.url("")];
    urls.sort();
    let watch = go_api(json!({"urls": urls, "bearer_token": "t0ken"}));
    let found = watch
        .until("both up", |instances, _| {
            let up = instances.iter().filter(|one| one.status == Up).count();
            (up == 2).then(|| instances.to_vec())
        })
        .await;
    let of = |name: &str| found.iter().find(|one| one.key.instance.as_str() == name).unwrap();
    let version = |name: &str| of(name).version.as_ref().map(|version| version.as_str().to_owned());
    assert_eq!((version(&one).as_deref(), of(&one).load), (Some("1.4.2"), Some(3.0)));
    assert_eq!((version(&two).as_deref(), of(&two).load), (Some("2.0"), Some(5.0)));
    assert_eq!(of(&one).boot.as_ref().unwrap().as_str(), "aaaa");
    assert_eq!(of(&two).boot, None, "absent is absent");
    let head = json_service.heads()[0].to_ascii_lowercase();
    assert!(head.contains("authorization: bearer t0ken"), "{head}");

    json_service.set(PATH, WebAnswer::status(401, "who are you?"));
    let hint = watch.until("refused", |instances, _| {
        let refused = instances.iter().find(|instance| instance.key.instance.as_str() == one)?;
        refused.error.clone().filter(|_| refused.status == Down)
    });
    let expected = format!(
        "{}: HTTP 401: who are you? (set username and password, or bearer_token)",
        json_service.url(PATH)
    );
    assert_eq!(hint.await, expected);
}
