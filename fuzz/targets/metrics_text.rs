//! Pages of metrics in text and JSON, and Caddy's upstreams.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vigie_fuzz::metrics_text(data));
