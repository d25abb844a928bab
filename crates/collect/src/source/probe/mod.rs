//! Probes: Vigie asks instances itself, by HTTP, TCP or TLS.

pub mod certificate;
mod config;
pub mod decode;
mod poll;
mod routes;

#[cfg(test)]
mod tests;

pub use config::{Ask, Expect, ProbeConfig, RawProbeConfig};
pub(crate) use decode::Verdict;
pub use poll::run;
pub(crate) use poll::{Prober, Target};
