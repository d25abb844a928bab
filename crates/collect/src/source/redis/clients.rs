//! Who is connected: `CLIENT LIST`.

use redis::Value;

use crate::source::ClientLine;

/// Named clients that are kept.
const MOST: usize = 20_000;

/// The clients with a name in an answer to `CLIENT LIST`.
pub(super) fn parse(answer: &Value) -> Vec<ClientLine> {
    let text = super::info::text(answer);
    text.lines().filter_map(line).take(MOST).collect()
}

fn line(text: &str) -> Option<ClientLine> {
    let mut client = ClientLine {
        id: 0,
        address: String::new(),
        name: String::new(),
        age_seconds: 0,
        idle_seconds: 0,
        command: String::new(),
    };
    for (key, value) in text.split(' ').filter_map(|pair| pair.split_once('=')) {
        match key {
            "id" => client.id = value.parse().ok()?,
            "addr" => value.clone_into(&mut client.address),
            "name" if value.is_empty() || value == super::link::CLIENT_NAME => return None,
            "name" => value.clone_into(&mut client.name),
            "age" => client.age_seconds = value.parse().ok()?,
            "idle" => client.idle_seconds = value.parse().ok()?,
            "cmd" => value.clone_into(&mut client.command),
            _ => {}
        }
    }
    (!client.name.is_empty()).then_some(client)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_clients_are_kept_and_others_are_not() {
        let text = "id=6 addr=127.0.0.1:47608 fd=9 name= age=3 idle=3 flags=N cmd=evalsha\n\
                    id=11 addr=127.0.0.1:47640 laddr=127.0.0.1:6391 name=bull:b3JkZXJz age=2 idle=1 cmd=brpoplpush user=default\n\
                    id=12 addr=127.0.0.1:1 name=vigie age=2 idle=1 cmd=time\n\
                    id=x addr=127.0.0.1:1 name=broken age=2 idle=1 cmd=time\n\
                    nonsense\n\n";
        let clients = parse(&Value::BulkString(text.into()));
        let expected = ClientLine {
            id: 11,
            address: "127.0.0.1:47640".into(),
            name: "bull:b3JkZXJz".into(),
            age_seconds: 2,
            idle_seconds: 1,
            command: "brpoplpush".into(),
        };
        assert_eq!(clients, [expected]);
        assert!(parse(&Value::Nil).is_empty());
    }
}
