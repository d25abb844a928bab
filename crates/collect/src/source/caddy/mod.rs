//! Caddy: its upstreams, from the admin API and its metrics.

mod config;
pub mod decode;
mod poll;
mod routes;

#[cfg(test)]
mod tests;

pub use config::{CaddyConfig, RawCaddyConfig};
pub use poll::run;
