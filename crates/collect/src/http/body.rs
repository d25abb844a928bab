//! The body of an answer: read up to a bound, decompressed up to the same bound.

use std::io::Read;

use hyper::body::{Body, Incoming};
use std::pin::Pin;

/// Why a body cannot be used.
#[derive(Debug)]
pub(super) enum BodyFault {
    /// It is longer than the bound.
    TooLarge,
    /// It is encoded in a way that was not asked for.
    Encoding(String),
    /// It is not what its encoding says.
    Damaged(&'static str),
    /// The connection broke.
    Broken,
}

/// Reads at most `limit` bytes into `into`, so that whoever gives up can say how far it came.
pub(super) async fn read(
    mut body: Incoming,
    limit: usize,
    into: &mut Vec<u8>,
) -> Result<(), BodyFault> {
    if body.size_hint().lower() > limit as u64 {
        return Err(BodyFault::TooLarge);
    }
    while let Some(frame) =
        std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await
    {
        let Ok(data) = frame.map_err(|_| BodyFault::Broken)?.into_data() else { continue };
        if into.len() + data.len() > limit {
            return Err(BodyFault::TooLarge);
        }
        into.extend_from_slice(&data);
    }
    Ok(())
}

/// Undoes a `Content-Encoding`.
pub(super) fn decode(encoding: &str, body: Vec<u8>, limit: usize) -> Result<Vec<u8>, BodyFault> {
    match encoding.trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(body),
        "gzip" | "x-gzip" => unpack(flate2::read::MultiGzDecoder::new(&body[..]), limit, "gzip"),
        "zstd" => {
            let mut decoder = zstd::stream::read::Decoder::new(&body[..])
                .map_err(|_| BodyFault::Damaged("zstd"))?;
            // 8 MiB, as HTTP allows: a frame may not ask for more memory than that.
            decoder.window_log_max(23).map_err(|_| BodyFault::Damaged("zstd"))?;
            unpack(decoder, limit, "zstd")
        }
        other => Err(BodyFault::Encoding(other.chars().take(40).collect())),
    }
}

fn unpack(decoder: impl Read, limit: usize, what: &'static str) -> Result<Vec<u8>, BodyFault> {
    let mut out = Vec::new();
    let read = decoder.take(limit as u64 + 1).read_to_end(&mut out);
    if out.len() > limit {
        return Err(BodyFault::TooLarge);
    }
    match read {
        Ok(_) => Ok(out),
        Err(_) => Err(BodyFault::Damaged(what)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn both_encodings_are_undone_and_a_bomb_is_refused() {
        let bomb = vec![0; 4 << 20];
        for (encoding, packed, large) in [
            ("gzip", gzip(b"hello"), gzip(&bomb)),
            (
                "zstd",
                zstd::stream::encode_all(&b"hello"[..], 1).unwrap(),
                zstd::stream::encode_all(&bomb[..], 1).unwrap(),
            ),
        ] {
            assert_eq!(decode(encoding, packed.clone(), 100).unwrap(), b"hello");
            assert!(large.len() < 20_000, "it is a bomb");
            assert!(matches!(decode(encoding, large, 1 << 20), Err(BodyFault::TooLarge)));
            let cut = packed[..packed.len() - 3].to_vec();
            assert!(matches!(decode(encoding, cut, 100), Err(BodyFault::Damaged(_))));
        }
        assert!(
            matches!(decode("br", vec![1], 100), Err(BodyFault::Encoding(name)) if name == "br")
        );
        assert_eq!(decode("", b"x".to_vec(), 100).unwrap(), b"x");
    }
}
