//! The body is in `sealmq_pki::ocsp`, where a test on stable runs it over the corpus.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sealmq_pki::ocsp::fuzz_request(bytes));
