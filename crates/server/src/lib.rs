//! HTTP: the REST API, the live stream, Prometheus's `/metrics`, the OpenAPI document and the embedded dashboard.
//!
//! Only this crate knows status codes and JSON shapes. It reads the board and changes nothing.

mod access;
mod api;
mod exposition;
mod listener;
mod live;
mod problem;
mod router;
mod series;
mod state;
mod time_text;
mod web_files;

pub use access::AllowedHosts;
pub use api::{openapi_json, wire};
pub use listener::serve;
pub use live::Hub;
pub use problem::Problem;
pub use router::router;
pub use series::{SeriesValue, SeriesVisitor, visit_series};
pub use state::{AppState, Now, SharedBoard};
