//! What the fuzz targets drive: the decoders of `vigie-collect` and the parser of PromQL, each with what must hold whatever it reads.
//!
//! Most decoders are private to their module, as they should be, so their very files are compiled here a second
//! time, in a tree of modules like the one that they live in. Whoever moves such a file sees this crate fail to
//! build.

mod promql;
mod source;

pub use promql::promql;
pub use source::{
    asynq_messages, bull_message, bullmq_answer, client_list, config_yaml, job_hash, redis_url,
};
