//! A message of the stream, encoded once for all clients.

use std::sync::OnceLock;

use bytes::Bytes;
use flate2::{Compress, Compression, FlushCompress, Status};

use super::topic::Topic;

/// One message: its bytes, plain and compressed.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) number: u64,
    pub(crate) topic: Topic,
    plain: Bytes,
    deflated: OnceLock<Bytes>,
}

impl Frame {
    /// A server-sent event. `json` is one line.
    pub(crate) fn new(number: u64, topic: Topic, id: &str, event: &str, json: &str) -> Self {
        let plain = Bytes::from(format!("id: {id}\nevent: {event}\ndata: {json}\n\n"));
        Self { number, topic, plain, deflated: OnceLock::new() }
    }

    /// The bytes as they are.
    pub(crate) fn plain(&self) -> Bytes {
        self.plain.clone()
    }

    /// The bytes as a piece of any gzip stream, see [`deflate`].
    pub(crate) fn deflated(&self) -> Bytes {
        self.deflated.get_or_init(|| deflate(&self.plain)).clone()
    }

    pub(crate) fn len(&self) -> usize {
        self.plain.len()
    }
}

/// What every gzip stream begins with (RFC 1952): deflate, no name, no time.
pub(crate) const GZIP_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// Compresses into deflate blocks that end on a byte and refer to nothing before them, so that the same bytes fit
/// into the stream of each client, wherever that began. The stream never ends, so no checksum is ever due.
pub(crate) fn deflate(plain: &[u8]) -> Bytes {
    let mut compress = Compress::new(Compression::new(6), false);
    let mut out = Vec::with_capacity(plain.len() / 4 + 64);
    loop {
        let read = compress.total_in() as usize;
        let status = compress.compress_vec(&plain[read..], &mut out, FlushCompress::Full);
        let all_read = compress.total_in() as usize == plain.len();
        match status {
            // Room left in the output means that the flush is complete.
            Ok(Status::Ok | Status::BufError) if all_read && out.len() < out.capacity() => break,
            Ok(_) => out.reserve(out.capacity().max(256)),
            // Compressing to memory cannot fail; were it to, an empty piece is at least no corruption.
            Err(_) => return Bytes::new(),
        }
    }
    Bytes::from(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn pieces_made_apart_are_one_gzip_stream() {
        let long = "x,y".repeat(100_000);
        let texts = ["one", "", "two two two", &long, "three"];
        let mut stream = GZIP_HEAD.to_vec();
        texts.iter().for_each(|text| stream.extend_from_slice(&deflate(text.as_bytes())));
        let mut decoded = vec![0; texts.concat().len()];
        flate2::read::GzDecoder::new(&stream[..]).read_exact(&mut decoded).unwrap();
        assert_eq!(decoded, texts.concat().as_bytes());
    }

    #[test]
    fn incompressible_bytes_come_through_too() {
        let mut state = 1_u64;
        let noise: Vec<u8> = (0..100_000)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 33) as u8
            })
            .collect();
        let mut stream = GZIP_HEAD.to_vec();
        stream.extend_from_slice(&deflate(&noise));
        let mut decoded = vec![0; noise.len()];
        flate2::read::GzDecoder::new(&stream[..]).read_exact(&mut decoded).unwrap();
        assert_eq!(decoded, noise);
    }
}
