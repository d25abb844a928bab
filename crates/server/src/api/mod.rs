//! The REST API: one module a resource.

mod examples;
mod failed;
mod forwarding;
mod health;
mod history;
pub(crate) mod instances;
mod kpis;
mod openapi;
mod queues;
mod sources;
mod storage;
mod stored;
pub(crate) mod verdict;
pub mod wire;
mod workers;

pub use failed::{FailedJobReader, JobsRead, NotRead};
pub(crate) use history::figures;
pub use openapi::openapi_json;
pub(crate) use openapi::{complete, routes, serve};
pub(crate) use queues::{events_of, parse_kind};
