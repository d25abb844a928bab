//! Remote write, version 1.0.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vigie_fuzz::remote_write_v1(data));
