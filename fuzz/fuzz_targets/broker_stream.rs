//! The body is in `sealmq_broker::fuzzing`, where a test on stable runs it over the corpus.
#![no_main]

libfuzzer_sys::fuzz_target!(|script: &[u8]| sealmq_broker::fuzzing::stream(script));
