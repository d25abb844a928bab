//! Whom Vigie trusts, and who it is to others: secrets that are never shown, files of certificates, and what goes wrong
//! with them in words for people. Sources and backends all have it from here.

mod certificates;
mod fault;
mod secret;

pub use certificates::{RawTls, Tls, TlsFileError};
pub use fault::TlsFault;
pub use secret::Secret;
