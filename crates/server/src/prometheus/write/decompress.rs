//! Compressed bodies, with a limit on what comes out of them.

use std::io::{ErrorKind, Read};

use super::batch::WriteError;

/// The most bytes of a request once it is decompressed.
pub(crate) const MAX_BYTES: usize = 16 << 20;
const LIMIT: &str = "decompressed bytes";
const WHAT: &str = "the request is larger once it is decompressed; send less at once";
/// zstd's window is memory that the sender chooses: 8 MiB is what level 19 takes.
const ZSTD_WINDOW_LOG: u32 = 23;

/// The first bytes of a stream.
const FIRST: usize = 64 << 10;
/// Most requests are smaller than this.
pub(super) const SMALL: usize = 1 << 20;

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

/// Puts what was compressed in the place of `out`'s content: at most [`MAX_BYTES`], and never more memory than that.
pub(crate) fn decompress(
    encoding: Encoding,
    body: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), WriteError> {
    match encoding {
        Encoding::Identity if body.len() > MAX_BYTES => Err(too_much()),
        Encoding::Identity => {
            out.clear();
            out.extend_from_slice(body);
            Ok(())
        }
        Encoding::Snappy => snappy(body, out),
        Encoding::Gzip => stream("gzip body", flate2::read::MultiGzDecoder::new(body), out),
        Encoding::Zstd => {
            let broken = |error| WriteError::malformed("zstd body", error);
            let mut decoder = zstd::stream::read::Decoder::with_buffer(body).map_err(broken)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(broken)?;
            stream("zstd body", decoder, out)
        }
    }
}

fn too_much() -> WriteError {
    WriteError::Limit { limit: LIMIT, value: MAX_BYTES, what: WHAT }
}

fn snappy(body: &[u8], out: &mut Vec<u8>) -> Result<(), WriteError> {
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
    out.resize(length, 0);
    let written = snap::raw::Decoder::new().decompress(body, out).map_err(broken)?;
    out.truncate(written);
    Ok(())
}

fn stream(what: &'static str, mut decoder: impl Read, out: &mut Vec<u8>) -> Result<(), WriteError> {
    let mut length = 0;
    loop {
        if length == out.len() {
            if length > MAX_BYTES {
                return Err(too_much());
            }
            // A buffer that doubled each time would take twice the limit, and more while it is copied.
            let next = (length + length.clamp(FIRST, SMALL)).min(MAX_BYTES + 1);
            out.reserve_exact(if next > SMALL { MAX_BYTES + 1 - length } else { next - length });
            out.resize(next, 0);
        }
        match decoder.read(&mut out[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(WriteError::malformed(what, error)),
        }
    }
    out.truncate(length);
    if length > MAX_BYTES { Err(too_much()) } else { Ok(()) }
}
