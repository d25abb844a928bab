//! Who may ask, what a browser may do, and what becomes of bad requests.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use vigie_server::{AllowedHosts, router, serve};

use crate::filled::{Filled, text};

#[tokio::test]
async fn a_page_of_another_site_gets_nothing() {
    let filled = Filled::new();
    for host in ["evil.example", "127.0.0.1.evil.example:4780", "", "localhost.evil"] {
        let request =
            Request::get("/api/v1/queue/status").header("host", host).body(Body::empty()).unwrap();
        let response = filled.send(request).await;
        assert_eq!(response.status().as_u16(), 421, "{host:?}");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let problem = text(response).await;
        assert!(problem.contains("Host header") && !problem.contains("emails"), "{problem}");
    }
    let none = Request::get("/healthz").body(Body::empty()).unwrap();
    assert_eq!(filled.send(none).await.status().as_u16(), 421, "no Host at all");
    let two = Request::get("/healthz")
        .header("host", "localhost")
        .header("host", "evil")
        .body(Body::empty())
        .unwrap();
    assert_eq!(filled.send(two).await.status().as_u16(), 421, "two Hosts");
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing() {
    let filled = Filled::new();
    for origin in ["http://evil.example", "null", "http://localhost:81"] {
        for path in ["/api/v1/events", "/api/v1/logs", "/api/v1/write", "/loki/api/v1/push"] {
            let request = Request::post(path)
                .header("host", "localhost:80")
                .header("origin", origin)
                .header("content-type", "text/plain")
                .body(Body::from("{\"message\":\"x\"}"))
                .unwrap();
            let response = filled.send(request).await;
            assert_eq!(response.status().as_u16(), 403, "{path} {origin}");
            assert!(text(response).await.contains("/problems/other-origin"), "{path}");
        }
    }
    let own = Request::post("/api/v1/query?query=1")
        .header("host", "localhost:80")
        .header("origin", "http://localhost:80")
        .body(Body::empty())
        .unwrap();
    assert_ne!(filled.send(own).await.status().as_u16(), 403);
}

#[tokio::test]
async fn every_answer_tells_the_browser_to_be_careful() {
    let filled = Filled::new();
    for path in ["/", "/healthz", "/nope.js", "/api/v1/nope"] {
        let response = filled.get_with(path, &[]).await;
        let headers = response.headers();
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{path}"
        );
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert!(headers.contains_key("cache-control"), "{path}");
    }
}

#[tokio::test]
async fn a_browser_that_is_sent_to_lines_or_events_gets_the_page() {
    let filled = Filled::new();
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    for path in ["/logs", "/events", "/logs?level=error"] {
        let response = filled.get_with(path, &[("accept", browser)]).await;
        assert_eq!(response.status().as_u16(), 200, "{path}");
        let headers = response.headers();
        assert!(headers["content-type"].to_str().unwrap().starts_with("text/html"), "{path}");
        let varies: Vec<_> = headers.get_all("vary").iter().collect();
        assert!(varies.iter().any(|vary| *vary == "accept"), "{path}: {varies:?}");
        assert!(text(response).await.contains("<div id=\"root\">"), "{path}");
    }
}

#[tokio::test]
async fn paths_that_lead_nowhere_are_clear_errors() {
    let filled = Filled::new();
    for (path, status) in [
        ("/api/v1/nope", 404),
        ("/api/v1/queue/status/", 404),
        ("/assets/nope.js", 404),
        ("/assets/..%2f..%2fCargo.toml", 404),
        ("/..%2f..%2fetc/passwd.txt", 404),
        ("/readyz/", 404),
        ("/loki/api/v1/rules", 404),
        ("/_search", 404),
        ("/favicon.nope", 404),
        ("/queues/main/bull/a.b", 200),
    ] {
        let response = filled.get_with(path, &[]).await;
        assert_eq!(response.status().as_u16(), status, "{path}");
        let body = text(response).await;
        assert!(!body.contains("[workspace]") && !body.contains("root:"), "{path}");
    }
    for path in ["/api/v1/queue/main/%ff", "/api/v1/queue/%c3%28/q", "/api/v1/label/%ff/values"] {
        let response = filled.get_with(path, &[]).await;
        assert_eq!(response.status().as_u16(), 400, "{path}");
        assert_eq!(response.headers()["content-type"], "application/problem+json", "{path}");
        assert!(text(response).await.contains("Invalid UTF-8"), "{path}");
    }
    let browser = [("accept", "text/html,*/*;q=0.8")];
    let response = filled.get_with("/nowhere/at/all", &browser).await;
    assert_eq!(response.status().as_u16(), 404);
    assert!(text(response).await.contains("<div id=\"root\">"));
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
        for (path, status) in [("/api/v1/queue/status", 405), ("/nope", 404), ("/", 405)] {
            let request = Request::builder().method(method).uri(path).header("host", "localhost");
            let response = filled.send(request.body(Body::empty()).unwrap()).await;
            assert_eq!(response.status().as_u16(), status, "{method} {path}");
        }
    }
    let head = Request::head("/api/v1/queue/status")
        .header("host", "localhost")
        .body(Body::empty())
        .unwrap();
    assert_eq!(filled.send(head).await.status().as_u16(), 200);
}

