//! Services that follow the contract of `docs/go-api.md`, or have at least a page of Prometheus's text at its path.

mod config;
pub mod decode;
pub mod feed;
mod feeds;
mod follow;
mod poll;
mod routes;
mod standing;

#[cfg(test)]
mod tests;

pub use config::{GoApiConfig, RawGoApiConfig};
pub use poll::run;
