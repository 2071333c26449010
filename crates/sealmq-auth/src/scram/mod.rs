//! SCRAM-SHA-256: a password is proved without being said, and the server proves that it knows it too.
//!
//! RFC 5802 with the hash of RFC 7677, as an MQTT Authentication Method (MQTT §4.12). No channel binding: `n` and `y`
//! are taken, `p` is refused. Mandatory extensions (`m=`) are refused, optional ones are not looked at.
//!
//! SASLprep (RFC 4013) leaves printable ASCII as it is, and nothing else is taken here, for names and for passwords:
//! two spellings of one name cannot exist then.

mod client;
mod entry;
mod message;
mod server;

pub use client::{AwaitingServer, Client, ClientError};
pub use entry::{Decoys, Entry, EntryError, ITERATIONS_DEFAULT, ITERATIONS_MIN, NotPrintable, prepare};
pub use message::{ClientFirst, MESSAGE_BYTES_MAX, ScramError};
pub use server::{Exchange, Lookup};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The name of the method, as the SASL registry has it.
pub const METHOD: &str = "SCRAM-SHA-256";

/// Random bytes from which a side makes its part of the nonce.
pub struct NonceSeed(pub [u8; 18]);

impl NonceSeed {
    /// 24 printable characters without a comma.
    fn text(&self) -> String {
        STANDARD.encode(self.0)
    }
}

fn hmac(key: &[u8], data: &[u8]) -> [u8; 32] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data);
    tag.as_ref().try_into().expect("HMAC-SHA-256 has 32 bytes")
}

fn sha256(data: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, data);
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

fn xor(a: &[u8; 32], b: &[u8; 32]) -> [u8; 32] {
    std::array::from_fn(|at| a[at] ^ b[at])
}
