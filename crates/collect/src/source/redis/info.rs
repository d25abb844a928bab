//! What a Redis says of itself: `INFO`.

use redis::Value;
use vigie_model::ServerFacts;

use super::Fault;
use super::session::Node;

/// From `INFO server`.
pub(super) struct ServerInfo {
    version: String,
    /// Whether this is a node of a cluster.
    pub(super) cluster: bool,
}

impl ServerInfo {
    pub(super) fn redis(self, mode: &str) -> ServerFacts {
        ServerFacts { product: "redis", version: self.version, mode: Some(mode.to_owned()) }
    }
}

/// Asks a node what it is. Who may not ask gets a server of unknown version that is no cluster.
pub(super) async fn ask_server(node: &Node) -> Result<ServerInfo, Fault> {
    let text = ask(node, "server").await?;
    Ok(ServerInfo {
        version: field(&text, "redis_version")
            .map_or_else(|| "unknown".to_owned(), |text| shorten(text).to_owned()),
        cluster: field(&text, "redis_mode") == Some("cluster"),
    })
}

/// Whether a node follows another.
pub(super) async fn is_replica(node: &Node) -> Result<bool, Fault> {
    Ok(says_replica(&ask(node, "replication").await?))
}

/// Whether an answer to `INFO replication` is a replica's.
pub(super) fn says_replica(info: &str) -> bool {
    field(info, "role") == Some("slave")
}

/// CPU seconds of the server process (or, where it says, of its main thread), from `INFO cpu`.
pub(super) fn cpu_seconds(info: &str) -> Option<f64> {
    let read = |user: &str, system: &str| {
        let user: f64 = field(info, user)?.parse().ok()?;
        let system: f64 = field(info, system)?.parse().ok()?;
        Some(user + system).filter(|sum| sum.is_finite())
    };
    read("used_cpu_user_main_thread", "used_cpu_sys_main_thread")
        .or_else(|| read("used_cpu_user", "used_cpu_sys"))
}

/// The text of an `INFO` answer.
pub(super) fn text(answer: &Value) -> String {
    match answer {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => text.clone(),
        _ => String::new(),
    }
}

async fn ask(node: &Node, section: &str) -> Result<String, Fault> {
    let mut question = redis::cmd("INFO");
    question.arg(section);
    match node.ask_one_raw(&question).await? {
        Value::ServerError(error) if error.code() == "NOPERM" => Ok(String::new()),
        Value::ServerError(error) => Err(Fault::of_reply(
            error.code(),
            error.details().unwrap_or_default(),
            &node.place.to_string(),
        )),
        answer => Ok(text(&answer)),
    }
}

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

fn shorten(text: &str) -> &str {
    text.char_indices().nth(40).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_of_the_main_thread_is_preferred() {
        let old = "# CPU\r\nused_cpu_sys:1.5\r\nused_cpu_user:2.25\r\n";
        assert_eq!(cpu_seconds(old), Some(3.75));
        let new = format!("{old}used_cpu_sys_main_thread:1.0\r\nused_cpu_user_main_thread:2.0\r\n");
        assert_eq!(cpu_seconds(&new), Some(3.0));
        assert_eq!(cpu_seconds("used_cpu_sys:x\r\nused_cpu_user:1"), None);
        assert_eq!(cpu_seconds(""), None);
    }

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let info = "role:master\r\nrole_x:slave\r\nredis_version:7.0.15\r\n";
        assert!(!says_replica(info));
        assert_eq!(field(info, "redis_version"), Some("7.0.15"));
        assert_eq!(field(info, "redis_ver"), None);
    }
}
