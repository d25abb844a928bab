//! Compressed bodies, with a limit on what comes out of them.

use std::io::Read;

use super::batch::WriteError;

/// The most bytes of a request once it is decompressed.
pub(crate) const MAX_BYTES: usize = 32 << 20;
const LIMIT: &str = "decompressed bytes";
const WHAT: &str = "the request is larger once it is decompressed; send less at once";
/// zstd's window is memory that the sender chooses: 8 MiB is what level 19 takes.
const ZSTD_WINDOW_LOG: u32 = 23;

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Not.
    Identity,
    /// Snappy's block format.
    Snappy,
    /// gzip.
    Gzip,
    /// zstd.
    Zstd,
}

impl Encoding {
    /// From the header's value, in any case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Some(Self::Identity),
            "snappy" => Some(Self::Snappy),
            "gzip" => Some(Self::Gzip),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// What was compressed; at most [`MAX_BYTES`].
pub(crate) fn decompress(encoding: Encoding, body: &[u8]) -> Result<Vec<u8>, WriteError> {
    match encoding {
        Encoding::Identity if body.len() > MAX_BYTES => Err(too_much()),
        Encoding::Identity => Ok(body.to_vec()),
        Encoding::Snappy => snappy(body),
        Encoding::Gzip => stream("gzip body", flate2::read::MultiGzDecoder::new(body)),
        Encoding::Zstd => {
            let broken = |error| WriteError::malformed("zstd body", error);
            let mut decoder = zstd::stream::read::Decoder::with_buffer(body).map_err(broken)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(broken)?;
            stream("zstd body", decoder)
        }
    }
}

fn too_much() -> WriteError {
    WriteError::Limit { limit: LIMIT, value: MAX_BYTES, what: WHAT }
}

fn snappy(body: &[u8]) -> Result<Vec<u8>, WriteError> {
    /// No element of the format makes more bytes of one: three bytes copy 64.
    const MOST_OF_ONE: usize = 22;
    let broken = |error: snap::Error| WriteError::malformed("snappy body", error);
    let length = snap::raw::decompress_len(body).map_err(broken)?;
    if length > MAX_BYTES {
        return Err(too_much());
    }
    if length > body.len().saturating_mul(MOST_OF_ONE) {
        let why =
            format!("its prefix says {length} bytes, and no {} bytes hold as many", body.len());
        return Err(WriteError::malformed("snappy body", why));
    }
    snap::raw::Decoder::new().decompress_vec(body).map_err(broken)
}

fn stream(what: &'static str, decoder: impl Read) -> Result<Vec<u8>, WriteError> {
    let mut out = Vec::new();
    let limit = MAX_BYTES as u64 + 1;
    decoder
        .take(limit)
        .read_to_end(&mut out)
        .map_err(|error| WriteError::malformed(what, error))?;
    if out.len() > MAX_BYTES { Err(too_much()) } else { Ok(out) }
}
