//! Does an answer prove that a certificate counts now?

use super::responder::{self, SignedFor};
use super::{AGE_WITHOUT_NEXT_UPDATE_MAX_SECS, Answer, CLOCK_SKEW_SECS, Nonce, Refused, Response, Status};
use crate::Facts;
use crate::time::Timestamp;

/// What an answer is held against.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The certificate.
    pub certificate: &'a Facts,
    /// The one that issued it: the certificate whose key a path validation found to have signed it. That is the
    /// caller's to know; here only the names are compared.
    pub issuer: &'a Facts,
    /// The nonce that was sent with the request; `None`: none was, as in a handshake.
    pub nonce: Option<&'a Nonce>,
    /// Now.
    pub now: Timestamp,
}

/// The proof that a certificate was not revoked. Made by [`verify()`] alone.
#[derive(Clone, Debug)]
pub struct Good {
    this_update: Timestamp,
    counts_until: Timestamp,
    signed_for: SignedFor,
}

impl Good {
    /// When it was known to be so.
    pub fn this_update(&self) -> Timestamp {
        self.this_update
    }

    /// The last second at which [`verify()`] would say the same: nextUpdate, or the greatest age where it names none,
    /// and the difference that clocks may have.
    pub fn counts_until(&self) -> Timestamp {
        self.counts_until
    }

    /// In whose right it was signed.
    pub fn signed_for(&self) -> &SignedFor {
        &self.signed_for
    }
}

/// Checks an OCSPResponse (DER) as RFC 6960 §3.2 asks: that it can be understood, that the issuer or a responder of its
/// making signed it, that it is about this certificate, that it is of this time, and that it says "good".
///
/// Where several of its answers are about the certificate, all of them must hold.
///
/// ```
/// use sealmq_pki::ocsp::{self, Question};
/// use sealmq_pki::{Facts, Timestamp};
///
/// /// Until when a stapled response speaks for the certificate, or a line why it does not and one that mends it.
/// fn counts_until(certificate: &Facts, issuer: &Facts, staple: &[u8], now: Timestamp) -> Result<Timestamp, String> {
///     let question = Question { certificate, issuer, nonce: None, now };
///     match ocsp::verify(staple, &question) {
///         Ok(good) => Ok(good.counts_until()),
///         Err(refused) => Err(format!("{refused}\nhint: {}", refused.hint())),
///     }
/// }
/// ```
///
/// # Errors
/// [`Refused`]: [`Revoked`](Refused::Revoked) and [`Unknown`](Refused::Unknown) only in an answer whose signature
/// counts.
pub fn verify(response: &[u8], question: &Question<'_>) -> Result<Good, Refused> {
    let &Question { certificate, issuer, nonce, now } = question;
    if response.is_empty() {
        return Err(Refused::Missing);
    }
    if certificate.issuer != issuer.subject {
        return Err(Refused::NotItsIssuer { issuer: issuer.subject.rfc2253().escape_debug().to_string() });
    }
    let response = Response::parse(response)?;
    let signed_for = responder::authorized(&response, issuer, now)?;
    same_nonce(nonce, response.nonce())?;
    let about: Vec<&Answer> =
        response.answers().iter().filter(|answer| answer.id.is_of(certificate, issuer)).collect();
    // A revoked certificate is revoked whatever else stands beside it, and however old the news is.
    about.iter().try_for_each(|answer| not_revoked(answer))?;
    let mut counts: Option<(Timestamp, Timestamp)> = None;
    for answer in about {
        let until = current(answer, now)?;
        let (since, before) = counts.unwrap_or((answer.this_update, until));
        counts = Some((since.min(answer.this_update), before.min(until)));
    }
    let (this_update, counts_until) = counts.ok_or(Refused::NotAbout)?;
    Ok(Good { this_update, counts_until, signed_for })
}

fn same_nonce(sent: Option<&Nonce>, returned: Option<&Nonce>) -> Result<(), Refused> {
    match (sent, returned) {
        // A nonce that nobody asked for binds the answer to somebody else's request; its dates still count.
        (None, _) => Ok(()),
        (Some(_), None) => Err(Refused::NonceMissing),
        (Some(sent), Some(returned)) if sent == returned => Ok(()),
        (Some(_), Some(_)) => Err(Refused::NonceMismatch),
    }
}

fn not_revoked(answer: &Answer) -> Result<(), Refused> {
    match answer.status {
        Status::Good => Ok(()),
        Status::Revoked { at, reason } => Err(Refused::Revoked { at, reason }),
        Status::Unknown => Err(Refused::Unknown),
    }
}

/// The last second at which this answer counts, or why it does not now.
fn current(answer: &Answer, now: Timestamp) -> Result<Timestamp, Refused> {
    let this_update = answer.this_update;
    if this_update > now.plus_secs(CLOCK_SKEW_SECS) {
        return Err(Refused::NotYet { this_update });
    }
    let (end, refused) = match answer.next_update {
        Some(next_update) => (next_update, Refused::Ended { next_update }),
        None => (this_update.plus_secs(AGE_WITHOUT_NEXT_UPDATE_MAX_SECS), Refused::TooOld { this_update }),
    };
    let until = end.plus_secs(CLOCK_SKEW_SECS);
    if now > until { Err(refused) } else { Ok(until) }
}
