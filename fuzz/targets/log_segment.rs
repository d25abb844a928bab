//! A segment of the log store's log.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vigie_fuzz::log_segment(data));
