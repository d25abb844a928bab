//! nginx: its connections from `stub_status`, and its upstreams by probe, as nginx tells nothing of them.

mod config;
pub mod decode;
mod poll;
mod routes;

#[cfg(test)]
mod tests;

pub use config::{NginxConfig, RawNginxConfig};
pub use poll::run;
