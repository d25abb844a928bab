//! The server over HTTP, on a board that the tests fill.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod events;
mod examples;
mod exposition;
mod failed;
mod filled;
mod hostile_logs;
mod instances;
mod logs;
mod loki;
mod prometheus;
mod refused_logs;
mod resources;
mod security;
mod stream;
mod tail;
