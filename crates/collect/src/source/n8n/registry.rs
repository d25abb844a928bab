//! The processes that n8n 2 registers in its Redis: workers and webhook processors whose health endpoints nobody has listed.

use std::collections::BTreeMap;

use redis::Value;
use vigie_model::{Instance, InstanceStatus, Name, Time};

use super::decode::{self, Member};
use super::keys;
use super::process::Role;
use crate::source::bull_family::connections::Connections;
use crate::source::bull_family::job_hash::{bytes_of, texts_of};
use crate::source::redis::{Link, RedisConfig};

/// A process says every 30 s that it is there; one that has not for so many seconds has missed that.
const LATE: f64 = 45.0;
/// One whose registration has run out is shown as down for so many seconds.
const MOURNED: f64 = 600.0;

/// The registry of one n8n.
pub(super) struct Registry {
    connections: Connections,
    known: Processes,
}

impl Registry {
    pub fn new(config: RedisConfig) -> Self {
        Self { connections: Connections::new(Link::new(config)), known: Processes::default() }
    }

    /// Reads it: all processes but those of `listed` roles, which are asked themselves; and how many there are in all.
    pub async fn look(
        &mut self,
        listed: &[Role],
        now: Time,
    ) -> Result<(Vec<Instance>, usize), redis::RedisError> {
        let command = |name: &str, key: &str| {
            let mut command = redis::cmd(name);
            command.arg(key);
            (key.as_bytes().to_vec(), command)
        };
        let members = self.connections.ask(vec![command("SMEMBERS", keys::MEMBERS)]).await?;
        let members = members.first().map(texts_of).unwrap_or_default();
        let member_keys: Vec<String> = members
            .into_iter()
            .filter_map(|key| std::str::from_utf8(key).ok())
            .filter(|key| key.starts_with(keys::MEMBER) && key.len() < 200)
            .take(keys::MOST)
            .map(str::to_owned)
            .collect();
        let asked = member_keys.iter().map(|key| command("GET", key)).collect();
        let answers: Vec<Value> = self.connections.ask(asked).await?;
        let read = answers.iter().filter_map(bytes_of).filter_map(|text| decode::member(text).ok());
        Ok(self.known.read(read.collect(), listed, now))
    }
}

/// The processes that were registered, and since when they are not.
#[derive(Debug, Default)]
pub(super) struct Processes(BTreeMap<String, (Member, Option<Time>)>);

impl Processes {
    /// Takes in those that are registered now.
    pub fn read(
        &mut self,
        there: Vec<Member>,
        listed: &[Role],
        now: Time,
    ) -> (Vec<Instance>, usize) {
        for (member, gone) in self.0.values_mut() {
            if !there.iter().any(|one| one.key == member.key) {
                gone.get_or_insert(now);
            }
        }
        let count = there.len();
        for member in there {
            self.0.insert(member.key.clone(), (member, None));
        }
        self.0.retain(|_, (_, gone)| gone.is_none_or(|gone| now.since(gone) < MOURNED));
        let shown =
            self.0.values().filter(|(one, _)| !listed.iter().any(|role| role.as_str() == one.role));
        (shown.map(|(member, gone)| instance(member, *gone, now)).collect(), count)
    }
}

fn instance(member: &Member, gone: Option<Time>, now: Time) -> Instance {
    // Two workers of one host have the same host id.
    let short: String = member.key.chars().take(8).collect();
    let name = Name::from(format!("{}/{short}", member.host).as_str());
    let (status, error) = match (gone, member.seen.map(|seen| now.age(seen))) {
        (Some(_), _) => {
            let error =
                "its registration in Redis has run out: it was killed, or cannot reach Redis";
            (InstanceStatus::Down, Some(error.to_owned()))
        }
        (None, Some(age)) if age > LATE => {
            let error = format!("it has not been heard of for {age:.0} s; it registers every 30 s");
            (InstanceStatus::Degraded, Some(error))
        }
        (None, _) => (InstanceStatus::Up, None),
    };
    Instance {
        status,
        error,
        version: member.version.as_deref().map(Name::from),
        leader: member.leader,
        ..Instance::unknown(Name::from(member.role.as_str()), name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What n8n 2.40.7 keeps, word for word but for the clock.
    fn worker(key: &str, seen: i64) -> Member {
        let text = format!(
            r#"{{"schemaVersion":1,"instanceKey":"{key}","hostId":"worker-vm","instanceType":"worker","instanceRole":"unset",
                "version":"2.40.7","registeredAt":1795442812745,"lastSeen":{seen},"poolName":""}}"#
        );
        decode::member(text.as_bytes()).unwrap()
    }

    #[test]
    fn workers_come_late_and_go() {
        let now = Time::from_millis(1_795_442_902_747);
        let mut known = Processes::default();
        let (one, two) = ("dd55fa88-0fc1", "aa55fa88-0fc1");
        let seen = now.millis();
        let (found, count) = known.read(vec![worker(one, seen), worker(two, seen)], &[], now);
        let names: Vec<&str> = found.iter().map(|one| one.key.instance.as_str()).collect();
        assert_eq!((names, count), (vec!["worker-vm/aa55fa88", "worker-vm/dd55fa88"], 2));
        assert!(found.iter().all(|one| one.status == InstanceStatus::Up && one.leader.is_none()));
        assert_eq!(found[0].version.as_ref().unwrap().as_str(), "2.40.7");

        let (found, _) = known.read(vec![worker(one, seen), worker(two, seen)], &[], now + 50.0);
        assert!(found.iter().all(|one| one.status == InstanceStatus::Degraded));
        let (found, count) = known.read(vec![worker(one, seen + 60_000)], &[], now + 61.0);
        let down = &found[0];
        assert_eq!((down.status, count), (InstanceStatus::Down, 1));
        assert!(down.error.as_deref().unwrap().contains("run out"));
        assert_eq!(found[1].status, InstanceStatus::Up);
        let (found, _) = known.read(vec![worker(one, seen + 700_000)], &[], now + 700.0);
        assert_eq!(found.len(), 1, "after a while it is not mourned any more");
        let (found, count) =
            known.read(vec![worker(one, seen + 700_000)], &[Role::Worker], now + 700.0);
        assert_eq!(
            (found.len(), count),
            (0, 1),
            "those that are asked themselves are not told twice"
        );
    }

    #[test]
    fn the_main_process_says_whether_it_leads() {
        let text = br#"{"instanceKey":"e4a2","hostId":"main-vm","instanceType":"main","instanceRole":"leader","version":"2.40.7"}"#;
        let main = decode::member(text).unwrap();
        assert_eq!((main.role.as_str(), main.leader, main.seen), ("main", Some(true), None));
        for text in [
            &b"{}"[..],
            b"[]",
            b"",
            b"{\"instanceKey\":\"\",\"hostId\":\"h\",\"instanceType\":\"main\"}",
            b"{\"instanceKey\":\"k\",\"hostId\":\"h\",\"instanceType\":\"pirate\"}",
        ] {
            assert!(decode::member(text).is_err(), "{text:?}");
        }
    }
}
