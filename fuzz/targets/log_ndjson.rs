//! NDJSON, arrays and events.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vigie_fuzz::log_ndjson(data));
