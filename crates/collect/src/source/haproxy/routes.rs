//! All that is read of a HAProxy, and why.

/// The statistics page as CSV: each server of each backend with its status, health check, sessions and times. HAProxy
/// takes the option as part of the path, whatever path `stats uri` names.
pub(super) const CSV: &str = ";csv";
/// The content types of that page.
pub(super) const CSV_TYPES: [&str; 2] = ["text/plain", "text/csv"];
/// The page of the Prometheus exporter (`http-request use-service prometheus-exporter`): what it says of servers, and of the process.
pub(super) const SCOPES: &str = "scope=server&scope=global";
/// Its content type.
pub(super) const METRICS_TYPES: [&str; 1] = ["text/plain"];
/// The same over the admin socket. Any level of the socket may ask this.
pub(super) const SHOW_STAT: &str = "show stat\n";
/// Name, version and uptime of the process, over the admin socket.
pub(super) const SHOW_INFO: &str = "show info\n";
/// Bytes of an answer of the admin socket.
pub(super) const SOCKET_BYTES: usize = 16 * 1024 * 1024;

/// The page as CSV, from what people copy out of their browser.
pub(super) fn csv(url: &str) -> String {
    let page = url.split('#').next().unwrap_or_default().trim();
    // Without a path the option would be part of the host.
    let path_begins = page.find("://").and_then(|place| page[place + 3..].find('/'));
    let slash = if path_begins.is_none() && page.contains("://") { "/" } else { "" };
    // Another option of the page, such as `;norefresh` or `;up`, would hide servers.
    let page = page.split(';').next().unwrap_or_default();
    format!("{page}{slash}{CSV}")
}

/// The exporter's page with just what is read of it, unless the configuration asks for something itself.
pub(super) fn metrics(url: &str) -> String {
    let page = url.split('#').next().unwrap_or_default().trim();
    if page.contains('?') { page.to_owned() } else { format!("{page}?{SCOPES}") }
}
