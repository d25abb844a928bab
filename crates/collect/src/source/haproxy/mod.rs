//! HAProxy: who is behind it, and what it thinks of each.

mod config;
pub mod decode;
pub mod exposition;
mod poll;
mod routes;

#[cfg(test)]
mod tests;

pub use config::{HaproxyConfig, HaproxyPlace, RawHaproxyConfig};
pub use poll::run;
