//! The body is in `sealmq_bridge::fuzzing`, where a test on stable runs it over the corpus.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sealmq_bridge::fuzzing::remote_bytes(bytes));
