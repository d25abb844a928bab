//! Who is connected: CLIENT LIST and the names of clients.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vigie_fuzz::client_list(data));
