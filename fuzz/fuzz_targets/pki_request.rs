//! The body is in `sealmq_server::fuzzing`, where a test on stable runs it over the corpus.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sealmq_server::fuzzing::pki_request(bytes));
