//! Servers that mean no good: each gets a precise error, in time, and takes no memory to speak of.

use std::io::Write as _;
use std::time::{Duration, Instant};

use serde_json::json;
use vigie_collect::http::{Access, HttpClient, HttpFault, HttpLogin, HttpUrl};
use vigie_collect::source::Backends;
use vigie_model::InstanceStatus::Down;
use vigie_testkit::{WebAnswer, WebServer};
use vigie_tls::Tls;

use crate::watch::{go_api, haproxy, probe};

const TIMEOUT: Duration = Duration::from_millis(700);

fn client() -> HttpClient {
    let access = Access {
        login: HttpLogin::Nobody,
        tls: Tls::default(),
        timeout: TIMEOUT,
        poll: Duration::from_secs(5),
    };
    HttpClient::new(&access).unwrap()
}

async fn fetch(server: &WebServer, path: &str) -> HttpFault {
    let url = HttpUrl::parse(&server.url(path)).unwrap();
    let begun = Instant::now();
    let types = ["text/plain"];
    let fault = client().fetch(&url, "text/plain", &types, "plain text").await.unwrap_err();
    // Ten times the timeout: a busy machine is late, a client that hangs never comes back.
    assert!(begun.elapsed() < TIMEOUT * 10, "{fault}");
    fault
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn each_has_an_end_and_a_precise_error() {
    let server = WebServer::start();
    let plain = |headers: &[&str], body: Vec<u8>| WebAnswer::Plain {
        status: 200,
        headers: headers.iter().map(|line| (*line).to_owned()).collect(),
        body,
    };
    let bomb = gzip(&vec![0; 64 << 20]);
    assert!(bomb.len() < 100_000);
    let (kind, packed) = ("Content-Type: text/plain", "Content-Encoding: gzip");
    let cases: Vec<(&str, WebAnswer, &str)> = vec![
        ("/endless", WebAnswer::Endless, "the answer is larger than 16777216 bytes"),
        (
            "/drip",
            WebAnswer::Drip(Duration::from_millis(50)),
            "the answer did not end within 0.7 s (",
        ),
        ("/silent", WebAnswer::Silence, "no answer within 0.7 s"),
        (
            "/close",
            WebAnswer::Close,
            "the server closed the connection before its answer was whole",
        ),
        ("/garbage", WebAnswer::Garbage, "the answer is no HTTP"),
        ("/bomb", plain(&[kind, packed], bomb), "the answer is larger than 16777216 bytes"),
        ("/damaged", plain(&[kind, packed], b"no gzip".to_vec()), "the answer is no valid gzip"),
        (
            "/brotli",
            plain(&[kind, "Content-Encoding: br"], vec![1]),
            "encoded as br, which was not asked for",
        ),
        ("/page", WebAnswer::ok("text/html", "<html>"), "the answer is text/html, not plain text"),
        ("/untyped", plain(&[], vec![1]), "the answer is of no content type, not plain text"),
        (
            "/away",
            WebAnswer::redirect("http://127.0.0.1:1/x?token=s3cret"),
            "HTTP 302 leads to http://127.0.0.1:1/x, another server: Vigie does not follow",
        ),
        ("/loop", WebAnswer::redirect("/loop"), "it redirects in a circle"),
        ("/error", WebAnswer::status(503, "not\tyet\u{1b}[31m\nmore"), "HTTP 503: notyet[31m"),
        ("/odd", WebAnswer::ok(&format!("x/{}", "y".repeat(5_000)), ""), "the answer is x/yyy"),
        ("/headers", plain(&[&format!("X: {}", "y".repeat(1 << 20))], vec![]), "/headers: "),
    ];
    for (path, answer, says) in cases {
        server.set(path, answer);
        let fault = fetch(&server, path).await;
        let text = fault.to_string();
        assert!(text.starts_with(&server.url(path)) && text.contains(says), "{path}: {text}");
        assert!(text.len() < 400 && !text.contains("s3cret") && !text.contains('\u{1b}'), "{text}");
        assert!(fault.word().len() < 30);
    }
    // A redirect on the same server is followed, and what it leads to is the answer.
    server.set("/here", WebAnswer::redirect("/there?x=1"));
    server.set("/there", WebAnswer::ok("text/plain; charset=utf-8", "found"));
    let url = HttpUrl::parse(&server.url("/here")).unwrap();
    let answer = client().fetch(&url, "text/plain", &["text/plain"], "plain text").await.unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"found"[..]));
    drop(server);
}

#[tokio::test]
async fn one_that_hangs_delays_no_other_and_no_source_dies_of_any() {
    let server = WebServer::start();
    let paths = ["/ok", "/endless", "/drip", "/silent", "/garbage", "/close"];
    let answers = [
        WebAnswer::ok("text/plain", "ok"),
        WebAnswer::Endless,
        WebAnswer::Drip(Duration::from_millis(30)),
        WebAnswer::Silence,
        WebAnswer::Garbage,
        WebAnswer::Close,
    ];
    for (path, answer) in paths.iter().zip(answers) {
        server.set(path, answer);
    }
    let targets: Vec<String> = paths.iter().map(|path| server.url(path)).collect();
    let timing = json!({"targets": targets, "poll_seconds": 2, "timeout_seconds": 0.7});
    let probes = probe(timing, &Backends::default());
    let found = probes
        .until("all of them", |instances, _| (instances.len() == 6).then(|| instances.to_vec()))
        .await;
    let words: Vec<&str> = found.iter().map(|one| one.probe.as_ref().unwrap().as_str()).collect();
    assert_eq!(words, ["ok", "too large", "timeout", "timeout", "no HTTP", "closed"]);

    server.set("/endless;csv", WebAnswer::Endless);
    let lb =
        haproxy(json!({"url": server.url("/endless"), "poll_seconds": 2}), &Backends::default());
    let (error, _) = lb.fault().await;
    assert!(error.contains("larger than") || error.contains("did not end"), "{error}");
    server.set("/api/v1/metrics", WebAnswer::ok("application/json", &"[".repeat(1 << 20)));
    let service = go_api(json!({"url": server.url("")}));
    let found = service.statuses(&[(&server.address(), Down)]).await;
    assert!(
        found[0].error.as_deref().unwrap().contains("the metrics are no JSON object"),
        "{found:?}"
    );
}