#[tokio::test]
async fn files_are_compressed_and_cached_by_their_content() {
    let filled = Filled::new();
    let page = filled.get_with("/", &[("accept-encoding", "gzip, br")]).await;
    assert_eq!(page.headers()["content-encoding"], "br");
    assert_eq!(page.headers()["cache-control"], "no-cache");
    let tag = page.headers()["etag"].to_str().unwrap().to_owned();
    let again =
        filled.get_with("/", &[("accept-encoding", "gzip, br"), ("if-none-match", &tag)]).await;
    assert_eq!(again.status().as_u16(), 304);
    let html = text(filled.get_with("/queues", &[]).await).await;
    let script = html
        .split('"')
        .find(|part| part.starts_with("/assets/") && part.ends_with(".js"))
        .unwrap()
        .to_owned();
    let response = filled.get_with(&script, &[("accept-encoding", "br;q=0, gzip")]).await;
    assert_eq!(response.headers()["content-encoding"], "gzip");
    assert_eq!(response.headers()["cache-control"], "public, max-age=31536000, immutable");
    assert!(response.headers()["content-type"].to_str().unwrap().contains("javascript"));
}

/// A real listener on loopback; ends with the returned guard.
pub async fn listening(filled: &Filled) -> (std::net::SocketAddr, tokio_util::sync::DropGuard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    tokio::spawn(serve(
        listener,
        router(filled.state.clone(), AllowedHosts::new(&[])),
        stop.clone(),
    ));
    (address, stop.drop_guard())
}

async fn answer_to(address: std::net::SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // Some of these are answered by closing: what was read until then is the answer.
    let _ = tokio::time::timeout(Duration::from_secs(2), stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn what_is_no_http_is_refused_and_the_next_is_served() {
    let filled = Filled::new();
    let (address, _guard) = listening(&filled).await;
    let many_headers: String = (0..10_000).map(|number| format!("x-{number}: y\r\n")).collect();
    let long_path = "a".repeat(70_000);
    let too_many: String = (0..100).map(|number| format!("x-{number}: y\r\n")).collect();
    for (what, request, expected) in [
        ("garbage", "\x16\x03\x01\x00\r\n\r\n".to_owned(), "400"),
        ("10,000 headers", format!("GET / HTTP/1.1\r\nhost: localhost\r\n{many_headers}\r\n"), "431"),
        ("101 headers", format!("GET / HTTP/1.1\r\nhost: localhost\r\n{too_many}\r\n"), "431"),
        ("a long path", format!("GET /{long_path} HTTP/1.1\r\nhost: localhost\r\n\r\n"), "414"),
        ("a smuggled body", "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(), "4"),
        ("NUL", "GET /\0 HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned(), "400"),
    ] {
        let answer = answer_to(address, request.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected}")), "{what}: {}", &answer[..answer.len().min(200)]);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("application/problem+json") && head.contains("no-store"), "{what}: {head}");
        let problem: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(problem["status"].to_string(), head[9..12], "{what}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 40), "{what}: {problem}");
    }
    let most: String = (2..100).map(|number| format!("x-{number}: y\r\n")).collect();
    let fine = answer_to(
        address,
        format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{most}\r\n")
            .as_bytes(),
    )
    .await;
    assert!(fine.starts_with("HTTP/1.1 200"), "{fine}");
}
