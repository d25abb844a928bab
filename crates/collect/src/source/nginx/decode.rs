//! The page of nginx's `stub_status`. Pure.

/// The page is something else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is not nginx's stub_status: it begins with `Active connections:`")]
pub struct NotStubStatus;

/// Connections of an nginx.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// All of them, those that wait for a next request included.
    pub active: u64,
    /// Those that wait for a next request; absent where the page does not tell.
    pub waiting: Option<u64>,
}

impl Connections {
    /// Connections with a request.
    #[must_use]
    pub fn busy(&self) -> u64 {
        self.active.saturating_sub(self.waiting.unwrap_or(0))
    }
}

/// Reads the page.
///
/// # Errors
/// [`NotStubStatus`] when it is something else.
pub fn connections(body: &[u8]) -> Result<Connections, NotStubStatus> {
    let text = String::from_utf8_lossy(body);
    let active = text
        .trim_start()
        .strip_prefix("Active connections:")
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .ok_or(NotStubStatus)?;
    let waiting = text
        .split_once("Waiting:")
        .and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok());
    Ok(Connections { active, waiting })
}
