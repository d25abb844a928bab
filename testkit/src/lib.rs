//! Real servers for tests: each on a free port, with a directory of its own, and gone when its value is dropped.
//!
//! This crate is for tests only: what cannot be started ends the test with a panic that says why.

pub mod accept;
mod balancers;
mod bulk_server;
mod certificates;
mod cluster;
mod documented;
mod exporter;
mod http;
mod ledger;
mod metrics_server;
mod name_server;
mod opensearch;
mod port;
mod postgres;
mod process;
mod prometheus;
mod proxy;
mod redis_server;
mod remote_write;
mod rsyslog;
mod sentinel;
mod shipper;
mod text_server;
mod victoria_metrics;
mod vigie;
mod web_server;

pub use balancers::{Caddy, Haproxy, Nginx, TlsFront};
pub use bulk_server::{BulkDocument, BulkReply, BulkServer};
pub use certificates::Certificates;
pub use cluster::RedisCluster;
pub use documented::documented;
pub use exporter::Exporter;
pub use http::{HttpAnswer, form_encoded, http_get, http_post};
pub use ledger::{Durations, Ledger, LedgerAttempt, LedgerLine, duration_tolerance, rate_agrees};
pub use metrics_server::{MetricsProcess, MetricsServer};
pub use name_server::NameServer;
pub use opensearch::OpenSearch;
pub use port::free_port;
pub use postgres::Postgres;
pub use prometheus::{Prometheus, PrometheusBuilder};
pub use proxy::{Proxy, ProxyMode};
pub use redis_server::{RedisServer, RedisServerBuilder};
pub use remote_write::{REMOTE_WRITE_HEADERS, RemoteSeries, remote_write_body};
pub use rsyslog::Rsyslog;
pub use sentinel::Sentinels;
pub use shipper::Shipper;
pub use text_server::TextServer;
pub use victoria_metrics::VictoriaMetrics;
pub use vigie::{Demo, Vigie, until};
pub use web_server::{WebAnswer, WebServer};
