//! The entries of BullMQ's event streams.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vigie_fuzz::bullmq_answer(data));
