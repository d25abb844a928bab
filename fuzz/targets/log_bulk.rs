//! Elasticsearch's `_bulk`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vigie_fuzz::log_bulk(data));
