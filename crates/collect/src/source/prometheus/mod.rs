//! Any exporter, scraped as Prometheus does it: `target` says where, `text` and `protobuf` read what it says, `relabel`
//! renames and drops, `scrape` makes of it what is kept.

mod config;
mod decode;
mod discover;
mod poll;
mod protobuf;
mod relabel;
mod routes;
mod scrape;
mod target;
#[cfg(test)]
mod tests;
mod text;

pub use config::{PrometheusConfig, RawPrometheusConfig, RawRelabeling, RawTargets};
pub use decode::{DecodeError, Decoded, Format, Limits, decode, figures};
pub use discover::{Lookup, RawDns, Records};
pub use poll::run;
pub use relabel::{Action, Anchored, RelabelError, Relabeling, relabel};
pub use scrape::{SampleSettings, ScrapeCost, Scraping};
pub use target::{Target, TargetError, TargetSettings};
