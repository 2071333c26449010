//! What speaks on a TLS port without speaking TLS, told from its first bytes.
//!
//! Only for a better message: whatever is not recognised here is refused by rustls all the same.

use crate::failure::Role;
use crate::symptoms::Code;

/// The record types that can begin a TLS connection: handshake, or an alert in answer to our hello.
const HANDSHAKE: u8 = 0x16;
const ALERT: u8 = 0x15;

/// Whether the first byte was looked at already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstBytes {
    Unseen,
    Tls,
}

impl FirstBytes {
    /// The code of a refusal, if the peer does not speak TLS. Looks only once, and only when a byte is there.
    pub(crate) fn not_tls(&mut self, incoming: &[u8], role: Role) -> Option<Code> {
        let (FirstBytes::Unseen, Some(first)) = (*self, incoming.first()) else { return None };
        match (*first, role) {
            (HANDSHAKE, _) | (ALERT, Role::Client) => {
                *self = FirstBytes::Tls;
                None
            }
            // CONNECT of a client, CONNACK of a server.
            (0x10, Role::Server) | (0x20, Role::Client) => Some(Code::PlainMqtt),
            _ if http(incoming) => Some(Code::PlainHttp),
            _ => Some(Code::NotTls),
        }
    }
}

fn http(incoming: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 8] =
        [b"GET ", b"POST ", b"HEAD ", b"PUT ", b"OPTIONS ", b"DELETE ", b"CONNECT ", b"HTTP/"];
    BEGINNINGS.iter().any(|beginning| {
        let common = beginning.len().min(incoming.len());
        incoming[..common] == beginning[..common]
    })
}
