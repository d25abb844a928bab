//! All that is read of n8n over HTTP, and why. Seen with n8n 2.40.7 and 1.123.81.

/// That the process answers: 200 from the moment its port is open, long before it is ready.
pub(super) const HEALTH: &str = "/healthz";
/// That it can work: 503 while it starts, or its database is away; of a worker also while Redis is.
pub(super) const READINESS: &str = "/healthz/readiness";
/// The process's figures in Prometheus's text. While n8n starts, this is a page for people, with status 200.
pub(super) const METRICS: &str = "/metrics";
/// The workflows: names, schedules, time zones. Needs the API key.
pub(super) const WORKFLOWS: &str = "/api/v1/workflows?excludePinnedData=true&limit=50";
/// The newest executions that ended or wait. Needs the API key. Without a status, those that run or are queued are left out.
pub(super) const EXECUTIONS: &str = "/api/v1/executions?limit=100";
/// The executions that run.
pub(super) const RUNNING: &str = "/api/v1/executions?limit=100&status=running";
/// One execution; its data is only read where it failed, for the error's own words.
pub(super) const EXECUTION: &str = "/api/v1/executions/";
/// The key's header.
pub(super) const KEY_HEADER: &str = "x-n8n-api-key";

/// What the health endpoints are asked for.
pub(super) const HEALTH_ACCEPT: &str = "application/json, */*;q=0.1";
/// What figures are asked for, and what may come.
pub(super) const TEXT_ACCEPT: &str = "text/plain";
pub(super) const TEXT_TYPES: [&str; 2] = ["text/plain", "application/openmetrics-text"];
/// What the API is asked for, and what may come.
pub(super) const JSON_ACCEPT: &str = "application/json";
pub(super) const JSON_TYPES: [&str; 1] = ["application/json"];
/// What a page of log lines may come as.
pub(super) const LOG_ACCEPT: &str = "application/x-ndjson, application/json, text/plain;q=0.5";
pub(super) const LOG_TYPES: [&str; 3] = ["application/x-ndjson", "application/json", "text/plain"];

/// Bytes of a page.
pub(super) const PAGE_BYTES: usize = 16 * 1024 * 1024;
/// Bytes of one failed execution: its data is everything that went through the workflow.
pub(super) const EXECUTION_BYTES: usize = 4 * 1024 * 1024;
/// Pages of workflows that are read, and at one look: it must not keep the processes waiting.
pub(super) const WORKFLOW_PAGES: usize = 200;
pub(super) const PAGES_A_LOOK: usize = 5;
