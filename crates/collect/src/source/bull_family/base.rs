//! The key prefix of a queue, `<prefix>:<queue>`, and the name that people see for it.

use std::sync::Arc;

use vigie_model::Name;

/// What all keys of one queue begin with: `<prefix>:<queue>`, without a colon at its end. Any bytes.
pub(crate) type Base = Arc<[u8]>;

/// Prefixes that say nothing: Bull's and BullMQ's default, plain and as a hash tag for Redis Cluster.
pub(crate) const PLAIN_PREFIXES: [&[u8]; 2] = [b"bull", b"{bull}"];

/// The key of a queue that ends in `suffix`.
pub(crate) fn key(base: &[u8], suffix: &str) -> Vec<u8> {
    job_key(base, suffix.as_bytes())
}

/// The key of the hash of one job.
pub(crate) fn job_key(base: &[u8], id: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(base.len() + 1 + id.len());
    key.extend_from_slice(base);
    key.push(b':');
    key.extend_from_slice(id);
    key
}

/// What follows `prefix` and a colon in `base`.
pub(crate) fn after_prefix<'a>(base: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    base.strip_prefix(prefix)?.strip_prefix(b":").filter(|rest| !rest.is_empty())
}

/// The prefix of a base whose split nothing else tells: up to the first colon. A queue of Bull may have colons in
/// its name, a prefix seldom has.
pub(crate) fn first_part(base: &[u8]) -> &[u8] {
    base.split(|byte| *byte == b':').next().unwrap_or(base)
}

/// The name to show: the queue alone where the prefix says nothing (the libraries' default, or the only one that
/// the source reads), else with its prefix, so that `a:mail` and `b:mail` stay two queues.
pub(crate) fn shown_name(base: &[u8], only_prefix: Option<&[u8]>) -> Name {
    let silent = only_prefix.into_iter().chain(PLAIN_PREFIXES);
    let queue = silent.into_iter().find_map(|prefix| after_prefix(base, prefix));
    Name::from_bytes(queue.unwrap_or(base))
}

/// Whether a queue with this base belongs to a source that reads only `only_prefix` (all of them when `None`).
pub(crate) fn is_within(base: &[u8], only_prefix: Option<&[u8]>) -> bool {
    only_prefix.is_none_or(|prefix| after_prefix(base, prefix).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_prefix_is_not_shown_and_others_are() {
        for (base, only, name) in [
            ("bull:mail", None, "mail"),
            ("{bull}:mail", None, "mail"),
            ("bull:a:b", None, "a:b"),
            ("shop:mail", None, "shop:mail"),
            ("shop:mail", Some("shop"), "mail"),
            ("my:shop:mail", Some("my:shop"), "mail"),
            ("bullish:mail", None, "bullish:mail"),
            ("bull:", None, "bull:"),
            ("bull:quote\"<script>", None, "quote\"<script>"),
        ] {
            let only = only.map(str::as_bytes);
            assert_eq!(shown_name(base.as_bytes(), only).as_str(), name, "{base}");
        }
    }

    #[test]
    fn a_restricted_source_leaves_other_prefixes_alone() {
        assert!(is_within(b"shop:mail", Some(b"shop")));
        assert!(!is_within(b"shops:mail", Some(b"shop")));
        assert!(is_within(b"shops:mail", None));
        assert_eq!(first_part(b"{bull}:a:b"), b"{bull}");
    }
}
