//! What the fuzz targets run: plain functions, which a test on stable also runs over the corpus.
//!
//! Each panics where an invariant is broken, and only then.

use sealmq_config::ProxyVersion;

use crate::door::proxy::{HEADER_BYTES_MAX, Parsed, parse};
use crate::http::request::{self, Head};
use crate::http::upgrade::{Wanted, judge};

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

/// Any bytes as the head of an HTTP request: a whole one is there, its pieces are not whole, and what is granted is an
/// answer of mosquitto's form; with `websockets_origin` no other origin is granted.
pub fn http_upgrade(bytes: &[u8]) {
    let Ok(Head::Whole { request, bytes: taken }) = request::parse(bytes) else { return };
    assert!(taken <= bytes.len());
    assert!(matches!(request::parse(&bytes[..taken]), Ok(Head::Whole { bytes, .. }) if bytes == taken));
    assert!(!matches!(request::parse(&bytes[..taken - 1]), Ok(Head::Whole { bytes, .. }) if bytes == taken));
    let only = ["https://a.example".to_owned()];
    for origins in [&[][..], &only] {
        if let Ok(Wanted::WebSocket(upgrade)) = judge(&request, origins) {
            let answer = upgrade.answer();
            assert!(answer.starts_with("HTTP/1.1 101 ") && answer.ends_with("\r\n\r\n"));
            assert_eq!(answer.lines().count(), 6);
            assert!(origins.is_empty() || request.values("Origin").all(|origin| origin == only[0]));
        }
    }
}
