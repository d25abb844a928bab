//! The metric store's registry of series.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vigie_fuzz::store_registry(data));
