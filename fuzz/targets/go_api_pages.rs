//! What a Go service answers by cursor.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vigie_fuzz::go_api_pages(data));
