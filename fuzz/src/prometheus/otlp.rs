//! OTLP.

#[path = "../../../crates/server/src/prometheus/otlp/convert.rs"]
mod convert;
#[path = "../../../crates/server/src/prometheus/otlp/json.rs"]
pub(super) mod json;
#[path = "../../../crates/server/src/prometheus/otlp/message.rs"]
mod message;
#[path = "../../../crates/server/src/prometheus/otlp/names.rs"]
mod names;
#[path = "../../../crates/server/src/prometheus/otlp/proto.rs"]
pub(super) mod proto;
#[path = "../../../crates/server/src/prometheus/otlp/records.rs"]
pub(crate) mod records;

use super::write::{
    Field, Fields, MetricMetadata, MetricType, Received, WriteError, checked, limited, reduced,
};
