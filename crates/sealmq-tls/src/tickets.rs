//! Resumption: what a session ticket must hold to be worth anything, and who gets one.
//!
//! Tickets are stateless (RFC 5077, RFC 8446 §4.6.1): the server keeps nothing per client, so idle connections cost no
//! more and nobody can fill or flush a store. The cryptography is rustls' own ticketer (AES-256-CBC with HMAC-SHA256, new
//! keys every six hours); what is added is a header inside it.
//!
//! rustls resumes without asking the verifier again. So: keys belong to one [`ServerTls`](crate::ServerTls), that is to
//! one listener and one state of its files; a ticket is worth nothing once the trust generation has moved, the
//! certificate's chain has ended, or a day has passed since the key was proved; and who would not be let in by the whole
//! decision gets none. Such a ticket leads to a full handshake, in which a renewed certificate is shown: nobody is stuck
//! on what an old one says. The door judges a resumed session all the same.
//!
//! Invariants: no ticket in TLS 1.2 without extended master secret (RFC 7627 §5.3); none without a header; no 0-RTT.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::ProducesTickets;
use sealmq_pki::Timestamp;

use crate::judge::{Again, Judge, guarded};
use crate::session::Seen;
use crate::trust::Generation;

/// How long after a full handshake a session may be resumed: a stolen ticket opens nothing for longer.
const PROVED_SECS_MAX: i64 = 86_400;

/// Whether sessions may be resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resumption {
    /// They may.
    On,
    /// Every handshake is a full one.
    Off,
}

/// The ticket keys of one listener in one state of its files.
#[derive(Clone, Debug)]
pub(crate) struct TicketKeys(Arc<dyn ProducesTickets>);

impl TicketKeys {
    /// Fresh ones.
    ///
    /// # Errors
    /// No randomness.
    pub(crate) fn new() -> Result<TicketKeys, rustls::Error> {
        Ticketer::new().map(TicketKeys)
    }
}

/// What stands before rustls' own bytes in a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The trust generation before the certificate was judged.
    generation: u64,
    /// When its key was proved: the last full handshake.
    proved_at: i64,
    /// The last second of the chain.
    not_after: i64,
}

const HEADER_BYTES: usize = 24;

impl Header {
    fn encode(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&self.generation.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.proved_at.to_be_bytes());
        bytes[16..].copy_from_slice(&self.not_after.to_be_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<(Header, &[u8])> {
        let (generation, rest) = bytes.split_first_chunk::<8>()?;
        let (proved_at, rest) = rest.split_first_chunk::<8>()?;
        let (not_after, rest) = rest.split_first_chunk::<8>()?;
        let header = Header {
            generation: u64::from_be_bytes(*generation),
            proved_at: i64::from_be_bytes(*proved_at),
            not_after: i64::from_be_bytes(*not_after),
        };
        Some((header, rest))
    }

    fn counts(self, generation: Generation, now: Timestamp) -> bool {
        let age = now.as_secs().saturating_sub(self.proved_at);
        self.generation == generation.as_u64()
            && (0..=PROVED_SECS_MAX).contains(&age)
            && now.as_secs() <= self.not_after
    }
}

/// rustls' view of the tickets, one for each session.
pub(crate) struct SessionTickets {
    pub(crate) keys: TicketKeys,
    pub(crate) judge: Arc<Judge>,
    /// Read before the session's certificate was judged: what changed since makes its ticket worthless.
    pub(crate) generation: Generation,
    pub(crate) now: Timestamp,
    pub(crate) seen: Arc<Seen>,
}

impl std::fmt::Debug for SessionTickets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionTickets")
    }
}

impl ProducesTickets for SessionTickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        self.keys.0.lifetime()
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        if !may_be_resumed(plain) {
            return None;
        }
        let header = self.header()?;
        self.keys.0.encrypt(&[header.encode().as_slice(), plain].concat())
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let opened = self.keys.0.decrypt(ticket)?;
        let (header, plain) = Header::decode(&opened)?;
        if !header.counts(self.generation, self.now) {
            return None;
        }
        self.seen.resumes(header);
        Some(plain.to_vec())
    }
}

