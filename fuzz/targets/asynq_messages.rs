//! asynq's TaskMessage, ServerInfo and WorkerInfo, and its numbers.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vigie_fuzz::asynq_messages(data));
