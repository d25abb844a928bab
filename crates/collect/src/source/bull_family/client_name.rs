//! The names that Bull and BullMQ give to the connection on which a worker waits for jobs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::base::Base;

/// A connection that belongs to a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientName {
    /// The queue.
    pub base: Base,
    /// What the connection is for.
    pub role: ClientRole,
}

/// What a named connection is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ClientRole {
    /// A worker waits on it for jobs. It keeps the connection, and its name, while it is busy.
    Worker {
        /// The name that the application gave to the worker; only BullMQ has that.
        name: Option<String>,
    },
    /// It listens to the events of the queue (`QueueEvents`): no worker.
    Events,
}

/// Reads `<prefix>:<base64 of the queue>`, optionally with `:w:<worker name>` or `:qe` behind it.
///
/// Any client may call itself anything, so an answer is a candidate, not a proof.
pub(crate) fn decode_client_name(name: &str) -> Option<ClientName> {
    let (queue, role) = if let Some(queue) = name.strip_suffix(":qe") {
        (queue, ClientRole::Events)
    } else if let Some((queue, worker)) = name.split_once(":w:") {
        (queue, ClientRole::Worker { name: (!worker.is_empty()).then(|| worker.to_owned()) })
    } else {
        (name, ClientRole::Worker { name: None })
    };
    let (prefix, encoded) = queue.rsplit_once(':')?;
    // The alphabet and the padding must be exact: `redis:main` is nobody's queue.
    let queue = STANDARD.decode(encoded).ok().filter(|queue| !queue.is_empty())?;
    let text = std::str::from_utf8(&queue).ok()?;
    if prefix.is_empty() || text.contains(char::is_control) {
        return None;
    }
    Some(ClientName { base: format!("{prefix}:{text}").into_bytes().into(), role })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn worker(name: Option<&str>) -> ClientRole {
        ClientRole::Worker { name: name.map(str::to_owned) }
    }

    #[test]
    fn names_of_real_captures() {
        for (name, base, role) in [
            ("bull:b3JkZXJz", "bull:orders", worker(None)),
            ("bull:am9icw==", "bull:jobs", worker(None)),
            ("bull:cGFyZW50:w:parent-worker", "bull:parent", worker(Some("parent-worker"))),
            ("bull:bWFpbA==:w:w-6038", "bull:mail", worker(Some("w-6038"))),
            ("bull:bWFpbA==:qe", "bull:mail", ClientRole::Events),
            ("my:shop:bWFpbA==:w:a:b", "my:shop:mail", worker(Some("a:b"))),
        ] {
            let decoded = decode_client_name(name).unwrap();
            assert_eq!(&*decoded.base, base.as_bytes(), "{name}");
            assert_eq!(decoded.role, role, "{name}");
        }
    }

    #[test]
    fn other_clients_are_nobodys() {
        for name in ["", "sidekiq", "redis:main", "bull:", ":am9icw==", "bull:am9icw=", "a:b:qe"] {
            assert_eq!(decode_client_name(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_name_is_read_without_panic(name in ".*") {
            let _ = decode_client_name(&name);
        }
    }
}
