//! What `sealmq-device` makes, used by the programs it is made for: mosquitto_pub, openssl, a C++ compiler, mbedTLS.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::print_stdout, missing_docs)]

mod arduino;
mod bundles;
mod contexts;
mod fixture;
mod mbedtls;
mod pkcs12;
#[path = "../../../../tests/ports.rs"]
mod ports;
