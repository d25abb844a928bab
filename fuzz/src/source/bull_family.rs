//! What Bull and BullMQ have in common.

#[path = "../../../crates/collect/src/source/bull_family/base.rs"]
pub(crate) mod base;
#[path = "../../../crates/collect/src/source/bull_family/client_name.rs"]
pub(crate) mod client_name;
#[path = "../../../crates/collect/src/source/bull_family/job_hash.rs"]
pub(crate) mod job_hash;
