//! Files that others write their log to: every line of each, once, in any of the usual formats.

mod config;
pub mod decode;
mod join;
mod parser;
mod poll;
mod routes;

#[cfg(test)]
mod tests;

pub use config::{FileConfig, RawFileConfig};
pub use parser::{EntryDefaults, FileParser};
pub use poll::run;
