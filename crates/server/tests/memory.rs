//! What a hostile request costs in memory. A process of its own, so that nothing else is counted.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(dead_code, reason = "the modules serve other tests as well")]

#[path = "http/filled.rs"]
mod filled;
#[path = "http/prometheus/stored.rs"]
mod stored;

use std::io::Write;

use axum::http::Request;
use stored::Stored;

/// A line of `/proc/self/status`, in MiB.
fn mebibytes(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let found = status.lines().find_map(|one| one.strip_prefix(line)).unwrap();
    found.trim_matches(|c: char| !c.is_ascii_digit()).parse::<u64>().unwrap() / 1_024
}

/// Two million times `field` of `outer`, empty each time: two bytes, and a hundred once they are a value.
fn empty_messages(outer: &[u8], field: u8) -> Vec<u8> {
    let mut message = [field, 0].repeat(2 << 20);
    for tag in outer.iter().rev() {
        let mut whole = vec![*tag];
        prost::encoding::encode_varint(message.len() as u64, &mut whole);
        whole.append(&mut message);
        message = whole;
    }
    snap::raw::Encoder::new().compress_vec(&message).unwrap()
}

fn gzip_of_spaces() -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..40 {
        gzip.write_all(&[b' '; 1 << 20]).unwrap();
    }
    gzip.finish().unwrap()
}

#[tokio::test]
async fn no_request_takes_much_more_memory_than_its_limit() {
    const V2: &str = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
    const V1: &str = "application/x-protobuf";
    let stored = Stored::new();
    let gigabyte = || vec![0xff, 0xff, 0xff, 0xff, 0x03, 0, 0, 0];
    type Make = Box<dyn Fn() -> Vec<u8>>;
    let requests: [(&str, &str, &str, &str, Make); 9] = [
        ("series", "/api/v1/write", V1, "snappy", Box::new(|| empty_messages(&[], 0x0a))),
        ("samples", "/api/v1/write", V1, "snappy", Box::new(|| empty_messages(&[0x0a], 0x12))),
        ("labels", "/api/v1/write", V1, "snappy", Box::new(|| empty_messages(&[0x0a], 0x0a))),
        ("metadata", "/api/v1/write", V1, "snappy", Box::new(|| empty_messages(&[], 0x1a))),
        ("symbols", "/api/v1/write", V2, "snappy", Box::new(|| empty_messages(&[], 0x22))),
        ("spans", "/api/v1/write", V1, "snappy", Box::new(|| empty_messages(&[0x0a, 0x22], 0x5a))),
        ("a gigabyte said", "/api/v1/write", V1, "snappy", Box::new(gigabyte)),
        (
            "points",
            "/v1/metrics",
            V1,
            "identity",
            Box::new(|| {
                let mut message = vec![0x0a, 0x0c, 0x12, 0x0a];
                message.extend([0x0a, 0].repeat(1 << 20));
                message
            }),
        ),
        ("gzip", "/v1/metrics", "application/json", "gzip", Box::new(gzip_of_spaces)),
    ];
    for (what, path, kind, encoding, make) in requests {
        let body = make();
        // Forgets the peak that making the request was.
        std::fs::write("/proc/self/clear_refs", "5").unwrap();
        let before = mebibytes("VmRSS:");
        let request = Request::post(path)
            .header("host", "localhost")
            .header("content-type", kind)
            .header("content-encoding", encoding)
            .body(body.into())
            .unwrap();
        let status = stored.filled.send(request).await.status().as_u16();
        assert_ne!(status, 500, "{what}");
        let more = mebibytes("VmHWM:").saturating_sub(before);
        // 32 MiB may be decompressed, in a buffer that doubles as it grows where the length is not told.
        assert!(more <= 80, "{what}: {more} MiB more");
    }
}
