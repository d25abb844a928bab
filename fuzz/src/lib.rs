//! What the fuzz targets drive: the decoders of `vigie-collect`, each with what must hold whatever it reads.
//!
//! Most decoders are private to their module, as they should be, so their very files are compiled here a second
//! time, in a tree of modules like the one that they live in. Whoever moves such a file sees this crate fail to
//! build.

mod source;

pub use source::{
    asynq_messages, bull_message, bullmq_answer, client_list, config_yaml, job_hash, redis_url,
};

/// A query: parsing never panics, and what is printed of it parses again.
pub fn promql(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(tree) = vigie_query::promql::parse(text) {
        let printed = tree.to_string();
        assert!(vigie_query::promql::parse(&printed).is_ok(), "{printed}");
    }
}
