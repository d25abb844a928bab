//! One HTTP client for every source that speaks HTTP: bounded in time and bytes, and with errors that say what to do.

mod body;
mod client;
mod config;
mod fault;
mod url;

pub use client::{Answer, HttpClient};
pub use config::{Access, HttpConfigError, HttpLogin};
pub(crate) use config::{RawAccess, raw_http, seconds, secret, source_name};
pub use fault::HttpFault;
pub use url::{HttpUrl, UrlFault};

/// Bytes of an answer, also after it was decompressed; more is refused.
pub const BODY_LIMIT: usize = 16 * 1024 * 1024;
