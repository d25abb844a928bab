//! `CLIENT LIST`, with the two small things that its reader has from its neighbours.

use vigie_collect::source::ClientLine;

#[path = "../../../crates/collect/src/source/redis/clients.rs"]
mod clients;

mod info {
    use redis::Value;

    pub(super) fn text(answer: &Value) -> String {
        match answer {
            Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            _ => String::new(),
        }
    }
}

mod link {
    pub(super) const CLIENT_NAME: &str = "vigie";
}

pub(super) fn parse(text: &[u8]) -> Vec<ClientLine> {
    clients::parse(&redis::Value::BulkString(text.to_vec()))
}
