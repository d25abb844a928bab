//! HAProxy's statistics in CSV, `show info`, nginx's stub_status.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vigie_fuzz::haproxy_csv(data));