impl SessionTickets {
    /// `None`: whoever is at the other end would not be let in, and gets no ticket for it.
    fn header(&self) -> Option<Header> {
        let (proved, resumed) = self.seen.take_proof();
        if let Some(path) = proved {
            let again = Again::as_new(self.now);
            guarded(|| self.judge.recognise(&path, again, self.generation)).ok()?;
            return Some(self.fresh(path.not_after));
        }
        // A resumed session hands on what its ticket said: the key was not proved again.
        Some(resumed.unwrap_or_else(|| self.fresh(Timestamp::NEVER)))
    }

    fn fresh(&self, not_after: Timestamp) -> Header {
        Header {
            generation: self.generation.as_u64(),
            proved_at: self.now.as_secs(),
            not_after: not_after.as_secs(),
        }
    }
}

/// TLS 1.3, or 1.2 with extended master secret.
///
/// rustls' encoding of a session begins with the host name, version, suite, secret and whether the secret is an extended
/// one (`ServerSessionValue` in `msgs/persist.rs`). It is read no further; what is not as expected gives no ticket, and
/// tests hold both outcomes.
fn may_be_resumed(plain: &[u8]) -> bool {
    extended_or_newer(plain).unwrap_or(false)
}

fn extended_or_newer(plain: &[u8]) -> Option<bool> {
    const TLS1_2: [u8; 2] = [3, 3];
    const TLS1_3: [u8; 2] = [3, 4];
    let (has_name, rest) = plain.split_first()?;
    let rest = match has_name {
        0 => rest,
        1 => after_short(rest)?,
        _ => return None,
    };
    let (version, rest) = rest.split_first_chunk::<2>()?;
    let (_suite, rest) = rest.split_first_chunk::<2>()?;
    let rest = after_short(rest)?;
    match *version {
        TLS1_3 => Some(true),
        TLS1_2 => Some(*rest.first()? == 1),
        _ => None,
    }
}

/// What follows a string whose length is in its first octet.
fn after_short(bytes: &[u8]) -> Option<&[u8]> {
    let (len, rest) = bytes.split_first()?;
    rest.get(usize::from(*len)..)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(name: Option<&str>, version: [u8; 2], extended: u8) -> Vec<u8> {
        let mut bytes = match name {
            Some(name) => [&[1, name.len() as u8], name.as_bytes()].concat(),
            None => vec![0],
        };
        bytes.extend(version);
        bytes.extend([0x13, 0x01, 3, 7, 7, 7, extended, 0]);
        bytes
    }

    #[test]
    fn tls_1_2_without_extended_master_secret_is_not_resumed() {
        for name in [None, Some("localhost")] {
            assert!(may_be_resumed(&plain(name, [3, 4], 0)));
            assert!(may_be_resumed(&plain(name, [3, 3], 1)));
            assert!(!may_be_resumed(&plain(name, [3, 3], 0)));
            assert!(!may_be_resumed(&plain(name, [3, 2], 1)));
        }
        let whole = plain(Some("a"), [3, 3], 1);
        assert!((0..whole.len() - 1).all(|cut| !may_be_resumed(&whole[..cut])));
        assert!(!may_be_resumed(&[2, 3, 3]));
    }

    #[test]
    fn a_header_counts_at_its_generation_within_a_day_and_its_chain() {
        let header = Header { generation: 0, proved_at: 1000, not_after: 5000 };
        let (generation, at) = (crate::TrustGeneration::new().current(), Timestamp::from_secs);
        assert!(header.counts(generation, at(1000)) && header.counts(generation, at(5000)));
        assert!(!header.counts(generation, at(5001)), "the chain has ended");
        assert!(!header.counts(generation, at(999)), "a clock that was set back");
        assert!(!Header { generation: 1, ..header }.counts(generation, at(1000)));
        let long = Header { not_after: i64::MAX, ..header };
        assert!(long.counts(generation, at(1000 + PROVED_SECS_MAX)));
        assert!(!long.counts(generation, at(1001 + PROVED_SECS_MAX)));
        assert_eq!(Header::decode(&header.encode()), Some((header, [].as_slice())));
        assert_eq!(Header::decode(&[0; HEADER_BYTES - 1]), None);
    }
}
