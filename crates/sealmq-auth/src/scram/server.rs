//! The server's side: two messages of the client, two answers, a verdict at the end.
//!
//! Invariant: an exchange over a decoy never succeeds, whatever the proof.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::message::{ClientFinal, ClientFirst, ScramError};
use super::{Entry, NonceSeed, hmac, sha256, xor};

/// What a file has under a name.
pub enum Lookup {
    /// The user's entry.
    Known(Entry),
    /// Nobody has this name: a decoy ([`super::Decoys`]).
    Unknown(Entry),
}

/// An exchange that waits for the client's last message.
pub struct Exchange {
    lookup: Lookup,
    gs2_header: String,
    nonce: String,
    /// `client-first-message-bare "," server-first-message`, RFC 5802 §3.
    transcript: String,
}

impl Exchange {
    /// Answers the client's first message. Gives the exchange and the server's first message.
    #[must_use]
    pub fn begin(first: ClientFirst, lookup: Lookup, seed: &NonceSeed) -> (Exchange, Vec<u8>) {
        Exchange::begin_with(first, lookup, &seed.text())
    }

    fn begin_with(first: ClientFirst, lookup: Lookup, server_nonce: &str) -> (Exchange, Vec<u8>) {
        let entry = lookup.entry();
        let nonce = format!("{}{server_nonce}", first.nonce);
        let server_first = format!("r={nonce},s={},i={}", STANDARD.encode(entry.salt()), entry.iterations());
        let transcript = format!("{},{server_first}", first.bare);
        let exchange = Exchange { lookup, gs2_header: first.gs2_header, nonce, transcript };
        (exchange, server_first.into_bytes())
    }

    /// Judges the client's last message. Gives the server's proof, to be sent with the acceptance.
    ///
    /// # Errors
    /// [`ScramError`]: not proved.
    pub fn finish(self, client_final: &[u8]) -> Result<Vec<u8>, ScramError> {
        let last = ClientFinal::parse(client_final)?;
        if last.channel_binding != self.gs2_header.as_bytes() || last.nonce != self.nonce {
            return Err(ScramError::NotThisExchange);
        }
        let entry = self.lookup.entry();
        let signed = format!("{},{}", self.transcript, last.without_proof);
        let signature = hmac(entry.stored_key(), signed.as_bytes());
        let client_key = Zeroizing::new(xor(&last.proof, &signature));
        let fits = bool::from(sha256(client_key.as_ref()).ct_eq(entry.stored_key()));
        let server_signature = hmac(entry.server_key(), signed.as_bytes());
        match (&self.lookup, fits) {
            (Lookup::Known(_), true) => Ok(format!("v={}", STANDARD.encode(server_signature)).into_bytes()),
            (Lookup::Known(_), false) | (Lookup::Unknown(_), _) => Err(ScramError::WrongProof),
        }
    }
}

impl Lookup {
    fn entry(&self) -> &Entry {
        match self {
            Lookup::Known(entry) | Lookup::Unknown(entry) => entry,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scram::Decoys;

    // RFC 7677 §3.
    const FIRST: &[u8] = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
    const SERVER_NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    const SERVER_FIRST: &[u8] =
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    const LAST: &[u8] = b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
        p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    const SERVER_LAST: &[u8] = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

    fn entry() -> Entry {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap().try_into().unwrap();
        Entry::of(b"pencil", salt, 4_096).unwrap()
    }

    fn begin(lookup: Lookup) -> (Exchange, Vec<u8>) {
        Exchange::begin_with(ClientFirst::parse(FIRST).unwrap(), lookup, SERVER_NONCE)
    }

    #[test]
    fn the_vector_of_rfc_7677_is_answered_byte_for_byte() {
        let (exchange, challenge) = begin(Lookup::Known(entry()));
        assert_eq!(challenge, SERVER_FIRST);
        assert_eq!(exchange.finish(LAST).unwrap(), SERVER_LAST);
    }

    #[test]
    fn a_changed_proof_nonce_or_header_is_refused() {
        let last = std::str::from_utf8(LAST).unwrap();
        for (from, to, why) in [
            ("p=dHzb", "p=eHzb", ScramError::WrongProof),
            ("r=rO", "r=rP", ScramError::NotThisExchange),
            // base64 of "y,,": a client that was told of channel binding and lost it on the way.
            ("c=biws", "c=eSws", ScramError::NotThisExchange),
            (",p=", ",m=x,p=", ScramError::Extension),
        ] {
            let (exchange, _) = begin(Lookup::Known(entry()));
            assert_eq!(exchange.finish(last.replacen(from, to, 1).as_bytes()), Err(why), "{from}");
        }
    }

    #[test]
    fn a_decoy_never_accepts_not_even_the_right_proof() {
        let (exchange, _) = begin(Lookup::Unknown(entry()));
        assert_eq!(exchange.finish(LAST), Err(ScramError::WrongProof));
        let (exchange, challenge) =
            begin(Lookup::Unknown(Decoys::like([7; 32], [].into_iter()).entry("user")));
        assert_ne!(challenge, SERVER_FIRST);
        assert_eq!(exchange.finish(LAST), Err(ScramError::WrongProof));
    }
}
