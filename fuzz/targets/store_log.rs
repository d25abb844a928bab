//! A segment of the metric store's log.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vigie_fuzz::store_log(data));
