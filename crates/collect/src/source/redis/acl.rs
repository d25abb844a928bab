//! Every command that Vigie sends to a Redis, and the ACL line that allows exactly these.

/// Whether Vigie can do without a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Without it, queues cannot be read.
    Queues,
    /// Without it, something is missing that the checks name; the rest goes on.
    Extra(&'static str),
    /// It is only sent to a cluster.
    Cluster,
}

/// Each command as an ACL calls it, and what it is for.
pub(super) const COMMANDS: &[(&str, Need)] = &[
    ("select", Need::Queues),
    ("client|setname", Need::Extra("Vigie's connections have no name in CLIENT LIST")),
    ("client|list", Need::Extra("the workers of Bull and BullMQ cannot be seen")),
    ("info", Need::Extra("the server's version and CPU time cannot be seen")),
    ("time", Need::Extra("ages are wrong by as much as the clocks of Redis and Vigie differ")),
    ("scan", Need::Extra("Bull and BullMQ queues cannot be found")),
    ("type", Need::Extra("Bull and BullMQ queues cannot be found")),
    ("psubscribe", Need::Extra("the job events of Bull cannot be read")),
    ("xread", Need::Extra("the job events of BullMQ cannot be read")),
    ("get", Need::Queues),
    ("mget", Need::Queues),
    ("llen", Need::Queues),
    ("lrange", Need::Queues),
    ("scard", Need::Queues),
    ("smembers", Need::Queues),
    ("zcard", Need::Queues),
    ("zrange", Need::Queues),
    ("zrangebyscore", Need::Queues),
    ("hstrlen", Need::Extra("the page of a queue cannot list its failed jobs")),
    ("hmget", Need::Queues),
    ("hgetall", Need::Queues),
    ("cluster|slots", Need::Cluster),
];

/// The line that makes a user who may do what Vigie does, and nothing else.
#[must_use]
pub fn acl_line(user: &str, cluster: bool) -> String {
    format!("ACL SETUSER {user} on >PASSWORD {}", rights(cluster))
}

/// The line that lets a user who is there do what Vigie does, with the password that it has.
pub(super) fn line_of_all(user: &str, cluster: bool) -> String {
    format!("ACL SETUSER {user} {}", rights(cluster))
}

/// The line that lets a user who is there do what is forbidden.
pub(super) fn line_of(user: &str, forbidden: &[&Forbidden]) -> String {
    let rights: Vec<String> = forbidden.iter().map(|what| what.right()).collect();
    format!("ACL SETUSER {user} {}", rights.join(" "))
}

fn rights(cluster: bool) -> String {
    let commands: Vec<String> = COMMANDS
        .iter()
        .filter(|(_, need)| cluster || *need != Need::Cluster)
        .map(|(command, _)| format!("+{command}"))
        .collect();
    format!("~* &* {}", commands.join(" "))
}

/// What the server forbids, from its words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Forbidden {
    /// A command, as an ACL calls it.
    Command(String),
    /// Some key.
    Key,
    /// Some channel of pub/sub.
    Channel,
}

impl Forbidden {
    /// From the words after `NOPERM`.
    pub(super) fn parse(words: &str) -> Self {
        let quoted = words.split('\'').nth(1).filter(|_| words.contains("command"));
        match quoted {
            Some(command) => Self::Command(command.to_ascii_lowercase()),
            None if words.contains("channel") => Self::Channel,
            None => Self::Key,
        }
    }

    /// What is lost without it; `None` when queues cannot be read at all.
    pub(super) fn loss(&self) -> Option<&'static str> {
        match self {
            Self::Command(command) => {
                let known = COMMANDS.iter().find(|(name, _)| {
                    // Redis 6 names the command without its subcommand.
                    name == command || name.split('|').next() == Some(command.as_str())
                });
                match known {
                    Some((_, Need::Extra(loss))) => Some(loss),
                    _ => None,
                }
            }
            Self::Key => Some("queues under the keys that this user may not read are missing"),
            Self::Channel => Some("the job events of Bull cannot be read"),
        }
    }

    /// The right to it, as an ACL has it.
    fn right(&self) -> String {
        match self {
            Self::Command(command) => format!("+{command}"),
            Self::Key => "~*".to_owned(),
            Self::Channel => "&*".to_owned(),
        }
    }
}

impl std::fmt::Display for Forbidden {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Command(command) => {
                write!(out, "the command {}", command.replace('|', " ").to_uppercase())
            }
            Self::Key => out.write_str("some keys"),
            Self::Channel => out.write_str("pub/sub channels"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    /// Commands in the code of this crate: what follows `ask("`, `cmd("` or `command(&["`.
    fn in_code(dir: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                in_code(&path, found);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            for opening in ["ask(\"", "cmd(\"", "command(&[\""] {
                for rest in text.split(opening).skip(1) {
                    let command = rest.split('"').next().unwrap_or_default();
                    if !command.is_empty() && command.bytes().all(|byte| byte.is_ascii_uppercase())
                    {
                        found.insert(command.to_ascii_lowercase());
                    }
                }
            }
            for method in ["psubscribe", "subscribe"] {
                if text.contains(&format!(".{method}(")) && text.contains("sink") {
                    found.insert(method.to_owned());
                }
            }
        }
    }

    #[test]
    fn the_list_is_what_the_code_sends() {
        let mut sent = BTreeSet::new();
        in_code(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/source"), &mut sent);
        // Everybody may authenticate; and the sentinels have an ACL of their own.
        for exempt in ["auth", "sentinel", "subscribe"] {
            sent.remove(exempt);
        }
        let listed: BTreeSet<String> =
            COMMANDS.iter().map(|(name, _)| name.split('|').next().unwrap().to_owned()).collect();
        assert_eq!(sent, listed);
    }

    #[test]
    fn the_words_of_several_versions_are_understood() {
        for (words, expected) in [
            (
                "this user has no permissions to run the 'llen' command",
                Forbidden::Command("llen".into()),
            ),
            (
                "User vigie has no permissions to run the 'client|list' command",
                Forbidden::Command("client|list".into()),
            ),
            (
                "this user has no permissions to run the 'client' command or its subcommand",
                Forbidden::Command("client".into()),
            ),
            (
                "this user has no permissions to access one of the keys used as arguments",
                Forbidden::Key,
            ),
            ("No permissions to access a key", Forbidden::Key),
            (
                "this user has no permissions to access one of the channels used as arguments",
                Forbidden::Channel,
            ),
        ] {
            assert_eq!(Forbidden::parse(words), expected, "{words}");
        }
        assert_eq!(Forbidden::Command("client|list".into()).to_string(), "the command CLIENT LIST");
        assert!(
            Forbidden::Command("client".into()).loss().is_some(),
            "Redis 6 names no subcommand"
        );
        assert!(Forbidden::Command("llen".into()).loss().is_none());
        assert!(acl_line("vigie", true).ends_with("+cluster|slots"));
        assert!(!acl_line("vigie", false).contains("cluster"));
    }

    #[test]
    fn the_page_about_access_has_the_line() {
        let page = include_str!("../../../../../docs/redis-access.md");
        assert!(page.contains(&acl_line("vigie", false)), "docs/redis-access.md is out of date");
    }
}
