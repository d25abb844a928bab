//! n8n: its processes as instances, its executions as jobs, its schedules, and what it logs. What n8n has depends on its
//! environment variables, so the checks say what was found and how to turn on the rest.

mod api;
mod checks;
mod config;
pub mod decode;
mod executions;
mod failures;
mod keys;
mod lines;
mod link;
mod overdue;
mod poll;
mod process;
mod registry;
mod routes;
mod schedule;
mod work;

#[cfg(test)]
mod tests;

pub use config::{N8nConfig, N8nQueue, RawN8nConfig};
pub use link::{ExecutionQueue, FailedRun, N8nLink};
pub use poll::run;
