//! OCSP: what is written, read and believed, by itself and beside openssl, GnuTLS and pkilint.

mod foreign;
mod made;
mod messages;
mod responders;
mod vectors;
mod verifying;
