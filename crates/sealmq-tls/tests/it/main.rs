//! sealmq-tls from outside: handshakes in memory and with openssl, and each refusal beside its accepting twin.
//!
//! Certificates are made at test time with the openssl command line, the guide's own lines among them. The time is an
//! argument everywhere, so an expired certificate is a fresh one looked at later.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // the helpers are not themselves #[test]

mod anchors;
mod client_certificates;
mod fixture;
mod identity;
mod impostor;
mod inventory;
mod keys;
mod names;
mod openssl_peer;
mod pair;
mod pkits;
mod policy;
#[path = "../../../../tests/ports.rs"]
mod ports;
mod resumption;
mod revocation;
mod server_certificates;
mod sessions;
mod staple;
mod trust;
mod undated;
mod version1;
