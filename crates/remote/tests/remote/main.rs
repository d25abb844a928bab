//! The way out as a whole: against real Prometheus and VictoriaMetrics, against a receiver that misbehaves on request,
//! and through kills.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly, its helpers too")]

mod describe;
mod disk;
mod faults;
mod kill;
mod prometheus;
mod queries;
mod receiver;
mod support;
mod tls;
mod victoria_metrics;
