//! The Online Certificate Status Protocol (RFC 6960, nonces by RFC 9654): its messages, and what an answer is worth.
//!
//! Three uses. Whoever holds an answer about a certificate — stapled to a handshake, fetched, read from a file — asks
//! [`verify()`] whether it proves that the certificate counts now. Whoever asks builds a [`Request`]. Whoever answers
//! reads a [`Request`], fills a [`Draft`] and signs it, or has it signed elsewhere ([`Draft::finalize`],
//! [`Tbs::assemble`]), or says that it cannot ([`Unsuccessful::to_der`]).
//!
//! Not here: HTTP, caches, and who is revoked; the clock and the nonce's random bytes are arguments.
//!
//! Invariants: [`Good`] is made by [`verify()`] alone; what cannot be understood or checked refuses, "unknown" refuses;
//! every count and length that a stranger chooses has a bound here; no bytes panic.

mod asn1;
mod cert_id;
mod draft;
mod error;
mod extensions;
mod request;
mod responder;
mod response;
mod verify;

pub use cert_id::{CertId, HashAlgorithm};
pub use draft::{Draft, DraftError, Tbs};
pub use error::{OcspError, Refused, Unsuccessful};
pub use extensions::{Nonce, NonceLength};
pub use request::Request;
pub use responder::{ResponderId, SignedFor};
pub use response::{Answer, Response, Status};
pub use verify::{Good, Question, verify};

use crate::crl::Reason;

/// The largest answer that is read. Real ones, with a chain of RSA certificates, stay below a tenth of it.
pub const RESPONSE_BYTES_MAX: usize = 64 * 1024;
/// The largest request that is read: what RFC 9654's longest nonce and sixteen certificates need, twice over.
pub const REQUEST_BYTES_MAX: usize = 4 * 1024;
/// The most certificates that one request may ask about.
pub const REQUESTED_MAX: usize = 16;
/// The most certificates that one answer may speak about: some responders staple what they signed for many.
pub const ANSWERS_MAX: usize = 64;
/// The most certificates that may come along with an answer; each could be its signer's.
pub const CERTIFICATES_MAX: usize = 8;
/// How far two clocks may differ, in seconds: as in mosquitto and as `openssl ocsp -validity_period` has it.
pub const CLOCK_SKEW_SECS: i64 = 300;
/// How long an answer without nextUpdate counts, in seconds from its thisUpdate. Such a responder says that it has
/// newer information at any time (RFC 6960 §4.2.2.1), so an old answer of its is one that somebody kept.
pub const AGE_WITHOUT_NEXT_UPDATE_MAX_SECS: i64 = crate::time::DAY_SECS;

/// What the fuzz target for answers runs; a test on stable runs it over the corpus. Panics where an invariant is broken.
pub fn fuzz_response(bytes: &[u8]) {
    let response = match Response::parse(bytes) {
        Ok(response) => response,
        Err(error) => return sound(&error.to_string()),
    };
    // A reason without a name cannot be written.
    let nameless = |answer: &Answer| matches!(answer.status, Status::Revoked { reason: Reason::Other, .. });
    if response.answers().iter().any(nameless) {
        return;
    }
    // What was understood can be said again, and is understood in the same way.
    let draft = Draft {
        responder: response.responder().clone(),
        produced_at: response.produced_at(),
        answers: response.answers().to_vec(),
        nonce: response.nonce().cloned(),
    };
    let Ok(tbs) = draft.finalize() else { return };
    let again = tbs.assemble(crate::SignatureAlgorithm::EcdsaP256Sha256, &[1, 2, 3], &[]);
    let again = again.expect("a bit string and no certificate");
    let again = Response::parse(&again).expect("what we write, we read");
    assert_eq!(again.answers(), response.answers());
    assert_eq!(
        (again.responder(), again.produced_at(), again.nonce()),
        (response.responder(), response.produced_at(), response.nonce())
    );
}

/// What the fuzz target for requests runs; a test on stable runs it over the corpus. Panics where an invariant is
/// broken.
pub fn fuzz_request(bytes: &[u8]) {
    match Request::parse(bytes) {
        Ok(request) => {
            assert!(request.ids.len() <= REQUESTED_MAX);
            let again = Request::parse(&request.to_der()).expect("what we write, we read");
            assert_eq!(again, request);
        }
        Err(error) => sound(&error.to_string()),
    }
}

fn sound(text: &str) {
    assert!(text.len() < 1000 && text.chars().all(|c| c == '\n' || !c.is_control()));
}
