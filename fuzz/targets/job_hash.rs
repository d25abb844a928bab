//! The hashes of Bull's and BullMQ's jobs.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vigie_fuzz::job_hash(data));
