//! What the fuzz targets run: plain functions, which a test on stable also runs over the corpus.
//!
//! Each panics where an invariant is broken, and only then.

use sealmq_config::ProxyVersion;

use crate::door::proxy::{HEADER_BYTES_MAX, Parsed, parse};

/// Any bytes as a PROXY header of either version: what is taken is there and bounded, each piece of it is incomplete, and
/// no header needs more bytes than the bound.
pub fn proxy_header(bytes: &[u8]) {
    for version in [ProxyVersion::V1, ProxyVersion::V2] {
        match parse(version, bytes) {
            Ok(Parsed::Header { header, bytes: taken }) => {
                assert!(taken <= bytes.len() && taken <= HEADER_BYTES_MAX);
                assert_eq!(parse(version, &bytes[..taken]), Ok(Parsed::Header { header, bytes: taken }));
                assert_eq!(parse(version, &bytes[..taken - 1]), Ok(Parsed::Incomplete));
            }
            Ok(Parsed::Incomplete) => assert!(bytes.len() < HEADER_BYTES_MAX),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}
